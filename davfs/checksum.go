package davfs

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/adler32"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// algorithm is a way to make a checksum.
type algorithm uint8

const (
	sumSHA1 algorithm = iota
	sumMD5
	sumAdler32
	sumSHA256
	sumSHA512
	algorithms
)

// algorithmNames are those of OC-Checksum, and of the rows.
var algorithmNames = [algorithms]string{"SHA1", "MD5", "ADLER32", "SHA256", "SHA512"}

// digestNames are those of RFC 9530, section 5; those that it calls insecure are left out.
var digestNames = [algorithms]string{sumSHA256: "sha-256", sumSHA512: "sha-512"}

func newHash(a algorithm) hash.Hash {
	switch a {
	case sumSHA1:
		return sha1.New()
	case sumMD5:
		return md5.New()
	case sumAdler32:
		return adler32.New()
	case sumSHA256:
		return sha256.New()
	}
	return sha512.New()
}

// checksums are those of one content; nil where one is not known.
type checksums [algorithms][]byte

func (c *checksums) empty() bool {
	for _, sum := range c {
		if sum != nil {
			return false
		}
	}
	return true
}

// hasher makes several checksums at once.
type hasher [algorithms]hash.Hash

// want adds what it takes to check c.
func (h *hasher) want(c *checksums) {
	for a, sum := range c {
		if sum != nil && h[a] == nil {
			h[a] = newHash(algorithm(a))
		}
	}
}

func (h *hasher) Write(p []byte) (int, error) {
	for _, one := range h {
		if one != nil {
			one.Write(p)
		}
	}
	return len(p), nil
}

func (h *hasher) sums() (c checksums) {
	for a, one := range h {
		if one != nil {
			c[a] = one.Sum(nil)
		}
	}
	return c
}

// errDigest refuses content that is not what the client meant to send (PUT-10).
var errDigest = badRequest("the content does not have the checksum that was sent with it; nothing was changed")

// expected is what a client says about an upload: the checksums of the body, and of the whole
// file afterwards.
type expected struct {
	body, whole checksums
	hash        hasher    // of the body
	found       checksums // of the whole file
}

// check compares the body with what was told; part says that it is not the whole file.
func (e *expected) check(part bool) error {
	sums := e.hash.sums()
	if !e.body.matches(&sums) || !part && !e.whole.matches(&sums) {
		return errDigest
	}
	if !part {
		e.found = sums
	}
	return nil
}

// checkWhole reads the whole file, of which the body is a part.
func (e *expected) checkWhole(ctx context.Context, f io.ReaderAt, size int64) error {
	var h hasher
	h.want(&e.whole)
	if h == (hasher{}) {
		return nil
	}
	if err := hashFile(ctx, f, size, &h); err != nil {
		return err
	}
	if e.found = h.sums(); !e.whole.matches(&e.found) {
		return errDigest
	}
	return nil
}

// readExpected reads the headers with checksums; nil if there are none.
func readExpected(h http.Header, part bool) (*expected, error) {
	md5s, content, repr, oc := h["Content-Md5"], h["Content-Digest"], h["Repr-Digest"], h["Oc-Checksum"]
	if len(md5s)+len(content)+len(repr)+len(oc) == 0 {
		return nil, nil
	}
	e := new(expected)
	if len(md5s) > 0 { // RFC 1864
		sum, err := base64.StdEncoding.DecodeString(strings.Trim(md5s[0], " \t"))
		if err != nil || len(sum) != md5.Size || len(md5s) > 1 {
			return nil, badRequest("Content-MD5 must be 16 bytes in base64")
		}
		e.body[sumMD5] = sum
	}
	if err := readDigest(content, "Content-Digest", &e.body); err != nil {
		return nil, err
	}
	if err := readDigest(repr, "Repr-Digest", &e.whole); err != nil {
		return nil, err
	}
	if err := readOCChecksum(oc, &e.whole); err != nil {
		return nil, err
	}
	e.hash.want(&e.body)
	if !part { // the body is the file
		e.hash.want(&e.whole)
		if len(oc) > 0 && e.hash[sumMD5] == nil {
			// rclone sends SHA1 and compares MD5, which ownCloud makes of every upload (CLI-7).
			e.hash[sumMD5] = newHash(sumMD5)
		}
	}
	return e, nil
}

// readOCChecksum reads OC-Checksum, of ownCloud: ALGORITHM:HEX, perhaps several. Those of algorithms
// that Davit does not know are ignored.
func readOCChecksum(lines []string, c *checksums) error {
	for _, line := range lines {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			return errOCChecksum
		}
		for _, field := range fields {
			name, text, ok := strings.Cut(field, ":")
			if !ok || name == "" || text == "" {
				return errOCChecksum
			}
			for a, known := range algorithmNames {
				if !strings.EqualFold(name, known) {
					continue
				}
				if a == int(sumAdler32) { // some clients leave out leading zeros
					n, err := strconv.ParseUint(text, 16, 32)
					if err != nil {
						return errOCChecksum
					}
					c[a] = []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
					break
				}
				sum, err := hex.DecodeString(text)
				if err != nil || len(sum) != newHash(algorithm(a)).Size() {
					return errOCChecksum
				}
				c[a] = sum
			}
		}
	}
	return nil
}

