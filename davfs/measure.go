package davfs

import (
	"context"
	"errors"

	"davit/store"
)

// Measurement is what lies at and below a name.
type Measurement struct {
	Bytes              int64 // of all files
	Files, Directories int64 // without the name itself, if it is a directory
}

// ErrTooLarge: what was to be walked has more members than the caller wants to wait for.
var ErrTooLarge = errors.New("too many files and directories")

// Measure counts what is below name by a walk over at most most members; ErrTooLarge if there are more. What
// changes meanwhile may be counted or not.
func (t *Tree) Measure(ctx context.Context, name string, most int64) (m Measurement, err error) {
	if err := t.may(store.Read); err != nil {
		return m, err
	}
	i, err := t.f.fs.Lstat(name)
	if err != nil {
		return m, err
	}
	if !i.Dir {
		return Measurement{Bytes: i.Size, Files: 1}, nil
	}
	err = walkTree(t.f.fs, name, func(_ string, i Info) error {
		if i.Dir {
			m.Directories++
		} else {
			m.Files++
			m.Bytes += i.Size
		}
		switch n := m.Files + m.Directories; {
		case n > most:
			return ErrTooLarge
		case n%256 == 0:
			return ctx.Err()
		}
		return nil
	})
	if unread := (*unreadError)(nil); errors.As(err, &unread) {
		t.f.d.log.Error("left out of a measurement", "folder", t.f.id, "error", err)
		err = nil
	}
	return m, err
}
