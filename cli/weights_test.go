package cli

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/weights"
)

func writeWeights(t *testing.T, path string, tensors ...weights.Tensor) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := weights.WriteSafetensors(f, tensors, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWeights(t *testing.T) {
	dir := t.TempDir()
	fc := weights.Tensor{Name: "fc.weight", Shape: []int{2, 2}, Data: []float32{1, 2, 3, 4.001}}
	count := weights.Tensor{Name: "bn.num_batches_tracked", DType: weights.I64, Ints: []int64{7}}
	a := writeWeights(t, filepath.Join(dir, "a.safetensors"), fc, count)

	var info struct {
		Format  string
		Tensors []struct {
			Name, DType string
			Shape       []int
		}
	}
	decode(t, mustCall(t, "weights", "show", "--json", a), &info)
	if info.Format != "safetensors" || len(info.Tensors) != 2 || info.Tensors[0].Name != "fc.weight" || len(info.Tensors[0].Shape) != 2 {
		t.Errorf("%+v", info)
	}
	if out := mustCall(t, "weights", "show", a); !strings.Contains(out, "fc.weight") || !strings.Contains(out, "2 tensors, 4 numbers, safetensors") {
		t.Errorf("show: %q", out)
	}

	if out := mustCall(t, "weights", "diff", a, a); out != "" {
		t.Errorf("a file differs from itself: %q", out)
	}
	half := filepath.Join(dir, "half.safetensors")
	mustCall(t, "weights", "convert", a, half, "--dtype", "bf16")
	code, out, _ := call("weights", "diff", a, half)
	if code != exitFailed || !strings.Contains(out, "1 of 4 elements differ, by up to 0.001") || strings.Contains(out, "num_batches") {
		t.Errorf("diff after rounding: exit code %d, %q", code, out)
	}
	b := writeWeights(t, filepath.Join(dir, "b.safetensors"),
		weights.Tensor{Name: "fc.weight", Shape: []int{4}, Data: []float32{1, 2, 3, float32(math.NaN())}},
		weights.Tensor{Name: "fc.bias", Shape: []int{1}, Data: []float32{1}})
	_, out, _ = call("weights", "diff", a, b)
	for _, want := range []string{"shape [2 2] (F32) and [4] (F32)", "only in " + a, "only in " + b} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
}

func TestWeightsErrors(t *testing.T) {
	dir := t.TempDir()
	a := writeWeights(t, filepath.Join(dir, "a.safetensors"), weights.Tensor{Name: "w", Shape: []int{1}, Data: []float32{1e30}})
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"weights show", exitUsage, "takes one file, got 0"},
		{"weights convert " + a + " out.pt", exitUsage, "only .safetensors files are written"},
		{"weights convert " + a + " " + a, exitUsage, "the same file"},
		{"weights convert " + a + " o.safetensors --dtype f8", exitUsage, "there are f32, f16, bf16"},
		{"weights convert " + a + " " + dir + "/o.safetensors --dtype f16", exitFailed, "tensor w"},
		{"weights show " + dir + "/none.pt", exitFailed, "none.pt"},
		{"weights show " + text, exitFailed, "notes.txt"},
		{"weights shwo " + a, exitUsage, `unknown command "shwo" (did you mean show?); there are convert, diff, show`},
	} {
		code, out, stderr := call(strings.Fields(tt.args)...)
		if code != tt.code || out != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("monge %s: exit code %d, stdout %q, stderr %q; want %d, %q", tt.args, code, out, stderr, tt.code, tt.want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "o.safetensors")); err == nil {
		t.Error("a failed conversion left a file")
	}
}
