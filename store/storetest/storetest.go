// Package storetest is the suite that every database under a store.Store must
// pass.
package storetest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"davit/store"
)

// Run tests the stores that open returns. Each call must return an empty one,
// which is closed when its test ends.
func Run(t *testing.T, open func(testing.TB) *store.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *store.Store)
	}{
		{"settings", testSettings},
		{"users", testUsers},
		{"user names", testUserNames},
		{"password and limits of users", testChangeUser},
		{"delete user", testDeleteUser},
		{"keys", testKeys},
		{"tokens", testTokens},
		{"totals of users and projects", testUserTotals},
		{"sessions", testSessions},
		{"signing keys", testSigningKeys},
		{"folders", testFolders},
		{"folders refused", testFoldersRefused},
		{"parallel creates", testParallelCreates},
		{"folders of a user", testFoldersOf},
		{"folders pending", testPending},
		{"usage", testUsage},
		{"delete folder", testDeleteFolder},
		{"grants", testGrants},
		{"access lists in bulk", testChangeGrants},
		{"folders in bulk", testBulk},
		{"projects", testProjects},
		{"members", testMembers},
		{"groups", testGroups},
		{"folders of projects", testProjectFolders},
		{"limits", testEffective},
		{"locks", testLocks},
		{"parallel locks", testParallelLocks},
		{"uploads", testUploads},
		{"properties", testProps},
		{"properties of many paths", testManyProps},
		{"copied properties", testCopyProps},
		{"moved properties", testMoves},
		{"moves refused", testMovesRefused},
		{"removed and renewed rows", testRemoveRenew},
		{"intents", testIntents},
		{"checksums", testChecksums},
		{"journals", testJournals},
		{"long journals", testLongJournals},
		{"trash", testTrash},
		{"epoch", testEpoch},
		{"ended context", testEndedContext},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// inherit are limits that leave everything to the server.
var inherit = store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default}

func newUser(t testing.TB, s *store.Store, name string) store.User {
	t.Helper()
	u, err := s.CreateUser(t.Context(), store.User{Name: name, Limits: inherit})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func newFolder(t testing.TB, s *store.Store, owner store.User, title string) store.Folder {
	t.Helper()
	f, err := s.CreateFolder(t.Context(), store.NewFolder{Folder: store.Folder{
		OwnerID: owner.ID, Title: title, MaxBytes: store.Default, MaxFiles: store.Default}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// ok ends the test at an error of a step that is not what is tested.
func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// must is ok for calls with a result.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		ok(t, err)
		return v
	}
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error %v, want %v", what, got, want)
	}
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// pluck is one field of each element.
func pluck[T, F any](all []T, field func(T) F) []F {
	var fields []F
	for _, v := range all {
		fields = append(fields, field(v))
	}
	return fields
}

func titles(all []store.Folder) []string {
	return pluck(all, func(f store.Folder) string { return f.Title })
}

// at is a time that a database can keep, n seconds after a fixed one.
func at(n int) time.Time { return time.Date(2030, 1, 2, 3, 4, n, 567_891_000, time.UTC) }

// inParallel calls fn n times at once and returns the errors.
func inParallel(n int, fn func(i int) error) []error {
	start, errs := make(chan struct{}), make(chan error)
	for i := range n {
		go func() {
			<-start
			errs <- fn(i)
		}()
	}
	close(start)
	all := make([]error, n)
	for i := range all {
		all[i] = <-errs
	}
	return all
}

// wantTally wants a number of successes among errs, and an error of a kind in all
// other places.
func wantTally(t testing.TB, what string, errs []error, kind error, want int) {
	t.Helper()
	succeeded := 0
	for _, err := range errs {
		if err == nil {
			succeeded++
		} else {
			wantErr(t, what, err, kind)
		}
	}
	equal(t, what+": successes", succeeded, want)
}
