package server

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"davit/davfs"
	"davit/store"
)

// meta is an Upload-Metadata header of keys and values in turn.
func meta(pairs ...string) string {
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, pairs[i]+" "+base64.StdEncoding.EncodeToString([]byte(pairs[i+1])))
	}
	return strings.Join(list, ",")
}

// tus sends a request of the protocol with the caller's token; headers are "Name: value", and
// "Name:" takes one away.
func (c *caller) tus(method, target, body string, headers ...string) answer {
	c.t.Helper()
	return c.do(c.tusRequest(method, target, strings.NewReader(body), headers...))
}

func (c *caller) tusRequest(method, target string, body io.Reader, headers ...string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+target, body)
	if err != nil {
		c.t.Fatal(err)
	}
	r.SetBasicAuth(c.user.Name, c.token)
	r.Header.Set("Tus-Resumable", "1.0.0")
	if method == "PATCH" {
		r.Header.Set("Content-Type", "application/offset+octet-stream")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		if value = strings.TrimSpace(value); value == "" {
			r.Header.Del(name)
		} else {
			r.Header.Set(name, value)
		}
	}
	return r
}

// begin makes an upload and gives its URL.
func (c *caller) begin(length int, metadata string, headers ...string) string {
	c.t.Helper()
	a := c.tus("POST", uploadsPath, "", append(headers, "Upload-Length: "+strconv.Itoa(length), "Upload-Metadata: "+metadata)...)
	if a.status != 201 || a.header.Get("Location") == "" {
		c.t.Fatalf("create: %d %s", a.status, a.body)
	}
	return a.header.Get("Location")
}

// patch sends a chunk that must give this status.
func (c *caller) patch(status int, url string, offset int, body string, headers ...string) answer {
	c.t.Helper()
	a := c.tus("PATCH", url, body, append([]string{"Upload-Offset: " + strconv.Itoa(offset)}, headers...)...)
	if a.status != status {
		c.t.Fatalf("PATCH at %d: %d, want %d: %s", offset, a.status, status, a.body)
	}
	return a
}

// stands checks what HEAD says; offset -1 wants the status alone.
func (c *caller) stands(status int, url string, offset int) answer {
	c.t.Helper()
	a := c.tus("HEAD", url, "")
	if a.status != status || status == 200 && a.header.Get("Upload-Offset") != strconv.Itoa(offset) {
		c.t.Errorf("HEAD: %d, offset %q; want %d, %d", a.status, a.header.Get("Upload-Offset"), status, offset)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		c.t.Errorf("HEAD: Cache-Control %q", a.header.Get("Cache-Control"))
	}
	return a
}

// holds checks what the API and PROPFIND say about a folder: used, files, and what is left of its limit.
func (c *caller) holds(folder string, used, files, available int64) {
	c.t.Helper()
	v := c.call("GET", "/v2/folder/"+folder, "").json(c.t)
	for key, want := range map[string]int64{"used_bytes": used, "numFiles": files, "available_bytes": available} {
		if got, _ := v[key].(float64); int64(got) != want {
			c.t.Errorf("%s is %v, want %d", key, v[key], want)
		}
	}
	r := c.request("PROPFIND", "/dav/"+folder+"/", `<propfind xmlns="DAV:"><prop><quota-available-bytes/><quota-used-bytes/></prop></propfind>`)
	r.SetBasicAuth(c.user.Name, c.token)
	r.Header.Set("Depth", "0")
	a := c.do(r)
	for _, want := range []string{fmt.Sprintf("quota-available-bytes>%d<", available), fmt.Sprintf("quota-used-bytes>%d<", used)} {
		if !strings.Contains(a.body, want) {
			c.t.Errorf("PROPFIND lacks %s:\n%s", want, a.body)
		}
	}
}

// limited makes a folder with limits.
func (c *caller) limited(title string, maxBytes, maxFiles int64) string {
	c.t.Helper()
	f, err := c.files.CreateFolder(c.t.Context(), store.NewFolder{Folder: store.Folder{
		OwnerID: c.user.ID, Title: title, MaxBytes: maxBytes, MaxFiles: maxFiles}})
	if err != nil {
		c.t.Fatal(err)
	}
	return f.ID
}

// kept lists what lies in staging for uploads.
func (h *house) kept() []string {
	h.t.Helper()
	left, err := filepath.Glob(filepath.Join(h.dir, "staging", "kept", "*"))
	if err != nil {
		h.t.Fatal(err)
	}
	return left
}

func TestPAR2_UploadInPieces(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.limited("docs", 1000, 5)
	text := strings.Repeat("0123456789", 30)

	a := ann.tus("POST", uploadsPath, "", "Upload-Length: 300", "Upload-Metadata: "+
		meta("folder", id, "path", "a.txt", "mtime", "1500000000")+",filetype dGV4dC9wbGFpbg==,empty")
	url := a.header.Get("Location")
	if a.status != 201 || !strings.HasPrefix(url, uploadsPath+"/") || a.header.Get("Upload-Offset") != "0" || a.header.Get("Tus-Resumable") != "1.0.0" {
		t.Fatalf("create: %d %v %s", a.status, a.header, a.body)
	}
	if _, err := http.ParseTime(a.header.Get("Upload-Expires")); err != nil {
		t.Error(err)
	}
	ann.holds(id, 0, 0, 700) // reserved, not used
	ann.patch(204, url, 0, text[:100])
	a = ann.stands(200, url, 100)
	if a.header.Get("Upload-Length") != "300" || !strings.Contains(a.header.Get("Upload-Metadata"), "filetype dGV4dC9wbGFpbg==,empty") {
		t.Errorf("HEAD: %v", a.header)
	}
	ann.holds(id, 0, 0, 700)
	if a := ann.call("GET", "/dav/"+id+"/a.txt", ""); a.status != 404 {
		t.Errorf("GET before the end: %d", a.status)
	}
	a = ann.patch(409, url, 99, "x")
	if a.header.Get("Upload-Offset") != "100" || a.json(t)["type"] != problemBase+"upload-offset" {
		t.Errorf("wrong offset: %v %s", a.header, a.body)
	}
	ann.patch(413, url, 100, text[:201])
	ann.stands(200, url, 100)
	var list struct{ Uploads []uploadJSON }
	if err := json.Unmarshal([]byte(ann.call("GET", uploadsPath, "").body), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Uploads) != 1 || list.Uploads[0].URL != url || list.Uploads[0].Folder != id || list.Uploads[0].Path != "a.txt" ||
		list.Uploads[0].Offset != 100 || *list.Uploads[0].Length != 300 {
		t.Errorf("list: %+v", list)
	}

	a = ann.patch(204, url, 100, text[100:])
	if a.header.Get("Upload-Offset") != "300" || a.header.Get("Upload-Expires") != "" || a.header.Get("Tus-Resumable") != "1.0.0" {
		t.Errorf("last PATCH: %v", a.header)
	}
	a = ann.call("GET", "/dav/"+id+"/a.txt", "")
	if a.body != text || a.header.Get("Last-Modified") != time.Unix(1500000000, 0).UTC().Format(http.TimeFormat) {
		t.Errorf("GET: %v %q", a.header, a.body)
	}
	ann.holds(id, 300, 1, 700)
	// A client that did not get the last answer asks where it stands, and is told.
	ann.stands(200, url, 300)
	ann.patch(204, url, 300, "")
	ann.patch(409, url, 100, text[100:])
	if a := ann.call("GET", uploadsPath, ""); a.body != `{"uploads":[]}`+"\n" {
		t.Errorf("list: %s", a.body)
	}
	if left := h.kept(); len(left) > 0 {
		t.Errorf("left in staging: %v", left)
	}
}

