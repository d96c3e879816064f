package auth

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"davit/store"
)

// The keys of the vectors in Backend.AI's documents, and of those made for this server.
const (
	testKey     = "AKIATESTVFOLDER00001"
	testSecret  = "v2-test-secret/0123456789+abcdefghijklmn"
	testHost    = "api.example.test:8081"
	sampleKey   = "AKIAIOSFODNN7EXAMPLE"
	sampleKeyS  = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	sampleHost  = "your.sorna.api.endpoint"
	infoTarget  = "/v2/folder/0b6ee9b5c2d44a6fb0a4f3a5c1f1d7e2"
	mydata      = `{"name":"mydata"}`
	jsonType    = "application/json"
	backendAI   = "X-BackendAI-Version"
	sorna       = "X-Sorna-Version"
	date2017    = "2017-03-20T09:30:00+00:00"
	v2017       = "v2.20170315"
	bodyUnknown = "v4.20190615"
)

var at2017 = time.Date(2017, 3, 20, 9, 30, 0, 0, time.UTC)

// vector is a signed request with its published signature.
type vector struct {
	id                      string
	key, host               string
	method, target, body    string
	date, contentType       string
	versionHeader, version  string
	signature               string
	at                      time.Time
	bodyNotSigned, sornaEra bool
}

var vectors = []vector{
	{id: "A", method: "POST", target: "/v2/folder/create", body: mydata, date: date2017, contentType: jsonType, versionHeader: sorna, version: v2017, sornaEra: true,
		signature: "6e2066c26ab612837e483824269acd8299e62f2574cdeaff9026ba5e98d1d75d"},
	{id: "B", method: "POST", target: "/v2/folder/create", body: mydata, date: date2017, contentType: jsonType, versionHeader: backendAI, version: v2017,
		signature: "eb3826af7e786a96240b3d449dd041cc21757ac6b31fc2e0ae6530d4d3d7e64c"},
	{id: "C", method: "POST", target: "/folders", body: mydata, date: date2017, contentType: jsonType, versionHeader: backendAI, version: bodyUnknown, bodyNotSigned: true,
		signature: "e6a601c652c171a60c2c6afe4ce641c648c536fc455333d8fe78785b9ed183e6"},
	{id: "D", method: "GET", target: infoTarget, date: "Mon, 20 Mar 2017 09:30:00 GMT", contentType: jsonType, versionHeader: backendAI, version: v2017,
		signature: "d8a32b659c98a1d3414927a5205fd39e2b3db96f122245b4fcb974fd3e224b16"},
	{id: "E", method: "DELETE", target: infoTarget, date: "20170320T09:30:00Z", versionHeader: backendAI, version: v2017,
		signature: "84f6e35c709e25bcc5768bb3bac9b9adaa98891ad53ff56a67abadf072f9d1ae"},
	{id: "F", method: "GET", target: "/v2/folders/mydata/files?path=a%20b%2Fc", date: "2017-03-20T09:30:00.000Z", contentType: jsonType, versionHeader: backendAI, version: "v3.20170615",
		signature: "dad2f355d0876769da7d619138c4d793f8e46438d196191cc3c5df574a12cc8a"},
	{id: "G1", method: "GET", target: "/v2/folders", date: "2017-03-21T00:30:00+09:00", contentType: jsonType, versionHeader: backendAI, version: v2017, at: time.Date(2017, 3, 20, 15, 30, 0, 0, time.UTC),
		signature: "ae280a1f7a2266e3c7ed579fac325d3e96482086881f1d36ee60cd9e6ced26ca"},
	{id: "G2", method: "GET", target: "/v2/folders", date: "2017-03-21T00:30:00+09:00", contentType: jsonType, versionHeader: backendAI, version: v2017, at: time.Date(2017, 3, 20, 15, 30, 0, 0, time.UTC),
		signature: "97ccaaf65109318ce188f0623e229a8ad05ebf561c94235047b5b0ed17361365"},
	{id: "P1", key: sampleKey, host: sampleHost, method: "GET", target: "/v1", date: "20160930T01:23:45Z", contentType: jsonType, versionHeader: sorna, version: "v1.20160915", at: time.Date(2016, 9, 30, 1, 23, 45, 0, time.UTC), sornaEra: true,
		signature: "022ae894b4ecce097bea6eca9a97c41cd17e8aff545800cd696112cc387059cf"},
	{id: "P2", key: sampleKey, host: sampleHost, method: "GET", target: "/v2", date: "20160930T01:23:45Z", contentType: jsonType, versionHeader: sorna, version: "v2.20170215", at: time.Date(2016, 9, 30, 1, 23, 45, 0, time.UTC), sornaEra: true,
		signature: "ca177162e332893e70743f6612ffe2cfad8b1a036bcfddf4a83f4897459be757"},
	{id: "P3", key: sampleKey, host: sampleHost, method: "GET", target: "/v2", date: "20160930T01:23:45Z", contentType: jsonType, versionHeader: backendAI, version: "v2.20170215", at: time.Date(2016, 9, 30, 1, 23, 45, 0, time.UTC),
		signature: "9a44c7b7ee1082109ab93d7079ccbd3b4e0f351435e8fcd24418ae31bd9b793e"},
}

