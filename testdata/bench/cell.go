package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A cell is what one server did in one row.
type cell struct {
	Server string `json:"server"`
	Row    string `json:"row"`
	Ops    int    `json:"ops"`
	// PerSecond counts operations; MBPerSecond, if not zero, counts the bodies in
	// units of a million bytes.
	PerSecond   float64 `json:"perSecond"`
	MBPerSecond float64 `json:"mbPerSecond,omitempty"`
	P50         float64 `json:"p50Micros"`
	P99         float64 `json:"p99Micros"`
	CPU         float64 `json:"cpuMicros"` // of the server, an operation
	// Errors counts the operations that failed, by what was wrong. They are in none of
	// the numbers above.
	Errors map[string]int `json:"errors,omitempty"`
}

// problems says what failed, or nothing.
func (c cell) problems() string {
	var parts []string
	for _, text := range slices.Sorted(maps.Keys(c.Errors)) {
		if c.Ops == 0 {
			parts = append(parts, text)
		} else {
			parts = append(parts, fmt.Sprintf("%d × %s", c.Errors[text], text))
		}
	}
	return strings.Join(parts, ", ")
}

// measure runs a row against a server once, for about length. Round counts the
// times that the row was run before.
func measure(ctx context.Context, s *server, r row, round int, length time.Duration) (cell, error) {
	c := cell{Server: s.peer, Row: r.key, Errors: map[string]int{}}
	limit := time.Now().Add(length + 2*time.Minute)
	dir := fmt.Sprintf("%s-%d/", r.key, round)
	helper := &worker{conn: newConn(s.addr, limit), base: s.base, dir: dir}
	defer helper.close()
	if r.before != nil {
		if err := r.before(helper); err != nil {
			c.Errors[short(err)]++
			return c, nil
		}
	}

	// The first operation of each connection is not measured, and whoever
	// can't do one is not asked for more.
	workers := make([]*worker, r.conns)
	for i := range workers {
		w := &worker{conn: newConn(s.addr, limit), base: s.base, dir: dir, id: i + 1, fresh: true}
		defer w.close()
		workers[i] = w
		if err := r.op(w); err != nil {
			c.Errors[short(err)]++
			return c, nil
		}
		w.n++
	}
	if err := settle(ctx, s, r.writes); err != nil {
		return c, err
	}

	used, err := s.cpu()
	if err != nil {
		return c, err
	}
	type tally struct {
		times  []time.Duration
		errors map[string]int
	}
	tallies := make([]tally, r.conns)
	start := time.Now()
	var wg sync.WaitGroup
	for i, w := range workers {
		t := &tallies[i]
		t.times = make([]time.Duration, 0, 1<<16)
		t.errors = map[string]int{}
		wg.Go(func() {
			// A server that fails a hundred times has shown what it does.
			for failed := 0; failed < 100 && time.Since(start) < length && ctx.Err() == nil; w.n++ {
				begin := time.Now()
				if err := r.op(w); err != nil {
					t.errors[short(err)]++
					failed++
					continue
				}
				t.times = append(t.times, time.Since(begin))
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	// What a server put off until later belongs to the work as well.
	if err := settle(ctx, s, r.writes); err != nil {
		return c, err
	}
	now, err := s.cpu()
	if err != nil {
		return c, err
	}
	if r.verify != nil {
		for _, w := range workers {
			if err := r.verify(w); err != nil {
				c.Errors["afterwards: "+short(err)]++
			}
		}
	}

	var times []time.Duration
	for _, t := range tallies {
		times = append(times, t.times...)
		for text, n := range t.errors {
			c.Errors[text] += n
		}
	}
	if len(times) == 0 {
		return c, nil
	}
	slices.Sort(times)
	c.Ops = len(times)
	c.PerSecond = float64(c.Ops) / took.Seconds()
	c.MBPerSecond = c.PerSecond * float64(r.size) / 1e6
	c.P50 = micros(times[len(times)/2])
	c.P99 = micros(times[len(times)*99/100])
	c.CPU = micros(now-used) / float64(c.Ops)
	return c, nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// short is the status of a statusError, and the text of any other error.
func short(err error) string {
	var status *statusError
	if errors.As(err, &status) {
		return status.Error()
	}
	return err.Error()
}

// settle waits until a server rests: for a moment, or after writes for longer than
// the second that Davit may keep its books in memory. Then it has the kernel
// write out what the server left, so that nobody pays for another's writes.
func settle(ctx context.Context, s *server, writes bool) error {
	quiet := 100 * time.Millisecond
	if writes {
		quiet = 1200 * time.Millisecond
	}
	last, since := time.Duration(-1), time.Now()
	limit := time.Now().Add(10 * time.Second)
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for time.Since(since) < quiet && time.Now().Before(limit) {
		used, err := s.cpu()
		if err != nil {
			return err
		}
		if used != last {
			last, since = used, time.Now()
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if writes {
		syscall.Sync()
	}
	return nil
}

// median returns the cell with the median of each number of the rounds. An error
// in any round is an error of the result; without an operation in one, it has none.
func median(rounds []cell) cell {
	c := rounds[0]
	middle := func(number func(cell) float64) float64 {
		var all []float64
		for _, r := range rounds {
			all = append(all, number(r))
		}
		slices.Sort(all)
		return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	}
	c.Errors = map[string]int{}
	c.Ops = 0
	for _, r := range rounds {
		c.Ops += r.Ops
		for text, n := range r.Errors {
			c.Errors[text] += n
		}
	}
	for _, r := range rounds {
		if r.Ops == 0 {
			c.Ops = 0
		}
	}
	c.PerSecond = middle(func(r cell) float64 { return r.PerSecond })
	c.MBPerSecond = middle(func(r cell) float64 { return r.MBPerSecond })
	c.P50 = middle(func(r cell) float64 { return r.P50 })
	c.P99 = middle(func(r cell) float64 { return r.P99 })
	c.CPU = middle(func(r cell) float64 { return r.CPU })
	return c
}
