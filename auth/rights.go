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
	opens, readOnly := p.Opens(f.ID)
	if !opens {
		return 0
	}
	if p.Narrowed() { // a token for some folders opens them, and does not manage them (D30)
		r &^= store.Remove | store.Admin
	}
	if readOnly {
		r &= store.Read
	}
	return r
}
