package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"davit/davfs"
	"davit/store"
)

// FuzzCollectionInput reads what clients of file collections send: bodies of every call, and a query.
func FuzzCollectionInput(f *testing.F) {
	id := strings.Repeat("0a", 16)
	for _, body := range []string{
		bulk(driveSpec("a")), bulk(`{"id":"` + id + `","newTitle":"b"}`), bulk(`{"id":"` + id + `","labels":{"A":"b","a":"c"}}`),
		bulk(`{"id":"` + id + `","added":[{"entity":{"type":"user","username":"bob"},"permissions":["READ","ADMIN"]}],"deleted":[{"type":"project_group","projectId":"p","group":"g"}]}`),
		`{"flags":{"filterLabels":{"A":"b"},"filterIds":"1,2"},"query":"x","next":"5","itemsToSkip":-1}`, `{items:[{id:` + id + `,newTitle:bare}]}`,
		`{"a":{"b":`, `[`, "\xff", `{"items":[null]}`, `{"query":"\ud800"}`, `{a:b\,c:'d'}`, strings.Repeat(`{"flags":`, 50),
	} {
		f.Add([]byte(body), "itemsPerPage=7&next=3&filterLabels.A=b&filterCreatedAfter=1&sortBy=createdAt")
	}
	f.Fuzz(func(t *testing.T, body []byte, query string) {
		lenient := lenientJSON(slices.Clone(body))
		if json.Valid(body) && !bytes.Equal(lenient, body) {
			t.Errorf("%q is JSON and became %q", body, lenient)
		}
		if !bytes.Equal(lenient, body) && !json.Valid(lenient) {
			t.Errorf("%q became %q, which is no JSON either", body, lenient)
		}
		good := func(err error) bool {
			wrong := (*paramError)(nil)
			if err != nil && (!errors.As(err, &wrong) || wrong.field == "") {
				t.Errorf("%q: %v names no field", body, err)
			}
			if err != nil && !utf8.ValidString(message(err, 400)) {
				t.Errorf("%q: message %q", body, message(err, 400))
			}
			return err == nil
		}
		title := func(s string) {
			if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxTitleLength || strings.ContainsAny(s, "\n\x00\u202e") {
				t.Errorf("%q: title %q was taken", body, s)
			}
		}
		for _, read := range []func(in *object){
			func(in *object) {
				news, refs := newCollectionsIn(in)
				if good(in.bad()) {
					for i := range news {
						title(news[i].Title)
						_ = refs[i]
					}
				}
			},
			func(in *object) {
				ids, names := renamesIn(in)
				if good(in.bad()) {
					for i := range ids {
						title(names[i].Title)
					}
				}
			},
			func(in *object) {
				_, labels := labelsIn(in)
				if good(in.bad()) {
					for _, l := range labels {
						for k := range l.Labels {
							if k != strings.ToLower(k) {
								t.Errorf("%q: label %q", body, k)
							}
						}
					}
				}
			},
			func(in *object) {
				_, changes := grantChangesIn(in)
				if good(in.bad()) {
					for _, c := range changes {
						for _, e := range c.Add {
							if e.Rights&^(store.Read|rightsEdit) != 0 || e.Rights == 0 || (e.User == "") == (e.Group == "") {
								t.Errorf("%q: %+v", body, e)
							}
						}
					}
				}
			},
			func(in *object) {
				query, flags, p := collectionSearchIn(in)
				if good(in.bad()) {
					_, _ = query, flags
					if p.offset < 0 || !slices.Contains(pageSizes, p.size) {
						t.Errorf("%q: page %+v", body, p)
					}
				}
			},
		} {
			in, err := lenientObject(body)
			if !good(err) {
				continue
			}
			read(in)
		}
		q := queryFieldsOf(query)
		flags, p := collectionFlagsIn(q), pageIn(q)
		if good(q.bad()) {
			flags.admits(&store.Folder{}, store.ProductRef{})
			if p.offset < 0 || !slices.Contains(pageSizes, p.size) {
				t.Errorf("%q: page %+v", query, p)
			}
			if items, next := cut(p, make([]int, 120)); next != nil && len(items) == 0 {
				t.Errorf("%q: an empty page with a next one", query)
			}
		}
	})
}

