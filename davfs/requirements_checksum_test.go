package davfs

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/adler32"
	"os"
	"strings"
	"sync"
	"testing"

	"davit/store"
)

// sumsOf are the headers that tell the checksums of a content.
type sumsOf string

func (s sumsOf) oc(algorithm string) string {
	var sum []byte
	switch algorithm {
	case "SHA1":
		a := sha1.Sum([]byte(s))
		sum = a[:]
	case "MD5":
		a := md5.Sum([]byte(s))
		sum = a[:]
	case "SHA256":
		a := sha256.Sum256([]byte(s))
		sum = a[:]
	case "ADLER32":
		return fmt.Sprintf("ADLER32:%08x", adler32.Checksum([]byte(s)))
	}
	return algorithm + ":" + hex.EncodeToString(sum)
}

func (s sumsOf) sha256() string {
	a := sha256.Sum256([]byte(s))
	return "sha-256=:" + base64.StdEncoding.EncodeToString(a[:]) + ":"
}

func (s sumsOf) sha512() string {
	a := sha512.Sum512([]byte(s))
	return "sha-512=:" + base64.StdEncoding.EncodeToString(a[:]) + ":"
}

func (s sumsOf) md5() string {
	a := md5.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(a[:])
}

// kept gives the checksums of a file as ownCloud's property, "" if there are none.
func (s *site) kept(t testing.TB, target string) string {
	t.Helper()
	a := s.want(t, 207, "PROPFIND", target, `<D:propfind xmlns:D="DAV:"><D:prop><o:checksums xmlns:o="http://owncloud.org/ns"/></D:prop></D:propfind>`, "Depth: 0")
	for _, props := range a.props(t) {
		text := props["http://owncloud.org/nschecksums"]
		if _, text, ok := strings.Cut(text, "checksum>"); ok {
			return text[:strings.Index(text, "<")]
		}
		return text
	}
	return ""
}

