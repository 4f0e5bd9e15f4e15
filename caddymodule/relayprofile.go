package caddymodule

import (
	"net/http"

	"github.com/caddy-relay/caddy-relay/verify/provider"
)

// eventProfile is what a relay handler takes from the profile of the provider
// that a request is from, where its configuration says nothing.
type eventProfile struct {
	id, typ template
	// accepted is the answer, or nil for the usual one.
	accepted *Response
}

// eventProfiles has the profiles by the names of schemes.
var eventProfiles = makeEventProfiles(provider.Profiles())

func makeEventProfiles(profiles []*provider.Profile) map[string]*eventProfile {
	m := make(map[string]*eventProfile, len(profiles))
	for _, p := range profiles {
		e := &eventProfile{id: mustParseTemplate(p.Event.ID), typ: mustParseTemplate(p.Event.Type)}
		if p.Event.Status != 0 {
			e.accepted = &Response{Status: p.Event.Status}
		}
		m[p.Name] = e
	}
	return m
}

// mustParseTemplate parses a template of the tables, which has no placeholders
// of the environment.
func mustParseTemplate(text string) template {
	t, err := parseTemplate(text, fromEnvironment)
	if err != nil {
		panic(err)
	}
	return t
}

// noProfile says nothing.
var noProfile eventProfile

// profileOf returns what is known of the provider that r was verified to be
// from.
func profileOf(r *http.Request) *eventProfile {
	if identity, ok := verifiedIdentity(r); ok {
		if p := eventProfiles[identity.Scheme]; p != nil {
			return p
		}
	}
	return &noProfile
}