func vectorOf(id string) vector {
	for _, v := range vectors {
		if v.id == id {
			return v
		}
	}
	panic("no vector " + id)
}

// newSignedWorld is a world that knows the keys of the vectors, at the time of v.
func newSignedWorld(t *testing.T, v vector, change ...func(*Options)) *world {
	t.Helper()
	w := newWorld(t, change...)
	w.clock.set(at2017)
	if !v.at.IsZero() {
		w.clock.set(v.at)
	}
	u, err := w.st.CreateUser(t.Context(), store.User{Name: "platform"})
	w.do(err)
	for key, secret := range map[string]string{testKey: testSecret, sampleKey: sampleKeyS} {
		box, err := w.seal(key, secret)
		w.do(err)
		_, err = w.st.CreateKey(t.Context(), store.Key{AccessKey: key, UserID: u.ID, Sealed: box})
		w.do(err)
	}
	return w
}

func (v vector) headers() map[string]string {
	key, host, scheme := testKey, testHost, "BackendAI"
	if v.key != "" {
		key, host = v.key, v.host
	}
	if v.host != "" {
		host = v.host
	}
	if v.sornaEra {
		scheme = "Sorna"
	}
	h := map[string]string{
		"Host":          host,
		"Date":          v.date,
		v.versionHeader: v.version,
		"Authorization": fmt.Sprintf("%s signMethod=HMAC-SHA256, credential=%s:%s", scheme, key, v.signature),
	}
	if v.contentType != "" {
		h["Content-Type"] = v.contentType
	}
	return h
}

// sendVector sends v; edit changes the headers before.
func (w *world) sendVector(v vector, edit ...func(map[string]string)) (int, answer) {
	w.t.Helper()
	h := v.headers()
	for _, e := range edit {
		e(h)
	}
	var body io.Reader
	if v.body != "" {
		body = strings.NewReader(v.body)
	}
	return w.send(v.method, v.target, h, body)
}

// resign gives v the signature that a client with these headers would make.
func (v vector) resign(newHash func() hash.Hash, mediaType, day string) vector {
	body := v.body
	if v.bodyNotSigned {
		body = ""
	}
	h := newHash()
	io.WriteString(h, body)
	text := fmt.Sprintf("%s\n%s\n%s\nhost:%s\ncontent-type:%s\n%s:%s\n%x", v.method, v.target, v.date, testHost,
		mediaType, strings.ToLower(v.versionHeader), v.version, h.Sum(nil))
	key := []byte(testSecret)
	for _, msg := range []string{day, testHost, text} {
		m := hmac.New(newHash, key)
		io.WriteString(m, msg)
		key = m.Sum(nil)
	}
	v.signature = hex.EncodeToString(key)
	return v
}

func set(name, value string) func(map[string]string) {
	return func(h map[string]string) {
		delete(h, name)
		if value != "" {
			h[name] = value
		}
	}
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.id, func(t *testing.T) {
			w := newSignedWorld(t, v)
			got, a := w.sendVector(v)
			if got != 200 {
				t.Fatalf("status %d (%s), want 200", got, a.Error)
			}
			if a.UserName != "platform" || a.KeyID == "" || a.Body != v.body {
				t.Errorf("answer %+v, want the user platform, its key, and the body %q", a, v.body)
			}
		})
	}
}

