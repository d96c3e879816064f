package server

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"

	"davit/store"
)

// content reads a file over WebDAV; a missing one is "".
func (c *caller) content(folder, name string) string {
	c.t.Helper()
	a := c.call("GET", "/dav/"+folder+"/"+(&url.URL{Path: name}).EscapedPath(), "")
	if a.status == 404 {
		return ""
	}
	if a.status != 200 {
		c.t.Fatalf("GET %s: %d", name, a.status)
	}
	return a.body
}

// lock locks a file over WebDAV.
func (c *caller) lockFile(folder, name string) {
	c.t.Helper()
	r := c.request("LOCK", "/dav/"+folder+"/"+name, `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`)
	r.SetBasicAuth(c.user.Name, c.token)
	if a := c.do(r); a.status != 200 {
		c.t.Fatalf("LOCK %s: %d %s", name, a.status, a.body)
	}
}

func TestVFiles_RenameMoveDelete(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.create("d")
	for _, name := range []string{"a", "b", "sub/x"} {
		if strings.Contains(name, "/") {
			ann.mkdir("d", "sub")
		}
		ann.put("d", name, name)
	}
	const failed, bad = "vfolder-operation-failed", "invalid-api-params"
	// rename
	ann.want(200, "POST", "/folders/d/rename_file", `{"target_path":"a","new_name":"c","is_dir":false}`)
	ann.refused(400, failed, "POST", "/folders/d/rename-file", `{"target_path":"c","new_name":"b"}`, "b: exists")
	ann.refused(400, failed, "POST", "/folders/d/rename-file", `{"target_path":"c","new_name":"c"}`)
	ann.refused(404, "storage/file-not-found", "POST", "/folders/d/rename-file", `{"target_path":"zzz","new_name":"q"}`, "zzz")
	for _, body := range []string{`{"target_path":"c","new_name":"x/y"}`, `{"target_path":"c","new_name":".."}`, `{"target_path":"../c","new_name":"x"}`,
		`{"target_path":"/c","new_name":"x"}`, `{"target_path":"c"}`, `{"new_name":"c"}`, `{"target_path":"","new_name":"c"}`, `{"target_path":"c","new_name":"a\u0001"}`} {
		ann.refused(400, bad, "POST", "/folders/d/rename-file", body)
	}
	// move
	ann.want(200, "POST", "/folders/d/move-file", `{"src":"c","dst":"sub"}`)
	if got := ann.content("d", "sub/c"); got != "a" {
		t.Errorf("moved into a directory: %q", got)
	}
	ann.want(200, "POST", "/folders/d/move-file", `{"src":"sub/c","dst":"b"}`)
	if got := ann.content("d", "b"); got != "a" {
		t.Errorf("moved over a file: %q", got)
	}
	ann.refused(400, failed, "POST", "/folders/d/move-file", `{"src":"b","dst":"no/such"}`)
	ann.refused(400, bad, "POST", "/folders/d/move-file", `{"src":"sub","dst":"sub/in"}`)
	ann.refused(400, bad, "POST", "/folders/d/move-file", `{"src":"b","dst":"../../b"}`, "dst: ")
	ann.refused(404, "storage/file-not-found", "POST", "/folders/d/move-file", `{"src":"zz","dst":"y"}`)
	// delete
	ann.put("d", "e", "e")
	ann.refused(400, failed, "DELETE", "/folders/d/delete_files", `{"files":["e","sub"]}`, "sub", "recursive")
	if ann.content("d", "e") != "e" {
		t.Error("a refused call deleted a file")
	}
	if a := ann.send("DELETE", "/folders/d/delete-files", `{"files":["e","nothing"]}`, "X-BackendAI-Version: v6.20200815"); a.status != 200 || strings.TrimSpace(a.body) != "{}" {
		t.Errorf("delete: %d %q", a.status, a.body)
	}
	ann.want(200, "POST", "/folders/d/delete-files", `{"files":["sub"],"recursive":true}`)
	if ann.content("d", "sub/x") != "" || ann.content("d", "e") != "" {
		t.Error("deleted files are there")
	}
	for _, body := range []string{`{}`, `{"files":[]}`, `{"files":"../x"}`, `{"files":["b","/etc/passwd"]}`, `{"files":[1]}`, `{"files":{}}`,
		`{"files":["b"],"recursive":"perhaps"}`, `{"files":[` + strings.TrimSuffix(strings.Repeat(`"b",`, 10_001), ",") + `]}`} {
		ann.refused(400, bad, "DELETE", "/folders/d/delete-files", body)
	}
	// rights and locks
	ann.share(id, bob, store.RightsRO)
	for _, c := range [][2]string{{"rename-file", `{"target_path":"b","new_name":"q"}`}, {"move-file", `{"src":"b","dst":"q"}`},
		{"delete-files", `{"files":["b"]}`}, {"mkdir", `{"path":"q"}`}, {"request-upload", `{"path":"q","size":1}`}} {
		bob.refused(403, "generic-forbidden", "POST", "/folders/d/"+c[0], c[1])
	}
	ann.share(id, bob, store.RightsRW)
	ann.lockFile("d", "b")
	bob.refused(400, failed, "POST", "/folders/d/rename-file", `{"target_path":"b","new_name":"q"}`, "locked by ann")
	bob.refused(400, failed, "POST", "/folders/d/delete-files", `{"files":["b"]}`, "locked by ann")
	bob.refused(400, failed, "POST", "/folders/d/request-upload", `{"path":"b","size":1}`, "locked by ann")
}

