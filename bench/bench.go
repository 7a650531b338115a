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

func median(v []float64) float64 { return summarize(slices.Clone(v)).MedianS }