func TestPAR2_Options(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.DAV.MaxFileSize = 12345 })
	for _, path := range []string{uploadsPath, uploadsPath + "/x"} {
		a := h.do(h.request("OPTIONS", path, ""))
		for name, want := range map[string]string{
			"Tus-Version": "1.0.0", "Tus-Resumable": "1.0.0", "Tus-Max-Size": "12345", "Tus-Checksum-Algorithm": "sha1,sha256,md5",
			"Tus-Extension": "creation,creation-with-upload,creation-defer-length,checksum,termination,expiration",
		} {
			if got := a.header.Get(name); a.status != 204 || got != want {
				t.Errorf("OPTIONS %s: %d, %s: %q, want %q", path, a.status, name, got, want)
			}
		}
		if a.header.Get("DAV") != "" || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("OPTIONS %s: %v", path, a.header)
		}
	}
}

func TestPAR2_Refusals(t *testing.T) {
	h := newHouseWith(t, func(o *davfs.Options) { o.RefuseNames = []string{"*.tmp"} }, func(c *Config) { c.DAV.MaxFileSize = 5000 })
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.limited("docs", 1000, 3)
	small := ann.limited("one file", 1000, 1)
	for _, r := range []struct{ method, path, body string }{
		{"PUT", "there.txt", "old content"}, {"MKCOL", "dir", ""}, {"PUT", "locked.txt", "x"},
	} {
		if a := ann.call(r.method, "/dav/"+id+"/"+r.path, r.body); a.status != 201 {
			t.Fatal(a)
		}
	}
	lock := ann.call("LOCK", "/dav/"+id+"/locked.txt", `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`)
	if lock.status != 200 {
		t.Fatal(lock)
	}
	if err := h.store.SetGrant(t.Context(), id, bob.user.ID, store.RightsRO); err != nil {
		t.Fatal(err)
	}
	if a := ann.call("PUT", "/dav/"+small+"/one", ""); a.status != 201 {
		t.Fatal(a)
	}
	in := func(path string) string { return "Upload-Metadata: " + meta("folder", id, "path", path) }
	for _, test := range []struct {
		name    string
		status  int
		kind    string
		headers []string
	}{
		{"no length", 400, "invalid-api-params", []string{in("a")}},
		{"length is no number", 400, "invalid-api-params", []string{"Upload-Length: 1x", in("a")}},
		{"negative", 400, "invalid-api-params", []string{"Upload-Length: -1", in("a")}},
		{"two lengths", 400, "invalid-api-params", []string{"Upload-Length: 1", "Upload-Defer-Length: 1", in("a")}},
		{"no metadata", 400, "invalid-api-params", []string{"Upload-Length: 1"}},
		{"no folder", 400, "invalid-api-params", []string{"Upload-Length: 1", "Upload-Metadata: " + meta("path", "a")}},
		{"no name", 400, "invalid-api-params", []string{"Upload-Length: 1", "Upload-Metadata: " + meta("folder", id)}},
		{"no base64", 400, "invalid-api-params", []string{"Upload-Length: 1", "Upload-Metadata: folder " + id + "!"}},
		{"twice", 400, "invalid-api-params", []string{"Upload-Length: 1", in("a") + "," + meta("path", "b")}},
		{"dots", 400, "invalid-api-params", []string{"Upload-Length: 1", in("../a")}},
		{"long name", 400, "invalid-api-params", []string{"Upload-Length: 1", in(strings.Repeat("a", 256))}},
		{"filename with a slash", 400, "invalid-api-params", []string{"Upload-Length: 1", "Upload-Metadata: " + meta("folder", id, "filename", "a/b")}},
		{"bad mtime", 400, "invalid-api-params", []string{"Upload-Length: 1", in("a") + "," + meta("mtime", "1.5")}},
		{"refused name", 403, "generic-forbidden", []string{"Upload-Length: 1", in("dir/a.tmp")}},
		{"unknown folder", 404, "upload-not-found", []string{"Upload-Length: 1", "Upload-Metadata: " + meta("folder", "nowhere", "path", "a")}},
		{"no parent", 409, "no-parent", []string{"Upload-Length: 1", in("none/a")}},
		{"parent is a file", 409, "no-parent", []string{"Upload-Length: 1", in("there.txt/a")}},
		{"collection", 409, "is-collection", []string{"Upload-Length: 1", in("dir")}},
		{"over the server's limit", 413, "upload-too-long", []string{"Upload-Length: 5001", in("a")}},
		{"over the folder's limit", 507, "quota-exceeded", []string{"Upload-Length: 1001", in("a")}},
		{"no more files", 507, "quota-exceeded", []string{"Upload-Length: 1", "Upload-Metadata: " + meta("folder", small, "path", "two")}},
		{"locked", 423, "locked", []string{"Upload-Length: 1", in("locked.txt")}},
		{"If-None-Match", 412, "precondition-failed", []string{"Upload-Length: 1", in("there.txt"), "If-None-Match: *"}},
		{"If-Match", 412, "precondition-failed", []string{"Upload-Length: 1", in("there.txt"), `If-Match: "x"`}},
		{"If-Match of nothing", 412, "precondition-failed", []string{"Upload-Length: 1", in("new"), "If-Match: *"}},
		{"version", 412, "tus-version", []string{"Tus-Resumable: 0.2.2", "Upload-Length: 1", in("a")}},
		{"no version", 412, "tus-version", []string{"Tus-Resumable:", "Upload-Length: 1", in("a")}},
		{"no credentials", 401, "auth-failed", []string{"Authorization:", "Upload-Length: 1", in("a")}},
		{"unknown checksum", 400, "invalid-api-params", []string{"Upload-Checksum: crc32 AAAA", "Upload-Length: 1", in("a")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := ann.tus("POST", uploadsPath, "", test.headers...)
			if v := a.json(t); a.status != test.status || v["type"] != problemBase+test.kind || v["title"] == "" {
				t.Errorf("%d %s, want %d %s", a.status, a.body, test.status, test.kind)
			}
			if a.header.Get("Tus-Resumable") != "1.0.0" {
				t.Errorf("no Tus-Resumable in %v", a.header)
			}
			if test.status == 412 && test.kind == "tus-version" && a.header.Get("Tus-Version") != "1.0.0" {
				t.Errorf("no Tus-Version in %v", a.header)
			}
		})
	}
	if a := ann.tus("POST", uploadsPath, "", "Upload-Length: 1001", in("a")); !strings.Contains(a.body, "missing") {
		t.Errorf("507 does not say what is missing: %s", a.body)
	}
	empty := "Upload-Metadata: " + meta("folder", ann.limited("empty", 1000, 1), "path", "a")
	if a := ann.tus("POST", uploadsPath, "", "Upload-Length: 1001", empty); !strings.Contains(a.body, `"data":{"limit":"folder-bytes","max":1000,"used":0,"reserved":0,"needed":1001,"missing":1}`) {
		t.Errorf("507 does not tell programs what is missing: %s", a.body)
	}
	if a := ann.tus("POST", uploadsPath, "", "Upload-Length: 1", "Upload-Metadata: "+meta("folder", small, "path", "two")); !strings.Contains(a.body, `"limit":"folder-files"`) {
		t.Errorf("507 does not say that the limit is one of files: %s", a.body)
	}
	if a := bob.tus("POST", uploadsPath, "", "Upload-Length: 1", in("a")); a.status != 403 {
		t.Errorf("reader: %d %s", a.status, a.body)
	}
	readOnly := "Authorization: Bearer " + ann.newToken(id, true)
	if a := ann.tus("POST", uploadsPath, "", readOnly, "Upload-Length: 1", in("a")); a.status != 403 {
		t.Errorf("token for reading: %d %s", a.status, a.body)
	}
	if a := ann.tus("POST", uploadsPath, "x", "Content-Type: text/plain", "Upload-Length: 1", in("a")); a.status != 415 {
		t.Errorf("body of another type: %d %s", a.status, a.body)
	}
	ann.holds(id, 12, 3, 988)
	if left := h.kept(); len(left) > 0 {
		t.Errorf("left in staging: %v", left)
	}

	url := ann.begin(4, meta("folder", "docs", "path", "there.txt")) // by its mount name; replacing needs no more room
	ann.holds(id, 12, 3, 988)
	for _, test := range []struct {
		name    string
		status  int
		headers []string
	}{
		{"type", 415, []string{"Content-Type: text/plain", "Upload-Offset: 0"}},
		{"no type", 415, []string{"Content-Type:", "Upload-Offset: 0"}},
		{"no offset", 400, nil},
		{"bad offset", 400, []string{"Upload-Offset: -1"}},
		{"bad checksum", 400, []string{"Upload-Offset: 0", "Upload-Checksum: sha1 !!"}},
		{"other length", 400, []string{"Upload-Offset: 0", "Upload-Length: 5"}},
		{"version", 412, []string{"Tus-Resumable: 2", "Upload-Offset: 0"}},
		{"token for reading", 403, []string{readOnly, "Upload-Offset: 0"}},
		{"no credentials", 401, []string{"Authorization:", "Upload-Offset: 0"}},
	} {
		if a := ann.tus("PATCH", url, "1234", test.headers...); a.status != test.status {
			t.Errorf("PATCH, %s: %d, want %d: %s", test.name, a.status, test.status, a.body)
		}
	}
	for _, method := range []string{"HEAD", "PATCH", "DELETE"} {
		if a := bob.tus(method, url, "", "Upload-Offset: 0"); a.status != 404 {
			t.Errorf("%s by another: %d", method, a.status)
		}
		if a := ann.tus(method, uploadsPath+"/NONE", "", "Upload-Offset: 0"); a.status != 404 {
			t.Errorf("%s of nothing: %d", method, a.status)
		}
	}
	if a := bob.call("GET", uploadsPath, ""); a.body != `{"uploads":[]}`+"\n" {
		t.Errorf("another's list: %s", a.body)
	}
	if a := ann.tus("PUT", url, ""); a.status != 405 {
		t.Errorf("PUT: %d", a.status)
	}
	ann.stands(200, url, 0)
	ann.patch(204, url, 0, "1234")
	ann.holds(id, 5, 3, 995)
}

