package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"davit/store"
)

// The conformance list of the contract of file collections (section 15): one test a number.

// portal is a caller at the API of file collections.
type portal struct{ *caller }

func (h *house) portal(name string) *portal { return &portal{h.caller(name)} }

// drives sends a request to the API of file collections in a workspace: a project's ID, or none.
func (c *portal) drives(method, path, body string, project ...string) answer {
	c.t.Helper()
	r := c.request(method, collectionsPath+path, body)
	r.Header.Set("Authorization", "Bearer "+c.token)
	for _, p := range project {
		r.Header.Set("Project", p)
	}
	return c.do(r)
}

// ok is drives for what must succeed; the answer is read into v.
func (c *portal) ok(v any, method, path, body string, project ...string) {
	c.t.Helper()
	a := c.drives(method, path, body, project...)
	if a.status != 200 {
		c.t.Fatalf("%s %s %s: %d %s", method, path, body, a.status, a.body)
	}
	if got, want := a.header.Get("Content-Type"), "application/json; charset=UTF-8"; got != want {
		c.t.Errorf("%s %s: Content-Type %q, want %q", method, path, got, want)
	}
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		c.t.Fatalf("%s %s: %v: %s", method, path, err, a.body)
	}
}

// refused is drives for what must not succeed: the status, and texts that why names.
func (c *portal) refused(status int, method, path, body string, why ...string) commonError {
	c.t.Helper()
	return c.checkRefusal(c.drives(method, path, body), status, method+" "+path+" "+body, why...)
}

func (c *portal) checkRefusal(a answer, status int, what string, why ...string) commonError {
	c.t.Helper()
	what = what[:min(len(what), 200)]
	var e commonError
	fields := a.json(c.t)
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
	_, hasCode := fields["errorCode"]
	if _, hasWhy := fields["why"]; !hasWhy || !hasCode || len(fields) != 2 || e.Why == "" {
		c.t.Errorf("%s: body %s, want why and errorCode", what, a.body)
	}
	if a.status != status {
		c.t.Errorf("%s: %d %s, want %d", what, a.status, a.body, status)
	}
	for _, w := range why {
		if !strings.Contains(e.Why, w) {
			c.t.Errorf("%s: why is %q, want it to name %q", what, e.Why, w)
		}
	}
	return e
}

const standardProduct = `{"id":"standard","category":"standard","provider":"davit"}`

// bulk makes the body of a bulk call.
func bulk(items ...string) string {
	return `{"type":"bulk","items":[` + strings.Join(items, ",") + `]}`
}

func driveSpec(title string) string {
	return `{"title":` + quoted(title) + `,"product":` + standardProduct + `}`
}

// drive makes a file collection and returns its ID.
func (c *portal) drive(title string, project ...string) string {
	c.t.Helper()
	return c.makeDrives(project, title)[0]
}

func (c *portal) makeDrives(project []string, titles ...string) []string {
	c.t.Helper()
	var specs, ids []string
	for _, title := range titles {
		specs = append(specs, driveSpec(title))
	}
	var made responses[idOnly]
	c.ok(&made, "POST", "", bulk(specs...), project...)
	if len(made.Responses) != len(titles) {
		c.t.Fatalf("%d folders made of %d", len(made.Responses), len(titles))
	}
	for _, r := range made.Responses {
		ids = append(ids, r.ID)
	}
	return ids
}

// browse returns a page.
func (c *portal) browse(query string, project ...string) pageOf[collection] {
	c.t.Helper()
	var p pageOf[collection]
	c.ok(&p, "GET", "/browse?"+query, "", project...)
	return p
}

func (c *portal) retrieve(id, query string) collection {
	c.t.Helper()
	var d collection
	c.ok(&d, "GET", "/retrieve?id="+id+"&"+query, "")
	return d
}

func titlesOf(p pageOf[collection]) []string {
	titles := []string{}
	for _, d := range p.Items {
		titles = append(titles, d.Specification.Title)
	}
	return titles
}

func (c *portal) wantTitles(p pageOf[collection], want ...string) {
	c.t.Helper()
	if got := titlesOf(p); !slices.Equal(got, want) {
		c.t.Errorf("titles are %q, want %q", got, want)
	}
}

// share gives a user permissions, through the API.
func (c *portal) share(id, user string, permissions ...string) {
	c.t.Helper()
	list, _ := json.Marshal(permissions)
	var done responses[nothing]
	c.ok(&done, "POST", "/updateAcl", bulk(`{"id":"`+id+`","added":[{"entity":{"type":"user","username":`+quoted(user)+`},"permissions":`+string(list)+`}],"deleted":[]}`))
}

// project makes a project with some members; the caller is its PI.
func (c *portal) project(title string, members map[*portal]store.Role) string {
	c.t.Helper()
	p, err := c.store.CreateProject(c.t.Context(), store.Project{Title: title, Limits: store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default}}, c.user.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	for m, role := range members {
		if err := c.store.SetMember(c.t.Context(), p.ID, m.user.ID, role); err != nil {
			c.t.Fatal(err)
		}
	}
	return p.ID
}

// group makes a group of a project.
func (h *house) group(project, title string, members ...*portal) string {
	h.t.Helper()
	g, err := h.store.CreateGroup(h.t.Context(), project, title)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, m := range members {
		if err := h.store.AddGroupMember(h.t.Context(), g.ID, m.user.ID); err != nil {
			h.t.Fatal(err)
		}
	}
	return g.ID
}

