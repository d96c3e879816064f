package server

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"davit/davfs"
	"davit/store"
)

func TestD23_VFolderTrash(t *testing.T) {
	now := &clock{t: time.Now()}
	h := newHouseWith(t, func(o *davfs.Options) { o.Now, o.KeepDeleted = now.now, 7*24*time.Hour })
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.create("d")
	ann.put("d", "f", "x")
	// In use: refused, with who, and nothing has happened.
	ann.refused(400, "vfolder-deletion-not-allowed", "DELETE", "/folders/d", "", "5 minutes", "ann", "force")
	ann.refused(400, "vfolder-deletion-not-allowed", "DELETE", "/folders", `{"id":"`+id+`"}`)
	if ann.content("d", "f") != "x" {
		t.Error("a refused deletion took something")
	}
	now.set(now.now().Add(6 * time.Minute))
	ann.want(204, "DELETE", "/folders/d", "")
	for _, target := range []string{"/folders/" + id, "/v2/folder/" + id, "/dav/" + id + "/f", "/dav/d/"} {
		if a := ann.call("GET", target, ""); a.status != 404 {
			t.Errorf("GET %s after: %d", target, a.status)
		}
	}
	var trash []map[string]any
	if a := ann.call("GET", "/folders?deleted=true", ""); json.Unmarshal([]byte(a.body), &trash) != nil || len(trash) != 1 || trash[0]["id"] != id || trash[0]["status"] != "delete-pending" {
		t.Errorf("trash: %s", a.body)
	}
	bob.refused(404, "vfolder-not-found", "POST", "/folders/restore-from-trash-bin", `{"id":"`+id+`"}`)
	bob.refused(404, "vfolder-not-found", "POST", "/folders/purge", `{"id":"`+id+`"}`)
	// Its name is free, so it cannot come back while another has it.
	other := ann.create("d")
	ann.refused(400, "vfolder-already-exists", "POST", "/folders/restore-from-trash-bin", `{"vfolder_id":"`+id+`"}`)
	ann.refused(400, "vfolder-filter-status-failed", "POST", "/folders/restore-from-trash-bin", `{"id":"`+other+`"}`)
	ann.want(204, "POST", "/folders/delete", `{"id":"`+other+`"}`)
	ann.want(204, "POST", "/folders/restore_from_trash_bin", `{"id":"`+id+`"}`)
	if ann.content("d", "f") != "x" {
		t.Error("restored without its files")
	}
	// For good: from the trash, and by force.
	ann.want(204, "POST", "/folders/delete-from-trash-bin", `{"id":"`+other+`"}`)
	ann.refused(404, "vfolder-not-found", "POST", "/folders/delete-from-trash-bin", `{"id":"`+other+`"}`)
	ann.want(204, "DELETE", "/folders/d?force=true", "") // in use again
	ann.want(204, "DELETE", "/folders/"+id+"/force", "")
	ann.refused(404, "vfolder-not-found", "POST", "/folders/restore-from-trash-bin", `{"id":"`+id+`"}`)
	third := ann.create("e")
	ann.put("e", "f", "x")
	ann.want(204, "DELETE", "/folders/e/force", "")
	if h.onDisk(third) || h.onDisk(id) {
		t.Error("a folder that is gone for good has its directory")
	}
	for _, body := range []string{`{}`, `{"id":"x"}`, `{"id":5}`, `{"id":null}`, `{"id":"../../etc"}`} {
		for _, target := range []string{"/folders/delete", "/folders/purge", "/folders/delete-from-trash-bin", "/folders/restore-from-trash-bin"} {
			ann.refused(400, "invalid-api-params", "POST", target, body, "id: ")
		}
	}
	// Rights: rw may not delete, wd may.
	id = ann.create("r")
	ann.share(id, bob, store.RightsRW)
	bob.refused(403, "generic-forbidden", "DELETE", "/folders/r", "")
	bob.refused(403, "generic-forbidden", "DELETE", "/folders/r/force", "")
	ann.share(id, bob, store.RightsWD)
	bob.want(204, "DELETE", "/folders/r", "")
	ann.want(204, "POST", "/folders/purge", `{"vfolderId":"`+id+`"}`)
	ann.refused(404, "vfolder-not-found", "POST", "/folders/restore-from-trash-bin", `{"id":"`+id+`"}`)
}