func TestPAR2_Checksum(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("docs")
	s1, s256, m5 := sha1.Sum([]byte("hello ")), sha256.Sum256([]byte("wor")), md5.Sum([]byte("ld"))
	sum := func(name string, b []byte) string {
		return "Upload-Checksum: " + name + " " + base64.StdEncoding.EncodeToString(b)
	}
	url := ann.begin(11, meta("folder", id, "filename", "f"))
	a := ann.patch(460, url, 0, "hellx ", sum("sha1", s1[:]))
	if a.json(t)["type"] != problemBase+"checksum-mismatch" {
		t.Errorf("mismatch: %s", a.body)
	}
	ann.stands(200, url, 0)
	ann.patch(204, url, 0, "hello ", sum("sha1", s1[:]))
	ann.patch(204, url, 6, "wor", sum("sha256", s256[:]))
	ann.patch(460, url, 9, "xx", sum("md5", m5[:])) // the last chunk: nothing may be published
	ann.stands(200, url, 9)
	if a := ann.call("GET", "/dav/"+id+"/f", ""); a.status != 404 {
		t.Errorf("GET after a mismatch: %d", a.status)
	}
	ann.patch(204, url, 9, "ld", sum("md5", m5[:]))
	if a := ann.call("GET", "/dav/"+id+"/f", ""); a.body != "hello world" {
		t.Errorf("GET: %q", a.body)
	}
	// With the creation: nothing is left of it.
	a = ann.tus("POST", uploadsPath, "hellx ", "Content-Type: "+chunkType, "Upload-Length: 6",
		"Upload-Metadata: "+meta("folder", id, "path", "g"), sum("sha1", s1[:]))
	if a.status != 460 || a.header.Get("Location") != "" || len(h.kept()) != 0 {
		t.Errorf("mismatch at the creation: %d %v, in staging %v", a.status, a.header, h.kept())
	}
}

