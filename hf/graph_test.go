package hf_test

import (
	"path/filepath"
	"testing"

	"github.com/monge-ml/monge/onnx/export"
	"github.com/monge-ml/monge/tensor"
)

// The form of a network that becomes a graph computes what the usual form does.
func TestForwardTexts(t *testing.T) {
	for _, dir := range directories(t) {
		g := readGolden(t, dir)
		if g.Rows == nil {
			continue
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			m, theta := open(t, dir, &g)
			l, ok := m.Layer().(export.TextLayer)
			if !ok {
				t.Fatal("it has no other form")
			}
			tape := m.Tape()
			tape.Reset(tensor.Eval)
			m.Bind(theta, nil, false)
			parts := unpacked(g.Rows)
			var in []*tensor.Tensor
			for i := range l.Inputs() {
				in = append(in, tape.Input(parts[i], len(g.Rows), len(g.Rows[0])))
			}
			y := l.ForwardTexts(tape, in)
			if err := tape.Err(); err != nil {
				t.Fatal(err)
			}
			near(t, "logits", y.Data, g.Logits, 1e-4)
		})
	}
}
