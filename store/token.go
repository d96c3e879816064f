package store

import "time"

// Token is a random secret that stands for its user: as the password of a
// mount, or as Bearer. Only its hash is kept.
type Token struct {
	ID       string // 16 characters of a–z and 2–7
	UserID   string
	UserName string // filled in by reads
	Hash     []byte // SHA-256 of the secret part
	FolderID string // if set, the only folder it opens
	ReadOnly bool
	Created  time.Time
	Expires  time.Time // zero: never
	LastUsed time.Time
}
