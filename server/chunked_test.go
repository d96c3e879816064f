package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"davit/store"
)

// session begins an upload.
func (c *caller) session(id, policy string) uploadSessionJSON {
	c.t.Helper()
	_, a := c.bulkCall("upload", fmt.Sprintf(`{"id":%s,"type":"FILE","supportedProtocols":["CHUNKED","WEBSOCKET"],"conflictPolicy":%s}`, quoted(id), quoted(policy)))
	u := sessionOf(c.t, a)
	if u.Protocol != "CHUNKED" || u.Token == "" || !strings.HasPrefix(u.Endpoint, c.url) {
		c.t.Fatalf("session: %+v", u)
	}
	return u
}

// withToken sends a request with a session's token only.
func (h *house) withToken(method string, u uploadSessionJSON, header ...string) answer {
	h.t.Helper()
	r := h.request(method, strings.TrimPrefix(u.Endpoint, h.url), "")
	r.Header.Set(headToken, u.Token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return h.do(r)
}

func TestFiles_UploadInChunks(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.create("data")
	ann.share(id, bob, store.RightsRW)
	root := "/" + id + "/"
	u := bob.session(root+"raw/run-3.csv", "REJECT")
	want := func(a answer, status, offset int, done bool) {
		t.Helper()
		if a.status != status {
			t.Fatalf("%d %s, want %d", a.status, a.body, status)
		}
		if v := a.json(t); status == 200 && (v["offset"] != float64(offset) || v["done"] != done) {
			t.Fatalf("%s, want %d %v", a.body, offset, done)
		}
	}
	want(h.chunk(u, 0, 10, "012"), 200, 3, false)
	if got := h.tree(id); got != "raw/" {
		t.Errorf("the file is to be seen before it is whole: %s", got)
	}
	a := h.chunk(u, 5, 10, "56789")
	a.wantFault(t, 409, "byte 3")
	if a.header.Get(headOffset) != "3" {
		t.Errorf("the right offset: %v", a.header)
	}
	want(h.chunk(u, -1, 10, "345"), 200, 6, false)
	want(h.chunk(u, 3, 10, "345"), 200, 6, false)  // again, whole
	want(h.chunk(u, 3, 10, "3456"), 200, 7, false) // again, and more
	want(h.withToken("GET", u), 200, 7, false)
	h.chunk(u, 7, 11, "7890").wantFault(t, 400, "length")
	h.chunk(u, 7, 10, "7890").wantFault(t, 413)
	want(h.withToken("GET", u), 200, 7, false)
	a = h.chunk(u, 7, 10, "789")
	want(a, 200, 10, true)
	if a.json(t)["id"] != root+"raw/run-3.csv" {
		t.Errorf("the file's ID: %s", a.body)
	}
	want(h.chunk(u, 7, 10, "789"), 200, 10, true) // the answer was lost
	want(h.chunk(u, 10, 10, ""), 200, 10, true)
	h.chunk(u, 10, 10, "more").wantFault(t, 413)
	if got := h.tree(id); got != "raw/ raw/run-3.csv=0123456789" {
		t.Error(got)
	}
	// An empty file.
	want(h.chunk(ann.session(root+"empty", "RENAME"), 0, 0, ""), 200, 0, true)
	// Given up.
	u = ann.session(root+"never", "REJECT")
	want(h.chunk(u, 0, 10, "0"), 200, 1, false)
	if a := h.withToken("DELETE", u); a.status != 200 || a.body != "{}" {
		t.Errorf("DELETE: %d %s", a.status, a.body)
	}
	h.withToken("GET", u).wantFault(t, 404)
	h.chunk(u, 1, 10, "1").wantFault(t, 404)

	// The rights are those of who began it, at each chunk.
	u = bob.session(root+"bobs", "REJECT")
	ann.share(id, bob, store.RightsRO)
	h.chunk(u, 0, 2, "ab").wantFault(t, 403)
	h.withToken("GET", u).wantFault(t, 403)
	ann.share(id, bob, 0)
	h.chunk(u, 0, 2, "ab").wantFault(t, 404)
	ann.share(id, bob, store.RightsRW)
	want(h.chunk(u, 0, 2, "ab"), 200, 2, true)

	// What came to the name meanwhile is heeded at the end.
	for policy, after := range map[string]string{"REJECT": "x=first", "RENAME": "x(1)=late x=first", "REPLACE": "x=late"} {
		id := ann.create("late-" + policy)
		u := ann.session("/"+id+"/x", policy)
		want(h.chunk(u, 0, 4, "la"), 200, 2, false)
		ann.put(id, "x", "first")
		a := h.chunk(u, 2, 4, "te")
		if policy == "REJECT" {
			a.wantFault(t, 409)
			ann.call("DELETE", "/dav/"+id+"/x", "")
			want(h.chunk(u, 2, 4, "te"), 200, 4, true)
			after = "x=late"
		} else {
			want(a, 200, 4, true)
		}
		if got := h.tree(id); got != after {
			t.Errorf("%s: %s, want %s", policy, got, after)
		}
	}
	h.clock.set(then.Add(chunkSessionTime))
	h.withToken("GET", u).wantFault(t, 404, "expired")
}

func TestFiles_ChunkRefusals(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	u := ann.session("/"+id+"/f", "REJECT")
	for _, x := range []struct {
		token, offset, total string
		status               int
		word                 string
	}{
		{"", "0", "5", 400, headToken},
		{"x", "0", "5", 404, "token"},
		{u.Token[:len(u.Token)-1], "0", "5", 404, "token"},
		{u.Token, "", "5", 400, headOffset},
		{u.Token, "x", "5", 400, headOffset},
		{u.Token, "-2", "5", 400, headOffset},
		{u.Token, "0", "", 400, headTotal},
		{u.Token, "0", "-1", 400, headTotal},
		{u.Token, "0", "99999999999999999999", 400, headTotal},
	} {
		r := h.request("POST", chunkedPath, "12345")
		if x.token != "" {
			r.Header.Set(headToken, x.token)
		}
		r.Header.Set(headOffset, x.offset)
		r.Header.Set(headTotal, x.total)
		h.do(r).wantFault(t, x.status, x.word)
	}
	r := h.request("POST", chunkedPath, "")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("12345")), -1
	r.Header.Set(headToken, u.Token)
	r.Header.Set(headOffset, "0")
	r.Header.Set(headTotal, "5")
	h.do(r).wantFault(t, 400, "Content-Length")
	r = h.request("POST", chunkedPath, "")
	r.Body, r.ContentLength = io.NopCloser(io.LimitReader(zeros{}, maxChunk+1)), maxChunk+1
	r.Header.Set(headToken, u.Token)
	r.Header.Set(headOffset, "0")
	r.Header.Set(headTotal, fmt.Sprint(maxChunk+1))
	h.do(r).wantFault(t, http.StatusRequestEntityTooLarge, "32,000,000")

	for _, x := range []struct{ item, word string }{
		{`{"id":"/` + id + `/g","supportedProtocols":["WEBSOCKET","WEBSOCKET_V2"]}`, "items[0].supportedProtocols"},
		{`{"id":"/` + id + `/g","supportedProtocols":[]}`, "items[0].supportedProtocols"},
		{`{"id":"/` + id + `/g","type":"FOLDER","supportedProtocols":["CHUNKED"]}`, "items[0].type"},
		{`{"id":"/` + id + `","supportedProtocols":["CHUNKED"]}`, "items[0].id"},
		{`{"supportedProtocols":["CHUNKED"]}`, "items[0].id"},
	} {
		_, a := ann.bulkCall("upload", x.item)
		a.wantFault(t, 400, x.word)
	}
	// An item that cannot be leaves no session of those before.
	before := len(h.files.PendingOf(ann.user.ID))
	ann.put(id, "file", "")
	_, a := ann.bulkCall("upload", idItem("/"+id+"/one"), idItem("/"+id+"/file/two"))
	a.wantFault(t, 409, "items[1].id")
	if n := len(h.files.PendingOf(ann.user.ID)); n != before {
		t.Errorf("%d sessions, were %d", n, before)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A chunk whose connection breaks is sent again from its start.
func TestFiles_BrokenChunkIsSentAgain(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	u := ann.session("/"+id+"/f", "REJECT")
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n%s: %s\r\n%s: 0\r\n%s: 20\r\n\r\n01234", chunkedPath, headToken, u.Token, headOffset, headTotal)
	for { // until the half is there
		if v := h.withToken("GET", u).json(t); v["offset"] == 5.0 {
			break
		}
	}
	conn.Close()
	for _, offset := range []int{0, 10} {
		if a := h.chunk(u, offset, 20, "0123456789"); a.status != 200 {
			t.Fatalf("%d: %d %s", offset, a.status, a.body)
		}
	}
	if got := h.tree(id); got != "f=01234567890123456789" {
		t.Error(got)
	}
}

func TestFiles_UploadByTus(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	ann.put(id, "f", "old")
	_, a := ann.bulkCall("upload", `{"id":"/`+id+`/f","supportedProtocols":["TUS","CHUNKED"],"conflictPolicy":"RENAME"}`)
	u := sessionOf(t, a)
	if u.Protocol != "TUS" || !strings.HasPrefix(u.Endpoint, h.url+uploadsPath+"/") {
		t.Fatalf("%+v", u)
	}
	r := ann.request("PATCH", strings.TrimPrefix(u.Endpoint, h.url), "new")
	r.SetBasicAuth("ann", ann.token)
	for name, v := range map[string]string{"Tus-Resumable": "1.0.0", "Content-Type": chunkType, "Upload-Offset": "0", "Upload-Length": "3"} {
		r.Header.Set(name, v)
	}
	if a := ann.do(r); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if got := h.tree(id); got != "f(1)=new f=old" {
		t.Error(got)
	}
}

// What comes by a link is told of whom the link was made for, not of the server.
func TestD33_AuditOfLinks(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	if a := h.chunk(ann.session("/"+id+"/x", "REJECT"), 0, 3, "abc"); a.status != 200 {
		t.Fatalf("chunk: %d %s", a.status, a.body)
	}
	begun := ann.call("POST", "/folders/data/request-upload", `{"path":"y","size":3}`).json(t)
	r := h.request("PATCH", strings.TrimPrefix(begun["url"].(string), h.url)+"?token="+begun["token"].(string), "abc")
	for name, value := range map[string]string{"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"} {
		r.Header.Set(name, value)
	}
	if a := h.do(r); a.status != 204 {
		t.Fatalf("tus: %d %s", a.status, a.body)
	}
	if err := h.files.Close(t.Context()); err != nil { // writes what has been counted
		t.Fatal(err)
	}
	all, _, err := h.store.Audit(t.Context(), store.AuditFilter{FolderID: id, Action: "files."}, "", 10)
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, e := range all {
		if e.UserName != "ann" || e.Address != "127.0.0.1" || e.Door != "davit" && e.Door != "vfolders" {
			t.Errorf("%+v", e)
		}
	}
}