func TestPAR2_CreationWithUpload(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.limited("docs", 1000, 10)
	if a := ann.call("MKCOL", "/dav/"+id+"/d%C3%A4", ""); a.status != 201 {
		t.Fatal(a)
	}
	a := ann.tus("POST", uploadsPath, "whole", "Content-Type: "+chunkType, "Upload-Length: 5",
		"Upload-Metadata: "+meta("folder", id, "path", "/da\u0308", "filename", "é"), "If-None-Match: *")
	if a.status != 201 || a.header.Get("Upload-Offset") != "5" || a.header.Get("Upload-Expires") != "" {
		t.Errorf("whole: %d %v %s", a.status, a.header, a.body)
	}
	if a := ann.call("GET", "/dav/"+id+"/d%C3%A4/%C3%A9", ""); a.body != "whole" {
		t.Errorf("GET: %d %q", a.status, a.body)
	}
	a = ann.tus("POST", uploadsPath, "par", "Content-Type: "+chunkType, "Upload-Length: 7", "Upload-Metadata: "+meta("folder", id, "path", "dä/", "filename", "p"))
	if a.status != 201 || a.header.Get("Upload-Offset") != "3" {
		t.Errorf("part: %d %v", a.status, a.header)
	}
	ann.holds(id, 5, 2, 988)
	ann.patch(204, a.header.Get("Location"), 3, "tial")
	if a := ann.call("GET", "/dav/"+id+"/d%C3%A4/p", ""); a.body != "partial" {
		t.Errorf("GET: %d %q", a.status, a.body)
	}
	if a := ann.tus("POST", uploadsPath, "too long", "Content-Type: "+chunkType, "Upload-Length: 5", "Upload-Metadata: "+meta("folder", id, "path", "l")); a.status != 413 {
		t.Errorf("too long: %d", a.status)
	}
	// An empty file is complete when it begins.
	url := ann.begin(0, meta("folder", id, "path", "empty"))
	ann.stands(200, url, 0)
	if a := ann.call("GET", "/dav/"+id+"/empty", ""); a.status != 200 || a.body != "" {
		t.Errorf("GET: %d %q", a.status, a.body)
	}
	// X-HTTP-Method-Override, on POST only.
	url = ann.begin(3, meta("folder", id, "path", "o"))
	if a := ann.tus("GET", url, "", "X-HTTP-Method-Override: DELETE"); a.status != 405 {
		t.Errorf("GET for DELETE: %d", a.status)
	}
	if a := ann.tus("POST", url, "abc", "X-HTTP-Method-Override: PATCH", "Upload-Offset: 0", "Content-Type: "+chunkType); a.status != 204 {
		t.Errorf("POST for PATCH: %d %s", a.status, a.body)
	}
	ann.holds(id, 15, 5, 985)
	if left := h.kept(); len(left) > 0 {
		t.Errorf("left in staging: %v", left)
	}
}

func TestPAR2_DeferredLength(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.DAV.MaxFileSize = 900 })
	ann := h.caller("ann")
	id := ann.limited("docs", 1000, 10)
	if a := ann.call("PUT", "/dav/"+id+"/other", strings.Repeat("x", 500)); a.status != 201 {
		t.Fatal(a)
	}
	a := ann.tus("POST", uploadsPath, "", "Upload-Defer-Length: 1", "Upload-Metadata: "+meta("folder", id, "path", "f"))
	url := a.header.Get("Location")
	if a.status != 201 {
		t.Fatal(a)
	}
	ann.holds(id, 500, 1, 500)
	ann.patch(204, url, 0, strings.Repeat("a", 100))
	if a := ann.stands(200, url, 100); a.header.Get("Upload-Defer-Length") != "1" || a.header.Get("Upload-Length") != "" {
		t.Errorf("HEAD: %v", a.header)
	}
	ann.holds(id, 500, 1, 400)
	ann.patch(507, url, 100, strings.Repeat("b", 401))
	ann.holds(id, 500, 1, 400)
	ann.stands(200, url, 100)
	ann.patch(413, url, 100, strings.Repeat("b", 801))
	ann.patch(400, url, 100, "", "Upload-Length: 99")
	ann.patch(507, url, 100, "", "Upload-Length: 501")
	ann.patch(413, url, 100, "", "Upload-Length: 901")
	ann.patch(204, url, 100, strings.Repeat("b", 100), "Upload-Length: 300")
	ann.holds(id, 500, 1, 200)
	ann.patch(400, url, 200, "", "Upload-Length: 301")
	// The length with the last bytes, which are all there already.
	ann.patch(204, url, 200, strings.Repeat("c", 100))
	ann.holds(id, 800, 2, 200)
}

