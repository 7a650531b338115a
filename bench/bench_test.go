package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/tensor"
)

func TestGemm(t *testing.T) {
	r, err := Gemm(tensor.Float32, GemmShape{64, 32, 16, "nt"}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if !(r.GFLOPS > 0) || !(r.Peak > 0) || !(r.MinS <= r.MedianS && r.MedianS <= r.MaxS) || r.Repeats != 3 || r.Level == "" {
		t.Errorf("%+v", r)
	}
	if _, err := Gemm(tensor.Float32, GemmShape{0, 1, 1, "nn"}, 1); err == nil {
		t.Error("a product of nothing was measured")
	}
}

func TestStep(t *testing.T) {
	for _, w := range []Workload{{Model: "mlp", Batch: 16, Method: "sgd"}, {Model: "mlp", Batch: 16, Method: "m-sam"}, {Model: "bert-tiny", Batch: 2, Method: "m-sam"},
		{Model: "mlp", Batch: 16, Method: "m-sam", Ascent: tensor.BFloat16}} {
		r, err := Step(w, 3)
		if err != nil {
			t.Fatal(err)
		}
		if !(r.StepS > 0) || r.StepS != r.MedianS || !(r.GFLOPS > 0) || r.Workload != w || r.Precision != "float32" || r.AscentPrecision != w.Ascent.String() {
			t.Errorf("%+v", r)
		}
	}
	for want, err := range map[string]error{
		`unknown model "vgg"`:  second(Step(Workload{Model: "vgg", Batch: 1, Method: "sgd"}, 1)),
		"batch is 0":           second(Step(Workload{Model: "mlp", Batch: 0, Method: "sgd"}, 1)),
		`unknown method "swa"`: second(Step(Workload{Model: "mlp", Batch: 1, Method: "swa"}, 1)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func second(_ StepResult, err error) error { return err }

func TestEval(t *testing.T) {
	r, err := Eval(Workload{Model: "resnet20", Batch: 4}, 3)
	if err != nil || !(r.MedianS > 0) || r.ImagesPerS != 4/r.MedianS || r.Repeats != 3 || r.PeakRSSBytes == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := Eval(Workload{Model: "mlp"}, 1); err == nil || !strings.Contains(err.Error(), "batch is 0") {
		t.Errorf("error %v", err)
	}
}

// A workload says how its model convolves.
func TestDirect(t *testing.T) {
	var losses [2]float64
	for i, direct := range []bool{false, true} {
		b, err := newMinibatch(Workload{Model: "resnet20", Batch: 2, Direct: direct})
		if err != nil {
			t.Fatal(err)
		}
		if losses[i], err = b.Gradient(make([]float32, len(b.theta)), b.theta, sam.Call{Weight: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if kernel.Active() == kernel.Portable { // where all convolutions are direct
		if losses[0] != losses[1] {
			t.Errorf("losses %v: want the same", losses)
		}
		return
	}
	if losses[0] == losses[1] || math.Abs(losses[0]-losses[1]) > 1e-3 {
		t.Errorf("losses %v: want the same but for rounding", losses)
	}
}

func TestCosts(t *testing.T) {
	b, err := newMinibatch(Workload{Model: "mlp", Batch: 8})
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	rows := slices.DeleteFunc(costRows(t, Workload{}), func(c Cost) bool { return !isFor(c.Method, b.norms) })
	methods := slices.DeleteFunc(CostMethods(), func(m string) bool { return m == "sam-on" }) // of a network without norms
	table := &CostTable{Costs: rows}
	if err := table.time(context.Background(), b, 3, func(done int, _ string) { told = done }); err != nil || told != 4*len(table.Costs) {
		t.Errorf("told of %d steps, %v", told, err)
	}
	for i, c := range table.Costs {
		if i < len(methods) && c.Method != methods[i] || !(c.OverSGD > 0) || !(c.OverSAM > 0) || c.Repeats != 3 {
			t.Errorf("%+v", c)
		}
	}
	if table.Costs[0].OverSGD != 1 || table.Costs[1].OverSAM != 1 {
		t.Errorf("a method beside itself: %+v", table.Costs)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := table.time(ctx, b, 3, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// Rows in bfloat16 are there where that is fast, unless all rows are in a precision that was asked for.
func TestCostRows(t *testing.T) {
	want := 0
	if kernel.Active() == kernel.AVX512BF16 {
		want = 3
	}
	rows := costRows(t, Workload{})
	if n := len(rows) - len(CostMethods()); n != want {
		t.Fatalf("%d rows in bfloat16, want %d", n, want)
	}
	if want > 0 {
		if c := rows[len(CostMethods())]; c.Method != "m-sam" || c.Ascent != tensor.BFloat16 || c.Descent != tensor.Float32 {
			t.Errorf("%+v", c)
		}
	}
	if rows := costRows(t, Workload{Ascent: tensor.BFloat16}); len(rows) != len(CostMethods()) || rows[0].Ascent != tensor.BFloat16 {
		t.Errorf("%+v", rows)
	}
}

func costRows(t *testing.T, w Workload, only ...string) []Cost {
	t.Helper()
	rows, err := CostRows(w, only...)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Some methods alone, beside SGD, without SAM.
func TestCostsOfSome(t *testing.T) {
	rows := costRows(t, Workload{Ascent: tensor.BFloat16}, "m-sam")
	if len(rows) != 2 || rows[0].Method != "sgd" || rows[1].Method != "m-sam" {
		t.Fatalf("%+v", rows)
	}
	b, err := newMinibatch(Workload{Model: "mlp", Batch: 8})
	if err != nil {
		t.Fatal(err)
	}
	table := &CostTable{Costs: rows}
	if err := table.time(context.Background(), b, 3, func(int, string) {}); err != nil || !(rows[1].OverSGD > 0) || rows[1].OverSAM != 0 {
		t.Errorf("%+v, %v", rows, err)
	}
	if _, err := CostRows(Workload{}, "swa"); err == nil || !strings.Contains(err.Error(), `unknown method "swa"`) {
		t.Errorf("error %v", err)
	}
}

func TestMedianRatio(t *testing.T) {
	if r := medianRatio([]float64{2, 9, 8}, []float64{1, 3, 2}); r != 3 {
		t.Errorf("the median of 2, 3 and 4 is %g", r)
	}
}

// smallCLIP is a shape that is quick to step.
func smallCLIP() clip.Config {
	c := clip.DefaultConfig()
	c.Text = clip.TextConfig{TowerConfig: clip.TowerConfig{Width: 16, Hidden: 64, Layers: 2, Heads: 2, Activation: "quick_gelu"}, Vocabulary: 50, Length: 7}
	c.Vision = clip.VisionConfig{TowerConfig: clip.TowerConfig{Width: 24, Hidden: 96, Layers: 1, Heads: 3, Activation: "quick_gelu"}, Size: 12, Patch: 4, Channels: 3}
	c.Projection = 8
	return c
}

func TestCLIP(t *testing.T) {
	clips["clip-small"] = smallCLIP()
	defer delete(clips, "clip-small")
	for _, micro := range []int{0, 2} {
		w := Workload{Model: "clip-small", Batch: 6, Method: "m-sam", Microbatch: micro}
		r, err := Step(w, 2)
		if err != nil || r.Workload != w || !(r.StepS > 0) || !(r.GFLOPS > 0) {
			t.Errorf("%+v, %v", r, err)
		}
	}
	// The multiply-adds of a pair: towers of 7 and 10 rows, patches, projections.
	tower := func(rows, width, layers int) int { return layers * (rows*12*width*width + 2*rows*rows*width) }
	want := 2 * (tower(7, 16, 2) + tower(10, 24, 1) + 9*48*24 + 16*8 + 24*8)
	b, err := newMinibatch(Workload{Model: "clip-small", Batch: 6})
	if err != nil || b.flops != 6*want {
		t.Errorf("%d operations of 6 pairs, want %d; %v", b.flops, 6*want, err)
	}
	// A gradient in parts is that of the whole.
	whole, parts := make([]float32, len(b.theta)), make([]float32, len(b.theta))
	loss, err := b.Gradient(whole, b.theta, sam.Call{Weight: 1})
	if err != nil {
		t.Fatal(err)
	}
	b.Objective = pairs{b.Objective.(pairs).model, b.Objective.(pairs).batch, 2}
	again, err := b.Gradient(parts, b.theta, sam.Call{Weight: 1})
	if err != nil || !(math.Abs(again-loss) < 1e-5) {
		t.Fatalf("the loss is %g in parts, %g at once; %v", again, loss, err)
	}
	for i, g := range whole {
		if math.Abs(float64(g-parts[i])) > 1e-5 {
			t.Fatalf("gradient %d is %g in parts, %g at once", i, parts[i], g)
		}
	}
	table, err := Layers(context.Background(), Workload{Model: "clip-small", Batch: 2}, 1)
	if err != nil || len(table.Layers) < 40 {
		t.Errorf("%+v, %v", table, err)
	}
	for want, w := range map[string]Workload{
		"batch is 0":         {Model: "clip-small", Batch: 0, Method: "sgd"},
		"a batch of 9000000": {Model: "clip-small", Batch: 9000000, Method: "sgd"},
		"microbatches of -1": {Model: "clip-small", Batch: 2, Method: "sgd", Microbatch: -1},
		"only the CLIP":      {Model: "mlp", Batch: 2, Method: "sgd", Microbatch: 1},
	} {
		if _, err := Step(w, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", w, err, want)
		}
	}
}

// PyTorch has a block's shortcut behind its convolutions, however many these are.
func TestSortShortcuts(t *testing.T) {
	var layers []*Layer
	for _, name := range []string{"conv1", "layer1.0.downsample.0", "layer1.0.conv1", "layer1.0.conv2", "layer1.0.conv3", "layer1.1.conv1", "layer2.0.downsample.0", "layer2.0.conv1", "fc"} {
		layers = append(layers, &Layer{Name: name})
	}
	var got []string
	for _, l := range sortShortcuts(layers) {
		got = append(got, l.Name)
	}
	want := []string{"conv1", "layer1.0.conv1", "layer1.0.conv2", "layer1.0.conv3", "layer1.0.downsample.0", "layer1.1.conv1", "layer2.0.conv1", "layer2.0.downsample.0", "fc"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestLayers(t *testing.T) {
	table, err := Layers(context.Background(), Workload{Model: "cnn", Batch: 4}, 2)
	if err != nil {
		t.Fatal(err)
	}
	var share float64
	ops := map[string]int{}
	for _, l := range table.Layers {
		share += l.Share
		ops[l.Op]++
	}
	if !(share > .999 && share < 1.001) || ops["conv"] != 3 || ops["batchNorm"] != 3 || ops["linear"] != 1 {
		t.Errorf("shares sum to %g, operations %v", share, ops)
	}
}

// testPython is a Python with PyTorch for tests, which MONGE_TEST_PYTORCH may name.
func testPython(t *testing.T) Python {
	python, err := ParsePython(cmp.Or(os.Getenv("MONGE_TEST_PYTORCH"), DefaultPython))
	if err == nil {
		_, err = FindPyTorch(context.Background(), python)
	}
	if err != nil {
		t.Skip(err)
	}
	return python
}

// PyTorch's side answers what ours reads, for every workload of a small model.
func TestPyTorchScript(t *testing.T) {
	if testing.Short() {
		t.Skip("runs PyTorch's side of all workloads")
	}
	s, err := testPython(t).start(context.Background(), 1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	all, _ := Workloads(nil, true)
	for _, w := range all {
		if w.Model == "resnet18" || w.seconds() > roundSeconds || slices.Contains(exported, w.Model) {
			continue
		}
		w.Batch = 2
		for _, way := range []Way{{Precision: Float32}, {Precision: BFloat16, ChannelsLast: true}} {
			r, err := s.ask(request{What: whatTimes, Workload: w, Way: way}, 0)
			if err != nil || len(r.Times) != 1 || !(r.Times[0] > 0) || r.PeakRSSBytes == 0 {
				t.Errorf("%v, %v: %+v, %v", w, way, r, err)
			}
		}
	}
	r, err := s.ask(request{What: whatLayers, Workload: Workload{Model: "resnet20", Batch: 2}, Repeats: 1}, 0)
	if err != nil || len(r.Layers) != 20 {
		t.Errorf("%d layers, %v", len(r.Layers), err)
	}
	_, err = s.ask(request{What: whatTimes, Workload: Workload{Model: "vgg", Batch: 2, Method: "sgd"}, Way: Way{Precision: Float32}}, 0)
	if err == nil || !strings.Contains(err.Error(), "vgg") {
		t.Errorf("an unknown model: %v", err)
	}
}

// The two sides have the same number of parameters, and take as many operations forward, where
// PyTorch can count them.
func TestSameModels(t *testing.T) {
	if testing.Short() {
		t.Skip("builds all models in PyTorch")
	}
	python := testPython(t)
	const count = `
def count(name):
    model, x, loss = example(*build(name), 1, False)
    try:
        from torch.utils.flop_counter import FlopCounterMode
    except ImportError:
        return [sum(p.numel() for p in model.parameters()), 0]
    with FlopCounterMode(display=False) as counter:
        loss()
    return [sum(p.numel() for p in model.parameters()), counter.get_total_flops()]

print(json.dumps({n: count(n) for n in sys.argv[1:]}))
`
	words := append(slices.Clone(python[1:]), "-c", strings.Replace(pytorchScript, "\nmain()\n", count, 1))
	for _, name := range VersusModels() {
		if !slices.Contains(exported, name) && name != "gemm1024" {
			words = append(words, name)
		}
	}
	cmd := exec.Command(python[0], words...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var torch map[string][2]int
	if err := json.Unmarshal(out, &torch); err != nil {
		t.Fatal(err)
	}
	for name, n := range torch {
		b, err := newMinibatch(Workload{Model: name, Batch: 1})
		if err != nil {
			t.Fatal(err)
		}
		if size, flops := len(b.theta), b.flops; size != n[0] || n[1] > 0 && math.Abs(float64(flops-n[1])) > 1e-4*float64(flops) {
			t.Errorf("%s has %d parameters and %d operations here, %d in PyTorch", name, size, flops, n)
		}
	}
}

// A method for normalisation layers is left out of a network that has none, but not where it was asked for.
func TestCostsWithoutNorms(t *testing.T) {
	rows := costRows(t, Workload{}, "m-sam", "sam-on")
	if _, err := Costs(context.Background(), Workload{Model: "mlp", Batch: 8}, rows, 1, 1, func(int, string) {}); err == nil || !strings.Contains(err.Error(), "sam-on perturbs normalisation layers alone, and mlp has none") {
		t.Errorf("error %v", err)
	}
}
