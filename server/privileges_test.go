package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"davit/store"
)

// actor is somebody with a token.
type actor struct {
	*house
	user, token string
}

// send sends a request; headers are "Name: value".
func (a actor) send(method, target, body string, headers ...string) answer {
	a.t.Helper()
	r := a.request(method, target, body)
	r.SetBasicAuth(a.user, a.token)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return a.do(r)
}

const lockinfo = `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>`

// ACL-1: what current-user-privilege-set says, the methods do: each privilege is tried, by whoever has it and by who
// does not.
func TestACL1_EachPrivilegeIsTried(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	root, err := h.store.CreateUser(t.Context(), store.User{Name: "root", Admin: true})
	if err != nil {
		t.Fatal(err)
	}
	admin := &caller{house: h, user: root}
	admin.token = admin.newToken("", false)
	id := ann.create("mydata")
	grant := func(user store.User, rights store.Rights) {
		if err := h.store.SetGrant(t.Context(), id, user.ID, rights); err != nil {
			t.Fatal(err)
		}
	}
	grant(bob.user, store.RightsRW)
	grant(root, store.RightsRO)
	owner := actor{h, "ann", ann.token}
	reads := []string{"read", "read-current-user-privilege-set"}
	writes := append(slices.Clone(reads), "write", "write-properties", "write-content")
	folder := "/dav/" + id + "/"
	for _, who := range []struct {
		name          string
		actor         actor
		writes, admin bool
	}{
		{"owner", owner, true, false},
		{"the owner's token for the folder", actor{h, "ann", ann.newToken(id, false)}, true, false},
		{"the owner's token for reading", actor{h, "ann", ann.newToken("", true)}, false, false},
		{"a read-write grant", actor{h, "bob", bob.token}, true, false},
		{"its token for reading", actor{h, "bob", bob.newToken(id, true)}, false, false},
		{"an administrator who may read", actor{h, "root", admin.token}, false, true},
		{"his token for the folder", actor{h, "root", admin.newToken(id, false)}, false, false},
	} {
		for _, on := range []struct {
			name, target   string
			dir, top, root bool
		}{
			{name: "a file", target: folder + "f"},
			{name: "a collection", target: folder + "d/", dir: true},
			{name: "the folder", target: folder, dir: true, top: true},
			{name: "the root", target: "/dav/", dir: true, root: true},
		} {
			t.Run(who.name+" on "+on.name, func(t *testing.T) {
				for _, name := range []string{"d/", "d/old/", "d/sub/"} {
					owner.send("MKCOL", folder+name, "")
				}
				for _, name := range []string{"f", "source", "d/x", "d/y", "x", "y"} {
					owner.send("PUT", folder+name, "content")
				}
				defer owner.send("DELETE", folder+"d", "")
				defer func() {
					for _, name := range []string{"f", "source", "x", "y", "new", "newcol", "copy", "moved", "locked"} {
						owner.send("DELETE", folder+name, "")
					}
				}()
				a := who.actor.send("PROPFIND", on.target, `<propfind xmlns="DAV:"><prop><current-user-privilege-set/><supportedlock/></prop></propfind>`, "Depth: 0")
				if a.status != 207 {
					t.Fatalf("PROPFIND: %d %s", a.status, a.body)
				}
				var has []string
				for _, p := range strings.Split(a.body, "<D:privilege><D:")[1:] {
					name, _, _ := strings.Cut(p, "/>")
					has = append(has, name)
				}
				want := reads
				if who.writes && !on.root {
					if want = writes; on.dir {
						want = append(slices.Clone(want), "bind", "unbind")
					}
				}
				if who.admin && !on.root {
					want = append(slices.Clone(want), "unlock")
				}
				slices.Sort(has)
				want = slices.Sorted(slices.Values(want))
				if !slices.Equal(has, want) {
					t.Errorf("privileges %v, want %v", has, want)
				}

				try := func(privilege, method, target, body string, good int, headers ...string) {
					t.Helper()
					a := who.actor.send(method, target, body, headers...)
					allowed := slices.Contains(has, privilege)
					if allowed && a.status != good || !allowed && a.status != http.StatusForbidden {
						t.Errorf("%s (has it: %v): %s %s: %d %s", privilege, allowed, method, strings.TrimPrefix(target, folder), a.status, a.body)
					}
					if allowed && method == "PROPPATCH" && !strings.Contains(a.body, " 200 OK") {
						t.Errorf("PROPPATCH: %s", a.body)
					}
					if method == "LOCK" && a.status/100 == 2 {
						who.actor.send("UNLOCK", target, "", "Lock-Token: "+a.header.Get("Lock-Token"))
					}
				}
				try("read", "GET", on.target, "", 200)
				try("read", "PROPFIND", on.target, "", 207, "Depth: 0")
				try("read", "REPORT", on.target, `<expand-property xmlns="DAV:"><property name="displayname"/></expand-property>`, 207)
				try("write-properties", "PROPPATCH", on.target, `<propertyupdate xmlns="DAV:"><set><prop><a xmlns="z:">1</a></prop></set></propertyupdate>`, 207)
				if strings.Contains(a.body, "<D:supportedlock></D:supportedlock>") != (on.top || on.root) {
					t.Errorf("supportedlock: %s", a.body)
				}
				if on.top || on.root {
					try("nobody's", "LOCK", on.target, lockinfo, 0) // D6
				} else {
					try("write-content", "LOCK", on.target, lockinfo, 200)
				}
				if !on.dir {
					try("write-content", "PUT", on.target, "new content", 204)
					try("write-content", "COPY", folder+"source", "", 204, "Destination: "+on.target)
				} else {
					base := strings.TrimSuffix(on.target, "/") + "/"
					try("bind", "PUT", base+"new", "new", 201)
					try("bind", "MKCOL", base+"newcol", "", 201)
					try("bind", "COPY", folder+"source", "", 201, "Destination: "+base+"copy")
					try("bind", "LOCK", base+"locked", lockinfo, 201)
					if !on.root {
						try("unbind", "MOVE", base+"x", "", 201, "Destination: "+base+"moved")
						try("unbind", "DELETE", base+"y", "", 204)
					}
				}
				if on.root || on.top {
					try("nobody's", "DELETE", on.target, "", 0) // D6
					return
				}
				// A lock of somebody else's.
				other := owner
				if who.actor.user == "ann" {
					other = actor{h, "bob", bob.token}
				}
				a = other.send("LOCK", on.target, lockinfo)
				if a.status != 200 {
					t.Fatalf("LOCK: %d %s", a.status, a.body)
				}
				token := a.header.Get("Lock-Token")
				try("unlock", "UNLOCK", on.target, "", 204, "Lock-Token: "+token)
				other.send("UNLOCK", on.target, "", "Lock-Token: "+token)
				if slices.Contains(has, "write") {
					for _, part := range []string{"write-content", "write-properties"} {
						if !slices.Contains(has, part) {
							t.Errorf("write without %s", part)
						}
					}
				}
				try("write", "DELETE", on.target, "", 204) // of what its parent may let go
			})
		}
	}
}
