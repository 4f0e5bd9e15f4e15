package caddymodule

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-relay/caddy-relay/verify"
)

func init() {
	caddy.RegisterModule(MTLSScheme{})
}

// MTLSScheme verifies whom a client certificate was issued to. That a client
// has one, of an authority that is trusted, is for Caddy to see to: with
// `client_auth` in the site's `tls`, in one of the modes `verify_if_given` and
// `require_and_verify`. In the other modes certificates prove nothing, and no
// request passes.
//
// Any of the names may match. They must match exactly, except that DNS names
// have no upper and lower case; an asterisk stands for nothing but itself.
// Placeholders such as `{env.NAME}` are resolved when the config is loaded, and
// an unset or empty one is an error. The name that matched is the subject.
type MTLSScheme struct {
	// Common names of the certificate's subject.
	CommonNames []string `json:"common_names,omitempty"`

	// DNS names among the subject's alternative names.
	DNSNames []string `json:"dns_names,omitempty"`

	// Email addresses among the subject's alternative names.
	Emails []string `json:"emails,omitempty"`

	// URIs among the subject's alternative names, such as SPIFFE IDs.
	URIs []string `json:"uris,omitempty"`

	// Distinguished names of the subject, as the placeholder
	// `{http.request.tls.client.subject}` shows them: `CN=hooks,O=Example,C=US`.
	Subjects []string `json:"subjects,omitempty"`

	*certificateVerifier `json:"-"`
}

type certificateVerifier = verify.Certificates

// CaddyModule returns the Caddy module information.
func (MTLSScheme) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "verify.schemes.mtls",
		New: func() caddy.Module { return new(MTLSScheme) },
	}
}

// Provision sets up s.
func (s *MTLSScheme) Provision(caddy.Context) error {
	var names verify.CertificateNames
	for _, list := range []struct {
		option   string
		from     []string
		resolved *[]string
	}{
		{"common_name", s.CommonNames, &names.CommonNames},
		{"dns", s.DNSNames, &names.DNSNames},
		{"email", s.Emails, &names.Emails},
		{"uri", s.URIs, &names.URIs},
		{"subject", s.Subjects, &names.Subjects},
	} {
		for _, text := range list.from {
			name, err := resolveSecret(text)
			if err != nil {
				return fmt.Errorf("%s: %w", list.option, err)
			}
			*list.resolved = append(*list.resolved, name)
		}
	}
	var err error
	s.certificateVerifier, err = verify.NewCertificates(names)
	return err
}

// NeedsBody returns false: a certificate says nothing of the body.
func (*MTLSScheme) NeedsBody() bool { return false }

// KnowsRepeats returns false: a certificate says nothing of the message.
func (*MTLSScheme) KnowsRepeats() bool { return false }

// UnmarshalCaddyfile sets up s from Caddyfile tokens. Syntax:
//
//	mtls {
//		common_name <name>...
//		dns         <name>...
//		email       <address>...
//		uri         <uri>...
//		subject     <distinguished_name>...
//	}
//
// At least one is required, and any may match.
func (s *MTLSScheme) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume scheme name
	if d.NextArg() {
		return d.ArgErr()
	}
	found := false
	for d.NextBlock(0) {
		var names *[]string
		switch d.Val() {
		case "common_name":
			names = &s.CommonNames
		case "dns":
			names = &s.DNSNames
		case "email":
			names = &s.Emails
		case "uri":
			names = &s.URIs
		case "subject":
			names = &s.Subjects
		default:
			return d.Errf("unrecognized option '%s'", d.Val())
		}
		if err := parseCertificateNames(d, names); err != nil {
			return err
		}
		found = true
	}
	if !found {
		return d.Err("no name of a certificate")
	}
	return nil
}

// parseCertificateNames appends the arguments of an option, of which there must
// be one.
func parseCertificateNames(d *caddyfile.Dispenser, names *[]string) error {
	option := d.Val()
	if d.CountRemainingArgs() == 0 {
		return d.ArgErr()
	}
	for d.NextArg() {
		if d.Val() == "" {
			return d.Errf("%s is empty", option)
		}
		*names = append(*names, d.Val())
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*MTLSScheme)(nil)
	_ caddyfile.Unmarshaler = (*MTLSScheme)(nil)
	_ verify.Verifier       = (*MTLSScheme)(nil)
	_ bodyUser              = (*MTLSScheme)(nil)
	_ repeatKnower          = (*MTLSScheme)(nil)
)
