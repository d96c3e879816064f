package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The account that every server knows.
const (
	userName = "admin"
	password = "bench-password"
)

// A peer is a server that can be measured.
type peer interface {
	// needs names the files that the peer is made of.
	needs() []need
	// start runs a fresh server with all its files in the directory h.dir.
	start(ctx context.Context, h host) (*server, error)
	// version is what the server calls itself.
	version() string
}

// A need is a file and the Debian package that has it.
type need struct{ path, pkg string }

// peers are the columns of the table, in its order.
func peers(davitPath string) map[string]peer {
	return map[string]peer{
		"apache":     apache{},
		"nginx":      nginx{},
		"lighttpd":   lighttpd{},
		"stock":      ourselves{stockCommand, "golang.org/x/net/webdav " + moduleVersion("golang.org/x/net")},
		"floor":      ourselves{floorCommand, "net/http of " + runtime.Version()},
		"rclone":     rclone{},
		"davit":      davit{path: davitPath, sync: "none"},
		"davit-full": davit{path: davitPath, sync: "full"},
	}
}

var peerNames = []string{"apache", "nginx", "lighttpd", "stock", "rclone", "floor", "davit", "davit-full"}

// A host is where a peer is started: its own directory, and the account that its
// process runs as, nil for the caller's.
type host struct {
	dir   string
	cred  *syscall.Credential
	stdio *os.File
}

// newHost makes the directory of a peer. Root runs the peers as an ordinary
// account, all as the same one: Apache refuses to serve as root.
func newHost(dir string) (host, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return host{}, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return host{}, err
	}
	h := host{dir: dir, stdio: log}
	if os.Geteuid() == 0 {
		account, err := user.Lookup("www-data")
		if err != nil {
			account, err = user.Lookup("nobody")
		}
		if err != nil {
			return host{}, err
		}
		uid, err := strconv.ParseUint(account.Uid, 10, 32)
		if err != nil {
			return host{}, err
		}
		gid, err := strconv.ParseUint(account.Gid, 10, 32)
		if err != nil {
			return host{}, err
		}
		h.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := errors.Join(h.own(""), h.own("log")); err != nil {
			return host{}, err
		}
	}
	return h, nil
}

func (h host) path(name string) string { return filepath.Join(h.dir, name) }

// own gives a file of the host to the account of its process.
func (h host) own(name string) error {
	if h.cred == nil {
		return nil
	}
	return os.Chown(h.path(name), int(h.cred.Uid), int(h.cred.Gid))
}

func (h host) mkdir(names ...string) error {
	for _, name := range names {
		if err := os.Mkdir(h.path(name), 0o755); err != nil {
			return err
		}
		if err := h.own(name); err != nil {
			return err
		}
	}
	return nil
}

// write puts text into a file of the host, with DIR, ADDR and PORT replaced.
func (h host) write(name, text, addr string) error {
	_, port, _ := net.SplitHostPort(addr)
	text = strings.NewReplacer("DIR", h.dir, "ADDR", addr, "PORT", port).Replace(text)
	return os.WriteFile(h.path(name), []byte(text), 0o644)
}

// passwords writes a password file for the peers that read Apache's format. SHA-1
// without salt is the cheapest hash that all three accept.
func (h host) passwords() error {
	sum := sha1.Sum([]byte(password))
	line := userName + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:]) + "\n"
	return os.WriteFile(h.path("passwords"), []byte(line), 0o644)
}

// install copies a program into the host, where its account can reach it.
func (h host) install(program, name string) (string, error) {
	from, err := os.Open(program)
	if err != nil {
		return "", err
	}
	defer from.Close()
	to, err := os.OpenFile(h.path(name), os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return "", err
	}
	return to.Name(), to.Close()
}

func (h host) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = h.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, "TMPDIR=" + h.dir, "DAVIT_ADMIN_PASSWORD=" + password}
	// If the bench is killed, its servers are told to end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.cred, Pdeathsig: syscall.SIGTERM}
	return cmd
}