// manyFolders lifts the limit of folders.
func manyFolders(cfg *Config) { cfg.Default.MaxFolders = 0 }

// Item 1 is TestUCL1_DocumentedCurl, with curl itself.

func TestUCL2_BrowseWithoutParameters(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.portal("ann")
	id := ann.drive("Lab results")
	var got map[string]any
	ann.ok(&got, "GET", "/browse", "")
	if got["itemsPerPage"] != 50.0 || got["next"] != nil || len(got) != 3 {
		t.Errorf("page is %v", got)
	}
	items := got["items"].([]any)
	if len(items) != 1 {
		t.Fatalf("%d items", len(items))
	}
	item := items[0].(map[string]any)
	created, usage := item["createdAt"].(float64), item["status"].(map[string]any)["usage"].(map[string]any)
	if row, err := h.store.Folder(t.Context(), id); err != nil || int64(created) != row.Created.UnixMilli() {
		t.Errorf("createdAt %v, want %v", created, row.Created.UnixMilli())
	}
	if usage["available"].(float64) <= 0 {
		t.Errorf("usage %v", usage)
	}
	item["createdAt"] = 0
	usage["available"] = 0
	text, _ := json.Marshal(item)
	want := `{"createdAt":0,"id":"` + id + `","owner":{"createdBy":"ann","project":null},` +
		`"permissions":{"myself":["ADMIN","READ","EDIT"],"others":[]},"providerGeneratedId":null,` +
		`"specification":{"labels":{},"product":{"category":"standard","id":"standard","provider":"davit"},"title":"Lab results"},` +
		`"status":{"preferredDrive":false,"resolvedProduct":null,"resolvedSupport":null,` +
		`"usage":{"available":0,"bytes":0,"files":0,"maxBytes":1073741824,"maxFiles":1000,"reserved":0}},"updates":[]}`
	if string(text) != want {
		t.Errorf("item is\n%s\nwant\n%s", text, want)
	}
}

func TestUCL3_Paging(t *testing.T) {
	t.Parallel()
	h := newHouse(t, manyFolders)
	ann := h.portal("ann")
	var titles []string
	for i := range 120 {
		titles = append(titles, fmt.Sprintf("drive %03d", i))
	}
	ann.makeDrives(nil, titles...)

	for query, want := range map[string]int64{
		"": 50, "itemsPerPage=7": 50, "itemsPerPage=0": 50, "itemsPerPage=-3": 50, "itemsPerPage=null": 50, "itemsPerPage=100000": 50,
		"itemsPerPage=10": 10, "itemsPerPage=25": 25, "itemsPerPage=50": 50, "itemsPerPage=100": 100, "itemsPerPage=250": 250, "itemsPerPage=1000": 1000,
	} {
		p := ann.browse(query)
		if p.ItemsPerPage != want || int64(len(p.Items)) != min(want, 120) || (p.Next == nil) != (want >= 120) {
			t.Errorf("%q: itemsPerPage %d, %d items, next %v", query, p.ItemsPerPage, len(p.Items), p.Next)
		}
	}

	var seen []string
	var sizes []int
	query := "itemsPerPage=50"
	for range 5 {
		p := ann.browse(query)
		seen = append(seen, titlesOf(p)...)
		sizes = append(sizes, len(p.Items))
		if p.Next == nil {
			break
		}
		query = "itemsPerPage=50&next=" + *p.Next
	}
	if !slices.Equal(sizes, []int{50, 50, 20}) || !slices.Equal(seen, titles) {
		t.Errorf("pages of %v", sizes)
	}

	for query, first := range map[string]string{
		"next=null": "drive 000", "next=nonsense": "drive 000", "next=-5": "drive 000", "next=99999999999999999999": "drive 000", "next=": "drive 000",
		"next=119": "drive 119", "itemsToSkip=3": "drive 003", "itemsToSkip=3&next=10": "drive 013", "consistency=REQUIRE&next=2": "drive 002",
	} {
		if p := ann.browse(query); len(p.Items) == 0 || p.Items[0].Specification.Title != first {
			t.Errorf("%q begins with %q, want %q", query, titlesOf(p), first)
		}
	}
	if p := ann.browse("itemsToSkip=9223372036854775807&next=9223372036854775807"); len(p.Items) != 0 || p.Next != nil {
		t.Errorf("behind the end: %v", p)
	}
	if p := ann.browse("itemsToSkip=20&itemsPerPage=100"); len(p.Items) != 100 || p.Next != nil {
		t.Errorf("a last page that is full has next %v", p.Next)
	}
	ann.refused(400, "GET", "/browse?itemsPerPage=many", "", "itemsPerPage")
	ann.refused(400, "GET", "/browse?itemsPerPage=1e3", "", "itemsPerPage")
	ann.refused(400, "GET", "/browse?itemsPerPage=99999999999999999999", "", "itemsPerPage")
	ann.refused(400, "GET", "/browse?itemsToSkip=-1", "", "itemsToSkip", "Invalid offset")
	ann.refused(400, "GET", "/browse?consistency=MAYBE", "", "consistency")
}

