package data

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/atomicfile"
)

// A known list has the files of a folder that were read once and could be decoded, so that a
// resumed run need not read them all again. It is kept in the user's cache directory, and only for
// folders that take a while. A file is the same if its size and its time of change are.
type known struct {
	file string // "" if nothing is kept

	mu    sync.Mutex
	files map[string]knownFile // by item
	fresh bool                 // there is something to write
}

// A knownFile is one that could be decoded.
type knownFile struct {
	size, changed int64 // bytes, nanoseconds
	sum           [sha256.Size]byte
}

// Bounds of what is kept.
var (
	leastKnown = int64(64 << 20) // bytes of a folder's images
	// justNow is how old a file's change must be for a second one to show.
	justNow = 2 * time.Second
)

const (
	knownMagic = "monge/known images 1\n"
	mostKnown  = 1 << 30 // bytes of the list
)

// openKnown reads the list of a folder whose images have so many bytes and are decoded in one
// way. What can't be read is not known.
func openKnown(folder string, fit picture.Fit, bytes int64) *known {
	k := &known{files: map[string]knownFile{}}
	dir, err := os.UserCacheDir()
	abs, absErr := filepath.Abs(folder)
	if err != nil || absErr != nil || bytes < leastKnown {
		return k
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%q %+v", abs, fit))
	k.file = filepath.Join(dir, "monge", "images", hex.EncodeToString(key[:16]))
	if f, err := os.Open(k.file); err == nil {
		defer f.Close()
		k.parse(io.LimitReader(f, mostKnown))
	}
	return k
}

// parse reads a list; a line that is none ends it.
func (k *known) parse(r io.Reader) {
	in := bufio.NewReader(r)
	if magic, err := in.ReadString('\n'); err != nil || magic != knownMagic {
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		var (
			f    knownFile
			sum  string
			name string
		)
		if n, err := fmt.Sscanf(line, "%d %d %64s %q", &f.size, &f.changed, &sum, &name); n != 4 || err != nil {
			return
		}
		if b, err := hex.DecodeString(sum); err != nil || copy(f.sum[:], b) != sha256.Size {
			return
		}
		k.files[name] = f
	}
}

// sum returns the digest of a file's content, if that is known.
func (k *known) sum(item string, info fs.FileInfo) (sum [sha256.Size]byte, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, ok := k.files[item]
	ok = ok && f.size == info.Size() && f.changed == info.ModTime().UnixNano()
	return f.sum, ok
}

// add notes a file that could be decoded, unless it has changed so lately that another change
// would not show.
func (k *known) add(item string, info fs.FileInfo, sum [sha256.Size]byte) {
	if k.file == "" || time.Since(info.ModTime()) < justNow {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.files[item], k.fresh = knownFile{info.Size(), info.ModTime().UnixNano(), sum}, true
}

// save writes the list. It only saves time, so it may fail.
func (k *known) save() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.file == "" || !k.fresh || os.MkdirAll(filepath.Dir(k.file), 0o777) != nil {
		return
	}
	_ = atomicfile.Write(k.file, func(w io.Writer) error {
		out := bufio.NewWriter(w)
		out.WriteString(knownMagic)
		for name, f := range k.files {
			fmt.Fprintf(out, "%d %d %x %q\n", f.size, f.changed, f.sum, name)
		}
		return out.Flush()
	})
	k.fresh = false
}
