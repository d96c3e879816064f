package store

import "time"

// Default, as a limit of a user or of a folder, means: what the level above
// says (folder → its owner → the server's settings). 0 means no limit.
const Default int64 = -1

// Limits are the limits of a user's folders; each may be Default or 0 (none).
type Limits struct {
	MaxFolders int64 // folders of the user
	MaxBytes   int64 // bytes in each folder
	MaxFiles   int64 // files and directories in each folder
}

// User is somebody who can sign in.
type User struct {
	ID           string
	Name         string // NFC, 1–64 characters, no ':' '/' or control characters
	Email        string
	Admin        bool
	PasswordHash string // argon2id in PHC form, "" for no password
	Limits       Limits
	Created      time.Time
}
