package token_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/token"
)

var now = time.Unix(1700000000, 0)

func decode(t testing.TB, text string) token.Claims {
	claims, err := token.Decode([]byte(text))
	require.NoError(t, err)
	return claims
}

func TestTimes(t *testing.T) {
	lenient := token.Rules{ExpirationOptional: true, Leeway: 30 * time.Second}
	for name, tt := range map[string]struct {
		rules  token.Rules
		claims string
		reason verify.Reason
	}{
		"valid":                     {token.Rules{}, `{"exp":1700000001}`, ""},
		"over at its instant":       {token.Rules{}, `{"exp":1700000000}`, verify.ReasonExpired},
		"inclusive":                 {token.Rules{ExpirationInclusive: true}, `{"exp":1700000000}`, ""},
		"inclusive, over":           {token.Rules{ExpirationInclusive: true}, `{"exp":1699999999}`, verify.ReasonExpired},
		"inclusive, leeway":         {token.Rules{ExpirationInclusive: true, Leeway: time.Second}, `{"exp":1699999999}`, ""},
		"inclusive, leeway, over":   {token.Rules{ExpirationInclusive: true, Leeway: time.Second}, `{"exp":1699999998}`, verify.ReasonExpired},
		"leeway":                    {lenient, `{"exp":1699999971}`, ""},
		"leeway, over":              {lenient, `{"exp":1699999970}`, verify.ReasonExpired},
		"fraction":                  {token.Rules{}, `{"exp":1700000000.5}`, ""},
		"exponent":                  {token.Rules{}, `{"exp":17e9}`, ""},
		"year 9999":                 {token.Rules{}, `{"exp":253402300799}`, ""},
		"no exp":                    {token.Rules{}, `{}`, verify.ReasonMissing},
		"no exp needed":             {lenient, `{}`, ""},
		"exp 0":                     {lenient, `{"exp":0}`, verify.ReasonExpired},
		"exp null":                  {lenient, `{"exp":null}`, verify.ReasonMalformed},
		"exp text":                  {lenient, `{"exp":"1700000001"}`, verify.ReasonMalformed},
		"exp true":                  {lenient, `{"exp":true}`, verify.ReasonMalformed},
		"exp negative":              {lenient, `{"exp":-1}`, verify.ReasonMalformed},
		"exp huge":                  {lenient, `{"exp":1e300}`, verify.ReasonMalformed},
		"exp beyond all numbers":    {lenient, `{"exp":1e999}`, verify.ReasonMalformed},
		"exp in milliseconds":       {lenient, `{"exp":1700000000000}`, verify.ReasonMalformed},
		"nbf now":                   {lenient, `{"nbf":1700000000}`, ""},
		"nbf within leeway":         {lenient, `{"nbf":1700000030}`, ""},
		"nbf ahead":                 {lenient, `{"nbf":1700000031}`, verify.ReasonFuture},
		"nbf text":                  {lenient, `{"nbf":"1"}`, verify.ReasonMalformed},
		"iat within leeway":         {lenient, `{"iat":1700000030}`, ""},
		"iat ahead":                 {lenient, `{"iat":1700000031}`, verify.ReasonFuture},
		"iat list":                  {lenient, `{"iat":[1]}`, verify.ReasonMalformed},
		"names are case-sensitive":  {token.Rules{}, `{"Exp":1700000001}`, verify.ReasonMissing},
		"jti":                       {token.Rules{ExpirationOptional: true, RequireID: true}, `{"jti":"a"}`, ""},
		"no jti":                    {token.Rules{ExpirationOptional: true, RequireID: true}, `{}`, verify.ReasonMissing},
		"empty jti":                 {token.Rules{ExpirationOptional: true, RequireID: true}, `{"jti":""}`, verify.ReasonMissing},
		"jti that can't be an ID":   {lenient, `{"jti":7}`, verify.ReasonMalformed},
		"nothing said of a missing": {lenient, `{"iss":"x","aud":["y"]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			requireVerdict(t, tt.reason, tt.rules.Check(decode(t, tt.claims), now))
		})
	}
}

func requireVerdict(t testing.TB, reason verify.Reason, err error) {
	t.Helper()
	if reason == "" {
		require.NoError(t, err)
		return
	}
	var rejection *verify.Error
	require.ErrorAs(t, err, &rejection)
	require.Equal(t, reason, rejection.Reason)
}

func TestRequiredClaims(t *testing.T) {
	claim := func(name string, values ...string) token.Rules {
		return token.Rules{ExpirationOptional: true, Claims: []token.Claim{{Name: name, Values: values}}}
	}
	issuer := token.Rules{ExpirationOptional: true, Issuers: []string{"a", "https://a"}}
	audience := token.Rules{ExpirationOptional: true, Audiences: []string{"a", "b"}}
	for name, tt := range map[string]struct {
		rules  token.Rules
		claims string
		ok     bool
	}{
		"issuer":                 {issuer, `{"iss":"https://a"}`, true},
		"issuer, other":          {issuer, `{"iss":"https://a/"}`, false},
		"issuer, missing":        {issuer, `{}`, false},
		"issuer, list":           {issuer, `{"iss":["a"]}`, false},
		"audience":               {audience, `{"aud":"b"}`, true},
		"audience, list":         {audience, `{"aud":["x","b"]}`, true},
		"audience, other":        {audience, `{"aud":["x","ab"]}`, false},
		"audience, missing":      {audience, `{}`, false},
		"audience, empty":        {audience, `{"aud":[]}`, false},
		"audience, list in list": {audience, `{"aud":[["a"]]}`, false},
		"text":                   {claim("c", "x", "y"), `{"c":"y"}`, true},
		"text, other":            {claim("c", "x", "y"), `{"c":"X"}`, false},
		"text, part":             {claim("c", "x"), `{"c":"xy"}`, false},
		"text, list":             {claim("c", "x"), `{"c":["a","x"]}`, true},
		"text, missing":          {claim("c", "x"), `{"C":"x"}`, false},
		"text, null":             {claim("c", "null"), `{"c":null}`, false},
		"text, object":           {claim("c", "x"), `{"c":{"x":"x"}}`, false},
		"true":                   {claim("c", "true"), `{"c":true}`, true},
		"true, false":            {claim("c", "true"), `{"c":false}`, false},
		"true, text":             {claim("c", "true"), `{"c":"true"}`, false},
		"true, number":           {claim("c", "true"), `{"c":1}`, false},
		"false":                  {claim("c", "false"), `{"c":false}`, true},
		"number":                 {claim("c", "12345678901234567890"), `{"c":12345678901234567890}`, true},
		"number, text":           {claim("c", "12"), `{"c":"12"}`, true},
		"number, other spelling": {claim("c", "1"), `{"c":1.0}`, false},
		"scope":                  {claim("scope", "b"), `{"scope":"a b c"}`, true},
		"scope, all":             {claim("scope", "c", "a"), `{"scope":"a b c"}`, true},
		"scope, not all":         {claim("scope", "c", "d"), `{"scope":"a b c"}`, false},
		"scope, part":            {claim("scope", "b"), `{"scope":"a bc ab"}`, false},
		"scope, list":            {claim("scp", "a", "b"), `{"scp":["b","a"]}`, true},
		"scope, list, not all":   {claim("scp", "a", "b"), `{"scp":["b"]}`, false},
		"no scope":               {claim("c", "b"), `{"c":"a b"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, tt.rules.Validate())
			err := tt.rules.Check(decode(t, tt.claims), now)
			if tt.ok {
				require.NoError(t, err)
				return
			}
			requireVerdict(t, verify.ReasonClaim, err)
		})
	}
}

