package data

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/par"
)

// A Scan is what reading every example of a data set once has found.
type Scan struct {
	// Items are what the data consist of, by name: "classes" (or "targets"), each split, and each
	// file of an example of its own by its path below the place of the data, with a slash
	// between folders. A value says what is there, or is a digest of it. They do not depend on
	// where the files lie.
	Items map[string]string
	// Fingerprint is a hash of all that the items stand for.
	Fingerprint string
	Damaged     []Damaged // in the order of the splits
}

// A Damaged example is one that can't be read.
type Damaged struct {
	Split   string // "train", "val" or "test"
	Example int    // of the split
	Err     error  // names the file
}

// A DamagedError is examples that can't be read.
type DamagedError []Damaged

// Error names the files, a line each.
func (e DamagedError) Error() string {
	lines := make([]string, len(e))
	for i, d := range e {
		lines[i] = d.Err.Error()
	}
	if len(lines) == 1 {
		return lines[0]
	}
	return fmt.Sprintf("%d examples can't be read:\n%s", len(lines), strings.Join(lines, "\n"))
}

// Unwrap returns the errors of the examples.
func (e DamagedError) Unwrap() []error {
	list := make([]error, len(e))
	for i, d := range e {
		list[i] = d.Err
	}
	return list
}

// A scanned source is one whose examples have a content that can be told without making numbers
// of it.
type scanned interface {
	// scan adds the content of example i to a hash. It returns an error if the example can't be read.
	scan(h hash.Hash, i int) error
	// item names the file that the example lies in, below the place of the data.
	item(i int) string
}

// Scan reads every example, on all processors: what is damaged, and what tells the data from
// others. What it decodes is kept as far as there is room, see [Options]. Progress, which may
// be nil, is told how many examples of all were read, by one goroutine at a time. The error is
// ctx's.
func (s *Splits) Scan(ctx context.Context, progress func(done, all int)) (*Scan, error) {
	out := &Scan{Items: map[string]string{}}
	if s.Targets != nil {
		out.Items["targets"] = quoted(s.Targets)
	} else {
		out.Items["classes"] = quoted(s.Classes)
	}
	parts, all, done := s.Parts(), 0, 0
	for _, p := range parts {
		if p.text && p.Shape == nil {
			return nil, errNoTokens
		}
		all += p.Len()
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q%q", s.Classes, s.Targets)
	for _, p := range parts {
		t := &reading{ctx: ctx, set: p.Set, sums: make([][sha256.Size]byte, p.Len()), errs: make([]error, p.Len())}
		if progress != nil {
			t.progress = func(read int) { progress(done+read, all) }
		}
		par.Run(t.chunks(), t)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		done += p.Len()
		if f, ok := p.source.(*folder); ok {
			f.known.save()
		}
		sum := t.digest()
		fmt.Fprintf(h, "%s%s", p.Name, sum)
		out.Items[p.Name] = fmt.Sprintf("%d examples of %v, %x", p.Len(), p.Shape, sum[:itemBytes])
		out.add(p.Name, t)
	}
	out.Fingerprint = fmt.Sprintf("%x", h.Sum(nil))
	return out, nil
}

// itemBytes is how much of a digest is enough to tell two versions of a thing apart.
const itemBytes = 8

func quoted(names []string) string { return strings.Trim(fmt.Sprintf("%q", names), "[]") }

// add adds the files of a split, and its damaged examples.
func (s *Scan) add(split string, t *reading) {
	source, named := t.set.source.(scanned)
	for i, err := range t.errs {
		if err != nil {
			s.Damaged = append(s.Damaged, Damaged{split, i, err})
			continue
		}
		if named {
			s.Items[source.item(t.set.Number(i))] = fmt.Sprintf("%x", t.sums[i][:itemBytes])
		}
	}
}

// A reading reads the examples of a set in chunks.
type reading struct {
	ctx      context.Context
	set      *Set
	progress func(done int) // may be nil
	sums     [][sha256.Size]byte
	errs     []error

	mu   sync.Mutex
	done int
}

// readAtOnce is how many examples are a chunk.
const readAtOnce = 32

func (t *reading) chunks() int { return (len(t.sums) + readAtOnce - 1) / readAtOnce }

// Do reads a chunk.
func (t *reading) Do(_, chunk int) {
	if t.ctx.Err() != nil {
		return
	}
	r := exampleReader{set: t.set, h: sha256.New()}
	lo, hi := chunk*readAtOnce, min((chunk+1)*readAtOnce, len(t.sums))
	for i := lo; i < hi; i++ {
		if t.errs[i] = r.read(i); t.errs[i] == nil {
			r.h.Sum(t.sums[i][:0])
		}
	}
	if t.progress != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.done += hi - lo
		t.progress(t.done)
	}
}

