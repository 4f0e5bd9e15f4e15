package caddymodule

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/provider"
)

// keyPair is a key in the forms that directives and flags need.
type keyPair struct {
	spki, public, private []byte // DER, the raw bytes, and PEM
}

func newKeyPair(t testing.TB, signer crypto.Signer) keyPair {
	t.Helper()
	var k keyPair
	var err error
	k.spki, err = x509.MarshalPKIXPublicKey(signer.Public())
	require.NoError(t, err)
	k.public, _ = signer.Public().(ed25519.PublicKey)
	der, err := x509.MarshalPKCS8PrivateKey(signer)
	require.NoError(t, err)
	k.private = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return k
}

func (k *keyPair) publicPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.spki}))
}

func newKeyPairs(t testing.TB) (edwards, nist keyPair) {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return newKeyPair(t, ed), newKeyPair(t, ec)
}

// requireRoundTrip signs with a directive, and requires that the request is
// valid, by the same directive, and can't be changed.
func requireRoundTrip(t *testing.T, directive, body string, args ...string) {
	t.Helper()
	file := tempFile(t, directive)
	args = append([]string{"-d", file, "-u", "https://hooks.example.com/in?x=1", "--body", "-"}, args...)
	request, err := tryCommand(t, newSignCommand(), body, args...)
	require.NoError(t, err)
	out, status := runCommand(t, newVerifyCommand(), request, "-d", file, "-r", "-")
	require.Zero(t, status, "%s\n%s", request, out)
	require.True(t, strings.HasPrefix(out, "valid\nscheme: "), out)

	// Later, or once more, the same command signs the request anew.
	again, err := tryCommand(t, newSignCommand(), request, append([]string{"-d", file, "-r", "-", "--now", "1700000000"}, keyFlag(args)...)...)
	require.NoError(t, err)
	out, status = runCommand(t, newVerifyCommand(), again, "-d", file, "-r", "-", "--now", "1700000000")
	require.Zero(t, status, "%s\n%s", again, out)
}

// keyFlag returns the flag --private-key of args, if it is there.
func keyFlag(args []string) []string {
	for i, arg := range args {
		if arg == "--private-key" {
			return args[i : i+2]
		}
	}
	return nil
}

// TestSignEveryProfile makes a request of each provider that one can be made of.
func TestSignEveryProfile(t *testing.T) {
	edwards, nist := newKeyPairs(t)
	const secret = "Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFy"
	const form = "application/x-www-form-urlencoded"
	impossible := map[string]string{
		"paypal":        "requests of paypal can't be made here",
		"aws_sns":       "requests of aws_sns can't be made here",
		"google_pubsub": "the private key is needed",
	}
	for _, p := range provider.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			arguments, body := " "+secret, `{"type":"delivered","id":"e1"}`
			flags := []string{"-H", "Content-Type: application/json"}
			c := p.Signature
			switch {
			case p.Secret == "":
				arguments = ""
			case strings.HasPrefix(p.Secret, "username"):
				arguments = " user " + secret
			case p.Name == "adyen":
				arguments = " 00112233"
				body = `{"notificationItems":[{"NotificationRequestItem":{"pspReference":"p","eventCode":"AUTHORISATION","success":"true"}}]}`
			case p.Name == "ms_graph":
				body = `{"value":[{"changeType":"created"}]}`
			case p.Name == "vonage_legacy" || p.Name == "plivo":
				flags, body = []string{"-H", "Content-Type: " + form}, "MessageUUID=e1&Status=delivered"
			case c == nil:
			case c.Algorithm == verify.ECDSAP256:
				arguments = " " + base64.StdEncoding.EncodeToString(nist.spki)
				flags = append(flags, "--private-key", tempFile(t, string(nist.private)))
			case c.Algorithm == verify.Ed25519:
				arguments = " " + base64.StdEncoding.EncodeToString(edwards.public)
				if c.KeyEncoding == verify.KeyHex {
					arguments = " " + hex.EncodeToString(edwards.public)
				}
				flags = append(flags, "--private-key", tempFile(t, string(edwards.private)))
			case c.KeyEncoding == verify.KeyHex:
				arguments = " 00112233"
			}
			directive := "verify " + p.Name + arguments + " {\n"
			for _, o := range p.Options {
				switch {
				case o.Name == "topic":
					directive += "topic arn:aws:sns:eu-north-1:123456789012:t\n"
				case o.Required:
					directive += o.Name + " value\n"
				}
			}
			directive += "}\n"
			if message, ok := impossible[p.Name]; ok {
				_, err := tryCommand(t, newSignCommand(), body, append(flags, "-d", tempFile(t, directive), "-b", "-")...)
				require.ErrorContains(t, err, message)
				return
			}
			requireRoundTrip(t, directive, body, flags...)
		})
	}
}

