// Package bench measures: the kernels against the peak of the processor, whole training
// steps, and both beside PyTorch on the same processors.
package bench

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/internal/par"
	"github.com/monge-ml/monge/tensor"
)

// Times are the seconds of repeated runs of the same work.
type Times struct {
	MedianS float64 `json:"median_s"`
	MinS    float64 `json:"min_s"`
	MaxS    float64 `json:"max_s"`
	Repeats int     `json:"repeats"`
}

// Machine says what ran.
type Machine struct {
	Level   string `json:"level"`
	Threads int    `json:"threads"`
}

// ThisMachine returns the level and threads in use.
func ThisMachine() Machine {
	return Machine{Level: kernel.Active().String(), Threads: par.Threads()}
}

// SetThreads sets the number of threads of all work that follows; 0 leaves it.
func SetThreads(n int) error {
	if most := 8 * runtime.NumCPU(); n < 0 || n > most {
		return fmt.Errorf("%d threads; there must be at least one, and at most %d on this machine", n, most)
	}
	if n > 0 {
		runtime.GOMAXPROCS(n)
		par.SetThreads(n)
	}
	return nil
}

// summarize sorts seconds and takes their median and ends.
func summarize(seconds []float64) Times {
	slices.Sort(seconds)
	n := len(seconds)
	return Times{MedianS: (seconds[n/2] + seconds[(n-1)/2]) / 2, MinS: seconds[0], MaxS: seconds[n-1], Repeats: n}
}

// measure times repeats runs of f after warm-ups.
func measure(repeats, warmups int, f func() error) (Times, error) {
	for range warmups {
		if err := f(); err != nil {
			return Times{}, err
		}
	}
	seconds := make([]float64, repeats)
	for i := range seconds {
		begin := time.Now()
		if err := f(); err != nil {
			return Times{}, err
		}
		seconds[i] = time.Since(begin).Seconds()
	}
	return summarize(seconds), nil
}

// random returns n numbers in [-1, 1).
func random(n int) []float32 {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	x := make([]float32, n)
	for i := range x {
		x[i] = 2*rng.Float32() - 1
	}
	return x
}

// A Rate is a measurement of floating-point work.
type Rate struct {
	GFLOPS float64 `json:"gflops"` // at the median time
	Times
	Machine
}

func rate(t Times, flops float64) Rate {
	return Rate{GFLOPS: flops / t.MedianS / 1e9, Times: t, Machine: ThisMachine()}
}

// peakTask does independent multiply-adds on every thread.
type peakTask struct {
	iterations int
	flops      []int
}

func (p *peakTask) Do(_, i int) { p.flops[i] = kernel.PeakFMA(p.iterations) }

// Peak measures the rate of fused multiply-adds that need no memory, on all threads: the
// bound of every other rate.
func Peak(repeats int) (Rate, error) {
	p := &peakTask{iterations: 1 << 18, flops: make([]int, par.Threads())}
	t, err := measure(repeats, 2, func() error {
		par.Run(len(p.flops), p)
		return nil
	})
	flops := 0
	for _, f := range p.flops {
		flops += f
	}
	return rate(t, float64(flops)), err
}

// A PeakRate is the peak, and what it costs cores to share data.
type PeakRate struct {
	Rate
	LineS float64 `json:"line_s"` // for a cache line from one core to another; 0 with one thread
}

// PeakAndLine measures both.
func PeakAndLine(repeats int) (PeakRate, error) {
	r, err := Peak(repeats)
	return PeakRate{r, par.Distance().Seconds()}, err
}

// maxNumbers bounds an array to measure on: 2 GB.
const maxNumbers = 1 << 29

// A GemmRate is the rate of a matrix product and its share of the peak, which is
// measured in between.
type GemmRate struct {
	M    int     `json:"m"`
	N    int     `json:"n"`
	K    int     `json:"k"`
	Op   string  `json:"op"`   // nn, nt or tn: which operand is transposed
	Peak float64 `json:"peak"` // share of the multiply-add peak
	Rate
}

// Gemm measures C = op(A) op(B), op(A) of m x k and op(B) of k x n, in a precision; the peak is
// float32's.
func Gemm(p tensor.Precision, m, n, k int, op string, repeats int) (GemmRate, error) {
	if m <= 0 || n <= 0 || k <= 0 || repeats <= 0 {
		return GemmRate{}, fmt.Errorf("a product of %d x %d x %d, %d times: all must be positive", m, n, k, repeats)
	}
	if max(m, n, k) > maxNumbers || max(m*k, k*n, m*n) > maxNumbers {
		return GemmRate{}, fmt.Errorf("a product of %d x %d x %d: its matrices may have %d numbers each", m, n, k, maxNumbers)
	}
	transA, transB := op == "tn", op == "nt"
	lda, ldb := k, n
	if transA {
		lda = m
	}
	if transB {
		ldb = k
	}
	a, b, c := random(m*k), random(k*n), make([]float32, m*n)
	flops := 2 * float64(m) * float64(n) * float64(k)
	inner := max(1, int(2e8/flops)) // short products several times, so that the clock is fine enough
	var times, peaks []float64
	for range repeats {
		t, err := measure(1, 1, func() error {
			for range inner {
				p.Gemm(transA, transB, m, n, k, a, lda, b, ldb, c, n, false)
			}
			return nil
		})
		if err != nil {
			return GemmRate{}, err
		}
		times = append(times, t.MedianS/float64(inner))
		p, err := Peak(1)
		if err != nil {
			return GemmRate{}, err
		}
		peaks = append(peaks, p.GFLOPS)
	}
	r := rate(summarize(times), flops)
	return GemmRate{M: m, N: n, K: k, Op: op, Rate: r, Peak: r.GFLOPS / median(peaks)}, nil
}

// GemmShapes are the products worth watching: squares, and those that linear layers
// make at a batch of 128, forward and backward.
var GemmShapes = []struct {
	M, N, K int
	Op      string
}{
	{256, 256, 256, "nn"}, {512, 512, 512, "nn"}, {1024, 1024, 1024, "nn"}, {1024, 1024, 1024, "nt"}, {1024, 1024, 1024, "tn"},
	{128, 512, 784, "nt"}, {128, 512, 512, "nt"}, {128, 512, 512, "nn"}, {512, 784, 128, "tn"}, {512, 512, 128, "tn"},
	{128, 10, 512, "nt"}, {128, 512, 10, "nn"}, {10, 512, 128, "tn"},
}

func median(v []float64) float64 { return summarize(slices.Clone(v)).MedianS }
