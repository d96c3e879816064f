package davfs

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/net/webdav"
)

func TestLCK7_ParseIf(t *testing.T) {
	token := func(s string) webdav.Condition { return webdav.Condition{Token: s} }
	etag := func(s string) webdav.Condition { return webdav.Condition{ETag: s} }
	not := func(c webdav.Condition) webdav.Condition { c.Not = true; return c }
	list := func(tag string, c ...webdav.Condition) ifList { return ifList{tag, c} }
	for _, c := range []struct {
		header string
		want   ifHeader
	}{
		{``, nil},
		{`  `, nil},
		{`(<urn:x>)`, ifHeader{list("", token("urn:x"))}},
		{` ( <urn:x> ) `, ifHeader{list("", token("urn:x"))}},
		{`(<urn:x>["e"])(["f"])`, ifHeader{list("", token("urn:x"), etag(`"e"`)), list("", etag(`"f"`))}},
		{`(Not <urn:x> not [W/"e"])`, ifHeader{list("", not(token("urn:x")), not(etag(`W/"e"`)))}},
		{`(Not<urn:x>)`, ifHeader{list("", not(token("urn:x")))}},
		{`([ "e" ])`, ifHeader{list("", etag(`"e"`))}},
		{`(["a]b)c"])`, ifHeader{list("", etag(`"a]b)c"`))}},
		{`</a> (<urn:x>) (Not <DAV:no-lock>)`, ifHeader{list("/a", token("urn:x")), list("/a", not(token("DAV:no-lock")))}},
		{`<http://h/a>(<urn:x>)<http://h/b>(<urn:y>)`, ifHeader{list("http://h/a", token("urn:x")), list("http://h/b", token("urn:y"))}},
	} {
		t.Run(c.header, func(t *testing.T) {
			got, err := parseIf(c.header)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
	for _, bad := range []string{
		`()`, `(`, `)`, `(<urn:x>`, `<urn:x>`, `<>(<urn:x>)`, `(<>)`, `(<urn x>)`, `(<urn:x)`, `([e])`, `(["e)`, `(["e"`, `(["e"x])`, `([])`,
		`(Not)`, `(Not Not <urn:x>)`, `(foo)`, `x(<urn:x>)`, `(<urn:x>)x`, `</a>`, `</a>(<urn:x>)</b>`, `</a></b>(<urn:x>)`,
		`(<urn:x>)</a>(<urn:y>)`, `(<urn:x>),(<urn:y>)`, `(No <urn:x>)`, "(<urn:\x01>)",
		strings.Repeat(`(<urn:x>)`, maxIfConditions+1),
		`(` + strings.Repeat(`<urn:x>`, maxIfConditions+1) + `)`,
		`(<urn:` + strings.Repeat("x", maxIfBytes) + `>)`,
	} {
		if _, err := parseIf(bad); errStatus(t, err) != 400 {
			t.Errorf("parseIf(%.60q): %v, want status 400", bad, err)
		}
	}
	if _, err := parseIf(strings.Repeat(`(<urn:x>)`, maxIfConditions)); err != nil {
		t.Errorf("as many conditions as allowed: %v", err)
	}
}

func TestLCK7_IfEval(t *testing.T) {
	// What holds: tag and condition.
	facts := map[string]bool{
		` urn:1`: true, ` "e"`: true, `/b urn:2`: true,
	}
	match := func(tag string, c webdav.Condition) (bool, error) {
		if c.Token == "urn:bad" {
			return false, errors.ErrUnsupported
		}
		return facts[fmt.Sprintf("%s %s%s", tag, c.Token, c.ETag)], nil
	}
	for _, c := range []struct {
		header string
		want   bool
		err    error
		tokens []string
	}{
		{``, true, nil, nil},
		{`(<urn:1>)`, true, nil, []string{"urn:1"}},
		{`(<urn:2>)`, false, nil, []string{"urn:2"}},
		{`(<urn:1> ["e"])`, true, nil, []string{"urn:1"}},
		{`(<urn:1> ["f"])`, false, nil, []string{"urn:1"}},
		{`(<urn:1> Not ["f"])`, true, nil, []string{"urn:1"}},
		{`(<urn:2>)(["e"])`, true, nil, []string{"urn:2"}},
		{`(<urn:2>)(["f"])`, false, nil, []string{"urn:2"}},
		{`(Not <urn:1>)`, false, nil, []string{"urn:1"}},
		{`(<DAV:no-lock>)`, false, nil, nil},
		{`(Not <DAV:no-lock>)`, true, nil, nil},
		{`(<urn:2>)(Not <DAV:no-lock>)`, true, nil, []string{"urn:2"}},
		{`</b>(<urn:2>)`, true, nil, []string{"urn:2"}},
		{`</b>(<urn:1>)</b>(<urn:2>)`, true, nil, []string{"urn:1", "urn:2"}},
		{`</c>(<urn:2>)`, false, nil, []string{"urn:2"}},
		{`(<urn:bad>)`, false, errors.ErrUnsupported, []string{"urn:bad"}},
		{`(<urn:1>)(<urn:bad>)`, true, nil, []string{"urn:1", "urn:bad"}},
	} {
		t.Run(c.header, func(t *testing.T) {
			h, err := parseIf(c.header)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := h.eval(match); got != c.want || err != c.err {
				t.Errorf("eval: %v, %v, want %v, %v", got, err, c.want, c.err)
			}
			if got := h.tokens(); !reflect.DeepEqual(got, c.tokens) {
				t.Errorf("tokens: %q, want %q", got, c.tokens)
			}
		})
	}
}

func FuzzIf(f *testing.F) {
	for _, s := range []string{`(<urn:x> ["e"]) (Not <DAV:no-lock>)`, `<http://h/a> (Not [W/"e"])</b>(<x>)`, `(`, `<`, `([`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parseIf(s)
		if err != nil {
			if errStatus(t, err) != 400 {
				t.Fatal(err)
			}
			return
		}
		// Written out again it must mean the same.
		var b strings.Builder
		last := ""
		for _, l := range h {
			if len(l.conditions) == 0 {
				t.Fatal("empty list")
			}
			if l.tag != last {
				fmt.Fprintf(&b, "<%s>", l.tag)
				last = l.tag
			}
			b.WriteByte('(')
			for _, c := range l.conditions {
				if (c.Token == "") == (c.ETag == "") {
					t.Fatalf("condition %+v", c)
				}
				if c.Not {
					b.WriteString("Not ")
				}
				if c.Token != "" {
					fmt.Fprintf(&b, "<%s>", c.Token)
				} else {
					fmt.Fprintf(&b, "[%s]", c.ETag)
				}
			}
			b.WriteByte(')')
		}
		if again, err := parseIf(b.String()); len(b.String()) <= maxIfBytes && (err != nil || !reflect.DeepEqual(again, h)) {
			t.Fatalf("%q gives %v, written out %q gives %v, %v", s, h, b.String(), again, err)
		}
	})
}
