package provider

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

// TestExplainSender sends the requests of each provider to a verifier of another
// one.
func TestExplainSender(t *testing.T) {
	// These have nothing in their requests that tells them from others.
	alike := map[string]bool{"seven": true, "smsgate": true, "mobile_text_alerts": true, "smsportal": true, "mailgun": true, "adyen": true, "cm_com": true}
	told := 0
	for _, p := range Profiles() {
		s, private := settingsFor(t, p)
		v, err := p.New(s)
		require.NoError(t, err)
		r, ok := signedEvent(v, private)
		if !ok {
			continue
		}
		other := Lookup("zendesk")
		if p.Name == "zendesk" || p.Name == "zendesk_old_doc" {
			other = Lookup("slack")
		}
		wrong, err := other.New(Settings{Secrets: []string{"secret"}})
		require.NoError(t, err)
		_, err = wrong.Verify(t.Context(), r, tableNow)
		require.Error(t, err)
		hint, ok := verify.Explain(t.Context(), wrong, r, tableNow, err)
		require.True(t, ok)
		_, own := ownFields[p.Name]
		if alike[p.Name] || (p.Signature == nil && !own) {
			require.NotContains(t, hint.Sentence, "verify "+p.Name, p.Name)
			continue
		}
		told++
		if strings.HasPrefix(string(hint.Cause), "missing") {
			require.NotEmpty(t, p.Signature.Signature.Headers, p.Name)
			require.Contains(t, commonFields, http.CanonicalHeaderKey(p.Signature.Signature.Headers[0]), p.Name)
			continue
		}
		require.Equal(t, verify.CauseSender, hint.Cause, p.Name)
		require.Regexp(t, "verify "+p.Name+`( |:)`, hint.Sentence)

		// It is no other sender to a verifier of its own.
		_, ok = ExplainSender(r.Header, p)
		require.False(t, ok, p.Name)
	}
	require.Greater(t, told, 50)
	_, ok := ExplainSender(http.Header{"X-Sig": {"a"}}, nil)
	require.False(t, ok)
}

// TestOwnFields makes sure that the table names providers.
func TestOwnFields(t *testing.T) {
	for name, fields := range ownFields {
		p := Lookup(name)
		require.NotNil(t, p, name)
		require.Equal(t, name, p.Name)
		for _, field := range fields {
			require.Equal(t, http.CanonicalHeaderKey(field), field)
		}
	}
}

// TestExplainOwnCode has providers that are no data explain what went wrong.
func TestExplainOwnCode(t *testing.T) {
	for name, tt := range map[string]struct {
		provider, secret string
		change           func(*verify.Request)
		cause            verify.Cause
		mention          string
	}{
		"URL":                 {"twilio", "token", func(r *verify.Request) { r.Scheme = "http" }, verify.CauseURL, "https://"},
		"query":               {"twilio", "token", func(r *verify.Request) { r.Target += "&y=2" }, verify.CauseSecret, "set public_url"},
		"host":                {"plivo_v2", "token", func(r *verify.Request) { r.Host = "other.example.com" }, verify.CauseSecret, "set public_url"},
		"host of SignalWire":  {"signalwire", "token", func(r *verify.Request) { r.Host = "other.example.com" }, verify.CauseSecret, "set public_url"},
		"nothing of the URL":  {"github", "other", nil, verify.CauseSecret, "most likely the secret"},
		"body":                {"signalwire", "token", func(r *verify.Request) { r.Body = append(r.Body, '\n') }, verify.CauseBodyEnd, ""},
		"quotation marks":     {"twilio", `"token"`, nil, verify.CauseSecretSpace, ""},
		"token in quotations": {"gitlab", `"token"`, nil, verify.CauseSecretSpace, ""},
		"base64":              {"vonage", "dG9rZW4=", nil, verify.CauseSecretBase64, ""},
		"digest of the body":  {"vonage", "token", func(r *verify.Request) { r.Body = append(r.Body, '\n') }, verify.CauseBodyEnd, ""},
		"another secret":      {"twilio", "other", nil, verify.CauseSecret, "or the secret"},
	} {
		t.Run(name, func(t *testing.T) {
			p := Lookup(tt.provider)
			sender, err := p.New(Settings{Secrets: []string{"token"}})
			require.NoError(t, err)
			r := eventRequest()
			require.NoError(t, sender.Sign(r, tableNow))
			if tt.change != nil {
				tt.change(r)
			}
			v, err := p.New(Settings{Secrets: []string{tt.secret}})
			require.NoError(t, err)
			_, err = v.Verify(t.Context(), r, tableNow)
			hint, ok := verify.Explain(t.Context(), v, r, tableNow, err)
			require.True(t, ok)
			require.Equal(t, tt.cause, hint.Cause, hint.Sentence)
			require.Contains(t, hint.Sentence, tt.mention)
			require.NotContains(t, hint.Sentence, "dG9rZW4=")
		})
	}
}
