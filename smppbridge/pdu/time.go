package pdu

import (
	"errors"
	"fmt"
	"time"
)

// timeLength is the characters of a time (3.4 section 7.1.1).
const timeLength = 16

// The units of the zone in a time, and the most of them.
const (
	zoneUnit = 15 * time.Minute
	maxZone  = 48
)

// maxPeriod is the first period that [FormatPeriod] can't write in days.
const maxPeriod = 32 * 24 * time.Hour

var errTime = errors.New("want YYMMDDhhmmsstnnp, where p is '+' or '-' for an absolute time, or 'R' for one from now")

// ParseTime reads a time as in schedule_delivery_time, validity_period and
// final_date (3.4 section 7.1.1): absolute, such as "260102030405000+" with the
// zone in quarters of an hour, or relative to now, such as "000001000000000R"
// for tomorrow. An empty field means that there is no time, and is an error
// here.
func ParseTime(s string, now time.Time) (time.Time, error) {
	if len(s) != timeLength {
		return time.Time{}, errTime
	}
	var n [6]int // year, month, day, hour, minute, second
	for i := range timeLength - 1 {
		digit := s[i]
		if digit < '0' || digit > '9' {
			return time.Time{}, errTime
		}
		if i/2 < len(n) {
			n[i/2] = 10*n[i/2] + int(digit-'0')
		}
	}
	tenth := int(s[12] - '0')
	zone := 10*int(s[13]-'0') + int(s[14]-'0')
	offset := time.Duration(zone) * zoneUnit
	clock := time.Duration(n[3])*time.Hour + time.Duration(n[4])*time.Minute + time.Duration(n[5])*time.Second
	switch s[15] {
	case 'R':
		return now.AddDate(n[0], n[1], n[2]).Add(clock), nil
	case '+':
		offset = -offset
	case '-':
	default:
		return time.Time{}, errTime
	}
	date := time.Date(2000+n[0], time.Month(n[1]), n[2], 0, 0, 0, 0, time.UTC)
	if date.Month() != time.Month(n[1]) || date.Day() != n[2] || n[3] > 23 || n[4] > 59 || n[5] > 59 || zone > maxZone {
		return time.Time{}, errors.New("there is no such time")
	}
	return date.Add(clock + time.Duration(tenth)*100*time.Millisecond + offset), nil
}

// FormatTime writes an absolute time in UTC, down to tenths of a second. The
// year must be from 2000 to 2099, since it has two digits.
func FormatTime(t time.Time) (string, error) {
	t = t.UTC()
	if t.Year() < 2000 || t.Year() > 2099 {
		return "", fmt.Errorf("the year %d is not from 2000 to 2099", t.Year())
	}
	return fmt.Sprintf("%s%d00+", t.Format("060102150405"), t.Nanosecond()/int(100*time.Millisecond)), nil
}

// FormatPeriod writes a time relative to now, rounded up to seconds. It must be
// positive and less than 32 days, since months have no fixed length; for more,
// write the absolute time.
func FormatPeriod(d time.Duration) (string, error) {
	if d <= 0 || d > maxPeriod-time.Second {
		return "", fmt.Errorf("the period %s is not from 1 second to less than 32 days", d)
	}
	seconds := int64((d + time.Second - 1) / time.Second)
	return fmt.Sprintf("0000%02d%02d%02d%02d000R", seconds/86400, seconds/3600%24, seconds/60%60, seconds%60), nil
}
