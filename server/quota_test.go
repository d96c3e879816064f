package server

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestQUO4_SameNumbers compares what the API and WebDAV say of a folder's space after each kind of change,
// and while an upload runs.
func TestQUO4_SameNumbers(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("mydata")
	root := "/dav/" + id + "/"
	call := func(method, target, body string, headers ...string) answer {
		t.Helper()
		r := ann.request(method, target, body)
		r.SetBasicAuth("ann", ann.token)
		for _, line := range headers {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Set(name, value)
		}
		return h.do(r)
	}
	const ask = `<propfind xmlns="DAV:"><prop><quota-used-bytes/><quota-available-bytes/><quotaused/></prop></propfind>`
	number := func(body, name string) string {
		t.Helper()
		m := regexp.MustCompile(`<D:` + name + `>(\d+)<`).FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("no %s in %s", name, body)
		}
		return m[1]
	}
	same := func(after string) {
		t.Helper()
		api := ann.call("GET", "/v2/folder/"+id, "").json(t)
		used, available := fmt.Sprintf("%.0f", api["used_bytes"]), fmt.Sprintf("%.0f", api["available_bytes"])
		for _, target := range []string{root, root + "sub/"} {
			a := call("PROPFIND", target, ask, "Depth: 0")
			if a.status == 404 {
				continue // not there yet, or any more
			}
			if u, v, old := number(a.body, "quota-used-bytes"), number(a.body, "quota-available-bytes"), number(a.body, "quotaused"); u != used || v != available || old != used {
				t.Errorf("after %s: the API says %s used, %s available; WebDAV at %s %s and %s", after, used, available, target, u, v)
			}
		}
	}
	same("creation")
	for _, c := range []struct {
		method, target, body, to string
		status                   int
	}{
		{"PUT", "a", strings.Repeat("x", 5000), "", 201},
		{"MKCOL", "sub", "", "", 201},
		{"PUT", "sub/b", strings.Repeat("x", 300), "", 201},
		{"PUT", "a", strings.Repeat("x", 70), "", 204},
		{"COPY", "sub", "", "copy", 201},
		{"MOVE", "a", "", "copy/b", 204},
		{"PUT", "too-large", "", "", 507},
		{"DELETE", "copy", "", "", 204},
		{"DELETE", "sub", "", "", 204},
	} {
		if c.status == 507 {
			r := ann.request(c.method, root+c.target, "x")
			r.SetBasicAuth("ann", ann.token)
			r.Header.Set("OC-Total-Length", "2000000000")
			r.ContentLength, r.Body = -1, io.NopCloser(strings.NewReader("x"))
			if a := h.do(r); a.status != 507 {
				t.Errorf("%s: %d %s", c.target, a.status, a.body)
			}
		} else if a := call(c.method, root+c.target, c.body, "Destination: "+root+c.to); a.status != c.status {
			t.Fatalf("%s %s: %d %s", c.method, c.target, a.status, a.body)
		}
		same(c.method + " " + c.target)
	}

	// An upload that runs takes its room off what is available, on both doors.
	before := fmt.Sprintf("%.0f", ann.call("GET", "/v2/folder/"+id, "").json(t)["available_bytes"])
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := ann.request("PUT", root+"slow", "")
	r.SetBasicAuth("ann", ann.token)
	fmt.Fprintf(conn, "PUT %sslow HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 1000000\r\n\r\nx", root, r.Header.Get("Authorization"))
	available := before
	for end := time.Now().Add(20 * time.Second); available == before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the running upload takes no room")
		}
		available = number(call("PROPFIND", root, ask, "Depth: 0").body, "quota-available-bytes")
	}
	same("the begin of an upload")
}

// TestMET6_EmptyBearer: Office asks with an empty Bearer first. That is nobody, and no guess at a password.
func TestMET6_EmptyBearer(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	for range 30 {
		for _, value := range []string{"Bearer", "Bearer "} {
			for method, status := range map[string]int{"OPTIONS": 200, "HEAD": 401, "PROPFIND": 401, "LOCK": 401, "PUT": 401} {
				a := h.raw(method + " /dav/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\nAuthorization: " + value + "\r\n\r\n")
				if challenge := a.header.Get("WWW-Authenticate"); a.status != status || status == 401 && !strings.HasPrefix(challenge, "Basic ") || len(a.header["Dav"]) == 0 {
					t.Fatalf("%s with %q: %d %v", method, value, a.status, a.header)
				}
			}
		}
	}
	if a := ann.call("OPTIONS", "/dav/", ""); a.status != 200 {
		t.Errorf("afterwards: %d", a.status)
	}
	r := ann.request("PROPFIND", "/dav/", "")
	r.SetBasicAuth("ann", ann.token)
	r.Header.Set("Depth", "0")
	if a := h.do(r); a.status != 207 {
		t.Errorf("with a token afterwards: %d %s", a.status, a.body)
	}
}
