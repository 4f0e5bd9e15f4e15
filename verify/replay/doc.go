// Package replay lets each message pass once. Of the requests that bring the
// same one, the first is worked on while the others wait; once it is accepted,
// they get the same answer, and if it is not, the next of them takes over.
//
// The package imports neither Caddy nor the relay engine.
package replay
