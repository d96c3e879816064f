package server

import (
	"fmt"
	"strings"
	"testing"

	"davit/store"
)

// TestD5_FilesMatrix calls everything of the API of files as each who may be there: what a caller does not see is 404
// for everything, what he sees and may not change 403, and nothing is changed by who may not.
func TestD5_FilesMatrix(t *testing.T) {
	h := newHouse(t)
	owner := h.caller("owner")
	id := owner.create("data")
	roles := map[string]*caller{"owner": owner, "reader": h.caller("reader"), "writer": h.caller("writer"), "stranger": h.caller("stranger")}
	owner.share(id, roles["reader"], store.RightsRO)
	owner.share(id, roles["writer"], store.RightsRW)
	limited := *owner // a token that only reads
	limited.token = owner.newToken(id, true)
	roles["read-only token"] = &limited
	elsewhere := *owner
	elsewhere.token = owner.newToken(owner.create("other"), false)
	roles["token of another folder"] = &elsewhere
	owner.put(id, "f", "f")
	owner.put(id, "Trash", "")
	owner.call("DELETE", "/dav/"+id+"/Trash", "")

	const reads, changes = "200 200 200 404 200 404", "200 403 200 404 403 404"
	order := []string{"owner", "reader", "writer", "stranger", "read-only token", "token of another folder"}
	for n, x := range []struct {
		method, target, body string
		want                 string
	}{
		{"GET", "/api/files/browse?path=/ID", "", reads},
		{"GET", "/api/files/retrieve?id=/ID/f", "", reads},
		{"POST", "/api/files/search", `{"query":"f","path":"/ID"}`, reads},
		{"POST", "/api/files/download", `{"items":[{"id":"/ID/f"}]}`, reads},
		{"POST", "/api/davit/archive", `{"ids":["/ID/f"]}`, reads},
		{"POST", "/api/files/folder", `{"items":[{"id":"/ID/N","conflictPolicy":"RENAME"}]}`, changes},
		{"POST", "/api/files/copy", `{"items":[{"oldId":"/ID/f","newId":"/ID/N"}]}`, changes},
		{"POST", "/api/files/move", `{"items":[{"oldId":"/ID/S","newId":"/ID/N"}]}`, changes},
		{"POST", "/api/files/trash", `{"items":[{"id":"/ID/S"}]}`, changes},
		{"POST", "/api/files/restore", `{"items":[{"id":"/ID/Trash/S"}]}`, changes},
		{"POST", "/api/files/emptyTrash", `{"items":[{"id":"/ID/Trash"}]}`, changes},
		{"POST", "/api/files/upload", `{"items":[{"id":"/ID/N"}]}`, changes},
		{"DELETE", "/api/files", `{"items":[{"id":"/ID/S"}]}`, changes},
	} {
		var got []string
		for i, role := range order {
			name, source := fmt.Sprintf("n%d-%d", n, i), fmt.Sprintf("s%d-%d", n, i)
			owner.put(id, source, "s")
			if strings.Contains(x.body, "/Trash/S") {
				owner.bulkCall("trash", idItem("/"+id+"/"+source))
			}
			fill := strings.NewReplacer("/ID", "/"+id, "/N", "/"+name, "/S", "/"+source)
			before := h.tree(id)
			a := roles[role].call(x.method, fill.Replace(x.target), fill.Replace(x.body))
			got = append(got, fmt.Sprint(a.status))
			if a.status != 200 && h.tree(id) != before {
				t.Errorf("%s %s as %s changed something", x.method, x.target, role)
			}
		}
		if s := strings.Join(got, " "); s != x.want {
			t.Errorf("%s %s: %s, want %s (%s)", x.method, x.target, s, x.want, strings.Join(order, ", "))
		}
	}
	for _, x := range [][2]string{{"GET", "/browse"}, {"GET", "/retrieve"}, {"POST", "/search"}, {"POST", "/move"}, {"POST", "/upload"}, {"DELETE", ""}} {
		h.do(h.request(x[0], "/api/files"+x[1], "")).wantFault(t, 401)
	}
}
