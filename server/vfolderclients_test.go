package server

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The compute platform's own client library, unchanged, in both generations of the API that it speaks.
func TestVFoldersByNPMClient(t *testing.T) {
	dir, err := filepath.Abs(filepath.Join("..", "testdata", "clients", "npm"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "backend.ai-client")); err != nil {
		t.Fatalf("the npm package is missing: sh testdata/setup.sh (%v)", err)
	}
	for _, version := range []string{"v4.20190615", "v6.20200815"} {
		t.Run(version, func(t *testing.T) {
			h := newHouse(t)
			h.clock.set(time.Now())
			ann := h.caller("ann")
			h.caller("bob")
			out, err := exec.CommandContext(t.Context(), "node", filepath.Join(dir, "vfolders.js"), h.url, ann.key, ann.secret, version).CombinedOutput()
			if err != nil || string(out) != "done\n" {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// What the platform's Python clients of three generations sent, sent and signed by a program of our own (D39).
func TestVFolders_PythonClientRequests(t *testing.T) {
	for _, version := range []string{"v3.20170615", "v4.20190615", "v6.20200815"} {
		t.Run(version, func(t *testing.T) {
			h := newHouse(t)
			h.clock.set(time.Now())
			ann, bob := h.caller("ann"), h.caller("bob")
			out, err := exec.CommandContext(t.Context(), "python3", filepath.Join("..", "testdata", "clients", "vfolders.py"),
				h.url, version, ann.key, ann.secret, bob.key, bob.secret, "bob").CombinedOutput()
			if err != nil || string(out) != "done\n" {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
