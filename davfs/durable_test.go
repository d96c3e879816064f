package davfs

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/afero"
	"golang.org/x/sys/unix"

	"davit/store"
)

// platter is what of a volume would outlive a power failure, at worst: the content of a file as it was
// when the file was last synced, the names in a directory as they were when the directory was.
// After each call that changes something it looks at what would be there.
type platter struct {
	t    testing.TB
	root string // of the volume

	mu    sync.Mutex
	files map[uint64]string            // content by inode
	dirs  map[uint64]map[string]dirent // names by inode
	look  func(call string)            // after each call; nil: nobody looks
}

type dirent struct {
	ino uint64
	dir bool
}

func inode(i fs.FileInfo) uint64 { return i.Sys().(*syscall.Stat_t).Ino }

// syncAll makes all of the volume durable as it is.
func (p *platter) syncAll() {
	p.files, p.dirs = make(map[uint64]string), make(map[uint64]map[string]dirent)
	err := filepath.WalkDir(p.root, func(name string, e fs.DirEntry, err error) error {
		if os.IsNotExist(err) || strings.HasPrefix(filepath.Base(name), "davit.db") {
			return nil // swept meanwhile
		}
		if err != nil {
			return err
		}
		i, err := e.Info()
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if e.IsDir() {
			p.syncDir(name, inode(i))
			return nil
		}
		b, err := os.ReadFile(name)
		p.files[inode(i)] = string(b)
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		p.t.Error(err)
	}
}

func (p *platter) syncDir(at string, ino uint64) {
	names := make(map[string]dirent)
	all, err := os.ReadDir(at)
	if err != nil && !os.IsNotExist(err) {
		p.t.Error(err)
	}
	for _, e := range all {
		if i, err := e.Info(); err == nil {
			names[e.Name()] = dirent{inode(i), e.IsDir()}
		}
	}
	p.dirs[ino] = names
}

// did is told of a call that is done; sync is what became durable by it.
func (p *platter) did(call string, sync func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.look == nil {
		return
	}
	if sync != nil {
		sync()
	}
	p.look(call)
}

// made tells of a new file or directory: whatever had its inode before is forgotten.
func (p *platter) made(fd int) func() {
	return func() {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			p.t.Error(err)
		}
		delete(p.files, st.Ino)
		delete(p.dirs, st.Ino)
	}
}

// worst is what would be there below a directory if nothing but what was synced were.
func (p *platter) worst(ino uint64, name string, all map[string]string) {
	for base, e := range p.dirs[ino] {
		at := name + "/" + base
		all[at] = "\x00 garbage" // unless it was synced itself
		if _, ok := p.dirs[e.ino]; e.dir && ok {
			all[at] = "collection"
			p.worst(e.ino, at, all)
		} else if content, ok := p.files[e.ino]; !e.dir && ok {
			all[at] = content
		}
	}
}

// names is what would be there below a directory if all names were, but of contents only what was synced.
func (p *platter) names(at, name string, all map[string]string) {
	entries, err := os.ReadDir(at)
	if err != nil {
		p.t.Error(err)
	}
	for _, e := range entries {
		i, err := e.Info()
		if err != nil {
			continue
		}
		sub := name + "/" + e.Name()
		if e.IsDir() {
			all[sub] = "collection"
			p.names(filepath.Join(at, e.Name()), sub, all)
		} else if content, ok := p.files[inode(i)]; ok {
			all[sub] = content
		} else {
			all[sub] = "\x00 garbage"
		}
	}
}

// recorded is a fileSystem whose calls a platter is told of.
type recorded struct {
	fileSystem
	p *platter
}

func (r *recorded) bottom() *rootFS { return r.fileSystem.(interface{ bottom() *rootFS }).bottom() }
func (r *recorded) close() error    { return r.bottom().close() }

func (r *recorded) file(s *staged) {
	f := s.file.(*os.File)
	s.file = &recordedFile{f, r.p}
}

func (r *recorded) Stage(dir bool) (*staged, error) {
	s, err := r.fileSystem.Stage(dir)
	if err == nil && dir {
		if d, err := r.fileSystem.Enter(s); err == nil {
			r.p.did("stage", r.p.made(d.(*rootFS).fd))
			d.close()
		}
	} else if err == nil {
		r.p.did("stage", r.p.made(int(s.file.(*os.File).Fd())))
		r.file(s)
	}
	return s, err
}