func TestUCL4_IncludeFlags(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, bob := h.portal("ann"), h.portal("bob")
	id := ann.drive("a")
	ann.share(id, "bob", "READ")
	for _, flags := range []string{"", "includeOthers", "includeUpdates", "includeSupport", "includeProduct", "includeOthers includeUpdates includeSupport includeProduct"} {
		query := ""
		for _, f := range strings.Fields(flags) {
			query += "&" + f + "=true"
		}
		page := ann.browse(query)
		for _, d := range []collection{ann.retrieve(id, query), page.Items[0]} {
			support, product := strings.Contains(flags, "Support"), strings.Contains(flags, "Product") || strings.Contains(flags, "Support")
			if got := string(d.Status.ResolvedSupport) != "null"; got != support {
				t.Errorf("%q: resolvedSupport %s", flags, d.Status.ResolvedSupport)
			}
			if got := string(d.Status.ResolvedProduct) != "null"; got != product {
				t.Errorf("%q: resolvedProduct %s", flags, d.Status.ResolvedProduct)
			}
			if got := len(d.Permissions.Others) == 1; got != strings.Contains(flags, "Others") || d.Permissions.Others == nil {
				t.Errorf("%q: others %v", flags, d.Permissions.Others)
			}
			if got := len(d.Updates) > 0; got != strings.Contains(flags, "Updates") || d.Updates == nil {
				t.Errorf("%q: updates %v", flags, d.Updates)
			}
		}
	}
	if others := bob.retrieve(id, "includeOthers=true").Permissions.Others; len(others) != 1 || others[0].Entity != (aclEntity{Type: "user", Username: "bob"}) || !slices.Equal(others[0].Permissions, []string{"READ"}) {
		t.Errorf("others are %v: who may read sees them", others)
	}
	// Only the text true is true; anything else is not an error.
	if d := ann.retrieve(id, "includeOthers=TRUE&includeSupport=1&includeProduct=maybe"); len(d.Permissions.Others) != 0 || string(d.Status.ResolvedProduct) != "null" {
		t.Errorf("flags that are not \"true\" count: %v", d)
	}

	var support struct {
		Product  map[string]any
		Support  map[string]map[string]any
		Features []string
	}
	if err := json.Unmarshal(ann.retrieve(id, "includeSupport=true").Status.ResolvedSupport, &support); err != nil {
		t.Fatal(err)
	}
	if support.Product["name"] != "standard" || support.Product["productType"] != "STORAGE" || support.Support["collection"]["usersCanRename"] != true || !slices.Contains(support.Features, "drive.acl") {
		t.Errorf("resolvedSupport %v", support)
	}
	var products struct {
		ProductsByProvider map[string][]struct {
			Product map[string]any
			Support map[string]any
		}
	}
	ann.ok(&products, "GET", "/retrieveProducts", "")
	if p := products.ProductsByProvider["davit"]; len(p) != 1 || p[0].Product["name"] != "standard" || p[0].Support["product"].(map[string]any)["id"] != "standard" || len(products.ProductsByProvider) != 1 {
		t.Errorf("products %v", products)
	}
}

func TestUCL5_Filters(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, joanna := h.portal("ann"), h.portal("joanna")
	a, b := ann.drive("a"), joanna.drive("b")
	joanna.share(b, "ann", "READ")
	ann.ok(&nothing{}, "POST", "/updateLabels", bulk(`{"id":"`+a+`","labels":{"Team":"red","site":"x"}}`))
	created := func(id string) int64 { return ann.retrieve(id, "").CreatedAt }
	ca, cb := strconv.FormatInt(created(a), 10), strconv.FormatInt(created(b), 10)
	later := strconv.FormatInt(created(b)+1, 10)
	for query, want := range map[string][]string{
		"filterCreatedBy=ann": {"a", "b"}, "filterCreatedBy=joanna": {"b"}, "filterCreatedBy=oan": {"b"}, "filterCreatedBy=ANN": {}, "filterCreatedBy=null": {"a", "b"},
		"filterCreatedAfter=" + ca: {"a", "b"}, "filterCreatedAfter=" + later: {}, "filterCreatedBefore=" + cb: {"a", "b"}, "filterCreatedBefore=0": {},
		"filterCreatedAfter=" + ca + "&filterCreatedBefore=" + cb: {"a", "b"},
		"filterProvider=davit": {"a", "b"}, "filterProvider=x": {}, "hideProvider=davit": {}, "hideProvider=x": {"a", "b"},
		"filterProductId=standard": {"a", "b"}, "filterProductId=x": {}, "hideProductId=standard": {}, "hideProductId=x": {"a", "b"},
		"filterProductCategory=standard": {"a", "b"}, "filterProductCategory=x": {}, "hideProductCategory=standard": {}, "hideProductCategory=x": {"a", "b"},
		"filterIds=" + a: {"a"}, "filterIds=" + a + "," + b: {"a", "b"}, "filterIds=17,x," + b: {"b"}, "filterIds=17": {}, "filterIds=": {"a", "b"},
		"filterProviderIds=h-ann": {}, "filterLabels.team=red": {"a"}, "filterLabels.TEAM=red": {"a"}, "filterLabels.team=Red": {}, "filterLabels.team=red&filterLabels.site=x": {"a"},
		"filterLabels.team=red&filterLabels.site=y":              {},
		"filterCreatedBy=ann&filterIds=" + b + "&hideProvider=x": {"b"}, "filterCreatedBy=joanna&filterIds=" + a: {},
	} {
		ann.wantTitles(ann.browse(query), want...)
		for title, id := range map[string]string{"a": a, "b": b} {
			if slices.Contains(want, title) {
				ann.retrieve(id, query)
			} else {
				ann.refused(404, "GET", "/retrieve?id="+id+"&"+query, "")
			}
		}
	}
	for _, field := range []string{"filterCreatedAfter", "filterCreatedBefore"} {
		ann.refused(400, "GET", "/browse?"+field+"=yesterday", "", field)
		ann.refused(400, "GET", "/retrieve?id="+a+"&"+field+"=1.5", "", field)
	}
	ann.refused(400, "GET", "/retrieve", "", "id")
	ann.refused(400, "GET", "/browse?x=%zz", "", "query")
	for _, id := range []string{"17", "abc", "0190aaaa0190aaaa0190aaaa0190aaaa", "a", "../" + a, a + "%00"} {
		ann.refused(404, "GET", "/retrieve?id="+id, "")
	}
	ann.retrieve(strings.ToUpper(a[:8])+"-"+a[8:12]+"-"+a[12:16]+"-"+a[16:20]+"-"+a[20:], "")
}

