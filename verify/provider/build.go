package provider

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/jwt"
	"github.com/caddy-relay/caddy-relay/verify/token"
)

// These are the builders that rows of the tables name.

func twilioRow(p *Profile, s *Settings) (verify.Verifier, error) {
	return newTwilio(p.Name, "X-Twilio-Signature", s.Secrets...)
}

// signalWireRow makes a verifier of both ways that SignalWire signs in, which
// the kind of the body tells apart.
func signalWireRow(p *Profile, s *Settings) (verify.Verifier, error) {
	const field = "X-SignalWire-Signature"
	forms, err := newTwilio(p.Name, field, s.Secrets...)
	if err != nil {
		return nil, err
	}
	others, err := verify.NewSignature(verify.SignatureConfig{
		Algorithm: verify.SHA1, Signature: headers(field), Signed: "{url}{body}",
	}, s.Secrets...)
	if err != nil {
		return nil, err
	}
	return &signalWire{forms: forms, others: others}, nil
}

func vonageRow(p *Profile, s *Settings) (verify.Verifier, error) {
	return jwt.New(jwt.Config{
		Scheme: p.Name, Algorithms: []jwt.Algorithm{"HS256"},
		Rules:    token.Rules{Issuers: []string{"Vonage"}, MaxAge: verify.DefaultTolerance, ExpirationOptional: true, Leeway: 30 * time.Second},
		BodyHash: &jwt.BodyHash{Hash: jwt.Hash{Claim: "payload_hash"}, UnlessEmpty: true},
	}, s.Secrets...)
}

func vonageSMSRow(p *Profile, s *Settings) (verify.Verifier, error) {
	return newLegacyVonage(p.Name, s.option("method", "md5hash"), s.Secrets...)
}

func sinchVoiceRow(_ *Profile, s *Settings) (verify.Verifier, error) {
	return verify.NewSignature(verify.SignatureConfig{
		KeyEncoding: verify.KeyBase64, Encoding: verify.Base64,
		Signature: verify.Selector{Headers: []string{"Authorization"}, Prefix: "Application " + s.option("key_id", "") + ":", FoldPrefix: true},
		Signed:    "{method}\n{body.md5.base64}\n{header.content-type}\nx-timestamp:{timestamp}\n{path}",
		Timestamp: rfc3339(headers("x-timestamp")),
	}, s.Secrets...)
}

func messageBirdRow(p *Profile, s *Settings) (verify.Verifier, error) {
	return jwt.New(jwt.Config{
		Scheme: p.Name, Header: "MessageBird-Signature-JWT", Algorithms: []jwt.Algorithm{"HS256", "HS384", "HS512"},
		Rules:    token.Rules{Issuers: []string{"MessageBird"}, RequireID: true, ExpirationInclusive: true, Leeway: time.Second},
		BodyHash: &jwt.BodyHash{Hash: jwt.Hash{Claim: "payload_hash"}, UnlessEmpty: true},
		URLHash:  &jwt.Hash{Claim: "url_hash"},
	}, s.Secrets...)
}

// mainAccountOption is for subaccounts of Plivo, whose requests have signatures
// of both.
var mainAccountOption = Option{Name: "account", Arg: "main|sub", Doc: "which signature to verify, if a subaccount sends: that of the main account or its own; default: `sub`"}

// plivoField returns the header field of the signature that the settings ask
// for, of the two that are named.
func plivoField(s *Settings, sub, main string) (string, error) {
	switch account := s.option("account", "sub"); account {
	case "sub":
		return sub, nil
	case "main":
		return main, nil
	default:
		return "", fmt.Errorf("account is %q, not main or sub", account)
	}
}

func plivoRow(p *Profile, s *Settings) (verify.Verifier, error) {
	field, err := plivoField(s, "X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3")
	if err != nil {
		return nil, err
	}
	return newPlivoV3(p.Name, field, s.Secrets...)
}

func plivoV2Row(_ *Profile, s *Settings) (verify.Verifier, error) {
	field, err := plivoField(s, "X-Plivo-Signature-V2", "X-Plivo-Signature-Ma-V2")
	if err != nil {
		return nil, err
	}
	return newPlivoV2(field, s.Secrets...)
}

func gatewayAPIRow(p *Profile, s *Settings) (verify.Verifier, error) {
	return jwt.New(jwt.Config{
		Scheme: p.Name, Header: "X-Gwapi-Signature", Algorithms: []jwt.Algorithm{"HS256"},
		Rules: token.Rules{ExpirationOptional: true},
	}, s.Secrets...)
}

