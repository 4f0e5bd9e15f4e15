package caddymodule

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// namedSecret matches secrets that are a placeholder and nothing else, so
// that they can be shown in errors.
var namedSecret = regexp.MustCompile(`^\{(env|file)\.[^{}]+\}$`)

// knownBraces matches braces that are escaped, and those of placeholders.
var knownBraces = regexp.MustCompile(`\\[{}]|\{[^{}]*\}`)

// resolveSecrets replaces placeholders such as {env.NAME} and
// {file.PATH} in secrets. It fails if one is unknown or empty, since an empty
// secret is one that everybody knows. No error has any part of a secret.
func resolveSecrets(secrets []string) ([]string, error) {
	resolved := make([]string, len(secrets))
	for i, secret := range secrets {
		var err error
		if resolved[i], err = resolveSecret(secret); err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
	}
	return resolved, nil
}

func resolveSecret(secret string) (string, error) {
	value, err := resolvePEM(secret)
	if err == nil && strings.ContainsAny(value, "\r\n") {
		// Caddy removes one from the end of a file. Whoever has more of them
		// there would look for the cause of mismatches for long.
		return "", errors.New("it has a line break; a file may have one at its end, and no more")
	}
	return value, err
}

// resolvePEM does what resolveSecret does for what may have several lines.
func resolvePEM(secret string) (string, error) {
	value, err := caddy.NewReplacer().ReplaceOrErr(secret, true, true)
	switch {
	case err != nil && namedSecret.MatchString(secret):
		return "", fmt.Errorf("%s is unset, unreadable, or empty", secret)
	case err != nil, strings.ContainsAny(knownBraces.ReplaceAllString(secret, ""), "{}"):
		// The replacer takes "{env.NAME" for a text, which all who see the
		// configuration would know to be the secret. The error of the replacer shows what is in the braces.
		return "", errors.New(`it has a placeholder that is unknown, unset, empty, or not closed; braces that belong to it are written \{ and \}`)
	case value == "":
		return "", errors.New("empty")
	}
	return value, nil
}
