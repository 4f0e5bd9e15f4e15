package smsc

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// The limits of hashes. Each bind with a password that is not known costs one, so
// that none may take much longer than a second, or much memory.
const (
	maxBcryptCost    = 15
	maxBcryptLength  = 72 // bcrypt does not look at more octets of a password
	maxArgon2Memory  = 256 << 10
	maxArgon2Time    = 10
	maxArgon2Threads = 8
	minArgon2Salt    = 8
	minArgon2Key     = 16
	maxArgon2Octets  = 64 // of salt and key
)

// Password is the hash of a password.
type Password struct {
	hash     string
	verifier verifier
}

// verifier tells whether a password is that of a hash, in constant time.
type verifier interface{ verify(password string) bool }

// ParsePassword reads a hash: bcrypt, or argon2id in the PHC string format, as
// `caddy hash-password` makes them. The error has no part of it.
func ParsePassword(hash string) (Password, error) {
	var v verifier
	var err error
	switch {
	case strings.HasPrefix(hash, "$2"):
		v, err = parseBcrypt(hash)
	case strings.HasPrefix(hash, "$argon2id$"):
		v, err = parseArgon2id(hash)
	default:
		err = errors.New("not a hash of bcrypt or argon2id, as caddy hash-password makes them")
	}
	if err != nil {
		return Password{}, err
	}
	return Password{hash: hash, verifier: v}, nil
}

// String does not show the hash.
func (Password) String() string { return "***" }

// GoString does not show the hash.
func (Password) GoString() string { return "***" }

type bcryptHash []byte

func parseBcrypt(hash string) (verifier, error) {
	cost, err := bcrypt.Cost([]byte(hash))
	if err != nil || len(hash) != 60 {
		return nil, errors.New("a malformed hash of bcrypt")
	}
	if cost > maxBcryptCost {
		return nil, fmt.Errorf("the cost %d of bcrypt takes too long: use at most %d", cost, maxBcryptCost)
	}
	// What is behind the cost is looked at only now.
	if err := bcrypt.CompareHashAndPassword([]byte(hash[:4]+"04"+hash[6:]), nil); err != nil && !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return nil, errors.New("a malformed hash of bcrypt")
	}
	return bcryptHash(hash), nil
}

func (h bcryptHash) verify(password string) bool {
	return len(password) <= maxBcryptLength && bcrypt.CompareHashAndPassword(h, []byte(password)) == nil
}

type argon2idHash struct {
	salt, key    []byte
	time, memory uint32
	threads      uint8
}

// parseArgon2id reads $argon2id$v=19$m=<KiB>,t=<passes>,p=<threads>$<salt>$<key>.
func parseArgon2id(hash string) (verifier, error) {
	malformed := errors.New("a malformed hash of argon2id")
	fields := strings.Split(hash, "$")
	if len(fields) != 6 || fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return nil, malformed
	}
	h := &argon2idHash{}
	n, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads)
	if err != nil || n != 3 || fields[3] != fmt.Sprintf("m=%d,t=%d,p=%d", h.memory, h.time, h.threads) {
		return nil, malformed
	}
	encoding := base64.RawStdEncoding.Strict()
	if h.salt, err = encoding.DecodeString(fields[4]); err != nil {
		return nil, malformed
	}
	if h.key, err = encoding.DecodeString(fields[5]); err != nil {
		return nil, malformed
	}
	switch {
	case len(h.salt) < minArgon2Salt || len(h.salt) > maxArgon2Octets, len(h.key) < minArgon2Key || len(h.key) > maxArgon2Octets,
		h.time == 0, h.threads == 0, h.memory < 8*uint32(h.threads):
		return nil, malformed
	case h.memory > maxArgon2Memory || h.time > maxArgon2Time || h.threads > maxArgon2Threads:
		return nil, fmt.Errorf("the hash of argon2id costs too much: use at most m=%d,t=%d,p=%d", maxArgon2Memory, maxArgon2Time, maxArgon2Threads)
	}
	return h, nil
}

func (h *argon2idHash) verify(password string) bool {
	key := argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(len(h.key))) //nolint:gosec // At most 64.
	return subtle.ConstantTimeCompare(key, h.key) == 1
}
