package provider

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // SignatureVersion 1, the default of a topic. A second message with the same hash can't be found.
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddy-relay/caddy-relay/verify"
)

// snsMaxAge is how old a message may be: Amazon tries for an hour to deliver
// one, at most (https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html).
const snsMaxAge = time.Hour + verify.DefaultTolerance

// sns verifies the messages of Amazon SNS
// (https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html).
// Anybody can have a topic there, and Amazon signs its messages, so the topics
// must be known.
//
// The certificate comes from the region of the topic, over TLS. Its issuer is
// not looked at: whoever could serve another one there could get one issued, too.
type sns struct {
	scheme       string
	hosts        map[string]string // by topic
	certificates *certificates
}

// newSNS returns a verifier of the messages of topics, which are written as ARNs.
func newSNS(scheme string, client getter, topics ...string) (*sns, error) {
	if len(topics) == 0 {
		return nil, errors.New("no topic")
	}
	v := &sns{scheme: scheme, hosts: make(map[string]string, len(topics))}
	for _, topic := range topics {
		host, err := snsTopicHost(topic)
		if err != nil {
			return nil, err
		}
		v.hosts[topic] = host
	}
	v.certificates = newCertificates(func(ctx context.Context, url string, _ time.Time) (*x509.Certificate, error) {
		document, err := client.Get(ctx, url, maxCertificateSize)
		if err != nil {
			return nil, fmt.Errorf("getting the certificate of Amazon SNS: %w", err)
		}
		chain, err := parseCertificates(document)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate of Amazon SNS: %w", err)
		}
		return chain[0], nil
	})
	return v, nil
}

// snsTopicHost returns the host of the region of a topic. An ARN is
// arn:aws:sns:region:account:name.
func snsTopicHost(topic string) (string, error) {
	parts := strings.Split(topic, ":")
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sns" || !isRegion(parts[3]) || !isToken(parts[4], maxToken) || parts[5] == "" {
		return "", fmt.Errorf("%q is not the ARN of a topic, such as arn:aws:sns:eu-north-1:123456789012:name", topic)
	}
	host := "sns." + parts[3] + ".amazonaws.com"
	switch parts[1] {
	case "aws", "aws-us-gov":
		return host, nil
	case "aws-cn":
		return host + ".cn", nil
	}
	return "", fmt.Errorf("%q is in a partition that is not known, other than aws, aws-cn and aws-us-gov", topic)
}

// isRegion reports whether s looks like eu-north-1. This tells regions from other
// names under amazonaws.com, such as s3, where anybody can have sns.s3.
func isRegion(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) < 3 {
		return false
	}
	for i, part := range parts {
		isNumber := part != "" && strings.Trim(part, "0123456789") == ""
		isWord := part != "" && strings.Trim(part, "abcdefghijklmnopqrstuvwxyz") == ""
		if last := i == len(parts)-1; (last && !isNumber) || (!last && !isWord) {
			return false
		}
	}
	return true
}

// Verify implements [verify.Verifier]. The ID of the identity is the message's.
func (v *sns) Verify(ctx context.Context, r *verify.Request, now time.Time) (verify.Identity, error) {
	message, err := parseSNS(r.Body)
	if err != nil {
		return verify.Identity{}, err
	}
	host, ok := v.hosts[message.TopicArn]
	if !ok {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonForbidden, Field: "TopicArn"}
	}
	timestamp, err := time.Parse(time.RFC3339, message.Timestamp)
	if err != nil {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonMalformed, Field: "Timestamp"}
	}
	if err := checkAge(now, timestamp, snsMaxAge, "Timestamp"); err != nil {
		return verify.Identity{}, err
	}
	signature, err := verify.DecodeBase64(message.Signature)
	if err != nil {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonMalformed, Field: "Signature"}
	}
	if !isSNSCertificate(message.SigningCertURL, host) {
		return verify.Identity{}, &verify.Error{Reason: verify.ReasonKey, Field: "SigningCertURL"}
	}
	key, err := v.certificates.key(ctx, message.SigningCertURL, "SigningCertURL", now)
	if err != nil {
		return verify.Identity{}, err
	}
	content := message.content()
	if err := verifySNS(key, message.SignatureVersion, content, signature); err != nil {
		return verify.Identity{}, err
	}
	return verify.Identity{
		Scheme:    v.scheme,
		ID:        message.MessageID,
		IDSigned:  true,
		Timestamp: timestamp,
		Key:       1,
		Subject:   message.TopicArn,
		Digest:    sha256.Sum256(content),
	}, nil
}

func verifySNS(key *rsa.PublicKey, version string, content, signature []byte) error {
	var err error
	switch version {
	case "1":
		sum := sha1.Sum(content) //nolint:gosec // See the import.
		err = rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], signature)
	case "2":
		sum := sha256.Sum256(content)
		err = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
	default:
		return &verify.Error{Reason: verify.ReasonAlgorithm, Field: "SignatureVersion"}
	}
	if err != nil {
		return &verify.Error{Reason: verify.ReasonMismatch, Field: "Signature"}
	}
	return nil
}

// isSNSCertificate reports whether a URL is that of a certificate at host.
func isSNSCertificate(url, host string) bool {
	name, ok := strings.CutPrefix(url, "https://"+host+"/SimpleNotificationService-")
	if !ok {
		return false
	}
	name, ok = strings.CutSuffix(name, ".pem")
	return ok && isToken(name, maxToken)
}

// subscribeURL returns the URL that confirms a subscription, if a body that was
// verified asks for that.
func (v *sns) subscribeURL(body []byte) (url string, ok bool, err error) {
	message, err := parseSNS(body)
	if err != nil || message.Type != snsSubscription {
		return "", false, err
	}
	prefix := "https://" + v.hosts[message.TopicArn] + "/?Action=ConfirmSubscription&"
	if !strings.HasPrefix(message.SubscribeURL, prefix) || !isVisible(message.SubscribeURL) || strings.Contains(message.SubscribeURL, "#") {
		return "", false, &verify.Error{Reason: verify.ReasonForbidden, Field: "SubscribeURL"}
	}
	return message.SubscribeURL, true, nil
}

// Tolerance returns how old a message may be.
func (v *sns) Tolerance() time.Duration { return snsMaxAge }

var _ verify.Verifier = (*sns)(nil)