func betstackRow(p *Profile, s *Settings) (verify.Verifier, error) {
	return newBetstack(p.Name, s.Secrets...)
}

// metaRow refuses all handshakes if no verify token is known, so that the log
// says what is missing.
func metaRow(s *Settings) (handshake, error) {
	if len(s.Options["verify_token"]) == 0 {
		return new(metaHandshake), nil
	}
	return newMetaHandshake(s.Options["verify_token"]...)
}

func cloudEventsRow(s *Settings) (handshake, error) {
	origins := s.Options["allow_origin"]
	rate, err := strconv.Atoi(s.option("rate", "0"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("rate is %q, not a number of requests per minute", s.option("rate", ""))
	case len(origins) == 0 && s.Options["rate"] != nil:
		return nil, errors.New("rate without allow_origin")
	case len(origins) == 0:
		return nil, nil
	}
	return newCloudEventsHandshake(origins, rate)
}

// asanaRow makes an ordinary verifier of secrets that are known, or else one that
// learns its secret.
func asanaRow(p *Profile, s *Settings) (verify.Verifier, error) {
	build := func(secrets ...string) (verify.Verifier, error) {
		return verify.NewSignature(verify.SignatureConfig{Signature: headers("X-Hook-Signature")}, secrets...)
	}
	file, text := s.option("enroll", ""), s.option("window", "")
	switch {
	case file == "" && text != "":
		return nil, errors.New("window without enroll")
	case file == "":
		return build(s.Secrets...)
	case len(s.Secrets) > 0:
		return nil, errors.New("a secret and enroll exclude each other")
	}
	var window time.Duration
	if text != "" {
		var err error
		if window, err = parseDuration(text); err != nil {
			return nil, fmt.Errorf("window is %q, not a duration such as 10m", text)
		}
	}
	return newAsanaEnrollment(file, s.Now, window, build)
}

// parseDuration parses a duration that may be in days, as all others in
// configurations may.
func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}

func graphRow(p *Profile, s *Settings) (verify.Verifier, error) {
	return newGraph(p.Name, s.Secrets...)
}

func pubSubRow(p *Profile, s *Settings) (verify.Verifier, error) {
	keys, err := jwt.NewRemote(jwt.RemoteConfig{URL: "https://www.googleapis.com/oauth2/v3/certs", Client: s.Client, Failed: s.Failed})
	if err != nil {
		return nil, err
	}
	return jwt.New(jwt.Config{
		Scheme: p.Name, Algorithms: []jwt.Algorithm{"RS256"}, Keys: keys,
		Rules: token.Rules{
			Issuers:   []string{"https://accounts.google.com", "accounts.google.com"},
			Audiences: s.Options["audience"],
			Claims:    []token.Claim{{Name: "email", Values: s.Options["email"]}, {Name: "email_verified", Values: []string{"true"}}},
			Leeway:    30 * time.Second,
		},
	})
}

func snsRow(p *Profile, s *Settings) (verify.Verifier, error) {
	return newSNS(p.Name, s.Client, s.Options["topic"]...)
}

func snsConfirmRow(s *Settings) (handshake, error) {
	switch confirm := s.option("confirm", "auto"); confirm {
	case "auto":
		return snsHandshake{client: s.Client}, nil
	case "manual":
		return nil, nil
	default:
		return nil, fmt.Errorf("confirm is %q, not auto or manual", confirm)
	}
}

func fusionAuthRow(p *Profile, s *Settings) (verify.Verifier, error) {
	c := jwt.Config{
		Scheme: p.Name, Header: "X-FusionAuth-Signature-JWT", Algorithms: []jwt.Algorithm{"HS256", "HS384", "HS512"},
		Rules:    token.Rules{ExpirationOptional: true},
		BodyHash: &jwt.BodyHash{Hash: jwt.Hash{Claim: "request_body_sha256", Encoding: verify.Base64}},
	}
	if url := s.option("jwks", ""); url != "" {
		keys, err := jwt.NewRemote(jwt.RemoteConfig{URL: url, Client: s.Client, Failed: s.Failed})
		if err != nil {
			return nil, fmt.Errorf("jwks: %w", err)
		}
		c.Keys = keys
		c.Algorithms = []jwt.Algorithm{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"}
	}
	return jwt.New(c, s.Secrets...)
}

func adyenRow(p *Profile, s *Settings) (verify.Verifier, error) {
	return newAdyen(p.Name, s.Secrets...)
}

func payPalRow(p *Profile, s *Settings) (verify.Verifier, error) {
	return newPayPal(p.Name, s.Client, nil, s.Options["webhook_id"]...)
}