func TestPAR2_ReplacedFile(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.limited("docs", 1000, 10)
	put := func(body string) { ann.call("PUT", "/dav/"+id+"/f", body) }
	put(strings.Repeat("x", 600))
	if err := os.Chmod(filepath.Join(h.dir, "files", id, "f"), 0o600); err != nil {
		t.Fatal(err)
	}
	if a := ann.call("PROPPATCH", "/dav/"+id+"/f", `<propertyupdate xmlns="DAV:"><set><prop><a xmlns="z:">dead</a></prop></set></propertyupdate>`); a.status != 207 {
		t.Fatal(a)
	}
	before := ann.call("HEAD", "/dav/"+id+"/f", "").header.Get("ETag")
	url := ann.begin(800, meta("folder", id, "path", "f"), "If-Match: "+before)
	ann.holds(id, 600, 1, 200) // the difference is reserved
	ann.patch(204, url, 0, strings.Repeat("n", 800))
	ann.holds(id, 800, 1, 200)
	if i, err := os.Stat(filepath.Join(h.dir, "files", id, "f")); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", i.Mode(), err)
	}
	r := ann.request("PROPFIND", "/dav/"+id+"/f", `<propfind xmlns="DAV:"><prop><a xmlns="z:"/></prop></propfind>`)
	r.SetBasicAuth("ann", ann.token)
	r.Header.Set("Depth", "0")
	if a := h.do(r); !strings.Contains(a.body, ">dead<") {
		t.Errorf("the dead property is gone:\n%s", a.body)
	}
	// The condition is asked at the end again.
	url = ann.begin(3, meta("folder", id, "path", "f"), "If-Match: "+ann.call("HEAD", "/dav/"+id+"/f", "").header.Get("ETag"))
	put("changed meanwhile")
	ann.patch(412, url, 0, "new")
	ann.stands(200, url, 3)
	if a := ann.call("GET", "/dav/"+id+"/f", ""); a.body != "changed meanwhile" {
		t.Errorf("GET: %q", a.body)
	}
	if a := ann.tus("DELETE", url, ""); a.status != 204 {
		t.Errorf("DELETE: %d", a.status)
	}
	ann.stands(404, url, -1)
	ann.holds(id, 17, 1, 983)
	// What was counted on is gone: the whole must fit now, and does not.
	put(strings.Repeat("x", 600))
	url = ann.begin(700, meta("folder", id, "path", "f"))
	ann.holds(id, 600, 1, 300)
	ann.call("DELETE", "/dav/"+id+"/f", "")
	ann.call("PUT", "/dav/"+id+"/g", strings.Repeat("y", 400))
	if a := ann.patch(507, url, 0, strings.Repeat("n", 700)); !strings.Contains(a.body, "100 missing") {
		t.Errorf("507: %s", a.body)
	}
	ann.stands(200, url, 700)
	ann.call("PUT", "/dav/"+id+"/g", "small")
	ann.patch(204, url, 700, "")
	ann.holds(id, 705, 2, 295)
}

// What a replaced file takes is counted on by one upload: else a thousand of them would hold a thousand times the
// folder's limit on the disk.
func TestPAR2_RoomIsLentOnce(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.limited("docs", 1000, 10)
	put := func(name, body string) {
		t.Helper()
		if a := ann.call("PUT", "/dav/"+id+"/"+name, body); a.status/100 != 2 {
			t.Fatalf("PUT %s: %d", name, a.status)
		}
	}
	put("f", strings.Repeat("x", 600))
	url := ann.begin(600, meta("folder", id, "path", "f"))
	ann.patch(204, url, 0, strings.Repeat("n", 599))
	ann.holds(id, 600, 1, 400)
	refused := func(path string) {
		t.Helper()
		a := ann.tus("POST", uploadsPath, "", "Upload-Length: 600", "Upload-Metadata: "+meta("folder", id, "path", path))
		if a.status != 507 {
			t.Errorf("a second upload to %s: %d", path, a.status)
		}
	}
	refused("f")
	move := ann.request("MOVE", "/dav/"+id+"/f", "")
	move.SetBasicAuth("ann", ann.token)
	move.Header.Set("Destination", "/dav/"+id+"/g")
	if a := h.do(move); a.status != 201 {
		t.Fatalf("MOVE: %d", a.status)
	}
	refused("g") // it is the same room
	ann.call("DELETE", "/dav/"+id+"/g", "")
	put("h", strings.Repeat("x", 600))
	refused("h") // and so is this
	ann.holds(id, 600, 1, 400)
	if a := ann.tus("DELETE", url, ""); a.status != 204 {
		t.Fatalf("DELETE: %d", a.status)
	}
	url = ann.begin(600, meta("folder", id, "path", "h"))
	ann.patch(204, url, 0, strings.Repeat("n", 600))
	url = ann.begin(600, meta("folder", id, "path", "h")) // it came to its end
	ann.patch(204, url, 0, strings.Repeat("m", 600))
	ann.holds(id, 600, 1, 400)
}

// What a client has kept for it with an upload is bounded.
func TestPAR2_LongConditions(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.limited("docs", 1000, 10)
	long := `"` + strings.Repeat("x", maxMetadata) + `"`
	for _, name := range []string{"If-Match", "If-None-Match"} {
		a := ann.tus("POST", uploadsPath, "", "Upload-Length: 1", "Upload-Metadata: "+meta("folder", id, "path", "f"), name+": "+long)
		if a.status != 400 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	ann.holds(id, 0, 0, 1000)
}

// A limit that is reached is nothing for the administrator to look after: users could fill the log with it.
func TestPAR2_LimitIsNoFault(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.limited("docs", 1000, 10)
	if a := ann.tus("POST", uploadsPath, "", "Upload-Length: 1001", "Upload-Metadata: "+meta("folder", id, "path", "f")); a.status != 507 {
		t.Fatalf("create: %d", a.status)
	}
	h.stop()
	if log := h.log.String(); !strings.Contains(log, `"status":507`) || strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("log: %s", log)
	}
}

