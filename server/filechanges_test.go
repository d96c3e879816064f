package server

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"davit/store"
)

// tree lists what is in a folder on the disk: files with their content, directories with a slash.
func (h *house) tree(folder string) string {
	h.t.Helper()
	root := h.onDiskPath(folder, "")
	var all []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name := strings.TrimPrefix(path, root+"/")
		if d.IsDir() {
			all = append(all, name+"/")
			return nil
		}
		b, err := os.ReadFile(path)
		all = append(all, name+"="+string(b))
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	sort.Strings(all)
	return strings.Join(all, " ")
}

// bulkCall sends a bulk to a call of the API of files and returns the IDs that it answers.
func (c *caller) bulkCall(call string, items ...string) ([]string, answer) {
	c.t.Helper()
	method, target := "POST", "/api/files/"+call
	if call == "delete" {
		method, target = "DELETE", "/api/files"
	}
	a := c.call(method, target, `{"type":"bulk","items":[`+strings.Join(items, ",")+`]}`)
	var out struct{ Responses []doneJSON }
	json.Unmarshal([]byte(a.body), &out)
	var ids []string
	for _, r := range out.Responses {
		ids = append(ids, r.ID)
	}
	return ids, a
}

func transferItem(from, to, policy string) string {
	return fmt.Sprintf(`{"oldId":%s,"newId":%s,"conflictPolicy":%s}`, quoted(from), quoted(to), quoted(policy))
}

func idItem(id string) string { return `{"id":` + quoted(id) + `}` }

func idItemWith(id, policy string) string {
	return fmt.Sprintf(`{"id":%s,"conflictPolicy":%s}`, quoted(id), quoted(policy))
}