func TestUCL6_MemberFiles(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, bob := h.portal("ann"), h.portal("bob")
	p := ann.project("P", map[*portal]store.Role{bob: store.RoleUser})
	ann.drive("ordinary", p)
	personal := ann.drive("personal")
	for _, c := range []*portal{ann, bob} {
		c.ok(&nothing{}, "POST", "/init", "", p)
	}
	for query, want := range map[string][]string{
		"": {"Member Files: ann", "Member Files: bob", "ordinary"}, "filterMemberFiles=DONT_FILTER_COLLECTIONS": {"Member Files: ann", "Member Files: bob", "ordinary"},
		"filterMemberFiles=SHOW_ONLY_MINE": {"Member Files: ann", "ordinary"}, "filterMemberFiles=show_only_mine": {"Member Files: ann", "ordinary"},
		"filterMemberFiles=SHOW_ONLY_MEMBER_FILES": {"Member Files: ann", "Member Files: bob"},
	} {
		ann.wantTitles(ann.browse(query, p), want...)
	}
	bob.wantTitles(bob.browse("", p), "Member Files: bob")
	ann.wantTitles(ann.browse(""), "personal")
	ann.wantTitles(ann.browse("filterMemberFiles=SHOW_ONLY_MINE"), "personal")
	ann.refused(400, "GET", "/browse?filterMemberFiles=NONE", "", "filterMemberFiles")
	// In a body an unknown constant is the default.
	var found pageOf[collection]
	ann.ok(&found, "POST", "/search", `{"flags":{"filterMemberFiles":"NEW_ONE"},"query":"member"}`, p)
	ann.wantTitles(found, "Member Files: ann", "Member Files: bob")
	ann.ok(&found, "POST", "/search", `{"flags":{"filterMemberFiles":"SHOW_ONLY_MINE"},"query":"member"}`, p)
	ann.wantTitles(found, "Member Files: ann")
	// By ID, folders of all workspaces are found, without a header.
	ann.retrieve(ann.browse("", p).Items[0].ID, "")
	ann.retrieve(personal, "")
	if d := bob.browse("", p).Items[0]; !d.Status.PreferredDrive || d.Owner.CreatedBy != "bob" || *d.Owner.Project != p || !slices.Equal(d.Permissions.Myself, []string{"READ", "EDIT"}) {
		t.Errorf("bob's own part is %+v", d)
	}
}

func TestUCL7_Sorting(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, bob := h.portal("ann"), h.portal("bob")
	ann.share(ann.drive("delta"), "bob", "READ")
	bob.drive("Charlie")
	ann.share(ann.drive("alpha"), "bob", "READ")
	bob.drive("bravo")
	for query, want := range map[string]string{
		"": "alpha bravo Charlie delta", "sortBy=title": "alpha bravo Charlie delta", "sortBy=title&sortDirection=descending": "delta Charlie bravo alpha",
		"sortBy=createdAt": "delta Charlie alpha bravo", "sortBy=createdAt&sortDirection=descending": "bravo alpha Charlie delta",
		"sortBy=createdBy": "delta alpha Charlie bravo", "sortBy=createdBy&sortDirection=descending": "bravo Charlie alpha delta",
		"sortBy=size": "alpha bravo Charlie delta", "sortBy=null&sortDirection=null": "alpha bravo Charlie delta", "sortBy=TITLE&sortDirection=ASCENDING": "alpha bravo Charlie delta",
	} {
		t.Run(query, func(t *testing.T) {
			if got := strings.Join(titlesOf(bob.browse(query)), " "); got != want {
				t.Errorf("order is %q, want %q", got, want)
			}
		})
	}
	bob.refused(400, "GET", "/browse?sortDirection=sideways", "", "sortDirection")
	var found pageOf[collection]
	bob.ok(&found, "POST", "/search", `{"flags":{},"query":"","sortBy":"createdBy","sortDirection":"descending"}`)
	bob.wantTitles(found, "bravo", "Charlie", "alpha", "delta")
}

