package verify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
)

var now = time.Unix(1700000000, 0)

// These sign as the senders of that name do.
var (
	github = verify.SignatureConfig{
		Scheme:    "github",
		Signature: verify.Selector{Headers: []string{"X-Hub-Signature-256"}, Prefix: "sha256="},
		ID:        &verify.Selector{Headers: []string{"X-GitHub-Delivery"}},
	}
	standardWebhooks = verify.SignatureConfig{
		Scheme:      "standard_webhooks",
		KeyEncoding: verify.KeyBase64,
		KeyPrefix:   "whsec_",
		Signature:   verify.Selector{Headers: []string{"webhook-signature", "svix-signature"}, Split: " ", Prefix: "v1,"},
		Encoding:    verify.Base64,
		Signed:      "{id}.{timestamp}.{body}",
		Timestamp:   &verify.TimestampConfig{Selector: verify.Selector{Headers: []string{"webhook-timestamp", "svix-timestamp"}}},
		ID:          &verify.Selector{Headers: []string{"webhook-id", "svix-id"}},
	}
)

func mac(key, content string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(content))
	return h.Sum(nil)
}

func sign(key, content string) string { return hex.EncodeToString(mac(key, content)) }

// reason returns why a request was rejected, or "".
func reason(t testing.TB, v verify.Verifier, r *verify.Request) verify.Reason {
	return reasonAt(t, v, r, now)
}

func reasonAt(t testing.TB, v verify.Verifier, r *verify.Request, at time.Time) verify.Reason {
	identity, err := v.Verify(t.Context(), r, at)
	if err == nil {
		require.NotZero(t, identity)
		return ""
	}
	require.Zero(t, identity)
	var e *verify.Error
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Reason)
	return e.Reason
}

