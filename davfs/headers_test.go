package davfs

import (
	"strings"
	"testing"
	"time"
)

func TestPRO13_ParseDepth(t *testing.T) {
	for _, c := range []struct {
		header string
		want   int
		status int
	}{
		{"", 7, 0},
		{"0", depthZero, 0},
		{" 1 ", depthOne, 0},
		{"infinity", depthInfinity, 0},
		{"Infinity", depthInfinity, 0},
		{"2", 0, 400},
		{"-1", 0, 400},
		{"00", 0, 400},
		{"1,noroot", 0, 400},
		{"infinit", 0, 400},
	} {
		got, err := parseDepth(c.header, 7)
		if s := errStatus(t, err); s != c.status || got != c.want {
			t.Errorf("parseDepth(%q) = %d, %v, want %d, status %d", c.header, got, err, c.want, c.status)
		}
	}
}

func TestCM1_ParseOverwrite(t *testing.T) {
	for _, c := range []struct {
		header string
		want   bool
		status int
	}{
		{"", true, 0}, {"T", true, 0}, {"t", true, 0}, {"F", false, 0}, {" f", false, 0},
		{"true", false, 400}, {"0", false, 400}, {"TF", false, 400},
	} {
		got, err := parseOverwrite(c.header)
		if s := errStatus(t, err); s != c.status || got != c.want {
			t.Errorf("parseOverwrite(%q) = %v, %v, want %v, status %d", c.header, got, err, c.want, c.status)
		}
	}
}

func TestLCK5_ParseTimeout(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		header string
		want   time.Duration
	}{
		{"", hour},
		{"Infinite", hour},
		{"infinite, Second-60", hour},
		{"Second-60", time.Minute},
		{"second-60", time.Minute},
		{"Second-60, Infinite", time.Minute},
		{"Extended, Second-120", 2 * time.Minute},
		{"Second-x,Second-,Second--1,Second-+5,Second-1.5, Second-90", 90 * time.Second},
		{"Second-0", hour},
		{"Second-0000000000000000000000000000030", 30 * time.Second},
		{"Second-4100000000", 24 * hour},
		{"Second-99999999999999999999999999999999", 24 * hour},
		{"Second-86401", 24 * hour},
		{"Second-9999999999999999999999999999999x", hour},
		{"nonsense", hour},
	} {
		if got := parseTimeout(c.header, hour, 24*hour); got != c.want {
			t.Errorf("parseTimeout(%q) = %v, want %v", c.header, got, c.want)
		}
	}
	if got := parseTimeout("Infinite", 48*hour, 24*hour); got != 24*hour {
		t.Errorf("a default beyond the cap gives %v", got)
	}
}

func TestGET2_ETagListed(t *testing.T) {
	const etag = `"abc"`
	for _, c := range []struct {
		lines  string // separated by |
		exists bool
		weak   bool
		want   bool
	}{
		{`*`, true, false, true},
		{` * `, true, true, true},
		{`*`, false, true, false},
		{`"abc"`, true, false, true},
		{`"abc"`, false, false, false},
		{`"x","y" , "abc"`, true, false, true},
		{`"x"|"abc"`, true, false, true},
		{`"x","y"`, true, false, false},
		{`W/"abc"`, true, false, false},
		{`W/"abc"`, true, true, true},
		{`abc`, true, true, false},
		{`abc, "abc"`, true, true, true},
		{`"abc`, true, true, false},
		{`"abc"x`, true, true, false},
		{`"abc" "d"`, true, true, false},
		{`"a b", "abc"`, true, true, true},
		{`w/"abc"`, true, true, false},
		{`"ABC"`, true, true, false},
		{`,,"abc",`, true, false, true},
		{``, true, true, false},
		{`"x", *`, true, true, false},
	} {
		if got := etagListed(strings.Split(c.lines, "|"), etag, c.exists, c.weak); got != c.want {
			t.Errorf("etagListed(%q, exists %v, weak %v) = %v", c.lines, c.exists, c.weak, got)
		}
	}
	if etagListed([]string{`W/"abc"`, `"abc"`}, `W/"abc"`, true, false) {
		t.Error("a weak ETag compared strongly matches")
	}
}

func FuzzDepth(f *testing.F) {
	f.Add("0")
	f.Add("infinity")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := parseDepth(s, depthZero)
		if err == nil && (d < depthInfinity || d > depthOne) {
			t.Fatalf("depth %d", d)
		}
		if err != nil && errStatus(t, err) != 400 {
			t.Fatal(err)
		}
	})
}

func FuzzTimeout(f *testing.F) {
	f.Add("Infinite, Second-4100000000")
	f.Add("Second-18446744073709551617")
	f.Fuzz(func(t *testing.T, s string) {
		if d := parseTimeout(s, time.Hour, 24*time.Hour); d < time.Second || d > 24*time.Hour || d%time.Second != 0 {
			t.Fatalf("time-out %v", d)
		}
	})
}
