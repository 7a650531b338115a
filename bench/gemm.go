package bench

import (
	"context"
	"fmt"
	"slices"

	"github.com/monge-ml/monge/tensor"
)

// A GemmShape is a matrix product C = op(A) op(B): op(A) is m x k, op(B) k x n.
type GemmShape struct {
	M  int    `json:"m"`
	N  int    `json:"n"`
	K  int    `json:"k"`
	Op string `json:"op"` // nn, nt or tn: which operand is transposed
}

func (s GemmShape) String() string { return fmt.Sprintf("%d x %d x %d %s", s.M, s.K, s.N, s.Op) }

// FLOPs returns the operations of the product.
func (s GemmShape) FLOPs() float64 { return 2 * float64(s.M) * float64(s.N) * float64(s.K) }

func (s GemmShape) check() error {
	if min(s.M, s.N, s.K) <= 0 {
		return fmt.Errorf("a product of %s: all must be positive", s)
	}
	if max(s.M, s.N, s.K) > maxNumbers || max(s.M*s.K, s.K*s.N, s.M*s.N) > maxNumbers {
		return fmt.Errorf("a product of %s: its matrices may have %d numbers each", s, maxNumbers)
	}
	if !slices.Contains([]string{"nn", "nt", "tn"}, s.Op) {
		return fmt.Errorf("a product of %s: there are nn, nt, tn", s)
	}
	return nil
}

// product returns what multiplies random matrices of a shape.
func product(p tensor.Precision, s GemmShape) func() error {
	lda, ldb := s.K, s.N
	if s.Op == "tn" {
		lda = s.M
	}
	if s.Op == "nt" {
		ldb = s.K
	}
	a, b, c := random(s.M*s.K), random(s.K*s.N), make([]float32, s.M*s.N)
	return func() error {
		p.Gemm(s.Op == "tn", s.Op == "nt", s.M, s.N, s.K, a, lda, b, ldb, c, s.N, false)
		return nil
	}
}

// A GemmRate is the rate of a matrix product and its share of the peak, which is
// measured in between.
type GemmRate struct {
	GemmShape
	Peak float64 `json:"peak"` // share of the multiply-add peak
	Rate
}

