package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// What changes file collections. Every call takes a bulk, and does all of it or nothing: its
// items are all judged first, and of several reasons to refuse the worst one is told (D5).

const (
	maxTitleLength = 16384
)

// readLenient reads a body as the contract of file collections wants it: whatever its
// Content-Type says, with keys and texts that may lack their quotes.
func readLenient(c echo.Context) (*object, error) {
	body, err := readWhole(c.Response(), c.Request(), maxJSONBody)
	if err != nil {
		return nil, err
	}
	return lenientObject(body)
}

func lenientObject(body []byte) (*object, error) {
	if !utf8.Valid(body) {
		return nil, &paramError{"body", "must be UTF-8"}
	}
	o := &object{fault: new(error)}
	if len(strings.TrimSpace(string(body))) == 0 {
		return o, nil
	}
	var err error
	o.fields, err = jsonObject(lenientJSON(body))
	return o, err
}

// bulkIn returns the items of a bulk, at least one.
func bulkIn(in *object) []*object {
	in.want("items")
	if n := len(in.list("items")); in.bad() == nil && (n == 0 || n > maxBulk) {
		in.refuse("items", "must have 1 to %d elements", maxBulk)
	}
	return in.objects("items")
}

// titleIn reads a title. Its characters are the owner's choice, but for those that change how
// the text around them is shown.
func titleIn(in *object, name string) string {
	title := in.text(name)
	switch {
	case in.bad() != nil:
	case strings.ContainsRune(title, '\n'):
		in.refuse(name, "cannot contain new-lines")
	case title == "":
		in.refuse(name, "is too short")
	case strings.TrimSpace(title) == "":
		in.refuse(name, "cannot be blank")
	case utf8.RuneCountInString(title) > maxTitleLength:
		in.refuse(name, "is too long: at most %d characters", maxTitleLength)
	case strings.ContainsFunc(title, unicode.IsControl), strings.ContainsFunc(title, isBidiControl):
		in.refuse(name, "cannot contain control characters")
	}
	if _, is := store.ParseID(title); is {
		in.refuse(name, "cannot look like an ID")
	}
	return title
}

// isBidiControl says whether a character turns the direction of all text behind it.
func isBidiControl(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// refusals collects what is against the items of a bulk, and keeps the worst.
type refusals struct {
	err  error
	rank int
}

// add notes a reason not to do item i; the first of the worst kind counts.
func (r *refusals) add(i int, err error) {
	rank := 1
	switch {
	case errors.Is(err, fs.ErrNotExist):
		rank = 4
	case errors.Is(err, store.ErrMaintenance), errors.Is(err, store.ErrUnsupported):
		rank = 2
	case errors.Is(err, fs.ErrPermission):
		rank = 3
	}
	if rank > r.rank {
		r.err, r.rank = &store.ItemError{Item: i, Err: err}, rank
	}
}

// idsIn reads the IDs of the folders that the items are about. One folder cannot be in a bulk twice:
// clients cannot know in which order items are done.
func idsIn(items []*object) []string {
	ids := make([]string, len(items))
	seen := make(map[string]bool, len(items))
	for i, item := range items {
		text := item.text("id")
		id, ok := store.ParseID(text)
		if ok && seen[id] {
			item.refuse("id", "is in the request twice")
		}
		seen[id] = true
		ids[i] = text
	}
	return ids
}

// targets finds the folders of a bulk, all of which the caller must have rights on and
// the folders' products must allow the operation for; verb words the refusal.
func (s *Server) targets(c echo.Context, p store.Principal, ids []string, want store.Rights, op store.Operation, verb string) ([]store.Mount, error) {
	mounts := make([]store.Mount, len(ids))
	var refused refusals
	for i, id := range ids {
		m, err := s.collection(c, p, id)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, err
		case err != nil:
			refused.add(i, fs.ErrNotExist)
		case !m.Rights.Has(want):
			needs := permEdit
			if want == store.Admin {
				needs = permAdmin
			}
			refused.add(i, fmt.Errorf("%w: you may not %s this folder, which needs %s", fs.ErrPermission, verb, needs))
		default:
			if err := s.productFor(m.Folder).May(op, s.now()); err != nil {
				refused.add(i, err)
			}
		}
		mounts[i] = m
	}
	return mounts, refused.err
}

