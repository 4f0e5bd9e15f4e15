package provider

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/fetch"
)

// differential compares the verifier of a provider with a library, which is the
// provider's own unless noted.
type differential struct {
	library  string // in testdata/differential/libraries.js
	provider string
	options  map[string]string // of the provider
	// secret makes the secret of a receiver, and the private key if that is
	// a public one. The default is a text.
	secret func(*rapid.T) (string, crypto.Signer)
	// message makes what is sent. The default is any text.
	message func(*rapid.T) *verify.Request
	// sign is what the sender does, if the verifier can't.
	sign func(*testing.T, *verify.Request, time.Time)
	// signs is set if the library can do what the sender does.
	signs bool
	// text is set if the library takes the body for text, which stands for
	// some of the differences.
	text bool
	// slow is set if the library takes milliseconds for each request, so that
	// fewer are tried.
	slow bool
	// stricter and laxer are the cases in which only the library accepts,
	// and only the verifier, with the reasons why the verifier is right.
	// All must occur.
	stricter, laxer map[string]string
}

// differentialSender signs with one secret, and has the verifier of it.
type differentialSender struct {
	outer    *testing.T
	row      *differential
	secret   string
	private  crypto.Signer
	verifier *Verifier
	other    *differentialSender // with another secret
}

func newDifferentialSender(t *rapid.T, outer *testing.T, d *differential) *differentialSender {
	s := &differentialSender{outer: outer, row: d}
	if d.secret == nil {
		s.secret = textSecret.Draw(t, "secret")
	} else {
		s.secret, s.private = d.secret(t)
	}
	profile := Lookup(d.provider)
	settings, _ := settingsFor(outer, profile)
	if profile.Secret != "" {
		settings.Secrets = []string{s.secret}
	}
	for name, value := range d.options {
		settings.Options[name] = []string{value}
	}
	settings.Client = &fetch.Client{HTTP: &http.Client{Transport: publishedCertificates(snsPublished(outer))}}
	var err error
	s.verifier, err = profile.New(settings)
	require.NoError(t, err)
	return s
}

func (s *differentialSender) sign(t *rapid.T, r *verify.Request, now time.Time) *verify.Request {
	switch {
	case s.row.sign != nil:
		s.row.sign(s.outer, r, now)
	case s.private != nil:
		require.NoError(t, s.verifier.Verifier.(*verify.Signature).SignWith(s.private, r, now))
	default:
		require.NoError(t, s.verifier.Sign(r, now))
	}
	return r
}

// list returns the separator and the prefix of signatures in a header field that
// may have several, or nothing.
func (s *differentialSender) list(name string) (separator, prefix string) {
	switch c := s.verifier.profile.Signature; {
	case name == "X-Plivo-Signature-V2", name == "X-Plivo-Signature-V3":
		return ",", ""
	case c == nil || http.CanonicalHeaderKey(c.Signature.Headers[0]) != name:
		return "", ""
	default:
		return c.Signature.Split, c.Signature.Prefix
	}
}

// options are for the library.
func (s *differentialSender) options(r *verify.Request) map[string]string {
	sum := sha256.Sum256(r.Body)
	options := map[string]string{"id": "msg_1", "body_sha256": hex.EncodeToString(sum[:])}
	if s.row.provider == "aws_sns" {
		maps.Copy(options, snsPublished(s.outer))
	}
	maps.Copy(options, s.row.options)
	return options
}

// TestDifferential has requests signed by one side and verified by the other,
// and changed ones judged by both.
func TestDifferential(t *testing.T) {
	peers := startPeers(t)
	for i := range differentials {
		d := &differentials[i]
		t.Run(strings.Join([]string{d.library, d.provider, d.options["method"]}, " "), func(t *testing.T) {
			seen := make(map[string]bool)
			runs := 0
			rapid.Check(t, func(r *rapid.T) {
				if runs++; !d.slow || runs%10 == 1 {
					d.check(r, t, peers, seen)
				}
			})
			if testing.Short() {
				return // too few tries for all of the differences
			}
			stricter, laxer := d.known()
			for name := range stricter {
				require.True(t, seen[name], "only the library accepts %q: that never happened", name)
			}
			for name := range laxer {
				require.True(t, seen[name], "only the verifier accepts %q: that never happened", name)
			}
		})
	}
}

