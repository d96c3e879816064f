package auth

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"davit/store"
)

// The audit hears of the addresses whose sign-ins are slowed, but whoever guesses must not be able to fill it: an address
// is told of once in slowedWindow, and at most slowedMost are in that time; of the others only how many they were.
const (
	slowedWindow = time.Hour
	slowedMost   = 100
)

// slowedNotes collects what the audit is to hear, until Flush writes it. The zero value is empty.
type slowedNotes struct {
	mu      sync.Mutex
	begun   time.Time // of this window
	told    map[netip.Addr]bool
	others  int64
	pending []store.Slowed
}

// add notes that sign-ins from addr are slowed; name is the account that was tried last.
func (s *slowedNotes) add(addr netip.Addr, name string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told == nil || now.Sub(s.begun) >= slowedWindow || now.Before(s.begun) {
		s.begun, s.told = now, make(map[netip.Addr]bool)
	}
	switch {
	case s.told[addr]:
	case len(s.told) >= slowedMost:
		s.others++
	default:
		s.told[addr] = true
		s.pending = append(s.pending, store.Slowed{Address: addr.String(), User: name, Others: s.others})
		s.others = 0
	}
}

// flush writes what is pending; what cannot be written is kept.
func (s *slowedNotes) flush(ctx context.Context, write func(context.Context, []store.Slowed) error) error {
	s.mu.Lock()
	all := s.pending
	s.pending = nil
	s.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	err := write(ctx, all)
	if err != nil {
		s.mu.Lock()
		s.pending = append(all, s.pending[:min(len(s.pending), max(0, 2*slowedMost-len(all)))]...)
		s.mu.Unlock()
		return fmt.Errorf("write slowed sign-ins: %w", err)
	}
	return nil
}