// workspace is where a request acts, and what the caller is there.
type workspace struct {
	project string     // ID; "" is the caller's own
	role    store.Role // in the project
	owner   string     // user ID
	limit   int64      // of folders
}

// workspaceOf is the workspace that the request names: a project's ID, or "" for the caller's own.
func (s *Server) workspaceOf(c echo.Context, p store.Principal) string {
	header := c.Request().Header.Get("Project")
	if id, ok := store.ParseID(header); ok {
		header = id
	}
	return p.Workspace(header)
}

// memberOf is workspaceOf for who wants to make folders there; fs.ErrPermission for who is no member.
func (s *Server) memberOf(ctx context.Context, p store.Principal, project string) (w workspace, err error) {
	w = workspace{project: project, owner: p.UserID}
	var limits store.Limits
	if project == "" {
		u, err := s.store.User(ctx, p.UserID)
		if err != nil {
			return w, fmt.Errorf("owner of the new folder: %w", hide(err))
		}
		limits = u.Limits
	} else {
		m, err := s.store.Member(ctx, project, p.UserID)
		if errors.Is(err, fs.ErrNotExist) {
			return w, fmt.Errorf("%w: you are not a member of the project that the header Project names", fs.ErrPermission)
		}
		if err != nil {
			return w, err
		}
		w.role = m.Role
		pr, err := s.store.Project(ctx, project)
		if err != nil {
			return w, hide(err)
		}
		limits = pr.Limits
	}
	if w.limit = limits.MaxFolders; w.limit == store.Default {
		w.limit = s.defaults.MaxFolders
	}
	return w, nil
}

var errNoMaker = fmt.Errorf("%w: this token cannot make folders", fs.ErrPermission) // D30

// newCollectionsIn reads what folders are to be made, and of which products.
func newCollectionsIn(in *object) (news []store.NewFolder, refs []store.ProductRef) {
	for _, item := range bulkIn(in) {
		n := store.NewFolder{Folder: store.Folder{Title: titleIn(item, "title"), MaxBytes: store.Default, MaxFiles: store.Default}}
		n.Labels, _ = optLabels(item, "labels")
		item.want("product")
		product := item.object("product")
		news = append(news, n)
		refs = append(refs, store.ProductRef{ID: product.text("id"), Category: product.text("category"), Provider: product.text("provider")})
	}
	return news, refs
}

// createCollections makes folders in the active workspace.
func (s *Server) createCollections(c echo.Context, p store.Principal) error {
	in, err := readLenient(c)
	if err != nil {
		return err
	}
	news, refs := newCollectionsIn(in)
	if err := in.bad(); err != nil {
		return err
	}
	if p.ReadOnly || p.Narrowed() {
		return errNoMaker
	}
	ctx := c.Request().Context()
	w, err := s.memberOf(ctx, p, s.workspaceOf(c, p))
	if err != nil {
		return err
	}
	if w.project != "" && !w.role.Manages() {
		return fmt.Errorf("%w: only a PI or ADMIN of the project may make folders in it", fs.ErrPermission)
	}
	for i := range news {
		news[i].OwnerID = p.UserID
		product, ok := s.products.Find(refs[i])
		if !ok {
			return &store.ItemError{Item: i, Err: &paramError{"product", fmt.Sprintf("there is no product %s", printable(refs[i].Key()))}}
		}
		news[i].ProjectID, news[i].Product, news[i].MaxFolders = w.project, s.products.Column(product), w.limit
		news[i].UniqueTitle, news[i].FoldTitle = s.cfg.UniqueTitles, s.cfg.UniqueTitles
	}
	var refused refusals
	for i := range news {
		if err := s.productFor(news[i].Folder).May(store.OpCreate, s.now()); err != nil {
			refused.add(i, err)
		}
	}
	if refused.err != nil {
		return refused.err
	}
	if err := s.roomFor(ctx, news); err != nil {
		return err
	}
	made, err := s.files.CreateFolders(ctx, news)
	if s.cfg.UniqueTitles && errors.Is(err, fs.ErrExist) {
		return &refusal{status: 400, why: "Cannot create drive with existing drive name", err: err}
	}
	if err != nil {
		return err
	}
	answer := make([]idOnly, len(made))
	for i, f := range made {
		answer[i].ID = f.ID
	}
	return answerJSON(c, responses[idOnly]{answer})
}

