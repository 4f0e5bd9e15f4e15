package webhook

import (
	"fmt"
	"net/http"
	"strconv"
)

// statusSet is a set of status codes.
type statusSet map[int]struct{}

// CheckStatus returns an error if s can't be an element of Config.Permanent.
func CheckStatus(s string) error {
	return make(statusSet).add(s)
}

// newStatusSet returns the set of the listed codes and classes, and 410, with
// which a receiver says that it wants no more of this.
func newStatusSet(list []string) (statusSet, error) {
	set := statusSet{http.StatusGone: {}}
	for _, s := range list {
		if err := set.add(s); err != nil {
			return nil, err
		}
	}
	return set, nil
}

func (set statusSet) contains(status int) bool {
	_, ok := set[status]
	return ok
}

func (set statusSet) add(s string) error {
	switch s {
	case "3xx", "4xx", "5xx":
		first := int(s[0]-'0') * 100
		for status := first; status < first+100; status++ {
			if !asksForAnother(status) {
				set[status] = struct{}{}
			}
		}
		return nil
	}
	status, err := strconv.Atoi(s)
	if err != nil || len(s) != 3 || status < 300 || status > 599 {
		return fmt.Errorf("%q is neither a status from 300 to 599 nor one of 3xx, 4xx and 5xx", s)
	}
	set[status] = struct{}{}
	return nil
}

// asksForAnother reports whether a client error by itself means "try again".
func asksForAnother(status int) bool {
	return status == http.StatusRequestTimeout ||
		status == http.StatusTooEarly ||
		status == http.StatusTooManyRequests
}