func TestUCL8_Search(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.portal("ann")
	ann.makeDrives(nil, "Lab results", "RESULT_2", "100%", "ÄRGER", "other")
	for body, want := range map[string][]string{
		`{"flags":{},"query":"result"}`:                        {"Lab results", "RESULT_2"},
		`{"flags":{},"query":"%"}`:                             {"100%"},
		`{"flags":{},"query":"_"}`:                             {"RESULT_2"},
		`{"flags":{},"query":"ärger"}`:                         {"ÄRGER"},
		`{"flags":{},"query":"a\u0308rger"}`:                   {"ÄRGER"},
		`{"flags":{},"query":"' OR 1=1 --"}`:                   {},
		`{"flags":{},"query":""}`:                              {"100%", "Lab results", "other", "RESULT_2", "ÄRGER"},
		`{"flags":{"filterCreatedBy":"nobody"},"query":""}`:    {},
		`{"filterCreatedBy":"nobody","query":""}`:              {},
		`{"flags":{},"filterCreatedBy":"nobody","query":""}`:   {},
		`{"includeOthers":true,"query":"other"}`:               {"other"},
		`{"flags":{},"query":"","itemsPerPage":10,"next":"4"}`: {"ÄRGER"},
		`{"flags":{},"query":"","itemsToSkip":4}`:              {"ÄRGER"},
		`{"flags":{"includeOthers":null,"filterIds":null,"filterMemberFiles":null},"query":"other","itemsPerPage":null,"next":null,"consistency":null,"itemsToSkip":null,"sortBy":null,"sortDirection":null}`: {"other"},
		`{"flags":{},"query":"other","consistency":"WHATEVER","sortDirection":"sideways","unknown":{"deep":[1]}}`:                                                                                             {"other"},
		`{flags:{},query:other}`: {"other"},
	} {
		var found pageOf[collection]
		ann.ok(&found, "POST", "/search", body)
		ann.wantTitles(found, want...)
	}
	ann.refused(400, "POST", "/search", `{"flags":{}}`, "query")
	ann.refused(400, "POST", "/search", `{"flags":{},"query":null}`, "query")
	ann.refused(400, "POST", "/search", `{"query":"x"}`, "flags")
	ann.refused(400, "POST", "/search", ``, "query")
	ann.refused(400, "POST", "/search", `{"flags":{},"query":17}`, "query")
	ann.refused(400, "POST", "/search", `{"flags":[],"query":""}`, "flags")
	ann.refused(400, "POST", "/search", `{"flags":{"includeOthers":"yes"},"query":""}`, "flags.includeOthers")
	ann.refused(400, "POST", "/search", `{"flags":{"filterCreatedAfter":"x"},"query":""}`, "flags.filterCreatedAfter")
	ann.refused(400, "POST", "/search", `{"flags":{},"query":"","itemsPerPage":1e999}`, "itemsPerPage")
	ann.refused(400, "POST", "/search", `{"flags":{},"query":"","itemsToSkip":-1}`, "itemsToSkip")
	ann.refused(400, "POST", "/search", `{"flags":{},"query":"","filterLabels":7}`, "filterLabels")
}

func TestUCL9_Create(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.portal("ann")
	for title, why := range map[string]string{
		"": "title is", "   ": "title cannot be blank", "a\nb": "new-lines", strings.Repeat("x", 16385): "too long", "a\x00b": "control", "a\x1bb": "control",
		"a\u202eb": "control", "0190aaaa0190aaaa0190aaaa0190aaaa": "title",
	} {
		ann.refused(400, "POST", "", bulk(driveSpec(title)), strings.Fields(why)...)
	}
	ann.refused(400, "POST", "", bulk(driveSpec("good"), driveSpec(" ")), "items[1].title")
	for _, product := range []string{`{"id":"x","category":"standard","provider":"davit"}`, `{"id":"standard","category":"x","provider":"davit"}`, `{"id":"standard","category":"standard","provider":"x"}`} {
		ann.refused(400, "POST", "", bulk(driveSpec("good"), `{"title":"a","product":`+product+`}`), "items[1]", "product")
	}
	ann.refused(400, "POST", "", bulk(`{"title":"a"}`), "items[0].product")
	ann.refused(400, "POST", "", bulk(`{"title":"a","product":{"id":"standard","category":"standard"}}`), "items[0].product.provider")
	ann.refused(400, "POST", "", `{"items":[]}`, "items")
	ann.refused(400, "POST", "", `{}`, "items")
	ann.refused(400, "POST", "", ``, "items")
	ann.refused(400, "POST", "", bulk(slices.Repeat([]string{driveSpec("a")}, 1001)...), "items")
	ann.wantTitles(ann.browse(""))

	ids := ann.makeDrives(nil, "b", "a", "a")
	for i, title := range []string{"b", "a", "a"} { // in the request's order; titles may be the same
		if got := ann.retrieve(ids[i], "").Specification.Title; got != title {
			t.Errorf("response %d is %q, want %q", i, got, title)
		}
	}
	odd := " ../x/'; DROP TABLE folders; --\t"[:31]
	if got := ann.retrieve(ann.drive(odd), "").Specification.Title; got != odd {
		t.Errorf("title %q became %q", odd, got)
	}
	long := strings.Repeat("ä", 16384)
	if got := ann.retrieve(ann.drive(long), "").Specification.Title; got != long {
		t.Errorf("a title of 16384 characters became one of %d bytes", len(got))
	}
	labelled := bulk(`{"title":"l","product":` + standardProduct + `,"labels":{"Team":"a"}}`)
	var made responses[idOnly]
	ann.ok(&made, "POST", "", labelled)
	if got := ann.retrieve(made.Responses[0].ID, "").Specification.Labels["team"]; got != "a" {
		t.Errorf("label is %q", got)
	}

	// The limit of folders is 10: of a bulk that passes it nothing is made.
	before := len(h.titles())
	e := ann.refused(402, "POST", "", bulk(slices.Repeat([]string{driveSpec("more")}, 5)...), "at most", "delete one, or ask the administrator for more")
	if e.ErrorCode == nil || *e.ErrorCode != codeQuota || len(h.titles()) != before {
		t.Errorf("beyond the limit of folders: %v, %d folders of %d", e, len(h.titles()), before)
	}
}

