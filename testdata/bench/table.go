package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// A setting is what the numbers depend on besides the servers.
type setting struct {
	rounds   int
	duration time.Duration
	dir      string
	versions []string
	load     string // of the machine, before the first row
	now      time.Time
}

// The tables of a Markdown file stand between these lines.
const (
	tableBegin = "<!-- table -->"
	tableEnd   = "<!-- /table -->"
)

// rewrite puts table between the markers of a file.
func rewrite(path, table string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(text, []byte(tableBegin))
	_, tail, ok2 := bytes.Cut(rest, []byte(tableEnd))
	if !ok || !ok2 {
		return fmt.Errorf("%s: no lines %s and %s", path, tableBegin, tableEnd)
	}
	text = fmt.Appendf(nil, "%s%s\n%s\n%s%s", head, tableBegin, table, tableEnd, tail)
	return os.WriteFile(path, text, 0o644)
}

// printCell shows a cell on a line while others are still measured.
func printCell(w io.Writer, c cell) {
	if c.Ops == 0 {
		fmt.Fprintf(w, "  %-11s n/a (%s)\n", c.Server, c.problems())
		return
	}
	fmt.Fprintf(w, "  %-11s %12s µs CPU %12s /s   p50 %s ms, p99 %s ms  %s\n", c.Server,
		digits(c.CPU), digits(c.PerSecond), digits(c.P50/1000), digits(c.P99/1000), c.problems())
}

// markdown returns the tables.
func markdown(work []row, servers []string, cells []cell, in setting) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s, rounds of a row and server: %d, of %s each, medians. %s; load before: %s.\n\n",
		in.now.Format(time.DateOnly), in.rounds, in.duration, machine(in.dir), in.load)
	fmt.Fprintf(&b, "Versions: %s.\n", strings.Join(in.versions, "; "))
	for _, t := range []struct {
		title string
		value func(row, cell) string
	}{
		{"Server CPU per operation (µs; ms for 512 MiB)", func(r row, c cell) string {
			if r.size > 0 {
				return digits(c.CPU / 1000)
			}
			return digits(c.CPU)
		}},
		{"Throughput (operations/s; MB/s for 512 MiB)", func(r row, c cell) string {
			if r.size > 0 {
				return digits(c.MBPerSecond)
			}
			return digits(c.PerSecond)
		}},
		{"Latency p50 / p99 (ms)", func(_ row, c cell) string {
			return digits(c.P50/1000) + " / " + digits(c.P99/1000)
		}},
	} {
		fmt.Fprintf(&b, "\n### %s\n\n| |", t.title)
		for _, s := range servers {
			fmt.Fprintf(&b, " %s |", s)
		}
		b.WriteString("\n|---|" + strings.Repeat("---:|", len(servers)) + "\n")
		for _, r := range work {
			fmt.Fprintf(&b, "| %s |", r.title)
			for _, s := range servers {
				b.WriteString(" " + show(find(cells, r, s), r, t.value) + " |")
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// find returns the cell of a row and a server, nil if it was not measured.
func find(cells []cell, r row, server string) *cell {
	for i := range cells {
		if cells[i].Row == r.key && cells[i].Server == server {
			return &cells[i]
		}
	}
	return nil
}

func show(c *cell, r row, value func(row, cell) string) string {
	switch {
	case c == nil:
		return ""
	case c.Ops == 0:
		return "n/a (" + c.problems() + ")"
	case len(c.Errors) > 0:
		return value(r, *c) + " (" + c.problems() + ")"
	}
	return value(r, *c)
}

// slower tells in which rows davit needs more CPU than the stock handler.
func slower(work []row, cells []cell) []string {
	var lines []string
	for _, r := range work {
		ours, theirs := find(cells, r, "davit"), find(cells, r, "stock")
		if ours == nil || theirs == nil || ours.Ops == 0 || theirs.Ops == 0 {
			continue
		}
		if ours.CPU > theirs.CPU {
			lines = append(lines, fmt.Sprintf("slower than stock: %s, %s µs CPU against %s",
				r.title, digits(ours.CPU), digits(theirs.CPU)))
		}
	}
	return lines
}

// digits shows three significant digits or all before the point, in groups.
func digits(v float64) string {
	switch {
	case v < 9.995:
		return fmt.Sprintf("%.2f", v)
	case v < 99.95:
		return fmt.Sprintf("%.1f", v)
	}
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// machine says on what was measured.
func machine(dir string) string {
	kernel := "unknown kernel"
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel = "Linux " + strings.TrimSpace(string(text))
	}
	return fmt.Sprintf("%s, %d cores, %s, files on %s, %s",
		processor(), runtime.NumCPU(), kernel, fileSystem(dir), runtime.Version())
}

// load returns the number of processes that ran or wanted to in the last minute:
// if it is not near zero before the first row, others work on the machine.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// fileSystem names the type of the file system of dir, or gives its magic number.
func fileSystem(dir string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return "an unknown file system"
	}
	switch st.Type {
	case 0xef53:
		return "ext4"
	case 0x58465342:
		return "xfs"
	case 0x9123683e:
		return "btrfs"
	case 0x01021994:
		return "tmpfs"
	case 0x794c7630:
		return "overlayfs"
	}
	return fmt.Sprintf("file system %#x", st.Type)
}

// moduleVersion returns the version of a module that this program is built with.
func moduleVersion(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return ""
}