// TestVectorsHTTP2: there the target is :path and the host :authority.
func TestVectorsHTTP2(t *testing.T) {
	for _, id := range []string{"A", "E", "F"} {
		t.Run(id, func(t *testing.T) {
			v := vectorOf(id)
			w := newSignedWorld(t, v)
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.ProtoMajor != 2 {
					t.Errorf("the request came by %s", r.Proto)
				}
				w.serve(rw, r)
			}))
			srv.EnableHTTP2 = true
			srv.StartTLS()
			defer srv.Close()
			req, err := http.NewRequest(v.method, srv.URL+v.target, strings.NewReader(v.body))
			w.do(err)
			for name, value := range v.headers() {
				req.Header.Set(name, value)
			}
			req.Host = testHost
			res, err := srv.Client().Do(req)
			w.do(err)
			defer res.Body.Close()
			want(t, res.StatusCode, 200)
		})
	}
}

// TestAltered is T2 and T4: a changed request has another signature.
func TestAltered(t *testing.T) {
	for _, v := range vectors {
		other := func(s string) string { return s[:len(s)-1] + string(s[len(s)-1]^1) }
		for _, c := range []struct {
			name   string
			v      func(vector) vector
			edit   func(map[string]string)
			status int
		}{
			{"target", func(v vector) vector { v.target = other(v.target); return v }, nil, 401},
			{"query", func(v vector) vector { v.target += "?"; return v }, nil, 401},
			{"method", func(v vector) vector { v.method = "PUT"; return v }, nil, 401},
			{"host", nil, func(h map[string]string) { h["Host"] = strings.ToUpper(h["Host"]) }, 401},
			{"port", nil, func(h map[string]string) { h["Host"] = strings.TrimSuffix(h["Host"], ":8081") + ":80" }, 401},
			{"date", nil, func(h map[string]string) { h["Date"] = strings.Replace(h["Date"], ":0", ":1", 1) }, 401},
			{"content type", nil, set("Content-Type", "text/html"), 401},
			{"version", func(v vector) vector { v.version = "v2.20170316"; return v }, nil, 401},
			{"key", nil, func(h map[string]string) { h["Authorization"] = strings.Replace(h["Authorization"], "AKIA", "AKIB", 1) }, 401},
			{"signature", func(v vector) vector { v.signature = other(v.signature); return v }, nil, 401},
			{"signature cut", func(v vector) vector { v.signature = v.signature[:62]; return v }, nil, 401},
			{"no signature", func(v vector) vector { v.signature = ""; return v }, nil, 401},
			{"body", func(v vector) vector { v.body += " "; return v }, nil, 401},
		} {
			t.Run(v.id+"/"+c.name, func(t *testing.T) {
				if c.name == "date" && !strings.Contains(v.date, ":0") {
					c.edit = func(h map[string]string) { h["Date"] = strings.Replace(h["Date"], "3:45", "3:46", 1) }
				}
				changed, edit := v, func(map[string]string) {}
				if c.v != nil {
					changed = c.v(v)
				}
				if c.edit != nil {
					edit = c.edit
				}
				status := c.status
				if c.name == "body" && v.bodyNotSigned {
					status = 200 // T4
				}
				w := newSignedWorld(t, v)
				got, a := w.sendVector(changed, edit)
				if got != status {
					t.Errorf("status %d (%s), want %d", got, a.Error, status)
				}
			})
		}
	}
}

// TestSkew is T3.
func TestSkew(t *testing.T) {
	for _, c := range []struct {
		clock  string
		status int
	}{
		{"09:44:59", 200}, {"09:45:00", 200}, {"09:45:01", 400},
		{"09:15:01", 200}, {"09:15:00", 200}, {"09:14:59", 400},
	} {
		t.Run(c.clock, func(t *testing.T) {
			v := vectorOf("A")
			v.at, _ = time.Parse(time.DateTime, "2017-03-20 "+c.clock)
			w := newSignedWorld(t, v)
			got, _ := w.sendVector(v)
			want(t, got, c.status)
		})
	}
}