func TestUCL9_UniqueTitles(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(cfg *Config) { cfg.UniqueTitles = true })
	ann, bob := h.portal("ann"), h.portal("bob")
	ann.drive("Data")
	ann.refused(400, "POST", "", bulk(driveSpec("Data")), "Cannot create drive with existing drive name")
	ann.refused(400, "POST", "", bulk(driveSpec("other"), driveSpec("dATA")), "Cannot create drive with existing drive name")
	bob.drive("Data")
	p := ann.project("P", nil)
	ann.drive("Data", p)
	ann.checkRefusal(ann.drives("POST", "", bulk(driveSpec("data")), p), 400, "in a project", "existing drive name")
	var wait sync.WaitGroup
	status := make([]int, 4)
	for i := range status {
		wait.Go(func() { status[i] = ann.drives("POST", "", bulk(driveSpec("At once"))).status })
	}
	wait.Wait()
	if slices.Sort(status); !slices.Equal(status, []int{200, 400, 400, 400}) {
		t.Errorf("four at once: %v", status)
	}
}

func TestUCL10_Delete(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.portal("ann")
	ids := ann.makeDrives(nil, "a", "b", "c")
	if a := ann.call("PUT", "/dav/"+ids[0]+"/f.txt", "hello"); a.status != 201 {
		t.Fatalf("PUT: %d", a.status)
	}
	item := func(id string) string { return `{"id":"` + id + `"}` }
	ann.refused(404, "DELETE", "", bulk(item(ids[0]), item("0190aaaa0190aaaa0190aaaa0190aaaa")), "items[1]")
	ann.refused(404, "DELETE", "", bulk(item(ids[0]), item("17")), "items[1]")
	ann.refused(400, "DELETE", "", bulk(item(ids[0]), item(ids[0])), "items[1].id", "twice")
	ann.refused(400, "DELETE", "", bulk(`{}`), "items[0].id")
	ann.refused(400, "DELETE", "", `{"items":[]}`, "items")
	ann.refused(400, "DELETE", "", ``, "items")
	ann.wantTitles(ann.browse(""), "a", "b", "c")

	var done responses[nothing]
	ann.ok(&done, "DELETE", "", bulk(item(ids[0]), item(ids[1])))
	if len(done.Responses) != 2 {
		t.Errorf("%d responses", len(done.Responses))
	}
	ann.wantTitles(ann.browse(""), "c")
	ann.refused(404, "GET", "/retrieve?id="+ids[0], "")
	ann.refused(404, "DELETE", "", bulk(item(ids[0])))
	if a := ann.call("GET", "/dav/"+ids[0]+"/f.txt", ""); a.status != 404 {
		t.Errorf("a file of it: %d, want 404", a.status)
	}
	if a := ann.call("GET", "/v2/folder/"+ids[0], ""); a.status != 404 {
		t.Errorf("at the other API: %d, want 404", a.status)
	}
	ann.makeDrives(nil, "a", "b") // titles and their count are free again
}

func TestUCL11_Rename(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, bob := h.portal("ann"), h.portal("bob")
	ids := ann.makeDrives(nil, "a", "b")
	ann.call("PUT", "/dav/"+ids[0]+"/f.txt", "hello")
	item := func(id, title string) string { return `{"id":"` + id + `","newTitle":` + quoted(title) + `}` }
	a := ann.drives("POST", "/rename", bulk(item(ids[0], "Archive"), item(ids[1], "Archive")))
	if a.status != 200 || a.body != "{}" {
		t.Errorf("rename: %d %s, want {}", a.status, a.body)
	}
	ann.wantTitles(ann.browse(""), "Archive", "Archive")
	if a := ann.call("GET", "/dav/"+ids[0]+"/f.txt", ""); a.status != 200 || a.body != "hello" {
		t.Errorf("its path: %d %s", a.status, a.body)
	}
	ann.refused(400, "POST", "/rename", bulk(item(ids[0], "x"), item(ids[1], "")), "items[1].newTitle")
	ann.refused(400, "POST", "/rename", bulk(item(ids[0], "x\ny")), "newTitle", "new-lines")
	ann.refused(400, "POST", "/rename", bulk(item(ids[0], strings.Repeat("x", 16385))), "newTitle", "too long")
	ann.refused(400, "POST", "/rename", bulk(`{"id":"`+ids[0]+`"}`), "items[0].newTitle")
	ann.refused(400, "POST", "/rename", bulk(item(ids[0], "x"), item(ids[0], "y")), "items[1].id")
	bob.refused(404, "POST", "/rename", bulk(item(ids[0], "x")), "items[0]")
	ann.share(ids[0], "bob", "READ")
	bob.refused(403, "POST", "/rename", bulk(item(ids[0], "x")), "rename")
	bob.refused(404, "POST", "/rename", bulk(item(ids[0], "x"), item(ids[1], "x")), "items[1]") // the worst decides
	own := bob.drive("own")
	bob.refused(403, "POST", "/rename", bulk(item(own, "changed"), item(ids[0], "x")), "items[1]")
	bob.wantTitles(bob.browse(""), "Archive", "own")
	ann.share(ids[0], "bob", "READ", "EDIT")
	bob.ok(&nothing{}, "POST", "/rename", bulk(item(own, "changed"), item(ids[0], "y")))
	bob.wantTitles(bob.browse(""), "changed", "y")
}

