package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/monge-ml/monge/internal/kernel"
)

// Side is one side's measurements of a workload.
type Side struct {
	Name string `json:"name"`
	Way
	MedianS      float64   `json:"median_s"` // of the rounds' medians
	Rounds       []float64 `json:"rounds"`   // a round's median step
	PeakRSSBytes int64     `json:"peak_rss_bytes"`
	GFLOPS       float64   `json:"gflops,omitempty"` // of products
}

// A Comparison is a workload on both sides: ours in each of our precisions, and the best way of
// PyTorch in each of its.
type Comparison struct {
	Workload
	Ours    []*Side  `json:"ours"`
	PyTorch []*Side  `json:"pytorch"` // float32 comes first
	Ratios  []Ratio  `json:"ratios"`
	Tried   []Trial  `json:"tried"` // of PyTorch's ways, on a step of SGD if it is one of training
	Notes   []string `json:"notes,omitempty"`
}

// A Ratio is PyTorch's median over ours.
type Ratio struct {
	Ours    string  `json:"ours"` // precisions
	PyTorch string  `json:"pytorch"`
	Ratio   float64 `json:"ratio"`
}

// Versus is the outcome of [VersusPyTorch].
type Versus struct {
	CPU string `json:"cpu"`
	Torch
	Rounds  int          `json:"rounds"`
	Results []Comparison `json:"results"`
	Machine
}

// VersusOptions are what a comparison is told.
type VersusOptions struct {
	Python    Python
	Workloads []Workload
	Rounds    int
	Threads   int
	Search    time.Duration // at the most for PyTorch's ways to run a workload that are not plain
	Progress  func(percent int, what string)
}

// precisions are those that ours computes a workload in: bfloat16 too where the processor
// multiplies it, but for evaluation.
func precisions(w Workload) []string {
	if fastBF16() && w.Method != methodEval {
		return []string{Float32, BFloat16}
	}
	return []string{Float32}
}

// fastBF16 reports whether the processor multiplies bfloat16.
func fastBF16() bool { return kernel.Active() == kernel.AVX512BF16 }

// roundSeconds is for how long a round takes steps, of which one may take longer.
const roundSeconds = 2

// versus is a comparison at work.
type versus struct {
	VersusOptions
	result    *Versus
	dir       string
	done, all float64 // seconds
}

