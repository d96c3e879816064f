package server

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"davit/auth"
	"davit/store"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// Globals are the settings that every command takes.
type Globals struct {
	Data   string     `help:"Data directory: the database, and the files of the folders." default:"./davit-data" env:"DAVIT_DATA" placeholder:"DIR"`
	Config ConfigFile `help:"YAML file with settings: the names of the flags of serve, without dashes in front." env:"DAVIT_CONFIG" placeholder:"FILE"`
}

// Config is everything that "davit serve" can be told. A value comes from the
// flag, else from the environment (DAVIT_…), else from the file, else it is the default.
type Config struct {
	Listen       string         `help:"Address and port to listen on." default:"127.0.0.1:8080" env:"DAVIT_LISTEN" placeholder:"ADDR"`
	TLSCert      string         `name:"tls-cert" help:"Certificate chain (PEM): serve HTTPS with HTTP/2." env:"DAVIT_TLS_CERT" placeholder:"FILE"`
	TLSKey       string         `name:"tls-key" help:"Private key (PEM) of the certificate." env:"DAVIT_TLS_KEY" placeholder:"FILE"`
	PublicURL    []PublicURL    `name:"public-url" help:"URL under which people reach this server, if its own address is another; repeatable." env:"DAVIT_PUBLIC_URL" placeholder:"URL"`
	TrustedProxy []Network      `help:"Address or network (CIDR) of a reverse proxy whose Forwarded and X-Forwarded-… headers count; repeatable." env:"DAVIT_TRUSTED_PROXY" placeholder:"CIDR"`
	Sync         string         `help:"What is on the disk before a change is acknowledged: full (file and directory), file, or none." enum:"full,file,none" default:"full" env:"DAVIT_SYNC" placeholder:"full|file|none"`
	MaxConns     int            `name:"max-connections" help:"Connections that one client address may hold; 0 is no limit." default:"256" env:"DAVIT_MAX_CONNECTIONS" placeholder:"N"`
	RateLimit    int            `help:"API requests of one caller in 15 minutes; 0 is no limit. WebDAV is not limited." default:"30000" env:"DAVIT_RATE_LIMIT" placeholder:"N"`
	Shutdown     Duration       `name:"shutdown-timeout" help:"How long running requests may go on after SIGTERM." default:"30s" env:"DAVIT_SHUTDOWN_TIMEOUT" placeholder:"TIME"`
	LogLevel     slog.Level     `help:"Least important lines to log: debug, info, warn or error." default:"info" env:"DAVIT_LOG_LEVEL" placeholder:"LEVEL"`
	PlainBasic   bool           `name:"allow-plain-basic" help:"Take passwords over unencrypted connections from other machines. Anybody on the way can read them." env:"DAVIT_ALLOW_PLAIN_BASIC"`
	PlainBody    bool           `name:"allow-plain-body" help:"Take signed requests of API versions from v4.20181215 on, whose bodies are not signed, over unencrypted connections." env:"DAVIT_ALLOW_PLAIN_BODY"`
	UploadExpiry Duration       `help:"How long an unfinished resumable upload waits for its next byte." default:"24h" env:"DAVIT_UPLOAD_EXPIRY" placeholder:"TIME"`
	UniqueTitles bool           `help:"Refuse to create a file collection whose title another one of the workspace has, in any letter case." env:"DAVIT_UNIQUE_TITLES"`
	KeepDeleted  Duration       `help:"How long a deleted folder can be restored; 0: not at all. DELETE of /v2/folder and folder rm without --keep keep nothing." default:"7d" env:"DAVIT_KEEP_DELETED" placeholder:"TIME"`
	FirstFolder  string         `help:"At the first start also create this folder for admin; print how to mount it." env:"DAVIT_FIRST_FOLDER" placeholder:"TITLE"`
	Mount        MountConfig    `embed:"" prefix:"mount-" group:"Mounts in compute kernels (/api/davit/mounts):"`
	Default      DefaultsConfig `embed:"" prefix:"default-" group:"Limits of users who have none of their own (0 is no limit):"`
	Products     ProductsConfig `hidden:"" help:"Storage products; a section of the file."`
	SessionTime  Duration       `name:"session-lifetime" help:"How long a sign-in lasts at most." default:"30d" env:"DAVIT_SESSION_LIFETIME" placeholder:"TIME"`
	SessionIdle  Duration       `name:"session-idle" help:"How long a sign-in lasts that is not used." default:"30d" env:"DAVIT_SESSION_IDLE" placeholder:"TIME"`
	JWTAlgorithm string         `name:"jwt-algorithm" help:"What signs access tokens: EdDSA or RS256." enum:"EdDSA,RS256" default:"EdDSA" env:"DAVIT_JWT_ALGORITHM" placeholder:"EdDSA|RS256"`
	OIDC         OIDCConfig     `embed:"" prefix:"oidc-" group:"Outside identity provider (section \"oidc:\" of the file):"`
	DAV          WebDAVConfig   `embed:"" prefix:"dav-" group:"WebDAV (section \"dav:\" of the file):"`

	NoUserDirectory bool     `help:"Others than administrators cannot search for users: to share, they must know the exact name." env:"DAVIT_NO_USER_DIRECTORY"`
	AuditKeep       Duration `help:"How long the audit's entries are kept; 0 is for ever." default:"90d" env:"DAVIT_AUDIT_KEEP" placeholder:"TIME"`
	AuditMax        Count    `help:"How many entries the audit has at most; 0 is any number." default:"1000000" env:"DAVIT_AUDIT_MAX" placeholder:"N"`

	ProjectsByUsers bool `name:"users-create-projects" help:"Let everybody make projects; else only administrators do." env:"DAVIT_USERS_CREATE_PROJECTS"`
}

