package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify/provider"
)

// runCommand runs a command in this process, and returns what it prints and the
// status that it would end with.
func runCommand(t testing.TB, cmd *cobra.Command, stdin string, args ...string) (out string, status int) {
	t.Helper()
	out, err := tryCommand(t, cmd, stdin, args...)
	switch {
	case err == nil:
		return out, 0
	case errors.Is(err, errNo):
		return out, 1
	default:
		return out, exitTrouble
	}
}

func tryCommand(t testing.TB, cmd *cobra.Command, stdin string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&bytes.Buffer{})
	cmd.SetArgs(args)
	cmd.SilenceUsage = true
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// tempFile returns the name of a new file.
func tempFile(t testing.TB, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

// rawRequest writes a request as it crosses the wire.
func rawRequest(method, target string, header [][2]string, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", method, target)
	for _, field := range header {
		fmt.Fprintf(&b, "%s: %s\r\n", field[0], field[1])
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

// TestVerifyCommandVectors gives the command the requests of the vectors, and the
// directives that users write for them.
func TestVerifyCommandVectors(t *testing.T) {
	content, err := os.ReadFile("../verify/testdata/verify.json")
	require.NoError(t, err)
	var vectors []struct {
		ID, Scheme, Method, URL, Body, Expect, Why string
		Secret                                     any
		BodyB64                                    []byte `json:"body_b64"`
		Headers                                    [][2]string
		Now                                        int64
		Config                                     struct {
			PublicURL string `json:"public_url"`
			Method    string `json:"method"`
			KeyID     string `json:"key_id"`
		}
	}
	require.NoError(t, json.Unmarshal(content, &vectors))
	tried := 0
	for _, v := range vectors {
		name := strings.ReplaceAll(v.Scheme, "-", "_")
		if provider.Lookup(name) == nil || name == "aws_sns" || !isTransmissible(v.Headers) {
			continue // SNS would fetch a certificate.
		}
		tried++
		t.Run(v.ID, func(t *testing.T) {
			directive := "verify " + name + quoteSecrets(v.Secret) + " {\n"
			if v.Config.Method != "" {
				directive += "method " + v.Config.Method + "\n"
			}
			if v.Config.KeyID != "" {
				directive += "key_id " + v.Config.KeyID + "\n"
			}
			url := v.URL
			if v.Config.PublicURL != "" {
				url = v.Config.PublicURL
			}
			out, status := runCommand(t, newVerifyCommand(), rawRequest(v.Method, "/", v.Headers, v.Body+string(v.BodyB64)),
				"--directive", tempFile(t, directive+"}\n"), "--request", "-", "--now", strconv.FormatInt(v.Now, 10), "--public-url", url)
			first, _, _ := strings.Cut(out, "\n")
			switch {
			case v.Expect == "valid":
				require.Zero(t, status, "%s: %s", v.Why, out)
				require.Equal(t, "valid", first)
				require.Contains(t, out, "\nkey: ")
			case status == exitTrouble: // Such a secret is refused before any request.
				require.Empty(t, out)
				require.Contains(t, []string{
					"standard-webhooks/empty-secret", "sinch-webhook/empty-secret", "telnyx/key-31-bytes", "telnyx/all-zero-key-and-sig",
				}, v.ID)
			default:
				require.Equal(t, 1, status, "%s: %s", v.Why, out)
				require.Equal(t, "invalid", first)
				require.Regexp(t, `\nreason: [a-z_]+\n(.*\n)*hint: [A-Z].*\.\n`, out)
			}
			requireNoSecret(t, out, v.Secret)
		})
	}
	require.Greater(t, tried, 150)
}

// isTransmissible reports whether a header crosses the wire unchanged.
func isTransmissible(header [][2]string) bool {
	for _, field := range header {
		if strings.TrimSpace(field[1]) != field[1] || strings.ContainsAny(field[1], "\r\n\x00") {
			return false
		}
	}
	return true
}

func secretsOf(secret any) []string {
	if one, ok := secret.(string); ok {
		return []string{one}
	}
	var all []string
	for _, each := range secret.([]any) {
		all = append(all, each.(string))
	}
	return all
}

func quoteSecrets(secret any) string {
	var b strings.Builder
	for _, s := range secretsOf(secret) {
		b.WriteString(` "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`)
	}
	return b.String()
}

func requireNoSecret(t testing.TB, out string, secret any) {
	t.Helper()
	for _, s := range secretsOf(secret) {
		if len(s) > 8 {
			require.NotContains(t, out, s)
		}
	}
}

func TestVerifyCommandOutput(t *testing.T) {
	t.Setenv("COMMAND_TEST_SECRET", "s3cret-of-the-sender")
	signed := func(directive string, args ...string) string {
		out, status := runCommand(t, newSignCommand(), `{"type":"delivered"}`,
			append([]string{"--directive", tempFile(t, directive), "--body", "-", "--now", "1700000000"}, args...)...)
		require.Zero(t, status)
		return out
	}
	const stripe = "verify stripe {env.COMMAND_TEST_SECRET}"
	good := signed(stripe)
	for name, tt := range map[string]struct {
		directive, request string
		args               []string
		status             int
		want               []string
	}{
		"valid": {stripe, good, nil, 0, []string{"valid\nscheme: stripe\nkey: 1\ntimestamp: 2023-11-14T22:13:20Z (12 s ago)\n"}},
		"second secret": {
			"verify /in* stripe another {env.COMMAND_TEST_SECRET}", good, nil, 0,
			[]string{"key: 2\n", "hint: The second secret matched, and not the first.\n"},
		},
		"ahead, but valid": {stripe, good, []string{"--now", "1699999999"}, 0, []string{"(1 s ahead)"}},
		"stale": {
			stripe, good,
			[]string{"--now", "1700000412"},
			1,
			[]string{"invalid\nscheme: stripe\nreason: stale_timestamp\nfield: Stripe-Signature\nhint: The timestamp is 412 s old, and at most 300 s are accepted:", "itself is right"},
		},
		"changed": {
			stripe, strings.Replace(good, `{"type":"delivered"}`, `{"type": "delivered"}`, 1) + "x", nil, 1,
			[]string{"reason: signature_mismatch\n", "hint: There are 2 bytes more than Content-Length says"},
		},
		"line break at the end": {
			stripe, strings.Replace(good, "Content-Length: 20\r\n", "", 1) + "\r\n", nil, 1,
			[]string{"reason: signature_mismatch\nhint: The signature matches the body without the line break at its end"},
		},
		"LF in the header": {stripe, strings.ReplaceAll(good, "\r\n", "\n"), nil, 0, []string{"valid\n"}},
		"cut off":          {stripe, good[:len(good)-3], nil, 1, []string{"hint: The body is 3 bytes shorter than Content-Length says"}},
		"cut off, and not looked at": {
			"verify bearer token", "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer token\r\nContent-Length: 9\r\n\r\nbody", nil, 1,
			[]string{"invalid\n", "reason: body_unreadable\n", "hint: The body is 5 bytes shorter than Content-Length says"},
		},
		"other sender": {"verify github s", good, nil, 1, []string{"reason: missing_field\nfield: X-Hub-Signature-256\nhint: The request has Stripe-Signature", "verify stripe"}},
		"other sender, and no preset": {
			"verify hmac s {\nheader X-Sig\n}", good, nil, 1,
			[]string{"hint: The request has Stripe-Signature", "verify stripe"},
		},
		"dropped": {
			"verify hmac s {\nheader X-Sig\n}", "POST / HTTP/1.1\r\nHost: a\r\nX_Sig: 00\r\nY.Z: 1\r\n\r\n", nil, 1,
			[]string{"reason: missing_field\nfield: X-Sig\nhint: The server drops header fields with _ or . in their names, such as X_sig.\n", "such as Y.z.\n"},
		},
		"dropped, and configured": {
			"verify hmac s {\nheader X_Sig\n}", "POST / HTTP/1.1\r\nHost: a\r\nX_Sig: 00\r\n\r\n", nil, 1,
			[]string{"such as X_sig."},
		},
		"too large": {
			stripe + " {\nmax_body 10B\n}", good, nil, 1,
			[]string{"reason: body_too_large\nhint: The body has 20 bytes, and at most 10 are accepted: set max_body.\n"},
		},
		"handshake": {
			"verify slack s3cret-of-the-sender",
			func() string {
				out, _ := runCommand(t, newSignCommand(), `{"type":"url_verification","challenge":"c1"}`,
					"--directive", tempFile(t, "verify slack s3cret-of-the-sender"), "--body", "-", "--now", "1700000000")
				return out
			}(),
			nil, 0,
			[]string{"valid\nscheme: slack\nkey: 1\n", "hint: It is a try of the endpoint", "\n\nHTTP/1.1 200 OK\r\n", "Content-Type: text/plain\r\n", "\r\n\r\nc1\n"},
		},
		"handshake that nobody signed": {
			"verify dropbox s3cret-of-the-sender", "GET /in?challenge=c1 HTTP/1.1\r\nHost: a\r\n\r\n", nil, 0,
			[]string{"handshake\nscheme: dropbox\nhint: It is a try", "\r\n\r\nc1\n"},
		},
		"any": {
			"verify any {\ngithub other\nstripe other\n}", good, nil, 1,
			[]string{"scheme: any\nreason: signature_mismatch\nhint: As a request for stripe: The signature matches none"},
		},
		"any, valid":        {"verify any {\ngithub other\nstripe {env.COMMAND_TEST_SECRET}\n}", good, nil, 0, []string{"valid\nscheme: stripe\n"}},
		"environment":       {"verify stripe {$COMMAND_TEST_SECRET}", good, nil, 0, []string{"valid\n"}},
		"client address":    {"verify client_ip 192.0.2.1", good, nil, 1, []string{"reason: missing_field\nfield: client address\n"}},
		"no host":           {"verify hmac s {\nheader X-Sig\n}", "POST / HTTP/1.1\r\n\r\n", nil, 1, []string{"hint: The request has no Host"}},
		"once is no matter": {stripe + " {\nonce 10m\n}", good, nil, 0, []string{"valid\n"}},
		"jwt": {
			"verify jwt {env.COMMAND_TEST_SECRET} {\nalgorithms HS256\nissuer me\n}",
			signed("verify jwt {env.COMMAND_TEST_SECRET} {\nalgorithms HS256\nissuer me\nclaim sub bob\n}"), nil, 0,
			[]string{"subject: bob\n", `claims: {"exp":1700000060,`},
		},
		"jwt of others": {
			"verify jwt {env.COMMAND_TEST_SECRET} {\nalgorithms HS256\nissuer me\n}",
			signed("verify jwt {env.COMMAND_TEST_SECRET} {\nalgorithms HS256\nissuer you\n}"), nil, 1,
			[]string{"reason: wrong_claim\nfield: iss\n", `hint: The token is authentic, but its claim iss is "you", and one of ["me"] is required.`},
		},
		"url": {
			"verify square s3cret-of-the-sender", signed("verify square s3cret-of-the-sender", "--url", "http://localhost/in"), nil, 1,
			[]string{"hint: The signature matches a URL with http:// instead of https://: set public_url"},
		},
		"public url":            {"verify square s3cret-of-the-sender", signed("verify square s3cret-of-the-sender", "--url", "http://localhost/in"), []string{"--public-url", "http://localhost"}, 0, []string{"valid\n"}},
		"public url of another": {"verify square s3cret-of-the-sender {\npublic_url https://a.example.com\n}", signed("verify square s3cret-of-the-sender {\npublic_url https://a.example.com\n}", "--url", "http://localhost/in"), nil, 0, []string{"valid\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"--directive", tempFile(t, tt.directive), "--request", "-", "--now", "1700000012"}, tt.args...)
			out, status := runCommand(t, newVerifyCommand(), tt.request, args...)
			require.Equal(t, tt.status, status, out)
			for _, want := range tt.want {
				require.Contains(t, out, want)
			}
			require.NotContains(t, out, "s3cret-of-the-sender")
		})
	}
}

func TestCommandErrors(t *testing.T) {
	directive := tempFile(t, "verify github s3cret")
	for name, tt := range map[string]struct {
		cmd     *cobra.Command
		stdin   string
		args    []string
		message string
	}{
		"verify without directive":  {newVerifyCommand(), "", nil, "--directive is required"},
		"verify without request":    {newVerifyCommand(), "", []string{"-d", directive}, "--request is required"},
		"verify with an argument":   {newVerifyCommand(), "", []string{"x"}, `unexpected argument "x"`},
		"verify with unknown flag":  {newVerifyCommand(), "", []string{"--bogus"}, "unknown flag"},
		"verify with bad time":      {newVerifyCommand(), "", []string{"--now", "soon"}, "invalid argument"},
		"verify without file":       {newVerifyCommand(), "", []string{"-d", "/nope/nope"}, "no such file"},
		"verify with bad URL":       {newVerifyCommand(), "", []string{"-d", directive, "-r", "-", "--public-url", "example.com"}, "--public-url: it must be"},
		"verify with no request":    {newVerifyCommand(), "verify github s3cret", []string{"-d", directive, "-r", "-"}, "-: no HTTP/1.1 request"},
		"sign without directive":    {newSignCommand(), "", nil, "--directive is required"},
		"sign with both":            {newSignCommand(), "", []string{"-d", directive, "-r", "-", "-X", "PUT"}, "exclude each other"},
		"sign with bad method":      {newSignCommand(), "", []string{"-d", directive, "-X", "A B"}, "not a method"},
		"sign with bad URL":         {newSignCommand(), "", []string{"-d", directive, "-u", "/in"}, "--url: it must be"},
		"sign with user":            {newSignCommand(), "", []string{"-d", directive, "-u", "https://u:p@example.com/"}, "a user is not part"},
		"sign with bad header":      {newSignCommand(), "", []string{"-d", directive, "-H", "a b: c"}, "not of the form"},
		"sign with line break":      {newSignCommand(), "", []string{"-d", directive, "-H", "A: b\r\nC: d"}, "not of the form"},
		"sign with length":          {newSignCommand(), "", []string{"-d", directive, "-H", "content-length: 1"}, "Content-Length is made of"},
		"sign for paypal":           {newSignCommand(), "", []string{"-d", tempFile(t, "verify paypal {\nwebhook_id 1\n}")}, "requests of paypal can't be made here"},
		"sign for addresses":        {newSignCommand(), "", []string{"-d", tempFile(t, "verify client_ip 192.0.2.1")}, "the scheme client_ip: requests of its senders can't be made here"},
		"sign without private key":  {newSignCommand(), "", []string{"-d", tempFile(t, "verify telnyx Jqt6Vp1Q2cHbfVSIQtEbQ8vY3lR8d9xTjLrBOe0dGzU=")}, "private key"},
		"sign with key for nothing": {newSignCommand(), "", []string{"-d", directive, "--private-key", directive}, "not a PEM file"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := tryCommand(t, tt.cmd, tt.stdin, tt.args...)
			require.ErrorContains(t, err, tt.message)
			require.NotErrorIs(t, err, errNo)
			require.Empty(t, out)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

// TestUndecided has a server fail that would have to say whether a token is good.
func TestUndecided(t *testing.T) {
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	t.Cleanup(issuer.Close)
	directive := tempFile(t, "verify introspection {\nendpoint "+issuer.URL+"\nallow_private\n}")
	out, err := tryCommand(t, newVerifyCommand(), "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer s3cret\r\n\r\n", "-d", directive, "-r", "-")
	require.ErrorContains(t, err, "it could not be decided")
	require.NotErrorIs(t, err, errNo)
	require.NotContains(t, err.Error(), "s3cret")
	require.Empty(t, out)
}

// TestCommandStoresNothing has Asana say a secret, which the server would keep.
func TestCommandStoresNothing(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	for _, directive := range []string{"verify asana {\nenroll " + secret + "\n}", "verify any {\ngithub s\nasana {\nenroll " + secret + "\n}\n}"} {
		out, status := runCommand(t, newVerifyCommand(), "POST /in HTTP/1.1\r\nHost: a\r\nX-Hook-Secret: abc\r\n\r\n",
			"-d", tempFile(t, directive), "-r", "-")
		require.Equal(t, 1, status, out)
		require.NoFileExists(t, secret)
	}
}

// failingWriter can't be written to, like a pipe whose reader has gone.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestCommandOutputFails(t *testing.T) {
	for _, cmd := range []*cobra.Command{newVerifyCommand(), newSignCommand()} {
		cmd.SetIn(strings.NewReader("POST / HTTP/1.1\r\nHost: a\r\n\r\n"))
		cmd.SetOut(failingWriter{})
		cmd.SetErr(&bytes.Buffer{})
		cmd.SetArgs([]string{"-d", tempFile(t, "verify github s"), "-r", "-"})
		require.ErrorContains(t, cmd.ExecuteContext(t.Context()), os.ErrClosed.Error())
	}
}

func TestDirectives(t *testing.T) {
	for content, message := range map[string]string{
		"":                                  "no verify directive",
		"# nothing\n":                       "no verify directive",
		"verify":                            "wrong argument count",
		"respond 200":                       "something else than a verify directive, at F:1",
		"verify github\n\tsEcReT":           "something else than a verify directive, at F:2",
		"verify github a\nverify github b":  "a second verify directive, where one is expected, at F:2",
		"verify github a {":                 "a block that is not closed",
		"verify github a {\nmax_body 1KB\n": "a block that is not closed",
		"verify github a\n}\nfoo {\nbar":    "something else than one verify directive",
		"example.com {\nverify github a\n}": "something else than a verify directive, at F:1",
		"verify github a {\n\n\tbogus x\n}": "unrecognized option 'bogus', at F:3",
		"verify nope a":                     "nope",
		"import nope":                       "File to import not found: nope, at F:1",
	} {
		_, err := parseDirective("F", []byte(content))
		require.ErrorContains(t, err, message, content)
		require.NotContains(t, err.Error(), "sEcReT")
	}
	for _, content := range []string{
		"verify github a",
		"\ufeff# A comment.\n\nverify /in/* github a {\n}\n",
		"verify @hooks github a",
		"verify * github a\r\n",
		"verify github {\n\tsecret a\n}",
	} {
		h, err := parseDirective("F", []byte(content))
		require.NoError(t, err, content)
		require.JSONEq(t, `{"name":"github","secrets":["a"]}`, string(h.SchemeRaw), content)
	}
	// Shorthands of placeholders are replaced as in a Caddyfile.
	h, err := parseDirective("F", []byte("verify hmac a {\nheader X-Sig\nsigned {method}{path}{header.X-A}{body}\n}"))
	require.NoError(t, err)
	require.Contains(t, string(h.SchemeRaw), `"signed":"{method}{path}{header.X-A}{body}"`)
}

func FuzzDirective(f *testing.F) {
	f.Add("verify github a {\nmax_body 1KB\n}")
	f.Add("verify any {\nbasic a b\nbearer c\n}")
	f.Add("}\nverify github a\n{")
	f.Fuzz(func(t *testing.T, content string) {
		if strings.Contains(content, "import") {
			return // It would read files.
		}
		if h, err := parseDirective("F", []byte(content)); err == nil {
			require.NotEmpty(t, h.SchemeRaw)
		}
	})
}
