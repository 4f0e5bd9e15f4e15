package provider

import (
	"slices"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
	"github.com/caddy-relay/caddy-relay/verify/fetch"
)

// Profile is what is known of a provider: how its requests prove who sent them,
// and what its events are like. Everything in it is from the documentation or
// the libraries of the provider.
type Profile struct {
	// Name is that of the scheme in configurations, and Aliases are others
	// that it goes by.
	Name    string
	Aliases []string
	// Title is what the provider calls itself, or the product.
	Title string
	// Docs is where it says how it signs, without "https://".
	Docs string
	// Secret is what it calls the secrets that have to be configured, such as
	// "signing secret", or empty if there are none.
	Secret string
	// Options are what else can or must be configured.
	Options []Option
	// Note is what users must know, as a sentence or two, or empty.
	Note string

	// Exactly one of these says how to verify. Signature is for what can be
	// written down as data, and new for everything else.
	Signature *verify.SignatureConfig
	new       builder
	// handshake is nil if the provider does not try endpoints.
	handshake func(*Settings) (handshake, error)
	// bodyless is set if new makes verifiers that don't look at the body.
	bodyless bool
	// challenge is the WWW-Authenticate of refusals, or empty.
	challenge string
	// SelfHosted is set if keys are got from where the user says.
	SelfHosted bool

	Event Event
}

// Event is what a provider's events are like, and what it makes of answers.
type Event struct {
	// ID and Type are where they are found, as placeholders of events such as
	// {event.header.X-GitHub-Event}, or empty. The ID is that of the event,
	// which repeats have in common.
	ID, Type string
	// Status is what a good answer must have, or 0 if any 2xx will do.
	Status int
	// Deadline is how long it waits for an answer, or 0 if that isn't known.
	Deadline time.Duration
	// Retries says what it does without a good answer in time, as a phrase, or
	// is empty if that isn't known.
	Retries string
	// Disables is set if it turns the endpoint off after bad answers.
	Disables bool
}

// Option is a setting beside the secrets.
type Option struct {
	// Name is that in configurations, and Arg is what stands for its value in
	// the documentation.
	Name, Arg string
	// Doc is a phrase.
	Doc      string
	Required bool
	// Many is set if there may be several values, any of which will do.
	Many bool
	// ReplacesSecret is set if no secret is needed with the option.
	ReplacesSecret bool
}

// builder makes a verifier of settings that were checked against the profile.
type builder func(p *Profile, s *Settings) (verify.Verifier, error)

// Settings are what the configuration says.
type Settings struct {
	// Secrets are any of those that a sender may use.
	Secrets []string
	// Options are the values of options by name.
	Options map[string][]string
	// Client gets keys and certificates from providers that publish them.
	Client *fetch.Client
	// Failed, if not nil, is told when keys could not be fetched.
	Failed func(error)
	// Now is when the configuration is loaded.
	Now time.Time
}

// option returns the value of an option that has at most one.
func (s *Settings) option(name, fallback string) string {
	if values := s.Options[name]; len(values) > 0 {
		return values[0]
	}
	return fallback
}

// profiles are all tables, in the order of the documentation.
var profiles = slices.Concat(messaging, development, commerce, business)

// byName has the profiles by their names and aliases.
var byName = index(profiles)

func index(profiles []*Profile) map[string]*Profile {
	m := make(map[string]*Profile, 2*len(profiles))
	for _, p := range profiles {
		for _, name := range append([]string{p.Name}, p.Aliases...) {
			if m[name] != nil {
				panic("two providers have the name " + name)
			}
			m[name] = p
		}
	}
	return m
}

// Profiles returns all profiles in the order of the documentation.
func Profiles() []*Profile { return slices.Clone(profiles) }

// Lookup returns the profile of a provider by its name or alias, or nil.
func Lookup(name string) *Profile { return byName[name] }
