package provider

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/caddy-relay/caddy-relay/verify"
)

// maxItems bounds the work on a batch of events that nobody signed.
const maxItems = 1000

// parseJSON reads a body, which must be valid JSON.
func parseJSON(body []byte) (gjson.Result, error) {
	// Unlike gjson's own check this one also limits the depth.
	if !json.Valid(body) {
		return gjson.Result{}, &verify.Error{Reason: verify.ReasonMalformed, Field: "body"}
	}
	return gjson.ParseBytes(body), nil
}

// members returns the members of an object that have the names, in the order of
// the names. One that is there twice is an error, since parsers differ in which
// one they take. One that is absent does not exist, nor does one that is null.
func members(object gjson.Result, field string, names ...string) ([]gjson.Result, error) {
	if !object.Exists() {
		return nil, &verify.Error{Reason: verify.ReasonMissing, Field: field}
	}
	if !object.IsObject() {
		return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: field}
	}
	values := make([]gjson.Result, len(names))
	seen := make([]bool, len(names))
	duplicate := ""
	object.ForEach(func(key, value gjson.Result) bool {
		for i, name := range names {
			if key.Str != name {
				continue
			}
			if seen[i] {
				duplicate = name
			}
			seen[i] = true
			if value.Type != gjson.Null {
				values[i] = value
			}
		}
		return duplicate == ""
	})
	if duplicate != "" {
		return nil, &verify.Error{Reason: verify.ReasonDuplicate, Field: duplicate}
	}
	return values, nil
}

// items returns the elements of an array, which must have some.
func items(array gjson.Result, field string) ([]gjson.Result, error) {
	switch {
	case !array.Exists():
		return nil, &verify.Error{Reason: verify.ReasonMissing, Field: field}
	case !array.IsArray():
		return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: field}
	}
	var elements []gjson.Result
	array.ForEach(func(_, value gjson.Result) bool {
		elements = append(elements, value)
		return len(elements) <= maxItems
	})
	switch {
	case len(elements) == 0:
		return nil, &verify.Error{Reason: verify.ReasonMissing, Field: field}
	case len(elements) > maxItems:
		return nil, &verify.Error{Reason: verify.ReasonMalformed, Field: field}
	}
	return elements, nil
}

// optionalString returns the string that a value is, or "" if it does not
// exist.
func optionalString(value gjson.Result, field string) (string, error) {
	if value.Exists() && value.Type != gjson.String {
		return "", &verify.Error{Reason: verify.ReasonMalformed, Field: field}
	}
	return value.Str, nil
}

// requiredString returns the string that a value is, which must not be empty.
func requiredString(value gjson.Result, field string) (string, error) {
	s, err := optionalString(value, field)
	if err == nil && s == "" {
		err = &verify.Error{Reason: verify.ReasonMissing, Field: field}
	}
	return s, err
}
