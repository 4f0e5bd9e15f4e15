package caddymodule

import (
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-relay/caddy-relay/relay/webhook"
	"github.com/caddy-relay/caddy-relay/verify/fetch"
	"github.com/caddy-relay/caddy-relay/verify/jwt"
)

// keySets has the key sets in use, by where they are. They outlive the configs
// that use them, so that a reload can't lose a set that can't be fetched just
// then.
var keySets = caddy.NewUsagePool()

// keySetPlace is what key sets are told apart by.
type keySetPlace struct {
	url          string
	allowPrivate bool
}

// pooledKeySet is a key set that is dropped when no config uses it.
type pooledKeySet struct {
	*jwt.Remote
	place  keySetPlace
	client *fetch.Client
}

// provisionKeySet takes the key set from the pool, or puts it there.
func (s *JWTScheme) provisionKeySet() error {
	url, err := resolveSecret(s.JWKS)
	if err != nil {
		return err
	}
	place := keySetPlace{url, s.AllowPrivate}
	pooled, _, err := keySets.LoadOrNew(place, func() (caddy.Destructor, error) { return newKeySet(place) })
	if err != nil {
		return err
	}
	s.keySet = pooled.(*pooledKeySet)
	return nil
}

func newKeySet(place keySetPlace) (*pooledKeySet, error) {
	client, err := newTokenClient(place.url, place.allowPrivate)
	if err != nil {
		return nil, err
	}
	var host string // the rest of the URL may be secret
	if u, err := url.Parse(place.url); err == nil {
		host = u.Host
	}
	remote, err := jwt.NewRemote(jwt.RemoteConfig{URL: place.url, Client: client, Failed: func(err error) {
		// The logger of the config that is in force now.
		caddy.Log().Named("verify.schemes.jwt").Warn("key set not fetched", zap.String("host", host), zap.Error(err))
	}})
	if err != nil {
		return nil, err
	}
	return &pooledKeySet{remote, place, client}, nil
}

// newTokenClient returns what asks an authorization server at the given URL.
// One at a private address need not have a certificate.
func newTokenClient(url string, allowPrivate bool) (*fetch.Client, error) {
	client := newFetchClient(allowPrivate)
	client.AllowHTTP = allowPrivate
	if err := client.CheckURL(url); err != nil {
		return nil, err
	}
	if err := webhook.CheckURL(url, webhook.Guard{AllowPrivate: allowPrivate}); err != nil {
		return nil, err
	}
	return client, nil
}

// checkTokenURL returns the error that newTokenClient would return, unless the
// URL is not known before the config is loaded.
func checkTokenURL(url string, allowPrivate bool) error {
	if strings.Contains(url, "{") {
		return nil
	}
	_, err := newTokenClient(url, allowPrivate)
	return err
}

// release returns the key set to the pool.
func (p *pooledKeySet) release() error {
	if p == nil {
		return nil
	}
	_, err := keySets.Delete(p.place)
	return err
}

// Destruct implements caddy.Destructor.
func (p *pooledKeySet) Destruct() error {
	p.client.HTTP.CloseIdleConnections()
	return nil
}
