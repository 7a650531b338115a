package kernel

// repeat does the last two dimensions if one source is the same for all rows, and everything
// lies side by side.
func (s *Strides) repeat(kind stridedOp, dst, a, b []float32) bool {
	n, m := s.Dims[s.Rank-2], s.Dims[s.Rank-1]
	if s.last2(&s.Dst) != m {
		return false
	}
	switch stepA, stepB := s.last2(&s.A), s.last2(&s.B); {
	case stepA == m && stepB == 0:
		repeat(kind, dst[:n*m], a[:n*m], b[:m], s.accumulating)
	case stepB == m && stepA == 0:
		repeat(kind, dst[:n*m], b[:n*m], a[:m], s.accumulating)
	default:
		return false
	}
	return true
}

// last2 is the stride of the last dimension but one, or -1 if that of the last is not 1.
func (s *Strides) last2(strides *[MaxDims]int) int {
	if strides[s.Rank-1] != 1 {
		return -1
	}
	return strides[s.Rank-2]
}

// repeat sets dst to a times or plus b, or adds that, for each row of len(b) elements. dst may
// be a.
func repeat(kind stridedOp, dst, a, b []float32, add bool) {
	f := ops().addRows
	if kind == stridedMul {
		f = ops().mulRows
	}
	at := 0
	if f != nil {
		at = repeatWhole(f, dst, a, b, add)
	}
	for at < len(dst) {
		n := min(len(b), len(dst)-at)
		k := whole(n, f != nil)
		if k > 0 {
			f(&dst[at], &a[at], &b[0], flag(add), 1, k)
		}
		repeatGo(kind, dst[at+k:at+n], a[at+k:at+n], b[k:n], add)
		at += n
	}
}

// repeatWhole does what fills whole vectors, where a row does or several rows that are short.
// It returns how much that is.
func repeatWhole(f func(dst, x, b *float32, add, rows, cols int), dst, a, b []float32, add bool) int {
	cols := len(b)
	p := multiple(cols, 16)
	switch {
	case len(dst) < p || p%16 != 0:
		return 0
	case p == cols:
		f(&dst[0], &a[0], &b[0], flag(add), len(dst)/p, p)
	default:
		t := scratches.get()
		t.resize(p)
		for at := 0; at < p; at += cols {
			copy(t.row[at:], b)
		}
		f(&dst[0], &a[0], &t.row[0], flag(add), len(dst)/p, p)
		scratches.put(t)
	}
	return len(dst) / p * p
}

// repeatGo is the kernels' twin for one row.
func repeatGo(kind stridedOp, dst, a, b []float32, add bool) {
	for i, v := range a {
		if kind == stridedMul {
			v = float32(v * b[i])
		} else {
			v += b[i]
		}
		if add {
			v += dst[i]
		}
		dst[i] = v
	}
}

// SumProducts sets dst, outer x inner, to the sums over the middle dimension of a*b, both
// outer x middle x inner, or adds that. It accumulates in float64.
func SumProducts(dst, a, b []float32, outer, middle, inner int, add bool) {
	sameLen("SumProducts", outer*inner, len(dst))
	sameLen("SumProducts", outer*middle*inner, len(a), len(b))
	if outer == 1 && inner > 1 {
		s := scratches64.get()
		buf := s.zeroed(2 * inner)
		ColumnProducts(buf[:inner], buf[inner:], a, b, nil)
		store(dst, buf[inner:], 1, add)
		scratches64.put(s)
		return
	}
	j := newNNJob((*nnJob).sumProducts, outer, middle*inner)
	j.dst, j.x, j.y, j.rows, j.cols, j.add = dst, a, b, middle, inner, add
	j.run()
	j.release()
}

func (j *nnJob) sumProducts(_, lo, hi int) {
	n, size := j.cols, j.rows*j.cols
	s := scratches64.get()
	for i := lo; i < hi; i++ {
		a, b := j.x[i*size:(i+1)*size], j.y[i*size:(i+1)*size]
		sums := s.zeroed(2 * n)
		if n == 1 {
			sums[1] = dot(a, b)
		} else {
			sumPairs(sums[:n], sums[n:], a, b, nil)
		}
		store(j.dst[i*n:(i+1)*n], sums[n:], 1, j.add)
	}
	scratches64.put(s)
}
