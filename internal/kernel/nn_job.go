package kernel

import "github.com/monge-ml/monge/internal/par"

// An nnJob is a kernel of a network with its arguments, cut in pieces of size
// units (elements or rows or images, as the kernel counts) for par.Run.
type nnJob struct {
	op      func(j *nnJob, piece, lo, hi int)
	n, size int

	norm    normArgs
	dst     []float32
	x, y, z []float32
	w       []float32
	rows    int
	cols    int
	f       [4]float32
	add     bool
	rms     bool
	drops   drops
	act     Activation
	bend    Bend
	fn      Function
	index   []int32
	pool    Conv
	row     func(j *nnJob, image, oh int)
	inside  bool
	steps   Strides
	kind    stridedOp
	partial []float64
	buf     []float32
}

var nnJobs stash[nnJob]

// Do does piece i.
func (j *nnJob) Do(_, i int) {
	lo := i * j.size
	j.op(j, i, lo, min(lo+j.size, j.n))
}

// newNNJob returns a job of n units, of which one is about unit elements.
func newNNJob(op func(j *nnJob, piece, lo, hi int), n, unit int) *nnJob {
	j := nnJobs.get()
	j.op, j.n, j.size = op, n, max(1, chunk/max(unit, 1))
	return j
}

func (j *nnJob) pieces() int { return (j.n + j.size - 1) / j.size }

// run does all pieces.
func (j *nnJob) run() { par.Run(j.pieces(), j) }

// release makes the job's memory available to the next.
func (j *nnJob) release() {
	*j = nnJob{partial: j.partial, buf: j.buf}
	nnJobs.put(j)
}

// sums returns n zeroed float64 values that live as long as the job.
func (j *nnJob) sums(n int) []float64 {
	if cap(j.partial) < n {
		j.partial = make([]float64, n)
	}
	j.partial = j.partial[:n]
	clear(j.partial)
	return j.partial
}

// multiple returns the smallest multiple of both, or of cols alone if cols is
// too long for it to pay.
func multiple(cols, unit int) int {
	const short = 256
	if cols > short {
		return cols
	}
	a, b := cols, unit
	for b > 0 {
		a, b = b, a%b
	}
	return cols / a * unit
}

// upTo returns n rounded up to a multiple of unit.
func upTo(n, unit int) int { return (n + unit - 1) / unit * unit }