// check tries one message, and notes the cases in which the verdicts differ.
func (d *differential) check(t *rapid.T, outer *testing.T, peers *peers, seen map[string]bool) {
	sender := newDifferentialSender(t, outer, d)
	sender.other = newDifferentialSender(t, outer, d)
	if sender.other.secret == sender.secret {
		t.Skip("the same secret twice")
	}
	message := textMessage
	if d.message != nil {
		message = d.message
	}
	c := differentialCases{
		t: t, sender: sender, message: message(t),
		now: time.Unix(rapid.Int64Range(1_600_000_000, 1_900_000_000).Draw(t, "now"), 0),
	}
	if d.signs {
		d.checkTheirs(&c, peers)
	}
	cases := c.all(d.message == nil)
	tasks := make([]task, len(cases))
	for i, each := range cases {
		tasks[i] = newTask("verify", d.library, each.secret, sender.options(each.request), each.request, c.now)
	}
	stricter, laxer := d.known()
	for i, theirs := range peers.ask(t, tasks...) {
		name, request := cases[i].name, cases[i].request
		verifier := sender.verifier
		if cases[i].secret != sender.secret {
			verifier = sender.other.verifier
		}
		_, err := verifier.Verify(t.Context(), request, c.now)
		if theirs.Valid == (err == nil) {
			require.True(t, theirs.Valid || name != "signed", "library: %s, verifier: %v", theirs.Error, err)
			continue
		}
		known := stricter
		if err == nil {
			known = laxer
		}
		require.Contains(t, known, name, "library: %v %s, verifier: %v\n%s %s\n%q\n%q", theirs.Valid, theirs.Error, err,
			request.Method, request.URL(), request.Header, request.Body)
		seen[name] = true
	}
}

// known returns the cases in which verdicts differ, with the reasons.
func (d *differential) known() (stricter, laxer map[string]string) {
	if !d.text {
		return d.stricter, d.laxer
	}
	return joined(d.stricter, because(whyText, sameText)), joined(d.laxer, because(whyText, notUTF8))
}

// checkTheirs requires that the verifier accepts what the library signs.
func (d *differential) checkTheirs(c *differentialCases, peers *peers) {
	r := clone(c.message)
	signed := peers.ask(c.t, newTask("sign", d.library, c.sender.secret, c.sender.options(r), r, c.now))[0]
	for _, field := range signed.Headers {
		r.Header.Set(field[0], field[1])
	}
	if signed.Body != nil {
		r.Body = signed.Body
	}
	if signed.URL != "" {
		r.Target = signed.URL[len(r.Scheme+"://"+r.Host):]
	}
	_, err := c.sender.verifier.Verify(c.t.Context(), r, c.now)
	require.NoError(c.t, err, "%q", r)
	_, err = c.sender.other.verifier.Verify(c.t.Context(), r, c.now)
	require.Error(c.t, err)
}

func unixText(t time.Time) string      { return strconv.FormatInt(t.Unix(), 10) }
func unixMilliText(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
func rfc3339Text(t time.Time) string   { return t.UTC().Format(time.RFC3339) }

// textSecret has more than the block of a hash at times.
var textSecret = rapid.StringMatching(`[!-~äß€😀]{1,100}`)

// tokenSecret is for libraries that encode anything else twice.
func tokenSecret(t *rapid.T) (string, crypto.Signer) {
	return rapid.StringMatching(`[0-9A-Za-z]{1,100}`).Draw(t, "secret"), nil
}

// bytesSecret is of bytes that are written in some way. HMAC fills keys up with
// zeros, so two that end in them may be the same.
func bytesSecret(prefix string, encode func([]byte) string) func(*rapid.T) (string, crypto.Signer) {
	return func(t *rapid.T) (string, crypto.Signer) {
		return prefix + encode(append(rapid.SliceOfN(rapid.Byte(), 23, 80).Draw(t, "secret"), 1)), nil
	}
}

func ed25519Secret(encode func([]byte) string) func(*rapid.T) (string, crypto.Signer) {
	return func(t *rapid.T) (string, crypto.Signer) {
		key := ed25519.NewKeyFromSeed(rapid.SliceOfN(rapid.Byte(), ed25519.SeedSize, ed25519.SeedSize).Draw(t, "seed"))
		return encode(key.Public().(ed25519.PublicKey)), key
	}
}

func ecdsaSecret(t *rapid.T) (string, crypto.Signer) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(der), key
}

var (
	encodeBase64 = base64.StdEncoding.EncodeToString
	encodeHex    = hex.EncodeToString
)
