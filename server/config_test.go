package server

import (
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"davit/store"

	"github.com/alecthomas/kong"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1024": 1024, "1GiB": 1 << 30, "500MB": 500e6, "1k": 1024, "2T": 2 << 40, "1.5MiB": 3 << 19,
		"7B": 7, "default": store.Default, "9223372036854775807": math.MaxInt64, "1 GB": 1e9,
	} {
		if got, err := ParseSize(text); err != nil || int64(got) != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "-1", "1XB", "GiB", "1e9", "0x10", "1..5M", "9223372036854775808", "8388608TiB", "1GiB1", "NaN", "1.2.3"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", text, got)
		}
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"30d": 720 * time.Hour, "12h": 12 * time.Hour, "2w": 336 * time.Hour, "1h30m": 90 * time.Minute, "0": 0} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || time.Duration(d) != want {
			t.Errorf("%q: %v, %v, want %v", text, time.Duration(d), err, want)
		}
	}
	for _, text := range []string{"", "d", "-1d", "-5s", "1.5d", "5", "999999999w"} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: %v, want an error", text, time.Duration(d))
		}
	}
}

// testCLI is the shape of the real command line, as far as settings go.
type testCLI struct {
	Globals
	Serve struct{ Config } `cmd:""`
}

func parse(args ...string) (*testCLI, error) {
	var c testCLI
	parser, err := kong.New(&c)
	if err != nil {
		return nil, err
	}
	_, err = parser.Parse(append([]string{"serve"}, args...))
	return &c, err
}

