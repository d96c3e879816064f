package store

import "time"

// Lock is a WebDAV write lock (RFC 4918, section 6).
type Lock struct {
	Token    string // "urn:uuid:…"
	FolderID string
	Path     string // on-disk name of the lock root inside the folder; "" is the folder's root
	Infinite bool   // depth infinity; else 0
	Shared   bool
	OwnerXML string // content of the owner element, well-formed by itself
	UserID   string // who made it
	UserName string
	Timeout  time.Duration // as granted
	Expires  time.Time
	Created  time.Time
}