// MountConfig is what one call for mounts may ask for.
type MountConfig struct {
	Lifetime    Duration `help:"Life of a mount whose request names no end." default:"24h" env:"DAVIT_MOUNT_LIFETIME" placeholder:"TIME"`
	MaxLifetime Duration `help:"Longest life of a mount, from its making or its last renewal." default:"30d" env:"DAVIT_MOUNT_MAX_LIFETIME" placeholder:"TIME"`
	MaxFolders  int      `help:"Folders of one mount." default:"20" env:"DAVIT_MOUNT_MAX_FOLDERS" placeholder:"N"`
}

// DefaultsConfig are the limits of users and folders that have none of their own (D32).
type DefaultsConfig struct {
	MaxFolders Count `help:"Folders of one user." default:"10" env:"DAVIT_DEFAULT_MAX_FOLDERS" placeholder:"N"`
	MaxBytes   Size  `help:"Bytes in each folder, such as 500MB or 1GiB." default:"1GiB" env:"DAVIT_DEFAULT_MAX_BYTES" placeholder:"SIZE"`
	MaxFiles   Count `help:"Files and directories in each folder." default:"1000" env:"DAVIT_DEFAULT_MAX_FILES" placeholder:"N"`
}

// WebDAVConfig are the settings of the WebDAV door (D40).
type WebDAVConfig struct {
	LockTimeout    Duration  `help:"Life of a lock whose client asks for no time, or for ever." default:"1h" env:"DAVIT_DAV_LOCK_TIMEOUT" placeholder:"TIME"`
	MaxLockTimeout Duration  `help:"Longest life of a lock." default:"24h" env:"DAVIT_DAV_MAX_LOCK_TIMEOUT" placeholder:"TIME"`
	MaxFileSize    Size      `help:"Largest file that may be uploaded; 0 is no limit." default:"0" env:"DAVIT_DAV_MAX_FILE_SIZE" placeholder:"SIZE"`
	InfiniteDepth  bool      `help:"Answer PROPFIND with Depth infinity." env:"DAVIT_DAV_INFINITE_DEPTH"`
	MissingDepth1  bool      `name:"missing-depth-1" help:"Take a PROPFIND without Depth as Depth 1; else it means infinity." env:"DAVIT_DAV_MISSING_DEPTH_1"`
	LastModified   bool      `name:"set-lastmodified" help:"PROPPATCH of lastmodified and getlastmodified sets the time of modification, as sync clients expect; else it is refused." default:"true" negatable:"" env:"DAVIT_DAV_SET_LASTMODIFIED"`
	RefuseName     []Pattern `help:"Shell pattern of names that nobody may make, in any letter case, such as *.tmp; repeatable." env:"DAVIT_DAV_REFUSE_NAME" placeholder:"PATTERN"`
	Challenge      []string  `name:"challenge-agent" help:"Part of a User-Agent whose OPTIONS without credentials get 401; repeatable." env:"DAVIT_DAV_CHALLENGE_AGENT" placeholder:"TEXT"`
}