// TestSignedParams is T5, and all else that is malformed.
func TestSignedParams(t *testing.T) {
	v := vectorOf("A")
	credential := testKey + ":" + v.signature
	for _, c := range []struct {
		name   string
		edit   func(map[string]string)
		status int
	}{
		{"as it is", func(map[string]string) {}, 200},
		{"the other scheme word", set("Authorization", "BackendAI signMethod=HMAC-SHA256, credential="+credential), 200},
		{"scheme in lower case", set("Authorization", "sorna signMethod=HMAC-SHA256, credential="+credential), 200},
		{"other order, no blank", set("Authorization", "Sorna credential="+credential+",signMethod=HMAC-SHA256"), 200},
		{"one more parameter", set("Authorization", "Sorna a=b, signMethod=HMAC-SHA256, credential="+credential), 200},
		{"upper-case signature", set("Authorization", "Sorna signMethod=HMAC-SHA256, credential="+testKey+":"+strings.ToUpper(v.signature)), 200},
		{"scheme Basic", set("Authorization", "Basic signMethod=HMAC-SHA256, credential="+credential), 401},
		{"unknown scheme", set("Authorization", "AWS4 signMethod=HMAC-SHA256, credential="+credential), 400},
		{"MD5", set("Authorization", "Sorna signMethod=HMAC-MD5, credential="+credential), 400},
		{"SHA1", set("Authorization", "Sorna signMethod=HMAC-SHA1, credential="+credential), 400},
		{"no method", set("Authorization", "Sorna credential="+credential), 400},
		{"no credential", set("Authorization", "Sorna signMethod=HMAC-SHA256"), 400},
		{"no colon", set("Authorization", "Sorna signMethod=HMAC-SHA256, credential="+testKey), 400},
		{"no key", set("Authorization", "Sorna signMethod=HMAC-SHA256, credential=:"+v.signature), 400},
		{"no parameters", set("Authorization", "Sorna"), 400},
		{"not hex", set("Authorization", "Sorna signMethod=HMAC-SHA256, credential="+testKey+":zz"), 401},
		{"no Authorization", set("Authorization", ""), 401},
		{"no version", set(sorna, ""), 400},
		{"no date", set("Date", ""), 400},
		{"Unix time", set("Date", "1490002200"), 400},
		{"not a date", set("Date", "today"), 400},
		{"both versions, the new name wins", set(backendAI, v2017), 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newSignedWorld(t, v)
			got, a := w.sendVector(v, c.edit)
			if got != c.status {
				t.Errorf("status %d (%s), want %d", got, a.Error, c.status)
			}
			if c.name != "no date" && c.status == 400 && a.Error == "" {
				t.Error("no message")
			}
		})
	}
}

func TestSignMethods(t *testing.T) {
	for _, c := range []struct {
		name    string
		newHash func() hash.Hash
		status  int
	}{
		{"HMAC-SHA256", sha256.New, 200},
		{"hmac-sha256", sha256.New, 200},
		{"HMAC-SHA384", sha512.New384, 200},
		{"HMAC-SHA512", sha512.New, 200},
		{"HMAC-SHA1", sha1.New, 400},
		{"HMAC-MD5", md5.New, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := vectorOf("B").resign(c.newHash, jsonType, "20170320")
			w := newSignedWorld(t, v)
			got, _ := w.sendVector(v, set("Authorization", "BackendAI signMethod="+c.name+", credential="+testKey+":"+v.signature))
			want(t, got, c.status)
		})
	}
}

// TestSignedContentType: what is signed is the media type.
func TestSignedContentType(t *testing.T) {
	for _, c := range []struct{ sent, signed string }{
		{"application/json", "application/json"},
		{"Application/JSON; charset=UTF-8", "application/json"},
		{"multipart/form-data; boundary=x", "multipart/form-data"},
		{"json", "text/plain"},
		{"a/b/c", "text/plain"},
		{"; charset=utf-8", "text/plain"},
		{"", "application/octet-stream"},
	} {
		t.Run(c.sent, func(t *testing.T) {
			v := vectorOf("B")
			v.contentType = c.sent
			v.bodyNotSigned = c.signed == "multipart/form-data"
			v = v.resign(sha256.New, c.signed, "20170320")
			w := newSignedWorld(t, v)
			got, a := w.sendVector(v)
			want(t, got, 200)
			if a.Body != v.body {
				t.Errorf("body %q, want %q", a.Body, v.body)
			}
		})
	}
	t.Run("empty", func(t *testing.T) {
		if got := signedMediaType(map[string][]string{"Content-Type": {""}}); got != "text/plain" {
			t.Errorf("got %q, want text/plain", got)
		}
	})
}