func TestVFolderClone(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.create("src")
	ann.put("src", "f", "content")
	ann.mkdir("src", "sub")
	ann.put("src", "sub/g", "more")
	r := ann.request("PROPPATCH", "/dav/src/f", `<propertyupdate xmlns="DAV:"><set><prop><color xmlns="urn:x">red</color></prop></set></propertyupdate>`)
	r.SetBasicAuth("ann", ann.token)
	if a := h.do(r); a.status != 207 {
		t.Fatal(a.status)
	}
	v := ann.want(201, "POST", "/folders/src/clone", `{"target_name":"copy","usage_mode":"data","cloneable":true}`)
	copied, _ := v["id"].(string)
	if copied == id || v["name"] != "copy" || v["bgtask_id"] == "" || v["used_bytes"] != 11. || v["numFiles"] != 3. || v["usage_mode"] != "data" || v["cloneable"] != true {
		t.Errorf("clone: %v", v)
	}
	if got := ann.content("copy", "f") + ann.content("copy", "sub/g"); got != "contentmore" {
		t.Errorf("copied %q", got)
	}
	r = ann.request("PROPFIND", "/dav/copy/f", `<propfind xmlns="DAV:"><prop><color xmlns="urn:x"/></prop></propfind>`)
	r.SetBasicAuth("ann", ann.token)
	if a := h.do(r); !strings.Contains(a.body, ">red<") {
		t.Errorf("dead property of the copy: %s", a.body)
	}
	ann.put("copy", "f", "changed")
	if ann.content("src", "f") != "content" {
		t.Error("the copy is the original")
	}
	if _, err := h.files.Scan(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	ann.holds(copied, 11, 3, 1<<30-11)
	// Who may: of others' folders only those that are cloneable.
	ann.share(id, bob, store.RightsRO)
	bob.refused(403, "generic-forbidden", "POST", "/folders/src/clone", `{"target_name":"mine"}`)
	ann.want(201, "POST", "/folders/src/update-options", `{"cloneable":true}`, "X-BackendAI-Version: v6.20200815")
	if v := bob.want(201, "POST", "/folders/src/clone", `{"target_name":"mine"}`); v["is_owner"] != true || bob.content("mine", "f") != "content" {
		t.Errorf("bob's clone: %v", v)
	}
	// Refused: nothing is left.
	h.caller("eve").refused(404, "vfolder-not-found", "POST", "/folders/"+id+"/clone", `{"target_name":"x"}`)
	ann.refused(400, "vfolder-already-exists", "POST", "/folders/src/clone", `{"target_name":"copy"}`)
	for _, body := range []string{`{}`, `{"target_name":"a b"}`, `{"target_name":"x","target_host":"nowhere"}`, `{"target_name":"x","permission":"all"}`} {
		ann.refused(400, "invalid-api-params", "POST", "/folders/src/clone", body)
	}
	limit := func(bytes, files int64) {
		u := ann.user
		if err := h.store.SetUserLimits(t.Context(), u.ID, store.Limits{MaxFolders: store.Default, MaxBytes: bytes, MaxFiles: files}); err != nil {
			t.Fatal(err)
		}
	}
	before := len(h.titles())
	limit(10, 0)
	ann.refused(400, "vfolder-operation-failed", "POST", "/folders/src/clone", `{"target_name":"big"}`, "limit of 10 bytes")
	limit(0, 2)
	ann.refused(400, "vfolder-operation-failed", "POST", "/folders/src/clone", `{"target_name":"big"}`)
	if len(h.titles()) != before {
		t.Error("a refused clone made a folder")
	}
	limit(11, 3) // exactly
	ann.want(201, "POST", "/folders/src/clone", `{"target_name":"exact"}`)
	dirs, err := os.ReadDir(filepath.Join(h.dir, "files"))
	if err != nil || len(dirs) != before+1 {
		t.Errorf("%d directories of folders, want %d: %v", len(dirs), before+1, err)
	}
	staged, _ := filepath.Glob(filepath.Join(h.dir, "staging", "[0-9]*", "*"))
	if len(staged) > 0 {
		t.Errorf("left in staging: %q", staged)
	}
	if begun, err := h.store.BegunClones(t.Context()); err != nil || len(begun) > 0 {
		t.Errorf("clones begun: %q, %v", begun, err)
	}
}

// A directory that a crash left between its rename and its row is removed at the next start.
func TestVFolderClone_AfterACrash(t *testing.T) {
	h := newHouse(t)
	id, err := h.store.BeginClone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(h.dir, "files", id, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	h.stop()
	st, err := OpenStore(t.Context(), h.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	files, err := davfs.New(st, davfs.Options{Dir: h.dir, Sync: davfs.SyncNone})
	if err != nil {
		t.Fatal(err)
	}
	if err := files.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer files.Close(t.Context())
	if begun, err := st.BegunClones(t.Context()); err != nil || len(begun) > 0 || h.onDisk(id) {
		t.Errorf("left: %q, on disk %v, %v", begun, h.onDisk(id), err)
	}
}

func TestVFolderInvitations(t *testing.T) {
	h := newHouse(t)
	ann, bob, eve := h.caller("ann"), h.caller("bob"), h.caller("eve")
	id := ann.create("d")
	ann.put("d", "f", "x")
	const bad = "invalid-api-params"
	invite := func(perm string) string {
		t.Helper()
		v := ann.want(201, "POST", "/folders/d/invite", `{"perm":"`+perm+`","emails":["bob"]}`)
		if got, _ := v["invited_ids"].([]any); len(got) != 1 || got[0] != "bob" {
			t.Fatalf("invite: %v", v)
		}
		list := bob.want(200, "GET", "/folders/invitations/list", "")["invitations"].([]any)
		if len(list) != 1 {
			t.Fatalf("received: %v", list)
		}
		one := list[0].(map[string]any)
		if one["inviter"] != "ann" || one["invitee"] != "bob" || one["perm"] != perm || one["state"] != "pending" || one["vfolder_id"] != id || one["vfolder_name"] != "d" {
			t.Errorf("invitation: %v", one)
		}
		return one["id"].(string)
	}
	inv := invite("ro")
	if again := invite("ro"); again != inv {
		t.Error("a repeated invitation is another")
	}
	if sent := ann.want(200, "GET", "/folders/invitations/list_sent", "")["invitations"].([]any); len(sent) != 1 {
		t.Errorf("sent: %v", sent)
	}
	body := `{"inv_id":"` + inv + `"}`
	// An invitation gives nothing, and is nobody else's.
	bob.refused(404, "vfolder-not-found", "GET", "/folders/d", "")
	for _, c := range [][2]string{{"POST", "accept"}, {"DELETE", "delete"}, {"POST", "delete"}} {
		eve.refused(404, "vfolder-invitation-not-found", c[0], "/folders/invitations/"+c[1], body)
	}
	eve.refused(404, "vfolder-invitation-not-found", "POST", "/folders/invitations/update/"+inv, `{"perm":"rw"}`)
	ann.refused(403, "generic-forbidden", "POST", "/folders/invitations/accept", body)
	bob.refused(403, "generic-forbidden", "POST", "/folders/invitations/update/"+inv, `{"perm":"rw"}`)
	ann.want(200, "POST", "/folders/invitations/update/"+inv, `{"perm":"rw"}`)
	ann.refused(400, bad, "POST", "/folders/invitations/update/"+inv, `{"perm":"all"}`, "perm: ")
	ann.refused(400, bad, "POST", "/folders/invitations/update/"+inv, `{}`, "perm: ")
	// The invitee's own folder of that name is in the way.
	bob.create("d")
	bob.refused(400, "vfolder-already-exists", "POST", "/folders/invitations/accept", body)
	bob.want(204, "DELETE", "/folders/d", "")
	for range 2 { // clients repeat themselves
		if a := bob.send("POST", "/folders/invitations/accept", body, "X-BackendAI-Version: v4.20190315"); a.status != 201 {
			t.Errorf("accept: %d %s", a.status, a.body)
		}
	}
	if v := bob.want(200, "GET", "/folders/d", ""); v["permission"] != "rw" || v["is_owner"] != false {
		t.Errorf("after accepting: %v", v)
	}
	bob.put("d", "g", "y")
	ann.refused(409, "vfolder-grant-already-exists", "POST", "/folders/d/invite", `{"emails":["bob"],"permission":"ro"}`)
	if a := ann.send("POST", "/folders/d/invite", `{"emails":["bob"]}`, "X-BackendAI-Version: v6.20200815"); a.status != 400 {
		t.Errorf("invited again, as an older client: %d", a.status)
	}
	if v := ann.want(200, "GET", "/folders/_/shared?vfolder_id="+id, ""); len(v["shared"].([]any)) != 1 {
		t.Errorf("shared: %v", v)
	}
	bob.refused(403, "generic-forbidden", "GET", "/folders/_/shared?vfolder_id="+id, "")
	bob.refused(403, "generic-forbidden", "POST", "/folders/d/invite", `{"emails":["eve"]}`)
	// Leaving; what was accepted once gives nothing again.
	ann.refused(400, bad, "POST", "/folders/d/leave", "")
	bob.want(200, "POST", "/folders/d/leave", "")
	bob.refused(404, "vfolder-not-found", "GET", "/folders/"+id, "")
	bob.want(200, "POST", "/folders/invitations/accept", body)
	bob.refused(404, "vfolder-not-found", "GET", "/folders/"+id, "")
	// Rejected, canceled.
	inv = invite("wd")
	bob.want(200, "DELETE", "/folders/invitations/delete", `{"inv_id":"`+inv+`"}`)
	bob.want(200, "POST", "/folders/invitations/delete", `{"inv_id":"`+inv+`"}`)
	bob.refused(400, bad, "POST", "/folders/invitations/accept", `{"inv_id":"`+inv+`"}`, "rejected")
	inv = invite("wd")
	ann.want(200, "DELETE", "/folders/invitations/delete", `{"inv_id":"`+inv+`"}`)
	bob.refused(400, bad, "POST", "/folders/invitations/accept", `{"inv_id":"`+inv+`"}`, "canceled")
	// Who may not give cannot have given.
	inv = invite("ro")
	if err := h.store.ChangeOwner(t.Context(), store.NewOwner{FolderID: id, UserID: eve.user.ID, UniqueTitle: true}); err != nil {
		t.Fatal(err)
	}
	bob.refused(400, bad, "POST", "/folders/invitations/accept", `{"inv_id":"`+inv+`"}`, "canceled")
	for _, body := range []string{`{}`, `{"emails":[]}`, `{"emails":[5]}`, `{"emails":{}}`, `{"emails":["bob"],"perm":"x"}`} {
		eve.refused(400, bad, "POST", "/folders/d/invite", body)
	}
	eve.refused(404, "object-not-found", "POST", "/folders/d/invite", `{"emails":["bob","nobody@example.test"]}`, "nobody@example.test")
	eve.refused(400, bad, "POST", "/folders/d/invite", `{"emails":["eve"]}`, "owns")
	if list := bob.want(200, "GET", "/folders/invitations/list", "")["invitations"].([]any); len(list) != 0 {
		t.Errorf("a refused call invited: %v", list)
	}
	eve.want(201, "POST", "/folders", `{"name":".config"}`)
	eve.refused(403, "generic-forbidden", "POST", "/folders/.config/invite", `{"emails":["bob"]}`)
}

func TestVFolderSharing(t *testing.T) {
	h := newHouse(t)
	ann, bob, eve := h.caller("ann"), h.caller("bob"), h.caller("eve")
	id := ann.create("d")
	ann.want(200, "POST", "/folders/_/shared", `{"vfolder":"`+id+`","user":"`+bob.user.ID+`","perm":"ro"}`)
	if v := bob.want(200, "GET", "/folders/d", ""); v["permission"] != "ro" {
		t.Errorf("shared: %v", v)
	}
	ann.want(201, "POST", "/folders/_/sharing", `{"vfolder_id":"`+id+`","user_perm":[{"user_id":"`+bob.user.ID+`","perm":"rw"},{"user_id":"`+eve.user.ID+`","perm":"wd"}]}`)
	if v := eve.want(200, "GET", "/folders/d", ""); v["permission"] != "wd" {
		t.Errorf("shared: %v", v)
	}
	ann.refused(400, "invalid-api-params", "POST", "/folders/_/sharing", `{"vfolder":"`+id+`","user_perm":[{"user_id":"`+bob.user.ID+`","perm":null},{"user_id":"`+strings.Repeat("0", 32)+`","perm":"ro"}]}`, "user_perm[1].user_id")
	bob.want(200, "GET", "/folders/d", "")
	ann.want(200, "POST", "/folders/_/shared", `{"vfolder":"`+id+`","user":"`+bob.user.ID+`","perm":null}`)
	bob.refused(404, "vfolder-not-found", "GET", "/folders/d", "")
	ann.want(200, "POST", "/folders/d/leave", `{"shared_user_uuid":"`+eve.user.ID+`"}`)
	eve.refused(404, "vfolder-not-found", "GET", "/folders/d", "")
	bob.refused(404, "vfolder-not-found", "POST", "/folders/_/shared", `{"vfolder":"`+id+`","user":"`+bob.user.ID+`","perm":"wd"}`)
	for _, body := range []string{`{}`, `{"vfolder":"x","user":"y","perm":"ro"}`, `{"vfolder":"` + id + `","user":"` + bob.user.ID + `"}`, `{"vfolder":"` + id + `","user":"` + bob.user.ID + `","perm":"xx"}`} {
		ann.refused(400, "invalid-api-params", "POST", "/folders/_/shared", body)
	}
	for _, body := range []string{`{"vfolder":"` + id + `"}`, `{"vfolder":"` + id + `","user_perm":[]}`, `{"vfolder":"` + id + `","user_perm":[5]}`, `{"vfolder":"` + id + `","user_perm":{}}`} {
		ann.refused(400, "invalid-api-params", "POST", "/folders/_/sharing", body, "user_perm")
	}
}

func TestVFolderProjects(t *testing.T) {
	h := newHouse(t)
	ann, bob, eve := h.caller("ann"), h.caller("bob"), h.caller("eve")
	p, err := h.store.CreateProject(t.Context(), store.Project{Title: "Lab", Limits: store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default}}, ann.user.ID)
	if err == nil {
		err = h.store.SetMember(t.Context(), p.ID, bob.user.ID, store.RoleUser)
	}
	if err != nil {
		t.Fatal(err)
	}
	v := ann.want(201, "POST", "/folders", `{"name":"shared","group":"Lab","permission":"ro"}`)
	id := v["id"].(string)
	if v["type"] != "group" || v["group"] != *uuidText(p.ID) || v["group_name"] != "Lab" || v["user"] != nil {
		t.Errorf("created: %v", v)
	}
	ann.want(201, "POST", "/folders", `{"name":"shared2","groupId":"`+p.ID+`"}`)
	if v := bob.want(200, "GET", "/folders/shared", ""); v["permission"] != "ro" || v["is_owner"] != false {
		t.Errorf("as a member: %v", v)
	}
	if v := bob.want(200, "GET", "/folders/shared2", ""); v["permission"] != "rw" {
		t.Errorf("as a member, by default: %v", v)
	}
	bob.refused(403, "insufficient-privilege", "POST", "/folders", `{"name":"x","group":"Lab"}`)
	eve.refused(400, "invalid-api-params", "POST", "/folders", `{"name":"x","group":"Lab"}`, "group: ")
	eve.refused(404, "vfolder-not-found", "GET", "/folders/"+id, "")
	ann.refused(400, "invalid-api-params", "POST", "/folders", `{"name":".x","group":"Lab"}`)
	ann.want(201, "POST", "/folders", `{"name":".local","group":"Lab"}`)
	if got := bob.list("/folders?group_id=" + p.ID); len(got) != 3 {
		t.Errorf("folders of the project: %q", got)
	}
	bob.create("own")
	if got := bob.list("/folders"); len(got) != 4 {
		t.Errorf("all folders: %q", got)
	}
	bob.refused(403, "generic-forbidden", "POST", "/folders/shared/update-options", `{"permission":"rw"}`)
	ann.want(200, "POST", "/folders/shared/update-options", `{"permission":"rw","cloneable":true}`)
	if v := bob.want(200, "GET", "/folders/shared", ""); v["permission"] != "rw" || v["cloneable"] != true {
		t.Errorf("after update-options: %v", v)
	}
	// Further rights for members.
	if v := ann.want(201, "POST", "/folders/shared/share", `{"emails":["bob"],"permission":"wd"}`); v["shared_emails"].([]any)[0] != "bob" {
		t.Errorf("share: %v", v)
	}
	if v := bob.want(200, "GET", "/folders/shared", ""); v["permission"] != "wd" {
		t.Errorf("after share: %v", v)
	}
	ann.refused(400, "invalid-api-params", "POST", "/folders/shared/share", `{"emails":["bob","eve"]}`, "eve is not a member")
	ann.want(200, "DELETE", "/folders/shared/unshare", `{"emails":["bob"]}`)
	ann.want(200, "POST", "/folders/shared/unshare", `{"emails":["bob"]}`)
	bob.refused(400, "invalid-api-params", "POST", "/folders/shared/leave", "")
	bob.refused(400, "invalid-api-params", "POST", "/folders/own/share", `{"emails":["ann"]}`)
	// Two of a name: the ID says which.
	ann.share(bob.create("twice"), ann, store.RightsRO)
	f, err := h.store.CreateFolder(t.Context(), store.NewFolder{Folder: store.Folder{OwnerID: ann.user.ID, Title: "twice", MaxBytes: store.Default, MaxFiles: store.Default}})
	if err != nil {
		t.Fatal(err)
	}
	a := ann.refused(404, "too-many-vfolders", "DELETE", "/folders/twice", "")
	var many struct {
		Data struct{ Matches []vmatch }
	}
	if json.Unmarshal([]byte(a.body), &many) != nil || len(many.Data.Matches) != 2 || many.Data.Matches[0].ID != f.ID || many.Data.Matches[1].User != "bob" {
		t.Errorf("matches: %s", a.body)
	}
	ann.refused(404, "too-many-vfolders", "GET", "/folders/_/id", `{"name":"twice"}`)
	if v := bob.want(200, "GET", "/folders/_/id?vfolder_name=own", ""); v["name"] != "own" || len(v["id"].(string)) != 32 {
		t.Errorf("id: %v", v)
	}
}

func TestVFolderStorage(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	root := h.administrator()
	id := ann.create("d")
	ann.put("d", "f", "12345")
	v := ann.want(200, "GET", "/folders/_/hosts", "")
	info, _ := v["volume_info"].(map[string]any)["local"].(map[string]any)
	if v["default"] != "local" || v["allowed"].([]any)[0] != "local" || info["usage"].(map[string]any)["total"].(float64) <= 0 {
		t.Errorf("hosts: %v", v)
	}
	ann.refused(403, "generic-forbidden", "GET", "/folders/_/all_hosts", "")
	root.want(200, "GET", "/folders/_/all-hosts", "")
	if a := ann.call("GET", "/folders/_/allowed_types", ""); strings.TrimSpace(a.body) != `["user","group"]` {
		t.Errorf("types: %s", a.body)
	}
	q := "?folder_host=local&id=" + id
	for target, want := range map[string]string{
		"/folders/_/usage" + q:      `{"file_count":1,"used_bytes":5}`,
		"/folders/_/used_bytes" + q: `{"used_bytes":5}`,
		"/folders/_/quota" + q:      `{"data":1073741824}`,
		"/v6/folders/_/quota" + q:   `1073741824`,
	} {
		for _, c := range []*caller{ann, root} {
			if a := c.call("GET", target, ""); a.status != 200 || strings.TrimSpace(a.body) != want {
				t.Errorf("%s: %d %s, want %s", target, a.status, a.body, want)
			}
		}
		bob.refused(404, "vfolder-not-found", "GET", target, "")
	}
	set := func(c *caller, size, want string) {
		t.Helper()
		a := c.call("POST", "/folders/_/quota", `{"folder_host":"local","id":"`+id+`","input":{"size_bytes":`+size+`}}`)
		if a.status != 200 || strings.TrimSpace(a.body) != `{"size_bytes":`+want+`}` {
			t.Errorf("set %s: %d %s, want %s", size, a.status, a.body, want)
		}
	}
	set(ann, "100", "100")
	ann.refused(400, "vfolder-operation-failed", "POST", "/folders/d/request-upload", `{"path":"x","size":96}`, "1 missing")
	set(ann, `"2G"`, "1073741824") // capped
	set(root, `"2G"`, "2147483648")
	set(ann, "0", "1073741824")
	bob.refused(404, "vfolder-not-found", "POST", "/folders/_/quota", `{"id":"`+id+`","input":{"size_bytes":1}}`)
	ann.share(id, bob, store.RightsWD)
	bob.refused(403, "generic-forbidden", "POST", "/folders/_/quota", `{"id":"`+id+`","input":{"size_bytes":1}}`)
	for _, body := range []string{`{}`, `{"id":"` + id + `"}`, `{"id":"` + id + `","input":5}`, `{"id":"` + id + `","input":{"size_bytes":-1}}`,
		`{"id":"` + id + `","input":{"size_bytes":1e99}}`, `{"id":"` + id + `","folder_host":"other","input":{"size_bytes":1}}`} {
		ann.refused(400, "invalid-api-params", "POST", "/folders/_/quota", body)
	}
	if v := ann.want(201, "POST", "/folders", `{"name":"small","quota":"10M"}`); v["max_bytes"] != float64(10<<20) {
		t.Errorf("quota at creation: %v", v)
	}
	if v := ann.want(201, "POST", "/folders", `{"name":"big","quota":99999999999}`); v["max_bytes"] != float64(1<<30) {
		t.Errorf("quota beyond what the owner may: %v", v)
	}
	// Another owner.
	ann.refused(403, "generic-forbidden", "POST", "/folders/_/change-ownership", `{"vfolder":"`+id+`","user_email":"bob"}`)
	root.refused(400, "invalid-api-params", "POST", "/folders/_/change-ownership", `{"vfolder":"`+id+`","user_email":"nobody"}`, "user_email: ")
	root.want(200, "POST", "/folders/_/change_ownership", `{"vfolder":"`+id+`","user_email":"bob"}`)
	if v := bob.want(200, "GET", "/folders/d", ""); v["is_owner"] != true || bob.content("d", "f") != "12345" {
		t.Errorf("new owner: %v", v)
	}
	ann.refused(404, "vfolder-not-found", "GET", "/folders/d", "")
}
