package pubkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func spki(t *testing.T, public crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	return encode("PUBLIC KEY", der)
}

func TestParse(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	edPublic, edKey, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1, 0)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, edPublic, edKey)
	require.NoError(t, err)

	for text, want := range map[string]crypto.PublicKey{
		spki(t, &rsaKey.PublicKey): &rsaKey.PublicKey,
		encode("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)): &rsaKey.PublicKey,
		spki(t, &ecKey.PublicKey):          &ecKey.PublicKey,
		spki(t, edPublic):                  edPublic,
		encode("CERTIFICATE", certificate): edPublic,
	} {
		got, err := Parse(text + "\n ")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestParseRefuses(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	public, _, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	good := spki(t, public)
	noPoint := make(ed25519.PublicKey, 32)
	noPoint[0] = 2
	for text, message := range map[string]string{
		"":                                    "not PEM",
		"sEcReT":                              "not PEM",
		good + good:                           "behind the first block",
		good + "sEcReT":                       "behind the first block",
		encode("PUBLIC KEY", []byte("x")):     "public key that can't be read",
		encode("RSA PUBLIC KEY", []byte("x")): "rsa public key that can't be read",
		encode("CERTIFICATE", []byte("x")):    "certificate that can't be read",
		encode("PRIVATE KEY", []byte("x")):    "neither a public key nor a certificate",
		spki(t, &short.PublicKey):             "an RSA key of 1024 bits",
		spki(t, make(ed25519.PublicKey, 32)):  "small order",
		spki(t, noPoint):                      "not an Ed25519 key",
	} {
		_, err := Parse(text)
		require.ErrorContains(t, err, message)
		require.NotContains(t, err.Error(), "sEcReT")
	}
	require.ErrorContains(t, Check(ed25519.PublicKey("short")), "32 bytes")
	require.ErrorContains(t, Check("a string"), "neither an RSA")
}

// FuzzParse looks for texts that make it panic, or pass a key that Check refuses.
func FuzzParse(f *testing.F) {
	f.Add(encode("PUBLIC KEY", []byte("x")))
	f.Add(strings.Repeat("-----BEGIN", 3))
	f.Fuzz(func(t *testing.T, text string) {
		if public, err := Parse(text); err == nil {
			require.NoError(t, Check(public))
		}
	})
}
