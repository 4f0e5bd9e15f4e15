// Package systemtest tests the built binary as its users run it: it starts
// Caddy with the modules as a process of its own, sends it events, kills it,
// reloads it, takes its disk space away, and counts what arrives. It holds
// nothing but tests.
package systemtest