func TestSettingsFromAllSources(t *testing.T) {
	file := filepath.Join(t.TempDir(), "davit.yaml")
	text := `
# Comments are fine.
data: data
listen: 127.0.0.1:1
rate-limit: 1
max-connections: 1
trusted-proxy: [10.0.0.0/8, 192.0.2.7]
public-url: https://files.example.org
allow-plain-basic: true
default-max-bytes: 5MiB
dav:
  lock-timeout: 10m
  infinite-depth: true
  set-lastmodified: false
  refuse-name: ["*.tmp", "._*"]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DAVIT_CONFIG", file)
	t.Setenv("DAVIT_RATE_LIMIT", "2")
	t.Setenv("DAVIT_MAX_CONNECTIONS", "2")
	c, err := parse("--max-connections", "3", "--default-max-files=7")
	if err != nil {
		t.Fatal(err)
	}
	if c.Serve.Listen != "127.0.0.1:1" || c.Serve.RateLimit != 2 || c.Serve.MaxConns != 3 {
		t.Errorf("listen %q, rate limit %d, connections %d: want file, environment, flag", c.Serve.Listen, c.Serve.RateLimit, c.Serve.MaxConns)
	}
	if want := filepath.Join(filepath.Dir(file), "data"); c.Data != want {
		t.Errorf("data %q, want %q: relative to the file", c.Data, want)
	}
	if got := c.Serve.TrustedProxy; len(got) != 2 || got[1].Prefix != netip.MustParsePrefix("192.0.2.7/32") {
		t.Errorf("trusted proxies %v", got)
	}
	if got := c.Serve.PublicURL; len(got) != 1 || got[0].Host != "files.example.org" {
		t.Errorf("public URLs %v", got)
	}
	if want := (store.Limits{MaxFolders: 10, MaxBytes: 5 << 20, MaxFiles: 7}); c.Serve.Default.Limits() != want {
		t.Errorf("limits %v, want %v", c.Serve.Default.Limits(), want)
	}
	if got := c.Serve.DAV.Patterns(); c.Serve.DAV.LastModified || strings.Join(got, " ") != "*.tmp ._*" {
		t.Errorf("settings of WebDAV %+v", c.Serve.DAV)
	}
	if c, err = parse("--no-dav-set-lastmodified", "--dav-refuse-name=a", "--dav-refuse-name=b"); err != nil || c.Serve.DAV.LastModified || len(c.Serve.DAV.RefuseName) != 2 {
		t.Errorf("flags %+v, %v", c, err)
	}
	t.Setenv("DAVIT_CONFIG", "")
	if c, err = parse(); err != nil || !c.Serve.DAV.LastModified || c.Serve.DAV.RefuseName != nil {
		t.Errorf("defaults %+v, %v", c, err)
	}
	if c, err = parse("--config", file); err != nil {
		t.Fatal(err)
	}
	if !c.Serve.PlainBasic || !c.Serve.DAV.InfiniteDepth || c.Serve.DAV.LockTimeout != Duration(10*time.Minute) || c.Serve.DAV.MaxLockTimeout != Duration(24*time.Hour) {
		t.Errorf("settings %+v", c.Serve)
	}
}

func TestBadSettingsAreNamed(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"listne: x", `davit.yaml:1: unknown key "listne"`},
		{"\nlisten: 127.0.0.1:1\nconfig: x", `:3: unknown key "config"`},
		{"dav:\n  lock-timeot: 1h", `:2: unknown key "dav.lock-timeot"`},
		{"dav-lock-timeout: 1h", `:1: unknown key "dav.lock-timeout"`},
		{"dav: 5", `:1: want "key: value"`},
		{"- listen", `:1: want "key: value"`},
		{"listen: {a: b}", `:1: no plain value: "listen"`},
		{"rate-limit: 1\nrate-limit: 2", "rate-limit"},
		{"rate-limit: many", `--rate-limit: `},
		{"rate-limit: many", `davit.yaml:1: `},
		{"sync: half", `davit.yaml:1: "half" is none of full,file,none`},
		{"default-max-bytes: 5XB", `davit.yaml:1: "5XB" is not a size`},
		{"trusted-proxy: [10.0.0.0/8, here]", `davit.yaml:1: "here" is not an address`},
		{"public-url: files.example.org", `davit.yaml:1: "files.example.org" is not a URL`},
		{"allow-plain-basic: perhaps", `davit.yaml:1: `},
		{"listen: [", `davit.yaml`},
		{"oidc:\n  jwks: x", `:2: unknown key "oidc.jwks"`},
		{"oidc-issuer: x", `:1: unknown key "oidc.issuer"`},
		{`dav: {refuse-name: "[x"}`, `davit.yaml:1: "[x" is not a pattern`},
	} {
		t.Run(c.file, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "davit.yaml")
			if err := os.WriteFile(file, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := parse("--config", file); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	for _, flags := range []string{
		"--oidc-issuer=https://a.example", "--oidc-jwks-url=https://a.example", "--oidc-jwks-url=https://a.example --oidc-issuer=x",
		"--oidc-jwks-url=http://a.example --oidc-issuer=x --oidc-audience=y", "--oidc-jwks-url=file:///etc/passwd --oidc-issuer=x --oidc-audience=y",
		"--oidc-jwks-url=https://u:p@a.example --oidc-issuer=x --oidc-audience=y", "--oidc-jwks-url=https://a.example --oidc-issuer=davit --oidc-audience=y",
	} {
		t.Run(flags, func(t *testing.T) {
			if _, err := parse(strings.Fields(flags)...); err == nil || !strings.Contains(err.Error(), "--oidc-") {
				t.Errorf("got %v, want it to name a flag", err)
			}
		})
	}
	for _, flags := range []string{"--oidc-jwks-url=https://a.example --oidc-issuer=x --oidc-audience=y", "--oidc-jwks-url=http://[::1]:9/keys --oidc-issuer=x --oidc-audience=y --oidc-audience=z"} {
		if _, err := parse(strings.Fields(flags)...); err != nil {
			t.Errorf("%s: %v", flags, err)
		}
	}
	for _, c := range []struct{ flag, want string }{
		{"--session-idle=0s", "--session-idle"},
		{"--jwt-algorithm=none", "--jwt-algorithm"},
		{"--listen=8080", "--listen"},
		{"--tls-cert=x", "--tls-key"},
		{"--rate-limit=-1", "--rate-limit"},
		{"--max-connections=-1", "--max-connections"},
		{"--default-max-files=default", "--default-max-files"},
		{"--default-max-files=-1", "--default-max-files"},
		{"--dav-lock-timeout=48h", "--dav-lock-timeout"},
		{"--log-level=loud", "--log-level"},
		{"--config=/nonexistent", "/nonexistent"},
	} {
		t.Run(c.flag, func(t *testing.T) {
			if _, err := parse(c.flag); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	t.Run("environment", func(t *testing.T) {
		t.Setenv("DAVIT_RATE_LIMIT", "many")
		if _, err := parse(); err == nil || !strings.Contains(err.Error(), "DAVIT_RATE_LIMIT") {
			t.Errorf("got %v, want it to name DAVIT_RATE_LIMIT", err)
		}
	})
}
