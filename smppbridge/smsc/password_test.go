package smsc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// argon2idHashOfSecret2 is that of "secret2", with little cost.
const argon2idHashOfSecret2 = "$argon2id$v=19$m=64,t=1,p=1$c2FsdCBvZiAxNiBvY3RldA$KfBJ/BvuKIsQbXIGounS1uZ/9w3/yz0B7QjwIe9rZjY"

func TestParsePassword(t *testing.T) {
	argon := strings.Split(argon2idHashOfSecret2, "$")
	with := func(i int, field string) string {
		changed := append([]string(nil), argon...)
		changed[i] = field
		return strings.Join(changed, "$")
	}
	for name, tt := range map[string]struct{ hash, err string }{
		"bcrypt":               {secretHash, ""},
		"argon2id":             {argon2idHashOfSecret2, ""},
		"argon2id of caddy":    {"$argon2id$v=19$m=47104,t=1,p=1$P2nzckEdTZ3bxCiBCkRTyA$xQL3Z32eo5jKl7u5tcIsnEKObYiyNZQQf5/4sAau6Pg", ""},
		"bcrypt of caddy":      {"$2a$14$X3ulqf/iGxnf1k6oMZ.RZeJUoqI9PX2PM4rS5lkIKJXduLGXGPrt6", ""},
		"nothing":              {"", "not a hash"},
		"clear text":           {"secret", "not a hash"},
		"MD5":                  {"$1$abc$def", "not a hash"},
		"argon2i":              {strings.Replace(argon2idHashOfSecret2, "argon2id", "argon2i", 1), "not a hash"},
		"bcrypt too costly":    {strings.Replace(secretHash, "$04$", "$16$", 1), "takes too long"},
		"bcrypt too cheap":     {strings.Replace(secretHash, "$04$", "$03$", 1), "malformed hash of bcrypt"},
		"bcrypt too short":     {secretHash[:59], "malformed hash of bcrypt"},
		"bcrypt too long":      {secretHash + "x", "malformed hash of bcrypt"},
		"bcrypt of what":       {secretHash[:20] + "!" + secretHash[21:], "malformed hash of bcrypt"},
		"argon2id version":     {with(2, "v=16"), "malformed hash of argon2id"},
		"argon2id parameters":  {with(3, "m=64,t=1"), "malformed hash of argon2id"},
		"argon2id order":       {with(3, "t=1,m=64,p=1"), "malformed hash of argon2id"},
		"argon2id more":        {with(3, "m=64,t=1,p=1,x=1"), "malformed hash of argon2id"},
		"argon2id no time":     {with(3, "m=64,t=0,p=1"), "malformed hash of argon2id"},
		"argon2id no threads":  {with(3, "m=64,t=1,p=0"), "malformed hash of argon2id"},
		"argon2id no memory":   {with(3, "m=7,t=1,p=1"), "malformed hash of argon2id"},
		"argon2id big memory":  {with(3, "m=262145,t=1,p=1"), "costs too much"},
		"argon2id long time":   {with(3, "m=64,t=11,p=1"), "costs too much"},
		"argon2id all threads": {with(3, "m=128,t=1,p=9"), "costs too much"},
		"argon2id overflow":    {with(3, "m=4294967360,t=1,p=1"), "malformed hash of argon2id"},
		"argon2id salt":        {with(4, "c2FsdA"), "malformed hash of argon2id"},
		"argon2id salt coding": {with(4, "!!!!!!!!!!!!!!!!"), "malformed hash of argon2id"},
		"argon2id no key":      {with(5, ""), "malformed hash of argon2id"},
		"argon2id key coding":  {with(5, "!!!!!!!!!!!!!!!!!!!!!!!!!!"), "malformed hash of argon2id"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := ParsePassword(tt.hash)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "*** ***", fmt.Sprintf("%v %#v", p, p))
		})
	}
	require.True(t, password(t, secretHash).verifier.verify("secret"))
	require.False(t, password(t, secretHash).verifier.verify("secret2"))
	require.False(t, password(t, secretHash).verifier.verify("secret"+strings.Repeat("x", 100)))
	require.True(t, password(t, argon2idHashOfSecret2).verifier.verify("secret2"))
	require.False(t, password(t, argon2idHashOfSecret2).verifier.verify("secret"))
}

func FuzzParsePassword(f *testing.F) {
	f.Add(secretHash)
	f.Add(argon2idHashOfSecret2)
	f.Fuzz(func(t *testing.T, hash string) {
		p, err := ParsePassword(hash)
		if err != nil {
			require.Zero(t, p)
			return
		}
		require.NotNil(t, p.verifier)
	})
}
