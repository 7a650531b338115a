package kernel

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/internal/par"
)

// A Sequences says how attention reads its matrices: Batch sequences of Len rows each,
// a row being Width numbers, those of the heads one after the other.
type Sequences struct {
	Batch, Len, Width, Heads int
	Causal                   bool  // row i sees rows 0 to i alone
	Lengths                  []int // rows of each sequence that are seen, from 1 to Len; nil for all
	Precision                Precision
	// Dropout is the probability with which a weight of the softmax is dropped, as by [Dropout] with
	// Key of all weights [Batch, Heads, Len, Len].
	Dropout float32
	Key     uint64
}

// queryBlock is how many rows of queries are done at one time, at most. Their scores are what
// attention has to keep of its Len x Len matrix; backward makes them again. A block with
// as many keys of 64 numbers is a product that one thread does.
const queryBlock = 80

// scale is what scores are multiplied by: 1/sqrt(width of a head).
func (s *Sequences) scale() float32 { return float32(1 / math.Sqrt(float64(s.Width/s.Heads))) }

func (s *Sequences) check(name string, matrices ...[]float32) {
	if s.Batch < 1 || s.Len < 1 || s.Heads < 1 || s.Width%s.Heads != 0 || s.Lengths != nil && len(s.Lengths) != s.Batch {
		panic(fmt.Sprintf("kernel: %s: %+v", name, *s))
	}
	for _, m := range matrices {
		if m != nil {
			sameLen(name, s.Batch*s.Len*s.Width, len(m))
		}
	}
}

// Attention sets each head's part of out to softmax(q kᵀ / sqrt(width of a head)) v,
// over the rows that a row sees: scaled dot-product attention (Vaswani et al. 2017). Its memory
// grows linearly with Len, as in Rabe and Staats (2021, arXiv 2112.05682). lse, of
// Batch*Heads*Len numbers, receives the logarithms of the softmaxes' sums for AttentionGrad.
func Attention(s *Sequences, out, lse, q, k, v []float32) {
	s.check("Attention", out, q, k, v)
	sameLen("Attention", s.Batch*s.Heads*s.Len, len(lse))
	j := attentionJobs.get()
	*j = attentionJob{Sequences: *s, out: out, lse: lse, q: q, k: k, v: v}
	par.Run(s.Batch*s.Heads, j)
	*j = attentionJob{}
	attentionJobs.put(j)
}

// AttentionGrad is the way back from Attention's out with its lse. dq, dk and dv are
// set, or added to where their add is set; one may be nil. None may share memory with another argument.
func AttentionGrad(s *Sequences, dq, dk, dv []float32, addQ, addK, addV bool, dout, out, lse, q, k, v []float32) {
	s.check("AttentionGrad", dq, dk, dv, dout, out, q, k, v)
	sameLen("AttentionGrad", s.Batch*s.Heads*s.Len, len(lse))
	j := attentionJobs.get()
	*j = attentionJob{Sequences: *s, out: out, lse: lse, q: q, k: k, v: v, back: true,
		dout: dout, dq: dq, dk: dk, dv: dv, addQ: addQ, addK: addK, addV: addV}
	par.Run(s.Batch*s.Heads, j)
	*j = attentionJob{}
	attentionJobs.put(j)
}

// An attentionJob does a head of a sequence in each piece.
type attentionJob struct {
	Sequences
	out, lse, q, k, v []float32
	back              bool
	dout, dq, dk, dv  []float32
	addQ, addK, addV  bool
}

// An attentionScratch is what a head works in.
type attentionScratch struct {
	scores, slopes, rows, sums []float32
}

var (
	attentionJobs      stash[attentionJob]
	attentionScratches scratchStash[attentionScratch]
)

// A head is a head of a sequence: where its rows begin, and what they see.
type head struct {
	*attentionJob
	*attentionScratch
	from  int // of its first row in q, k, v and out
	width int
	keys  int // rows that are seen
	lse   []float32
	drops drops
	drawn uint64 // number of the head's first weight
}

// Do does head i.
func (j *attentionJob) Do(seat, i int) {
	s := attentionScratches.get(seat)
	defer attentionScratches.put(seat, s)
	item := i / j.Heads
	h := head{attentionJob: j, attentionScratch: s, width: j.Width / j.Heads, keys: j.Len, lse: j.lse[i*j.Len : (i+1)*j.Len]}
	h.from = item*j.Len*j.Width + i%j.Heads*h.width
	h.drops, h.drawn = newDrops(j.Dropout, j.Key), uint64(i)*uint64(j.Len)*uint64(j.Len)
	if j.Lengths != nil {
		h.keys = j.Lengths[item]
	}
	s.resize(j.Len, h.width)
	if j.back {
		h.start(j.dk, j.addK)
		h.start(j.dv, j.addV)
	}
	block := balanced(j.Len, queryBlock, 1)
	for lo := 0; lo < j.Len; lo += block {
		if hi := min(lo+block, j.Len); j.back {
			h.backward(lo, hi)
		} else {
			h.forward(lo, hi)
		}
	}
}