func TestPAR2_CommitRefusedAndTriedAgain(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.limited("docs", 1000, 10)
	ann.call("MKCOL", "/dav/"+id+"/dir", "")
	url := ann.begin(3, meta("folder", id, "path", "dir/f"))
	lock := ann.call("LOCK", "/dav/"+id+"/dir", `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`)
	if a := ann.patch(423, url, 0, "new"); a.json(t)["type"] != problemBase+"locked" {
		t.Errorf("locked: %s", a.body)
	}
	ann.stands(200, url, 3)
	ann.holds(id, 0, 1, 997)
	r := ann.request("UNLOCK", "/dav/"+id+"/dir", "")
	r.SetBasicAuth("ann", ann.token)
	r.Header.Set("Lock-Token", lock.header.Get("Lock-Token"))
	if a := h.do(r); a.status != 204 {
		t.Fatal(a)
	}
	ann.call("DELETE", "/dav/"+id+"/dir", "")
	ann.patch(409, url, 3, "")
	ann.call("MKCOL", "/dav/"+id+"/dir", "")
	ann.patch(204, url, 3, "")
	if a := ann.call("GET", "/dav/"+id+"/dir/f", ""); a.body != "new" {
		t.Errorf("GET: %d %q", a.status, a.body)
	}
	ann.holds(id, 3, 2, 997)
}

func TestPAR2_RightsAndEnds(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.limited("docs", 1000, 10)
	grant := func(r store.Rights) {
		if err := h.store.SetGrant(t.Context(), id, bob.user.ID, r); err != nil {
			t.Fatal(err)
		}
	}
	grant(store.RightsRW)
	url := bob.begin(100, meta("folder", id, "path", "b"))
	bob.patch(204, url, 0, "12345")
	ann.stands(404, url, -1)
	grant(store.RightsRO)
	bob.stands(403, url, -1)
	bob.patch(403, url, 5, "6")
	if a := bob.call("GET", uploadsPath, ""); a.body != `{"uploads":[]}`+"\n" {
		t.Errorf("list: %s", a.body)
	}
	grant(store.RightsRW)
	bob.stands(200, url, 5)
	ann.holds(id, 0, 0, 900)
	// A user who goes takes his uploads along.
	if err := h.store.DeleteUser(t.Context(), bob.user.ID, "", false); err != nil {
		t.Fatal(err)
	}
	if err := h.files.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	ann.holds(id, 0, 0, 1000)
	if left := h.kept(); len(left) > 0 {
		t.Errorf("left in staging: %v", left)
	}
	// So does a folder.
	url = ann.begin(100, meta("folder", id, "path", "a"))
	body, writer := io.Pipe()
	got := make(chan error, 1)
	go func() {
		res, err := http.DefaultTransport.RoundTrip(ann.tusRequest("PATCH", url, body, "Upload-Offset: 0"))
		if err == nil {
			res.Body.Close()
			err = fmt.Errorf("status %d", res.StatusCode)
		}
		got <- err
	}()
	io.WriteString(writer, "12345")
	eventually(t, "the first bytes are there", func() bool { return ann.tus("HEAD", url, "").header.Get("Upload-Offset") == "5" })
	if a := ann.call("DELETE", "/v2/folder/"+id, ""); a.status != 204 {
		t.Fatal(a)
	}
	if err := <-got; err != nil && strings.Contains(err.Error(), "status 20") {
		t.Errorf("PATCH to a folder that is gone: %v", err)
	}
	writer.Close()
	ann.stands(404, url, -1)
	if left := h.kept(); len(left) > 0 {
		t.Errorf("left in staging: %v", left)
	}
}

// eventually polls until ok, and ends the test if that takes too long.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestPAR2_OneWriterAtATime(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.limited("docs", 1000, 10)
	url := ann.begin(15, meta("folder", id, "path", "f"))
	body, writer := io.Pipe()
	first := make(chan int, 1)
	go func() {
		res, err := http.DefaultTransport.RoundTrip(ann.tusRequest("PATCH", url, body, "Upload-Offset: 0"))
		if err != nil {
			first <- 0
			return
		}
		res.Body.Close()
		first <- res.StatusCode
	}()
	io.WriteString(writer, "12345")
	eventually(t, "the first bytes are there", func() bool { return ann.tus("HEAD", url, "").header.Get("Upload-Offset") == "5" })
	// Right after a byte the first one has the upload; bytes of two requests never mix.
	a := ann.tus("PATCH", url, "67890", "Upload-Offset: 5")
	if a.status != 423 || a.header.Get("Retry-After") == "" || a.json(t)["type"] != problemBase+"upload-busy" {
		t.Errorf("second PATCH: %d %v %s", a.status, a.header, a.body)
	}
	// It has fallen silent, as a connection does that is gone: the next one takes over.
	eventually(t, "a new PATCH takes over", func() bool {
		a := ann.tus("PATCH", url, "67890", "Upload-Offset: 5")
		if a.status != 423 && a.status != 204 {
			t.Fatalf("PATCH: %d %s", a.status, a.body)
		}
		return a.status == 204
	})
	if status := <-first; status != 423 && status != 0 {
		t.Errorf("the first PATCH: %d", status)
	}
	writer.Close()
	ann.stands(200, url, 10)
	ann.patch(204, url, 10, "abcde")
	if a := ann.call("GET", "/dav/"+id+"/f", ""); a.body != "1234567890abcde" {
		t.Errorf("GET: %q", a.body)
	}

	// Many at once, each at the offset that it is told: every byte comes once.
	const n = 40
	url = ann.begin(n, meta("folder", id, "path", "g"))
	done := make(chan struct{})
	for i := range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				offset, err := strconv.Atoi(ann.tus("HEAD", url, "").header.Get("Upload-Offset"))
				if err != nil || offset >= n {
					return
				}
				if a := ann.tus("PATCH", url, string(rune('a'+i)), "Upload-Offset: "+strconv.Itoa(offset)); a.status != 204 && a.status != 409 && a.status != 423 {
					t.Errorf("PATCH: %d %s", a.status, a.body)
					return
				}
			}
		}()
	}
	for range 4 {
		<-done
	}
	if a := ann.call("GET", "/dav/"+id+"/g", ""); len(a.body) != n || strings.Trim(a.body, "abcd") != "" {
		t.Errorf("GET: %q", a.body)
	}
	ann.holds(id, 15+n, 2, 1000-15-n)
}

