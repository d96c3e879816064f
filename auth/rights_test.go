package auth

import (
	"testing"

	"davit/store"
)

func TestRights(t *testing.T) {
	const all, ro, rw, wd = store.RightsAll, store.RightsRO, store.RightsRW, store.RightsWD
	own := store.Folder{ID: "f", OwnerID: "ann"}
	other := store.Folder{ID: "f", OwnerID: "bob"}
	project := store.Folder{ID: "f", OwnerID: "ann", ProjectID: "p"}
	open := store.Folder{ID: "f", OwnerID: "bob", ProjectID: "p", MemberRights: rw}
	gone := store.Folder{ID: "f", OwnerID: "bob", ProjectID: "p", MemberRights: rw, Deleted: noon}
	orphan := store.Folder{ID: "f"}
	deleted := store.Folder{ID: "f", OwnerID: "ann", Deleted: noon}
	const member = store.RoleUser
	user := store.Principal{UserID: "ann"}
	admin := store.Principal{UserID: "ann", Admin: true}
	reading := store.Principal{UserID: "ann", ReadOnly: true}
	here := store.Principal{UserID: "ann", KeyID: "k" + "f", Narrow: &store.Narrow{Folders: []store.TokenFolder{{ID: "f"}}}}
	hereReading := store.Principal{UserID: "ann", KeyID: "k" + "f", Narrow: &store.Narrow{Folders: []store.TokenFolder{{ID: "f"}}}, ReadOnly: true}
	there := store.Principal{UserID: "ann", KeyID: "k" + "g", Narrow: &store.Narrow{Folders: []store.TokenFolder{{ID: "g"}}}}
	a := New(nil, Options{})
	for _, c := range []struct {
		name    string
		p       store.Principal
		f       store.Folder
		granted store.Rights
		want    store.Rights
		role    store.Role
	}{
		{"owner", user, own, 0, all, ""},
		{"owner with a grant", user, own, ro, all, ""},
		{"stranger", user, other, 0, 0, ""},
		{"administrator of the installation", admin, other, 0, 0, ""},
		{"ro", user, other, ro, ro, ""},
		{"rw", user, other, rw, rw, ""},
		{"wd", user, other, wd, wd, ""},
		{"all", user, other, all, all, ""},
		{"rights that don't exist", user, other, 0xf0 | ro, ro, ""},
		{"deleted", user, deleted, all, 0, ""},
		{"nobody", store.Principal{}, other, all, 0, ""},
		{"nobody, and a folder without owner", store.Principal{}, orphan, 0, 0, ""},
		{"somebody, and a folder without owner", user, orphan, 0, 0, ""},
		{"reading token of the owner", reading, own, 0, ro, ""},
		{"reading token, rw", reading, other, rw, ro, ""},
		{"reading token of a stranger", reading, other, 0, 0, ""},
		{"token for this folder, of the owner", here, own, 0, rw, ""},
		{"token for this folder, ro", here, other, ro, ro, ""},
		{"token for this folder, all", here, other, all, rw, ""},
		{"token for this folder of a stranger", here, other, 0, 0, ""},
		{"token for this folder, deleted", here, deleted, 0, 0, ""},
		{"reading token for this folder", hereReading, own, 0, ro, ""},
		{"token for another folder, of the owner", there, own, 0, 0, ""},
		{"token for another folder, all", there, other, all, 0, ""},
		{"maker of a project's folder, who left", user, project, 0, 0, ""},
		{"the same with a grant", user, project, all, 0, ""},
		{"maker of a project's folder, member", user, project, 0, 0, member},
		{"member with a grant", user, project, wd, wd, member},
		{"member where members may", user, open, 0, rw, member},
		{"member where members may, with a grant", user, open, store.Remove, wd, member},
		{"not a member where members may", user, open, ro, 0, ""},
		{"PI", user, open, 0, all, store.RolePI},
		{"ADMIN", user, open, ro, all, store.RoleAdmin},
		{"unknown role", user, open, ro, 0, "OWNER"},
		{"PI, reading token", reading, open, 0, ro, store.RolePI},
		{"PI, token for this folder", here, open, 0, rw, store.RolePI},
		{"PI, token for another folder", there, open, 0, 0, store.RolePI},
		{"PI, deleted", user, gone, 0, 0, store.RolePI},
		{"a role gives nothing in personal folders", user, other, 0, 0, store.RolePI},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := a.Rights(c.p, c.f, c.granted, c.role); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