// TestUCL18_ConflictPolicies goes through all policies for files and directories, of move, copy, folder and upload.
func TestUCL18_ConflictPolicies(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	// What is there before: a file f, a directory d with d/a and d/s/x; the targets F (a file) and D (with D/a and D/s/y).
	const before = "D/ D/a=old D/s/ D/s/y=y F=old d/ d/a=new d/s/ d/s/x=x f=new"
	for n, x := range []struct {
		call, from, to, policy string
		status                 int
		id, after              string // "": as before
	}{
		{"move", "f", "n", "REJECT", 200, "n", "D/ D/a=old D/s/ D/s/y=y F=old d/ d/a=new d/s/ d/s/x=x n=new"},
		{"move", "d", "n", "RENAME", 200, "n", "D/ D/a=old D/s/ D/s/y=y F=old f=new n/ n/a=new n/s/ n/s/x=x"},
		{"move", "f", "F", "REJECT", 409, "", ""},
		{"move", "f", "F", "RENAME", 200, "F(1)", "D/ D/a=old D/s/ D/s/y=y F(1)=new F=old d/ d/a=new d/s/ d/s/x=x"},
		{"move", "f", "F", "REPLACE", 200, "F", "D/ D/a=old D/s/ D/s/y=y F=new d/ d/a=new d/s/ d/s/x=x"},
		{"move", "f", "F", "MERGE_RENAME", 200, "F(1)", "D/ D/a=old D/s/ D/s/y=y F(1)=new F=old d/ d/a=new d/s/ d/s/x=x"},
		{"move", "d", "D", "REJECT", 409, "", ""},
		{"move", "d", "D", "RENAME", 200, "D(1)", "D(1)/ D(1)/a=new D(1)/s/ D(1)/s/x=x D/ D/a=old D/s/ D/s/y=y F=old f=new"},
		{"move", "d", "D", "REPLACE", 200, "D", "D/ D/a=new D/s/ D/s/x=x D/s/y=y F=old f=new"},
		{"move", "d", "D", "MERGE_RENAME", 200, "D", "D/ D/a(1)=new D/a=old D/s/ D/s/x=x D/s/y=y F=old f=new"},
		{"move", "f", "D", "REJECT", 409, "", ""},
		{"move", "f", "D", "REPLACE", 409, "", ""},
		{"move", "d", "F", "REPLACE", 409, "", ""},
		{"move", "f", "D", "RENAME", 200, "D(1)", "D(1)=new D/ D/a=old D/s/ D/s/y=y F=old d/ d/a=new d/s/ d/s/x=x"},
		{"move", "d", "F", "MERGE_RENAME", 200, "F(1)", "D/ D/a=old D/s/ D/s/y=y F(1)/ F(1)/a=new F(1)/s/ F(1)/s/x=x F=old f=new"},
		{"move", "f", "f", "REPLACE", 400, "", ""},
		{"move", "f", "f", "RENAME", 400, "", ""},
		{"move", "d", "d/s/in", "RENAME", 400, "", ""},
		{"move", "d/s", "d", "REPLACE", 400, "", ""},
		{"move", "d/s", "d", "RENAME", 200, "d(1)", "D/ D/a=old D/s/ D/s/y=y F=old d(1)/ d(1)/x=x d/ d/a=new f=new"},
		{"move", "f", "none/f", "RENAME", 404, "", ""},
		{"move", "none", "n", "RENAME", 404, "", ""},
		{"copy", "f", "F", "REJECT", 409, "", ""},
		{"copy", "f", "F", "RENAME", 200, "F(1)", "D/ D/a=old D/s/ D/s/y=y F(1)=new F=old d/ d/a=new d/s/ d/s/x=x f=new"},
		{"copy", "f", "F", "REPLACE", 200, "F", "D/ D/a=old D/s/ D/s/y=y F=new d/ d/a=new d/s/ d/s/x=x f=new"},
		{"copy", "f", "f", "RENAME", 200, "f(1)", "D/ D/a=old D/s/ D/s/y=y F=old d/ d/a=new d/s/ d/s/x=x f(1)=new f=new"},
		{"copy", "f", "f", "REPLACE", 400, "", ""},
		{"copy", "d", "d", "RENAME", 200, "d(1)", "D/ D/a=old D/s/ D/s/y=y F=old d(1)/ d(1)/a=new d(1)/s/ d(1)/s/x=x d/ d/a=new d/s/ d/s/x=x f=new"},
		{"copy", "d", "D", "REJECT", 409, "", ""},
		{"copy", "d", "D", "REPLACE", 200, "D", "D/ D/a=new D/s/ D/s/x=x D/s/y=y F=old d/ d/a=new d/s/ d/s/x=x f=new"},
		{"copy", "d", "D", "MERGE_RENAME", 200, "D", "D/ D/a(1)=new D/a=old D/s/ D/s/x=x D/s/y=y F=old d/ d/a=new d/s/ d/s/x=x f=new"},
		{"copy", "d", "F", "REPLACE", 409, "", ""},
		{"folder", "", "n/m/o", "REJECT", 200, "n/m/o", "D/ D/a=old D/s/ D/s/y=y F=old d/ d/a=new d/s/ d/s/x=x f=new n/ n/m/ n/m/o/"},
		{"folder", "", "d", "REJECT", 409, "", ""},
		{"folder", "", "d", "RENAME", 200, "d(1)", "D/ D/a=old D/s/ D/s/y=y F=old d(1)/ d/ d/a=new d/s/ d/s/x=x f=new"},
		{"folder", "", "d", "REPLACE", 200, "d", before},
		{"folder", "", "d", "MERGE_RENAME", 200, "d", before},
		{"folder", "", "f", "REPLACE", 409, "", ""},
		{"folder", "", "f", "MERGE_RENAME", 200, "f(1)", "D/ D/a=old D/s/ D/s/y=y F=old d/ d/a=new d/s/ d/s/x=x f(1)/ f=new"},
		{"folder", "", "f/in", "RENAME", 409, "", ""},
		{"upload", "", "n/m", "REJECT", 200, "n/m", "D/ D/a=old D/s/ D/s/y=y F=old d/ d/a=new d/s/ d/s/x=x f=new n/ n/m=up"},
		{"upload", "", "f", "REJECT", 409, "", ""},
		{"upload", "", "f", "RENAME", 200, "f(1)", "D/ D/a=old D/s/ D/s/y=y F=old d/ d/a=new d/s/ d/s/x=x f(1)=up f=new"},
		{"upload", "", "f", "REPLACE", 200, "f", "D/ D/a=old D/s/ D/s/y=y F=old d/ d/a=new d/s/ d/s/x=x f=up"},
		{"upload", "", "f", "MERGE_RENAME", 200, "f(1)", "D/ D/a=old D/s/ D/s/y=y F=old d/ d/a=new d/s/ d/s/x=x f(1)=up f=new"},
		{"upload", "", "d", "REPLACE", 409, "", ""},
		{"upload", "", "d", "RENAME", 200, "d(1)", "D/ D/a=old D/s/ D/s/y=y F=old d(1)=up d/ d/a=new d/s/ d/s/x=x f=new"},
	} {
		t.Run(fmt.Sprintf("%s %s to %s %s", x.call, x.from, x.to, x.policy), func(t *testing.T) {
			id := ann.create(fmt.Sprintf("f%d", n))
			defer ann.call("DELETE", "/v2/folder/"+id, "")
			for _, entry := range strings.Fields(before) {
				if name, content, file := strings.Cut(entry, "="); file {
					ann.put(id, name, content)
				} else {
					ann.mkdir(id, strings.TrimSuffix(name, "/"))
				}
			}
			var a answer
			var ids []string
			root := "/" + id + "/"
			switch x.call {
			case "folder":
				ids, a = ann.bulkCall(x.call, idItemWith(root+x.to, x.policy))
			case "upload":
				_, a = ann.bulkCall(x.call, idItemWith(root+x.to, x.policy))
				if a.status == 200 {
					u := sessionOf(t, a)
					a = h.chunk(u, 0, 2, "up")
					ids = []string{fmt.Sprint(a.json(t)["id"])}
				}
			default:
				ids, a = ann.bulkCall(x.call, transferItem(root+x.from, root+x.to, x.policy))
			}
			if a.status != x.status || x.status == 200 && ids[0] != root+x.id {
				t.Fatalf("%d %s, want %d %s", a.status, a.body, x.status, x.id)
			}
			if x.status != 200 {
				a.wantFault(t, x.status, "items[0].")
			}
			want := x.after
			if want == "" {
				want = before
			}
			if got := h.tree(id); got != want {
				t.Errorf("after: %s\n want: %s", got, want)
			}
		})
	}
}

