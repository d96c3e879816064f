package davfs

import (
	"encoding/xml"
	"slices"
	"strconv"
	"time"

	"davit/store"
)

// liveID names a property whose value the server makes (RFC 4918, section 15).
type liveID uint8

const (
	notLive liveID = iota
	propCreationdate
	propDisplayname
	propGetcontentlength
	propGetcontenttype
	propGetetag
	propGetlastmodified
	propLockdiscovery
	propResourcetype
	propSupportedlock
	propQuotaAvailable // RFC 4331
	propQuotaUsed
	propQuotaOld // of a draft before RFC 4331, still asked for
	propQuotaUsedOld
	propOwner         // RFC 3744
	propUserPrincipal // RFC 5397
	propPrivileges    // RFC 3744
	propReports       // RFC 3253
	propSyncToken     // RFC 6578
	propPrincipalURL  // RFC 3744, section 4
	propAlternateURIs
	propMembership
	propLanguage     // RFC 4918, section 15.6: only what a client has set
	propLastmodified // what sync clients set the time of modification by, in seconds
	propOCSize       // ownCloud
	propOCPermissions
	propOCOwner
	propOCChecksums
	propExecutable   // mod_dav
	propWin32Created // the Windows redirector, see serveProppatch
	propWin32Accessed
	propWin32Modified
	propWin32Attributes
	propResourceID // RFC 5842: no resource has this one and the next ones, but clients believe what they say
	propACL
	propOCID
	propOCFileID
)

const (
	apacheSpace   = "http://apache.org/dav/props/"
	win32Space    = "urn:schemas-microsoft-com:"
	owncloudSpace = "http://owncloud.org/ns"
)

// liveProp is what is known about a live property but its value.
type liveProp struct {
	name        xml.Name
	files, dirs bool
	users       bool // principals
	all         bool // part of allprop (RFC 4918, section 9.1; RFC 4331 and RFC 3744 keep theirs out)
	stored      bool // a client's value, kept like a dead property, comes first
}

var liveProps = [...]liveProp{
	propCreationdate:     {name: davName("creationdate"), files: true, dirs: true, all: true},
	propDisplayname:      {name: davName("displayname"), files: true, dirs: true, users: true, all: true},
	propGetcontentlength: {name: davName("getcontentlength"), files: true, all: true},
	propGetcontenttype:   {name: davName("getcontenttype"), files: true, all: true},
	propGetetag:          {name: davName("getetag"), files: true, dirs: true, all: true},
	propGetlastmodified:  {name: davName("getlastmodified"), files: true, dirs: true, all: true},
	propLockdiscovery:    {name: davName("lockdiscovery"), files: true, dirs: true, all: true},
	propResourcetype:     {name: davName("resourcetype"), files: true, dirs: true, users: true, all: true},
	propSupportedlock:    {name: davName("supportedlock"), files: true, dirs: true, all: true},
	propQuotaAvailable:   {name: davName("quota-available-bytes"), dirs: true},
	propQuotaUsed:        {name: davName("quota-used-bytes"), dirs: true},
	propQuotaOld:         {name: davName("quota"), dirs: true},
	propQuotaUsedOld:     {name: davName("quotaused"), dirs: true},
	propOwner:            {name: davName("owner"), files: true, dirs: true},
	propUserPrincipal:    {name: davName("current-user-principal"), files: true, dirs: true, users: true},
	propPrivileges:       {name: davName("current-user-privilege-set"), files: true, dirs: true, users: true},
	propReports:          {name: davName("supported-report-set"), files: true, dirs: true, users: true},
	propSyncToken:        {name: davName("sync-token"), dirs: true},
	propPrincipalURL:     {name: davName("principal-URL"), users: true},
	propAlternateURIs:    {name: davName("alternate-URI-set"), users: true},
	propMembership:       {name: davName("group-membership"), users: true},
	propLanguage:         {name: davName("getcontentlanguage"), files: true, stored: true},
	propLastmodified:     {name: davName("lastmodified"), files: true, dirs: true},
	propOCSize:           {name: xml.Name{Space: owncloudSpace, Local: "size"}, files: true, dirs: true},
	propOCPermissions:    {name: xml.Name{Space: owncloudSpace, Local: "permissions"}, files: true, dirs: true},
	propOCOwner:          {name: xml.Name{Space: owncloudSpace, Local: "owner-display-name"}, files: true, dirs: true},
	propOCChecksums:      {name: xml.Name{Space: owncloudSpace, Local: "checksums"}, files: true},
	propExecutable:       {name: xml.Name{Space: apacheSpace, Local: "executable"}, files: true},
	propWin32Created:     {name: xml.Name{Space: win32Space, Local: "Win32CreationTime"}, files: true, dirs: true, stored: true},
	propWin32Accessed:    {name: xml.Name{Space: win32Space, Local: "Win32LastAccessTime"}, files: true, dirs: true, stored: true},
	propWin32Modified:    {name: xml.Name{Space: win32Space, Local: "Win32LastModifiedTime"}, files: true, dirs: true},
	propWin32Attributes:  {name: xml.Name{Space: win32Space, Local: "Win32FileAttributes"}, files: true, dirs: true, stored: true},
	propResourceID:       {name: davName("resource-id")},
	propACL:              {name: davName("acl")},
	propOCID:             {name: xml.Name{Space: owncloudSpace, Local: "id"}},
	propOCFileID:         {name: xml.Name{Space: owncloudSpace, Local: "fileid"}},
}

