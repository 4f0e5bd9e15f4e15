// Package provider knows the senders of webhooks by name: what they sign, how
// they try an endpoint before they use it, and what they make of an answer.
//
// Most of them are a row of a table, which the declarative verifier of package
// verify carries out. Those that it can't express have code of their own here:
// Twilio, Plivo, Vonage's signature parameter, Adyen's standard webhooks,
// Betstack and Microsoft Graph, where parameters or members of the body are
// signed one by one, and Amazon SNS and PayPal, which sign with certificates.
//
// The package imports the other packages under verify, and neither Caddy nor the
// relay engine. It logs nothing, and its verifiers are safe for concurrent use.
package provider
