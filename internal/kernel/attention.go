package kernel

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/internal/par"
)

// A Sequences says how attention reads its matrices: Batch sequences of Len rows of queries and Keys
// rows of keys and values, a row being Width numbers, those of the heads one after the other.
type Sequences struct {
	Batch, Len, Keys, Width, Heads int

	Causal bool // row i sees rows 0 to i alone
	// Lengths are how many rows of each sequence there are, from 1 to Len, which is Keys then. The others
	// are padding: not seen, and of results and gradients 0. Nil means that there is none.
	Lengths   []int
	Bias      []float32 // [Heads, Len, Keys], added to scores; nil for none
	Mask      ScoreMask
	Precision Precision
	// Dropout is the probability with which a weight of the softmax is dropped, as by [Dropout] with
	// Key of all weights [Batch, Heads, Len, Keys].
	Dropout float32
	Key     uint64
}

// A ScoreMask is added to scores: Data [Items, Heads, Rows, keys], nil for none. Sequence i has item
// i modulo Items; Heads and Rows may be 1, for all.
type ScoreMask struct {
	Data               []float32
	Items, Heads, Rows int
}

// A Grad is where a gradient is written, or added to what stands there; nowhere if To is nil.
type Grad struct {
	To  []float32
	Add bool
}

// scale is what scores are multiplied by: 1/sqrt(width of a head).
func (s *Sequences) scale() float32 { return float32(1 / math.Sqrt(float64(s.Width/s.Heads))) }

// Sums is how many numbers [Attention] leaves for [AttentionGrad].
func (s *Sequences) Sums() int { return 2 * s.Batch * s.Heads * s.Len }

func (s *Sequences) check(name string, out, sums, q, k, v []float32) {
	m := &s.Mask
	if s.Batch < 1 || s.Len < 1 || s.Keys < 1 || s.Heads < 1 || s.Width%s.Heads != 0 ||
		s.Lengths != nil && (len(s.Lengths) != s.Batch || s.Len != s.Keys) ||
		s.Bias != nil && len(s.Bias) != s.Heads*s.Len*s.Keys ||
		m.Data != nil && (len(m.Data) != m.Items*m.Heads*m.Rows*s.Keys || m.Heads != 1 && m.Heads != s.Heads || m.Rows != 1 && m.Rows != s.Len) {
		panic(fmt.Sprintf("kernel: %s: %+v", name, *s))
	}
	sameLen(name, s.Sums(), len(sums))
	sameLen(name, s.Batch*s.Len*s.Width, len(out), len(q))
	sameLen(name, s.Batch*s.Keys*s.Width, len(k), len(v))
}

// Attention sets each head's part of out to softmax(q kᵀ / sqrt(width of a head) + bias + mask) v,
// over the rows that a row sees: scaled dot-product attention (Vaswani et al. 2017). Its memory
// grows linearly with Len, as in Rabe and Staats (2021, arXiv 2112.05682). sums, of s.Sums()
// numbers, receives what AttentionGrad needs of the softmaxes.
func Attention(s *Sequences, out, sums, q, k, v []float32) {
	s.check("Attention", out, sums, q, k, v)
	j := attentionJobs.get()
	j.attentionArgs = attentionArgs{Sequences: *s, out: out, sums: sums, q: q, k: k, v: v}
	j.run(s.Batch)
	j.release()
}

// AttentionGrad is the way back from Attention's out with its sums. No gradient may share memory with
// another argument.
func AttentionGrad(s *Sequences, dq, dk, dv, dbias Grad, dout, out, sums, q, k, v []float32) {
	s.check("AttentionGrad", out, sums, q, k, v)
	sameLen("AttentionGrad", len(out), len(dout))
	dq.check(q)
	dk.check(k)
	dv.check(v)
	dbias.check(s.Bias)
	j := attentionJobs.get()
	j.attentionArgs = attentionArgs{Sequences: *s, out: out, sums: sums, q: q, k: k, v: v, back: true, dout: dout, dq: dq, dk: dk, dv: dv, dbias: dbias}
	if dbias.To == nil {
		j.run(s.Batch)
	} else {
		j.runBias()
	}
	j.release()
}

func (g Grad) check(of []float32) {
	if g.To != nil {
		sameLen("AttentionGrad", len(of), len(g.To))
	}
}

type attentionArgs struct {
	Sequences
	out, sums, q, k, v []float32
	back               bool
	dout               []float32
	dq, dk, dv, dbias  Grad
}

// An attentionJob does in each piece a head of a group of sequences.
type attentionJob struct {
	attentionArgs
	groups int
	buf    []float32
	others []float32 // gradients of the bias by the groups behind the first
}

var attentionJobs stash[attentionJob]

func (j *attentionJob) run(groups int) {
	j.groups = groups
	par.Run(groups*j.Heads, j)
}

func (j *attentionJob) release() {
	j.attentionArgs, j.others = attentionArgs{}, nil
	attentionJobs.put(j)
}

// biasPieces is how many pieces of work there are for a bias's gradient, if there are as many sequences.
const biasPieces = 8

// runBias is run with the gradient of a bias, which all sequences add to: each group of them has one, and
// these are added in order.
func (j *attentionJob) runBias() {
	groups, size := min(j.Batch, ceilDiv(biasPieces, j.Heads)), len(j.Bias)
	j.others = aligned(&j.buf, (groups-1)*size)
	clear(j.others)
	dbias := j.dbias.To
	if !j.dbias.Add {
		clear(dbias)
	}
	j.run(groups)
	for g := range groups - 1 {
		AddScaled(dbias, dbias, 1, j.others[g*size:(g+1)*size])
	}
}

// Do does piece i.
func (j *attentionJob) Do(seat, i int) {
	s := attentionScratches.get(seat)
	defer attentionScratches.put(seat, s)
	group, number := i/j.Heads, i%j.Heads
	for item := group * j.Batch / j.groups; item < (group+1)*j.Batch/j.groups; item++ {
		h := j.head(s, item, number)
		if j.dbias.To != nil {
			h.dbias = j.slopesOf(group, number)
		}
		h.do()
	}
}

// slopesOf is where a head of a group of sequences adds the slopes of its scores.
func (j *attentionJob) slopesOf(group, number int) []float32 {
	to, size := j.dbias.To, j.Len*j.Keys
	if group > 0 {
		to = j.others[(group-1)*len(to):]
	}
	return to[number*size : (number+1)*size]
}
