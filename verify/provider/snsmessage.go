package provider

import (
	"strings"

	"github.com/caddy-relay/caddy-relay/verify"
)

// The types of messages.
const (
	snsNotification   = "Notification"
	snsSubscription   = "SubscriptionConfirmation"
	snsUnsubscription = "UnsubscribeConfirmation"
)

// snsMessage is a message, with its members in the order of their names, as far
// as they matter.
type snsMessage struct {
	Message, MessageID          string
	Signature, SignatureVersion string
	SigningCertURL              string
	Subject                     string
	SubscribeURL, Timestamp     string
	Token, TopicArn, Type       string
	hasSubject                  bool
}

// parseSNS reads a message. Only the text of a message may have line breaks in
// it: they separate what is signed, and so leave one way to tell it apart.
func parseSNS(body []byte) (*snsMessage, error) {
	root, err := parseJSON(body)
	if err != nil {
		return nil, err
	}
	names := []string{
		"Message", "MessageId", "Signature", "SignatureVersion", "SigningCertURL",
		"Timestamp", "TopicArn", "Type", "Subject", "SubscribeURL", "Token",
	}
	values, err := members(root, "body", names...)
	if err != nil {
		return nil, err
	}
	const subject, subscribeURL, token = 8, 9, 10
	m := &snsMessage{hasSubject: values[subject].Exists()}
	fields := []*string{
		&m.Message, &m.MessageID, &m.Signature, &m.SignatureVersion, &m.SigningCertURL,
		&m.Timestamp, &m.TopicArn, &m.Type, &m.Subject, &m.SubscribeURL, &m.Token,
	}
	for i, name := range names {
		read := requiredString
		if i == 0 || i >= subject {
			read = optionalString
		}
		if *fields[i], err = read(values[i], name); err != nil {
			return nil, err
		}
		if i > 0 && strings.ContainsAny(*fields[i], "\r\n") {
			return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: name}
		}
	}
	switch {
	case !values[0].Exists():
		// What is signed of an empty message could not be told from that of none.
		return nil, &verify.Error{Reason: verify.ReasonMissing, Field: names[0]}
	case m.Type == snsNotification:
		return m, nil
	case m.Type != snsSubscription && m.Type != snsUnsubscription:
		return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: "Type"}
	case m.SubscribeURL == "":
		return nil, &verify.Error{Reason: verify.ReasonMissing, Field: names[subscribeURL]}
	case m.Token == "":
		return nil, &verify.Error{Reason: verify.ReasonMissing, Field: names[token]}
	}
	return m, nil
}

// content returns what is signed: names and values with line breaks after each,
// in the order of the names.
func (m *snsMessage) content() []byte {
	var b []byte
	add := func(name, value string) {
		b = append(append(append(append(b, name...), '\n'), value...), '\n')
	}
	add("Message", m.Message)
	add("MessageId", m.MessageID)
	if m.Type == snsNotification {
		if m.hasSubject {
			add("Subject", m.Subject)
		}
	} else {
		add("SubscribeURL", m.SubscribeURL)
	}
	add("Timestamp", m.Timestamp)
	if m.Type != snsNotification {
		add("Token", m.Token)
	}
	add("TopicArn", m.TopicArn)
	add("Type", m.Type)
	return b
}