func post(body string, header ...string) *verify.Request {
	r := &verify.Request{
		Method: http.MethodPost, Scheme: "https", Host: "hooks.example.com:8443", Target: "/in/a%2Fb?x=1",
		Header: make(http.Header), Body: []byte(body),
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func newSignature(t testing.TB, c verify.SignatureConfig, secrets ...string) *verify.Signature {
	v, err := verify.NewSignature(c, secrets...)
	require.NoError(t, err)
	return v
}

func header(names ...string) verify.Selector { return verify.Selector{Headers: names} }

func TestSignedContent(t *testing.T) {
	id, timestamp := header("X-Id"), &verify.TimestampConfig{Selector: header("X-Time")}
	for signed, content := range map[verify.Template]string{
		"":                                "hello",
		"{body}":                          "hello",
		"v0:{timestamp}:{body}":           "v0:1700000000:hello",
		"{id}.{timestamp}.{body}":         "e1.1700000000.hello",
		"{body}{timestamp}":               "hello1700000000",
		"{body}{body}":                    "hellohello",
		"{method}\n{url}\n{path}\n{body}": "POST\nhttps://hooks.example.com:8443/in/a%2Fb?x=1\n/in/a%2Fb\nhello",
		"{header.content-type};{body}":    "text/plain;hello",
		"{id}":                            "e1",
	} {
		c := verify.SignatureConfig{Signature: header("X-Sig"), Signed: signed, ID: &id}
		if strings.Contains(string(signed), "{timestamp}") {
			c.Timestamp = timestamp
		}
		v := newSignature(t, c, "k")
		r := post("hello", "X-Sig", sign("k", content), "X-Id", "e1", "X-Time", "1700000000", "Content-Type", "text/plain")
		require.Empty(t, reason(t, v, r), signed)
		r.Header.Set("X-Sig", sign("k", content+"."))
		require.Equal(t, verify.ReasonMismatch, reason(t, v, r), signed)
	}
}

// stripeLike signs id, timestamp, and body, and lists timestamp and
// signatures in one field.
func stripeLike(t testing.TB, secrets ...string) *verify.Signature {
	return newSignature(t, verify.SignatureConfig{
		Scheme:    "test",
		Signature: verify.Selector{Headers: []string{"X-Sig"}, Split: ",", Prefix: "v1="},
		Signed:    "{id}.{timestamp}.{body}",
		Timestamp: &verify.TimestampConfig{Selector: verify.Selector{Headers: []string{"X-Sig"}, Split: ",", Prefix: "t="}},
		ID:        &verify.Selector{Headers: []string{"X-Id", "X-Alt-Id"}},
	}, secrets...)
}

func TestReasons(t *testing.T) {
	v := stripeLike(t, "k")
	good := sign("k", "e1.1700000000.hello")
	at := func(ts int64) string {
		s := strconv.FormatInt(ts, 10)
		return "t=" + s + ",v1=" + sign("k", "e1."+s+".hello")
	}
	bad := ",v1=" + strings.Repeat("0", 64)
	tests := map[string]struct {
		header []string
		reason verify.Reason
	}{
		"valid":                        {[]string{"X-Sig", at(1700000000), "X-Id", "e1"}, ""},
		"second name of the id":        {[]string{"X-Sig", at(1700000000), "X-Alt-Id", "e1"}, ""},
		"oldest":                       {[]string{"X-Sig", at(1700000000 - 300), "X-Id", "e1"}, ""},
		"newest":                       {[]string{"X-Sig", at(1700000000 + 300), "X-Id", "e1"}, ""},
		"8 signatures":                 {[]string{"X-Sig", "t=1700000000" + strings.Repeat(bad, 7) + ",v1=" + good, "X-Id", "e1"}, ""},
		"unknown members":              {[]string{"X-Sig", "v0=x,,a," + at(1700000000), "X-Id", "e1"}, ""},
		"9 signatures":                 {[]string{"X-Sig", "t=1700000000" + strings.Repeat(bad, 8) + ",v1=" + good, "X-Id", "e1"}, verify.ReasonMalformed},
		"stale":                        {[]string{"X-Sig", at(1700000000 - 301), "X-Id", "e1"}, verify.ReasonStale},
		"future":                       {[]string{"X-Sig", at(1700000000 + 301), "X-Id", "e1"}, verify.ReasonFuture},
		"milliseconds":                 {[]string{"X-Sig", at(1700000000000), "X-Id", "e1"}, verify.ReasonFuture},
		"14 digits":                    {[]string{"X-Sig", "t=01700000000000,v1=" + good, "X-Id", "e1"}, verify.ReasonMalformed},
		"signed number":                {[]string{"X-Sig", "t=+1700000000,v1=" + good, "X-Id", "e1"}, verify.ReasonMalformed},
		"empty timestamp":              {[]string{"X-Sig", "t=,v1=" + good, "X-Id", "e1"}, verify.ReasonMissing},
		"no timestamp":                 {[]string{"X-Sig", "v1=" + good, "X-Id", "e1"}, verify.ReasonMissing},
		"two timestamps":               {[]string{"X-Sig", "t=1700000000," + at(1700000000), "X-Id", "e1"}, verify.ReasonDuplicate},
		"no header":                    {[]string{"X-Id", "e1"}, verify.ReasonMissing},
		"empty header":                 {[]string{"X-Sig", "", "X-Id", "e1"}, verify.ReasonMissing},
		"header twice":                 {[]string{"X-Sig", at(1700000000), "X-Sig", at(1700000000), "X-Id", "e1"}, verify.ReasonDuplicate},
		"no signature of our version":  {[]string{"X-Sig", "t=1700000000,v0=" + good, "X-Id", "e1"}, verify.ReasonMissing},
		"undecodable signatures only":  {[]string{"X-Sig", "t=1700000000,v1=xx", "X-Id", "e1"}, verify.ReasonMalformed},
		"shortened signature":          {[]string{"X-Sig", "t=1700000000,v1=" + good[:62], "X-Id", "e1"}, verify.ReasonMalformed},
		"no id":                        {[]string{"X-Sig", at(1700000000)}, verify.ReasonMissing},
		"empty id":                     {[]string{"X-Sig", at(1700000000), "X-Id", ""}, verify.ReasonMissing},
		"id twice":                     {[]string{"X-Sig", at(1700000000), "X-Id", "e1", "X-Id", "e1"}, verify.ReasonDuplicate},
		"dot in the id":                {[]string{"X-Sig", at(1700000000), "X-Id", "e.1"}, verify.ReasonMalformed},
		"space in the id":              {[]string{"X-Sig", at(1700000000), "X-Id", "e 1"}, verify.ReasonMalformed},
		"other id":                     {[]string{"X-Sig", at(1700000000), "X-Id", "e2"}, verify.ReasonMismatch},
		"only signatures of other key": {[]string{"X-Sig", "t=1700000000" + bad, "X-Id", "e1"}, verify.ReasonMismatch},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.reason, reason(t, v, post("hello", test.header...)))
		})
	}
}

