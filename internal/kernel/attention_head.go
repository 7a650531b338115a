package kernel

import "math"

// queryBlock is how many rows of queries are done at one time, at most. Their scores are what
// attention has to keep of its Len x Keys matrix; backward makes them again. A block with
// as many keys of 64 numbers is a product that one thread does.
const queryBlock = 80

// An attentionScratch is what a head works in.
type attentionScratch struct {
	scores, slopes, rows, sums []float32
}

var attentionScratches scratchStash[attentionScratch]

func (s *attentionScratch) resize(keys, width int) {
	if n := queryBlock * keys; cap(s.scores) < n {
		s.scores, s.slopes = make([]float32, n), make([]float32, n)
	}
	if n := queryBlock * width; cap(s.rows) < n {
		s.rows, s.sums = make([]float32, n), make([]float32, n)
	}
}

// A head is a head of a sequence: where its rows begin, and what they see.
type head struct {
	*attentionJob
	*attentionScratch
	width         int
	from          int         // of its first row in q and out
	fromKeys      int         // likewise in k and v
	queries, keys int         // rows that are no padding
	softmax       []float32   // of each query the largest score, then one over the sum
	added         [2]rowsOver // to scores
	dbias         []float32
	drops         drops
	drawn         uint64 // number of the head's first weight
}

// rowsOver are a head's rows of what is added to scores, step apart; nil for none.
type rowsOver struct {
	data []float32
	step int
}

func (j *attentionJob) head(s *attentionScratch, item, number int) head {
	h := head{attentionJob: j, attentionScratch: s, width: j.Width / j.Heads, queries: j.Len, keys: j.Keys}
	at := item*j.Heads + number
	h.from, h.fromKeys = item*j.Len*j.Width+number*h.width, item*j.Keys*j.Width+number*h.width
	h.softmax = j.sums[2*at*j.Len : 2*(at+1)*j.Len]
	h.drops, h.drawn = newDrops(j.Dropout, j.Key), uint64(at)*uint64(j.Len)*uint64(j.Keys)
	if j.Lengths != nil {
		h.queries, h.keys = j.Lengths[item], j.Lengths[item]
	}
	if j.Bias != nil {
		h.added[0] = rowsOver{j.Bias[number*j.Len*j.Keys:], j.Keys}
	}
	if j.Mask.Data != nil {
		h.added[1] = j.Mask.rows(item, number, j.Keys)
	}
	s.resize(j.Keys, h.width)
	return h
}

// rows are those of a head of a sequence.
func (m *ScoreMask) rows(item, number, keys int) rowsOver {
	at := item % m.Items * m.Heads
	if m.Heads > 1 {
		at += number
	}
	r := rowsOver{data: m.Data[at*m.Rows*keys:]}
	if m.Rows > 1 {
		r.step = keys
	}
	return r
}

// do does the head's queries in blocks.
func (h *head) do() {
	if h.back {
		h.start(h.dk, h.fromKeys, h.Keys)
		h.start(h.dv, h.fromKeys, h.Keys)
		h.start(h.dq, h.from+h.queries*h.Width, h.Len-h.queries)
	} else {
		h.clear(h.out, h.from+h.queries*h.Width, h.Len-h.queries)
	}
	block := balanced(h.queries, queryBlock, 1)
	for lo := 0; lo < h.queries; lo += block {
		if hi := min(lo+block, h.queries); h.back {
			h.backward(lo, hi)
		} else {
			h.forward(lo, hi)
		}
	}
}

// start clears rows of a gradient, unless they are added to.
func (h *head) start(g Grad, from, rows int) {
	if g.To != nil && !g.Add {
		h.clear(g.To, from, rows)
	}
}

// clear clears the head's part of rows, the first of which begins at from.
func (h *head) clear(x []float32, from, rows int) {
	for r := range rows {
		clear(x[from+r*h.Width:][:h.width])
	}
}

// row is the head's part of row r of queries.
func (h *head) row(x []float32, r int) []float32 { return h.tail(x, r)[:h.width] }

// tail is the head's part from row r of queries on.
func (h *head) tail(x []float32, r int) []float32 { return x[h.from+r*h.Width:] }

// seen is how many keys any of the queries below hi sees.
func (h *head) seen(hi int) int {
	if h.Causal {
		return min(hi, h.keys)
	}
	return h.keys
}

// sees is how many keys query r sees.
func (h *head) sees(r int) int { return h.seen(r + 1) }