// VersusPyTorch runs every workload on both sides, each in a process of its own that takes steps in
// turn with the others, rounds times: ours, and the ways that [search] has found to be PyTorch's
// best. Progress is told what is done, and about how much that is of all.
func VersusPyTorch(ctx context.Context, o VersusOptions) (*Versus, error) {
	torch, err := FindPyTorch(ctx, o.Python)
	if err != nil {
		return nil, err
	}
	v := &versus{VersusOptions: o, result: &Versus{CPU: cpuName(), Torch: torch, Rounds: o.Rounds, Machine: ThisMachine()}}
	v.result.Threads = o.Threads
	if v.dir, err = os.MkdirTemp("", "monge-versus"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(v.dir)
	for _, w := range o.Workloads {
		v.all += v.searching(w) + 3*float64(o.Rounds+1)*w.seconds()
	}
	found := map[Workload]*search{} // by what was tried
	for _, w := range o.Workloads {
		c, err := v.compare(ctx, w, found)
		if err != nil {
			return v.result, err
		}
		v.result.Results = append(v.result.Results, *c)
	}
	return v.result, nil
}

// searching is about how long a search takes.
func (v *versus) searching(w Workload) float64 { return min(v.Search.Seconds(), 30+5*w.seconds()) }

// tell says that some seconds' worth of work is done.
func (v *versus) tell(seconds float64, what string) {
	v.done += seconds
	if v.Progress != nil {
		v.Progress(int(100*v.done/v.all), what)
	}
}

// torch starts a process of PyTorch.
func (v *versus) torch(ctx context.Context, jemalloc bool) (*side, error) {
	preload := ""
	if jemalloc {
		preload = v.result.jemalloc
	}
	return v.Python.start(ctx, v.Threads, preload)
}

// searched is a search that is done once for workloads that it tries the same steps of.
func (v *versus) searched(ctx context.Context, w Workload, found map[Workload]*search) (s *search, err error) {
	key := tried(w)
	if s = found[key]; s == nil {
		if s, err = v.search(ctx, key); err != nil {
			return nil, err
		}
		found[key] = s
	}
	v.tell(v.searching(w), w.Model+": PyTorch's best ways found")
	return s, nil
}

// contender is one side of a workload.
type contender struct {
	*side
	request
	result *Side
}

// compare finds PyTorch's best ways of a workload and measures them and ours.
func (v *versus) compare(ctx context.Context, w Workload, found map[Workload]*search) (*Comparison, error) {
	ours := w
	if slices.Contains(exported, w.Model) {
		ours.Model = filepath.Join(v.dir, w.Model+".onnx")
		if err := v.Python.export(ctx, v.Threads, w.Model, ours.Model); err != nil {
			return nil, err
		}
	}
	s, err := v.searched(ctx, w, found)
	if err != nil {
		return nil, err
	}
	c := &Comparison{Workload: w, Tried: s.Tried, Notes: s.Notes}
	all, err := v.contenders(ctx, c, ours, s.bests())
	defer func() {
		for _, one := range all {
			one.side.close()
		}
	}()
	if err != nil {
		return nil, err
	}
	if err := v.rounds(w, all); err != nil {
		return nil, err
	}
	c.compare()
	return c, nil
}

// contenders starts the sides of a comparison: ours, whose model may be a file, and PyTorch's.
func (v *versus) contenders(ctx context.Context, c *Comparison, ours Workload, bests []*Trial) (all []contender, err error) {
	for _, p := range precisions(ours) {
		way := Way{Precision: p}
		side, err := startOurs(ctx, v.Threads)
		if err != nil {
			return all, err
		}
		result := &Side{Name: "monge", Way: way}
		c.Ours = append(c.Ours, result)
		all = append(all, contender{side, request{What: whatTimes, Workload: ours, Way: way}, result})
	}
	for _, best := range bests {
		side, err := v.torch(ctx, best.Jemalloc)
		if err != nil {
			return all, err
		}
		result := &Side{Name: best.Name, Way: best.Way}
		c.PyTorch = append(c.PyTorch, result)
		all = append(all, contender{side, request{What: whatTimes, Workload: c.Workload, Way: best.Way}, result})
	}
	return all, nil
}

// startOurs starts a process of this program that answers requests.
func startOurs(ctx context.Context, threads int) (*side, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startSide(ctx, []string{self, "bench", "versus-pytorch", "--serve", "--threads", strconv.Itoa(threads)}, nil)
}

// rounds measures the sides of a workload in turn.
func (v *versus) rounds(w Workload, all []contender) error {
	for round := range v.Rounds {
		for _, one := range all {
			one.request.Seconds = roundSeconds
			r, err := one.side.ask(one.request, 0)
			if err != nil {
				return fmt.Errorf("%s by %s: %w", w.Model, one.result.Name, err)
			}
			one.result.add(r)
			steps := 1.
			if round == 0 { // with a warm-up
				steps = 2
			}
			v.tell(steps*w.seconds()*3/float64(len(all)), fmt.Sprintf("%s: %s, %s", w.Model, one.result.Name, one.result.Precision))
		}
	}
	return nil
}

func (s *Side) add(r reply) {
	s.Rounds = append(s.Rounds, median(r.Times))
	s.MedianS = median(s.Rounds)
	s.PeakRSSBytes = max(s.PeakRSSBytes, r.PeakRSSBytes)
}

// compare fills in what follows from the medians.
func (c *Comparison) compare() {
	for _, s := range slices.Concat(c.Ours, c.PyTorch) {
		s.GFLOPS = c.FLOPs() / s.MedianS / 1e9
	}
	for _, ours := range c.Ours {
		for _, p := range c.PyTorch {
			c.Ratios = append(c.Ratios, Ratio{ours.Precision, p.Precision, p.MedianS / ours.MedianS})
		}
	}
}

// cpuName is the processor's name as Linux tells it.
func cpuName() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for _, line := range strings.Split(string(b), "\n") {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(name), ":"))
		}
	}
	return "unknown"
}
