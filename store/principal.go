package store

import (
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Rights is the set of things that a principal may do with a folder.
type Rights uint8

// The single rights. READ in the collections API is Read; EDIT is Read, Write
// and Remove; ro, rw and wd of the virtual folder API are RightsRO, RightsRW and RightsWD.
const (
	Read   Rights = 1 << iota // see the folder, read its files
	Write                     // create and change files, delete files
	Remove                    // rename and delete the folder itself
	Admin                     // change its access list

	RightsRO  = Read
	RightsRW  = Read | Write
	RightsWD  = Read | Write | Remove
	RightsAll = Read | Write | Remove | Admin
)

// Has says whether all of want are in r.
func (r Rights) Has(want Rights) bool { return r&want == want }

// String gives the rights as words, "read,write"; empty for none.
func (r Rights) String() string {
	var words []string
	for i, w := range []string{"read", "write", "remove", "admin"} {
		if r&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return strings.Join(words, ",")
}

// check returns fs.ErrInvalid for bits that mean nothing.
func (r Rights) check() error {
	if r&^RightsAll != 0 {
		return explain(fs.ErrInvalid, "no such rights: %#x", uint8(r))
	}
	return nil
}

// Principal is who calls: a user, by a password, a key, a session or a token, which
// may be narrowed to some folders, to reading, or to some calls.
type Principal struct {
	UserID   string
	UserName string
	Admin    bool // an administrator of the installation; gives no right to others' files

	KeyID    string // the access key or token ID used, of a session its ID; empty for a password
	ReadOnly bool
	Narrow   *Narrow // what else its token takes away; nil: nothing
}

// Narrow is what a token leaves of its user. It is shared, and never changes.
type Narrow struct {
	Folders []TokenFolder // the only folders that exist for it (D30), by ID; nil: all
	Scopes  Scopes        // the only calls that it may make; nil: all
	Expires time.Time     // zero: never

	// Fixed says that the token acts in one workspace, whatever the request asks for:
	// in ProjectID, "" is the user's own.
	Fixed     bool
	ProjectID string
}

// TokenFolder is a folder that a token opens.
type TokenFolder struct {
	ID       string
	ReadOnly bool
}

// Opens says whether p's token opens a folder, and whether for reading alone. What p
// may do there is decided by auth.Rights.
func (p Principal) Opens(folderID string) (ok, readOnly bool) {
	if !p.Narrowed() {
		return true, p.ReadOnly
	}
	i, ok := slices.BinarySearchFunc(p.Narrow.Folders, folderID, func(f TokenFolder, id string) int { return strings.Compare(f.ID, id) })
	return ok, ok && (p.ReadOnly || p.Narrow.Folders[i].ReadOnly)
}

// Narrowed says whether only some folders exist for p (D30).
func (p Principal) Narrowed() bool { return p.Narrow != nil && p.Narrow.Folders != nil }

// OnlyFolder is the ID of the one folder that exists for p; "" if there are more, or none.
func (p Principal) OnlyFolder() string {
	if p.Narrowed() && len(p.Narrow.Folders) == 1 {
		return p.Narrow.Folders[0].ID
	}
	return ""
}

// Allow says whether p's token covers a call (see Scope).
func (p Principal) Allow(name string, write bool) bool {
	return p.Narrow == nil || p.Narrow.Scopes.Allow(name, write)
}

// Whole says whether p may do all that its user may.
func (p Principal) Whole() bool {
	return !p.ReadOnly && !p.Narrowed() && (p.Narrow == nil || p.Narrow.Scopes.Contain(nil))
}

// Workspace is the project that p acts in, "" for the user's own workspace: header, what
// the request asks for, unless p's token has one of its own.
func (p Principal) Workspace(header string) string {
	if p.Narrow != nil && p.Narrow.Fixed {
		return p.Narrow.ProjectID
	}
	return header
}

// Mount is a folder as one principal sees it under /dav/.
type Mount struct {
	Folder Folder
	Name   string // the segment under /dav/ (D3)
	Rights Rights

	Granted Rights // by access lists, to the user and the user's groups
	Role    Role   // of the user in the folder's project; "" for none
}

// Distance orders the folders that a user sees (D3): 0 for the user's personal ones, 1 for those
// of projects, 2 for those that others share.
func (m Mount) Distance(userID string) int {
	switch {
	case m.Folder.ProjectID != "":
		return 1
	case m.Folder.OwnerID == userID:
		return 0
	}
	return 2
}
