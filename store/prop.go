package store

// Identity tells two files apart that had the same name one after the other.
type Identity struct {
	Ino   uint64
	Birth int64 // nanoseconds; 0 where the file system does not know
}

// Prop is one dead property (RFC 4918, section 4).
type Prop struct {
	Space, Name string // of the element
	XML         string // the whole element, well-formed by itself, namespaces declared
}

// Intent is a change on disk that rows must follow. It is committed before the
// change and removed with the rows' own change; what start-up finds is finished or
// undone by looking at the disk (D15).
type Intent struct {
	ID        string
	Kind      string // "move", "replace", "remove", "exchange"
	FolderID  string
	Path      string // the source, or the one name
	DstFolder string
	DstPath   string
	Subject   Identity // what is moved, or what is published at Path
	Displaced Identity // what was at the destination, if anything
}