// TestAlternativeDate: browsers can't set Date, and proxies may add one.
func TestAlternativeDate(t *testing.T) {
	v := vectorOf("B")
	for _, c := range []struct {
		name                string
		date, new, sornaOne string
		status              int
	}{
		{"new name", "", date2017, "", 200},
		{"old name", "", "", date2017, 200},
		{"new name wins", "", date2017, "Mon, 20 Mar 2017 09:31:00 GMT", 200},
		{"old name loses", "", "Mon, 20 Mar 2017 09:31:00 GMT", date2017, 401},
		{"a proxy added Date", "Mon, 20 Mar 2017 09:31:00 GMT", date2017, "", 200},
		{"a proxy added a wrong Date", "Mon, 20 Mar 2017 19:31:00 GMT", date2017, "", 200},
		{"Date is right, the other nonsense", date2017, "x", "", 200},
		{"both too old", "Mon, 20 Mar 2017 09:00:00 GMT", "2017-03-20T09:01:00Z", "", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newSignedWorld(t, v)
			got, a := w.sendVector(v, set("Date", c.date), set("X-BackendAI-Date", c.new), set("X-Sorna-Date", c.sornaOne))
			if got != c.status {
				t.Errorf("status %d (%s), want %d", got, a.Error, c.status)
			}
		})
	}
}

// TestReplay is D28: an unsafe request counts once.
func TestReplay(t *testing.T) {
	for _, c := range []struct {
		id     string
		second int
	}{
		{"A", 401}, {"E", 401}, {"C", 401}, {"D", 200}, {"F", 200},
	} {
		t.Run(c.id, func(t *testing.T) {
			v := vectorOf(c.id)
			w := newSignedWorld(t, v)
			got, _ := w.sendVector(v)
			want(t, got, 200)
			w.clock.add(maxSkew)
			got, _ = w.sendVector(v)
			want(t, got, c.second)
			got, _ = w.sendVector(v, func(h map[string]string) {
				h["Authorization"] = strings.Replace(h["Authorization"], v.signature, strings.ToUpper(v.signature), 1)
			})
			want(t, got, c.second)
			w.clock.add(time.Second)
			got, _ = w.sendVector(v)
			want(t, got, 400)
		})
	}
	t.Run("a wrong signature is not remembered", func(t *testing.T) {
		v := vectorOf("A")
		w := newSignedWorld(t, v)
		wrong := v
		wrong.body = "{}"
		got, _ := w.sendVector(wrong)
		want(t, got, 401)
		got, _ = w.sendVector(v)
		want(t, got, 200)
	})
	t.Run("bounds", func(t *testing.T) {
		var p replays
		full := 0
		for k := range maxReplays/maxReplaysEach + 1 {
			key := fmt.Sprint("key", k)
			for i := range maxReplaysEach {
				if p.add(signature{accessKey: key, mac: []byte(fmt.Sprint(i))}, noon, noon.Add(time.Minute)) != nil {
					full++
				}
			}
		}
		if len(p.seen) != maxReplays || full != maxReplaysEach {
			t.Errorf("%d remembered, %d refused; want %d and %d", len(p.seen), full, maxReplays, maxReplaysEach)
		}
		if err := p.add(signature{accessKey: "key0", mac: []byte("new")}, noon, noon); err == nil {
			t.Error("a key has more than its share")
		}
		later := noon.Add(time.Minute + time.Second)
		if err := p.add(signature{accessKey: "key0", mac: []byte("new")}, later, later); err != nil || len(p.seen) != 1 || len(p.each) != 1 {
			t.Errorf("after their time: %v, %d and %d left, want 1 and 1", err, len(p.seen), len(p.each))
		}
	})
}

