package tensor_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/tensor"
	"github.com/monge-ml/monge/tensor/internal/gradcheck"
)

// everyLevel runs a test at each instruction level that this processor has.
func everyLevel(t *testing.T, f func(t *testing.T)) {
	best := kernel.Active()
	defer kernel.SetLevel(best)
	for _, l := range []kernel.Level{kernel.Portable, kernel.AVX2, kernel.AVX512, kernel.AVX512BF16} {
		t.Run(l.String(), func(t *testing.T) {
			if err := kernel.SetLevel(l); err != nil {
				t.Skip(err)
			}
			f(t)
		})
	}
}

func TestGradients(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		var s gradcheck.Settings
		for _, d := range [][3]int{{1, 1, 1}, {3, 5, 7}, {17, 33, 10}, {2, 64, 16}} {
			rows, in, out := d[0], d[1], d[2]
			gradcheck.Check(t, "linear", s, func(t *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
				return t.Linear(x[0], x[1], x[2])
			}, []int{rows, in}, []int{out, in}, []int{out})
		}
		gradcheck.Check(t, "linear without bias over images", s, func(t *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
			return t.Linear(x[0], x[1], nil)
		}, []int{2, 3, 3, 5}, []int{4, 5})
		awayFromZero := s
		awayFromZero.Skip = func(_, _ int, x float32) bool { return math.Abs(float64(x)) < .02 }
		gradcheck.Check(t, "relu", awayFromZero, func(t *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
			return t.ReLU(x[0])
		}, []int{7, 13})
		gradcheck.Check(t, "cross-entropy", s, func(t *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
			return t.CrossEntropy(x[0], []int{0, 4, 2})
		}, []int{3, 5})
		gradcheck.Check(t, "binary cross-entropy", s, func(t *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
			return t.BinaryCrossEntropy(x[0], []float32{0, 1, 1, .3, 0, 0})
		}, []int{2, 3})
		gradcheck.Check(t, "a tensor used twice", awayFromZero, func(t *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
			h := t.ReLU(x[0])
			return t.Linear(h, t.Linear(h, x[1], nil), nil)
		}, []int{4, 4}, []int{4, 4})
	})
}

func TestCrossEntropyValue(t *testing.T) {
	tape := tensor.NewTape()
	tape.Reset(tensor.Eval)
	x := tape.Input([]float32{0, float32(math.Log(3)), 1000, -1000}, 2, 2)
	got := tape.CrossEntropy(x, []int{1, 0})
	if want := -math.Log(.75) / 2; tape.Err() != nil || !(math.Abs(float64(got.Data[0])-want) < 1e-6) {
		t.Errorf("cross-entropy %v, %v; want %g", got.Data, tape.Err(), want)
	}
}

// Logits that are large overflow nothing.
func TestBinaryCrossEntropyValue(t *testing.T) {
	tape := tensor.NewTape()
	tape.Reset(tensor.Eval)
	got := tape.BinaryCrossEntropy(tape.Input([]float32{1000, -1000, -1000, 0}, 2, 2), []float32{1, 0, 1, .5})
	if want := (1000 + math.Ln2) / 4; tape.Err() != nil || !(math.Abs(float64(got.Data[0])-want) < 1e-4) {
		t.Errorf("binary cross-entropy %v, %v; want %g", got.Data, tape.Err(), want)
	}
}

// Shapes that don't fit are errors that name the layer, the operation and both shapes;
// nothing after them panics.
func TestShapeErrors(t *testing.T) {
	x := func(t *tensor.Tape, shape ...int) *tensor.Tensor {
		n := 1
		for _, d := range shape {
			n *= d
		}
		return t.Input(make([]float32, n), shape...)
	}
	for _, tt := range []struct {
		want string
		op   func(t *tensor.Tape) *tensor.Tensor
	}{
		{"net.fc: linear: input [2 3] does not fit weight [4 5]", func(t *tensor.Tape) *tensor.Tensor { return t.Linear(x(t, 2, 3), x(t, 4, 5), nil) }},
		{"net.fc: linear: bias [3] does not fit weight [4 3]", func(t *tensor.Tape) *tensor.Tensor { return t.Linear(x(t, 2, 3), x(t, 4, 3), x(t, 3)) }},
		{"net.fc: cross-entropy: logits [2 3] need 2 labels, got 1", func(t *tensor.Tape) *tensor.Tensor { return t.CrossEntropy(x(t, 2, 3), []int{0}) }},
		{"net.fc: cross-entropy: label 3 of row 1 is outside the 3 classes", func(t *tensor.Tape) *tensor.Tensor { return t.CrossEntropy(x(t, 2, 3), []int{0, 3}) }},
		{"net.fc: input: shape [2 3] has 6 elements, the data 5", func(t *tensor.Tape) *tensor.Tensor { return t.Input(make([]float32, 5), 2, 3) }},
		{"net.fc: input: shape [0 3]: every dimension must be positive", func(t *tensor.Tape) *tensor.Tensor { return t.Input(nil, 0, 3) }},
	} {
		tape := tensor.NewTape()
		tape.Reset(tensor.Train)
		tape.Scope("net.fc")
		y := tape.CrossEntropy(tape.ReLU(tape.Linear(tt.op(tape), nil, nil)), nil)
		var shape *tensor.ShapeError
		if err := tape.Err(); y != nil || !errors.As(err, &shape) || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("error %q, want %q", tape.Err(), tt.want)
		}
		if err := tape.Backward(y, 1); err != tape.Err() {
			t.Errorf("backward after an error: %v", err)
		}
	}
}

func TestBackwardErrors(t *testing.T) {
	tape := tensor.NewTape()
	tape.Reset(tensor.Train)
	x := tape.Input([]float32{1, 2}, 1, 2)
	if err := tape.Backward(x, 1); err == nil || !strings.Contains(err.Error(), "one element") {
		t.Errorf("of two elements: %v", err)
	}
	if err := tape.Backward(tape.CrossEntropy(x, []int{0}), 1); err == nil || !strings.Contains(err.Error(), "no parameter") {
		t.Errorf("without parameters: %v", err)
	}
	tape.Reset(tensor.Eval)
	if err := tape.Backward(tape.CrossEntropy(tape.Input([]float32{1, 2}, 1, 2), []int{0}), 1); err == nil || !strings.Contains(err.Error(), "Eval") {
		t.Errorf("in Eval mode: %v", err)
	}
}