// sessionOf reads the answer of upload.
func sessionOf(t *testing.T, a answer) uploadSessionJSON {
	t.Helper()
	var out responses[uploadSessionJSON]
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || len(out.Responses) == 0 {
		t.Fatalf("upload: %d %s", a.status, a.body)
	}
	return out.Responses[0]
}

// chunk sends a chunk to a session.
func (h *house) chunk(u uploadSessionJSON, offset, total int, body string) answer {
	h.t.Helper()
	r := h.request("POST", strings.TrimPrefix(u.Endpoint, h.url), body)
	r.Header.Set(headToken, u.Token)
	r.Header.Set(headOffset, fmt.Sprint(offset))
	r.Header.Set(headTotal, fmt.Sprint(total))
	r.Header["Content-Type"] = []string{"application/octet-stream; charset=utf-8"}
	return h.do(r)
}

// Two who rename to the same name at once get two names, and nothing is lost.
func TestUCL18_ParallelRenamesDoNotCollide(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	const writers = 12
	ann.put(id, "a.txt", "first")
	for n := range writers {
		ann.put(id, fmt.Sprintf("src%d", n), fmt.Sprint("moved", n))
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var got []string
	add := func(ids []string, a answer) {
		mu.Lock()
		defer mu.Unlock()
		if a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
		got = append(got, ids...)
	}
	for n := range writers {
		wg.Go(func() {
			add(ann.bulkCall("move", transferItem(fmt.Sprintf("/%s/src%d", id, n), "/"+id+"/a.txt", "RENAME")))
		})
		wg.Go(func() {
			_, a := ann.bulkCall("upload", idItemWith("/"+id+"/a.txt", "RENAME"))
			a = h.chunk(sessionOf(t, a), 0, 2, "up")
			add([]string{fmt.Sprint(a.json(t)["id"])}, a)
		})
	}
	wg.Wait()
	slices.Sort(got)
	if len(slices.Compact(got)) != 2*writers || slices.Contains(got, "/"+id+"/a.txt") {
		t.Errorf("%d names: %q", len(got), got)
	}
	all := h.tree(id)
	if strings.Count(all, "=up") != writers || strings.Count(all, "=moved") != writers || strings.Count(all, "=first") != 1 {
		t.Errorf("in the folder: %s", all)
	}
}

func TestUCL18_BulksAreJudgedWholeAndStopAtTheFirstFailure(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id, ro := ann.create("data"), bob.create("bobs")
	secret := bob.create("secret")
	bob.share(ro, ann, store.RightsRO)
	ann.put(id, "a", "a")
	ann.put(id, "b", "b")
	root := "/" + id + "/"

	// One item cannot be done: none is.
	_, a := ann.bulkCall("move", transferItem(root+"a", root+"c", "REJECT"), transferItem(root+"b", "/"+ro+"/b", "REJECT"))
	a.wantFault(t, 403, "items[1].newId", "write")
	_, a = ann.bulkCall("move", transferItem(root+"a", root+"c", "REJECT"), transferItem(root+"none", root+"d", "REJECT"))
	a.wantFault(t, 404, "items[1].oldId", "none")
	if done := a.header.Values("Davit-Items-Done"); done != nil {
		t.Errorf("Davit-Items-Done where nothing was: %q", done)
	}
	// The worst decides: what ann may not see does not exist.
	_, a = ann.bulkCall("delete", idItem("/"+ro+"/x"), idItem("/"+secret+"/x"))
	a.wantFault(t, 404, "items[1].id")
	_, a = ann.bulkCall("delete", idItem(root+"a"), idItem(root+"a"), `{"id":5}`)
	a.wantFault(t, 400, "items[2].id")
	_, a = ann.bulkCall("delete", idItem(root+"a"), `{}`)
	a.wantFault(t, 400, "items[1].id")
	_, a = ann.bulkCall("folder", idItemWith(root+"x", "MAYBE"))
	a.wantFault(t, 400, "items[0].conflictPolicy")
	if _, a = ann.bulkCall("delete"); a.status != 400 {
		t.Errorf("no items: %d", a.status)
	}
	many := slices.Repeat([]string{idItem(root + "x")}, 1001)
	if _, a = ann.bulkCall("folder", many...); a.status != 400 {
		t.Errorf("1001 items: %d", a.status)
	}
	if got := h.tree(id); got != "a=a b=b" {
		t.Errorf("something was changed: %s", got)
	}
	// Items may build on those before.
	ids, a := ann.bulkCall("move", transferItem(root+"a", root+"t", "REJECT"), transferItem(root+"b", root+"a", "REJECT"), transferItem(root+"t", root+"b", "REJECT"))
	if got := h.tree(id); a.status != 200 || got != "a=b b=a" || len(ids) != 3 {
		t.Errorf("exchange: %d %s: %s", a.status, a.body, got)
	}
	// What fails only when it is done names its item; what came before stays.
	_, a = ann.bulkCall("move", transferItem(root+"a", root+"c", "REJECT"), transferItem(root+"a", root+"d", "REJECT"), transferItem(root+"b", root+"e", "REJECT"))
	a.wantFault(t, 404, "items[1].oldId")
	if got := a.header.Get("Davit-Items-Done"); got != "1" {
		t.Errorf("Davit-Items-Done: %q, want 1", got)
	}
	if got := h.tree(id); got != "b=a c=b" {
		t.Errorf("after a failure: %s", got)
	}
	// Between folders.
	if _, a = ann.bulkCall("copy", transferItem("/"+id+"/b", "/"+ann.create("other")+"/x", "REJECT")); a.status != 200 {
		t.Errorf("to another folder: %d %s", a.status, a.body)
	}
	_, a = ann.bulkCall("delete", idItem("/"+id))
	a.wantFault(t, 400, "items[0].id")
	_, a = ann.bulkCall("delete", idItem(root+"b"))
	if a.status != 200 || strings.TrimSpace(a.body) != `{"responses":[{}]}` {
		t.Errorf("delete: %d %s", a.status, a.body)
	}
}

func TestUCL18_LocksAndLimits(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.create("data")
	ann.share(id, bob, store.RightsRW)
	ann.put(id, "locked.txt", "l")
	ann.put(id, "free.txt", "f")
	r := ann.request("LOCK", "/dav/"+id+"/locked.txt", `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`)
	r.SetBasicAuth("ann", ann.token)
	if a := ann.do(r); a.status != 200 {
		t.Fatalf("LOCK: %d %s", a.status, a.body)
	}
	root := "/" + id + "/"
	for call, item := range map[string]string{
		"move": transferItem(root+"locked.txt", root+"x", "REJECT"), "delete": idItem(root + "locked.txt"), "trash": idItem(root + "locked.txt"),
	} {
		_, a := bob.bulkCall(call, item)
		a.wantFault(t, 409, "items[0].", "locked", "by ann")
		if got := a.header.Get("Davit-Problem"); got != "locked" {
			t.Errorf("%s: Davit-Problem: %q, want locked", call, got)
		}
	}
	_, a := bob.bulkCall("move", transferItem(root+"free.txt", root+"locked.txt", "REJECT"))
	if got := a.header.Get("Davit-Problem"); a.status != 409 || got != "file-exists" {
		t.Errorf("onto a name that is taken: %d, Davit-Problem %q", a.status, got)
	}
	_, a = bob.bulkCall("copy", transferItem(root+"free.txt", root+"locked.txt", "REPLACE"))
	a.wantFault(t, 409, "locked", "by ann")
	if _, a = bob.bulkCall("copy", transferItem(root+"locked.txt", root+"copy", "REPLACE")); a.status != 200 {
		t.Errorf("copy of what is locked: %d %s", a.status, a.body)
	}
	_, a = bob.bulkCall("upload", idItemWith(root+"locked.txt", "REPLACE"))
	a.wantFault(t, 409, "locked", "by ann")

	if err := h.store.SetFolderLimits(t.Context(), id, 10, 4); err != nil {
		t.Fatal(err)
	}
	if err := h.files.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantQuota := func(a answer, words ...string) {
		t.Helper()
		a.wantFault(t, 402, words...)
		if !strings.Contains(a.body, `"errorCode":"NOT_ENOUGH_STORAGE_QUOTA"`) {
			t.Errorf("no errorCode: %s", a.body)
		}
	}
	_, a = ann.bulkCall("upload", idItem(root+"big"))
	u := sessionOf(t, a)
	wantQuota(h.chunk(u, 0, 100, strings.Repeat("x", 100)), "bytes", "93 missing")
	if a := h.chunk(u, 0, 5, "12345"); a.status != 200 {
		t.Errorf("what fits: %d %s", a.status, a.body)
	}
	_, a = ann.bulkCall("folder", idItem(root+"one too many"))
	wantQuota(a, "items[0].id", "files", "1 missing")
	_, a = ann.bulkCall("copy", transferItem(root+"free.txt", root+"again", "REJECT"))
	wantQuota(a, "items[0].newId", "files")
}

func TestD22_TrashAndBack(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.create("data")
	ann.share(id, bob, store.RightsRW)
	ann.mkdir(id, "docs")
	ann.mkdir(id, "docs/deep")
	ann.put(id, "docs/a.txt", "one")
	ann.put(id, "docs/deep/b.txt", "b")
	root := "/" + id + "/"
	trash := func(c *caller, name, want string) {
		t.Helper()
		ids, a := c.bulkCall("trash", idItem(root+name))
		if a.status != 200 || len(ids) != 1 || ids[0] != root+want {
			t.Fatalf("trash %s: %d %s, want %s", name, a.status, a.body, want)
		}
	}
	restore := func(name, want string) {
		t.Helper()
		ids, a := ann.bulkCall("restore", idItem(root+name))
		if a.status != 200 || len(ids) != 1 || ids[0] != root+want {
			t.Fatalf("restore %s: %d %s, want %s", name, a.status, a.body, want)
		}
	}
	trash(ann, "docs/a.txt", "Trash/a.txt")
	ann.put(id, "docs/a.txt", "two")
	trash(bob, "docs/a.txt", "Trash/a(1).txt")
	if got := h.tree(id); got != "Trash/ Trash/a(1).txt=two Trash/a.txt=one docs/ docs/deep/ docs/deep/b.txt=b" {
		t.Fatal(got)
	}
	// A listing says where they came from, and what the directory is.
	a := ann.call("GET", "/api/files/browse?path="+root+"Trash", "")
	var page pageOf[fileJSON]
	if err := json.Unmarshal([]byte(a.body), &page); err != nil || len(page.Items) != 2 {
		t.Fatal(a.body)
	}
	for n, by := range []string{"bob", "ann"} {
		if x := page.Items[n].Status.Trashed; x == nil || x.Origin != root+"docs/a.txt" || *x.By != by || x.At == 0 {
			t.Errorf("%s: %+v", page.Items[n].ID, x)
		}
	}
	if a := ann.call("GET", "/api/files/retrieve?id="+root+"Trash", ""); !strings.Contains(a.body, `"icon":"DIRECTORY_TRASH"`) {
		t.Errorf("the trash: %s", a.body)
	}
	// A rename over WebDAV keeps the origin, another file under the name does not have it.
	r := ann.request("MOVE", "/dav/"+id+"/Trash/a.txt", "")
	r.SetBasicAuth("ann", ann.token)
	r.Header.Set("Destination", "/dav/"+id+"/Trash/renamed.txt")
	if a := ann.do(r); a.status != 201 {
		t.Fatal(a.status)
	}
	ann.put(id, "Trash/a.txt", "by hand")
	restore("Trash/renamed.txt", "docs/a.txt")
	restore("Trash/a(1).txt", "docs/a(1).txt")
	restore("Trash/a.txt", "a.txt")
	// The way back is made again if it is gone.
	trash(ann, "docs/deep/b.txt", "Trash/b.txt")
	trash(ann, "docs", "Trash/docs")
	restore("Trash/docs/a.txt", "docs/a.txt") // a part of what was thrown away
	restore("Trash/b.txt", "docs/deep/b.txt")
	restore("Trash/docs", "docs(1)")
	if got := h.tree(id); got != "Trash/ a.txt=by hand docs(1)/ docs(1)/a(1).txt=two docs(1)/deep/ docs/ docs/a.txt=one docs/deep/ docs/deep/b.txt=b" {
		t.Fatal(got)
	}
	// A file where its directory was: to the root.
	trash(ann, "docs/deep/b.txt", "Trash/b.txt")
	ann.call("DELETE", "/dav/"+id+"/docs", "")
	ann.put(id, "docs", "a file now")
	restore("Trash/b.txt", "b.txt")

	for item, status := range map[string]int{root + "Trash": 400, root + "Trash/none": 400, root: 400, root + "none": 404} {
		_, a := ann.bulkCall("trash", idItem(item))
		a.wantFault(t, status, "items[0].id")
	}
	_, a = ann.bulkCall("restore", idItem(root+"a.txt"))
	a.wantFault(t, 400, "not in the trash")
	_, a = ann.bulkCall("restore", idItem(root+"Trash/none"))
	a.wantFault(t, 404)
	_, a = ann.bulkCall("emptyTrash", idItem(root+"docs(1)"))
	a.wantFault(t, 400, "no trash")
}

func TestD22_EmptyTrashGivesTheRoomBack(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	root := "/" + id + "/"
	used := func() (bytes, files int64) {
		v := ann.call("GET", "/v2/folder/"+id, "").json(t)
		return int64(v["used_bytes"].(float64)), int64(v["numFiles"].(float64))
	}
	if _, a := ann.bulkCall("emptyTrash", idItem(root+"Trash")); a.status != 200 {
		t.Errorf("without a trash: %d %s", a.status, a.body)
	}
	ann.mkdir(id, "d")
	ann.mkdir(id, "d/e")
	ann.put(id, "d/e/f", strings.Repeat("x", 1000))
	ann.put(id, "keep", "k")
	if _, a := ann.bulkCall("trash", idItem(root+"d")); a.status != 200 {
		t.Fatal(a.body)
	}
	if b, n := used(); b != 1001 || n != 5 {
		t.Errorf("what is in the trash counts: %d bytes, %d files", b, n)
	}
	// At its limits, too.
	if err := h.store.SetFolderLimits(t.Context(), id, 10, 2); err != nil {
		t.Fatal(err)
	}
	if err := h.files.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, a := ann.bulkCall("emptyTrash", idItem(root+"Trash")); a.status != 200 {
		t.Fatal(a.body)
	}
	if got := h.tree(id); got != "Trash/ keep=k" {
		t.Error(got)
	}
	if b, n := used(); b != 1 || n != 2 {
		t.Errorf("after: %d bytes, %d files", b, n)
	}
	if rows, err := h.store.Trashed(t.Context(), id); err != nil || len(rows) != 0 {
		t.Errorf("origins after: %v %v", rows, err)
	}
	if u, err := h.files.Scan(t.Context(), id); err != nil || u.Bytes != 1 || u.Files != 2 {
		t.Errorf("counted again: %v %v", u, err)
	}
	// Its being the same directory for those who follow it by WebDAV.
	if a := ann.call("GET", "/dav/"+id+"/Trash/", ""); a.status != 200 {
		t.Errorf("GET of the empty trash: %d", a.status)
	}
	// It is a deletion, for the audit.
	if err := h.files.Close(t.Context()); err != nil { // writes what has been counted
		t.Fatal(err)
	}
	entries, _, err := h.store.Audit(t.Context(), store.AuditFilter{FolderID: id, Action: "files."}, "", 10)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%v, %v", entries, err)
	}
	deletes := 0.0
	for _, e := range entries {
		var sums map[string]any
		if err := json.Unmarshal(e.Detail, &sums); err != nil {
			t.Fatal(err)
		}
		n, _ := sums["deletes"].(float64)
		deletes += n
	}
	if deletes != 1 {
		t.Errorf("%v deletes in the audit", deletes)
	}
}