func TestSignGenericSchemes(t *testing.T) {
	edwards, nist := newKeyPairs(t)
	file := func(k *keyPair) string { return "{file." + tempFile(t, k.publicPEM()) + "}" }
	key := func(k *keyPair) []string { return []string{"--private-key", tempFile(t, string(k.private))} }
	for name, tt := range map[string]struct {
		directive string
		flags     []string
	}{
		"hmac":                   {"verify hmac s {\nheader X-Sig\n}", nil},
		"hmac with everything":   {"verify hmac s {\nalgorithm sha512\nencoding base64\nsignature query sig\nsigned {method}{timestamp}{id}{nonce}{url.noquery}{body.sha256.hex}\ntimestamp header X-Time rfc3339\nid header X-Id\nnonce query nonce\n}", nil},
		"hmac in the body":       {"verify hmac s {\nsignature json /signature\nsigned {timestamp}{id}\ntimestamp json /time\nid json /id\n}", nil},
		"hmac in a list":         {"verify hmac s {\nheader X-Sig\nsplit ,\nprefix v1=\nsigned {timestamp}.{body}\ntimestamp header X-Sig {\nsplit ,\nprefix t=\n}\n}", nil},
		"hmac with public_url":   {"verify hmac s {\nheader X-Sig\nsigned {url}{body}\npublic_url https://user:pass@public.example.com/base\n}", nil},
		"hmac in the public_url": {"verify hmac s {\nsignature query sig\npublic_url https://public.example.com/base\n}", nil},
		"plain hash":             {"verify signature s {\nalgorithm sha256-prefix\nheader X-Sig\nsigned {secret}{body}\n}", nil},
		"ed25519":                {"verify signature " + file(&edwards) + " {\nalgorithm ed25519\nheader X-Sig\n}", key(&edwards)},
		"ecdsa":                  {"verify signature " + file(&nist) + " {\nalgorithm ecdsa-p256\nencoding base64\nheader X-Sig\n}", key(&nist)},
		"basic":                  {"verify basic user password", nil},
		"bearer":                 {"verify bearer token", nil},
		"token in the header":    {"verify token t {\nheader X-Token\n}", nil},
		"token in the query":     {"verify token t {\nquery token\n}", nil},
		"token in the body":      {"verify token t {\njson /token\n}", nil},
		"jwt with secret":        {"verify jwt secret {\nalgorithms HS256 HS512\nissuer me\naudience you\nclaim scope a b\nbody_hash_claim hash\n}", nil},
		"jwt with ES256":         {"verify jwt {\nkey " + file(&nist) + "\nalgorithms RS256 ES256\nissuer me\n}", key(&nist)},
		"jwt with EdDSA":         {"verify jwt {\nkey " + file(&edwards) + "\nalgorithms EdDSA\nissuer me\n}", key(&edwards)},
		"rfc9421 with secret":    {"verify rfc9421 {\nkey k1 hmac-sha256 c2VjcmV0LXdpdGgtMzItYnl0ZXMtb3ItbW9yZS4uLg==\n}", nil},
		"rfc9421 with ed25519":   {"verify rfc9421 {\nkey k0 hmac-sha256 c2VjcmV0LXdpdGgtMzItYnl0ZXMtb3ItbW9yZS4uLg==\nkey k1 ed25519 " + file(&edwards) + "\n}", key(&edwards)},
		"rfc9421 with ecdsa":     {"verify rfc9421 {\nkey k1 ecdsa-p256-sha256 " + file(&nist) + "\ntag app\nlabel sig\n}", key(&nist)},
		"any":                    {"verify any {\npaypal {\nwebhook_id 1\n}\nstripe s\ngithub s\n}", nil},
		"any with a key":         {"verify any {\nbasic a b\nsignature " + file(&edwards) + " {\nalgorithm ed25519\nheader X-Sig\n}\n}", key(&edwards)},
	} {
		t.Run(name, func(t *testing.T) {
			requireRoundTrip(t, tt.directive, `{"type":"delivered"}`, append(tt.flags, "-H", "Content-Type: application/json")...)
		})
	}
}

