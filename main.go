// Davit gives people shared folders with owners, rights and exact limits,
// mounted over WebDAV and managed over REST.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"davit/auth"
	"davit/davfs"
	"davit/server"
	"davit/store"
	"davit/web"

	"github.com/alecthomas/kong"
	"golang.org/x/term"
)

// cli is the command line. The commands beside serve work on the database only,
// also while a server runs, which takes over within two seconds (D25).
type cli struct {
	server.Globals

	Serve   serve                  `cmd:"" help:"Run the server."`
	User    server.UserCommands    `cmd:"" help:"Manage the users."`
	Key     server.KeyCommands     `cmd:"" help:"Manage API keys (signed requests)."`
	Token   server.TokenCommands   `cmd:"" help:"Manage tokens (mounts and Bearer)."`
	Session server.SessionCommands `cmd:"" help:"Manage sessions: who is signed in."`
	JWT     server.JWTCommands     `cmd:"" name:"jwt" help:"Manage the keys that sign access tokens."`
	Folder  server.FolderCommands  `cmd:"" help:"Manage the folders."`
	Project server.ProjectCommands `cmd:"" help:"Manage the projects and their members."`
	Group   server.GroupCommands   `cmd:"" help:"Manage the groups of projects."`
	Lock    server.LockCommands    `cmd:"" help:"Show and remove WebDAV locks."`
	Audit   server.AuditCommand    `cmd:"" help:"Show who did what."`
	Check   server.CheckCommand    `cmd:"" help:"Compare the database with the disk; exit 1 if they differ."`
	Version version                `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main with its inputs as arguments. It gives the exit code: 1 for an
// error, 2 for a command line that makes no sense.
func run(ctx context.Context, args []string, stdin, stdout, stderr *os.File) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("davit"),
		kong.Description("Shared folders with owners, rights and exact limits: mounted over WebDAV, managed over REST."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.ValueFormatter(helpText),
	)
	if err != nil {
		panic(err) // the struct tags are wrong
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited // --help
	}
	if err == nil {
		env := &server.Env{Context: ctx, Data: c.Data, Stdin: stdin, Stdout: stdout, Stderr: stderr}
		err = parsed.Run(env)
	}
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "davit: %v\n", err)
	if usage := (*kong.ParseError)(nil); errors.As(err, &usage) && usage.ExitCode() != 1 {
		fmt.Fprintln(stderr, "davit: see davit --help, davit COMMAND --help")
		return 2
	}
	return 1
}

// helpText is the help of a flag, with what it is if not given.
func helpText(v *kong.Value) string {
	text := strings.TrimSuffix(v.Help, ".")
	if v.HasDefault && v.Default != "" {
		text += "; default " + v.Default
	}
	if len(v.Tag.Envs) > 0 {
		text += " ($" + v.Tag.Envs[0] + ")"
	}
	return text + "."
}

type serve struct{ server.Config }

// Run wires the parts together and serves until the context ends.
func (c *serve) Run(env *server.Env) (err error) {
	ctx := env.Context
	if os.Getenv("GOGC") == "" {
		// Little stays in memory, so the collector would run all the time for nothing.
		debug.SetGCPercent(400)
	}
	log := server.NewLog(env.Stderr, c.LogLevel)
	defer log.Close()

	unlock, err := server.LockData(env.Data, "serve")
	if err != nil {
		return err
	}
	defer unlock()
	if err := server.CloseData(env.Data, log.Logger); err != nil {
		return err
	}
	st, err := server.OpenStore(ctx, env.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	secret, err := auth.LoadSecret(ctx, st, env.Data, os.Getenv("DAVIT_SECRET_KEY"), true)
	if err != nil {
		return err
	}
	peers := server.NewPeers(&c.Config)
	options := c.AuthOptions()
	options.Log, options.Secret, options.Client = log.Logger, secret, peers.Client
	access := auth.New(st, options)
	sync, err := davfs.ParseSync(c.Sync)
	if err != nil {
		return err
	}
	products, err := store.NewProducts(c.Products)
	if err != nil {
		return err
	}
	if err := st.SaveProducts(ctx, products); err != nil {
		return err
	}
	if err := server.NoteKeepDeleted(ctx, st, &c.Config); err != nil {
		return err
	}
	files, err := davfs.New(st, davfs.Options{
		Dir: env.Data, Sync: sync, Defaults: c.Default.Limits(), Products: products, Log: log.Logger,
		LockTimeout: time.Duration(c.DAV.LockTimeout), MaxLockTimeout: time.Duration(c.DAV.MaxLockTimeout),
		UploadExpiry: time.Duration(c.UploadExpiry), KeepDeleted: time.Duration(c.KeepDeleted),
		FixedTimes: !c.DAV.LastModified, RefuseNames: c.DAV.Patterns(),
	})
	if err != nil {
		return err
	}
	if err := files.Start(ctx); err != nil {
		return err
	}
	ending := context.WithoutCancel(ctx)
	defer func() { err = errors.Join(err, files.Close(ending), access.Flush(ending)) }()

	password, folder, err := server.FirstStart{
		Dir: env.Data, Password: os.Getenv("DAVIT_ADMIN_PASSWORD"),
		Terminal: term.IsTerminal(int(env.Stderr.Fd())), Folder: c.FirstFolder,
	}.Run(ctx, st, access, files)
	if err != nil {
		return err
	}
	hint := server.PasswordHint(env.Data)
	if password != "" {
		fmt.Fprintf(env.Stderr, "The password of the user admin, shown only now: %s\n", password)
		hint = "shown above"
	}
	ready := func(addr net.Addr) {
		if folder.ID != "" {
			server.MountHelp(env.Stdout, &c.Config, addr, folder, hint)
		}
	}
	return server.New(env.Data, &c.Config, server.Parts{
		Store: st, Auth: access, Files: files, Peers: peers, Page: web.Handler(), Log: log,
	}).Run(ctx, ready)
}

type version struct{}

// Run prints the version.
func (version) Run(env *server.Env) error {
	_, err := fmt.Fprintf(env.Stdout, "davit %s %s\n", server.Version(), runtime.Version())
	return err
}