// TestPlainBody: a body that no signature covers needs a private connection (D28).
func TestPlainBody(t *testing.T) {
	open := Client{IP: netip.MustParseAddr("192.0.2.1")}
	for _, c := range []struct {
		name   string
		v      vector
		client Client
		allow  bool
		status int
	}{
		{"open network", vectorOf("C"), open, false, 403},
		{"allowed", vectorOf("C"), open, true, 200},
		{"TLS", vectorOf("C"), Client{Secure: true}, false, 200},
		{"loopback", vectorOf("C"), Client{Loopback: true}, false, 200},
		{"the signature covers the body", vectorOf("B"), open, false, 200},
		{"no body", vectorOf("D"), open, false, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newSignedWorld(t, c.v, func(o *Options) { o.AllowPlainBody = c.allow })
			w.client.Store(&c.client)
			got, _ := w.sendVector(c.v)
			want(t, got, c.status)
		})
	}
	t.Run("new version without a body", func(t *testing.T) {
		v := vectorOf("C")
		v.body = ""
		w := newSignedWorld(t, v)
		w.client.Store(&open)
		got, _ := w.sendVector(v)
		want(t, got, 200)
	})
}

// TestSignedBody: the body is bounded, read for known keys only, and put back.
func TestSignedBody(t *testing.T) {
	t.Run("GET and DELETE with a body", func(t *testing.T) { // T15
		for _, method := range []string{"GET", "DELETE"} {
			v := vectorOf("B")
			v.method = method
			v = v.resign(sha256.New, jsonType, "20170320")
			w := newSignedWorld(t, v)
			got, a := w.sendVector(v)
			want(t, got, 200)
			if a.Body != v.body {
				t.Errorf("%s: body %q, want %q", method, a.Body, v.body)
			}
		}
	})
	for _, c := range []struct {
		name   string
		size   int
		status int
	}{
		{"as long as may be", maxSignedBody, 200},
		{"too long", maxSignedBody + 1, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := vectorOf("B")
			v.body = strings.Repeat("x", c.size)
			v = v.resign(sha256.New, jsonType, "20170320")
			for _, length := range []string{"known", "unknown"} {
				w := newSignedWorld(t, v)
				body := io.Reader(strings.NewReader(v.body))
				if length == "unknown" {
					body = io.MultiReader(body) // sent in chunks
				}
				got, a := w.send(v.method, v.target, v.headers(), body)
				want(t, got, c.status)
				if got == 200 && a.Body != v.body {
					t.Errorf("length %s: the handler got another body", length)
				}
			}
		})
	}
	t.Run("of an unknown key it is not read", func(t *testing.T) {
		v := vectorOf("B")
		w := newSignedWorld(t, v)
		w.do(w.st.DeleteKey(t.Context(), testKey))
		body := &untouched{}
		r := httptest.NewRequest(v.method, v.target, body)
		for name, value := range v.headers() {
			r.Header.Set(name, value)
		}
		r.Host = testHost
		if _, err := w.Authenticate(r); err != store.ErrUnauthenticated || body.read {
			t.Errorf("Authenticate: %v, body read: %v; want ErrUnauthenticated, false", err, body.read)
		}
	})
}

// untouched is a body that notes whether it was read.
type untouched struct{ read bool }

func (u *untouched) Read([]byte) (int, error) {
	u.read = true
	return 0, io.EOF
}

func TestSEC4_KeyLife(t *testing.T) {
	v := vectorOf("D")
	w := newSignedWorld(t, v)
	got, _ := w.sendVector(v)
	want(t, got, 200)
	w.clock.add(time.Second)
	got, _ = w.sendVector(v)
	want(t, got, 200)
	w.do(w.Flush(t.Context()))
	k, err := w.st.Key(t.Context(), testKey)
	w.do(err)
	if !k.LastUsed.Equal(w.clock.now()) {
		t.Errorf("last used %v, want %v", k.LastUsed, w.clock.now())
	}
	w.do(w.st.DeleteKey(t.Context(), testKey))
	got, _ = w.sendVector(v)
	want(t, got, 401)
	u, err := w.st.UserByName(t.Context(), "platform")
	w.do(err)
	w.do(w.st.DeleteUser(t.Context(), u.ID, "", false))
	got, _ = w.sendVector(vectorOf("D"), set("Authorization", "BackendAI signMethod=HMAC-SHA256, credential="+sampleKey+":00"))
	want(t, got, 401)
}