func TestUCL12_UpdateAcl(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, bob, eve := h.portal("ann"), h.portal("bob"), h.portal("eve")
	p := ann.project("P", map[*portal]store.Role{bob: store.RoleUser, eve: store.RoleAdmin})
	g := h.group(p, "readers", bob)
	mine, ours := ann.drive("mine"), ann.drive("ours", p)
	user := func(name string) string { return `{"type":"user","username":` + quoted(name) + `}` }
	group := `{"type":"project_group","projectId":"` + p + `","group":"` + g + `"}`
	entry := func(entity string, permissions string) string {
		return `{"entity":` + entity + `,"permissions":[` + permissions + `]}`
	}
	acl := func(id, added, deleted string) string {
		return bulk(`{"id":"` + id + `","added":[` + added + `],"deleted":[` + deleted + `]}`)
	}
	update := func(c *portal, body string) {
		t.Helper()
		if a := c.drives("POST", "/updateAcl", body); a.status != 200 || a.body != `{"responses":[{}]}` {
			t.Fatalf("%s: %d %s", body, a.status, a.body)
		}
	}
	others := func(id string) string {
		t.Helper()
		text, _ := json.Marshal(ann.retrieve(id, "includeOthers=true").Permissions.Others)
		return string(text)
	}

	update(ann, acl(mine, entry(user("bob"), `"READ","EDIT"`), ""))
	if got, want := others(mine), `[`+entry(user("bob"), `"READ","EDIT"`)+`]`; got != want {
		t.Errorf("others are %s, want %s", got, want)
	}
	update(ann, acl(mine, entry(user("bob"), `"READ"`), user("bob"))) // delete, then add, in one request
	if got, want := others(mine), `[`+entry(user("bob"), `"READ"`)+`]`; got != want {
		t.Errorf("others are %s, want %s", got, want)
	}
	bob.wantTitles(bob.browse(""), "mine")
	update(ann, acl(mine, entry(user("bob"), `"ADMIN","PROVIDER"`), "")) // skipped in silence
	if got := bob.retrieve(mine, "").Permissions.Myself; !slices.Equal(got, []string{"READ"}) {
		t.Errorf("ADMIN was granted: %v", got)
	}
	update(ann, acl(mine, entry(user("bob"), `"EDIT"`), "")) // takes the place of READ
	if got, want := others(mine), `[`+entry(user("bob"), `"EDIT"`)+`]`; got != want {
		t.Errorf("others are %s, want %s", got, want)
	}
	if a := bob.call("PUT", "/dav/"+mine+"/by-bob", "x"); a.status != 201 {
		t.Errorf("EDIT alone: PUT is %d", a.status)
	}
	if a := bob.call("GET", "/dav/"+mine+"/by-bob", ""); a.status != 200 {
		t.Errorf("EDIT alone: GET is %d", a.status)
	}
	update(ann, acl(mine, entry(user("ann"), `"READ"`), user("nobody"))) // both change nothing
	if d := ann.retrieve(mine, "includeOthers=true"); len(d.Permissions.Others) != 1 || !slices.Contains(d.Permissions.Myself, "ADMIN") {
		t.Errorf("the owner's permissions changed: %v", d.Permissions)
	}
	update(ann, acl(mine, "", user("bob")))
	bob.refused(404, "GET", "/retrieve?id="+mine, "")

	bob.wantTitles(bob.browse("", p))
	update(eve, acl(ours, entry(group, `"READ"`), "")) // ADMIN of the project
	if got, want := others(ours), `[`+entry(group, `"READ"`)+`]`; got != want {
		t.Errorf("others are %s, want %s", got, want)
	}
	if d := bob.browse("", p).Items; len(d) != 1 || !slices.Equal(d[0].Permissions.Myself, []string{"READ"}) || len(d[0].Permissions.Others) != 0 {
		t.Errorf("a member of the group sees %v", d)
	}
	update(ann, acl(ours, entry(user("bob"), `"READ","EDIT"`), ""))
	if got := bob.retrieve(ours, "").Permissions.Myself; !slices.Equal(got, []string{"READ", "EDIT"}) {
		t.Errorf("union of entries is %v", got)
	}
	bob.refused(403, "POST", "/updateAcl", acl(ours, entry(user("eve"), `"READ"`), ""), "items[0]", "ADMIN")
	update(ann, acl(ours, "", group))
	update(ann, acl(ours, "", user("bob")))
	bob.refused(404, "POST", "/updateAcl", acl(ours, "", ""))

	for body, why := range map[string]string{
		acl(mine, entry(user("nobody"), `"READ"`), ""):                     "nobody",
		acl(mine, entry(user(""), `"READ"`), ""):                           "items[0].added[0].entity.username",
		acl(mine, entry(`{"type":"robot"}`, `"READ"`), ""):                 "items[0].added[0].entity.type",
		acl(mine, entry(`{"username":"bob"}`, `"READ"`), ""):               "items[0].added[0].entity.type",
		acl(mine, entry(user("bob"), `"WRITE"`), ""):                       "items[0].added[0].permissions[0]",
		acl(mine, entry(user("bob"), `7`), ""):                             "items[0].added[0].permissions[0]",
		acl(mine, `{"entity":`+user("bob")+`}`, ""):                        "items[0].added[0].permissions",
		acl(mine, `{"permissions":["READ"]}`, ""):                          "items[0].added[0].entity",
		acl(mine, "", `{"type":"user"}`):                                   "items[0].deleted[0].username",
		acl(mine, "", `{"type":"project_group","projectId":"`+p+`"}`):      "items[0].deleted[0].group",
		bulk(`{"id":"` + mine + `","added":[]}`):                           "items[0].deleted",
		bulk(`{"id":"` + mine + `","deleted":[]}`):                         "items[0].added",
		acl(ours, entry(strings.Replace(group, g, mine, 1), `"READ"`), ""): "group",
	} {
		ann.refused(400, "POST", "/updateAcl", body, why)
	}
	// One bad item, and nothing of the bulk is done.
	ann.refused(400, "POST", "/updateAcl", `{"items":[{"id":"`+mine+`","added":[`+entry(user("bob"), `"READ"`)+`],"deleted":[]},{"id":"`+ours+`","added":[`+entry(user("nobody"), `"READ"`)+`],"deleted":[]}]}`, "items[1]")
	if got := others(mine); got != "[]" {
		t.Errorf("others are %s after a refused bulk", got)
	}
}