func TestSignedHeader(t *testing.T) {
	v := newSignature(t, verify.SignatureConfig{Signature: header("X-Sig"), Signed: "{header.x-a}{body}"}, "k")
	signature := sign("k", "1hello")
	require.Empty(t, reason(t, v, post("hello", "X-Sig", signature, "X-A", "1")))
	require.Equal(t, verify.ReasonMissing, reason(t, v, post("hello", "X-Sig", signature)))
	require.Equal(t, verify.ReasonDuplicate, reason(t, v, post("hello", "X-Sig", signature, "X-A", "1", "X-A", "1")))
}

func TestUnsignedID(t *testing.T) {
	id := header("X-Id")
	v := newSignature(t, verify.SignatureConfig{Signature: header("X-Sig"), ID: &id}, "k")
	for value, want := range map[string]verify.Reason{
		"a.b": "", "a b": verify.ReasonMalformed, "\xff": verify.ReasonMalformed,
	} {
		require.Equal(t, want, reason(t, v, post("hello", "X-Sig", sign("k", "hello"), "X-Id", value)), value)
	}
	identity, err := v.Verify(t.Context(), post("hello", "X-Sig", sign("k", "hello")), now)
	require.NoError(t, err)
	require.Empty(t, identity.ID)
}

func TestWhatIsRead(t *testing.T) {
	id := header("x-id", "x-sig")
	v := newSignature(t, verify.SignatureConfig{
		Signature: header("X-Sig"), Signed: "{header.x-a}{timestamp}{body}", ID: &id,
		Timestamp: &verify.TimestampConfig{Selector: header("x-time")},
	}, "k")
	require.Equal(t, []string{"X-A", "X-Id", "X-Sig", "X-Time"}, v.HeaderNames())
	require.True(t, v.CoversBody())
	require.False(t, newSignature(t, verify.SignatureConfig{Signature: header("X-Sig"), Signed: "{id}", ID: &id}, "k").CoversBody())
}

func TestTimestampFormats(t *testing.T) {
	for text, format := range map[string]verify.TimestampFormat{
		"1700000000":                       verify.Unix,
		"1700000000123":                    verify.UnixMilli,
		"2023-11-14T22:13:20Z":             verify.RFC3339,
		"2023-11-14T23:13:20.123456+01:00": verify.RFC3339,
	} {
		v := newSignature(t, verify.SignatureConfig{
			Signature: header("X-Sig"), Signed: "{timestamp}{body}",
			Timestamp: &verify.TimestampConfig{Selector: header("X-Time"), Format: format},
		}, "k")
		identity, err := v.Verify(t.Context(), post("hello", "X-Sig", sign("k", text+"hello"), "X-Time", text), now)
		require.NoError(t, err, text)
		require.WithinDuration(t, now, identity.Timestamp, time.Second)
		for _, other := range []string{"x", "2023-11-14", "17e8", " 1700000000"} {
			require.Equal(t, verify.ReasonMalformed, reason(t, v, post("hello", "X-Sig", sign("k", other+"hello"), "X-Time", other)), other)
		}
	}
}