func TestPAR2_BrokenConnection(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.limited("docs", 1000, 10)
	sum := sha1.Sum([]byte("0123456789"))
	check := "Upload-Checksum: sha1 " + base64.StdEncoding.EncodeToString(sum[:])
	for _, test := range []struct {
		name   string
		header []string
		kept   int
	}{{"plain", nil, 5}, {"checksum", []string{check}, 0}} { // what nobody can check is not kept
		url := ann.begin(10, meta("folder", id, "path", test.name))
		body, writer := io.Pipe()
		r := ann.tusRequest("PATCH", url, body, append(test.header, "Upload-Offset: 0")...)
		r.ContentLength = 10
		r.Header.Set("Expect", "100-continue")
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if res, err := http.DefaultTransport.RoundTrip(r); err == nil {
				res.Body.Close()
			}
		}()
		io.WriteString(writer, "01234")
		file := h.kept()[0]
		eventually(t, "the first bytes are on the disk", func() bool { i, err := os.Stat(file); return err == nil && i.Size() == 5 })
		writer.CloseWithError(io.ErrUnexpectedEOF)
		<-ended
		eventually(t, "the rest is taken", func() bool {
			return ann.tus("PATCH", url, "0123456789"[test.kept:], "Upload-Offset: "+strconv.Itoa(test.kept)).status == 204
		})
		if a := ann.call("GET", "/dav/"+id+"/"+test.name, ""); a.body != "0123456789" {
			t.Errorf("%s: %q", test.name, a.body)
		}
	}
	ann.holds(id, 20, 2, 980)
}

func TestPAR2_Expiration(t *testing.T) {
	t.Parallel() // the server looks every five seconds
	now := &clock{t: time.Now()}
	h := newHouseWith(t, func(o *davfs.Options) { o.Now, o.UploadExpiry = now.now, time.Hour })
	ann := h.caller("ann")
	id := ann.limited("docs", 1000, 10)
	url := ann.begin(100, meta("folder", id, "path", "f"))
	later := func(d time.Duration) { now.set(now.now().Add(d)) }
	later(50 * time.Minute)
	a := ann.patch(204, url, 0, "12345")
	expires, err := http.ParseTime(a.header.Get("Upload-Expires"))
	if err != nil || expires.Sub(now.now()).Round(time.Minute) != time.Hour {
		t.Errorf("Upload-Expires %q, %v", a.header.Get("Upload-Expires"), err)
	}
	later(50 * time.Minute) // an hour since the last byte, not since the first
	ann.stands(200, url, 5)
	ann.holds(id, 0, 0, 900)
	later(11 * time.Minute)
	if a := ann.stands(410, url, -1); a.header.Get("Upload-Offset") != "" {
		t.Errorf("HEAD: %v", a.header)
	}
	if a := ann.patch(410, url, 5, "6"); a.json(t)["type"] != problemBase+"upload-expired" {
		t.Errorf("PATCH: %s", a.body)
	}
	ann.holds(id, 0, 0, 1000)
	if left := h.kept(); len(left) > 0 {
		t.Errorf("left in staging: %v", left)
	}
	later(time.Hour)
	ann.stands(404, url, -1)

	// Nobody asks: the server does it by itself.
	ann.begin(100, meta("folder", id, "path", "f"))
	ann.holds(id, 0, 0, 900)
	later(2 * time.Hour)
	eventually(t, "the upload is gone", func() bool { return len(h.kept()) == 0 })
	ann.holds(id, 0, 0, 1000)
}

func TestPAR2_Bounds(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.limited("docs", 1_000_000, 2000)
	urls := make([]string, 1000)
	for i := range urls {
		urls[i] = ann.begin(100, meta("folder", id, "path", fmt.Sprint(i)))
	}
	ann.holds(id, 0, 0, 900_000)
	create := []string{"Upload-Length: 100", "Upload-Metadata: " + meta("folder", id, "path", "more")}
	if a := ann.tus("POST", uploadsPath, "", create...); a.status != 429 || a.json(t)["type"] != problemBase+"too-many-uploads" {
		t.Errorf("one more: %d %s", a.status, a.body)
	}
	if a := ann.tus("DELETE", urls[7], ""); a.status != 204 {
		t.Errorf("DELETE: %d", a.status)
	}
	if a := ann.tus("POST", uploadsPath, "", create...); a.status != 201 {
		t.Errorf("after a DELETE: %d %s", a.status, a.body)
	}
	// Files count too: 1000 are reserved of 2000.
	if a := ann.call("PUT", "/dav/"+id+"/x", "x"); a.status != 201 {
		t.Errorf("PUT: %d", a.status)
	}
	if err := h.store.SetFolderLimits(t.Context(), id, 1_000_000, 1001); err != nil {
		t.Fatal(err)
	}
	if err := h.files.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := ann.call("PUT", "/dav/"+id+"/y", "x"); a.status != 507 {
		t.Errorf("PUT beside what is reserved: %d", a.status)
	}
}

// FuzzUploadMetadata: what a client sends can only become legal names.
func FuzzUploadMetadata(f *testing.F) {
	f.Add(meta("folder", "x", "path", "a/b", "filename", "c", "mtime", "1"))
	f.Add("path L2E=,filename,mtime MQ==")
	f.Add(", ,folder  YQ==,folder YQ==")
	f.Add("path Li4vLi4=")
	f.Add(meta("path", "a//b/", "filename", "\xff"))
	f.Fuzz(func(t *testing.T, header string) {
		m, err := parseMetadata(header)
		if err != nil {
			return
		}
		var up davfs.NewPending
		if _, err := m.apply(&up); err != nil {
			return
		}
		if up.Path == "" && up.Filename == "" {
			t.Errorf("%q gives no name", header)
		}
		for _, name := range []string{up.Path, up.Filename} {
			if name == "" {
				continue
			}
			for _, seg := range strings.Split(name, "/") {
				if seg == "" || seg == "." || seg == ".." || len(seg) > 255 || bytes.ContainsAny([]byte(seg), "\x00\\\n") {
					t.Errorf("%q gives the name %q", header, name)
				}
			}
		}
		if strings.Contains(up.Filename, "/") {
			t.Errorf("%q gives the file name %q", header, up.Filename)
		}
		if !up.MTime.IsZero() && up.MTime.Unix() < 0 {
			t.Errorf("%q gives the time %v", header, up.MTime)
		}
	})
}

