// Package store keeps everything about folders but their bytes: users, keys,
// tokens, folders, grants, limits, locks, dead properties. It knows SQL; it does
// not know HTTP, and it never touches a file of a folder.
//
// It also holds the domain's types and errors, the words that every other
// package shares.
package store