// upload sends files, "name=content", as a multipart body.
func (c *caller) upload(folder string, files ...string) answer {
	c.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range files {
		name, content, _ := strings.Cut(f, "=")
		part, err := w.CreateFormFile("src", name)
		if err != nil {
			c.t.Fatal(err)
		}
		io.WriteString(part, content)
	}
	w.Close()
	return c.send("POST", "/folders/"+folder+"/upload", b.String(), "Content-Type: "+w.FormDataContentType())
}

func TestVFiles_Upload(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.DAV.MaxFileSize = 1 << 20 })
	ann := h.caller("ann")
	ann.create("d")
	if a := ann.upload("d", "a=1", "dir/deep/b=22", "./dir/c=333"); a.status != 201 || a.body != "" {
		t.Fatalf("upload: %d %s", a.status, a.body)
	}
	for name, want := range map[string]string{"a": "1", "dir/deep/b": "22", "dir/c": "333"} {
		if got := ann.content("d", name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if a := ann.upload("d", "a=new"); a.status != 201 || ann.content("d", "a") != "new" {
		t.Errorf("replaced: %d", a.status)
	}
	eleven := make([]string, 11)
	for i := range eleven {
		eleven[i] = fmt.Sprintf("many%d=x", i)
	}
	for name, files := range map[string][]string{"eleven": eleven, "none": nil, "above": {"good=x", "../x=x"}, "absolute": {"/etc/x=x"}, "no name": {"=x"}} {
		a := ann.upload("d", files...)
		isProblem(t, a)
		if a.status != 400 || !strings.Contains(a.body, "src") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := ann.upload("d", "ok=x", "dir=x"); a.status != 400 || !strings.Contains(a.body, "vfolder-operation-failed") {
		t.Errorf("onto a directory: %d %s", a.status, a.body)
	}
	if a := ann.upload("d", "ok=x", "big="+strings.Repeat("x", 1<<20+1)); a.status != 413 {
		t.Errorf("too large: %d %s", a.status, a.body)
	}
	if got := ann.content("d", "many0") + ann.content("d", "good") + ann.content("d", "ok"); got != "" {
		t.Errorf("refused uploads left %q", got)
	}
	for _, kind := range []string{"application/json", "multipart/form-data", "multipart/form-data; boundary=x"} {
		if a := ann.send("POST", "/folders/d/upload", "--x\r\nContent-Disp", "Content-Type: "+kind); a.status != 400 {
			t.Errorf("%s: %d %s", kind, a.status, a.body)
		}
	}
	ann.limited("small", 10, 0)
	a := ann.upload("small", "a=12345", "b=678901")
	if a.status != 400 || !strings.Contains(a.body, "limit of 10 bytes") || !strings.Contains(a.body, "1 missing") {
		t.Errorf("over the limit: %d %s", a.status, a.body)
	}
	if got := ann.content("small", "a"); got != "" {
		t.Errorf("half of an upload is there: %q", got)
	}
}

func TestVFiles_Download(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	ann.create("d")
	ann.mkdir("d", "sub")
	ann.put("d", "sub/a ä.txt", "0123456789")
	ann.put("d", "b", "bb")
	one := "/folders/d/download_single?file=" + url.QueryEscape("sub/a ä.txt")
	a := ann.call("GET", one, "")
	if a.status != 200 || a.body != "0123456789" || !strings.Contains(a.header.Get("Content-Disposition"), "filename*=UTF-8''a%20%C3%A4.txt") {
		t.Errorf("download: %d %q %q", a.status, a.body, a.header.Get("Content-Disposition"))
	}
	if a := ann.send("GET", one, "", "Range: bytes=2-4"); a.status != 206 || a.body != "234" {
		t.Errorf("range: %d %q", a.status, a.body)
	}
	if a := ann.send("GET", one, "", "Range: bytes=99-"); a.status != 416 {
		t.Errorf("range past the end: %d", a.status)
	}
	if a := ann.call("HEAD", one, ""); a.status != 200 || a.header.Get("Content-Length") != "10" {
		t.Errorf("HEAD: %d %q", a.status, a.header.Get("Content-Length"))
	}
	ann.refused(400, "vfolder-operation-failed", "GET", "/folders/d/download_single?file=sub", "")
	ann.refused(404, "storage/file-not-found", "GET", "/folders/d/download_single?file=zz", "")
	for _, q := range []string{"", "?file=", "?file=../x", "?file=%00", "?file=%ff", "?file=/b"} {
		ann.refused(400, "invalid-api-params", "GET", "/folders/d/download_single"+q, "")
	}
	bob.refused(404, "vfolder-not-found", "GET", one, "")

	a = ann.call("GET", "/folders/d/download_single?file=sub&archive=true", "")
	if got := zipped(t, a.body); got["sub/a ä.txt"] != "0123456789" {
		t.Errorf("archive: %d %q", a.status, got)
	}
	a = ann.call("GET", "/folders/d/download", `{"files":["b","sub/a ä.txt"]}`)
	_, params, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || a.status != 200 || a.header.Get("X-TOTAL-PAYLOADS-LENGTH") != "12" {
		t.Fatalf("multipart: %d %v", a.status, a.header)
	}
	parts := multipart.NewReader(strings.NewReader(a.body), params["boundary"])
	for _, want := range [][2]string{{"b", "bb"}, {"a ä.txt", "0123456789"}} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(part); string(body) != want[1] || part.FileName() != want[0] || part.Header.Get("Content-Encoding") != "identity" {
			t.Errorf("part %v %q, want %q", part.Header, body, want)
		}
	}
	ann.refused(400, "vfolder-operation-failed", "GET", "/folders/d/download", `{"files":["b","sub"]}`)
	ann.refused(404, "storage/file-not-found", "GET", "/folders/d/download", `{"files":["b","zz"]}`)
	ann.refused(400, "invalid-api-params", "GET", "/folders/d/download", `{}`, "files: ")
}

func zipped(t *testing.T, body string) map[string]string {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatalf("%v: %q", err, body)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r)
		files[f.Name] = string(b)
	}
	return files
}