func davName(local string) xml.Name { return xml.Name{Space: davSpace, Local: local} }

// liveByName finds live properties.
var liveByName = func() map[xml.Name]liveID {
	m := make(map[xml.Name]liveID, len(liveProps))
	for id := propCreationdate; int(id) < len(liveProps); id++ {
		m[liveProps[id].name] = id
	}
	return m
}()

// has says whether the property exists on such a resource.
func (d *described) has(id liveID) bool {
	p := &liveProps[id]
	switch {
	case d.user != "":
		return p.users
	case d.Dir:
		return p.dirs
	}
	return p.files
}

// described is a resource whose properties are asked for.
type described struct {
	Info
	tree   *Tree      // nil for /dav/ and above
	name   string     // in the tree, as on disk
	mount  string     // segment under /dav/ that the client uses, for lock roots
	sums   *checksums // of the file, if they are asked for and kept
	title  string     // displayname, if not the last segment
	etag   string     // if there is no tree
	owner  string     // user name of the folder's owner
	user   string     // whose principal this is
	rights store.Rights
	quota  func() (used, available int64, err error) // of collections
	caller store.Principal
	now    time.Time
}

// appendLive appends a live property with its value. On an error, and if this
// resource cannot have it, ok is false and b is unchanged.
func (d *described) appendLive(b []byte, id liveID) (_ []byte, ok bool) {
	if !d.has(id) {
		return b, false
	}
	begin := len(b)
	p := &liveProps[id]
	dav := p.name.Space == davSpace
	if dav {
		b = append(append(append(b, "<D:"...), p.name.Local...), '>')
	} else {
		b = append(append(append(b, "<x:"...), p.name.Local...), ` xmlns:x="`...)
		b = append(append(b, p.name.Space...), `">`...)
	}
	switch id {
	case propCreationdate:
		b = appendISODate(b, d.created())
	case propGetlastmodified, propWin32Modified:
		b = appendHTTPDate(b, d.MTime)
	case propWin32Created:
		b = appendHTTPDate(b, d.created())
	case propWin32Accessed:
		b = appendHTTPDate(b, d.MTime) // nobody keeps access times
	case propWin32Attributes:
		if d.Dir {
			b = append(b, "00000010"...)
		} else {
			b = append(b, "00000020"...)
		}
	case propDisplayname:
		if d.title != "" {
			b = appendText(b, d.title)
		} else {
			b = appendText(b, d.Name)
		}
	case propGetcontentlength:
		b = strconv.AppendInt(b, d.Size, 10)
	case propGetcontenttype:
		b = appendText(b, contentType(d.Name))
	case propGetetag:
		switch {
		case d.tree == nil:
			b = append(b, d.etag...)
		case d.Dir:
			b = append(b, d.tree.ETag(d.name, d.Info)...)
		default:
			b = d.appendETag(b)
		}
	case propLockdiscovery:
		b = d.appendLocks(b)
	case propResourcetype:
		switch {
		case d.user != "":
			b = append(b, "<D:principal/>"...) // RFC 3744, section 4
		case d.Dir:
			b = append(b, "<D:collection/>"...)
		}
	case propSupportedlock:
		if d.tree != nil && d.name != "" {
			b = append(b, supportedLocks...)
		}
	case propQuotaAvailable, propQuotaUsed, propQuotaOld, propQuotaUsedOld:
		used, available, err := d.quota()
		if err != nil {
			return b[:begin], false
		}
		switch id {
		case propQuotaAvailable:
			b = strconv.AppendInt(b, available, 10)
		case propQuotaOld: // the whole size
			b = strconv.AppendInt(b, used+available, 10)
		default:
			b = strconv.AppendInt(b, used, 10)
		}
	case propOwner:
		if d.owner == "" {
			return b[:begin], false
		}
		b = appendPrincipalHref(b, d.owner)
	case propUserPrincipal:
		b = appendPrincipalHref(b, d.caller.UserName)
	case propSyncToken:
		following := d.tree != nil
		if following {
			b, following = d.tree.f.appendSyncToken(b)
		}
		if !following {
			return b[:begin], false
		}
	case propPrincipalURL:
		b = appendPrincipalHref(b, d.user)
	case propAlternateURIs, propMembership: // none
	case propPrivileges:
		b = d.appendPrivileges(b)
	case propReports:
		b = d.appendReports(b)
	case propLanguage: // not set, else the client's value came first
		return b[:begin], false
	case propLastmodified:
		b = strconv.AppendInt(b, d.ModTime().Unix(), 10)
	case propOCSize:
		size := d.Size
		if d.Dir {
			if d.name != "" {
				return b[:begin], false // nobody keeps it, and nothing is walked for a property
			}
			var err error
			if size, _, err = d.quota(); err != nil {
				return b[:begin], false
			}
		}
		b = strconv.AppendInt(b, size, 10)
	case propOCPermissions:
		b = d.appendPermissions(b)
	case propOCOwner:
		if d.owner == "" {
			return b[:begin], false
		}
		b = appendText(b, d.owner)
	case propOCChecksums:
		if d.sums == nil || d.sums.empty() {
			return b[:begin], false
		}
		b = appendChecksums(b, d.sums)
	case propExecutable:
		if d.Mode&0o100 != 0 {
			b = append(b, 'T')
		} else {
			b = append(b, 'F')
		}
	}
	if dav {
		b = append(b, "</D:"...)
	} else {
		b = append(b, "</x:"...)
	}
	return append(append(b, p.name.Local...), '>'), true
}