func (r *recorded) Reopen(s *staged) error {
	err := r.fileSystem.Reopen(s)
	if err == nil {
		r.file(s)
	}
	return err
}

func (r *recorded) Keep(id string, create bool) (*staged, int64, error) {
	s, size, err := r.fileSystem.Keep(id, create)
	if err == nil {
		if create {
			r.p.did("keep", r.p.made(int(s.file.(*os.File).Fd())))
		}
		r.file(s)
	}
	return s, size, err
}

func (r *recorded) Create(name string) (afero.File, error) {
	f, err := r.fileSystem.Create(name)
	if err != nil {
		return nil, err
	}
	r.p.did("create", r.p.made(int(f.(*os.File).Fd())))
	return &recordedFile{f.(*os.File), r.p}, nil
}

func (r *recorded) Mkdir(name string, perm fs.FileMode) error {
	err := r.fileSystem.Mkdir(name, perm)
	if err == nil {
		if fd, err := r.bottom().open(name, unix.O_RDONLY|unix.O_DIRECTORY, 0); err == nil {
			r.p.did("mkdir", r.p.made(fd))
			unix.Close(fd)
		}
	}
	return err
}

func (r *recorded) Enter(s *staged) (hiddenTree, error) {
	t, err := r.fileSystem.Enter(s)
	if err != nil {
		return nil, err
	}
	return &recorded{t, r.p}, nil
}

func (r *recorded) Publish(s *staged, name string, noReplace bool) error {
	defer r.p.did("publish", nil)
	return r.fileSystem.Publish(s, name, noReplace)
}

func (r *recorded) Exchange(s *staged, name string) error {
	defer r.p.did("exchange", nil)
	return r.fileSystem.Exchange(s, name)
}

func (r *recorded) Move(name string, to fileSystem, toName string, noReplace bool) error {
	defer r.p.did("move", nil)
	return r.fileSystem.Move(name, to, toName, noReplace)
}

func (r *recorded) Swap(name string, to fileSystem, toName string) error {
	defer r.p.did("swap", nil)
	return r.fileSystem.Swap(name, to, toName)
}

func (r *recorded) Trash(name string) (*staged, error) {
	defer r.p.did("trash", nil)
	return r.fileSystem.Trash(name)
}

func (r *recorded) Remove(name string) error {
	defer r.p.did("remove", nil)
	return r.fileSystem.Remove(name)
}

func (r *recorded) SyncDir(name string) error {
	err := r.fileSystem.SyncDir(name)
	if err != nil {
		return err
	}
	fd, err := r.bottom().open(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	r.p.did("sync directory "+name, func() { r.p.syncDir(fmt.Sprintf("/proc/self/fd/%d/", fd), st.Ino) })
	return nil
}

func (r *recorded) SyncVolume() error {
	err := r.fileSystem.SyncVolume()
	if err == nil {
		r.p.did("sync volume", r.p.syncAll)
	}
	return err
}

// recordedFile is a staged file that tells of its syncs.
type recordedFile struct {
	*os.File
	p *platter
}

func (f *recordedFile) Sync() error {
	if err := f.File.Sync(); err != nil {
		return err
	}
	i, err := f.File.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, i.Size())
	if _, err := f.File.ReadAt(b, 0); err != nil && err != io.EOF {
		return err
	}
	f.p.did("sync", func() { f.p.files[inode(i)] = string(b) })
	return nil
}

