// Package httpsig verifies and makes HTTP message signatures (RFC 9421) of
// requests, and checks the Content-Digest (RFC 9530) that they cover.
//
// The RFC lets a signature cover anything, or nothing, and name its own
// algorithm. What a [Verifier] accepts is therefore said by its [Config] alone:
// the components that must be covered, the age, and the one algorithm that each
// key is for.
//
// Like package verify, which it is part of, it reads no clock and opens no
// connection, and imports neither Caddy nor the relay engine. A Verifier is safe
// for concurrent use.
package httpsig
