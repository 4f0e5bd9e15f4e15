package verify

import (
	"crypto/md5" //nolint:gosec // Some providers sign the MD5 of the body; the HMAC around it is what is trusted.
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/url"
)

// message holds what the variables of a template stand for.
type message struct {
	*Request
	timestamp, id, nonce string
}

// writeTo writes the content of m to w. Everything but the body is collected
// in buf, which is returned for reuse: strings can't be handed to a hash
// without a copy, and few large writes are faster than many small ones.
func (c content) writeTo(w io.Writer, buf []byte, m *message) ([]byte, error) {
	buf = buf[:0]
	for i := range c {
		if c[i].variable == bodyVar {
			if len(buf) > 0 {
				_, _ = w.Write(buf) // a hash never fails
				buf = buf[:0]
			}
			_, _ = w.Write(m.Body)
			continue
		}
		var err error
		if buf, err = c[i].appendTo(buf, m); err != nil {
			return buf, err
		}
	}
	if len(buf) > 0 {
		_, _ = w.Write(buf)
	}
	return buf, nil
}

// appendTo appends what p stands for, unless that is the body.
func (p *part) appendTo(buf []byte, m *message) ([]byte, error) {
	switch p.variable {
	case literal, secretVar:
		return append(buf, p.text...), nil
	case timestampVar:
		return append(buf, m.timestamp...), nil
	case idVar:
		return append(buf, m.id...), nil
	case nonceVar:
		return append(buf, m.nonce...), nil
	case headerVar:
		value, err := HeaderValue(m.Header, p.text)
		return append(buf, value...), err
	case methodVar, urlVar, urlNoQueryVar, pathVar, querySortedVar:
		return p.appendURL(buf, m.Request)
	default:
		return p.appendDigest(buf, m.Body), nil
	}
}

func (p *part) appendURL(buf []byte, r *Request) ([]byte, error) {
	switch p.variable {
	case methodVar:
		return append(buf, r.Method...), nil
	case pathVar:
		return append(buf, r.Path()...), nil
	case querySortedVar:
		params, err := url.ParseQuery(r.Query())
		if err != nil {
			return buf, &Error{Reason: ReasonMalformed, Field: "query"}
		}
		return append(buf, params.Encode()...), nil
	}
	buf = append(buf, r.Scheme...)
	buf = append(buf, "://"...)
	buf = append(buf, r.Host...)
	if p.variable == urlNoQueryVar {
		return append(buf, r.Path()...), nil
	}
	return append(buf, r.Target...), nil
}

func (p *part) appendDigest(buf, body []byte) []byte {
	switch p.variable {
	case bodyMD5HexVar:
		sum := md5.Sum(body) //nolint:gosec // See the import.
		return hex.AppendEncode(buf, sum[:])
	case bodyMD5Base64Var:
		if len(body) == 0 {
			return buf // as Sinch does, which signs this
		}
		sum := md5.Sum(body) //nolint:gosec // See the import.
		return base64.StdEncoding.AppendEncode(buf, sum[:])
	}
	sum := sha256.Sum256(body)
	if p.variable == bodySHA256HexVar {
		return hex.AppendEncode(buf, sum[:])
	}
	return append(buf, sum[:]...)
}
