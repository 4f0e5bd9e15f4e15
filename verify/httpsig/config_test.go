package httpsig_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify/httpsig"
)

// keyPair is a key in all the forms in which it can be configured.
type keyPair struct {
	public, certificate, private string
	signer                       crypto.Signer
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func newKeyPair(t testing.TB, signer crypto.Signer, err error) keyPair {
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(signer.Public())
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(signer)
	require.NoError(t, err)
	// It expired long ago, which nobody is to look at.
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1, 0)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	require.NoError(t, err)
	return keyPair{encodePEM("PUBLIC KEY", public), encodePEM("CERTIFICATE", certificate), encodePEM("PRIVATE KEY", private), signer}
}

// keyPairs returns one key pair for each asymmetric algorithm.
var keyPairs = sync.OnceValue(func() map[httpsig.Algorithm]keyPair {
	t := new(testing.T)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	pairs := map[httpsig.Algorithm]keyPair{httpsig.RSAPSSSHA512: newKeyPair(t, rsaKey, err)}
	pairs[httpsig.RSAV15SHA256] = pairs[httpsig.RSAPSSSHA512]
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	pairs[httpsig.ECDSAP256SHA256] = newKeyPair(t, p256, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	pairs[httpsig.ECDSAP384SHA384] = newKeyPair(t, p384, err)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	pairs[httpsig.Ed25519] = newKeyPair(t, edwards, err)
	return pairs
})

func TestKeyTypes(t *testing.T) {
	compatible := map[httpsig.Algorithm]httpsig.Algorithm{
		httpsig.RSAPSSSHA512: httpsig.RSAV15SHA256, httpsig.RSAV15SHA256: httpsig.RSAPSSSHA512,
	}
	for algorithm := range keyPairs() {
		for other, pair := range keyPairs() {
			_, err := httpsig.New(httpsig.Config{Keys: []httpsig.Key{{ID: "k", Algorithm: algorithm, Value: pair.public}}})
			if algorithm == other || compatible[algorithm] == other {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, "key 1: the key is for another algorithm")
			}
		}
	}
}

func TestRefusedKeys(t *testing.T) {
	pairs := keyPairs()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	smallDER := x509.MarshalPKCS1PublicKey(&small.PublicKey)
	large := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 8200, 1), E: 65537}
	edwards := func(point string) string {
		der, err := hex.DecodeString("302a300506032b6570032100" + point)
		require.NoError(t, err)
		return encodePEM("PUBLIC KEY", der)
	}
	public := pairs[httpsig.Ed25519].public
	for _, test := range []struct {
		name      string
		algorithm httpsig.Algorithm
		value     string
		message   string
	}{
		{"empty secret", httpsig.HMACSHA256, "", "empty"},
		{"secret that is not base64", httpsig.HMACSHA256, "s3cr3t!", "not standard base64"},
		{"unpadded secret", httpsig.HMACSHA256, "c2VjcmV0MQ", "not standard base64"},
		{"PEM as a secret", httpsig.HMACSHA256, public, "base64"},
		{"secret as PEM", httpsig.Ed25519, secret, "not PEM"},
		{"empty", httpsig.Ed25519, "", "not PEM"},
		{"two blocks", httpsig.Ed25519, public + public, "behind the first block"},
		{"text behind", httpsig.Ed25519, public + "x", "behind the first block"},
		{"other block", httpsig.Ed25519, encodePEM("X509 CRL", []byte("x")), "neither a public key nor a certificate"},
		{"broken public key", httpsig.Ed25519, encodePEM("PUBLIC KEY", []byte("x")), "public key that can't be read"},
		{"broken certificate", httpsig.Ed25519, encodePEM("CERTIFICATE", []byte("x")), "certificate that can't be read"},
		{"broken private key", httpsig.Ed25519, encodePEM("PRIVATE KEY", []byte("x")), "private key that can't be read"},
		{"small RSA key", httpsig.RSAPSSSHA512, encodePEM("RSA PUBLIC KEY", smallDER), "an RSA key of 1024 bits; it must have 2048 to 8192"},
		{"large RSA key", httpsig.RSAV15SHA256, encodePEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(large)), "an RSA key of 8201 bits"},
		{"zero key", httpsig.Ed25519, edwards(strings.Repeat("00", 32)), "small order"},
		{"neutral element", httpsig.Ed25519, edwards("01" + strings.Repeat("00", 31)), "small order"},
		{"key of order 8", httpsig.Ed25519, edwards("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "small order"},
		{"not on the curve", httpsig.Ed25519, edwards("02" + strings.Repeat("00", 31)), "not an Ed25519 key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := httpsig.Config{Keys: []httpsig.Key{{ID: "k", Algorithm: test.algorithm, Value: test.value}}}
			require.NoError(t, config.Validate(), "the value may be a placeholder")
			_, err := httpsig.New(config)
			require.ErrorContains(t, err, test.message)
			require.ErrorContains(t, err, "key 1: ")
			if test.value != "" {
				require.NotContains(t, err.Error(), test.value)
			}
		})
	}
}

