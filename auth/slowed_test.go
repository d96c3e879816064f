package auth

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"davit/store"
)

// Who guesses is told to the audit, once in a while, and cannot fill it.
func TestD33_SlowedIsAudited(t *testing.T) {
	w := newWorld(t)
	w.guard.sleep = func(context.Context, time.Duration) error { return nil }
	w.user("ann", "secret")
	entries := func() []store.Entry {
		t.Helper()
		w.do(w.Flush(t.Context()))
		all, _, err := w.st.Audit(t.Context(), store.AuditFilter{Action: "signin."}, "", 1000)
		w.do(err)
		return all
	}
	for n := range 10 {
		if n == 2 && len(entries()) != 0 {
			t.Error("told of two wrong passwords")
		}
		w.basic("/dav", "ann", "guess"+string(rune('a'+n)))
	}
	all := entries()
	if len(all) != 1 || all[0].Subject != "ann" || all[0].Address == "" || all[0].Door != "auth" {
		t.Fatalf("%+v", all)
	}
	// What is no user's name may be a password: it is not told.
	w.clock.add(2 * slowedWindow)
	for n := range 5 {
		w.basic("/dav", "hunter2", "guess"+string(rune('a'+n)))
	}
	if all = entries(); len(all) != 2 || all[0].Subject != "" {
		t.Fatalf("%+v", all)
	}

	// Many addresses.
	var s slowedNotes
	written := 0
	write := func(_ context.Context, all []store.Slowed) error { written += len(all); return nil }
	now := noon
	for n := range 1000 {
		s.add(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), "ann", now)
		w.do(s.flush(t.Context(), write))
	}
	if written != slowedMost {
		t.Errorf("%d entries of 1000 addresses, want %d", written, slowedMost)
	}
	var told store.Slowed
	s.add(netip.MustParseAddr("192.0.2.9"), "ann", now.Add(slowedWindow))
	w.do(s.flush(t.Context(), func(_ context.Context, all []store.Slowed) error { told = all[0]; return nil }))
	if told.Others != 1000-slowedMost {
		t.Errorf("others: %d", told.Others)
	}
	// What cannot be written is kept.
	s.add(netip.MustParseAddr("192.0.2.10"), "ann", now.Add(slowedWindow))
	broken := errors.New("disk on fire")
	if err := s.flush(t.Context(), func(context.Context, []store.Slowed) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	told = store.Slowed{}
	w.do(s.flush(t.Context(), func(_ context.Context, all []store.Slowed) error { told = all[0]; return nil }))
	if told.Address != "192.0.2.10" {
		t.Errorf("kept %+v", told)
	}
}