// roomFor refuses new folders, all of one workspace, of a category in which it is full: nothing could be put into them.
func (s *Server) roomFor(ctx context.Context, news []store.NewFolder) error {
	categories, err := s.files.WorkspaceUsage(ctx, news[0].WorkspaceID())
	if err != nil {
		return err
	}
	for i, n := range news {
		key := s.productFor(n.Folder).CategoryKey()
		for _, c := range categories {
			if taken := c.Bytes + c.Reserved; c.Category == key && c.MaxBytes > 0 && taken >= c.MaxBytes {
				return &store.ItemError{Item: i, Err: &davfs.LimitError{Kind: davfs.LimitWorkspace, Limit: c.MaxBytes, Used: taken, Wanted: 1}}
			}
		}
	}
	return nil
}

// deleteCollections hides folders at once on every door; they can be restored for a while (D23).
func (s *Server) deleteCollections(c echo.Context, p store.Principal) error {
	in, err := readLenient(c)
	if err != nil {
		return err
	}
	ids := idsIn(bulkIn(in))
	if err := in.bad(); err != nil {
		return err
	}
	mounts, err := s.targets(c, p, ids, store.Remove, store.OpDelete, "delete")
	if err != nil {
		return err
	}
	if err := s.files.DeleteFolders(c.Request().Context(), folderIDs(mounts), true); err != nil {
		return err
	}
	return answerJSON(c, responses[nothing]{make([]nothing, len(mounts))})
}

func folderIDs(mounts []store.Mount) []string {
	ids := make([]string, len(mounts))
	for i, m := range mounts {
		ids[i] = m.Folder.ID
	}
	return ids
}

// renamesIn reads the IDs of folders, as they are sent, and their new titles.
func renamesIn(in *object) (ids []string, names []store.Rename) {
	items := bulkIn(in)
	for _, item := range items {
		names = append(names, store.Rename{Title: titleIn(item, "newTitle")})
	}
	return idsIn(items), names
}

// renameCollections gives folders other titles; IDs and paths stay.
func (s *Server) renameCollections(c echo.Context, p store.Principal) error {
	in, err := readLenient(c)
	if err != nil {
		return err
	}
	ids, names := renamesIn(in)
	if err := in.bad(); err != nil {
		return err
	}
	mounts, err := s.targets(c, p, ids, store.Remove, store.OpRename, "rename")
	if err != nil {
		return err
	}
	for i, m := range mounts {
		names[i].ID = m.Folder.ID
	}
	if err := s.store.RenameFolders(c.Request().Context(), names); err != nil {
		return err
	}
	return answerJSON(c, nothing{})
}

// labelsIn reads the IDs of folders, as they are sent, and their new labels; null is none.
func labelsIn(in *object) (ids []string, labels []store.FolderLabels) {
	items := bulkIn(in)
	for _, item := range items {
		if _, given := item.fields["labels"]; !given {
			item.want("labels")
		}
		all, _ := optLabels(item, "labels")
		labels = append(labels, store.FolderLabels{Labels: all})
	}
	return idsIn(items), labels
}

// labelCollections replaces the labels of folders.
func (s *Server) labelCollections(c echo.Context, p store.Principal) error {
	in, err := readLenient(c)
	if err != nil {
		return err
	}
	ids, labels := labelsIn(in)
	if err := in.bad(); err != nil {
		return err
	}
	mounts, err := s.targets(c, p, ids, store.Write, store.OpRead, "label")
	if err != nil {
		return err
	}
	for i, m := range mounts {
		labels[i].ID = m.Folder.ID
	}
	if err := s.store.SetLabels(c.Request().Context(), labels); err != nil {
		return err
	}
	return answerJSON(c, nothing{})
}

// grantChangesIn reads the IDs of folders, as they are sent, and what is to change in their access lists.
func grantChangesIn(in *object) (ids []string, changes []store.GrantChange) {
	items := bulkIn(in)
	for _, item := range items {
		item.want("added")
		item.want("deleted")
		var change store.GrantChange
		for _, e := range item.objects("deleted") {
			change.Delete = append(change.Delete, entityIn(e))
		}
		for _, e := range item.objects("added") {
			e.want("entity")
			change.Add = addRights(change.Add, entityIn(e.object("entity")), permissionsIn(e))
		}
		changes = append(changes, change)
	}
	return idsIn(items), changes
}