var errOCChecksum = badRequest("OC-Checksum must be an algorithm, a colon, and the checksum in hex")

// readDigest reads Content-Digest or Repr-Digest: a dictionary of byte sequences (RFC 9530, section 2;
// RFC 8941, section 3.2). Algorithms that Davit does not know are ignored.
func readDigest(lines []string, header string, c *checksums) error {
	bad := badRequest(header + " must be like sha-256=:BASE64:")
	return eachMember(lines, func(key, value string) error {
		text, ok := strings.CutPrefix(value, ":")
		text, ok2 := strings.CutSuffix(text, ":")
		if !ok || !ok2 {
			return bad
		}
		sum, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return bad
		}
		for a, name := range digestNames {
			if name == "" || name != key {
				continue
			}
			if len(sum) != newHash(algorithm(a)).Size() {
				return bad
			}
			c[a] = sum
		}
		return nil
	}, bad)
}

// eachMember calls fn for the members of a dictionary whose values hold no comma (RFC 8941, section 3.2).
// Parameters are cut off.
func eachMember(lines []string, fn func(key, value string) error, bad error) error {
	if len(lines) == 0 {
		return nil
	}
	for member := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		member = strings.Trim(member, " \t")
		key, value, ok := strings.Cut(member, "=")
		value, _, _ = strings.Cut(value, ";")
		if !ok || key == "" || strings.ContainsFunc(key, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("_-.*", r)
		}) {
			return bad
		}
		if err := fn(key, strings.TrimRight(value, " \t")); err != nil {
			return err
		}
	}
	return nil
}

// wantedDigest is the algorithm that a Want-Repr-Digest or Want-Content-Digest header likes best
// (RFC 9530, section 4). A malformed header is ignored.
func wantedDigest(lines []string) (best algorithm, ok bool) {
	most := 0
	bad := badRequest("malformed")
	err := eachMember(lines, func(key, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 10 {
			return bad
		}
		for a, name := range digestNames {
			if name != "" && name == key && n > most {
				best, most = algorithm(a), n
			}
		}
		return nil
	}, bad)
	return best, err == nil && most > 0
}

// matches says whether nothing in c differs from what was found.
func (c *checksums) matches(found *checksums) bool {
	for a, sum := range c {
		if sum != nil && subtle.ConstantTimeCompare(sum, found[a]) != 1 {
			return false
		}
	}
	return true
}

// Bounds of checksums that are made because somebody asks (RFC 9530, section 4, allows to leave them out).
const (
	mostHashed  = 1 << 30 // bytes of a file
	mostHashing = 2       // files at once
	hashChunk   = 1 << 20 // between looks at the context
)

// hashFile makes the checksums of size bytes of f.
func hashFile(ctx context.Context, f io.ReaderAt, size int64, h *hasher) error {
	buf := uploadBuffers.Get().(*[]byte)
	defer uploadBuffers.Put(buf)
	for at := int64(0); at < size; at += hashChunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(size-at, hashChunk)
		if got, err := io.CopyBuffer(h, io.NewSectionReader(f, at, n), *buf); err != nil {
			return err
		} else if got < n {
			return io.ErrUnexpectedEOF
		}
	}
	return nil
}

// addDigest answers Want-Repr-Digest and Want-Content-Digest, from what is kept or, up to a size,
// from the file.
func (h *Handler) addDigest(q *request, f *os.File, i Info, status int) {
	head := q.r.Header
	ask, content := head["Want-Repr-Digest"], false
	if len(ask) == 0 {
		ask, content = head["Want-Content-Digest"], q.r.Method == http.MethodGet && status == http.StatusOK
	}
	a, ok := wantedDigest(ask)
	if !ok {
		return
	}
	sum, err := h.d.sums.get(q.r.Context(), q.tree.f, f, i, a)
	if err != nil {
		if q.r.Context().Err() == nil {
			h.log.Error("checksum of a file", "path", q.canonical(q.name), "error", err)
		}
		return
	}
	if sum == nil {
		return
	}
	value := []string{digestNames[a] + "=:" + base64.StdEncoding.EncodeToString(sum) + ":"}
	q.w.Header()["Repr-Digest"] = value
	if content {
		q.w.Header()["Content-Digest"] = value
	}
}

// appendChecksums appends the content of oc:checksums, of ownCloud.
func appendChecksums(b []byte, c *checksums) []byte {
	b = append(b, "<x:checksum>"...)
	first := true
	for a, sum := range c[:sumSHA512] {
		if sum == nil {
			continue
		}
		if !first {
			b = append(b, ' ')
		}
		first = false
		b = append(append(b, algorithmNames[a]...), ':')
		b = hex.AppendEncode(b, sum)
	}
	return append(b, "</x:checksum>"...)
}