func TestValidate(t *testing.T) {
	for message, r := range map[string]token.Rules{
		"negative leeway":   {Leeway: -1},
		"empty issuer":      {Issuers: []string{"a", ""}},
		"empty audience":    {Audiences: []string{""}},
		"without a name":    {Claims: []token.Claim{{Values: []string{"x"}}}},
		"claim c: no value": {Claims: []token.Claim{{Name: "c"}}},
		"claim d: no value": {Claims: []token.Claim{{Name: "d", Values: []string{"x", ""}}}},
		"claim e is there":  {Claims: []token.Claim{{Name: "e", Values: []string{"x"}}, {Name: "e", Values: []string{"y"}}}},
		"spaces separate":   {Claims: []token.Claim{{Name: "scope", Values: []string{"a b"}}}},
	} {
		require.ErrorContains(t, r.Validate(), message)
	}
}

func TestDecode(t *testing.T) {
	claims := decode(t, ` {"a":1.50,"b":[true,null,{"c":"d"}],"e":{}} `)
	require.Equal(t, token.Claims{
		"a": json.Number("1.50"),
		"b": []any{true, nil, map[string]any{"c": "d"}},
		"e": map[string]any{},
	}, claims)
	for text, want := range map[string]error{
		``:                           token.ErrMalformed,
		`{`:                          token.ErrMalformed,
		`[]`:                         token.ErrMalformed,
		`null`:                       token.ErrMalformed,
		`{} {}`:                      token.ErrMalformed,
		`{"a":1,}`:                   token.ErrMalformed,
		`{"a":01}`:                   token.ErrMalformed,
		`{"a":1,"a":1}`:              token.ErrDuplicate,
		`{"a":{"b":1,"b":2}}`:        token.ErrDuplicate,
		`{"a":[{"b":1,"\u0062":2}]}`: token.ErrDuplicate,
	} {
		_, err := token.Decode([]byte(text))
		require.ErrorIs(t, err, want, text)
	}
}

// FuzzDecode compares with the standard library, which accepts more only where
// names are not unique, or values nested too deeply.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\ud800"}],"c":{"d":1e999},"":-0}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		claims, err := token.Decode(b)
		if err != nil {
			return
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		var want map[string]any
		require.NoError(t, d.Decode(&want))
		require.Equal(t, want, map[string]any(claims))
	})
}