func TestUCL13_Errors(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.portal("ann")
	for _, route := range []string{"GET /browse", "GET /retrieve?id=1", "GET /retrieveProducts", "POST /search", "POST ", "DELETE ", "POST /init", "POST /rename", "POST /updateAcl", "POST /updateLabels"} {
		method, path, _ := strings.Cut(route, " ")
		for _, authorization := range []string{"", "Bearer nonsense", "Bearer " + ann.token + "x"} {
			r := h.request(method, collectionsPath+path, "{}")
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			ann.checkRefusal(h.do(r), 401, route)
		}
		if strings.HasPrefix(method, "POST") || method == "DELETE" {
			if path == "/init" {
				continue
			}
			ann.refused(400, method, path, `[]`, "body")
			ann.refused(400, method, path, `{"items":`, "body")
			ann.refused(413, method, path, strings.Repeat(" ", 1<<20+1)+"{}")
		}
	}
	ann.refused(404, "GET", "/nothing", "")
	ann.refused(405, "PUT", "/rename", "{}")
}

func TestUCL14_Init(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, bob, eve := h.portal("ann"), h.portal("bob"), h.portal("eve")
	p := ann.project("P", map[*portal]store.Role{bob: store.RoleUser})
	var wait sync.WaitGroup
	for range 4 {
		for _, project := range [][]string{nil, {p}} {
			wait.Go(func() {
				if a := bob.drives("POST", "/init", "", project...); a.status != 200 || a.body != "{}" {
					t.Errorf("init: %d %s", a.status, a.body)
				}
			})
		}
	}
	wait.Wait()
	bob.wantTitles(bob.browse(""), "Home")
	bob.wantTitles(bob.browse("", p), "Member Files: bob")
	home, part := bob.browse("").Items[0], bob.browse("includeOthers=true", p).Items[0]
	if !home.Status.PreferredDrive || home.Owner.Project != nil || !slices.Contains(home.Permissions.Myself, "ADMIN") {
		t.Errorf("Home is %+v", home)
	}
	if text, _ := json.Marshal(part.Permissions); string(text) != `{"myself":["READ","EDIT"],"others":[{"entity":{"type":"user","username":"bob"},"permissions":["READ","EDIT"]}]}` {
		t.Errorf("permissions of member files are %s", text)
	}
	if d := ann.browse("", p).Items[0]; d.ID != part.ID || d.Status.PreferredDrive || !slices.Contains(d.Permissions.Myself, "ADMIN") {
		t.Errorf("the PI sees %+v", d)
	}
	// Whatever comes of it, the answer is the same.
	for _, project := range []string{p, "nonsense"} {
		if a := eve.drives("POST", "/init", "", project); a.status != 200 || a.body != "{}" {
			t.Errorf("init of a stranger: %d %s", a.status, a.body)
		}
	}
	eve.wantTitles(eve.browse("", p))
	eve.wantTitles(eve.browse(""))
	// Who has deleted it gets another.
	bob.ok(&responses[nothing]{}, "DELETE", "", bulk(`{"id":"`+home.ID+`"}`))
	bob.ok(&nothing{}, "POST", "/init", "")
	if again := bob.browse("").Items; len(again) != 1 || again[0].ID == home.ID || again[0].Specification.Title != "Home" {
		t.Errorf("after its deletion: %v", again)
	}
	if a := bob.call("PUT", "/dav/Home/f", "x"); a.status != http.StatusCreated {
		t.Errorf("PUT: %d", a.status)
	}
}
