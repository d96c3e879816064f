package auth

import (
	"strings"
	"time"
)

// parseDate reads a date header of a signed request, in any form that clients of this
// scheme send: the three of HTTP (RFC 9110, section 5.6.7), and ISO 8601 extended or
// basic, also mixed, with or without fraction and offset. Without a zone it is UTC. The
// result is in the header's own zone. A bare number is no date.
func parseDate(text string) (time.Time, bool) {
	if t, ok := parseISO(text); ok {
		return t, true
	}
	for _, zone := range []string{" GMT", " UTC"} {
		text = strings.TrimSuffix(text, zone)
	}
	for _, layout := range []string{
		"Mon, 2 Jan 2006 15:04:05",
		"Mon, 2 Jan 2006 15:04:05 -0700",
		"Monday, 2-Jan-06 15:04:05",
		"Mon Jan _2 15:04:05 2006",
	} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// parseISO reads date, "T" or a blank, time, and perhaps an offset.
func parseISO(text string) (time.Time, bool) {
	i := strings.IndexAny(text, "Tt ")
	if i < 0 {
		return time.Time{}, false
	}
	date, clock := text[:i], text[i+1:]
	zone := ""
	if j := strings.IndexAny(clock, "Zz+-"); j >= 0 {
		clock, zone = clock[:j], strings.ToUpper(clock[j:])
	}
	var dateLayout, clockLayout, zoneLayout string
	switch len(date) {
	case len("20060102"):
		dateLayout = "20060102"
	case len("2006-01-02"):
		dateLayout = "2006-01-02"
	default:
		return time.Time{}, false
	}
	// Parse takes a fraction behind the seconds also where the layout has none.
	switch {
	case strings.Contains(clock, ":"):
		clockLayout = "15:04:05"
	default:
		clockLayout = "150405"
	}
	switch len(zone) {
	case 0:
	case len("Z"), len("+09"):
		zoneLayout = "Z07"
	case len("+0900"):
		zoneLayout = "Z0700"
	case len("+09:00"):
		zoneLayout = "Z07:00"
	default:
		return time.Time{}, false
	}
	t, err := time.Parse(dateLayout+"T"+clockLayout+zoneLayout, date+"T"+clock+zone)
	return t, err == nil
}
