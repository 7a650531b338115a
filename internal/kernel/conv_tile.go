package kernel

import "unsafe"

// A convTile is one call of a micro-kernel: a register tile of C, rows by one
// panel of columns, is the product of rows of A and a packed panel of B. Rows come
// in groups of four. A is read in runs: inner elements, outer times, images times.
// Strides are in bytes. _asm/conv.go knows the order of the fields.
type convTile struct {
	a, b, c              *float32
	inner, outer, images int
	rs, gs, cs           int     // of A between rows, groups of rows, and inner elements
	os, is               int     // added to A after inner elements, and after outer runs
	bs                   int     // of B between rows
	ldc, gc              int     // of C between rows, and groups of rows
	add                  int     // whether to add to C
	fetch                uintptr // what will be read next, moved on by step with each inner element
	step                 int

	words bool // of pairs of bfloat16, instead of float32

	// For panels with columns missing.
	edge [16 * 32]float32
}

// panelWidth is the number of columns in a panel when rest are left.
func (t *target) panelWidth(rest int) int {
	if t.convNarrow != nil && rest <= t.lanes {
		return t.lanes
	}
	return t.nr
}

// panelRows is the largest number of rows with such a panel.
func (t *target) panelRows(width int) int {
	if t.convNarrow != nil && width == t.lanes {
		return len(t.convNarrow) - 1
	}
	return t.mr
}

// padded is the width of all panels for n columns.
func (t *target) padded(n int) int {
	whole := n / t.nr * t.nr
	if whole == n {
		return n
	}
	return whole + t.panelWidth(n-whole)
}

// convRun does a tile. bs, ldc and gc of the tile are set.
func (t *target) convRun(tile *convTile, rows, width, cols int, a, b, c []float32) {
	switch {
	case tile.words && t.convWordsWide == nil:
		tile.portableWords(rows, cols, a, b, c)
		return
	case !tile.words && t.convWide == nil:
		tile.portable(rows, cols, a, b, c)
		return
	}
	tile.a, tile.b, tile.c = &a[0], &b[0], &c[0]
	if tile.step == 0 {
		tile.fetch = uintptr(unsafe.Pointer(tile.a))
	}
	if cols == width {
		t.convKernel(tile, rows, width)
		return
	}
	ldc, gc, add := tile.ldc, tile.gc, tile.add
	tile.c, tile.ldc, tile.gc, tile.add = &tile.edge[0], 4*width, 16*width, 0
	t.convKernel(tile, rows, width)
	tile.ldc, tile.gc, tile.add = ldc, gc, add
	for i := range rows {
		to, from := c[(i/4*gc+i%4*ldc)/4:][:cols], tile.edge[i*width:]
		if add == 0 {
			copy(to, from)
			continue
		}
		for q := range to {
			to[q] += from[q]
		}
	}
}

// fetchNext has the next steps of the tile fetch n elements of x from at on, as far as there are
// some, if the cache has room for them.
func (tile *convTile) fetchNext(x []float32, at, n, steps int) {
	tile.step = 0
	if at < len(x) && n <= fetchedElems {
		tile.fetch = uintptr(unsafe.Pointer(&x[at]))
		tile.step = min(64, ceilDiv(4*n, steps))
	}
}

func (t *target) convKernel(tile *convTile, rows, width int) {
	kernels, narrow := t.convWide, t.convNarrow
	if tile.words {
		kernels, narrow = t.convWordsWide, t.convWordsNarrow
	}
	if width != t.nr {
		kernels = narrow
	}
	kernels[rows](&tile.a)
}

// portable is the micro-kernels' twin.
func (tile *convTile) portable(rows, cols int, a, b, c []float32) {
	at, add := 0, tile.add != 0
	for range tile.images {
		for range tile.outer {
			for r := 0; r < rows; r += 4 {
				microGo(min(4, rows-r), cols, tile.inner, a[(at+r/4*tile.gs)/4:], tile.rs/4, tile.cs/4, b, tile.bs/4, c[r/4*tile.gc/4:], tile.ldc/4, add)
			}
			at += tile.inner*tile.cs + tile.os
			b = b[min(len(b), tile.inner*tile.bs/4):]
			add = true
		}
		at += tile.is
	}
}

// portableWords is the twin for pairs of bfloat16.
func (tile *convTile) portableWords(rows, cols int, a, b, c []float32) {
	for r := range rows {
		a, c := a[(r/4*tile.gs+r%4*tile.rs)/4:], c[(r/4*tile.gc+r%4*tile.ldc)/4:][:cols]
		for l := range c {
			s := tile.dotWords(a, b[l:])
			if tile.add != 0 {
				s += c[l]
			}
			c[l] = s
		}
	}
}

// dotWords is the sum for one element of C.
func (tile *convTile) dotWords(a, b []float32) float32 {
	var s float32
	from, n := 0, 0
	for range tile.images {
		for range tile.outer {
			for range tile.inner {
				s = multiplyPairs(s, a[from/4], b[n])
				from += tile.cs
				n += tile.bs / 4
			}
			from += tile.os
		}
		from += tile.is
	}
	return s
}
