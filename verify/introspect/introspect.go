// Package introspect verifies access tokens that only the server that issued
// them can read, by asking it (OAuth 2.0 Token Introspection, RFC 7662).
package introspect

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/fetch"
	"github.com/caddy-relay/caddy-relay/verify/token"
)

const (
	// DefaultCacheFor is how long what the server says of an active token is
	// remembered.
	DefaultCacheFor = time.Minute
	// refusedFor is how long it is remembered that a token is not active. It is
	// short, since a token can be used before all servers know of it.
	refusedFor = 10 * time.Second
	// maxRate bounds the questions a second, and maxBurst those at once:
	// anybody can send tokens that nobody has seen before.
	maxRate  = 100
	maxBurst = 100
	// maxAnswer is the size of the largest answer, in bytes. Usual is less than
	// one KiB.
	maxAnswer = 32 << 10
)

// Config says whom to ask, and which tokens are accepted.
type Config struct {
	// Endpoint is the URL of the introspection endpoint.
	Endpoint string
	// Client asks.
	Client *fetch.Client
	// ClientID and ClientSecret authenticate us (RFC 6749, section 2.3.1), if
	// they are not empty.
	ClientID, ClientSecret string
	// Scopes must all be granted to the token.
	Scopes []string
	// Rules are those for further members of the answer. A time of expiration
	// is never required, since the server knows whether a token is active.
	Rules token.Rules
	// CacheFor is how long what the server says of an active token is
	// remembered, though never beyond the token's expiration. A token that is
	// revoked stays valid for as long. Default: [DefaultCacheFor].
	CacheFor time.Duration
}

// Verifier is a [verify.Verifier] of tokens in the Authorization field.
type Verifier struct {
	endpoint      string
	client        *fetch.Client
	authorization func(*http.Request)
	rules         token.Rules
	cacheFor      time.Duration
	limiter       *rate.Limiter
	flights       singleflight.Group
	cache         cache
}

// New returns a verifier. It asks nothing yet.
func New(c Config) (*Verifier, error) {
	if err := c.Client.CheckURL(c.Endpoint); err != nil {
		return nil, err
	}
	if (c.ClientID == "") != (c.ClientSecret == "") {
		return nil, errors.New("either both client id and client secret or none must be given")
	}
	if c.CacheFor < 0 {
		return nil, errors.New("a negative time to cache for")
	}
	rules := c.Rules
	rules.ExpirationOptional = true
	if len(c.Scopes) > 0 {
		rules.Claims = append(slices.Clone(rules.Claims), token.Claim{Name: "scope", Values: c.Scopes})
	}
	if err := rules.Validate(); err != nil {
		return nil, err
	}
	v := &Verifier{
		endpoint: c.Endpoint, client: c.Client, authorization: func(*http.Request) {}, rules: rules,
		cacheFor: c.CacheFor, limiter: rate.NewLimiter(maxRate, maxBurst),
	}
	if v.cacheFor == 0 {
		v.cacheFor = DefaultCacheFor
	}
	if c.ClientID != "" {
		id, secret := url.QueryEscape(c.ClientID), url.QueryEscape(c.ClientSecret)
		v.authorization = func(r *http.Request) { r.SetBasicAuth(id, secret) }
	}
	return v, nil
}

// Verify implements [verify.Verifier].
func (v *Verifier) Verify(ctx context.Context, r *verify.Request, now time.Time) (verify.Identity, error) {
	text, err := token.Find(r.Header, token.Authorization)
	if err != nil {
		return verify.Identity{}, err
	}
	claims, err := v.introspect(ctx, text, now)
	if err != nil {
		return verify.Identity{}, err
	}
	if claims == nil {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonCredentials, Field: token.Authorization}
	}
	if err := v.rules.Check(claims, now); err != nil {
		return verify.Identity{}, err
	}
	identity := verify.Identity{Scheme: "introspection", Claims: claims}
	if identity.Subject, err = claims.String("sub"); err == nil && identity.Subject == "" {
		// A client that acts on its own behalf need not have a subject.
		identity.Subject, err = claims.String("client_id")
	}
	if err != nil {
		return verify.Identity{}, err
	}
	return identity, nil
}

// introspect returns what is known of a token, or nil if it is not active.
// Requests with the same token share a question. None ends with the request
// that asked first; the client's time limit does that.
func (v *Verifier) introspect(ctx context.Context, text string, now time.Time) (token.Claims, error) {
	key := sha256.Sum256([]byte(text))
	if claims, ok := v.cache.get(key, now); ok {
		return claims, nil
	}
	flight := v.flights.DoChan(string(key[:]), func() (any, error) {
		claims, err := v.ask(text, now)
		if err == nil {
			v.cache.put(key, claims, v.until(claims, now), now)
		}
		return claims, err
	})
	select {
	case result := <-flight:
		if result.Err != nil {
			return nil, fmt.Errorf("the token can't be introspected: %w", result.Err)
		}
		return result.Val.(token.Claims), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("the token can't be introspected: %w", context.Cause(ctx))
	}
}

// until returns when the server is to be asked again.
func (v *Verifier) until(claims token.Claims, now time.Time) time.Time {
	if claims == nil {
		return now.Add(refusedFor)
	}
	until := now.Add(v.cacheFor)
	if expiration, err := claims.Time("exp"); err == nil && !expiration.IsZero() && expiration.Before(until) {
		return expiration
	}
	return until
}

// ask asks the server (RFC 7662, section 2).
func (v *Verifier) ask(text string, now time.Time) (token.Claims, error) {
	if !v.limiter.AllowN(now, 1) {
		return nil, errors.New("too many questions at a time")
	}
	form := url.Values{"token": {text}, "token_type_hint": {"access_token"}}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, v.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("the url is malformed") // err would show it
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	v.authorization(r)
	body, _, err := v.client.Do(r, maxAnswer)
	if err != nil {
		return nil, err
	}
	return parseAnswer(body)
}

// parseAnswer returns the members of an answer, or nil if it says that the
// token is not active. Whatever is not the boolean value true says so.
func parseAnswer(body []byte) (token.Claims, error) {
	claims, err := token.Decode(body)
	if err != nil {
		return nil, fmt.Errorf("the answer is %w", err)
	}
	if _, ok := claims["active"]; !ok {
		return nil, errors.New("the answer does not say whether the token is active")
	}
	if claims["active"] != true {
		return nil, nil
	}
	return claims, nil
}

var _ verify.Verifier = (*Verifier)(nil)