// anonymous asks without credentials.
func (h *house) anonymous(method, target, body string, headers ...string) answer {
	h.t.Helper()
	r := h.request(method, target, body)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	return h.do(r)
}

func TestD30_VFolderDownloadLinks(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.create("d")
	ann.mkdir("d", "sub")
	ann.put("d", "sub/a", "0123456789")
	ann.put("d", "b", "bb")
	link := func(c *caller, call, body string) string {
		v := c.want(200, "POST", "/folders/d/"+call, body)
		where, err := url.Parse(v["url"].(string))
		if err != nil || h.url != where.Scheme+"://"+where.Host {
			t.Fatalf("url %q: %v", v["url"], err)
		}
		return where.Path + "?token=" + v["token"].(string)
	}
	file := link(ann, "request-download", `{"path":"sub/a"}`)
	a := h.anonymous("GET", file, "")
	if a.status != 200 || a.body != "0123456789" || a.header.Get("Referrer-Policy") != "no-referrer" || a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("by link: %d %q %v", a.status, a.body, a.header)
	}
	if a := h.anonymous("GET", file, "", "Range: bytes=-3"); a.status != 206 || a.body != "789" {
		t.Errorf("range by link: %d %q", a.status, a.body)
	}
	if a := h.anonymous("HEAD", strings.Replace(file, "-", "_", 2), ""); a.status != 200 || a.header.Get("Content-Length") != "10" {
		t.Errorf("HEAD by link: %d", a.status)
	}
	dir := link(ann, "request_download", `{"file":"sub","archive":true}`)
	if got := zipped(t, h.anonymous("GET", dir, "").body); got["sub/a"] != "0123456789" {
		t.Errorf("archive by link: %q", got)
	}
	plain := link(ann, "request_download", `{"file":"sub"}`) // what the client adds later
	if a := h.anonymous("GET", plain, ""); a.status != 400 {
		t.Errorf("a directory without archive: %d", a.status)
	}
	if a := h.anonymous("GET", plain+"&archive=true", ""); a.status != 200 {
		t.Errorf("archive asked for later: %d", a.status)
	}
	many := link(ann, "request-download-archive", `{"files":["b","sub"],"filename":"all.zip"}`)
	a = h.anonymous("GET", many, "")
	if got := zipped(t, a.body); got["b"] != "bb" || got["sub/a"] == "" || !strings.Contains(a.header.Get("Content-Disposition"), "all.zip") {
		t.Errorf("archive of several: %q %v", got, a.header)
	}
	single := link(ann, "request-download-archive", `{"files":["b"]}`)
	if a := h.anonymous("GET", single, ""); a.status != 200 || zipped(t, a.body)["b"] != "bb" {
		t.Errorf("archive of one file: %d %q", a.status, a.body)
	}
	for _, c := range [][2]string{{"request-download", `{}`}, {"request-download", `{"path":"../x"}`}, {"request-download-archive", `{"files":[]}`},
		{"request-download-archive", `{"files":["b"],"filename":"a/b"}`}} {
		ann.refused(400, "invalid-api-params", "POST", "/folders/d/"+c[0], c[1])
	}
	ann.refused(404, "storage/file-not-found", "POST", "/folders/d/request-download", `{"path":"zz"}`)

	// Tokens that are none, and of other things.
	upload := ann.want(200, "POST", "/folders/d/request-upload", `{"path":"u","size":5}`)["token"].(string)
	for _, token := range []string{"", "x", upload, strings.Repeat("A", 1000)} {
		a := h.anonymous("GET", "/folders/_/download_with_token?token="+token, "")
		isProblem(t, a)
		if a.status != 404 && token != "" || a.status >= 500 || a.status < 400 {
			t.Errorf("token %.10q: %d", token, a.status)
		}
	}
	// The rights of the moment count, and the link's time.
	ann.share(id, bob, store.RightsRO)
	bobs := link(bob, "request-download", `{"path":"b"}`)
	if a := h.anonymous("GET", bobs, ""); a.body != "bb" {
		t.Errorf("bob's link: %d", a.status)
	}
	ann.share(id, bob, 0)
	if a := h.anonymous("GET", bobs, ""); a.status != 404 {
		t.Errorf("after the grant: %d", a.status)
	}
	h.clock.set(then.Add(downloadLinkTime))
	if a := h.anonymous("GET", file, ""); a.status != 404 || !strings.Contains(a.body, "expired") {
		t.Errorf("after its time: %d %s", a.status, a.body)
	}
	h.stop()
	for _, secret := range []string{upload[20:60], file[len(file)-40:]} {
		if strings.Contains(h.log.String(), secret) {
			t.Error("a token is in the log")
		}
	}
}

