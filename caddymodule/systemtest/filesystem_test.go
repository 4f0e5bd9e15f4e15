package systemtest

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fileSystem is what a traced process has made of a directory, with the order
// of changes and syncs, from which it tells what a power cut could have left.
type fileSystem struct {
	root string
	top  *node // at root; durable from the beginning
	open map[int]*node
}

// node is a file, or a directory if entries is not nil. Changes are in order.
type node struct {
	entries map[string]*node
	changes []change
	syncs   []span
}

// change is a write at an offset, the truncation of a file, or a new or (with
// a nil node) removed entry of a directory.
type change struct {
	span
	data       []byte
	offset     int
	truncation bool
	name       string
	node       *node
}

// span is the time of a call.
type span struct{ begin, end int }

func newFileSystem(root string) *fileSystem {
	return &fileSystem{root: root, top: newDirectory(), open: make(map[int]*node)}
}

func newDirectory() *node { return &node{entries: make(map[string]*node)} }

// lookup returns the directory of a path, the last name, and what is there.
// The directory is nil if the path is not below the root.
func (fs *fileSystem) lookup(path string) (dir *node, name string, n *node) {
	rel, err := filepath.Rel(fs.root, path)
	if err != nil || !filepath.IsLocal(rel) {
		return nil, "", nil
	}
	n = fs.top
	for name = range strings.SplitSeq(rel, string(filepath.Separator)) {
		if name == "." {
			continue
		}
		dir, n = n, n.entries[name]
		if n == nil {
			break
		}
	}
	return dir, name, n
}

func (n *node) link(name string, child *node, at span) {
	if n.entries[name] = child; child == nil {
		delete(n.entries, name)
	}
	n.changes = append(n.changes, change{span: at, name: name, node: child})
}

// restart forgets what a process had open that has ended.
func (fs *fileSystem) restart() { clear(fs.open) }

// apply follows a call that has succeeded, or is under way for ever.
func (fs *fileSystem) apply(t *testing.T, c *call) {
	t.Helper()
	at := span{c.begin, c.end}
	switch c.name {
	case "open", "openat", "mkdir", "mkdirat", "unlink", "unlinkat":
		path := c.args[0]
		if strings.HasSuffix(c.name, "at") {
			path = c.args[1]
		}
		dir, name, n := fs.lookup(path)
		if c.result >= 0 && strings.HasPrefix(c.name, "open") {
			delete(fs.open, c.result)
		}
		if dir == nil && n == nil || c.result < 0 {
			return
		}
		fs.applyPath(c, at, dir, name, n)
	case "close":
		delete(fs.open, c.fd(t))
	case "write", "writev", "pwrite64", "ftruncate", "fsync", "fdatasync":
		if n := fs.open[c.fd(t)]; n != nil {
			n.applyFile(t, c, at)
		}
	default:
		for _, arg := range c.args {
			dir, _, _ := fs.lookup(arg)
			require.False(t, dir != nil && filepath.IsAbs(arg), "%s is not in the model", c.name)
		}
		if len(c.args) > 0 && !filepath.IsAbs(c.args[0]) && strings.TrimLeft(c.args[0], "0123456789") == "" {
			require.Nil(t, fs.open[c.fd(t)], "%s is not in the model", c.name)
		}
	}
}

func (fs *fileSystem) applyPath(c *call, at span, dir *node, name string, n *node) {
	switch c.name {
	case "mkdir", "mkdirat":
		dir.link(name, newDirectory(), at)
	case "unlink", "unlinkat":
		dir.link(name, nil, at)
	default:
		if n == nil {
			n = new(node)
			dir.link(name, n, at)
		}
		fs.open[c.result] = n
	}
}

func (n *node) applyFile(t *testing.T, c *call, at span) {
	t.Helper()
	switch c.name {
	case "pwrite64":
		require.Contains(t, []int{len(c.data), 0, -1}, c.result, "a short write is not in the model")
		n.changes = append(n.changes, change{span: at, data: c.data, offset: c.last(t)})
	case "ftruncate":
		n.changes = append(n.changes, change{span: at, offset: c.last(t), truncation: true})
	case "fsync", "fdatasync":
		if c.result == 0 && c.end != never {
			n.syncs = append(n.syncs, at)
		}
	default:
		require.Fail(t, c.name+" on a file of the queue is not in the model")
	}
}

// fate decides what a power cut does to what was not synced.
type fate struct {
	random *rand.Rand // nil: all of it is lost
	// share is how much of it the disk has got.
	share float64
}

func (f fate) kept() bool { return f.random != nil && f.random.Float64() < f.share }

// leave writes what a cut at a moment could have left to a directory.
func (fs *fileSystem) leave(t *testing.T, dir string, moment int, f fate) {
	t.Helper()
	fs.top.leave(t, dir, moment, f)
}

func (n *node) leave(t *testing.T, path string, moment int, f fate) {
	t.Helper()
	if n.entries == nil {
		require.NoError(t, os.WriteFile(path, n.content(moment, f), 0o600))
		return
	}
	require.NoError(t, os.MkdirAll(path, 0o700))
	entries := make(map[string]*node)
	for _, c := range n.changes {
		if c.begin < moment && (n.synced(c, moment) || f.kept()) {
			entries[c.name] = c.node
		}
	}
	for name, child := range entries {
		// SQLite makes its shared memory anew.
		if child != nil && !strings.HasSuffix(name, "-shm") {
			child.leave(t, filepath.Join(path, name), moment, f)
		}
	}
}

// synced reports whether a change had ended before a sync began that had
// ended at the moment.
func (n *node) synced(c change, moment int) bool {
	for _, s := range slices.Backward(n.syncs) {
		if s.begin > c.end && s.end < moment {
			return true
		}
	}
	return false
}

// content returns a file with all that was synced, and what fate keeps of the
// rest: disks write sectors, in any order.
func (n *node) content(moment int, f fate) (content []byte) {
	for _, c := range n.changes {
		switch synced := n.synced(c, moment); {
		case c.begin >= moment:
		case c.truncation:
			if synced || f.kept() {
				content = resize(content, c.offset)
			}
		case synced:
			content = overwrite(content, c.data, c.offset)
		case f.random != nil:
			content = f.tear(content, c)
		}
	}
	return content
}

// tear applies some sectors of a write.
func (f fate) tear(content []byte, c change) []byte {
	sector := 512
	if f.random.IntN(2) == 0 {
		sector = 4096
	}
	for start := 0; start < len(c.data); {
		end := min(start+sector-(c.offset+start)%sector, len(c.data))
		if f.kept() {
			content = overwrite(content, c.data[start:end], c.offset+start)
		}
		start = end
	}
	return content
}

func overwrite(content, data []byte, offset int) []byte {
	content = resize(content, max(len(content), offset+len(data)))
	copy(content[offset:], data)
	return content
}

func resize(content []byte, size int) []byte {
	if size <= len(content) {
		return content[:size]
	}
	return append(content, make([]byte, size-len(content))...)
}