// created is the birth time, or on a file system without it the time of the last change.
func (d *described) created() int64 {
	if d.Birth == 0 {
		return d.MTime
	}
	return d.Birth
}

// appendHTTPDate is time.Time.AppendFormat of http.TimeFormat in a quarter of the time, which
// was most of what a listing cost. The time is in ns since 1970, so its year has four digits.
func appendHTTPDate(b []byte, ns int64) []byte {
	t := time.Unix(0, ns).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	const days, months = "SunMonTueWedThuFriSat", "JanFebMarAprMayJunJulAugSepOctNovDec"
	b = append(b, days[3*t.Weekday():][:3]...)
	b = append(b, ',', ' ', byte('0'+day/10), byte('0'+day%10), ' ')
	b = append(b, months[3*(month-1):][:3]...)
	b = append(b, ' ', byte('0'+year/1000), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10), ' ',
		byte('0'+hour/10), byte('0'+hour%10), ':', byte('0'+minute/10), byte('0'+minute%10), ':', byte('0'+second/10), byte('0'+second%10))
	return append(b, " GMT"...)
}

// appendISODate is the same for the form of RFC 3339.
func appendISODate(b []byte, ns int64) []byte {
	t := time.Unix(0, ns).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	return append(b, byte('0'+year/1000), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10), '-',
		byte('0'+month/10), byte('0'+month%10), '-', byte('0'+day/10), byte('0'+day%10), 'T',
		byte('0'+hour/10), byte('0'+hour%10), ':', byte('0'+minute/10), byte('0'+minute%10), ':', byte('0'+second/10), byte('0'+second%10), 'Z')
}

const supportedLocks = "<D:lockentry><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>" +
	"<D:lockentry><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>"

func (d *described) appendLocks(b []byte) []byte {
	if d.tree == nil {
		return b
	}
	for _, l := range d.tree.f.locks.covering(d.name) {
		b = d.appendActiveLock(b, l)
	}
	return b
}

// otherToken stands for the token of another user's lock (LCK-10).
const otherToken = "urn:uuid:00000000-0000-0000-0000-000000000000"

// appendActiveLock appends the activelock element of a lock (RFC 4918, section 14.1).
func (d *described) appendActiveLock(b []byte, l store.Lock) []byte {
	b = append(b, "<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope>"...)
	if l.Shared {
		b = append(b, "<D:shared/>"...)
	} else {
		b = append(b, "<D:exclusive/>"...)
	}
	b = append(b, "</D:lockscope><D:depth>"...)
	if l.Infinite {
		b = append(b, "infinity"...)
	} else {
		b = append(b, '0')
	}
	b = append(b, "</D:depth>"...)
	if l.OwnerXML != "" {
		b = append(append(append(b, "<D:owner>"...), l.OwnerXML...), "</D:owner>"...)
	}
	b = append(b, "<D:timeout>Second-"...)
	left := (l.Expires.Sub(d.now) + time.Second - 1) / time.Second
	b = strconv.AppendInt(b, max(1, int64(left)), 10)
	b = append(b, "</D:timeout><D:locktoken><D:href>"...)
	if l.UserID == d.caller.UserID {
		b = appendText(b, l.Token)
	} else {
		b = append(b, otherToken...)
	}
	b = append(b, "</D:href></D:locktoken><D:lockroot><D:href>"...)
	dir := l.Path == "" || l.Path != d.name || d.Dir // a lock from above has its root at a collection
	b = append(b, hrefOf(davPath{Mount: d.mount, Name: l.Path}, dir)...)
	return append(b, "</D:href></D:lockroot></D:activelock>"...)
}

