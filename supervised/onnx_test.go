package supervised_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/internal/onnxruntime"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/tensor"
	"github.com/monge-ml/monge/train"
)

func brief(change func(s *supervised.Settings)) train.Config {
	c := supervised.Default()
	c.Epochs, c.MaxSteps, c.Batch = 1, 6, 16
	supervised.Change(&c, change)
	return c
}

// A run leaves its network as an ONNX model, with its final and with its best weights.
func TestLeavesONNX(t *testing.T) {
	c := brief(func(s *supervised.Settings) { s.Onnx = []string{"softmax"} })
	path := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, path, c, 0); err != nil {
		t.Fatal(err)
	}
	for onnxFile, weights := range map[string]string{supervised.NetworkFile: supervised.WeightsFile, supervised.BestNetworkFile: supervised.BestFile} {
		m, err := onnx.Read(filepath.Join(path, onnxFile))
		if err != nil {
			t.Fatal(err)
		}
		f, err := classifier.Load(filepath.Join(path, weights), classifier.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range f.Net.StateDict(f.Theta) {
			data, err := m.Graph.Initializer(s.Name).Floats()
			if err != nil || len(data) != len(s.Data) || data[0] != s.Data[0] {
				t.Errorf("%s: %s is not that of %s: %v", onnxFile, s.Name, weights, err)
			}
		}
		if m.Graph.Outputs[0].Name != "probabilities" {
			t.Errorf("%s ends with %s", onnxFile, m.Graph.Outputs[0].Name)
		}
	}
}

// It is served as the run left it.
func TestServesRun(t *testing.T) {
	onnxruntime.Need(t)
	path := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, path, textConfig(t), 0); err != nil {
		t.Fatal(err)
	}
	c, err := classifier.Load(filepath.Join(path, supervised.WeightsFile), classifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	batch := onnxruntime.Batch{Dims: []int{2, 8}}
	for _, text := range []string{"number 7 of 49", "even, and more words than there is room for in a row"} {
		x, err := c.Tokens(text)
		if err != nil {
			t.Fatal(err)
		}
		batch.Data = append(batch.Data, x...)
	}
	want, err := c.Outputs(batch.Data)
	if err != nil {
		t.Fatal(err)
	}
	onnxruntime.Near(t, onnxruntime.Serve(t, filepath.Join(path, supervised.NetworkFile), true, batch).Results[0].Data, want)
}

// Nothing is written where that is asked for, and what can't be asked for is an error.
func TestONNXSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, path, brief(func(s *supervised.Settings) { s.Onnx = []string{"none"} }), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(path, supervised.NetworkFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a model is there: %v", err)
	}
	table := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(table, []byte("x,y,price\n1,2,3\n2,3,4\n3,5,6\n4,1,7\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	text := textConfig(t)
	supervised.Change(&text, func(s *supervised.Settings) { s.Onnx = []string{"normalize"} })
	for want, c := range map[string]train.Config{
		`onnx: unknown part "argmax"`: brief(func(s *supervised.Settings) { s.Onnx = []string{"softmax", "argmax"} }),
		`onnx: unknown part "none"`:   brief(func(s *supervised.Settings) { s.Onnx = []string{"none", "softmax"} }),
		"onnx: softmax is for networks that tell classes apart": brief(func(s *supervised.Settings) {
			s.Data, s.Val, s.Onnx = "csv:"+table+"?target=price", 1, []string{"softmax"}
		}),
		"onnx: normalize is for networks of images": text,
		"onnx none is for networks of the list":     brief(func(s *supervised.Settings) { s.Init, s.Onnx = "a.onnx", []string{"none"} }),
	} {
		if _, err := train.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// twice is an operation of a program's own.
type twice struct{}

func (twice) Name() string                              { return "twice" }
func (twice) Shape(in ...*tensor.Tensor) ([]int, error) { return in[0].Shape(), nil }
func (twice) Forward(out *tensor.Tensor, in ...*tensor.Tensor) {
	for i, v := range in[0].Data {
		out.Data[i] = 2 * v
	}
}
func (twice) Backward(out *tensor.Tensor, in ...*tensor.Tensor) {
	for i, g := range out.Grad {
		in[0].Grad[i] += 2 * g
	}
}

// A network that can't be an ONNX model is trained all the same; that there is none is said.
func TestNoONNX(t *testing.T) {
	models.Register(models.Entry{Name: "test-twice", Input: []int{8, 8, 1}, Build: func(b nn.Builder, o models.Options) nn.Layer {
		return nn.Sequential{nn.Flatten, b.Linear("in", o.Input[0]*o.Input[1]*o.Input[2], 8),
			nn.LayerFunc(func(tp *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return tp.Apply(twice{}, x) }), b.Linear("out", 8, o.Classes)}
	}})
	c := brief(func(s *supervised.Settings) { s.Model = "test-twice" })
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	const want = "no model.onnx is written: in: twice: it is the program's own operation"
	if notes := strings.Join(r.Notes(), "\n"); !strings.Contains(notes, want) {
		t.Errorf("notes %q, want %q", notes, want)
	}
	path := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, path, c, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(path, supervised.WeightsFile)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(path, supervised.NetworkFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a model is there: %v", err)
	}
}