// Input that somebody made up is refused with the field named, and never a fault of the server's.
func TestUCL9_HostileInput(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.portal("ann")
	id := ann.drive("a")
	item := func(more string) string { return bulk(`{"id":"` + id + `",` + more + `}`) }
	deep := strings.Repeat(`{"a":`, 5000) + `1` + strings.Repeat(`}`, 5000)
	for _, c := range []struct{ method, path, body, field string }{
		{"POST", "", bulk(`{"title":17,"product":` + standardProduct + `}`), "items[0].title"},
		{"POST", "", bulk(`{"title":["a"],"product":` + standardProduct + `}`), "items[0].title"},
		{"POST", "", bulk(`{"title":null,"product":` + standardProduct + `}`), "items[0].title"},
		{"POST", "", bulk(`{"title":"a","product":"standard"}`), "items[0].product"},
		{"POST", "", bulk(`{"title":"a","product":{"id":1,"category":"x","provider":"y"}}`), "items[0].product.id"},
		{"POST", "", bulk(`{"title":"a","title":"b","product":` + standardProduct + `}`), "items[0].title"},
		{"POST", "", bulk(driveSpec(strings.Repeat("x", 1_000_000))), "items[0].title"},
		{"POST", "", bulk(driveSpec("\u202egnp.exe")), "items[0].title"},
		{"POST", "", bulk(driveSpec("\u2066a")), "items[0].title"},
		{"POST", "", bulk(driveSpec("a\x1b[31m")), "items[0].title"},
		{"POST", "", bulk(driveSpec("a\u0085b")), "items[0].title"},
		{"POST", "", bulk(`{"title":"a` + "\xff" + `","product":` + standardProduct + `}`), "body"},
		{"POST", "", `{"items":{"title":"a"}}`, "items"},
		{"POST", "", `{"items":"a"}`, "items"},
		{"POST", "", `{"items":[1]}`, "items[0]"},
		{"POST", "", `{"items":[null]}`, "items[0]"},
		{"POST", "", `{"items":[],"items":[]}`, "items"},
		{"POST", "", `{"items":[` + strings.TrimSuffix(strings.Repeat(`{},`, 10_000), ",") + `]}`, "items"},
		{"POST", "", `{"items":` + deep + `}`, "items"},
		{"POST", "", strings.Repeat("[", 200_000), "body"},
		{"POST", "", bulk(`{"title":"a","product":` + standardProduct + `,"labels":{"k":1}}`), "items[0].labels.k"},
		{"POST", "", bulk(`{"title":"a","product":` + standardProduct + `,"labels":["k"]}`), "items[0].labels"},
		{"POST", "/updateLabels", item(`"labels":{"` + strings.Repeat("k", 257) + `":"v"}`), "labels"},
		{"POST", "/updateLabels", item(`"labels":{"A":"1","a":"2"}`), "items[0].labels.a"},
		{"POST", "/updateLabels", item(`"labels":{"":"1"}`), "labels"},
		{"POST", "/updateLabels", item(`"labels":{"a":null}`), "items[0].labels.a"},
		{"POST", "/updateLabels", item(`"x":1`), "items[0].labels"},
		{"POST", "/rename", item(`"newTitle":{}`), "items[0].newTitle"},
		{"POST", "/rename", bulk(`{"id":{"$ne":1},"newTitle":"a"}`), "items[0].id"},
		{"DELETE", "", bulk(`{"id":1e400}`), "items[0].id"},
		{"POST", "/search", `{"flags":{"filterIds":[1]},"query":""}`, "flags.filterIds"},
		{"POST", "/search", `{"flags":{},"query":"","itemsPerPage":"50"}`, "itemsPerPage"},
		{"POST", "/search", `{"flags":{},"query":"","itemsPerPage":99999999999999999999}`, "itemsPerPage"},
		{"POST", "/search", `{"flags":{},"query":"","next":5}`, "next"},
		{"GET", "/browse?filterCreatedBefore=99999999999999999999", "", "filterCreatedBefore"},
	} {
		ann.refused(400, c.method, c.path, c.body, c.field)
	}
	for _, id := range []string{"../../etc/passwd", "' OR '1'='1", strings.Repeat("a", 100_000), "%00", "a"} {
		ann.refused(404, "POST", "/rename", bulk(`{"id":`+quoted(id)+`,"newTitle":"x"}`), "items[0]")
		ann.refused(404, "DELETE", "", bulk(`{"id":`+quoted(id)+`}`), "items[0]")
	}
	if got := h.titles(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("folders are %q", got)
	}
	// What looks like an attack and is a title.
	for _, odd := range []string{"'; DROP TABLE folders; --", "../../etc/passwd", "<script>alert(1)</script>", `"\`, "%s%n", "CON", "日本語 🙂", "שלום"} {
		id := ann.drive(odd)
		if got := ann.retrieve(id, "").Specification.Title; got != odd {
			t.Errorf("title %q became %q", odd, got)
		}
		if a := ann.call("PUT", "/dav/"+id+"/f", "x"); a.status != 201 {
			t.Errorf("%q: PUT is %d", odd, a.status)
		}
		ann.ok(&responses[nothing]{}, "DELETE", "", bulk(`{"id":"`+id+`"}`))
	}
	// A full page of answers, and what names a user, escape what a browser could take for its own.
	ann.drive("</script><b>")
	if a := ann.drives("GET", "/browse", ""); strings.Contains(a.body, "<b>") {
		t.Errorf("not escaped: %s", a.body)
	}
}

// What a product does not support is refused on the folder and at its making; maintenance goes before all.
func TestUCL4_ProductsSupport(t *testing.T) {
	t.Parallel()
	var products *store.Products
	h := newHouseWith(t, func(o *davfs.Options) {
		fixed, down, tape := store.DefaultProduct(), store.DefaultProduct(), store.DefaultProduct()
		fixed.ProductRef = store.ProductRef{ID: "home", Category: "ssd", Provider: "acme"}
		fixed.Support.Collection = store.CollectionSupport{}
		down.ProductRef = store.ProductRef{ID: "down", Category: "ssd", Provider: "acme"}
		down.Maintenance = &store.Maintenance{Description: "new disks", Availability: store.NoService, StartsAt: then.Add(-time.Hour)}
		tape.ProductRef = store.ProductRef{ID: "tape", Category: "tape", Provider: "zeta"}
		tape.Maintenance = &store.Maintenance{Description: "soon", Availability: store.MinorDisruption, StartsAt: then.Add(-time.Hour), EstimatedEndsAt: then.Add(time.Hour)}
		var err error
		if products, err = store.NewProducts([]store.Product{store.DefaultProduct(), tape, down, fixed}); err != nil {
			t.Fatal(err)
		}
		o.Products = products
		o.Now = func() time.Time { return then }
	}, manyFolders)
	ann := h.portal("ann")
	spec := func(title, id, category, provider string) string {
		return fmt.Sprintf(`{"title":%q,"product":{"id":%q,"category":%q,"provider":%q}}`, title, id, category, provider)
	}
	folder := func(title, id, category, provider string) string {
		t.Helper()
		product, ok := products.Find(store.ProductRef{ID: id, Category: category, Provider: provider})
		if !ok {
			t.Fatal("no such product")
		}
		f, err := h.files.CreateFolder(t.Context(), store.NewFolder{Folder: store.Folder{OwnerID: ann.user.ID, Title: title, Product: products.Column(product), MaxBytes: store.Default, MaxFiles: store.Default}})
		if err != nil {
			row, err2 := h.store.CreateFolder(t.Context(), store.NewFolder{Folder: store.Folder{OwnerID: ann.user.ID, Title: title, Product: products.Column(product), MaxBytes: store.Default, MaxFiles: store.Default}})
			if err2 != nil {
				t.Fatal(err, err2)
			}
			f = row
		}
		return f.ID
	}
	home, down := folder("home", "home", "ssd", "acme"), folder("down", "down", "ssd", "acme")
	var made responses[idOnly]
	ann.ok(&made, "POST", "", bulk(spec("tape", "tape", "tape", "zeta"), spec("plain", "standard", "standard", "davit")))
	tape := made.Responses[0].ID

	for _, c := range []struct {
		status             int
		code               string
		method, path, body string
	}{
		{400, codeUnsupported, "POST", "", bulk(spec("x", "standard", "standard", "davit"), spec("y", "home", "ssd", "acme"))},
		{502, codeMaintenance, "POST", "", bulk(spec("x", "down", "ssd", "acme"))},
		{400, codeUnsupported, "DELETE", "", bulk(`{"id":"`+tape+`"}`, `{"id":"`+home+`"}`)},
		{400, codeUnsupported, "POST", "/rename", bulk(`{"id":"` + home + `","newTitle":"x"}`)},
		{400, codeUnsupported, "POST", "/updateAcl", bulk(`{"id":"` + home + `","added":[],"deleted":[]}`)},
		{502, codeMaintenance, "DELETE", "", bulk(`{"id":"` + down + `"}`)},
		{502, codeMaintenance, "POST", "/rename", bulk(`{"id":"` + down + `","newTitle":"x"}`)},
		{502, codeMaintenance, "POST", "/updateAcl", bulk(`{"id":"` + down + `","added":[],"deleted":[]}`)},
	} {
		e := ann.refused(c.status, c.method, c.path, c.body)
		if e.ErrorCode == nil || *e.ErrorCode != c.code {
			t.Errorf("%s %s: errorCode %v, want %s", c.method, c.path, e.ErrorCode, c.code)
		}
	}
	ann.wantTitles(ann.browse(""), "down", "home", "plain", "tape")
	for query, want := range map[string][]string{
		"filterProvider=acme": {"down", "home"}, "hideProvider=acme": {"plain", "tape"}, "filterProductId=home": {"home"}, "hideProductId=home": {"down", "plain", "tape"},
		"filterProductCategory=ssd": {"down", "home"}, "hideProductCategory=ssd": {"plain", "tape"}, "filterProvider=acme&hideProductId=home": {"down"},
	} {
		ann.wantTitles(ann.browse(query), want...)
	}
	var got struct {
		Support struct {
			Maintenance *struct {
				Availability    string
				StartsAt        int64
				EstimatedEndsAt *int64
			}
			Collection map[string]bool
		}
		Features []string
	}
	support := func(id string) {
		t.Helper()
		if err := json.Unmarshal(ann.retrieve(id, "includeSupport=true").Status.ResolvedSupport, &got); err != nil {
			t.Fatal(err)
		}
	}
	if support(tape); got.Support.Maintenance == nil || got.Support.Maintenance.Availability != "MINOR_DISRUPTION" || got.Support.Maintenance.EstimatedEndsAt == nil {
		t.Errorf("support of tape: %+v", got)
	}
	if support(home); got.Support.Collection["usersCanRename"] || slices.Contains(got.Features, "drive.management") || slices.Contains(got.Features, "drive.acl") || !slices.Contains(got.Features, "drive.stats.size") {
		t.Errorf("support of home: %+v", got)
	}
	var list struct {
		ProductsByProvider map[string][]struct{ Product struct{ Name string } }
	}
	ann.ok(&list, "GET", "/retrieveProducts", "")
	if p := list.ProductsByProvider; len(p) != 3 || len(p["acme"]) != 2 || p["acme"][0].Product.Name != "down" || p["acme"][1].Product.Name != "home" {
		t.Errorf("products %v", p)
	}
	// Renaming others of the same bulk is not begun, and rights are asked before support.
	bob := h.portal("bob")
	bob.refused(404, "POST", "/rename", bulk(`{"id":"`+home+`","newTitle":"x"}`))
}

// A change through one door is seen by all others with the next request.
func TestUCL_ChangesAreSeenOnAllDoors(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, bob := h.portal("ann"), h.portal("bob")
	status := func(c *portal, method, path, body string, want int) answer {
		t.Helper()
		a := c.call(method, path, body)
		if a.status != want {
			t.Fatalf("%s %s by %s: %d %s, want %d", method, path, c.user.Name, a.status, a.body, want)
		}
		return a
	}
	id := ann.drive("made here")
	status(ann, "PUT", "/dav/made%20here/f", "12345", 201)
	if got := status(ann, "GET", "/v2/folder/"+id, "", 200).json(t)["name"]; got != "made here" {
		t.Errorf("at the other API it is %v", got)
	}
	if u := ann.retrieve(id, "").Status.Usage; u.Bytes != 5 || u.Files != 1 || u.Available != *u.MaxBytes-5 || *u.MaxFiles != 1000 || u.Reserved != 0 {
		t.Errorf("usage %+v", u)
	}
	if u := ann.browse("").Items[0].Status.Usage; u.Bytes != 5 {
		t.Errorf("usage %+v", u)
	}
	status(bob, "GET", "/dav/"+id+"/f", "", 404)
	ann.share(id, "bob", "READ")
	status(bob, "GET", "/dav/"+id+"/f", "", 200)
	status(bob, "PUT", "/dav/"+id+"/g", "x", 403)
	if got := status(bob, "GET", "/v2/folder/"+id, "", 200).json(t)["permission"]; got != "ro" {
		t.Errorf("READ is %v", got)
	}
	ann.share(id, "bob", "READ", "EDIT")
	status(bob, "PUT", "/dav/"+id+"/g", "x", 201)
	if got := status(bob, "GET", "/v2/folder/"+id, "", 200).json(t)["permission"]; got != "wd" {
		t.Errorf("READ and EDIT are %v", got)
	}
	bob.ok(&nothing{}, "POST", "/rename", bulk(`{"id":"`+id+`","newTitle":"renamed"}`))
	status(ann, "GET", "/dav/made%20here/f", "", 404)
	status(ann, "GET", "/dav/renamed/f", "", 200)
	r := h.request("PROPFIND", "/dav/", "")
	r.Header.Set("Depth", "1")
	r.SetBasicAuth("ann", ann.token)
	if a := h.do(r); a.status != 207 || !strings.Contains(a.body, "renamed") || strings.Contains(a.body, "made") {
		t.Errorf("PROPFIND: %s", a.body)
	}
	ann.ok(&responses[nothing]{}, "DELETE", "", bulk(`{"id":"`+id+`"}`))
	for _, path := range []string{"/dav/" + id + "/f", "/dav/renamed/f", "/v2/folder/" + id} {
		status(ann, "GET", path, "", 404)
		status(bob, "GET", path, "", 404)
	}
	// And the other way round.
	other := ann.create("vfolder")
	if d := ann.retrieve(other, ""); d.Specification.Title != "vfolder" || d.Specification.Product.ID != "standard" {
		t.Errorf("made at the other API: %+v", d)
	}
	if err := h.store.SetGrant(t.Context(), other, bob.user.ID, store.RightsRW); err != nil {
		t.Fatal(err)
	}
	if got := bob.retrieve(other, "includeOthers=true").Permissions; !slices.Equal(got.Myself, []string{"READ", "EDIT"}) || len(got.Others) != 1 || !slices.Equal(got.Others[0].Permissions, []string{"READ", "EDIT"}) {
		t.Errorf("rw is %+v", got)
	}
	status(ann, "DELETE", "/v2/folder/"+other, "", 204)
	ann.wantTitles(ann.browse(""))
	ann.refused(404, "GET", "/retrieve?id="+other, "")
}

// D23: what is deleted here is hidden at once, with its title and its place in the count free, and can be restored.
func TestD23_DeletedCollection(t *testing.T) {
	t.Parallel()
	h := newHouseWith(t, func(o *davfs.Options) { o.KeepDeleted = 24 * time.Hour }, func(cfg *Config) { cfg.Default.MaxFolders = 1 })
	ann, bob := h.portal("ann"), h.portal("bob")
	id := ann.drive("data")
	ann.call("PUT", "/dav/data/f", "12345")
	ann.share(id, "bob", "READ")
	ann.refused(402, "POST", "", bulk(driveSpec("more")))
	ann.ok(&responses[nothing]{}, "DELETE", "", bulk(`{"id":"`+id+`"}`))
	bob.refused(404, "GET", "/retrieve?id="+id, "")
	second := ann.drive("data")
	if a := ann.call("GET", "/dav/data/f", ""); a.status != 404 {
		t.Errorf("the new one has the old one's file: %d", a.status)
	}
	ann.ok(&responses[nothing]{}, "DELETE", "", bulk(`{"id":"`+second+`"}`))
	if _, err := h.files.RestoreFolder(t.Context(), id, store.Restore{}); err != nil {
		t.Fatal(err)
	}
	if d := bob.retrieve(id, ""); d.Status.Usage.Bytes != 5 || !slices.Equal(d.Permissions.Myself, []string{"READ"}) {
		t.Errorf("restored: %+v", d)
	}
	if _, err := h.store.Folder(t.Context(), "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// Usage of folders that are closed is told without opening them, and is what it was when they were closed.
func TestD33_UsageOfClosedFolders(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.portal("ann")
	id := ann.drive("a")
	ann.browse("") // the row is remembered as it is now, empty
	ann.call("PUT", "/dav/a/f", "12345")
	if err := h.files.Close(t.Context()); err != nil { // as after a long rest
		t.Fatal(err)
	}
	files, err := davfs.New(h.store, davfs.Options{Dir: h.dir, Sync: davfs.SyncNone})
	if err != nil {
		t.Fatal(err)
	}
	row, err := h.store.Folder(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	all, err := files.Usages([]store.Folder{row})
	if err != nil || all[0].Bytes != 5 || all[0].Files != 1 || files.Stats().Folders != 0 {
		t.Errorf("usage %+v, %v; %d folders are open", all, err, files.Stats().Folders)
	}
}

// A workspace without room in a category gets no folder there (402), and gets one again once there is room.
func TestUCL9_WorkspaceWithoutRoom(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, bob := h.portal("ann"), h.portal("bob")
	p := ann.project("P", nil)
	if err := h.files.SetWorkspaceLimit(t.Context(), ann.user.ID, "davit/standard", 10); err != nil {
		t.Fatal(err)
	}
	ann.drive("first")
	if a := ann.call("PUT", "/dav/first/f", "1234567890"); a.status != 201 {
		t.Fatalf("PUT: %d %s", a.status, a.body)
	}
	if u := ann.browse("").Items[0].Status.Usage; u.Bytes != 10 || u.Available != 0 {
		t.Errorf("usage %+v", u)
	}
	e := ann.refused(402, "POST", "", bulk(driveSpec("second")), "items[0]", "limit of 10 bytes")
	if e.ErrorCode == nil || *e.ErrorCode != codeQuota {
		t.Errorf("errorCode %v", e.ErrorCode)
	}
	ann.drive("in the project", p)
	bob.drive("bob's")
	if a := ann.call("DELETE", "/dav/first/f", ""); a.status != 204 {
		t.Fatalf("DELETE: %d", a.status)
	}
	ann.drive("second")
}

// Pages are written by hand, and are what encoding/json makes of them.
func TestCollectionJSON(t *testing.T) {
	n, text := int64(-7), "\u2028 & <b>\"\\ \x1b\xff é🙂"
	next := "17"
	full := collection{
		ID: "a", Specification: collectionSpec{text, store.ProductRef{ID: text, Category: "b", Provider: "c"}, map[string]string{"b": text, "a": "x", text: ""}},
		CreatedAt: 1717171717000,
		Status: collectionStatus{json.RawMessage(`{"a":1}`), json.RawMessage(`{"b":2}`), true,
			collectionUsage{1, 2, 3, &n, nil, 4}},
		Updates: []collectionUpdate{{1, text}, {2, "b"}}, Owner: collectionOwner{text, &text},
		Permissions: collectionPermissions{[]string{"ADMIN", "READ"}, []aclEntry{
			{aclEntity{Type: "user", Username: text}, []string{"READ"}}, {aclEntity{Type: "project_group", ProjectID: "p", Group: "g"}, []string{}},
		}}, ProviderGeneratedID: &text,
	}
	bare := collection{Specification: collectionSpec{Labels: map[string]string{}}, Updates: []collectionUpdate{}, Permissions: collectionPermissions{[]string{}, []aclEntry{}}}
	for _, page := range []pageOf[collection]{{50, []collection{}, nil}, {50, []collection{full}, &next}, {10, []collection{bare, full, bare}, nil}} {
		want, err := json.Marshal(page)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendPage(nil, page); string(got) != string(want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}
