// Package verify decides whether an HTTP request is authentic, and says who
// sent it. A [Verifier] looks at the request as it was received (method, URL,
// header, raw body) and at the time, and returns an [Identity] or an [*Error]
// with a reason from a closed set.
//
// [Signature] is the declarative verifier that most providers' signatures can be
// written down for; package provider has the ones that are written down already.
// [Basic], [Bearer] and [Token] check static credentials.
//
// The package is pure: it reads no clock, opens no connection of its own, logs
// nothing, and imports neither Caddy nor the relay engine. All verifiers are
// safe for concurrent use.
package verify