func TestRotation(t *testing.T) {
	secrets := []string{"first", "second", "third"}
	v := stripeLike(t, secrets...)
	for i, secret := range secrets {
		r := post("hello", "X-Sig", "t=1700000000,v1="+sign(secret, "e1.1700000000.hello"), "X-Id", "e1")
		identity, err := v.Verify(t.Context(), r, now)
		require.NoError(t, err)
		digest := [sha256.Size]byte(mac(secret, "e1.1700000000.hello"))
		require.Equal(t, verify.Identity{Scheme: "test", ID: "e1", IDSigned: true, Timestamp: now, Key: i + 1, Digest: digest}, identity)
	}
	r := post("hello", "X-Sig", "t=1700000000,v1="+sign("fourth", "e1.1700000000.hello"), "X-Id", "e1")
	require.Equal(t, verify.ReasonMismatch, reason(t, v, r))
}

// TestBitFlips changes every single bit of what is signed, and of the
// signature.
func TestBitFlips(t *testing.T) {
	v := stripeLike(t, "k")
	const id, timestamp, body = "evt_1", "1700000000", `{"amount":100}`
	signature := sign("k", id+"."+timestamp+"."+body)
	request := func(id, timestamp, body, signature string) *verify.Request {
		return post(body, "X-Sig", "t="+timestamp+",v1="+signature, "X-Id", id)
	}
	require.Empty(t, reason(t, v, request(id, timestamp, body, signature)))
	flips := func(s string, try func(flipped string)) {
		for i := range 8 * len(s) {
			b := []byte(s)
			b[i/8] ^= 1 << (i % 8)
			try(string(b))
		}
	}
	flips(id, func(s string) { require.NotEmpty(t, reason(t, v, request(s, timestamp, body, signature))) })
	flips(timestamp, func(s string) { require.NotEmpty(t, reason(t, v, request(id, s, body, signature))) })
	flips(body, func(s string) {
		require.Equal(t, verify.ReasonMismatch, reason(t, v, request(id, timestamp, s, signature)))
	})
	flips(signature, func(s string) {
		// The case of a hexadecimal digit is no part of its value.
		same := strings.EqualFold(s, signature)
		require.Equal(t, same, reason(t, v, request(id, timestamp, body, s)) == "", s)
	})
}

// TestBase64IsCanonical checks that a signature has one spelling only.
func TestBase64IsCanonical(t *testing.T) {
	for _, a := range []verify.Algorithm{verify.SHA1, verify.SHA256, verify.SHA512} {
		v := newSignature(t, verify.SignatureConfig{Algorithm: a, Signature: header("X-Sig"), Encoding: verify.Base64}, "k")
		size := map[verify.Algorithm]int{verify.SHA1: 20, verify.SHA256: 32, verify.SHA512: 64}[a]
		zero := base64.StdEncoding.EncodeToString(make([]byte, size))
		require.Equal(t, verify.ReasonMismatch, reason(t, v, post("", "X-Sig", zero)))
		for _, s := range []string{
			base64.RawStdEncoding.EncodeToString(make([]byte, size)),
			zero + "\n",
			"\n\n\n\n" + zero[4:],
			strings.Replace(zero, "A=", "B=", 1),
		} {
			require.Equal(t, verify.ReasonMalformed, reason(t, v, post("", "X-Sig", s)), s)
		}
	}
}