// TestWrongPrivateKey makes sure that nothing is made that would be refused.
func TestWrongPrivateKey(t *testing.T) {
	edwards, nist := newKeyPairs(t)
	other, _ := newKeyPairs(t)
	directive := tempFile(t, "verify telnyx "+base64.StdEncoding.EncodeToString(edwards.public))
	for message, private := range map[string]string{
		"is refused: signature_mismatch":   string(other.private),
		"telnyx":                           string(nist.private),
		"no private key in the PEM file":   edwards.publicPEM(),
		"not a PEM file":                   "sEcReT",
		"a private key that can't be read": "-----BEGIN PRIVATE KEY-----\nc0VjUmVU\n-----END PRIVATE KEY-----\n",
	} {
		out, err := tryCommand(t, newSignCommand(), "", "-d", directive, "--private-key", tempFile(t, private))
		require.ErrorContains(t, err, message)
		require.NotContains(t, err.Error(), "sEcReT")
		require.Empty(t, out)
	}
	_, err := tryCommand(t, newSignCommand(), "", "-d", tempFile(t, "verify basic a b"), "--private-key", tempFile(t, string(nist.private)))
	require.ErrorContains(t, err, "the scheme has no public keys")
}

func TestSignedRequest(t *testing.T) {
	out, status := runCommand(t, newSignCommand(), "", "-d", tempFile(t, "verify basic user password"),
		"-X", "PUT", "-u", "http://localhost:8080", "-H", "x-b:  c ", "-H", "X-B: d")
	require.Zero(t, status)
	require.Equal(t, "PUT / HTTP/1.1\r\nHost: localhost:8080\r\nAuthorization: Basic dXNlcjpwYXNzd29yZA==\r\n"+
		"Content-Length: 0\r\nX-B: c\r\nX-B: d\r\n\r\n", out)

	// Without a URL it is the public one, of which users are no part.
	directive := tempFile(t, "verify token t {\nquery token\npublic_url https://user:password@example.com/in?a=1\n}")
	out, status = runCommand(t, newSignCommand(), "", "-d", directive, "-X", "GET")
	require.Zero(t, status)
	require.Equal(t, "GET /in?a=1&token=t HTTP/1.1\r\nHost: example.com\r\n\r\n", out)
	directive = tempFile(t, "verify bearer t {\npublic_url https://user:password@example.com/in?a=1\n}")
	out, status = runCommand(t, newSignCommand(), "", "-d", directive, "-X", "GET")
	require.Zero(t, status)
	require.Equal(t, "GET /in?a=1 HTTP/1.1\r\nHost: example.com\r\nAuthorization: Bearer t\r\n\r\n", out)
	out, status = runCommand(t, newSignCommand(), "", "-d", tempFile(t, "verify bearer t"), "-X", "GET")
	require.Zero(t, status)
	require.Equal(t, "GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t\r\n\r\n", out)
}
