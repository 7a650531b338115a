package hf_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/internal/onnxruntime"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/export"
)

// Served by ONNX Runtime, networks say what they say here: those of texts of tokens, masks and segments under
// transformers' names, of any length.
func TestServed(t *testing.T) {
	onnxruntime.Need(t)
	for _, dir := range directories(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			g := readGolden(t, dir)
			m, theta := open(t, dir, &g)
			if g.Rows == nil {
				path, _ := written(t, m, theta)
				got := onnxruntime.Once(t, path, onnxruntime.Input{Name: export.Input, Batch: onnxruntime.Batch{Dims: []int{examples, 3, g.Side, g.Side}, Data: numbers(examples*3*g.Side*g.Side, 7919)}})
				want, err := m.Logits(theta, images(g.Side, 0))
				if err != nil {
					t.Fatal(err)
				}
				onnxruntime.Near(t, got["logits"].Data, want)
				return
			}
			servedTexts(t, m, theta, g.Rows)
		})
	}
}

// So are texts whose rows become one in any of the ways that there are.
func TestServedPooling(t *testing.T) {
	onnxruntime.Need(t)
	g := readGolden(t, "testdata/bert")
	for _, mode := range []string{"mean_tokens", "cls_token", "max_tokens", "mean_sqrt_len_tokens"} {
		m, err := models.Build(moduled(t, twoModules, strings.Replace(meanPooling, "mean_tokens", mode, 1), ""), models.Options{Input: g.input(), Classes: 16})
		if err != nil {
			t.Fatal(err)
		}
		servedTexts(t, m, passing(t, m), g.Rows)
	}
}

// written is a network as a file.
func written(t *testing.T, m *nn.Model, theta []float32) (path string, graph *onnx.Graph) {
	t.Helper()
	f, err := export.Model(m, theta, export.Options{})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "model.onnx")
	if err := f.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	return path, f.Graph
}

// servedTexts holds what is served of rows of packed tokens, and of one that is shorter, against what is computed here.
func servedTexts(t *testing.T, m *nn.Model, theta []float32, rows [][]float32) {
	t.Helper()
	path, graph := written(t, m, theta)
	for _, rows := range [][][]float32{rows, shortest(rows)} {
		want, err := m.LogitsOf(theta, slices.Concat(rows...), len(rows))
		if err != nil {
			t.Fatal(err)
		}
		got := onnxruntime.Once(t, path, inputs(graph, rows)...)
		onnxruntime.Near(t, got["logits"].Data, want)
	}
}

// shortest is the one of the rows that has the most padding, without it.
func shortest(rows [][]float32) [][]float32 {
	short := rows[0]
	for _, row := range rows {
		if n := slices.Index(row, 0); n > 0 && n < len(short) {
			short = row[:n]
		}
	}
	return [][]float32{short}
}

// unpacked are the numbers of packed tokens, ones where there are some, and their segments.
func unpacked(rows [][]float32) (parts [3][]float32) {
	for _, v := range slices.Concat(rows...) {
		id, segment, ok := data.UnpackToken(v)
		there := float32(0)
		if ok {
			there = 1
		}
		for i, x := range []float32{float32(id), there, float32(segment)} {
			parts[i] = append(parts[i], x)
		}
	}
	return parts
}

// inputs are those of a graph that say what rows of packed tokens do.
func inputs(graph *onnx.Graph, rows [][]float32) (list []onnxruntime.Input) {
	parts := unpacked(rows)
	for i, in := range graph.Inputs {
		list = append(list, onnxruntime.Input{Name: in.Name, Whole: true, Batch: onnxruntime.Batch{Dims: []int{len(rows), len(rows[0])}, Data: parts[i]}})
	}
	return list
}