func TestRefusedConfigs(t *testing.T) {
	valid := func() verify.SignatureConfig { return verify.SignatureConfig{Signature: header("X-Sig")} }
	timestamp := &verify.TimestampConfig{Selector: header("X-Time")}
	many := strings.Split(strings.Repeat("k ", 17), " ")[:17]
	tests := map[string]struct {
		change  func(*verify.SignatureConfig)
		secrets []string
		message string
	}{
		"no secret":            {nil, nil, "no secret"},
		"empty secret":         {nil, []string{"k", ""}, "secret 2: empty"},
		"too many secrets":     {nil, many, "17 secrets, at most 16"},
		"prefix only":          {func(c *verify.SignatureConfig) { c.KeyPrefix = "whsec_" }, []string{"whsec_"}, "secret 1: empty"},
		"bad base64":           {func(c *verify.SignatureConfig) { c.KeyEncoding = verify.KeyBase64 }, []string{"sEcReT!"}, "secret 1: not standard base64"},
		"line break in base64": {func(c *verify.SignatureConfig) { c.KeyEncoding = verify.KeyBase64 }, []string{"c2VjcmV0\n"}, "secret 1: line break"},
		"bad hex":              {func(c *verify.SignatureConfig) { c.KeyEncoding = verify.KeyHex }, []string{"sEcReT!"}, "secret 1: not hexadecimal"},
		"algorithm":            {func(c *verify.SignatureConfig) { c.Algorithm = "md4" }, []string{"k"}, `"md4" is not one of md5, sha1, sha256, sha512`},
		"encoding":             {func(c *verify.SignatureConfig) { c.Encoding = "raw" }, []string{"k"}, `"raw" is not one of hex, base64`},
		"key encoding":         {func(c *verify.SignatureConfig) { c.KeyEncoding = "pem" }, []string{"k"}, `"pem" is not one of raw, base64, hex`},
		"no header":            {func(c *verify.SignatureConfig) { c.Signature = header() }, []string{"k"}, "signature: no name of a header"},
		"header name":          {func(c *verify.SignatureConfig) { c.Signature = header("X Sig") }, []string{"k"}, `signature: "X Sig" is not a header name`},
		"empty header name":    {func(c *verify.SignatureConfig) { c.Signature = header("X-Sig", "") }, []string{"k"}, `signature: "" is not a header name`},
		"template":             {func(c *verify.SignatureConfig) { c.Signed = "{bod}" }, []string{"k"}, "signed content: unknown variable {bod}"},
		"timestamp unsigned":   {func(c *verify.SignatureConfig) { c.Timestamp = timestamp }, []string{"k"}, "timestamp: the signed content has no {timestamp}"},
		"timestamp nowhere":    {func(c *verify.SignatureConfig) { c.Signed = "{timestamp}" }, []string{"k"}, "timestamp: the signed content has {timestamp}"},
		"timestamp header": {func(c *verify.SignatureConfig) {
			c.Signed, c.Timestamp = "{timestamp}", &verify.TimestampConfig{}
		}, []string{"k"}, "timestamp: no name of a header"},
		"timestamp format": {func(c *verify.SignatureConfig) {
			c.Signed, c.Timestamp = "{timestamp}", &verify.TimestampConfig{Selector: header("T"), Format: "ntp"}
		}, []string{"k"}, `timestamp: "ntp" is not one of unix, unix_ms, rfc3339`},
		"tolerance": {func(c *verify.SignatureConfig) {
			c.Signed, c.Timestamp = "{timestamp}", &verify.TimestampConfig{Selector: header("T"), Tolerance: -1}
		}, []string{"k"}, "timestamp: negative tolerance"},
		"no secret in the hash": {func(c *verify.SignatureConfig) { c.Algorithm = verify.PlainSHA256 }, []string{"k"}, "no {secret}"},
		"secret in the content": {func(c *verify.SignatureConfig) { c.Signed = "{secret}{body}" }, []string{"k"}, "with the algorithm sha256-prefix only"},
		"shared spki":           {func(c *verify.SignatureConfig) { c.KeyEncoding = verify.KeySPKI }, []string{"k"}, "spki is a public key"},
		"raw ed25519":           {func(c *verify.SignatureConfig) { c.Algorithm = verify.Ed25519 }, []string{"k"}, "hex, base64, or spki"},
		"raw ecdsa":             {func(c *verify.SignatureConfig) { c.Algorithm = verify.ECDSAP256 }, []string{"k"}, "written as spki"},
		"short ed25519": {func(c *verify.SignatureConfig) {
			c.Algorithm, c.KeyEncoding = verify.Ed25519, verify.KeyHex
		}, []string{"00"}, "secret 1: an Ed25519 key has 32 bytes"},
		"zero ed25519": {func(c *verify.SignatureConfig) {
			c.Algorithm, c.KeyEncoding = verify.Ed25519, verify.KeyHex
		}, []string{strings.Repeat("00", 32)}, "secret 1: an Ed25519 key of small order"},
		"other key": {func(c *verify.SignatureConfig) {
			c.Algorithm, c.KeyEncoding = verify.Ed25519, verify.KeySPKI
		}, []string{"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lfw0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ=="}, "secret 1: the key is for another algorithm"},
		"two places":     {func(c *verify.SignatureConfig) { c.Signature.Query = "sig" }, []string{"k"}, "signature: more than one of"},
		"pointer":        {func(c *verify.SignatureConfig) { c.Signature = verify.Selector{JSON: "sig"} }, []string{"k"}, "not a JSON Pointer"},
		"pointer escape": {func(c *verify.SignatureConfig) { c.Signature = verify.Selector{JSON: "/a~2"} }, []string{"k"}, "not a JSON Pointer"},
		"nonce unsigned": {func(c *verify.SignatureConfig) { c.Nonce = &verify.Selector{Query: "n"} }, []string{"k"}, "nonce: the signed content has no {nonce}"},
		"nonce nowhere":  {func(c *verify.SignatureConfig) { c.Signed = "{nonce}" }, []string{"k"}, "nonce: the signed content has {nonce}"},
		"id nowhere":     {func(c *verify.SignatureConfig) { c.Signed = "{id}" }, []string{"k"}, "id: the signed content has {id}"},
		"id header":      {func(c *verify.SignatureConfig) { c.ID = &verify.Selector{} }, []string{"k"}, "id: no name of a header"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := valid()
			if test.change != nil {
				test.change(&c)
			}
			_, err := verify.NewSignature(c, test.secrets...)
			require.ErrorContains(t, err, test.message)
			require.NotContains(t, err.Error(), "sEcReT")
		})
	}
}

