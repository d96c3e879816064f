package store

import "time"

// Key is an API key for signed requests (HMAC).
type Key struct {
	AccessKey string // "AKIA" and 16 base32 characters
	UserID    string
	UserName  string // filled in by reads
	Sealed    []byte // the secret key, encrypted by auth with the installation's secret
	Created   time.Time
	LastUsed  time.Time
}
