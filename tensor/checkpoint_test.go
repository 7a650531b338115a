package tensor_test

import (
	"slices"
	"testing"

	"github.com/monge-ml/monge/tensor"
)

// A block is a function as a part of a network.
type block func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor

func (f block) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return f(t, x) }

// blocks use the input twice, dropout, running statistics, views, and a parameter that
// all share.
func blocks(w *tensor.Tensor, s *tensor.BatchNormState) []tensor.Block {
	inner := func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
		return t.Add(x, t.Dropout(t.GELU(t.Linear(x, w, nil)), .5))
	}
	return []tensor.Block{
		block(inner),
		block(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return t.BatchNorm(inner(t, x), nil, nil, s) }),
		block(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return t.Reshape(inner(t, x), 3, 8) }),
		block(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return x }),
		block(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
			return t.Checkpoint(t.Checkpoint(x, block(inner)), block(inner))
		}),
		block(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return t.Reshape(t.Reshape(x, 24), 3, 8) }),
	}
}

func TestCheckpointGivesTheSameBits(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		var want [][]float32
		for _, checkpoint := range []bool{false, true} {
			data, grad := numbers(64, 1), make([]float32, 64)
			input, inputGrad := numbers(24, 2), make([]float32, 24)
			w, _ := tensor.Parameter(8, 8)
			x, _ := tensor.Parameter(3, 8)
			s := &tensor.BatchNormState{Mean: make([]float32, 8), Var: make([]float32, 8)}
			tp := tensor.NewTape()
			var losses []float32
			for range 3 {
				tp.Reset(tensor.Train)
				tp.SetRandom(7, 7)
				w.Bind(data, grad, false)
				x.Bind(input, inputGrad, false)
				y := x
				for _, b := range blocks(w, s) {
					if checkpoint {
						y = tp.Checkpoint(y, b)
					} else {
						y = b.Forward(tp, y)
					}
				}
				loss := tp.Mean(tp.Mul(y, y))
				if err := tp.Backward(loss, 1); err != nil {
					t.Fatal(err)
				}
				if err := tensor.CheckArena(tp); err != nil {
					t.Fatal(err)
				}
				losses = append(losses, loss.Data[0])
			}
			got := [][]float32{losses, grad, inputGrad, s.Mean, s.Var}
			if want == nil {
				want = got
				continue
			}
			for i := range want {
				if !slices.Equal(got[i], want[i]) {
					t.Errorf("%d: %v with checkpoints, %v without", i, got[i], want[i])
				}
			}
		}
	})
}

// A deep network needs the memory of a few blocks.
func TestCheckpointSavesMemory(t *testing.T) {
	memory := func(checkpoint bool) int {
		data := numbers(64, 1)
		w, _ := tensor.Parameter(8, 8)
		tp := tensor.NewTape()
		tp.Reset(tensor.Train)
		w.Bind(data, make([]float32, 64), false)
		y := tp.Input(numbers(8*500, 2), 500, 8)
		for range 30 {
			b := block(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
				for range 8 {
					x = t.GELU(t.Linear(x, w, nil))
				}
				return x
			})
			if checkpoint {
				y = tp.Checkpoint(y, b)
			} else {
				y = b.Forward(tp, y)
			}
		}
		if err := tp.Backward(tp.Mean(y), 1); err != nil {
			t.Fatal(err)
		}
		return tensor.ArenaSize(tp)
	}
	if with, without := memory(true), memory(false); with*5 > without {
		t.Errorf("%d numbers with checkpoints, %d without", with, without)
	}
}
