package store

import "strings"

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

// Principal is who calls: a user, by a password, a key or a token, perhaps
// narrowed to one folder or to reading.
type Principal struct {
	UserID   string
	UserName string
	Admin    bool // an administrator of the installation; gives no right to others' files

	KeyID    string // the access key or token ID used; empty for a password
	FolderID string // if set, the only folder that exists for this principal (D30)
	ReadOnly bool
}

// Mount is a folder as one principal sees it under /dav/.
type Mount struct {
	Folder Folder
	Name   string // the segment under /dav/ (D3)
	Rights Rights
}