// atRest lets SQL hear of everything, and memory forget it.
func (s *site) atRest(t testing.TB) {
	t.Helper()
	if err := s.flush(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	s.sums.mu.Lock()
	clear(s.sums.known)
	s.sums.mu.Unlock()
	for _, f := range s.openFolders() {
		f.sums.Store(sumsUnknown)
		f.release()
	}
}

// PUT-10: what is right is taken, what is wrong or malformed refused, and then nothing is changed.
func TestPUT10_Verified(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	const old, content, other = "old", "some content", sumsOf("other content")
	right := sumsOf(content)
	for _, c := range []struct {
		header string
		status int
	}{
		{"OC-Checksum: " + right.oc("SHA1"), 204}, {"OC-Checksum: " + right.oc("MD5"), 204}, {"OC-Checksum: " + right.oc("SHA256"), 204}, {"OC-Checksum: " + right.oc("ADLER32"), 204},
		{"OC-Checksum: " + strings.ToLower(right.oc("SHA1")), 204}, {"OC-Checksum: " + strings.ToUpper(right.oc("SHA1")), 204}, {"OC-Checksum: " + strings.Replace(right.oc("ADLER32"), ":0", ":", 1), 204},
		{"OC-Checksum: " + right.oc("SHA1") + " " + right.oc("MD5"), 204}, {"OC-Checksum: CRC9:12", 204},
		{"OC-Checksum: " + other.oc("SHA1"), 400}, {"OC-Checksum: " + other.oc("MD5"), 400}, {"OC-Checksum: " + other.oc("SHA256"), 400}, {"OC-Checksum: " + other.oc("ADLER32"), 400},
		{"OC-Checksum: " + right.oc("SHA1") + " " + other.oc("MD5"), 400},
		{"OC-Checksum: SHA1", 400}, {"OC-Checksum: SHA1:", 400}, {"OC-Checksum: SHA1:xyz", 400}, {"OC-Checksum: SHA1:abcd", 400}, {"OC-Checksum: ADLER32:123456789", 400}, {"OC-Checksum: ", 400}, {"OC-Checksum: :abcd", 400},

		{"Content-MD5: " + right.md5(), 204}, {"Content-MD5: " + other.md5(), 400}, {"Content-MD5: abcd", 400}, {"Content-MD5: !", 400}, {"Content-MD5: ", 400},

		{"Content-Digest: " + right.sha256(), 204}, {"Content-Digest: " + right.sha512(), 204}, {"Content-Digest: " + right.sha512() + ", " + right.sha256(), 204}, {"Repr-Digest: " + right.sha256(), 204}, {"Repr-Digest: " + right.sha512(), 204},
		{"Repr-Digest: md5=:AAAA:", 204}, {"Repr-Digest: unknown=:AAAA:," + right.sha256() + ";q=1", 204}, {"Content-Digest: unixsum=::", 204},
		{"Content-Digest: " + other.sha256(), 400}, {"Content-Digest: " + other.sha512(), 400}, {"Repr-Digest: " + other.sha256(), 400}, {"Repr-Digest: " + right.sha256() + "," + other.sha512(), 400},
		{"Content-Digest: ", 400}, {"Content-Digest: sha-256", 400}, {"Content-Digest: sha-256=1", 400}, {"Content-Digest: sha-256=:AAAA:", 400}, {"Content-Digest: sha-256=:*:", 400}, {"Repr-Digest: =:AAAA:", 400},
		{"Repr-Digest: SHA-256=:AAAA:", 400}, {"Repr-Digest: md5=:AAAA:,", 400}, {"Repr-Digest: md5=:AA", 400}, {"Repr-Digest: md5=\"x\"", 400},
	} {
		s.do(t, "PUT", "/dav/Home/f", old)
		e := s.etag(t, "/dav/Home/f")
		a := s.do(t, "PUT", "/dav/Home/f", content, c.header)
		want := content
		if c.status == 400 {
			want = old
		}
		if got := s.read(t, "/dav/Home/f"); a.status != c.status || got != want || (s.etag(t, "/dav/Home/f") == e) != (c.status == 400) {
			t.Errorf("%s: %d, want %d; then the file is %q: %s", c.header, a.status, c.status, got, a.body)
		}
		status := 201
		if c.status == 400 {
			status = 404
		}
		s.do(t, "PUT", "/dav/Home/new", content, c.header)
		if a := s.do(t, "DELETE", "/dav/Home/new", ""); (a.status == 404) != (status == 404) {
			t.Errorf("%s: the new file: %d", c.header, a.status)
		}
	}
	s.want(t, 204, "PUT", "/dav/Home/f", "", "OC-Checksum: "+sumsOf("").oc("ADLER32"), "Content-MD5: "+sumsOf("").md5())
	big := strings.Repeat("0123456789abcdef", 100_000)
	s.want(t, 400, "PUT", "/dav/Home/f", big, "Repr-Digest: "+right.sha256())
	s.want(t, 204, "PUT", "/dav/Home/f", big, "Repr-Digest: "+sumsOf(big).sha256(), "OC-Checksum: "+sumsOf(big).oc("MD5"), "Content-MD5: "+sumsOf(big).md5())
	s.want(t, 400, "PUT", "/dav/Home/f", big, "OC-Checksum: "+sumsOf(big).oc("MD5"), "Content-MD5: "+right.md5())
}

// PUT-10, PAR-1: of a part, Content-Digest and Content-MD5 are the body's, Repr-Digest and OC-Checksum the file's.
func TestPUT10_Parts(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	const old, body, whole = "begin", " end", sumsOf("begin end")
	for _, c := range []struct {
		header string
		status int
	}{
		{"Content-Digest: " + sumsOf(body).sha256(), 204}, {"Content-MD5: " + sumsOf(body).md5(), 204}, {"Repr-Digest: " + whole.sha256(), 204}, {"OC-Checksum: " + whole.oc("SHA1"), 204},
		{"Content-Digest: " + whole.sha256(), 400}, {"Content-MD5: " + whole.md5(), 400}, {"Repr-Digest: " + sumsOf(body).sha256(), 400}, {"OC-Checksum: " + sumsOf(body).oc("SHA1"), 400},
	} {
		for _, request := range [][]string{part("append"), {"Content-Range: bytes 5-8/9"}} {
			method := "PATCH"
			if len(request) == 1 {
				method = "PUT"
			}
			s.do(t, "PUT", "/dav/Home/f", old)
			a := s.do(t, method, "/dav/Home/f", body, append(request, c.header)...)
			want := string(whole)
			if c.status == 400 {
				want = old
			}
			if got := s.read(t, "/dav/Home/f"); a.status != c.status || got != want {
				t.Errorf("%s %s: %d, then %q: %s", method, c.header, a.status, got, a.body)
			}
		}
	}
	s.do(t, "PUT", "/dav/Home/f", old)
	s.want(t, 204, "PATCH", "/dav/Home/f", body, part("append", "Content-MD5: "+sumsOf(body).md5(), "OC-Checksum: "+whole.oc("SHA1"))...)
	if got := s.kept(t, "/dav/Home/f"); got != whole.oc("SHA1") { // and not the body's
		t.Errorf("kept %q", got)
	}
}

// PUT-10: what was sent belongs to that version, also after a restart; a copy has it too.
func TestPUT10_Kept(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	content := sumsOf("some content")
	s.want(t, 201, "PUT", "/dav/Home/plain", string(content))
	s.want(t, 201, "PUT", "/dav/Home/f", string(content), "OC-Checksum: "+content.oc("SHA1"))
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.want(t, 201, "PUT", "/dav/Home/d/g", string(content), "OC-Checksum: "+content.oc("MD5")+" "+content.oc("SHA1"), "Repr-Digest: "+content.sha256())
	both := content.oc("SHA1") + " " + content.oc("MD5") // MD5 is made with each OC-Checksum
	all := both + " " + content.oc("SHA256")
	check := func(target, want string) {
		t.Helper()
		if got := s.kept(t, target); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
	for range 2 {
		check("/dav/Home/plain", "")
		check("/dav/Home/d", "")
		check("/dav/Home/f", both)
		check("/dav/Home/d/g", all)
		s.atRest(t)
	}
	s.want(t, 201, "COPY", "/dav/Home/f", "", "Destination: /dav/Home/copy")
	s.want(t, 201, "COPY", "/dav/Home/d", "", "Destination: /dav/Other/d")
	s.want(t, 201, "MOVE", "/dav/Home/f", "", "Destination: /dav/Home/moved")
	for range 2 {
		check("/dav/Home/copy", both)
		check("/dav/Other/d/g", all)
		check("/dav/Home/moved", both)
		s.atRest(t)
	}
	// Another version has none, however it comes; nor has a file that is changed by hand.
	s.want(t, 204, "PUT", "/dav/Home/moved", string(content))
	check("/dav/Home/moved", "")
	s.want(t, 204, "PATCH", "/dav/Home/copy", "x", part("append")...)
	check("/dav/Home/copy", "")
	if err := os.WriteFile(s.path(s.home, "d/g"), []byte("another text"), 0o644); err != nil {
		t.Fatal(err)
	}
	check("/dav/Home/d/g", "")
	s.want(t, 403, "PUT", "/dav/Shared/f", string(content), "OC-Checksum: "+content.oc("SHA1"))
	// It cannot be set, and is in no answer that does not name it.
	a := s.want(t, 207, "PROPPATCH", "/dav/Other/d/g", patchBody(`<D:set><D:prop><o:checksums xmlns:o="http://owncloud.org/ns">x</o:checksums></D:prop></D:set>`))
	if !strings.Contains(a.body, "403 Forbidden") {
		t.Errorf("%s", a.body)
	}
	if a := s.want(t, 207, "PROPFIND", "/dav/Other/d/g", "", "Depth: 0"); strings.Contains(a.body, "checksum") {
		t.Errorf("%s", a.body)
	}
}

// PUT-10: rows of files that are gone do not pile up.
func TestPUT10_RowsGo(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	rows := func() int {
		t.Helper()
		if err := s.flush(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		n, err := s.st.ChecksumFiles(t.Context(), s.home.ID, s.now().AddDate(1, 0, 0))
		if err != nil {
			t.Fatal(err)
		}
		return len(n)
	}
	put := func(target, content string) {
		t.Helper()
		if a := s.do(t, "PUT", target, content, "OC-Checksum: "+sumsOf(content).oc("SHA1")); a.status/100 != 2 {
			t.Fatalf("%s: %d", target, a.status)
		}
	}
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	for n := range 20 {
		put("/dav/Home/f", fmt.Sprint("version ", n))
		put("/dav/Home/d/g", fmt.Sprint("version ", n))
		if got := rows(); got != 2 {
			t.Fatalf("%d files have rows after %d versions", got, n+1)
		}
	}
	put("/dav/Home/h", "x")
	s.want(t, 204, "COPY", "/dav/Home/h", "", "Destination: /dav/Home/f")
	if got := rows(); got != 3 {
		t.Errorf("%d files have rows after a copy", got)
	}
	s.want(t, 204, "MOVE", "/dav/Home/h", "", "Destination: /dav/Home/f")
	s.want(t, 204, "DELETE", "/dav/Home/f", "")
	if got := rows(); got != 1 {
		t.Errorf("%d files have rows after a removal", got)
	}
	// A collection that is removed takes many along: the daily count finds them.
	put("/dav/Home/stays", "x")
	s.want(t, 204, "DELETE", "/dav/Home/d", "")
	s.atRest(t)
	if _, err := s.Scan(t.Context(), s.home.ID); err != nil {
		t.Fatal(err)
	}
	if got := rows(); got != 1 || s.kept(t, "/dav/Home/stays") == "" {
		t.Errorf("%d files have rows after a scan, %q", got, s.kept(t, "/dav/Home/stays"))
	}
}

// PUT-10: Want-Repr-Digest is answered from what is kept, else the file is read once.
func TestPUT10_Asked(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	content := sumsOf("some content")
	s.want(t, 201, "PUT", "/dav/Home/f", string(content))
	if a := s.want(t, 200, "GET", "/dav/Home/f", ""); a.header["Repr-Digest"] != nil || a.header["Content-Digest"] != nil {
		t.Errorf("not asked for: %v", a.header)
	}
	if got := s.kept(t, "/dav/Home/f"); got != "" {
		t.Errorf("made without being asked: %q", got)
	}
	for _, c := range []struct {
		header, method string
		status         int
		repr, content  string
	}{
		{"Want-Repr-Digest: sha-256=10", "GET", 200, content.sha256(), ""}, {"Want-Repr-Digest: sha-256=10", "HEAD", 200, content.sha256(), ""},
		{"Want-Repr-Digest: sha-512=3, sha-256=1", "GET", 200, content.sha512(), ""}, {"Want-Repr-Digest: unixsum=10,sha-256=1", "GET", 200, content.sha256(), ""},
		{"Want-Repr-Digest: sha-256=0", "GET", 200, "", ""}, {"Want-Repr-Digest: unixsum=10", "GET", 200, "", ""}, {"Want-Repr-Digest: sha-256=x", "GET", 200, "", ""}, {"Want-Repr-Digest: sha-256=11", "GET", 200, "", ""},
		{"Want-Repr-Digest: ", "GET", 200, "", ""}, {"Want-Repr-Digest: sha-256", "GET", 200, "", ""},
		{"Want-Content-Digest: sha-256=1", "GET", 200, content.sha256(), content.sha256()}, {"Want-Content-Digest: sha-256=1", "HEAD", 200, content.sha256(), ""},
	} {
		a := s.want(t, c.status, c.method, "/dav/Home/f", "", c.header)
		if a.header.Get("Repr-Digest") != c.repr || a.header.Get("Content-Digest") != c.content || c.method == "GET" && a.body != string(content) {
			t.Errorf("%s %s: %v", c.method, c.header, a.header)
		}
	}
	a := s.want(t, 206, "GET", "/dav/Home/f", "", "Range: bytes=1-3", "Want-Content-Digest: sha-256=1")
	if a.header.Get("Repr-Digest") != content.sha256() || a.header["Content-Digest"] != nil || a.body != "ome" {
		t.Errorf("a part: %v", a.header)
	}
	s.want(t, 304, "GET", "/dav/Home/f", "", "If-None-Match: "+a.header.Get("ETag"), "Want-Repr-Digest: sha-256=1")
	if got := s.kept(t, "/dav/Home/f"); got != content.oc("SHA256") { // SHA-512 has no name there
		t.Errorf("kept %q", got)
	}
	s.atRest(t)
	// It is kept, and not made again: another content under the same version would show.
	if err := s.st.SaveChecksums(t.Context(), []store.Checksum{s.fake(t, "f")}, nil); err != nil {
		t.Fatal(err)
	}
	if got := s.want(t, 200, "HEAD", "/dav/Home/f", "", "Want-Repr-Digest: sha-256=1").header.Get("Repr-Digest"); got != sumsOf("fake").sha256() {
		t.Errorf("made again: %s", got)
	}
	// Beyond a size it is left out.
	f, err := os.Create(s.path(s.home, "large"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(mostHashed + 1); err != nil { // a hole
		t.Fatal(err)
	}
	f.Close()
	if _, err := s.Scan(t.Context(), s.home.ID); err != nil {
		t.Fatal(err)
	}
	if a := s.want(t, 200, "HEAD", "/dav/Home/large", "", "Want-Repr-Digest: sha-256=1"); a.header["Repr-Digest"] != nil {
		t.Errorf("%v", a.header)
	}
	// Many who ask for the same at once all get it.
	s.want(t, 204, "PUT", "/dav/Home/f", strings.Repeat("x", 3_000_000))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got := s.do(t, "HEAD", "/dav/Home/f", "", "Want-Repr-Digest: sha-256=1").header.Get("Repr-Digest"); got != sumsOf(strings.Repeat("x", 3_000_000)).sha256() {
				t.Errorf("side by side: %q", got)
			}
		})
	}
	all.Wait()
}

// fake is a wrong checksum for the version of a file that is there.
func (s *site) fake(t testing.TB, name string) store.Checksum {
	i, err := s.tree(t, s.home).Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := base64.StdEncoding.DecodeString(strings.Trim(strings.TrimPrefix(sumsOf("fake").sha256(), "sha-256="), ":"))
	if err != nil {
		t.Fatal(err)
	}
	return store.Checksum{FolderID: s.home.ID, Ino: i.Ino, Size: i.Size, MTime: i.MTime, Algorithm: "SHA256", Sum: sum}
}

// PUT-10: a listing that names the checksums gives them for all members, with and without dead properties.
func TestPUT10_Listing(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.want(t, 201, "MKCOL", "/dav/Home/d/sub", "")
	const n = 250 // more than are asked for at once
	for i := range n {
		content := fmt.Sprint("content ", i)
		headers := []string{"OC-Checksum: " + sumsOf(content).oc("SHA1")}
		if i%5 == 0 {
			headers = nil
		}
		target := fmt.Sprint("/dav/Home/d/f", i)
		s.want(t, 201, "PUT", target, content, headers...)
		if i%3 == 0 {
			s.want(t, 207, "PROPPATCH", target, patchBody(set(fmt.Sprintf("<Z:a>value %d</Z:a>", i))))
		}
	}
	body := `<D:propfind xmlns:D="DAV:"><D:prop><o:checksums xmlns:o="http://owncloud.org/ns"/><Z:a xmlns:Z="z:"/><D:getcontentlength/></D:prop></D:propfind>`
	for range 2 {
		all := s.want(t, 207, "PROPFIND", "/dav/Home/d/", body, "Depth: 1").props(t)
		if len(all) != n+2 {
			t.Fatalf("%d responses", len(all))
		}
		for i := range n {
			props := all[fmt.Sprint("/dav/Home/d/f", i)]
			content := fmt.Sprint("content ", i)
			sum, dead := "", ""
			if i%5 != 0 {
				sum = `<checksum xmlns="http://owncloud.org/ns">` + sumsOf(content).oc("SHA1")
			}
			if i%3 == 0 {
				dead = fmt.Sprint("value ", i)
			}
			got := strings.NewReplacer("x:checksum>", `checksum xmlns="http://owncloud.org/ns">`).Replace(props["http://owncloud.org/nschecksums"])
			if !strings.HasPrefix(got, sum) || (sum == "") != (got == "") || props["z:a"] != dead || props["DAV:getcontentlength"] != fmt.Sprint(len(content)) {
				t.Errorf("f%d: %v", i, props)
			}
		}
		s.atRest(t)
	}
}

func FuzzChecksums(f *testing.F) {
	for _, s := range []string{"SHA1:da39a3ee5e6b4b0d3255bfef95601890afd80709", "ADLER32:1", "MD5:x SHA1:y", ":", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", "sha-512=::;a=b, x=::", "sha-256=10,sha-512=3", "1B2M2Y8AsgTpgAmY7PhCfg=="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		for _, name := range []string{"Oc-Checksum", "Content-Digest", "Repr-Digest", "Content-Md5"} {
			e, err := readExpected(map[string][]string{name: {header}}, false)
			if err != nil {
				if statusOf(err, "PUT").Status != 400 {
					t.Fatal(err)
				}
				continue
			}
			for _, c := range []checksums{e.body, e.whole} {
				for a, sum := range c {
					if sum != nil && (len(sum) != newHash(algorithm(a)).Size() || e.hash[a] == nil) {
						t.Fatalf("%s %q: %x", algorithmNames[a], header, sum)
					}
				}
			}
		}
		if a, ok := wantedDigest([]string{header}); ok && digestNames[a] == "" {
			t.Fatalf("%q: %d", header, a)
		}
	})
}
