package kernel

// transposes does the last two dimensions of a copy if their order changes between a and dst:
// blocks of 8 x 8 go through registers, so that neither side is walked across cache lines.
func (s *Strides) transposes(dst, a []float32) bool {
	i, j := s.Rank-2, s.Rank-1
	n, m := s.Dims[i], s.Dims[j]
	switch {
	case n < 8 || m < 8:
	case s.Dst[j] == 1 && s.A[i] == 1:
		transpose(dst, s.Dst[i], a, s.A[j], m, n, s.accumulating)
		return true
	case s.Dst[i] == 1 && s.A[j] == 1:
		transpose(dst, s.Dst[j], a, s.A[i], n, m, s.accumulating)
		return true
	}
	return false
}

// transpose sets to[p*pitch+i] = from[i*ld+p] for i below n and p below k, or adds that.
func transpose(to []float32, pitch int, from []float32, ld, n, k int, add bool) {
	if !add {
		transposeBlocks(to, pitch, from, ld, n, k)
		return
	}
	const side = transposeBlock
	s := scratches.get()
	s.resize(side * side)
	for p := 0; p < k; p += side {
		for i := 0; i < n; i += side {
			w, h := min(side, n-i), min(side, k-p)
			transposeBlocks(s.row, side, from[i*ld+p:], ld, w, h)
			for q := range h {
				row := to[(p+q)*pitch+i:][:w]
				addScaled(row, row, 1, s.row[q*side:][:w])
			}
		}
	}
	scratches.put(s)
}

func transposeBlocks(to []float32, pitch int, from []float32, ld, n, k int) {
	f := ops().packTranspose
	rows, cols := n&^7, k&^7
	if f == nil {
		rows, cols = 0, 0
	}
	for p := 0; p < cols; p += transposeBlock {
		for i := 0; i < rows; i += 8 {
			f(&to[p*pitch+i], pitch, &from[i*ld+p], ld, 8, min(transposeBlock, cols-p))
		}
	}
	for i := range n {
		first := 0
		if i < rows {
			first = cols
		}
		for p := first; p < k; p++ {
			to[p*pitch+i] = from[i*ld+p]
		}
	}
}
