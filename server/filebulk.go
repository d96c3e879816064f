package server

import "fmt"

// Changes in the API of files come in bulk. All items are looked at before anything is changed; then the
// first that fails ends the call, and the answer says which it was.

const (
	maxBulk     = 1000
	maxBulkBody = 16 << 20 // of paths that may be 4 KiB long, two in an item
)

// bulkItems reads the items of a bulk.
func bulkItems(in *object) ([]*object, error) {
	in.want("items")
	items := in.objects("items")
	if n := len(in.list("items")); n == 0 || n > maxBulk {
		in.refuse("items", "must have 1 to %d elements, not %d", maxBulk, n)
	}
	for n, item := range items {
		item.at = fmt.Sprintf("items[%d].", n)
	}
	return items, in.bad()
}