// What unfinished uploads have announced is no longer there for others, also where the disk is the only limit.
func TestPAR2_VolumeIsPromisedOnce(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.limited("docs", 0, 0)
	r := ann.request("PROPFIND", "/dav/"+id+"/", `<propfind xmlns="DAV:"><prop><quota-available-bytes/></prop></propfind>`)
	r.SetBasicAuth("ann", ann.token)
	r.Header.Set("Depth", "0")
	_, rest, _ := strings.Cut(h.do(r).body, "quota-available-bytes>")
	text, _, _ := strings.Cut(rest, "<")
	free, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	most := free / 5 * 3
	url := ann.begin(most, meta("folder", id, "path", "a"))
	create := []string{"Upload-Length: " + strconv.Itoa(most), "Upload-Metadata: " + meta("folder", id, "path", "b")}
	if a := ann.tus("POST", uploadsPath, "", create...); a.status != 507 || a.json(t)["type"] != problemBase+"storage-full" {
		t.Errorf("more than there is: %d %s", a.status, a.body)
	}
	// Nor by a length that is told later; what cannot be is not reserved, and does not stop others.
	later := ann.tus("POST", uploadsPath, "", "Upload-Defer-Length: 1", "Upload-Metadata: "+meta("folder", id, "path", "c")).header.Get("Location")
	if a := ann.tus("PATCH", strings.TrimPrefix(later, h.url), "x", "Upload-Offset: 0", "Upload-Length: "+strconv.Itoa(most)); a.status != 507 {
		t.Errorf("a length that is told later: %d %s", a.status, a.body)
	}
	chunks := ann.session("/"+id+"/d", "REJECT")
	if a := h.chunk(chunks, 0, math.MaxInt64, "x"); a.status != 507 {
		t.Errorf("a length that cannot be: %d %s", a.status, a.body)
	}
	if u := ann.call("GET", "/api/davit/folders/"+id, "").json(t)["usage"].(map[string]any); u["reserved"] != float64(most) {
		t.Errorf("reserved: %v", u)
	}
	if a := h.chunk(chunks, 0, 1, "x"); a.status != 200 || !strings.Contains(a.body, `"done":true`) {
		t.Errorf("then its true length: %d %s", a.status, a.body)
	}
	if a := ann.tus("DELETE", url, ""); a.status != 204 {
		t.Fatal(a)
	}
	if a := ann.tus("POST", uploadsPath, "", create...); a.status != 201 {
		t.Errorf("after a DELETE: %d %s", a.status, a.body)
	}
}

// The protocol works with every way to sign in that the API has.
func TestPAR2_SignedAndBearer(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("docs")
	host := strings.TrimPrefix(h.url, "http://")
	date := then.Format("2006-01-02T15:04:05Z07:00")
	sign := func(method, target, body string, headers ...string) answer {
		t.Helper()
		r := ann.sign(signed{method: method, target: target, body: body, host: host, date: date, day: then.Format("20060102"),
			contentType: chunkType, versionHeader: "X-BackendAI-Version", version: "v3.20170615"})
		r.Header.Set("Tus-Resumable", "1.0.0")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return h.do(r)
	}
	a := sign("POST", uploadsPath, "", "Upload-Length", "6", "Upload-Metadata", meta("folder", id, "path", "f"))
	url := a.header.Get("Location")
	if a.status != 201 || url == "" {
		t.Fatalf("signed POST: %d %s", a.status, a.body)
	}
	if a := sign("PATCH", url, "abc", "Upload-Offset", "0"); a.status != 204 {
		t.Errorf("signed PATCH: %d %s", a.status, a.body)
	}
	// A token that opens one folder needs not name it, and opens no other.
	narrow := "Authorization: Bearer " + ann.newToken(id, false)
	ann.patch(204, url, 3, "def", narrow)
	if a := ann.tus("POST", uploadsPath, "ghi", narrow, "Content-Type: "+chunkType, "Upload-Length: 3", "Upload-Metadata: "+meta("path", "g")); a.status != 201 {
		t.Errorf("without a folder: %d %s", a.status, a.body)
	}
	other := ann.create("other")
	if a := ann.tus("POST", uploadsPath, "", narrow, "Upload-Length: 3", "Upload-Metadata: "+meta("folder", other, "path", "g")); a.status != 404 {
		t.Errorf("another folder: %d %s", a.status, a.body)
	}
	url = ann.begin(3, meta("folder", other, "path", "g"))
	if a := ann.tus("HEAD", url, "", narrow); a.status != 404 {
		t.Errorf("upload to another folder: %d", a.status)
	}
	for name, want := range map[string]string{"f": "abcdef", "g": "ghi"} {
		if a := ann.call("GET", "/dav/"+id+"/"+name, ""); a.body != want {
			t.Errorf("%s: %q", name, a.body)
		}
	}
}

// Clients that follow a folder hear of the file when it is complete, and not before.
func TestPAR2_FollowersHear(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("docs")
	token := ""
	report := func() string {
		t.Helper()
		r := ann.request("REPORT", "/dav/"+id+"/", `<sync-collection xmlns="DAV:"><sync-token>`+token+
			`</sync-token><sync-level>infinite</sync-level><prop><getcontentlength/></prop></sync-collection>`)
		r.SetBasicAuth("ann", ann.token)
		a := h.do(r)
		_, rest, ok := strings.Cut(a.body, "sync-token>")
		if a.status != 207 || !ok {
			t.Fatalf("REPORT: %d %s", a.status, a.body)
		}
		token, _, _ = strings.Cut(rest, "<")
		return a.body
	}
	report()
	url := ann.begin(6, meta("folder", id, "path", "f.txt"))
	ann.patch(204, url, 0, "abc")
	if body := report(); strings.Contains(body, "f.txt") {
		t.Errorf("before the end:\n%s", body)
	}
	ann.patch(204, url, 3, "def")
	if body := report(); !strings.Contains(body, "/f.txt<") || !strings.Contains(body, ">6<") {
		t.Errorf("after the end:\n%s", body)
	}
}
