package caddymodule

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/caddy-relay/caddy-relay/smppbridge"
)

// unmarshalTLS parses the option tls.
func (s *SMPP) unmarshalTLS(d *caddyfile.Dispenser) error {
	t := new(SMPPTLS)
	s.TLS = t
	return unmarshalBlock(d, "tls", func(option string) (err error) {
		switch option {
		case "trust_pool":
			if !d.NextArg() {
				return d.ArgErr()
			}
			t.CARaw, err = unmarshalModule(d, "tls.ca_pool.source", "provider", "trust pool")
			return err
		case "server_name":
			return unmarshalText(d, option, &t.ServerName)
		case "client_auth":
			if !d.AllArgs(&t.ClientCertificateFile, &t.ClientCertificateKeyFile) {
				return d.ArgErr()
			}
			return nil
		case "insecure_skip_verify":
			t.InsecureSkipVerify = true
			if d.NextArg() {
				return d.ArgErr()
			}
			return nil
		default:
			return d.Errf("unrecognized option '%s'", option)
		}
	})
}

// provision sets up TLS for b.
func (t *SMPPTLS) provision(ctx caddy.Context, b *smppbridge.BindConfig) error {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.InsecureSkipVerify} //nolint:gosec // As configured.
	if t.InsecureSkipVerify {
		ctx.Slogger().Warn("the certificate of the SMSC is not verified: the password and all messages can be read on the way")
	}
	if t.ServerName != "" {
		var err error
		if config.ServerName, err = resolveSecret(t.ServerName); err != nil {
			return fmt.Errorf("server_name: %w", err)
		}
	}
	h := sha256.New()
	if t.ClientCertificateFile != "" || t.ClientCertificateKeyFile != "" {
		cert, err := t.certificate()
		if err != nil {
			return err
		}
		config.Certificates = []tls.Certificate{cert}
		for _, der := range cert.Certificate {
			_, _ = h.Write(der)
		}
	}
	settings, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if t.CARaw != nil {
		mod, err := ctx.LoadModule(t, "CARaw")
		if err != nil {
			return fmt.Errorf("loading the authorities: %w", err)
		}
		ca, ok := mod.(caddytls.CA)
		if !ok {
			return fmt.Errorf("%T has no authorities", mod)
		}
		config.RootCAs = ca.CertPool()
	}
	b.TLS = config
	b.TLSKey = fmt.Sprintf("%s %s %x %d", settings, config.ServerName, h.Sum(nil), authorities.number(config.RootCAs))
	return nil
}

func (t *SMPPTLS) certificate() (tls.Certificate, error) {
	if t.ClientCertificateFile == "" || t.ClientCertificateKeyFile == "" {
		return tls.Certificate{}, errors.New("a client certificate needs the files of both the certificate and its key")
	}
	file, err := resolveSecret(t.ClientCertificateFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("client certificate: %w", err)
	}
	key, err := resolveSecret(t.ClientCertificateKeyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("key of the client certificate: %w", err)
	}
	cert, err := tls.LoadX509KeyPair(file, key)
	if err != nil {
		return cert, fmt.Errorf("client certificate: %w", err)
	}
	return cert, nil
}

// authorities tells whether the certificates that are trusted are still the same
// after a reload: where they come from may have new ones, and a pool can only be
// compared.
var authorities authorityPools

type authorityPools struct {
	mu    sync.Mutex
	pools []*x509.CertPool
}

// number is the same for equal pools.
func (a *authorityPools) number(pool *x509.CertPool) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.IndexFunc(a.pools, pool.Equal)
	if i < 0 {
		i = len(a.pools)
		a.pools = append(a.pools, pool)
	}
	return i
}