// OIDCConfig says whose tokens are taken as Bearer beside our own.
type OIDCConfig struct {
	JWKSURL     string   `name:"jwks-url" help:"Where the provider's keys are (JWK set): https, or http on this machine. With it, tokens of the provider are taken as Bearer." env:"DAVIT_OIDC_JWKS_URL" placeholder:"URL"`
	Issuer      string   `help:"What the provider calls itself in its tokens (iss)." env:"DAVIT_OIDC_ISSUER" placeholder:"URL"`
	Audience    []string `help:"What the provider calls this server in its tokens (aud); repeatable." env:"DAVIT_OIDC_AUDIENCE" placeholder:"NAME"`
	UserClaim   string   `help:"Claim whose value is the user's name here. Only one that people cannot choose for themselves." default:"sub" env:"DAVIT_OIDC_USER_CLAIM" placeholder:"CLAIM"`
	CreateUsers bool     `help:"Whom the provider knows and this server does not becomes a user." env:"DAVIT_OIDC_CREATE_USERS"`
	AllowAdmins bool     `help:"Administrators may administer with tokens of the provider too." env:"DAVIT_OIDC_ALLOW_ADMINS"`
}

// validate refuses settings that are not whole.
func (c OIDCConfig) validate(issuer string) error {
	if c.JWKSURL == "" {
		if c.Issuer != "" || len(c.Audience) > 0 {
			return errors.New("--oidc-jwks-url is missing: --oidc-issuer and --oidc-audience do nothing without it")
		}
		return nil
	}
	switch {
	case c.Issuer == "":
		return errors.New("--oidc-jwks-url needs --oidc-issuer")
	case len(c.Audience) == 0 || slices.Contains(c.Audience, ""):
		return errors.New("--oidc-jwks-url needs --oidc-audience: without it, tokens that are for other services would be taken")
	case c.UserClaim == "":
		return errors.New("--oidc-user-claim is empty")
	case c.Issuer == issuer:
		return errors.New("--oidc-issuer: this server calls itself so")
	}
	if err := auth.CheckProviderURL(c.JWKSURL); err != nil {
		return fmt.Errorf("--oidc-jwks-url: %w", err)
	}
	return nil
}

// AuthOptions are the settings of package auth.
func (c *Config) AuthOptions() auth.Options {
	o := auth.Options{
		AllowPlainBasic: c.PlainBasic, AllowPlainBody: c.PlainBody, Issuer: c.issuer(), Algorithm: c.JWTAlgorithm,
		SessionTime: time.Duration(c.SessionTime), SessionIdle: time.Duration(c.SessionIdle),
	}
	if c.OIDC.JWKSURL != "" {
		o.Provider = &auth.Provider{
			Issuer: c.OIDC.Issuer, KeysURL: c.OIDC.JWKSURL, Audiences: c.OIDC.Audience, UserClaim: c.OIDC.UserClaim,
			CreateUsers: c.OIDC.CreateUsers, Administrators: c.OIDC.AllowAdmins,
		}
	}
	return o
}

// issuer is the iss of access tokens: the server's public URL, if it has one.
func (c *Config) issuer() string {
	if len(c.PublicURL) > 0 {
		return c.PublicURL[0].String()
	}
	return auth.DefaultIssuer
}

// Limits are the server's defaults in the words of the store.
func (d DefaultsConfig) Limits() store.Limits {
	return store.Limits{MaxFolders: int64(d.MaxFolders), MaxBytes: int64(d.MaxBytes), MaxFiles: int64(d.MaxFiles)}
}

