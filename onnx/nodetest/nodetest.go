// Package nodetest runs tests in the layout of ONNX's own: directories with model.onnx and, in
// test_data_set_0 and so on, inputs and outputs as tensors in files input_0.pb, output_0.pb, ...
package nodetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/monge-ml/monge/internal/half"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/onnx/network"
)

// The states of a test.
const (
	Passed      = "passed"
	Failed      = "failed"
	Unsupported = "unsupported"
)

// A Result is what became of a test.
type Result struct {
	Name  string `json:"name"` // its directory
	State string `json:"state"`
	Why   string `json:"why,omitempty"`
}

// A Report is what became of all.
type Report struct {
	Passed      int      `json:"passed"`
	Failed      int      `json:"failed"`
	Unsupported int      `json:"unsupported"`
	Tests       []Result `json:"tests"`
}

// Find returns the directories below dir, itself included, that hold a test.
func Find(dir string) (list []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() && d.Name() == "model.onnx" {
			list = append(list, filepath.Dir(path))
		}
		return nil
	})
	return list, err
}

// Run runs the tests in directories. After each, told, which may be nil, gets it. The only error
// is that ctx has ended.
func Run(ctx context.Context, dirs []string, told func(Result)) (*Report, error) {
	r := &Report{Tests: []Result{}}
	for _, dir := range dirs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t := Result{Name: filepath.Base(dir), State: Passed}
		if err := runOne(dir); err != nil {
			t.State, t.Why = Failed, err.Error()
			if errors.Is(err, network.ErrUnsupported) {
				t.State = Unsupported
			}
		}
		switch t.State {
		case Passed:
			r.Passed++
		case Failed:
			r.Failed++
		default:
			r.Unsupported++
		}
		r.Tests = append(r.Tests, t)
		if told != nil {
			told(t)
		}
	}
	return r, nil
}

func runOne(dir string) error {
	m, err := onnx.Read(filepath.Join(dir, "model.onnx"))
	if err != nil {
		return err
	}
	for _, n := range m.Graph.Nodes {
		if !network.Has(n.FullOp()) {
			return fmt.Errorf("node %s: %w", n.Label(), network.ErrUnsupported)
		}
	}
	for _, v := range slices.Concat(m.Graph.Inputs, m.Graph.Outputs) {
		if v.Other != "" {
			return fmt.Errorf("%s is %s: %w", onnx.Show(v.Name), v.Other, network.ErrUnsupported)
		}
		if v.DType.Size() == 0 {
			return fmt.Errorf("%s is of %v: %w", onnx.Show(v.Name), v.DType, network.ErrUnsupported)
		}
	}
	sets, err := filepath.Glob(filepath.Join(dir, "test_data_set_*"))
	if err != nil {
		return err
	}
	if len(sets) == 0 {
		return fmt.Errorf("%s has no test_data_set_*", dir)
	}
	for _, set := range sets {
		if err := runSet(m, set); err != nil {
			return err
		}
	}
	return nil
}

func runSet(m *onnx.Model, dir string) error {
	in, err := tensors(dir, "input")
	if err != nil {
		return err
	}
	want, err := tensors(dir, "output")
	if err != nil {
		return err
	}
	if len(want) == 0 {
		return fmt.Errorf("%s has no output_0.pb", dir)
	}
	for i, v := range m.Graph.Inputs {
		if i < len(in) {
			asDeclared(in[i], v)
		}
	}
	for i, v := range m.Graph.Outputs {
		if i < len(want) {
			asDeclared(want[i], v)
		}
	}
	got, err := network.Run(m, in)
	if err != nil {
		return err
	}
	if len(got) < len(want) {
		return fmt.Errorf("%d outputs, %d wanted", len(got), len(want))
	}
	for i, w := range want {
		if err := Compare(got[i], w); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

// asDeclared reads numbers of bfloat16, which files hold as their bits in uint16.
func asDeclared(a *array.Array, v *onnx.Value) {
	if v.DType != onnx.BFloat16 || a.DType != onnx.Uint16 {
		return
	}
	a.DType = onnx.BFloat16
	for _, bits := range a.I {
		a.F = append(a.F, float64(half.FromBF16(uint16(bits))))
	}
	a.I = nil
}

// tensors reads the files kind_0.pb and so on of a directory.
func tensors(dir, kind string) (list []*array.Array, err error) {
	for i := 0; ; i++ {
		path := filepath.Join(dir, fmt.Sprintf("%s_%d.pb", kind, i))
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		t, err := onnx.ParseTensor(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		a, err := array.Of(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, a)
	}
}

// The tolerances of ONNX's own runner.
const (
	relative = 1e-3
	absolute = 1e-7
)

// Compare returns how a result differs from what is wanted, nil if it does not.
func Compare(got, want *array.Array) error {
	if !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("shape %v, want %v", got.Shape, want.Shape)
	}
	if got.IsFloat() != want.IsFloat() || !want.IsFloat() && got.DType != want.DType {
		return fmt.Errorf("%v, want %v", got.DType, want.DType)
	}
	for i := range want.I {
		if got.I[i] != want.I[i] {
			return fmt.Errorf("element %d of %d is %d, want %d", i, len(want.I), got.I[i], want.I[i])
		}
	}
	relative := relative
	if want.DType == onnx.BFloat16 { // files of earlier versions cut, and rounding to the nearest is right
		relative = 1. / 128
	}
	for i, w := range want.F {
		g := got.F[i]
		if g == w || math.IsNaN(g) && math.IsNaN(w) {
			continue
		}
		if math.IsInf(w, 0) || !(math.Abs(g-w) <= absolute+relative*math.Abs(w)) {
			return fmt.Errorf("element %d of %d is %g, want %g", i, len(want.F), g, w)
		}
	}
	return nil
}