// TestD18_PUT12_PowerFailure looks, after each call to the disk, at what would be there if the power failed then:
// at worst, and if all names had reached the disk but of contents only what was waited for. What was
// acknowledged is there whole, what was not is the old or the new.
func TestD18_PUT12_PowerFailure(t *testing.T) {
	t.Parallel()
	for _, sync := range []Sync{SyncFull, SyncFile, SyncNone} {
		t.Run(string(sync), func(t *testing.T) {
			s := &faultSite{site: newSite(t, HandlerOptions{InfiniteDepth: true}, Options{Sync: sync})}
			p := &platter{t: t, root: s.dir}
			for _, f := range []store.Folder{s.home, s.other} {
				tree := s.tree(t, f)
				tree.f.fs.fileSystem = &recorded{tree.f.root, p}
				s.trees = append(s.trees, tree)
			}
			unsafe := 0 // requests whose acknowledged change the power could undo
			cases := append([]faultCase{
				{name: "COPY of many", method: "COPY", target: "many", headers: []string{"Destination: $D/new"}, status: 201},
				{name: "COPY of many over collection", method: "COPY", target: "many", headers: []string{"Destination: $D/wood"}, status: 204},
				{name: "MOVE from below to above", method: "MOVE", target: "tree/sub", headers: []string{"Destination: $D/wood"}, status: 204},
			}, faultCases...)
			for i, c := range cases {
				if c.method == "GET" || c.method == "PROPFIND" {
					continue
				}
				dir := fmt.Sprintf("d%d", i)
				s.setUp(t, dir)
				if strings.Contains(c.target, "many") {
					s.want(t, 201, "MKCOL", "/dav/Home/"+dir+"/many", "")
					for n := range 2 * syncEach {
						s.want(t, 201, "PUT", fmt.Sprintf("/dav/Home/%s/many/%d", dir, n), fmt.Sprint("content ", n))
					}
				}
				token := ""
				if c.lock {
					token = s.lock(t, "/dav/Home/"+dir+"/marked")
				}
				s.awaitSwept(t)
				p.mu.Lock()
				p.syncAll()
				var roots []uint64
				for _, f := range []store.Folder{s.home, s.other} {
					i, err := os.Stat(s.path(f, dir))
					if err != nil {
						t.Fatal(err)
					}
					roots = append(roots, inode(i))
				}
				worst := func() map[string]string {
					all := make(map[string]string)
					for n, ino := range roots {
						p.worst(ino, []string{"Home", "Other"}[n], all)
					}
					return all
				}
				named := func() map[string]string {
					all := make(map[string]string)
					p.names(s.path(s.home, dir), "Home", all)
					p.names(s.path(s.other, dir), "Other", all)
					return all
				}
				type moment struct {
					call         string
					worst, names map[string]string
				}
				moments := []moment{{"the beginning", worst(), named()}}
				p.look = func(call string) { moments = append(moments, moment{call, worst(), named()}) }
				p.mu.Unlock()
				a := s.send(t, c, dir, token)
				p.mu.Lock()
				p.look = nil
				if a.status != c.status {
					t.Fatalf("%s: %d %s", c.name, a.status, a.body)
				}
				moments = append(moments, moment{"the answer", worst(), named()})
				p.syncAll()
				before, after := moments[0].names, named()
				p.mu.Unlock()
				// With the destination's directory on the disk and the source's not, what was moved has both names.
				// Between the two steps of a MOVE onto a collection the old one has the source's; start-up takes it away.
				both, swapped := maps.Clone(after), maps.Clone(after)
				if c.method == "MOVE" {
					from, to := "Home/"+c.target, ""
					for _, h := range c.headers {
						if d, ok := strings.CutPrefix(h, "Destination: "); ok {
							to = strings.NewReplacer("$D", "Home", "$O", "Other").Replace(d)
						}
					}
					for n, content := range before {
						if n == from || inside(n, from) {
							both[n] = content
						}
						if n == to || inside(n, to) {
							swapped[from+n[len(to):]] = content
						}
					}
				}
				is := func(got map[string]string, wants ...map[string]string) string {
					for _, want := range wants {
						if maps.Equal(got, want) {
							return ""
						}
					}
					return differ(got, wants[len(wants)-1])
				}
				for n, m := range moments {
					acked := n == len(moments)-1
					states := []map[string]string{before, both, swapped, after}
					if acked {
						states = states[3:]
					}
					atWorst, atNames := is(m.worst, states...), is(m.names, states...)
					switch {
					case sync == SyncNone:
						if acked && atWorst != "" {
							unsafe++
						}
						continue
					case sync == SyncFile:
						atWorst = "" // names are not waited for
					}
					if atWorst != "" {
						t.Errorf("%s: the power fails after %s (call %d of %d): %s", c.name, m.call, n, len(moments)-1, atWorst)
					}
					if atNames != "" {
						t.Errorf("%s: the power fails after %s (call %d of %d) with all names on the disk: %s", c.name, m.call, n, len(moments)-1, atNames)
					}
				}
			}
			if sync == SyncNone && unsafe < 15 {
				t.Errorf("without syncs only %d changes would be lost: nothing was tested", unsafe)
			}
		})
	}
}

// awaitSwept waits until the trash is empty, so that the disk holds still.
func (s *faultSite) awaitSwept(t testing.TB) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		left, err := os.ReadDir(filepath.Join(s.dir, "trash"))
		if err == nil && len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the trash is not swept")
		}
	}
}
