// Package parquet reads columns of Parquet's files, row by row, in memory that is bounded by what a
// file holds: no length that it claims is believed, and runs are counted, not written out.
//
// It reads what data sets are written with: values flat or in a list, plain, by a dictionary or by
// differences, in pages of either version, compressed with Snappy, Zstandard or gzip.
package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Kind is what the values of a column are.
type Kind int

// Other is a kind that is not read: times, decimals, values in lists of lists.
const (
	Other Kind = iota
	Bool
	Int
	Float
	Bytes
)

// A Column is one whose values are read.
type Column struct {
	Path []string // names from the outermost group to the values
	Kind Kind
	UTF8 bool // bytes are text
	List bool // a row has any number of values

	physical       int64
	width          int // of values of a fixed length
	maxRep, maxDef int
	index          int // among all columns
}

// A File is a file of columns.
type File struct {
	Columns  []*Column
	Metadata map[string]string
	Rows     int64

	r      io.ReaderAt
	size   int64
	groups []group
}

// A group is some rows: a chunk for each column.
type group struct {
	rows   int64
	chunks []chunk
}

// A chunk is the pages of a column, one after the other.
type chunk struct {
	codec        int64
	values       int64
	offset, size int64
}

const (
	magic     = "PAR1"
	maxFooter = 1 << 26
	maxLeaves = 1 << 14
)

// Open reads the description of a file.
func Open(r io.ReaderAt, size int64) (*File, error) {
	footer, err := readFooter(r, size)
	if err != nil {
		return nil, err
	}
	meta, _, err := parseThrift(footer)
	if err != nil {
		return nil, err
	}
	f := &File{r: r, size: size, Rows: meta.field(3).number, Metadata: map[string]string{}}
	for _, kv := range meta.field(5).list {
		f.Metadata[string(kv.field(1).bytes)] = string(kv.field(2).bytes)
	}
	schema := meta.field(2).list
	if len(schema) == 0 || f.Rows < 0 {
		return nil, errThrift
	}
	w := schemaWalk{file: f, elements: schema[1:]}
	if err := w.children(schema[0].field(5).number, place{}); err != nil {
		return nil, err
	}
	return f, f.readGroups(meta.field(4).list, w.leaves)
}

// readFooter returns the bytes of the description, which stands at the end.
func readFooter(r io.ReaderAt, size int64) ([]byte, error) {
	if size < 12 {
		return nil, errors.New("it is too short for a Parquet file")
	}
	var end [8]byte
	if _, err := r.ReadAt(end[:], size-8); err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	switch {
	case string(end[4:]) == "PARE":
		return nil, errors.New("it is encrypted: write it anew without a key")
	case string(end[4:]) != magic:
		return nil, errors.New("it is no Parquet file, or cut short: it does not end with PAR1")
	case n > min(size-12, maxFooter):
		return nil, fmt.Errorf("its description would take %d bytes; the file has %d: it is damaged", n, size)
	}
	footer := make([]byte, n)
	_, err := r.ReadAt(footer, size-8-n)
	return footer, err
}

// A place is where in the tree of groups a column stands.
type place struct {
	path     []string
	rep, def int
	depth    int
}

// A schemaWalk goes through the tree of groups.
type schemaWalk struct {
	file     *File
	elements []thriftValue // that are left
	leaves   int
}

// children goes through so many elements of a group.
func (w *schemaWalk) children(n int64, p place) error {
	if p.depth > maxThriftDepth || n < 0 || n > int64(len(w.elements)) {
		return errThrift
	}
	for range n {
		if len(w.elements) == 0 {
			return errThrift
		}
		e := w.elements[0]
		w.elements = w.elements[1:]
		at := place{append(slices.Clip(p.path), string(e.field(4).bytes)), p.rep, p.def, p.depth + 1}
		switch e.field(3).number {
		case 1: // optional
			at.def++
		case 2: // repeated
			at.rep++
			at.def++
		}
		var err error
		if inner := e.field(5).number; inner > 0 {
			err = w.children(inner, at)
		} else {
			err = w.leaf(&e, at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *schemaWalk) leaf(e *thriftValue, p place) error {
	c := &Column{Path: p.path, physical: e.field(1).number, width: int(e.field(2).number), maxRep: p.rep, maxDef: p.def, List: p.rep > 0, index: w.leaves}
	if w.leaves++; w.leaves > maxLeaves {
		return fmt.Errorf("it has more than %d columns", maxLeaves)
	}
	c.Kind, c.UTF8 = kindOf(e)
	if c.maxRep > 1 || c.physical == fixedBytes && (c.width < 1 || c.width > maxPage) {
		c.Kind = Other
	}
	w.file.Columns = append(w.file.Columns, c)
	return nil
}

// Physical kinds.
const (
	booleans = iota
	int32s
	int64s
	int96s
	floats
	doubles
	byteArrays
	fixedBytes
)

// kindOf returns what the values of a column mean.
func kindOf(e *thriftValue) (k Kind, utf8 bool) {
	converted := int64(-1)
	if c := e.optional(6); c != nil {
		converted = c.number
	}
	logical := int16(0)
	if l := e.field(10).list; len(l) == 1 {
		logical = l[0].id
	}
	if converted >= 5 && converted <= 10 || slices.Contains([]int16{5, 6, 7, 8, 11, 15}, logical) { // decimals, times, nothing, halves
		return Other, false
	}
	switch e.field(1).number {
	case booleans:
		return Bool, false
	case int32s, int64s:
		return Int, false
	case floats, doubles:
		return Float, false
	case byteArrays:
		return Bytes, converted == 0 || converted == 4 || logical == 1 || logical == 4
	case fixedBytes:
		return Bytes, false
	}
	return Other, false
}

// readGroups reads where the columns' pages lie.
func (f *File) readGroups(list []thriftValue, leaves int) error {
	var rows int64
	for _, g := range list {
		x := group{rows: g.field(3).number}
		columns := g.field(1).list
		if x.rows < 0 || x.rows > f.Rows-rows || len(columns) != leaves {
			return errThrift
		}
		rows += x.rows
		for _, c := range columns {
			m := c.field(3)
			at := chunk{codec: m.field(4).number, values: m.field(5).number, offset: m.field(9).number, size: m.field(7).number}
			if d := m.field(11).number; d > 0 && d < at.offset {
				at.offset = d
			}
			if len(c.field(1).bytes) > 0 {
				return errors.New("its columns are in other files, which is not read")
			}
			if at.offset < 0 || at.size < 0 || at.offset > f.size || at.size > f.size-at.offset {
				return errThrift
			}
			x.chunks = append(x.chunks, at)
		}
		f.groups = append(f.groups, x)
	}
	if rows != f.Rows {
		return errThrift
	}
	return nil
}

// Name is a column's, with a dot between groups.
func (c *Column) Name() string { return strings.Join(c.Path, ".") }