func TestKeyForms(t *testing.T) {
	pairs := keyPairs()
	rsaKey := pairs[httpsig.RSAPSSSHA512].signer.(*rsa.PrivateKey)
	p256, err := x509.MarshalECPrivateKey(pairs[httpsig.ECDSAP256SHA256].signer.(*ecdsa.PrivateKey))
	require.NoError(t, err)
	for _, key := range []httpsig.Key{
		{Algorithm: httpsig.RSAPSSSHA512, Value: encodePEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey))},
		{Algorithm: httpsig.RSAPSSSHA512, Value: encodePEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))},
		{Algorithm: httpsig.ECDSAP256SHA256, Value: encodePEM("EC PRIVATE KEY", p256)},
		{Algorithm: httpsig.Ed25519, Value: "\n" + pairs[httpsig.Ed25519].public + "\n\t \r\n"},
		{Algorithm: httpsig.Ed25519, Value: strings.ReplaceAll(pairs[httpsig.Ed25519].public, "\n", "\r\n")},
	} {
		key.ID = "k"
		_, err := httpsig.New(httpsig.Config{Keys: []httpsig.Key{key}})
		require.NoError(t, err)
	}
}

func TestRefusedConfigs(t *testing.T) {
	key := httpsig.Key{ID: "k", Algorithm: httpsig.HMACSHA256, Value: secret}
	many := make([]httpsig.Key, 17)
	for i := range many {
		many[i] = key
		many[i].ID = strings.Repeat("k", i+1)
	}
	components := make([]string, 33)
	for i := range components {
		components[i] = strings.Repeat("a", i+1)
	}
	for message, config := range map[string]httpsig.Config{
		"no key":                          {},
		"17 keys, at most 16 are allowed": {Keys: many},
		"key 1: the algorithm is not one of rsa-":  {Keys: []httpsig.Key{{ID: "k"}}},
		"key 2: the algorithm is not one of rsa-":  {Keys: []httpsig.Key{key, {ID: "l", Algorithm: "none"}}},
		"key 1: its id must be":                    {Keys: []httpsig.Key{{Algorithm: httpsig.HMACSHA256}}},
		"key 2: its id must be":                    {Keys: []httpsig.Key{key, {ID: "\u00e9", Algorithm: httpsig.HMACSHA256}}},
		`key 2: there is another one with the id`:  {Keys: []httpsig.Key{key, key}},
		`"Sig" can't be a label`:                   {Keys: []httpsig.Key{key}, Label: "Sig"},
		`"a b" can't be a label`:                   {Keys: []httpsig.Key{key}, Label: "a b"},
		"a tag must be printable ASCII":            {Keys: []httpsig.Key{key}, Tag: "a\nb"},
		"negative max age -1s":                     {Keys: []httpsig.Key{key}, MaxAge: -time.Second},
		"33 components, at most 32 are allowed":    {Keys: []httpsig.Key{key}, Components: components},
		`component "": `:                           {Keys: []httpsig.Key{key}, Components: []string{""}},
		`component "Date": not the name`:           {Keys: []httpsig.Key{key}, Components: []string{"Date"}},
		`component "\"date\"": not a name`:         {Keys: []httpsig.Key{key}, Components: []string{`"date"`}},
		`component "date;": not a name`:            {Keys: []httpsig.Key{key}, Components: []string{"date;"}},
		`component "da\\te": not a name`:           {Keys: []httpsig.Key{key}, Components: []string{`da\te`}},
		`component "@status": there is no such`:    {Keys: []httpsig.Key{key}, Components: []string{"@status"}},
		`component "@signature-params": there is`:  {Keys: []httpsig.Key{key}, Components: []string{"@signature-params"}},
		`component "@query-param": the parameter`:  {Keys: []httpsig.Key{key}, Components: []string{"@query-param"}},
		`component "@path;req": a parameter of it`: {Keys: []httpsig.Key{key}, Components: []string{"@path;req"}},
		`component "date;sf": sf on a header`:      {Keys: []httpsig.Key{key}, Components: []string{"date;sf"}},
		`component "date;bs;sf": bs excludes`:      {Keys: []httpsig.Key{key}, Components: []string{"date;bs;sf"}},
		`component "date" is there twice`:          {Keys: []httpsig.Key{key}, Components: []string{"date", "date"}},
		`component "a;sf;key=\"b\"" is there`:      {Keys: []httpsig.Key{key}, Components: []string{`a;key="b";sf`, `a;sf;key="b"`}},
	} {
		require.ErrorContains(t, config.Validate(), message)
		_, err := httpsig.New(config)
		require.ErrorContains(t, err, message)
	}
	require.NoError(t, httpsig.Config{Keys: many[:16], Components: components[:32]}.Validate())
}

func TestRequirements(t *testing.T) {
	for _, test := range []struct {
		components []string
		headers    []string
		body, url  bool
	}{
		{nil, nil, true, true},
		{[]string{}, nil, false, false},
		{[]string{"@authority"}, nil, false, true},
		{[]string{"@path", "@target-uri"}, nil, false, true},
		{[]string{"@method", "x_a", "content-digest;sf", `date;key="a"`}, []string{"X_a", "Content-Digest", "Date"}, false, false},
		{[]string{"content-digest"}, []string{"Content-Digest"}, true, false},
	} {
		v := newVerifier(t, httpsig.Config{Components: test.components})
		require.Equal(t, test.headers, v.HeaderNames())
		require.Equal(t, test.body, v.CoversBody())
		require.Equal(t, test.url, v.CoversURL())
	}
}