// shareCollections changes access lists: first what is to be deleted goes, then what is added
// takes the place of what the same user or group had.
func (s *Server) shareCollections(c echo.Context, p store.Principal) error {
	in, err := readLenient(c)
	if err != nil {
		return err
	}
	ids, changes := grantChangesIn(in)
	if err := in.bad(); err != nil {
		return err
	}
	mounts, err := s.targets(c, p, ids, store.Admin, store.OpShare, "share")
	if err != nil {
		return err
	}
	for i, m := range mounts {
		f := m.Folder
		changes[i].FolderID = f.ID
		changes[i].Add = slices.DeleteFunc(changes[i].Add, func(e store.EntityRights) bool {
			return e.Group == "" && f.ProjectID == "" && e.User == f.OwnerName // has everything anyway
		})
	}
	if err := s.store.ChangeGrants(c.Request().Context(), changes); err != nil {
		return err
	}
	return answerJSON(c, responses[nothing]{make([]nothing, len(mounts))})
}

// entityIn reads whom an access list names.
func entityIn(in *object) (e store.Entity) {
	switch kind := in.text("type"); {
	case in.bad() != nil:
	case kind == "user":
		if e.User = in.text("username"); in.bad() == nil && e.User == "" {
			in.refuse("username", "is empty")
		}
	case kind == "project_group":
		e.Project, e.Group = idIn(in, "projectId"), idIn(in, "group")
	default:
		in.refuse("type", "must be user or project_group")
	}
	return e
}

// idIn reads an ID of Davit's. One of another form is nobody's, and stays as it is.
func idIn(in *object, name string) string {
	text := in.text(name)
	if in.bad() == nil && text == "" {
		in.refuse(name, "is empty")
	}
	if id, ok := store.ParseID(text); ok {
		return id
	}
	return text
}

// permissionsIn reads permissions as rights. ADMIN and PROVIDER cannot be granted, and are passed over.
func permissionsIn(in *object) (r store.Rights) {
	in.want("permissions")
	for i, word := range in.texts("permissions") {
		switch word {
		case permRead:
			r |= store.Read
		case permEdit:
			r |= rightsEdit
		case permAdmin, "PROVIDER":
		default:
			in.refuse(fmt.Sprintf("permissions[%d]", i), "must be READ or EDIT")
		}
	}
	return r
}

// addRights adds an entry; an entity that is named again has both.
func addRights(list []store.EntityRights, e store.Entity, r store.Rights) []store.EntityRights {
	if r == 0 {
		return list
	}
	for i := range list {
		if list[i].Entity == e {
			list[i].Rights |= r
			return list
		}
	}
	return append(list, store.EntityRights{Entity: e, Rights: r})
}

// initCollections makes the folder that everybody has for everything, if the caller has none in the
// active workspace. It is a hint of the client's: whatever comes of it, the answer is the same.
func (s *Server) initCollections(c echo.Context, p store.Principal) error {
	if err := s.makeHome(c.Request().Context(), p, s.workspaceOf(c, p)); err != nil && !errors.Is(err, fs.ErrExist) {
		s.log.Info("no home was made", "user", p.UserName, "error", err)
	}
	return answerJSON(c, nothing{})
}

// makeHome makes Home, or in a project the caller's own part of it, which belongs to the project.
func (s *Server) makeHome(ctx context.Context, p store.Principal, project string) error {
	if p.ReadOnly || p.Narrowed() {
		return errNoMaker
	}
	w, err := s.memberOf(ctx, p, project)
	if err != nil {
		return err
	}
	n := store.NewFolder{
		Folder: store.Folder{
			OwnerID: p.UserID, ProjectID: w.project, Title: homeTitle, MaxBytes: store.Default, MaxFiles: store.Default,
		},
		UniqueTitle: true, // of two calls at once one makes it
		MaxFolders:  w.limit,
	}
	if w.project != "" {
		n.Title = memberFilesTitle + p.UserName
		n.OwnerRights = store.Read | rightsEdit
	}
	_, err = s.files.CreateFolder(ctx, n)
	return err
}
