package davfs

// pathIndex remembers something per name and knows in O(1) whether there is
// anything at or below a name. Not safe for concurrent use.
type pathIndex[T any] struct {
	at    map[string]T
	below map[string]int // how many names lie below this one
}

func (x *pathIndex[T]) get(name string) (T, bool) { v, ok := x.at[name]; return v, ok }

func (x *pathIndex[T]) set(name string, v T) {
	if x.at == nil {
		x.at, x.below = make(map[string]T), make(map[string]int)
	}
	if _, ok := x.at[name]; !ok {
		x.count(name, 1)
	}
	x.at[name] = v
}

func (x *pathIndex[T]) remove(name string) {
	if _, ok := x.at[name]; ok {
		delete(x.at, name)
		x.count(name, -1)
	}
}

func (x *pathIndex[T]) count(name string, n int) {
	for name != "" {
		name = parentOf(name)
		if x.below[name] += n; x.below[name] == 0 {
			delete(x.below, name)
		}
	}
}

// any says whether something is remembered at or below name.
func (x *pathIndex[T]) any(name string) bool {
	if x.below[name] > 0 {
		return true
	}
	_, ok := x.at[name]
	return ok
}

// tree lists the names at and below name.
func (x *pathIndex[T]) tree(name string) []string {
	if !x.any(name) {
		return nil
	}
	var names []string
	if x.below[name] == 0 {
		return append(names, name)
	}
	for n := range x.at {
		if n == name || inside(n, name) {
			names = append(names, n)
		}
	}
	return names
}