// A server is a running peer.
type server struct {
	peer string
	addr string
	base string // path of the collection that the rows work in
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// run starts a program that serves in the foreground. It is not bound to a
// context: stop ends it, and gently, so that a server ends its children itself.
func (h host) run(name string, args ...string) (*server, error) {
	cmd := h.command(context.Background(), name, args...)
	cmd.Stdout, cmd.Stderr = h.stdio, h.stdio
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{base: "/", cmd: cmd, done: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(s.done)
	}()
	return s, nil
}

// runAt starts a program that was told to serve at addr, and waits until it does.
func (h host) runAt(ctx context.Context, addr, name string, args ...string) (*server, error) {
	s, err := h.run(name, args...)
	if err != nil {
		return nil, err
	}
	s.addr = addr
	if err := h.await(ctx, s, s.accepts); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *server) accepts() bool {
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// await waits until ready says so, for ten seconds at most and only while s runs.
func (h host) await(ctx context.Context, s *server, ready func() bool) error {
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !ready() {
		select {
		case <-again.C:
		case <-limit.C:
			return fmt.Errorf("not ready after ten seconds: %s", h.said())
		case <-s.done:
			return fmt.Errorf("%s: %s", s.cmd.ProcessState, h.said())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// said returns the end of what a server wrote, for an error message.
func (h host) said() string {
	text, _ := os.ReadFile(h.stdio.Name())
	text = bytes.TrimSpace(text)
	return string(text[max(0, len(text)-2000):])
}

// cpu returns the processor time that the server and its children used so far.
func (s *server) cpu() (time.Duration, error) { return treeCPU(s.cmd.Process.Pid) }

// stop ends the server, and what remains of its processes after ten seconds.
func (s *server) stop() {
	tree, _ := processTree(s.cmd.Process.Pid)
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
		for _, p := range tree {
			syscall.Kill(p.pid, syscall.SIGKILL)
		}
		<-s.done
	}
}

// freeAddr returns a loopback address that nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// output returns the last line that a program says, to learn its version.
func output(name string, args ...string) string {
	text, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line
}

const mimeTypes = "text/plain txt\napplication/octet-stream bin\n"

// apache is mod_dav with mod_dav_fs under mpm_event with Debian's numbers, and
// with what its manual says makes it faster.
type apache struct{}

const apacheModules = "/usr/lib/apache2/modules/"

func (apache) needs() []need {
	return []need{{"/usr/sbin/apache2", "apache2"}, {apacheModules + "mod_dav_fs.so", "apache2"}}
}

func (apache) version() string { return output("/usr/sbin/apache2", "-v") }

func (apache) start(ctx context.Context, h host) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	var conf strings.Builder
	for _, name := range []string{
		"mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "mime", "dav", "dav_fs",
	} {
		fmt.Fprintf(&conf, "LoadModule %s_module %smod_%s.so\n", name, apacheModules, name)
	}
	conf.WriteString(`ServerRoot "DIR"
DefaultRuntimeDir "DIR"
PidFile "DIR/pid"
ServerName 127.0.0.1
Listen ADDR
ErrorLog "DIR/log"
LogLevel error
TypesConfig "DIR/mime.types"
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
EnableSendfile On
StartServers 2
MinSpareThreads 25
MaxSpareThreads 75
ThreadsPerChild 25
MaxRequestWorkers 150
MaxConnectionsPerChild 0
DavLockDB "DIR/locks/db"
DocumentRoot "DIR/files"
<Directory "DIR/files">
	Options FollowSymLinks
	AllowOverride None
	AuthType Basic
	AuthName bench
	AuthUserFile "DIR/passwords"
	Require valid-user
	Dav On
</Directory>
`)
	err = errors.Join(
		h.mkdir("files", "locks"), h.passwords(),
		h.write("mime.types", mimeTypes, addr), h.write("conf", conf.String(), addr))
	if err != nil {
		return nil, err
	}
	return h.runAt(ctx, addr, "/usr/sbin/apache2", "-D", "FOREGROUND", "-f", h.path("conf"))
}

// nginx is its own DAV module and dav-ext, which adds PROPFIND and locks, in
// memory. It knows no dead properties.
type nginx struct{}

const nginxDavExt = "/usr/lib/nginx/modules/ngx_http_dav_ext_module.so"

func (nginx) needs() []need {
	return []need{{"/usr/sbin/nginx", "nginx-extras"}, {nginxDavExt, "nginx-extras"}}
}

func (nginx) version() string { return output("/usr/sbin/nginx", "-v") }

func (nginx) start(ctx context.Context, h host) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	const conf = `daemon off;
worker_processes auto;
pid DIR/pid;
error_log DIR/log error;
load_module ` + nginxDavExt + `;
events { worker_connections 256; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 1000000000;
	keepalive_timeout 60s;
	client_max_body_size 0;
	client_body_temp_path DIR/bodies;
	proxy_temp_path DIR/unused;
	fastcgi_temp_path DIR/unused;
	uwsgi_temp_path DIR/unused;
	scgi_temp_path DIR/unused;
	types { text/plain txt; }
	default_type application/octet-stream;
	dav_ext_lock_zone zone=locks:10m;
	server {
		listen ADDR;
		root DIR/files;
		auth_basic bench;
		auth_basic_user_file DIR/passwords;
		location / {
			dav_methods PUT DELETE MKCOL COPY MOVE;
			dav_ext_methods PROPFIND OPTIONS LOCK UNLOCK;
			dav_ext_lock zone=locks;
		}
	}
}
`
	if err := errors.Join(h.mkdir("files", "bodies"), h.passwords(), h.write("conf", conf, addr)); err != nil {
		return nil, err
	}
	return h.runAt(ctx, addr, "/usr/sbin/nginx", "-p", h.dir, "-e", h.path("log"), "-c", h.path("conf"))
}

// lighttpd is mod_webdav with properties and locks in SQLite, one process.
type lighttpd struct{}

func (lighttpd) needs() []need {
	return []need{
		{"/usr/sbin/lighttpd", "lighttpd"},
		{"/usr/lib/lighttpd/mod_webdav.so", "lighttpd-mod-webdav"},
	}
}

func (lighttpd) version() string { return output("/usr/sbin/lighttpd", "-v") }

func (lighttpd) start(ctx context.Context, h host) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	const conf = `server.modules = ("mod_auth", "mod_authn_file", "mod_webdav")
server.bind = "127.0.0.1"
server.port = PORT
server.document-root = "DIR/files"
server.errorlog = "DIR/log"
server.pid-file = "DIR/pid"
server.upload-dirs = ("DIR/bodies")
server.max-keep-alive-requests = 1000000000
server.max-keep-alive-idle = 60
mimetype.assign = (".txt" => "text/plain", "" => "application/octet-stream")
auth.backend = "htpasswd"
auth.backend.htpasswd.userfile = "DIR/passwords"
auth.require = ("/" => ("method" => "basic", "realm" => "bench", "require" => "valid-user"))
webdav.activate = "enable"
webdav.sqlite-db-name = "DIR/locks/db"
`
	if err := errors.Join(h.mkdir("files", "bodies", "locks"), h.passwords(), h.write("conf", conf, addr)); err != nil {
		return nil, err
	}
	return h.runAt(ctx, addr, "/usr/sbin/lighttpd", "-D", "-f", h.path("conf"))
}

// ourselves is this program again: as a Go server on the stock handler, or as the floor.
type ourselves struct{ command, says string }

func (ourselves) needs() []need { return nil }

func (o ourselves) version() string { return o.says }

func (o ourselves) start(ctx context.Context, h host) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	program, err := h.install(self, o.command)
	if err != nil {
		return nil, err
	}
	if err := h.mkdir("files"); err != nil {
		return nil, err
	}
	return h.runAt(ctx, addr, program, o.command, addr, h.path("files"))
}

