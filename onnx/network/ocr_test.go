package network_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/onnx/network"
	"github.com/monge-ml/monge/weights"
)

// PP-OCR's detector, recognizer and classifier compute what ONNX Runtime does of them, and have
// the gradients that PyTorch has.
func TestPublishedOCR(t *testing.T) {
	dir := os.Getenv("MONGE_TEST_OCR")
	if dir == "" {
		t.Skip("MONGE_TEST_OCR names no directory that testdata/ocr.py has filled")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	if len(files) == 0 {
		t.Fatalf("%s has no *.safetensors", dir)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			ref, err := weights.Read(file)
			if err != nil {
				t.Fatal(err)
			}
			m, err := onnx.Read(ref.Metadata["path"])
			if err != nil {
				t.Fatal(err)
			}
			named := map[string]weights.Tensor{}
			for _, r := range ref.Tensors {
				named[r.Name] = r
			}
			x, err := array.New(onnx.Float, named["input"].Shape...)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range named["input"].Data {
				x.F[i] = float64(v)
			}
			y, err := network.Run(m, []*array.Array{x})
			if err != nil {
				t.Fatal(err)
			}
			if d := distance(y[0].Floats(), named["output"].Data); !(d <= 1e-4) {
				t.Fatalf("it differs by %.1e of the largest", d)
			}
			d, err := network.Differentiate(m, []*array.Array{x}, m.Graph.Outputs[0].Name, named["weights"].Data)
			if err != nil {
				t.Fatal(err)
			}
			check := func(name string, g *array.Array) {
				want, got := named["grad."+name].Data, g.Floats()
				if len(want) != len(got) {
					t.Fatalf("%s: %d numbers, want %d", name, len(got), len(want))
				}
				off := make([]float32, len(got))
				for i, v := range want {
					off[i] = got[i] - v
				}
				if !(norm(off) <= 1e-3*norm(want)+1e-7) {
					t.Errorf("the gradient of %s differs by %.1e, is %.1e", name, norm(off), norm(want))
				}
			}
			check(m.Graph.Inputs[0].Name, d.Inputs[0])
			for name, g := range d.Tensors {
				check(name, g)
			}
			t.Logf("%d parameters", len(d.Tensors))
		})
	}
}
