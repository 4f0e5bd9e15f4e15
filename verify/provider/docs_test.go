package provider

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the list of providers into the documentation")

const docsPage = "../../docs/verify.md"

// TestDocumentation keeps what the documentation says of each provider equal to
// the tables. It writes it with -update.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile(docsPage)
	require.NoError(t, err)
	want := replaceBetween(t, string(page), "index of providers", providerIndex())
	want = replaceBetween(t, want, "providers", sections(t))
	if *update {
		require.NoError(t, os.WriteFile(docsPage, []byte(want), 0o600))
	}
	require.Equal(t, want, string(page), "run go test ./verify/provider -run TestDocumentation -update")
}

// replaceBetween replaces what is between the comments that mark a part.
func replaceBetween(t *testing.T, page, part, text string) string {
	begin, end := "<!-- begin "+part+", generated -->\n", "<!-- end "+part+" -->"
	before, rest, found := strings.Cut(page, begin)
	require.True(t, found, begin)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found, end)
	return before + begin + text + end + after
}

// groups are the tables with their headings.
var groups = []struct {
	title    string
	profiles []*Profile
}{
	{"SMS, calls, mail and chat", messaging},
	{"Standards, platforms and tools", development},
	{"Shops and payments", commerce},
	{"Offices, forms and support", business},
}

// providerIndex lists all providers by their titles, with links to their sections.
func providerIndex() string {
	sorted := slices.SortedFunc(slices.Values(profiles), func(a, b *Profile) int {
		return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title))
	})
	links := make([]string, len(sorted))
	for i, p := range sorted {
		links[i] = fmt.Sprintf("[%s](#%s)", p.Title, p.Name)
	}
	return strings.Join(links, " ·\n") + "\n"
}

func sections(t *testing.T) string {
	var b strings.Builder
	for _, g := range groups {
		fmt.Fprintf(&b, "\n### %s\n", g.title)
		for _, p := range g.profiles {
			b.WriteString(section(t, p))
		}
	}
	b.WriteByte('\n')
	return b.String()
}

// section is what the documentation says of a provider.
func section(t *testing.T, p *Profile) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n#### %s\n\n%s ([documentation](https://%s))\n\n", p.Name, p.Title, p.Docs)
	fmt.Fprintf(&b, "```caddyfile\nhooks.example.com {\n%s}\n```\n\n", directive(p))
	var facts []string
	if p.Secret != "" {
		facts = append(facts, "Secret: "+p.Secret+".")
	}
	if len(p.Aliases) > 0 {
		facts = append(facts, "Other names: `"+strings.Join(p.Aliases, "`, `")+"`.")
	}
	for _, text := range []string{p.Note, repeatFact(t, p), eventFacts(&p.Event)} {
		if text != "" {
			facts = append(facts, text)
		}
	}
	b.WriteString(strings.Join(facts, " ") + "\n")
	if len(p.Options) > 0 {
		b.WriteString("\n| Option | |\n|---|---|\n")
	}
	for _, o := range p.Options {
		doc := o.Doc
		if o.Required {
			doc += "; required"
		}
		fmt.Fprintf(&b, "| `%s %s` | %s |\n", o.Name, strings.ReplaceAll(o.Arg, "|", `\|`), doc)
	}
	if p.SelfHosted {
		b.WriteString("| `allow_private` | the key set may be at a private address; default: public addresses only |\n")
	}
	return b.String()
}

// repeatFact says that nothing of a message is signed, if that is so.
func repeatFact(t *testing.T, p *Profile) string {
	s, _ := settingsFor(t, p)
	v, err := p.New(s)
	require.NoError(t, err)
	if v.KnowsRepeats() {
		return ""
	}
	return "Messages are not signed, so `once` can't be used."
}

// directive is the shortest one with which the provider can be set up, too.
func directive(p *Profile) string {
	env := strings.ToUpper(p.Name) + "_SECRET"
	if env[0] >= '0' && env[0] <= '9' {
		env = "SMS_SECRET"
	}
	line := "\tverify /" + p.Name + " " + p.Name
	switch {
	case strings.HasPrefix(p.Secret, "username"):
		line += " {env.HOOK_USER} {env.HOOK_PASSWORD}"
	case p.Secret != "" && !slices.ContainsFunc(p.Options, func(o Option) bool { return o.ReplacesSecret && examples[o.Name] != "" }):
		line += " {env." + env + "}"
	}
	var options strings.Builder
	for _, o := range p.Options {
		if example := examples[o.Name]; example != "" || o.Required {
			fmt.Fprintf(&options, "\t\t%s %s\n", o.Name, example)
		}
	}
	if options.Len() > 0 {
		return line + " {\n" + options.String() + "\t}\n"
	}
	return line + "\n"
}

// examples are values of options that are required, or without which a new
// webhook can't be made.
var examples = map[string]string{
	"audience":     "https://hooks.example.com/google_pubsub",
	"email":        "push@project.iam.gserviceaccount.com",
	"topic":        "arn:aws:sns:eu-north-1:123456789012:events",
	"webhook_id":   "{env.PAYPAL_WEBHOOK_ID}",
	"key_id":       "{env.SINCH_APPLICATION_KEY}",
	"verify_token": "{env.META_VERIFY_TOKEN}",
	"enroll":       "/var/lib/caddy/asana_secret",
}

// eventFacts says what relay takes from the profile, and what the provider makes
// of answers.
func eventFacts(e *Event) string {
	var facts []string
	if e.ID != "" {
		facts = append(facts, "Event id: `"+e.ID+"`.")
	}
	if e.Type != "" {
		facts = append(facts, "Event type: `"+e.Type+"`.")
	}
	if e.Status != 0 {
		facts = append(facts, fmt.Sprintf("`relay` answers %d.", e.Status))
	}
	if e.Deadline > 0 {
		facts = append(facts, fmt.Sprintf("It waits %s for an answer.", e.Deadline))
	}
	if e.Retries != "" {
		facts = append(facts, "It "+e.Retries+".")
	}
	if e.Disables {
		facts = append(facts, "It turns an endpoint off that keeps answering with errors.")
	}
	return strings.Join(facts, " ")
}