// Validate refuses settings that contradict each other. kong calls it.
func (c *Config) Validate() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("--listen: %q is not address:port", c.Listen)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key belong together")
	}
	if c.RateLimit < 0 {
		return fmt.Errorf("--rate-limit: %d is negative", c.RateLimit)
	}
	if c.MaxConns < 0 {
		return fmt.Errorf("--max-connections: %d is negative", c.MaxConns)
	}
	for name, v := range map[string]int64{
		"folders": int64(c.Default.MaxFolders), "bytes": int64(c.Default.MaxBytes), "files": int64(c.Default.MaxFiles),
	} {
		if v == store.Default {
			return fmt.Errorf("--default-max-%s: there is nothing above the server's own default", name)
		}
	}
	if c.SessionTime <= 0 || c.SessionIdle <= 0 {
		return errors.New("--session-lifetime and --session-idle must be more than 0")
	}
	if err := c.OIDC.validate(c.issuer()); err != nil {
		return err
	}
	if c.Mount.Lifetime <= 0 || c.Mount.MaxLifetime < c.Mount.Lifetime {
		return errors.New("--mount-lifetime must be more than 0 and no more than --mount-max-lifetime")
	}
	if c.Mount.MaxFolders < 1 || c.Mount.MaxFolders > 1000 {
		return errors.New("--mount-max-folders must be 1 to 1000")
	}
	if c.UploadExpiry <= 0 {
		return errors.New("--upload-expiry must be more than 0")
	}
	if c.DAV.MaxFileSize < 0 {
		return errors.New("--dav-max-file-size: there is no default above it")
	}
	if c.DAV.LockTimeout <= 0 || c.DAV.MaxLockTimeout < c.DAV.LockTimeout {
		return errors.New("--dav-lock-timeout must be more than 0 and no more than --dav-max-lock-timeout")
	}
	return nil
}

// A Size is a number of bytes as people write it: 1024, 500MB, 1GiB, 1.5T.
type Size int64

var units = map[string]int64{
	"": 1, "B": 1,
	"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50,
	"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40, "PIB": 1 << 50,
	"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15,
}

// ParseSize reads a Size. "default" is store.Default.
func ParseSize(text string) (Size, error) {
	if text == "default" {
		return Size(store.Default), nil
	}
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit, ok := units[strings.ToUpper(text[len(digits):])]
	digits = strings.TrimSpace(digits)
	bad := fmt.Errorf("%q is not a size such as 1024, 500MB or 1GiB", text)
	if !ok || digits == "" || strings.Trim(digits, "0123456789.") != "" {
		return 0, bad
	}
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		if n > math.MaxInt64/unit {
			return 0, fmt.Errorf("%q is too large", text)
		}
		return Size(n * unit), nil
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0, bad
	}
	if f *= float64(unit); f >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is too large", text)
	}
	return Size(f), nil
}

// UnmarshalText is ParseSize.
func (s *Size) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSize(string(text))
	return err
}

// A Count is a number of things, or "default".
type Count int64

// UnmarshalText reads a Count.
func (c *Count) UnmarshalText(text []byte) error {
	if string(text) == "default" {
		*c = Count(store.Default)
		return nil
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a number of 0 or more", text)
	}
	*c = Count(n)
	return nil
}

// A Duration is a time.Duration that also knows days and weeks: 30d, 2w, 12h, 1h30m.
type Duration time.Duration

// UnmarshalText reads a Duration of 0 or more.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	bad := fmt.Errorf("%q is not a time such as 90s, 12h or 30d", s)
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if digits, ok := strings.CutSuffix(s, suffix); ok {
			n, err := strconv.ParseInt(digits, 10, 64)
			if err != nil || n < 0 || n > int64(math.MaxInt64/unit) {
				return bad
			}
			*d = Duration(n) * Duration(unit)
			return nil
		}
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return bad
	}
	*d = Duration(v)
	return nil
}

// A PublicURL is scheme and host, without anything behind them.
type PublicURL struct{ url.URL }

// UnmarshalText reads a PublicURL.
func (p *PublicURL) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%q is not a URL such as https://files.example.org", text)
	}
	u.Path = ""
	p.URL = *u
	return nil
}

// A Pattern is a shell pattern of names: * and ? and [a-z].
type Pattern string

// UnmarshalText reads a Pattern.
func (p *Pattern) UnmarshalText(text []byte) error {
	if _, err := path.Match(string(text), ""); err != nil || len(text) == 0 || strings.Contains(string(text), "/") {
		return fmt.Errorf("%q is not a pattern of names such as *.tmp", text)
	}
	*p = Pattern(text)
	return nil
}

// Patterns are the refused names as davfs takes them.
func (c WebDAVConfig) Patterns() []string {
	patterns := make([]string, len(c.RefuseName))
	for i, p := range c.RefuseName {
		patterns[i] = string(p)
	}
	return patterns
}

// A Network is a range of addresses, or one address.
type Network struct{ netip.Prefix }