func TestD30_VFolderTus(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.DAV.MaxFileSize = 1000 })
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.limited("d", 100, 0)
	const chunk = "Content-Type: application/offset+octet-stream"
	start := func(c *caller, call, body string) (byPath, byQuery string) {
		v := c.want(200, "POST", "/folders/"+id+"/"+call, body)
		return "/v6/folders/_/tus/upload/" + v["token"].(string), strings.TrimPrefix(v["url"].(string), h.url) + "?token=" + v["token"].(string)
	}
	path, query := start(ann, "create_upload_session", `{"path":"new/dir/f","size":10}`)
	if a := h.anonymous("OPTIONS", path, ""); a.status != 200 || a.header.Get("Tus-Version") != "1.0.0" || a.header.Get("Tus-Max-Size") != "1000" || a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("OPTIONS: %d %v", a.status, a.header)
	}
	stands := func(target, offset string) {
		t.Helper()
		a := h.anonymous("HEAD", target, "", "Tus-Resumable: 1.0.0")
		if a.status != 200 || a.header.Get("Upload-Offset") != offset || a.header.Get("Upload-Length") != "10" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("HEAD: %d %v, want offset %s", a.status, a.header, offset)
		}
	}
	stands(path, "0")
	if a := h.anonymous("PATCH", path, "01234", chunk, "Upload-Offset: 0", "Tus-Resumable: 1.0.0", "Sec-Fetch-Site: cross-site", "Origin: https://console.example.test"); a.status != 204 || a.header.Get("Upload-Offset") != "5" {
		t.Errorf("PATCH: %d %s", a.status, a.body)
	}
	stands(query, "5")
	for name, c := range map[string]struct {
		status  int
		headers []string
	}{
		"offset behind": {409, []string{chunk, "Upload-Offset: 0"}},
		"offset ahead":  {409, []string{chunk, "Upload-Offset: 6"}},
		"no offset":     {400, []string{chunk}},
		"bad offset":    {400, []string{chunk, "Upload-Offset: -1"}},
		"huge offset":   {400, []string{chunk, "Upload-Offset: 99999999999999999999"}},
		"type":          {415, []string{"Content-Type: text/plain", "Upload-Offset: 5"}},
		"version":       {412, []string{chunk, "Upload-Offset: 5", "Tus-Resumable: 0.2.0"}},
	} {
		if a := h.anonymous("PATCH", path, "01234", c.headers...); a.status != c.status {
			t.Errorf("%s: %d %s, want %d", name, a.status, a.body, c.status)
		}
	}
	if a := h.anonymous("PATCH", path, "5678901", chunk, "Upload-Offset: 5"); a.status != 413 {
		t.Errorf("too long: %d %s", a.status, a.body)
	}
	if got := ann.content(id, "new/dir/f"); got != "" {
		t.Errorf("half an upload is visible: %q", got)
	}
	ann.holds(id, 0, 2, 90)
	if a := h.anonymous("POST", query, "56789", chunk, "Upload-Offset: 5", "X-Method-Override: PATCH"); a.status != 204 || a.header.Get("Upload-Offset") != "10" {
		t.Errorf("last PATCH: %d %s", a.status, a.body)
	}
	if got := ann.content(id, "new/dir/f"); got != "0123456789" {
		t.Errorf("uploaded %q", got)
	}
	stands(path, "10")
	if a := h.anonymous("PATCH", path, "", chunk, "Upload-Offset: 10"); a.status != 204 {
		t.Errorf("repeated last PATCH: %d", a.status)
	}

	start(ann, "request-upload", `{"path":"empty","size":"0"}`)
	if a := ann.call("GET", "/dav/"+id+"/empty", ""); a.status != 200 || a.body != "" {
		t.Errorf("empty file: %d %q", a.status, a.body)
	}
	for _, body := range []string{`{"path":"x"}`, `{"size":1}`, `{"path":"x","size":-1}`, `{"path":"x","size":1.5}`, `{"path":"x","size":1e30}`, `{"path":"x","size":1001}`,
		`{"path":"../x","size":1}`, `{"path":"/x","size":1}`, `{"path":"","size":1}`, `{"path":"a\\b","size":1}`} {
		ann.refused(400, "invalid-api-params", "POST", "/folders/d/request-upload", body)
	}
	ann.refused(400, "vfolder-operation-failed", "POST", "/folders/d/request-upload", `{"path":"x","size":101}`, "limit of 100 bytes", "missing")
	ann.refused(400, "vfolder-operation-failed", "POST", "/folders/d/request-upload", `{"path":"new","size":1}`, "directory")

	ann.share(id, bob, store.RightsRW)
	path, _ = start(bob, "request-upload", `{"path":"bobs","size":3}`)
	ann.share(id, bob, store.RightsRO)
	if a := h.anonymous("PATCH", path, "bob", chunk, "Upload-Offset: 0"); a.status != 403 {
		t.Errorf("after the right to write was taken: %d %s", a.status, a.body)
	}
	ann.share(id, bob, 0)
	if a := h.anonymous("PATCH", path, "bob", chunk, "Upload-Offset: 0"); a.status != 404 {
		t.Errorf("after the grant: %d %s", a.status, a.body)
	}
	path, _ = start(ann, "request-upload", `{"path":"late","size":3}`)
	h.clock.set(then.Add(uploadLinkTime))
	if a := h.anonymous("PATCH", path, "abc", chunk, "Upload-Offset: 0"); a.status != 404 {
		t.Errorf("expired: %d", a.status)
	}
	h.stop()
	if token := path[len(path)-40:]; strings.Contains(h.log.String(), token) {
		t.Error("a token in a path is in the log")
	}
}

// TestT16_FilesOfAnotherDoor: what WebDAV writes is in the info at once.
func TestT16_UsageAcrossDoors(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("d")
	ann.put("d", "a", "12345")
	ann.upload("d", "b=678")
	for _, target := range []string{"/folders/d", "/folders/" + id} {
		v := ann.want(200, "GET", target, "")
		if v["numFiles"] != 2. || v["num_files"] != 2. || v["used_bytes"] != 8. || v["last_used"] == nil {
			t.Errorf("%s: %v", target, v)
		}
	}
	if a := ann.call("GET", "/folders", ""); !strings.Contains(a.body, `"used_bytes":8,`) {
		t.Errorf("list: %s", a.body)
	}
}