// digest is that of the split as a whole: shape, labels or targets, and examples.
func (t *reading) digest() (sum [sha256.Size]byte) {
	h := sha256.New()
	fmt.Fprintf(h, "%v%d", t.set.Shape, t.set.Len())
	if f, ok := t.set.source.(*folder); ok {
		fmt.Fprintf(h, "%t", f.fit.Crop)
		if f.fit.As != (picture.Resize{}) {
			fmt.Fprintf(h, "%v", f.fit.As)
		}
	}
	var b []byte
	for i := range t.sums {
		b = b[:0]
		if t.set.Labels != nil {
			b = binary.LittleEndian.AppendUint64(b, uint64(t.set.Labels[i]))
		}
		for _, v := range t.set.Target(i) {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		h.Write(append(b, t.sums[i][:]...))
	}
	h.Sum(sum[:0])
	return sum
}

// An exampleReader reads examples one after the other.
type exampleReader struct {
	set *Set
	h   hash.Hash
	x   []float32
	b   []byte
}

// read adds an example's content to the hash.
func (r *exampleReader) read(i int) error {
	r.h.Reset()
	switch source := r.set.source.(type) {
	case scanned:
		return source.scan(r.h, r.set.Number(i))
	case identifier:
		source.identify(r.h, r.set.Number(i))
		return nil
	}
	if r.x == nil {
		r.x = make([]float32, r.set.ExampleLen())
	}
	if err := r.set.Read(r.x, i); err != nil {
		return err
	}
	r.b = r.b[:0]
	for _, v := range r.x {
		r.b = binary.LittleEndian.AppendUint32(r.b, math.Float32bits(v))
	}
	r.h.Write(r.b)
	return nil
}

// Without returns the data set without damaged examples. It is an error if a split, or a class
// in the training split, would have none left.
func (s *Splits) Without(damaged []Damaged) (*Splits, error) {
	if len(damaged) == 0 {
		return s, nil
	}
	out := *s
	for _, p := range []struct {
		name string
		set  **Set
	}{{"train", &out.Train}, {"val", &out.Val}, {"test", &out.Test}} {
		if *p.set == nil {
			continue
		}
		whole := wholeOf(p.name, (*p.set).Len(), damaged)
		if len(whole) == 0 {
			return nil, fmt.Errorf("no example of the %s split can be read: %w", p.name, DamagedError(damaged))
		}
		*p.set = (*p.set).Select(whole)
	}
	if s.Train == nil || s.Classes == nil {
		return &out, nil
	}
	was, is := s.Train.Counts(len(s.Classes)), out.Train.Counts(len(s.Classes))
	for c, n := range is {
		if n == 0 && was[c] > 0 {
			return nil, fmt.Errorf("no training example of class %q can be read: %w", s.Classes[c], DamagedError(damaged))
		}
	}
	return &out, nil
}

// wholeOf lists the examples of a split that are not damaged.
func wholeOf(split string, n int, damaged []Damaged) (whole []int) {
	gone := map[int]bool{}
	for _, d := range damaged {
		if d.Split == split {
			gone[d.Example] = true
		}
	}
	for i := range n {
		if !gone[i] {
			whole = append(whole, i)
		}
	}
	return whole
}

// scan reads an image's file once, unless it is known: its content, and whether it can be
// decoded.
func (f *folder) scan(h hash.Hash, i int) error {
	item := f.item(i)
	info, err := os.Stat(f.paths[i])
	if err != nil {
		return err
	}
	sum, ok := f.known.sum(item, info)
	if !ok {
		b, err := picture.ReadFile(f.paths[i])
		if err != nil {
			return err
		}
		if err := f.try(i, b); err != nil {
			return err
		}
		sum = sha256.Sum256(b)
		f.known.add(item, info, sum)
	}
	h.Write(append([]byte(item), sum[:]...))
	return nil
}

// try decodes an image of which nothing is kept.
func (f *folder) try(i int, b []byte) error {
	if f.get(i) != nil {
		return nil
	}
	pix, err := f.decode(i, b)
	if err == nil {
		f.keep(i, pix)
	}
	return err
}

// item is an image's path below the folder that the spec names.
func (f *folder) item(i int) string {
	rel, err := filepath.Rel(f.place, f.paths[i])
	if err != nil {
		rel = f.paths[i]
	}
	return filepath.ToSlash(rel)
}
