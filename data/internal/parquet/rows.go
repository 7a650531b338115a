package parquet

import (
	"fmt"
	"io"
)

// maxList bounds the values of a row.
const maxList = 1 << 16

// Rows goes through a column.
type Rows struct {
	file   *File
	column *Column
	group  int   // the next one
	left   int64 // rows of the group at hand
	pages  *pages
	page   *page
	ahead  *Value // the first of the next row, of a list
	begins bool   // whether ahead is there
	row    []Value
}

// Read returns a column from its first row on.
func (f *File) Read(c *Column) *Rows { return &Rows{file: f, column: c} }

// Next returns the values of the next row: one, or of a list those that it has, without its nulls. They
// are valid until the next call. The error is io.EOF after the last row.
func (r *Rows) Next() ([]Value, error) {
	row, err := r.next()
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("column %s: %w", r.column.Name(), err)
	}
	return row, err
}

func (r *Rows) next() ([]Value, error) {
	for r.left == 0 {
		if r.group == len(r.file.groups) {
			return nil, io.EOF
		}
		g := r.file.groups[r.group]
		c := g.chunks[r.column.index]
		r.group++
		r.left, r.page, r.begins = g.rows, nil, false
		r.pages = &pages{file: r.file, column: r.column, codec: c.codec, at: c.offset, end: c.offset + c.size}
	}
	r.left--
	if !r.column.List {
		_, v, _, err := r.value()
		r.row = append(r.row[:0], v)
		return r.row, err
	}
	return r.list()
}

// list reads the values of a row that is a list.
func (r *Rows) list() ([]Value, error) {
	r.row = r.row[:0]
	if !r.begins {
		rep, v, is, err := r.value()
		if err != nil || rep != 0 {
			return nil, damaged(err)
		}
		r.keep(v, is)
	} else if r.ahead != nil {
		r.row = append(r.row, *r.ahead)
	}
	r.begins, r.ahead = false, nil
	for range maxList {
		rep, v, is, err := r.value()
		if err == io.ErrUnexpectedEOF && r.left == 0 {
			return r.row, nil
		}
		if err != nil {
			return nil, err
		}
		if rep == 0 {
			if r.begins = true; is {
				r.ahead = &v
			}
			return r.row, nil
		}
		r.keep(v, is)
	}
	return nil, fmt.Errorf("a row of more than %d values", maxList)
}

// keep adds a value of a list, if it is one.
func (r *Rows) keep(v Value, is bool) {
	if is {
		r.row = append(r.row, v)
	}
}

func damaged(err error) error {
	if err != nil {
		return err
	}
	return errDamaged
}

// value reads the next value of the group with its level of repetition; is says whether it is no
// null.
func (r *Rows) value() (rep uint32, v Value, is bool, err error) {
	for r.page == nil || r.page.left <= 0 {
		if r.page, err = r.pages.next(); err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			r.page = nil
			return 0, v, false, err
		}
	}
	p := r.page
	p.left--
	if r.column.maxRep > 0 {
		if rep, err = p.reps.next(); err != nil {
			return 0, v, false, err
		}
	}
	if r.column.maxDef > 0 {
		def, err := p.defs.next()
		if err != nil || int(def) > r.column.maxDef {
			return 0, v, false, errDamaged
		}
		if int(def) < r.column.maxDef {
			return rep, Value{Null: true}, false, nil
		}
	}
	v, err = p.values.next()
	return rep, v, true, err
}
