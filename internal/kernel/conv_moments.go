package kernel

// ConvForwardMoments is [ConvForward], and then [ColumnMoments] of y, for an element of sum and sumSq
// for each output channel. Where the algorithm writes whole pixels, it adds them up while they are in a cache.
func ConvForwardMoments(s *Conv, y, x, w []float32, sum, sumSq []float64) {
	c := s.checked("ConvForwardMoments", x, w, y)
	sameLen("ConvForwardMoments", c.O, len(sum), len(sumSq))
	m := pieceMomentses.get()
	m.period = 0
	if c.N > 0 {
		c.moments = m
		c.runAs(c.Algorithm(), passForward, x, w, y, false)
	}
	if m.period == 0 { // not begun
		ColumnMoments(sum, sumSq, y)
	} else {
		foldPieces(sum, sumSq, m.partial, m.period)
	}
	pieceMomentses.put(m)
}

// pieceMoments are the sums of columns and of their squares, made piece by piece. The pieces' own are
// added in their order.
type pieceMoments struct {
	period  int // see pairPeriod
	partial []float64
}

var pieceMomentses stash[pieceMoments]

// begin makes room for pieces of rows of cols columns; a nil receiver does nothing.
func (m *pieceMoments) begin(pieces, cols int) {
	if m == nil {
		return
	}
	m.period = pairPeriod(cols)
	n := pieces * 2 * m.period
	if cap(m.partial) < n {
		m.partial = make([]float64, n)
	}
	m.partial = m.partial[:n]
	clear(m.partial)
}

// add adds whole rows to the sums of a piece; a nil receiver does nothing.
func (m *pieceMoments) add(piece int, rows []float32) {
	if m == nil {
		return
	}
	s := m.partial[piece*2*m.period : (piece+1)*2*m.period]
	sumPairs(s[:m.period], s[m.period:], nil, rows, nil)
}

// foldPieces adds the sums of pieces, two for each of p columns, and sets a and b to the totals of their
// own columns, of which the p are rows.
func foldPieces(a, b, sums []float64, p int) {
	for at := 2 * p; at < len(sums); at += 2 * p {
		for i, v := range sums[at : at+2*p] {
			sums[i] += v
		}
	}
	fold(a, sums[:p])
	fold(b, sums[p:2*p])
}
