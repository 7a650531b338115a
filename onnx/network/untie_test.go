package network_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/onnx/network"
)

// Statistics and constants that were written as other names of equal parameters keep their values when
// these are trained.
func TestOtherNames(t *testing.T) {
	const text = "x:Nx6; m=Identity(bn.weight); v=Identity(bn.running_var); c=Identity(bn.weight); Gemm(_, 6x4);" +
		"BatchNormalization(_, bn.weight:[0.,0.,0.,0.], bn.bias:4, m, v); BatchNormalization(_, 4, 4, 4, bn.running_var:[1.,1.,1.,1.]); Tanh; Max(_, c); Gemm(_, 4x3)"
	model := onnxtest.Model(t, text)
	model.Graph.Nodes[3].Inputs[0] = "x"
	f, err := network.Of(model)
	if err != nil {
		t.Fatal(err)
	}
	b := nn.NewBuilder()
	layer := f.Layer(b, network.Options{})
	m, err := nn.NewModel(b, layer, []int{1, 1, 6})
	if err != nil {
		t.Fatal(err)
	}
	if n := m.BatchNorms(); n != 2 {
		t.Errorf("%d normalisations have statistics", n)
	}
	theta := m.NewTheta(1)
	for i := range theta {
		theta[i] += .5
	}
	pixels := []float32{1, -2, 3, -1, 2, .5}
	x, err := array.New(onnx.Float, 1, 6)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range pixels {
		x.F[i] = float64(v)
	}
	want, err := m.Logits(theta, pixels)
	if err != nil {
		t.Fatal(err)
	}
	out, err := layer.Export(theta)
	if err != nil {
		t.Fatal(err)
	}
	y, err := network.Run(out, []*array.Array{x})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range y[0].F {
		if math.Abs(v-float64(want[i])) > 1e-5 {
			t.Errorf("output %d of the file is %g, here %g", i, v, want[i])
		}
	}
}

// Readers of a tensor that looks fresh share it where the file says that they read the same parameter.
func TestUntie(t *testing.T) {
	const text = "x:Nx6; Add(_, b:[0.,0.,0.,0.,0.,0.]); Tanh; Add(_, b); Tanh; Add(_, b); Gemm(_, 6x5)"
	for _, c := range []struct {
		name    string
		calls   []string // of the default exporter, in the order of additions
		nodes   []string // names of the older exporter
		want    []string
		guessed bool
	}{
		{"nothing is said", nil, nil, []string{"b", "b.2", "b.3"}, true},
		{"one parameter", []string{"add(args = (%x, %p_b))", "add(args = (%tanh, %p_b))", "add(args = (%tanh_1, %p_b))"}, nil, []string{"b"}, false},
		{"the last two are one", []string{"layer_norm(%x, %p_n_weight, %p_n_bias)", "add(args = (%tanh, %p_b))", "add(args = (%tanh_1, %p_b))"}, nil, []string{"b", "b.2"}, false},
		{"two of three are known", []string{"add(args = (%x, %view))", "add(args = (%tanh, %p_b))", "add(args = (%tanh_1, %p_b))"}, nil, []string{"b", "b.2"}, true},
		{"a module's own", nil, []string{"/Add", "/Add_1", "/Add_2"}, []string{"b"}, false},
		{"another module's", nil, []string{"/Add", "/Add_1", "/norm/Add"}, []string{"b", "b.2"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := onnxtest.Model(t, text)
			k := 0
			for _, n := range m.Graph.Nodes {
				if n.Op != "Add" {
					continue
				}
				if c.calls != nil {
					n.SetProperty("pkg.torch.onnx.fx_node", c.calls[k])
				}
				if c.nodes != nil {
					n.Name = c.nodes[k]
				}
				k++
			}
			f, err := network.Of(m)
			if err != nil {
				t.Fatal(err)
			}
			if guessed := f.UntiedNote() != ""; guessed != c.guessed {
				t.Errorf("the note is %q", f.UntiedNote())
			}
			names := slices.DeleteFunc(parametersOf(t, m), func(s string) bool { return s[0] != 'b' })
			if fmt.Sprint(names) != fmt.Sprint(c.want) {
				t.Errorf("trained %v, want %v", names, c.want)
			}
		})
	}
}

// A copy by an Identity that may be another call of the same module is told of.
func TestUntiedCopies(t *testing.T) {
	const text = "x:Nx6; c=Identity(val_1:[1.,1.,1.,1.,1.,1.]); Mul(x, val_1); Tanh; Mul(_, c); Gemm(_, 6x5)"
	for second, want := range map[string]bool{"/norm_1/Mul": true, "/other/Mul": false, "/norm/deep_1/Mul": false} {
		m := onnxtest.Model(t, text)
		m.Graph.Nodes[0].Outputs[0], m.Graph.Nodes[3].Inputs[1] = "val_2", "val_2"
		m.Graph.Nodes[1].Name, m.Graph.Nodes[3].Name = "/norm/Mul", second
		f, err := network.Of(m)
		if err != nil {
			t.Fatal(err)
		}
		if note := f.UntiedNote(); (note != "") != want || want && !strings.HasPrefix(note, `"val_2": equal to`) {
			t.Errorf("%s: %q", second, note)
		}
	}
}

// A layer that is applied twice is told by the names of its nodes, which may lie deep.
func TestUntieLayer(t *testing.T) {
	const text = "x:Nx6; LayerNormalization(_, a.norm.weight:[1.,1.,1.,1.,1.,1.], a.norm.bias:[0.,0.,0.,0.,0.,0.]); Tanh; LayerNormalization(_, a.norm.weight, a.norm.bias); Gemm(_, 6x5)"
	for second, want := range map[string]int{"/a/norm_1/LayerNormalization": 3, "/a_2/norm/LayerNormalization": 3, "/a/norm/LayerNormalization_1": 3, "/b/norm/LayerNormalization": 5, "/a/norms/LayerNormalization": 5, "": 5} {
		m := onnxtest.Model(t, text)
		m.Graph.Nodes[0].Name, m.Graph.Nodes[2].Name = "/a/norm/LayerNormalization", second
		if names := parametersOf(t, m); len(names) != want {
			t.Errorf("%q: trained %v", second, names)
		}
	}
}
