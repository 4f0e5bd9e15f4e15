package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/caddy-relay/caddy-relay/verify"
)

const verifyLong = `
Says whether the server would accept a request, and if not, why. The directive
file holds one verify directive as in a site block of a Caddyfile; a matcher is
ignored, and placeholders such as {env.NAME} are resolved as the server does.
The request file holds a raw HTTP/1.1 request, as it was captured; - is the
standard input. Its body is kept byte by byte. No server is needed, but keys are
fetched if the scheme does so, and tokens are sent to the server that issued
them if that is how the scheme checks them.

	$ cat directive
	verify stripe {env.STRIPE_SECRET} {env.STRIPE_SECRET_OLD}
	$ caddy relay verify --directive directive --request request
	valid
	scheme: stripe
	key: 2
	timestamp: 2023-11-14T22:13:20Z (12 s ago)
	hint: The second secret matched, and not the first.

	$ caddy relay verify --directive directive --request request.old
	invalid
	scheme: stripe
	reason: stale_timestamp
	field: Stripe-Signature
	hint: The timestamp is 412 s old, and at most 300 s are accepted: the request came late or is an old one sent again, or a clock is wrong. The signature itself is right.

The first line is one of
- valid: the request would pass; what is known of its sender follows.
- invalid: it would be refused; the reason is the one in logs and metrics, and
  hints say what it means and what the usual mistakes are.
- handshake: it is a try of the endpoint that nobody signed.
Tries of the endpoint, be they signed and so valid or not, come with the answer
that they would get. Those of Amazon SNS, which would be confirmed, and of Asana,
whose secret would be kept, are left alone.

An old request is valid at its own time: give that with --now. Schemes that sign
the URL need to know the one that the sender has: --public-url replaces the
public_url of the directive, and without both it is https:// with the Host and
the path of the request. Whether a message came before (once) is not looked at.

No secret and no expected signature is ever shown.

The exit status is 0 if the request is valid or a handshake, 1 if it is invalid,
and 2 if that could not be found out.
`

func newVerifyCommand() *cobra.Command {
	var directive, request, publicURL string
	var now func() time.Time
	cmd := newCommand("verify --directive <file> --request <file|-> [--now <unix>] [--public-url <url>]",
		"Says whether a captured request is authentic, and why not", verifyLong,
		func(cmd *cobra.Command) error { return runVerify(cmd, directive, request, publicURL, now()) })
	cmd.Flags().StringVarP(&directive, "directive", "d", "", "The file with the verify directive")
	cmd.Flags().StringVarP(&request, "request", "r", "", "The file with the raw request, or - for the standard input")
	cmd.Flags().StringVar(&publicURL, "public-url", "", "The URL that the sender used")
	now = nowFlag(cmd)
	return cmd
}

func runVerify(cmd *cobra.Command, directive, request, publicURL string, now time.Time) error {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: cmd.Context()})
	defer cancel()
	h, err := loadDirective(ctx, cmd, directive)
	if err != nil {
		return err
	}
	url := h.url
	if publicURL != "" {
		if url, err = parsePublicURL(publicURL); err != nil {
			return fmt.Errorf("--public-url: %w", err)
		}
		url.replaceQuery = true // Nobody is let in here.
	}
	if request == "" {
		return errors.New("--request is required")
	}
	raw, err := readInput(cmd, request, maxRequest)
	if err != nil {
		return err
	}
	c, err := parseCapture(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", request, err)
	}
	out := &report{w: cmd.OutOrStdout(), now: now}
	if err := h.examine(ctx, c, &url, out); err != nil {
		return err
	}
	return out.err()
}

// examine does what the handler does with a request, and reports it.
func (h *Verify) examine(ctx context.Context, c *capture, url *publicURL, out *report) error {
	if h.MaxBody > 0 && int64(len(c.body)) > h.MaxBody {
		out.invalid(h.name, &verify.Error{Reason: reasonBodyTooLarge}, verify.Hint{
			Sentence: fmt.Sprintf("The body has %d bytes, and at most %d are accepted: set max_body.", len(c.body), h.MaxBody),
		})
		out.hints(c.remarks)
		return nil
	}
	r := c.request(h, url)
	if h.handshaker != nil && !changesSomething(h.verifier) {
		response, err := h.handshaker.Handshake(ctx, &r, out.now)
		switch {
		case err != nil:
			return h.reportRefusal(ctx, c, &r, err, out)
		case response != nil:
			if identity, _, err := h.verify(ctx, &r, out.now); err == nil {
				out.valid(&identity)
			} else {
				out.handshake(h.name)
			}
			out.hints(c.remarks)
			out.answer(response)
			return nil
		}
	}
	identity, _, err := h.verify(ctx, &r, out.now)
	if err != nil {
		return h.reportRefusal(ctx, c, &r, err, out)
	}
	if c.cutOff {
		// The server would wait for the rest, whatever the scheme looks at.
		out.invalid(h.name, &verify.Error{Reason: reasonBodyUnreadable}, verify.Hint{})
	} else {
		out.valid(&identity)
	}
	out.hints(c.remarks)
	return nil
}

func (h *Verify) reportRefusal(ctx context.Context, c *capture, r *verify.Request, err error, out *report) error {
	refused, ok := errors.AsType[*verify.Error](err)
	if !ok {
		return fmt.Errorf("it could not be decided: %w", err)
	}
	var hint verify.Hint
	for _, name := range c.dropped {
		dropped := "The server drops header fields with _ or . in their names, such as " + name + "."
		if refused.Reason == verify.ReasonMissing && strings.EqualFold(hyphenated.Replace(name), hyphenated.Replace(refused.Field)) {
			hint = verify.Hint{Cause: verify.CauseDropped, Sentence: dropped}
			continue
		}
		c.remarks = append(c.remarks, dropped)
	}
	if hint.Cause == "" {
		hint, _ = explain(ctx, h.verifier, r, out.now, err)
	}
	out.invalid(h.name, refused, hint)
	out.hints(c.remarks)
	return nil
}

// changesSomething reports whether answering a handshake does more than to
// answer: it may confirm a subscription, or store a secret.
func changesSomething(scheme verify.Verifier) bool {
	if c, ok := scheme.(chooser); ok {
		return slices.ContainsFunc(c.alternatives(), changesSomething)
	}
	p, ok := scheme.(*PresetScheme)
	return ok && slices.Contains([]string{"aws_sns", "asana"}, p.Profile().Name)
}
