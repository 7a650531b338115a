package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/onnx"
)

// Two ONNX files differ in constants and graphs too, and not in who made them.
func TestDiffONNX(t *testing.T) {
	dir := t.TempDir()
	const net = "x:Nx1x8x8; Mul(_, @2.); Conv(_, conv.weight:4x1x3x3){pads=1,1,1,1}; BatchNormalization(_, bn.weight:4, bn.bias:4, bn.mean:4, bn.var:4); Relu; Reshape(_, [-1,256]); Gemm(_, fc.weight:256x10)"
	write := func(name, text string, change ...func(m *onnx.Model)) string {
		path := filepath.Join(dir, name)
		onnxtest.Write(t, path, text, change...)
		return path
	}
	a := write("a.onnx", net)
	converted := filepath.Join(dir, "a.safetensors")
	code, _, stderr := call("weights", "convert", a, converted)
	if code != 0 || !strings.Contains(stderr, a+": left out, as .safetensors holds what is trained alone: the graph of 6 nodes, and 2 constants") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	for _, tt := range []struct {
		path string
		code int
		says []string
	}{
		{write("same.onnx", net, func(m *onnx.Model) { m.Producer, m.IRVersion = "other", 9; m.SetProperty("a", "b") }), 0, nil},
		{write("constant.onnx", strings.Replace(net, "@2.", "@3.", 1)), exitFailed, []string{"constant ", "1 of 1 elements differ, by up to 1 (largest 2)"}},
		{write("shape.onnx", strings.Replace(net, "[-1,256]", "[0,-1]", 1)), exitFailed, []string{"constant ", "2 of 2 elements differ"}},
		{write("graph.onnx", strings.Replace(net, "Relu", "Sigmoid", 1)), exitFailed, []string{"graph  differs: SHA-256 "}},
		{converted, 0, []string{a + ": its graph and constants are not compared"}},
	} {
		code, out, stderr := call("weights", "diff", a, tt.path)
		if code != tt.code {
			t.Errorf("%s: exit code %d, %s%s", tt.path, code, out, stderr)
		}
		for _, s := range tt.says {
			if !strings.Contains(out+stderr, s) {
				t.Errorf("%s: no %q in %s%s", tt.path, s, out, stderr)
			}
		}
	}
}