func TestKeyEncodings(t *testing.T) {
	for e, secret := range map[verify.KeyEncoding]string{
		verify.KeyRaw: "secret", verify.KeyBase64: "c2VjcmV0", verify.KeyHex: "736563726574",
	} {
		c := verify.SignatureConfig{Signature: header("X-Sig"), KeyEncoding: e, KeyPrefix: "key_"}
		r := post("hello", "X-Sig", sign("secret", "hello"))
		require.Empty(t, reason(t, newSignature(t, c, secret), r), e)
		require.Empty(t, reason(t, newSignature(t, c, "key_"+secret), r), e)
	}
}

// TestMessagesOfOneSecond sees to it that two messages are not taken for one
// because nothing that differs between them is signed.
func TestMessagesOfOneSecond(t *testing.T) {
	timestamp, nonce := &verify.TimestampConfig{Selector: header("X-Time")}, header("X-Nonce")
	for signed, knows := range map[verify.Template]bool{
		"{timestamp}{url}": false, "{timestamp}{body}": true, "{timestamp}{nonce}": true, "{timestamp}{body.sha256.hex}": true,
	} {
		c := verify.SignatureConfig{Signature: header("X-Sig"), Signed: signed, Timestamp: timestamp}
		if strings.Contains(string(signed), "nonce") {
			c.Nonce = &nonce
		}
		v := newSignature(t, c, "k")
		require.Equal(t, knows, v.KnowsRepeats(), signed)
		r := post("hello")
		require.NoError(t, v.Sign(r, now))
		identity, err := v.Verify(t.Context(), r, now)
		require.NoError(t, err)
		_, ok := identity.ReplayKey()
		require.Equal(t, knows, ok, signed)
	}
}
