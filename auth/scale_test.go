package auth

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"davit/store"
)

// crowd is a store with many users and folders, made once for all benchmarks of a run: 10,000 users and
// 100,000 folders, of which ann sees 1,000 in all ways.
var crowd struct {
	once   sync.Once
	st     *store.Store
	ann    store.User
	own    []store.Folder // some of ann's
	others []store.Folder // some that ann does not see
	bob    store.User
}

func openCrowd(b *testing.B) {
	b.Helper()
	crowd.once.Do(func() {
		ctx := context.Background()
		do := func(err error) {
			if err != nil {
				b.Fatal(err)
			}
		}
		st, err := store.Open(ctx, store.Options{Path: filepath.Join(b.TempDir(), "davit.db")})
		do(err)
		crowd.st = st
		none := store.Limits{MaxFolders: -1, MaxBytes: -1, MaxFiles: -1}
		users := make([]store.User, 10_000)
		var all sync.WaitGroup
		slots := make(chan bool, 64) // so that writers share commits
		for i := range users {
			slots <- true
			all.Go(func() {
				defer func() { <-slots }()
				var err error
				users[i], err = st.CreateUser(ctx, store.User{Name: fmt.Sprint("user", i), Limits: none})
				do(err)
			})
		}
		all.Wait()
		crowd.ann, crowd.bob = users[0], users[1]
		p, err := st.CreateProject(ctx, store.Project{Title: "p", Limits: none}, users[2].ID)
		do(err)
		do(st.SetMember(ctx, p.ID, crowd.ann.ID, store.RoleUser))
		g, err := st.CreateGroup(ctx, p.ID, "g")
		do(err)
		do(st.AddGroupMember(ctx, g.ID, crowd.ann.ID))
		make := func(n int, owner, project, title string, members store.Rights) []store.Folder {
			news := make([]store.NewFolder, n)
			for i := range news {
				news[i] = store.NewFolder{Folder: store.Folder{OwnerID: owner, ProjectID: project, Title: fmt.Sprint(title, " ", i), MaxBytes: -1, MaxFiles: -1, Made: true, MemberRights: members}}
			}
			made, err := st.CreateFolders(ctx, news)
			do(err)
			return made
		}
		crowd.own = make(250, crowd.ann.ID, "", "own", 0)
		make(250, users[2].ID, p.ID, "project", store.RightsRO)
		grants := make(250, users[2].ID, "", "shared", 0)
		groups := make(250, users[2].ID, p.ID, "group", 0)
		var changes []store.GrantChange
		for i := range grants {
			changes = append(changes,
				store.GrantChange{FolderID: grants[i].ID, Add: []store.EntityRights{{Entity: store.Entity{User: crowd.ann.Name}, Rights: store.RightsRW}}},
				store.GrantChange{FolderID: groups[i].ID, Add: []store.EntityRights{{Entity: store.Entity{Group: g.ID}, Rights: store.RightsRW}}})
		}
		do(st.ChangeGrants(ctx, changes))
		for i := 10; i < 1000; i++ {
			made := make(100, users[i].ID, "", "other", 0)
			if i == 10 {
				crowd.others = made
			}
		}
	})
	if crowd.st == nil {
		b.Skip("the store could not be made")
	}
}

// BenchmarkMountAtScale finds a folder among the 1,000 that a user sees, of 100,000: when nothing has changed, when
// others have changed something since, and when the user's own folders have.
func BenchmarkMountAtScale(b *testing.B) {
	openCrowd(b)
	ctx := context.Background()
	a := New(crowd.st, Options{})
	mount := func(b *testing.B) {
		if _, err := a.Mount(ctx, store.Principal{UserID: crowd.ann.ID}, crowd.own[17].ID); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		change func() error
	}{
		{"unchanged", nil},
		{"others-changed", func() error { return crowd.st.SetFolderLimits(ctx, crowd.others[0].ID, 1, 1) }},
		{"own-changed", func() error { return crowd.st.SetFolderLimits(ctx, crowd.own[0].ID, 1, 1) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			mount(b)
			b.ReportAllocs()
			for b.Loop() {
				if c.change != nil {
					b.StopTimer()
					if err := c.change(); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
				mount(b)
			}
		})
	}
}