func (s *attentionScratch) resize(length, width int) {
	if n := queryBlock * length; cap(s.scores) < n {
		s.scores, s.slopes = make([]float32, n), make([]float32, n)
	}
	if n := queryBlock * width; cap(s.rows) < n {
		s.rows, s.sums = make([]float32, n), make([]float32, n)
	}
}

// start clears the head's part of a gradient that blocks of queries will add to.
func (h *head) start(grad []float32, add bool) {
	if grad == nil || add {
		return
	}
	for r := range h.Len {
		clear(h.row(grad, r))
	}
}

// row is the head's part of row r.
func (h *head) row(x []float32, r int) []float32 {
	at := h.from + r*h.Width
	return x[at : at+h.width]
}

// tail is the head's part from row r on.
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

// drop drops of what belongs to query r, in place.
func (h *head) drop(row []float32, r int) {
	if h.Dropout > 0 {
		h.drops.drop(row, row, h.drawn+uint64(r)*uint64(h.Len), false)
	}
}

// score sets the scores of queries lo to hi with the keys that are seen, and rows to the
// queries times the scale.
func (h *head) score(lo, hi, keys int) {
	d := h.width
	for r := lo; r < hi; r++ {
		scale(h.rows[(r-lo)*d:(r-lo+1)*d], h.scale(), h.row(h.q, r))
	}
	h.Precision.Gemm(false, true, hi-lo, keys, d, h.rows[:(hi-lo)*d], d, h.tail(h.k, 0), h.Width, h.scores[:(hi-lo)*keys], keys, false)
}

func (h *head) forward(lo, hi int) {
	keys := h.seen(hi)
	h.score(lo, hi, keys)
	for r := lo; r < hi; r++ {
		row := h.scores[(r-lo)*keys : (r-lo+1)*keys]
		sees := row[:h.sees(r)]
		top := maxOf(sees)
		expShift(sees, sees, top)
		clear(row[len(sees):])
		sum, _ := rowPairs(nil, nil, sees)
		h.lse[r] = top + float32(math.Log(sum))
		scale(sees, float32(1/sum), sees)
		h.drop(sees, r)
	}
	h.Precision.Gemm(false, false, hi-lo, h.width, keys, h.scores[:(hi-lo)*keys], keys, h.tail(h.v, 0), h.Width, h.tail(h.out, lo), h.Width, false)
}

func (h *head) backward(lo, hi int) {
	keys, n, d := h.seen(hi), hi-lo, h.width
	h.score(lo, hi, keys)
	weights, slopes, rows := h.scores[:n*keys], h.slopes[:n*keys], h.rows[:n*d]
	h.Precision.Gemm(false, true, n, keys, d, h.tail(h.dout, lo), h.Width, h.tail(h.v, 0), h.Width, slopes, keys, false)
	for r := lo; r < hi; r++ {
		row, slope := weights[(r-lo)*keys:(r-lo+1)*keys], slopes[(r-lo)*keys:(r-lo+1)*keys]
		sees := h.sees(r)
		expShift(row[:sees], row[:sees], h.lse[r])
		clear(row[sees:])
		h.drop(slope[:sees], r)
		softmaxGrad(slope, slope, row, float32(dot(h.row(h.dout, r), h.row(h.out, r))), false)
		h.drop(row[:sees], r)
	}
	if h.dv != nil {
		h.Precision.Gemm(true, false, keys, d, n, weights, keys, h.tail(h.dout, lo), h.Width, h.tail(h.dv, 0), h.Width, true)
	}
	if h.dk != nil {
		h.Precision.Gemm(true, false, keys, d, n, slopes, keys, rows, d, h.tail(h.dk, 0), h.Width, true)
	}
	if h.dq == nil {
		return
	}
	sums := h.sums[:n*d]
	h.Precision.Gemm(false, false, n, d, keys, slopes, keys, h.tail(h.k, 0), h.Width, sums, d, false)
	for r := lo; r < hi; r++ {
		sum, dq := sums[(r-lo)*d:(r-lo+1)*d], h.row(h.dq, r)
		if h.addQ {
			addScaled(dq, dq, h.scale(), sum)
		} else {
			scale(dq, h.scale(), sum)
		}
	}
}
