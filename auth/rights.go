package auth

import "davit/store"

// Rights decides what p may do with f: this is the one place (D4). granted is what
// access lists give p's user, and role what that is in the project of f. No right at all means
// that for p the folder does not exist.
func (a *Auth) Rights(p store.Principal, f store.Folder, granted store.Rights, role store.Role) store.Rights {
	if p.UserID == "" || !f.Deleted.IsZero() {
		return 0
	}
	r := granted
	switch {
	case f.ProjectID == "" && f.OwnerID == p.UserID:
		r = store.RightsAll
	case f.ProjectID == "": // somebody else's
	case role.Manages():
		r = store.RightsAll
	case role == store.RoleUser:
		r |= f.MemberRights
	default: // not in the project: neither having made the folder nor a grant counts
		return 0
	}
	r &= store.RightsAll
	if r.Has(store.Write) || r.Has(store.Remove) {
		r |= store.Read // an EDIT that was granted alone
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