// UnmarshalText reads 10.0.0.0/8 or 10.1.2.3.
func (n *Network) UnmarshalText(text []byte) error {
	if a, err := netip.ParseAddr(string(text)); err == nil {
		n.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	p, err := netip.ParsePrefix(string(text))
	if err != nil {
		return fmt.Errorf("%q is not an address or a network such as 10.0.0.0/8", text)
	}
	n.Prefix = p.Masked()
	return nil
}

// ConfigFile is the name of the YAML file. Its keys are the flags of serve;
// the flags --dav-… stand in a section "dav:", --oidc-… in "oidc:".
type ConfigFile string

// BeforeResolve reads the file when kong has seen its name.
func (ConfigFile) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	name := string(ctx.FlagValue(trace.Flag).(ConfigFile))
	if name == "" {
		return nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	known := map[string]bool{}
	for _, f := range ctx.Model.Flags {
		known[f.Name] = f.Name == "data"
	}
	for _, cmd := range ctx.Model.Children {
		for _, f := range cmd.Flags {
			known[f.Name] = known[f.Name] || cmd.Name == "serve"
		}
	}
	settings, err := parseSettings(name, data, known)
	if err != nil {
		return err
	}
	ctx.AddResolver(settings)
	return nil
}

// sections of the file hold the flags that begin with their names.
var sections = [...]string{"dav", "oidc"}

// settings are the values of one file, by flag.
type settings struct {
	file   string
	values map[string]setting
}

type setting struct {
	text string
	line int
	read any // what was read already, in place of text
}

func parseSettings(file string, data []byte, known map[string]bool) (*settings, error) {
	s := &settings{file: file, values: map[string]setting{}}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(doc.Content) == 0 {
		return s, nil
	}
	return s, s.add("", doc.Content[0], known)
}

// add takes the keys of one mapping; prefix is that of their flags.
func (s *settings) add(prefix string, m *yaml.Node, known map[string]bool) error {
	if m.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: want \"key: value\" lines", s.file, m.Line)
	}
	for i := 0; i < len(m.Content); i += 2 {
		key, value := m.Content[i], m.Content[i+1]
		name := prefix + key.Value
		fail := func(what string) error {
			shown := name
			for _, section := range sections {
				if rest, ok := strings.CutPrefix(shown, section+"-"); ok {
					shown = section + "." + rest
				}
			}
			return fmt.Errorf("%s:%d: %s %q", s.file, key.Line, what, shown)
		}
		if prefix == "" && slices.Contains(sections[:], key.Value) {
			if err := s.add(key.Value+"-", value, known); err != nil {
				return err
			}
			continue
		}
		inSection := slices.ContainsFunc(sections[:], func(section string) bool { return strings.HasPrefix(name, section+"-") })
		if !known[name] || prefix == "" && inSection {
			return fail("unknown key")
		}
		if _, twice := s.values[name]; twice {
			return fail("a second")
		}
		if name == "products" {
			products, err := readProducts(s.file, value)
			if err != nil {
				return err
			}
			s.values[name] = setting{line: key.Line, read: products}
			continue
		}
		switch value.Kind {
		case yaml.ScalarNode:
			s.values[name] = setting{text: value.Value, line: key.Line}
		case yaml.SequenceNode:
			var words []string
			for _, v := range value.Content {
				if v.Kind != yaml.ScalarNode {
					return fail("no plain list:")
				}
				words = append(words, v.Value)
			}
			s.values[name] = setting{text: strings.Join(words, ","), line: key.Line}
		default:
			return fail("no plain value:")
		}
	}
	return nil
}

// Validate is part of kong.Resolver.
func (*settings) Validate(*kong.Application) error { return nil }

// Resolve gives kong the file's value of a flag, tried first so that the error
// names the place. The environment goes before the file.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	v, ok := s.values[flag.Name]
	if !ok {
		return nil, nil
	}
	if v.read != nil {
		return v.read, nil
	}
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil
		}
	}
	if flag.Name == "data" && !filepath.IsAbs(v.text) {
		v.text = filepath.Join(filepath.Dir(s.file), v.text)
	}
	try := reflect.New(flag.Target.Type()).Elem()
	if err := flag.Parse(kong.Scan().PushTyped(v.text, kong.FlagValueToken), try); err != nil {
		return nil, fmt.Errorf("%s:%d: %s", s.file, v.line, strings.TrimPrefix(err.Error(), flag.ShortSummary()+": "))
	}
	if flag.Enum != "" && !flag.EnumMap()[v.text] {
		return nil, fmt.Errorf("%s:%d: %q is none of %s", s.file, v.line, v.text, flag.Enum)
	}
	return v.text, nil
}
