// Bench measures Davit beside Apache mod_dav, nginx with dav-ext, lighttpd, Go
// servers on the stock handler of golang.org/x/net/webdav, and the least that a Go
// server can do, in one run on one machine over loopback:
//
//	go run ./testdata/bench [-rows get,lock] [-servers nginx,davit] [-rounds 3] [-duration 2s]
//
// Each server is started with a configuration of its own in a temporary
// directory, and all of them run until the end. Row by row and round by round the
// servers take turns, so that noise of the machine hits all alike; the tables
// show the median of the rounds: processor time of the server an operation,
// operations a second, and how long an operation took. Answers are checked, to
// the last byte for files; a wrong one is counted as an error and as nothing else.
//
// The files: rows.go has the work, peers.go the servers, stock.go and floor.go two
// of those in Go, client.go the HTTP/1.1 client, cell.go runs one row against one
// server, cpu.go reads what it cost the server, table.go prints. BENCHMARKS.md says
// how to read the result.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stockCommand, as first argument, makes this program the stock server.
const stockCommand = "serve-stock"

func main() {
	if len(os.Args) == 4 {
		serve := map[string]func(addr, dir string) error{stockCommand: serveStock, floorCommand: serveFloor}[os.Args[1]]
		if serve != nil {
			fmt.Fprintln(os.Stderr, serve(os.Args[2], os.Args[3]))
			os.Exit(1)
		}
	}
	// The servers end with the thread that started them (see host.command), so
	// that thread must be this one and live as long as the program.
	runtime.LockOSThread()
	// SIGPIPE too: "make bench | head" must not leave servers behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rowList := flags.String("rows", "", "rows to measure, with commas between (default all): "+strings.Join(rowKeys(rows()), ","))
	serverList := flags.String("servers", strings.Join(peerNames, ","), "servers to measure")
	rounds := flags.Int("rounds", 3, "how often each row is run; the median counts")
	duration := flags.Duration("duration", 2*time.Second, "length of one round of one row on one server")
	davitPath := flags.String("davit", "", "the davit program (default: built from this module)")
	jsonPath := flags.String("json", "", "write the medians to this file as JSON")
	mdPath := flags.String("md", "", "rewrite the tables of this Markdown file, between its markers")
	parent := flags.String("dir", "", "directory for the servers' files (default: a temporary one)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if *rounds < 1 || *duration <= 0 {
		return errors.New("-rounds and -duration must be positive")
	}
	work, err := chooseRows(*rowList)
	if err != nil {
		return err
	}
	names := strings.Split(*serverList, ",")
	for _, name := range names {
		if !slices.Contains(peerNames, name) {
			return fmt.Errorf("unknown server %q; there are %s", name, strings.Join(peerNames, ", "))
		}
	}

	dir, err := os.MkdirTemp(*parent, "davit-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	if *davitPath == "" && wantsDavit(names) {
		*davitPath = filepath.Join(dir, "davit-program")
		build := exec.CommandContext(ctx, "go", "build", "-o", *davitPath, "davit")
		build.Stdout, build.Stderr = stderr, stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build davit: %w", err)
		}
	}
	all := peers(*davitPath)
	if pkgs := missing(all, names); len(pkgs) > 0 {
		return fmt.Errorf("not installed: %s; on Debian: apt-get install %[1]s", strings.Join(pkgs, " "))
	}

	before := load()
	var servers []*server
	var versions []string
	for _, name := range names {
		h, err := newHost(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		s, err := all[name].start(ctx, h)
		if err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
		defer s.stop()
		s.peer = name
		servers = append(servers, s)
		versions = append(versions, all[name].version())
	}

	var cells []cell
	for _, r := range work {
		taken := map[string][]cell{}
		for round := range *rounds {
			for _, s := range servers {
				// What is on the disk before an answer makes no difference to a row that reads.
				if s.peer == "davit-full" && !r.writes {
					continue
				}
				c, err := measure(ctx, s, r, round, *duration)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", s.peer, r.title, err)
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
				taken[s.peer] = append(taken[s.peer], c)
			}
		}
		fmt.Fprintln(stderr, r.title)
		for _, s := range servers {
			if taken[s.peer] != nil {
				c := median(taken[s.peer])
				cells = append(cells, c)
				printCell(stderr, c)
			}
		}
	}

	table := markdown(work, names, cells, setting{
		rounds: *rounds, duration: *duration, dir: dir, versions: versions, load: before, now: time.Now(),
	})
	fmt.Fprintln(stdout, table)
	for _, line := range slower(work, cells) {
		fmt.Fprintln(stdout, line)
	}
	if *jsonPath != "" {
		text, err := json.MarshalIndent(cells, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(*jsonPath, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if *mdPath != "" {
		return rewrite(*mdPath, table)
	}
	return nil
}

func wantsDavit(names []string) bool {
	return slices.Contains(names, "davit") || slices.Contains(names, "davit-full")
}

func rowKeys(rows []row) []string {
	var keys []string
	for _, r := range rows {
		keys = append(keys, r.key)
	}
	return keys
}

// chooseRows returns the rows with these keys, in the order of the table.
func chooseRows(list string) ([]row, error) {
	all := rows()
	if list == "" {
		return all, nil
	}
	keys := strings.Split(list, ",")
	for _, key := range keys {
		if !slices.Contains(rowKeys(all), key) {
			return nil, fmt.Errorf("unknown row %q; there are %s", key, strings.Join(rowKeys(all), ", "))
		}
	}
	return slices.DeleteFunc(all, func(r row) bool { return !slices.Contains(keys, r.key) }), nil
}