// TestNewKey signs with a key that this package made.
func TestNewKey(t *testing.T) {
	w := newSignedWorld(t, vectorOf("D"))
	u, err := w.st.UserByName(t.Context(), "platform")
	w.do(err)
	row, secret, err := w.NewKey(u.ID)
	w.do(err)
	if len(row.AccessKey) != 20 || !strings.HasPrefix(row.AccessKey, "AKIA") || len(secret) != 40 {
		t.Errorf("key %q with a secret of %d characters, want AKIA… of 20, and 40", row.AccessKey, len(secret))
	}
	_, err = w.st.CreateKey(t.Context(), row)
	w.do(err)
	v := vectorOf("D")
	mac := sign(sha256.New, []byte(secret), "20170320", testHost, strings.Join([]string{
		v.method, v.target, v.date, "host:" + testHost, "content-type:" + v.contentType,
		"x-backendai-version:" + v.version, hex.EncodeToString(sha256.New().Sum(nil))}, "\n"))
	got, a := w.sendVector(v, set("Authorization", fmt.Sprintf("BackendAI signMethod=HMAC-SHA256, credential=%s:%x", row.AccessKey, mac)))
	want(t, got, 200)
	if a.KeyID != row.AccessKey || a.UserID != u.ID {
		t.Errorf("principal %+v, want user %s by key %s", a.Principal, u.ID, row.AccessKey)
	}

	t.Run("with another secret of the installation", func(t *testing.T) {
		w.secret = []byte("another secret, of 32 characters")
		got, _ := w.sendVector(v, set("Authorization", fmt.Sprintf("BackendAI signMethod=HMAC-SHA256, credential=%s:%x", row.AccessKey, mac)))
		want(t, got, 500)
	})
	t.Run("a row under another name", func(t *testing.T) {
		if _, err := w.unseal("AKIAOTHER", row.Sealed); err == nil {
			t.Error("the secret of one key opens as that of another")
		}
	})
}

func TestParseDate(t *testing.T) {
	utc := "2017-03-20T09:30:00Z"
	for _, c := range []struct{ text, want string }{
		{"Mon, 20 Mar 2017 09:30:00 GMT", utc},
		{"Mon, 20 Mar 2017 09:30:00 UTC", utc},
		{"Mon, 20 Mar 2017 18:30:00 +0900", "2017-03-20T18:30:00+09:00"},
		{"Monday, 20-Mar-17 09:30:00 GMT", utc},
		{"Mon Mar 20 09:30:00 2017", utc},
		{"Wed Mar  1 09:30:00 2017", "2017-03-01T09:30:00Z"},
		{"2017-03-20T09:30:00+00:00", utc},
		{"2017-03-20T09:30:00Z", utc},
		{"2017-03-20t09:30:00z", utc},
		{"2017-03-20 09:30:00", utc},
		{"2017-03-20T09:30:00", utc},
		{"2017-03-20T09:30:00.000Z", utc},
		{"2017-03-20T09:30:00.123456+00:00", "2017-03-20T09:30:00.123456Z"},
		{"2017-03-20T18:30:00+09:00", "2017-03-20T18:30:00+09:00"},
		{"2017-03-20T18:30:00+0900", "2017-03-20T18:30:00+09:00"},
		{"2017-03-20T18:30:00+09", "2017-03-20T18:30:00+09:00"},
		{"2017-03-20T00:30:00-09:00", "2017-03-20T00:30:00-09:00"},
		{"20170320T093000Z", utc},
		{"20170320T09:30:00Z", utc},
		{"20170320T093000.5", "2017-03-20T09:30:00.5Z"},
		{"20170320T183000+0900", "2017-03-20T18:30:00+09:00"},
		{"1490002200", ""},
		{"1490002200.5", ""},
		{"20170320", ""},
		{"2017-03-20", ""},
		{"09:30:00", ""},
		{"", ""},
		{"T", ""},
		{"2017-13-20T09:30:00Z", ""},
		{"2017-02-30T09:30:00Z", ""},
		{"2017-03-20T25:30:00Z", ""},
		{"2017-03-20T09:30:00ZZ", ""},
		{"2017-03-20T09:30:00+9", ""},
		{"2017-03-20T09:30:00 GMT+1", ""},
		{"Mon, 20 Mar 2017 09:30:00 EST", ""},
	} {
		t.Run(c.text, func(t *testing.T) {
			got := ""
			if d, ok := parseDate(c.text); ok {
				got = d.Format(time.RFC3339Nano)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