// rclone is a Go server that people use on the stock handler.
type rclone struct{}

func (rclone) needs() []need { return []need{{"/usr/bin/rclone", "rclone"}} }

func (rclone) version() string { return output("/usr/bin/rclone", "--version") }

func (rclone) start(ctx context.Context, h host) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(h.mkdir("files", "cache"), h.write("conf", "", addr)); err != nil {
		return nil, err
	}
	return h.runAt(ctx, addr, "/usr/bin/rclone", "serve", "webdav", h.path("files"), "--addr", addr,
		"--user", userName, "--pass", password, "--config", h.path("conf"), "--cache-dir", h.path("cache"))
}

// davit is the server of this repository, with everything on that it has by
// default, and what sync says on the disk before it answers.
type davit struct{ path, sync string }

func (davit) needs() []need { return nil }

func (d davit) version() string { return "davit --sync " + d.sync }

func (d davit) start(ctx context.Context, h host) (*server, error) {
	program, err := h.install(d.path, "davit")
	if err != nil {
		return nil, err
	}
	data := h.path("data")
	s, err := h.run(program, "serve", "--data", data, "--listen", "127.0.0.1:0", "--sync", d.sync)
	if err != nil {
		return nil, err
	}
	err = h.await(ctx, s, func() bool {
		text, _ := os.ReadFile(filepath.Join(data, "listen.addr"))
		s.addr = strings.TrimSpace(string(text))
		return s.addr != "" && s.accepts()
	})
	if err == nil {
		err = d.addFolder(ctx, h, s, program, data)
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// addFolder makes the folder that the rows work in, beside the running server,
// and waits until the server has noticed.
func (d davit) addFolder(ctx context.Context, h host, s *server, program, data string) error {
	cmd := h.command(ctx, program, "folder", "add", "bench", "--data", data,
		"--user", userName, "--max-bytes", "0", "--max-files", "0", "--json")
	out, err := cmd.Output()
	if err != nil {
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			return fmt.Errorf("folder add: %w: %s", err, exit.Stderr)
		}
		return fmt.Errorf("folder add: %w", err)
	}
	var folder struct{ ID string }
	if err := json.Unmarshal(out, &folder); err != nil {
		return fmt.Errorf("folder add: %w", err)
	}
	s.base = "/dav/" + folder.ID + "/"
	c := newConn(s.addr, time.Now().Add(time.Minute))
	defer c.close()
	return h.await(ctx, s, func() bool {
		q := request{method: "PROPFIND", name: s.base, header: "Depth: 0\r\n" + xmlType, body: []byte(allProps)}
		a, err := c.do(q, nil)
		return err == nil && a.status == 207
	})
}

// missing returns the Debian packages that the named peers want and that are not
// here, sorted.
func missing(all map[string]peer, names []string) []string {
	var pkgs []string
	for _, name := range names {
		for _, n := range all[name].needs() {
			if _, err := os.Stat(n.path); err != nil && !slices.Contains(pkgs, n.pkg) {
				pkgs = append(pkgs, n.pkg)
			}
		}
	}
	slices.Sort(pkgs)
	return pkgs
}