// An origin is forgotten by the count of a folder when what it tells of is gone.
func TestD22_StaleOriginsAreForgotten(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	for _, name := range []string{"a", "b"} {
		ann.put(id, name, name)
		if _, a := ann.bulkCall("trash", idItem("/"+id+"/"+name)); a.status != 200 {
			t.Fatal(a.body)
		}
	}
	ann.call("DELETE", "/dav/"+id+"/Trash/a", "")
	if _, err := h.files.Scan(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if rows, err := h.store.Trashed(t.Context(), id); err != nil || len(rows) != 1 || rows[0].Origin != "b" {
		t.Errorf("%v %v", rows, err)
	}
}

func TestFiles_SearchByName(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id, second, secret := ann.create("alpha"), ann.create("beta"), bob.create("secret")
	bob.put(secret, "report.txt", "")
	ann.mkdir(id, "Reports")
	ann.mkdir(id, "Reports/2026")
	ann.put(id, "Reports/2026/Größe.csv", "")
	ann.put(id, "Reports/.report", "")
	ann.put(id, "z report.CSV", "")
	ann.put(second, "my-report", "")
	search := func(body string) ([]string, map[string]any) {
		t.Helper()
		a := ann.call("POST", "/api/files/search", body)
		if a.status != 200 {
			t.Fatalf("%s: %d %s", body, a.status, a.body)
		}
		v := a.json(t)
		var ids []string
		for _, x := range v["items"].([]any) {
			ids = append(ids, strings.NewReplacer(id, "1", second, "2").Replace(x.(map[string]any)["id"].(string)))
		}
		return ids, v
	}
	for body, want := range map[string]string{
		`{"flags":{},"query":"REPORT"}`:          "/1/Reports|/1/z report.CSV|/1/Reports/.report|/2/my-report",
		`{"query":"größe GRÖSSE"}`:               "/1/Reports/2026/Größe.csv",
		`{"query":"my 2026","itemsPerPage":250}`: "/1/Reports/2026|/2/my-report",
		`{"flags":{"filterHiddenFiles":true,"filterByFileExtension":"csv"},"query":"report"}`:         "/1/Reports|/1/z report.CSV",
		`{"query":"report","path":"/` + id + `/Reports"}`:                                             "/1/Reports/.report",
		`{"query":"report","currentFolder":"/` + second + `","flags":null,"next":null,"sortBy":null}`: "/2/my-report",
		`{"query":"nothing"}`: "",
		`{"query":"report","flags":{"filterIds":"` + second + `"}}`: "/2/my-report",
	} {
		ids, v := search(body)
		if got := strings.Join(ids, "|"); got != want || v["complete"] != true || v["next"] != nil {
			t.Errorf("%s: %s %v, want %s", body, got, v["next"], want)
		}
	}
	for n := range 12 {
		ann.put(second, fmt.Sprintf("page%02d", n), "")
	}
	first, v := search(`{"query":"page","itemsPerPage":10}`)
	rest, w := search(`{"query":"page","itemsPerPage":10,"next":` + quoted(fmt.Sprint(v["next"])) + `}`)
	if len(first) != 10 || len(rest) != 2 || w["next"] != nil || rest[1] != "/2/page11" {
		t.Errorf("pages: %q %q", first, rest)
	}
	ann.call("POST", "/api/files/search", `{"flags":{}}`).wantFault(t, 400, "query")
	ann.call("POST", "/api/files/search", `{"query":"x","path":"/`+secret+`"}`).wantFault(t, 404, "path")
}

// The commands of the contract's document, with its malformed Content-Type.
func TestUCL1_FilesTakeAnyContentType(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	for _, kind := range []string{"application/json; charset=utf-8", "content-type: application/json; charset=utf-8", "text/plain", ""} {
		r := h.request("POST", "/api/files/folder", `{"items":[{"id":"/`+id+`/d","conflictPolicy":"RENAME"}]}`)
		r.Header.Set("Authorization", "Bearer "+ann.token)
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		if a := h.do(r); a.status != http.StatusOK {
			t.Errorf("%q: %d %s", kind, a.status, a.body)
		}
	}
	if a := ann.call("GET", "/api/files/retrieveProducts", ""); a.status != 200 || !strings.Contains(a.body, "productsByProvider") {
		t.Errorf("retrieveProducts: %d %s", a.status, a.body)
	}
}