// score sets the scores of queries lo to hi with the keys that are seen, and rows to the
// queries times the scale.
func (h *head) score(lo, hi, keys int) {
	d := h.width
	for r := lo; r < hi; r++ {
		scale(h.rows[(r-lo)*d:(r-lo+1)*d], h.scale(), h.row(h.q, r))
	}
	h.Precision.Gemm(false, true, hi-lo, keys, d, h.rows[:(hi-lo)*d], d, h.k[h.fromKeys:], h.Width, h.scores[:(hi-lo)*keys], keys, false)
	for _, a := range h.added {
		for r := lo; a.data != nil && r < hi; r++ {
			row := h.scores[(r-lo)*keys : (r-lo+1)*keys]
			addScaled(row, row, 1, a.data[r*a.step:][:keys])
		}
	}
}

// drop drops of what belongs to query r, in place.
func (h *head) drop(row []float32, r int) {
	if h.Dropout > 0 {
		h.drops.drop(row, row, h.drawn+uint64(r)*uint64(h.Keys), false)
	}
}

func (h *head) forward(lo, hi int) {
	keys := h.seen(hi)
	h.score(lo, hi, keys)
	for r := lo; r < hi; r++ {
		row := h.scores[(r-lo)*keys : (r-lo+1)*keys]
		sees := row[:h.sees(r)]
		h.softmax[2*r], h.softmax[2*r+1] = softmaxOf(sees)
		clear(row[len(sees):])
		h.drop(sees, r)
	}
	h.Precision.Gemm(false, false, hi-lo, h.width, keys, h.scores[:(hi-lo)*keys], keys, h.v[h.fromKeys:], h.Width, h.tail(h.out, lo), h.Width, false)
}

// softmaxOf makes scores weights, and returns the largest score and one over the sum. Where nothing is seen,
// all being -Inf, weights are 0.
func softmaxOf(row []float32) (top, factor float32) {
	if top = maxOf(row); math.IsInf(float64(top), -1) {
		clear(row)
		return 0, 0
	}
	expShift(row, row, top)
	sum, _ := rowPairs(nil, nil, row)
	factor = float32(1 / sum)
	scale(row, factor, row)
	return top, factor
}

func (h *head) backward(lo, hi int) {
	keys, n, d := h.seen(hi), hi-lo, h.width
	h.score(lo, hi, keys)
	weights, slopes, rows := h.scores[:n*keys], h.slopes[:n*keys], h.rows[:n*d]
	h.Precision.Gemm(false, true, n, keys, d, h.tail(h.dout, lo), h.Width, h.v[h.fromKeys:], h.Width, slopes, keys, false)
	for r := lo; r < hi; r++ {
		h.slope(r, slopes[(r-lo)*keys:(r-lo+1)*keys], weights[(r-lo)*keys:(r-lo+1)*keys])
	}
	if h.dv.To != nil {
		h.Precision.Gemm(true, false, keys, d, n, weights, keys, h.tail(h.dout, lo), h.Width, h.dv.To[h.fromKeys:], h.Width, true)
	}
	if h.dk.To != nil {
		h.Precision.Gemm(true, false, keys, d, n, slopes, keys, rows, d, h.dk.To[h.fromKeys:], h.Width, true)
	}
	if h.dq.To != nil {
		h.gradQueries(lo, hi, slopes, keys)
	}
}

// slope makes scores of query r its weights, and gradients by the weights those by its scores.
func (h *head) slope(r int, slope, row []float32) {
	sees := h.sees(r)
	expShift(row[:sees], row[:sees], h.softmax[2*r])
	scale(row[:sees], h.softmax[2*r+1], row[:sees])
	clear(row[sees:])
	h.drop(slope[:sees], r)
	softmaxGrad(slope, slope, row, float32(dot(h.row(h.dout, r), h.row(h.out, r))), false)
	if h.dbias != nil {
		to := h.dbias[r*h.Keys:][:sees]
		addScaled(to, to, 1, slope[:sees])
	}
	h.drop(row[:sees], r)
}

func (h *head) gradQueries(lo, hi int, slopes []float32, keys int) {
	n, d := hi-lo, h.width
	sums := h.sums[:n*d]
	h.Precision.Gemm(false, false, n, d, keys, slopes, keys, h.k[h.fromKeys:], h.Width, sums, d, false)
	for r := lo; r < hi; r++ {
		sum, dq := sums[(r-lo)*d:(r-lo+1)*d], h.row(h.dq.To, r)
		if h.dq.Add {
			addScaled(dq, dq, h.scale(), sum)
		} else {
			scale(dq, h.scale(), sum)
		}
	}
}