// appendPrivileges appends what the caller may do here, as RFC 3744 (section 3 and appendix B) divides the methods. That
// nobody can lock the folder itself (D6) is not said here but by supportedlock.
func (d *described) appendPrivileges(b []byte) []byte {
	var names []string
	if d.rights.Has(store.Read) {
		names = append(names, "read", "read-current-user-privilege-set")
	}
	if d.rights.Has(store.Write) {
		names = append(names, "write", "write-properties", "write-content")
		if d.Dir {
			names = append(names, "bind", "unbind")
		}
	}
	if d.tree != nil && mayUnlock(d.caller, d.rights) {
		names = append(names, "unlock") // others' locks; who made one needs no privilege (RFC 3744, section 3.5)
	}
	for _, n := range names {
		b = append(append(append(b, "<D:privilege><D:"...), n...), "/></D:privilege>"...)
	}
	return b
}

// appendPermissions appends the letters by which ownCloud's clients know what they may do: S shared with
// the caller, G readable, D deletable, N and V may be renamed and moved, W writable, C and K take new files and
// collections. R, may be shared on, is never there: that is not done over WebDAV.
func (d *described) appendPermissions(b []byte) []byte {
	if d.owner != "" && d.owner != d.caller.UserName {
		b = append(b, 'S')
	}
	if d.rights.Has(store.Read) {
		b = append(b, 'G')
	}
	if !d.rights.Has(store.Write) {
		return b
	}
	if d.name != "" { // the folder itself stays (D6)
		b = append(b, "DNV"...)
	}
	if d.Dir {
		return append(b, "CK"...)
	}
	return append(b, 'W')
}

// wanted is one property that a PROPFIND names.
type wanted struct {
	id     liveID // notLive for a dead one
	name   xml.Name
	expand *propfind // see propfind.expand
}

// compile finds the live ones among the names once for all resources.
func (pf *propfind) compile() {
	pf.wants = make([]wanted, len(pf.names))
	pf.dead = pf.kind != propfindProps
	for i, name := range pf.names {
		id := liveByName[name]
		pf.wants[i] = wanted{id, name, pf.expand[name]}
		if id == notLive || liveProps[id].stored {
			pf.dead = true
		}
		if id == propOCChecksums {
			pf.sums = true
		}
	}
	pf.cacheable, pf.locks = pf.canKeep()
}

// appendResponse appends the properties that pf asks for, as propstat elements
// (RFC 4918, section 14.22): each property in exactly one. Without missing, those that the
// resource does not have are left out (PRO-12).
func (d *described) appendResponse(b []byte, pf *propfind, dead []store.Prop, missing bool) []byte {
	begin := len(b)
	b = append(b, "<D:propstat><D:prop>"...)
	empty := len(b)
	var absent []xml.Name
	switch pf.kind {
	case propfindNames:
		for id := propCreationdate; int(id) < len(liveProps); id++ {
			if liveProps[id].stored {
				continue // among the dead ones, if it was set
			}
			if with, ok := d.appendLive(b, id); ok {
				b = appendEmpty(with[:len(b)], liveProps[id].name)
			}
		}
		for _, p := range dead {
			b = appendEmpty(b, xml.Name{Space: p.Space, Local: p.Name})
		}
	case propfindAll:
		for id := propCreationdate; id <= propSupportedlock; id++ {
			if liveProps[id].all {
				b, _ = d.appendLive(b, id)
			}
		}
		for _, p := range dead {
			b = append(b, p.XML...)
		}
	}
	for _, w := range pf.wants {
		if pf.kind == propfindAll && w.id != notLive && liveProps[w.id].all {
			continue // it is there
		}
		ok := false
		if w.id == notLive || liveProps[w.id].stored {
			if i := slices.IndexFunc(dead, func(p store.Prop) bool { return p.Name == w.name.Local && p.Space == w.name.Space }); i >= 0 {
				ok = true
				if pf.kind != propfindAll { // which has the dead ones already
					b = append(b, dead[i].XML...)
				}
			}
		}
		if !ok && w.id != notLive {
			if w.expand != nil {
				b, ok = d.appendExpanded(b, w)
			} else {
				b, ok = d.appendLive(b, w.id)
			}
		}
		if !ok {
			absent = append(absent, w.name)
		}
	}
	missing = missing && len(absent) > 0
	if len(b) == empty && missing {
		b = b[:begin]
	} else {
		b = append(b, "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"...)
	}
	if missing {
		b = append(b, "<D:propstat><D:prop>"...)
		for _, name := range absent {
			b = appendEmpty(b, name)
		}
		b = append(b, "</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>"...)
	}
	return b
}
