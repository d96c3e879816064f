package auth

import "davit/store"

// Rights decides what p may do with f: this is the one place (D4). granted is what an
// access list gives p's user. No right at all means that for p the folder does not exist.
func (a *Auth) Rights(p store.Principal, f store.Folder, granted store.Rights) store.Rights {
	if p.UserID == "" || !f.Deleted.IsZero() {
		return 0
	}
	r := granted & store.RightsAll
	if f.OwnerID == p.UserID {
		r = store.RightsAll
	}
	if p.FolderID != "" { // a token for one folder opens it, and does not manage it (D30)
		if p.FolderID != f.ID {
			return 0
		}
		r &^= store.Remove | store.Admin
	}
	if p.ReadOnly {
		r &= store.Read
	}
	return r
}
