package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-relay/caddy-relay/verify"
)

const signLong = `
Prints a raw HTTP/1.1 request that the server would accept, signed as the sender
would sign it, with the first secret of the directive. The directive file holds
one verify directive as in a site block of a Caddyfile; of any { ... } it is the
first scheme that can sign.

The request is made of --method, --url, --header and --body, or is the raw one
in the file --request, whose signature is replaced. Ids and nonces are kept, or
made up. With public_url in the directive that is the URL which is signed.
Schemes with a public key need the private one, as a PEM file in --private-key.
What only the sender itself can sign, as with PayPal, Amazon SNS, or Google,
can't be made, nor can what is not in a request: addresses and certificates.

	$ cat directive
	verify github {env.GITHUB_SECRET}
	$ caddy relay sign --directive directive --body event.json \
		--url https://hooks.example.com/github \
		--header 'Content-Type: application/json' > request
	$ caddy relay verify --directive directive --request request
	valid
	scheme: github
	key: 1

A raw request can be sent as it is, which is the safest, since no byte changes:

	$ nc -q 5 localhost 8080 < request
	$ openssl s_client -quiet -connect hooks.example.com:443 < request

With curl, header and body are given apart, and --data-binary keeps the body:

	$ sed -e '1d' -e '/^\r$/,$d' request > header
	$ sed -e '1,/^\r$/d' request > body
	$ curl -H @header --data-binary @body https://hooks.example.com/github

The exit status is 0, or 2 if the request can't be made.
`

// newRequestFlags are those of a request that is made, and not read.
type newRequestFlags struct {
	method, url, body string
	header            []string
}

// signFlags are the flags of the command.
type signFlags struct {
	directive, request, privateKey string
	newRequestFlags
}

func newSignCommand() *cobra.Command {
	var f signFlags
	var now func() time.Time
	cmd := newCommand(
		`sign --directive <file> [--request <file|->] [--method <method>] [--url <url>] [--header "<name>: <value>"]... [--body <file|->] [--private-key <file>] [--now <unix>]`,
		"Makes a signed request, for tests", signLong,
		func(cmd *cobra.Command) error { return runSign(cmd, &f, now()) })
	flags := cmd.Flags()
	flags.StringVarP(&f.directive, "directive", "d", "", "The file with the verify directive")
	flags.StringVarP(&f.request, "request", "r", "", "The file with a raw request, or - for the standard input")
	flags.StringVarP(&f.method, "method", "X", "", "The method (default POST)")
	flags.StringVarP(&f.url, "url", "u", "", "The URL (default the public_url, or else https://localhost/)")
	flags.StringArrayVarP(&f.header, "header", "H", nil, "A header field, which may be given several times")
	flags.StringVarP(&f.body, "body", "b", "", "The file with the body, or - for the standard input (default none)")
	flags.StringVar(&f.privateKey, "private-key", "", "The PEM file with the private key, for schemes with public keys")
	now = nowFlag(cmd)
	return cmd
}

func runSign(cmd *cobra.Command, f *signFlags, now time.Time) error {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: cmd.Context()})
	defer cancel()
	h, err := loadDirective(ctx, cmd, f.directive)
	if err != nil {
		return err
	}
	r, err := f.read(cmd, h)
	if err != nil {
		return err
	}
	sign, err := f.signer(cmd, h)
	if err != nil {
		return err
	}
	if err := h.sign(r, sign, now); err != nil {
		return fmt.Errorf("signing for the scheme %s: %w", h.name, err)
	}
	// What this command makes must be good, whatever the schemes say.
	signed := *r
	h.url.apply(&signed)
	if _, _, err := h.verify(ctx, &signed, now); err != nil {
		hint, _ := explain(ctx, h.verifier, &signed, now, err)
		return fmt.Errorf("what was signed for the scheme %s is refused: %w. %s", h.name, err, hint.Sentence)
	}
	return writeRequest(cmd.OutOrStdout(), r)
}

// read returns the request to sign.
func (f *signFlags) read(cmd *cobra.Command, h *Verify) (*verify.Request, error) {
	if f.request == "" {
		return f.make(cmd, h)
	}
	if f.method != "" || f.url != "" || f.body != "" || len(f.header) > 0 {
		return nil, errors.New("--request and --method, --url, --header, --body exclude each other")
	}
	raw, err := readInput(cmd, f.request, maxRequest)
	if err != nil {
		return nil, err
	}
	c, err := parseCapture(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.request, err)
	}
	r := verifyRequest(c.http, c.body)
	return &r, nil
}

// make returns the request that the flags describe.
func (f *newRequestFlags) make(cmd *cobra.Command, h *Verify) (*verify.Request, error) {
	r := &verify.Request{Method: f.method, Header: make(http.Header)}
	if r.Method == "" {
		r.Method = http.MethodPost
	}
	if !httpguts.ValidHeaderFieldName(r.Method) { // the same set of characters
		return nil, errors.New("--method is not a method")
	}
	if err := f.setURL(r, h); err != nil {
		return nil, err
	}
	for _, field := range f.header {
		name, value, _ := strings.Cut(field, ":")
		value = strings.Trim(value, " \t")
		switch name = http.CanonicalHeaderKey(name); {
		case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
			return nil, errors.New(`--header is not of the form "<name>: <value>"`)
		case name == "Host" || name == "Content-Length" || name == "Transfer-Encoding":
			return nil, fmt.Errorf("--header: %s is made of the other flags", name)
		}
		r.Header.Add(name, value)
	}
	if f.body == "" {
		return r, nil
	}
	var err error
	r.Body, err = readInput(cmd, f.body, maxRequest)
	return r, err
}

func (f *newRequestFlags) setURL(r *verify.Request, h *Verify) error {
	url := h.url
	switch {
	case f.url != "":
		var err error
		if url, err = parsePublicURL(f.url); err != nil {
			return fmt.Errorf("--url: %w", err)
		}
		if strings.Contains(url.host, "@") {
			return errors.New("--url: a user is not part of a request's URL")
		}
	case url.host == "":
		url = publicURL{scheme: "https", host: "localhost"}
	}
	r.Scheme, r.Host, r.Target = url.scheme, url.host, cmp.Or(url.path, "/")+url.query
	if i := strings.LastIndexByte(r.Host, '@'); i >= 0 {
		r.Host = r.Host[i+1:]
	}
	return nil
}