// Gemm measures a product in a precision; the peak is float32's.
func Gemm(p tensor.Precision, s GemmShape, repeats int) (GemmRate, error) {
	if err := s.check(); err != nil {
		return GemmRate{}, err
	}
	if repeats <= 0 {
		return GemmRate{}, fmt.Errorf("%d repeats; there must be one at least", repeats)
	}
	step := product(p, s)
	inner := max(1, int(2e8/s.FLOPs())) // short products several times, so that the clock is fine enough
	var times, peaks []float64
	for range repeats {
		t, err := measure(1, 1, func() error {
			for range inner {
				if err := step(); err != nil {
					return err
				}
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
	r := rate(summarize(times), s.FLOPs())
	return GemmRate{GemmShape: s, Rate: r, Peak: r.GFLOPS / median(peaks)}, nil
}

// GemmShapes are the products worth watching: squares; those of the layers of an MLP at a batch of 128,
// of ViT-B/32 at one of 16 and of BERT-base at 16 texts of 128 tokens; and ResNet-18's convolutions at a batch of 32,
// as they would be if the windows of the image were rows of a matrix. Of each layer the output, and the gradients by
// its input and its weights.
var GemmShapes = slices.Concat(
	[]GemmShape{{256, 256, 256, "nn"}, {512, 512, 512, "nn"}, {1024, 1024, 1024, "nn"}, {1024, 1024, 1024, "nt"}, {1024, 1024, 1024, "tn"}, {2048, 2048, 2048, "nn"}},
	linear(128, 784, 512), linear(128, 512, 512), linear(128, 512, 10),
	linear(16*50, 768, 768), linear(16*50, 768, 3072), linear(16*50, 3072, 768),
	linear(16*128, 768, 768), linear(16*128, 768, 3072), linear(16*128, 3072, 768),
	windows(32*32*32, 9*64, 64), windows(32*16*16, 9*128, 128), windows(32*8*8, 9*256, 256), windows(32*4*4, 9*512, 512),
)

// linear are the products of a linear layer, whose weights are out x in.
func linear(rows, in, out int) []GemmShape {
	return []GemmShape{{rows, out, in, "nt"}, {rows, in, out, "nn"}, {out, in, rows, "tn"}}
}

// windows are those of a convolution, whose weights are in x out.
func windows(rows, in, out int) []GemmShape {
	return []GemmShape{{rows, out, in, "nn"}, {rows, in, out, "nt"}, {in, out, rows, "tn"}}
}

// A GemmRow is a product here and in PyTorch, several of them.
type GemmRow struct {
	GemmShape
	GFLOPS float64   `json:"gflops"`
	Torch  []float64 `json:"torch_gflops"`
	Ratio  float64   `json:"ratio"` // ours over the best of them
}

// GemmsVersus is the outcome of [GemmsVersusPyTorch].
type GemmsVersus struct {
	CPU       string    `json:"cpu"`
	Precision string    `json:"precision"`
	PyTorch   []Torch   `json:"pytorch"`
	Rounds    int       `json:"rounds"`
	Rows      []GemmRow `json:"rows"`
	Machine
}

// gemmSeconds is for how long a side multiplies in a round.
const gemmSeconds = .15

// GemmsVersusPyTorch measures products here and in PyTorch, each side in a process of its own that multiplies
// in turn with the others, rounds times; rates are of the medians. In bfloat16 the operands here are float32 and
// rounded on the way; PyTorch's are in that precision, and so is its result.
func GemmsVersusPyTorch(ctx context.Context, pythons []Python, shapes []GemmShape, precision string, rounds, threads int, progress func(done int)) (*GemmsVersus, error) {
	out := &GemmsVersus{CPU: cpuName(), Precision: precision, Rounds: rounds, Machine: ThisMachine()}
	out.Threads = threads
	ours, err := startOurs(ctx, threads)
	if err != nil {
		return nil, err
	}
	sides := []*side{ours}
	defer func() {
		for _, s := range sides {
			s.close()
		}
	}()
	for _, python := range pythons {
		torch, err := FindPyTorch(ctx, python)
		if err != nil {
			return nil, err
		}
		s, err := python.start(ctx, threads, "")
		if err != nil {
			return nil, err
		}
		out.PyTorch, sides = append(out.PyTorch, torch), append(sides, s)
	}
	for i, shape := range shapes {
		row, err := gemmRow(sides, shape, precision, rounds)
		if err != nil {
			return out, err
		}
		out.Rows = append(out.Rows, row)
		progress(i + 1)
	}
	return out, nil
}

// gemmRow measures one product on all sides, ours first.
func gemmRow(sides []*side, shape GemmShape, precision string, rounds int) (GemmRow, error) {
	row := GemmRow{GemmShape: shape}
	if err := shape.check(); err != nil {
		return row, err
	}
	times := make([][]float64, len(sides))
	for range rounds {
		for i, s := range sides {
			r, err := s.ask(request{What: whatTimes, Workload: Workload{Model: "product", Method: methodProduct, Product: shape},
				Way: Way{Precision: precision}, Seconds: gemmSeconds}, 0)
			if err != nil {
				return row, fmt.Errorf("a product of %s: %w", shape, err)
			}
			times[i] = append(times[i], median(r.Times))
		}
	}
	for i := range sides {
		rate := shape.FLOPs() / median(times[i]) / 1e9
		if i == 0 {
			row.GFLOPS = rate
		} else {
			row.Torch = append(row.Torch, rate)
		}
	}
	row.Ratio = row.GFLOPS / slices.Max(row.Torch)
	return row, nil
}
