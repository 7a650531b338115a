package tensor

import "testing"

// The memory of a result goes to those that follow once it and all views of it are released, in
// any order.
func TestReleaseViews(t *testing.T) {
	data := make([]float32, 64)
	for _, order := range [][]int{{0, 1, 2}, {2, 0, 1}, {1, 2, 0}, {2, 1, 0}} {
		tape := NewTape()
		tape.Reset(Eval)
		x := tape.Map(Exp, tape.Input(data, 64), 0, 0)
		block := &x.Data[0]
		y := tape.Reshape(x, 8, 8)
		z := tape.Reshape(y, 4, 16)
		all := []*Tensor{x, y, z}
		for i, k := range order {
			if other := tape.Map(Exp, tape.Input(data, 64), 0, 0); &other.Data[0] == block {
				t.Fatalf("the memory was taken before release %d of %v", i, order)
			}
			tape.Release(all[k])
			tape.Release(all[k]) // again: nothing
		}
		if other := tape.Map(Exp, tape.Input(data, 64), 0, 0); &other.Data[0] != block {
			t.Errorf("released in order %v, the memory was not taken", order)
		}
		if tape.ReLU(y); tape.Err() == nil {
			t.Error("an operation on a released view is no error")
		}
	}
	tape := NewTape()
	tape.Reset(Eval)
	in := tape.Input(data, 64)
	tape.Release(tape.Reshape(in, 8, 8))
	if tape.ReLU(in); tape.Err() != nil {
		t.Error("a released view took the input with it:", tape.Err())
	}
}
