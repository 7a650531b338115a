package network_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/onnx/network"
	"github.com/monge-ml/monge/weights"
)

// TestZoo holds networks beside PyTorch that testdata/zoo.py has exported to the directory that
// MONGE_TEST_ONNX_ZOO names: outputs, and the gradients of all parameters.
func TestZoo(t *testing.T) {
	root := os.Getenv("MONGE_TEST_ONNX_ZOO")
	if root == "" {
		t.Skip("MONGE_TEST_ONNX_ZOO names no directory that testdata/zoo.py has filled")
	}
	files, _ := filepath.Glob(filepath.Join(root, "*", "reference.safetensors"))
	if len(files) == 0 {
		t.Fatalf("%s has no */reference.safetensors", root)
	}
	for _, file := range files {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			e := loadExported(t, dir)
			if strings.HasSuffix(dir, ".half") { // constants are rounded to half precision
				e.check(t, 1e-3, 1e-2)
				return
			}
			e.check(t, 1e-4, 2e-3) // Winograd's convolutions of deep networks have rounding errors of 1.4e-3
		})
	}
}

// An exported network is a directory that zoo.py has written.
type exported struct {
	file      *network.File
	model     *nn.Model
	theta     []float32
	x         []float32
	n         int
	reference map[string][]float32
	metadata  map[string]string
}

func loadExported(t *testing.T, dir string) *exported {
	t.Helper()
	f, err := network.Open(filepath.Join(dir, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	ref, err := weights.Read(filepath.Join(dir, "reference.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	e := &exported{file: f, reference: map[string][]float32{}, metadata: ref.Metadata}
	var shape []int
	for _, r := range ref.Tensors {
		e.reference[r.Name] = r.Data
		if name, ok := strings.CutPrefix(r.Name, "input."); ok && (f.Texts == nil || strings.Contains(name, "ids") && !strings.Contains(name, "type")) {
			shape, e.x = r.Shape, r.Data
		}
	}
	e.n = shape[0]
	shape = slices.Clone(shape[1:])
	switch {
	case f.Images != nil && !(shape[2] <= 4 && shape[0] > 4):
		e.x = channelsLast(e.x, e.n, shape[0])
		shape = []int{shape[1], shape[2], shape[0]}
	case f.Vector != "":
		shape = []int{1, 1, shape[0]}
	}
	b := nn.NewBuilder()
	if e.model, err = nn.NewModel(b, f.Layer(b, network.Options{}), shape); err != nil {
		t.Fatal(err)
	}
	e.theta = e.model.NewTheta(1)
	return e
}

// channelsLast brings images of N x C x H x W to N x H x W x C.
func channelsLast(x []float32, n, channels int) []float32 {
	out := make([]float32, len(x))
	pixels := len(x) / n / channels
	for i := range n {
		for c := range channels {
			for p := range pixels {
				out[(i*pixels+p)*channels+c] = x[(i*channels+c)*pixels+p]
			}
		}
	}
	return out
}

// labels are 0, 1, 2, ... as in the reference.
func (e *exported) labels(classes int) []int {
	labels := make([]int, e.n)
	for i := range labels {
		labels[i] = i % classes
	}
	return labels
}

func (e *exported) check(t *testing.T, outputs, gradients float64) {
	t.Helper()
	e.model.FreezeBatchNorm()
	y, err := e.model.Logits(e.theta, e.x)
	if err != nil {
		t.Fatal(err)
	}
	if d := distance(y, e.reference["logits"]); !(d <= outputs) {
		t.Fatalf("outputs differ by %.1e of the largest: %v, want %v", d, y[:4], e.reference["logits"][:4])
	}
	labels := e.labels(len(y) / e.n)
	g := make([]float32, len(e.theta))
	if _, err := e.model.Gradient(g, e.theta, e.x, labels, objective.Call{Weight: 1}); err != nil {
		t.Fatal(err)
	}
	e.checkGradients(t, g, gradients)
}

// checkGradients holds those of all parameters beside the reference's, whose other tensors must
// be none that anybody trains.
func (e *exported) checkGradients(t *testing.T, g []float32, tolerance float64) {
	t.Helper()
	total := 0.
	for name, r := range e.reference {
		if v := norm(r); strings.HasPrefix(name, "grad.") && !math.IsNaN(v) { // NaN is that of a mask
			total += v * v
		}
	}
	total = math.Sqrt(total)
	bad, left := []string{}, map[string]bool{}
	for name := range e.reference {
		if name, ok := strings.CutPrefix(name, "grad."); ok && len(e.reference["grad."+name]) > 1 {
			left[name] = true
		}
	}
	grads := map[string][]float32{}
	for _, p := range e.model.Params {
		grads[p.Name] = p.Export(g)
	}
	for name, own := range grads { // name.2, .3 are what other readers of a shared tensor got
		base, end, _ := cutLast(name, ".")
		if e.reference["grad."+name] == nil && grads[base] != nil && strings.Trim(end, "0123456789") == "" {
			for i, v := range own {
				grads[base][i] += v
			}
			delete(grads, name)
		}
	}
	for _, p := range e.model.Params {
		delete(left, p.Name)
		r, ok := e.reference["grad."+p.Name]
		got := grads[p.Name]
		if got == nil {
			continue
		}
		if !ok {
			if norm(got) != 0 { // it was passed by
				bad = append(bad, fmt.Sprintf("%s: none in the reference", p.Name))
			}
			continue
		}
		d := make([]float32, len(r))
		for i := range r {
			d[i] = got[i] - r[i]
		}
		if v := norm(d); !(v <= tolerance*norm(r)+1e-5*total) {
			bad = append(bad, fmt.Sprintf("%s %v: differs by %.1e, is %.1e, want %.1e", p.Name, p.Shape, v, norm(got), norm(r)))
		}
	}
	t.Logf("%d parameters of %d numbers, PyTorch's module has %v; folded %v, head %v", len(e.model.Params), len(e.theta), e.metadata["parameters"], e.file.Folded(), e.file.Heads != nil)
	for name := range left {
		t.Logf("not trained: %s, %d numbers, gradient %.1e of %.1e", name, len(e.reference["grad."+name]), norm(e.reference["grad."+name]), total)
	}
	if len(bad) > 0 {
		t.Errorf("%d gradients of %d differ, as\n%s", len(bad), len(e.model.Params), strings.Join(bad[:min(8, len(bad))], "\n"))
	}
}

// cutLast is strings.Cut around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func norm(x []float32) float64 {
	s := 0.
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return math.Sqrt(s)
}

// distance is the largest difference, relative to the largest number.
func distance(x, y []float32) float64 {
	d, top := 0., 0.
	for i := range y {
		d, top = max(d, math.Abs(float64(x[i]-y[i]))), max(top, math.Abs(float64(y[i])))
	}
	return d / top
}
