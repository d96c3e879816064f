package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"
)

// tick is the unit of the times in /proc/<pid>/stat: USER_HZ, 100 a second on
// every architecture that Linux has.
const tick = 10 * time.Millisecond

// process is what /proc tells about one process.
type process struct {
	pid, parent int
	cpu         time.Duration // its own, and that of children it has waited for
}

// treeCPU returns the processor time, user and system, that the process and all
// its descendants have used so far, those that ended included.
func treeCPU(root int) (time.Duration, error) {
	tree, err := processTree(root)
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, p := range tree {
		sum += p.cpu
	}
	return sum, nil
}

// processTree returns the process root and its living descendants.
func processTree(root int) ([]process, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	byParent := map[int][]process{}
	var tree []process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		p, err := readProcess(pid)
		if err != nil {
			continue // it ended meanwhile
		}
		if pid == root {
			tree = append(tree, p)
		}
		byParent[p.parent] = append(byParent[p.parent], p)
	}
	if len(tree) == 0 {
		return nil, fmt.Errorf("process %d: %w", root, fs.ErrNotExist)
	}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, byParent[tree[i].pid]...)
	}
	return tree, nil
}

func readProcess(pid int) (process, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, err
	}
	// The second field is the command's name in parentheses and may hold anything:
	// count from the last one. proc(5): 4 ppid, 14 utime, 15 stime, 16 cutime, 17 cstime.
	_, rest, ok := bytes.Cut(text[bytes.LastIndexByte(text, ')')+1:], []byte(" "))
	fields := bytes.Fields(rest)
	if !ok || len(fields) < 15 {
		return process{}, fmt.Errorf("process %d: unknown form of stat", pid)
	}
	number := func(field int) int64 {
		n, _ := strconv.ParseInt(string(fields[field-3]), 10, 64)
		return n
	}
	ticks := number(14) + number(15) + number(16) + number(17)
	return process{pid: pid, parent: int(number(4)), cpu: time.Duration(ticks) * tick}, nil
}
