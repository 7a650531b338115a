package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A published directory is shown as the network that it holds.
func TestWeightsShowDirectory(t *testing.T) {
	bert := filepath.Join("..", "hf", "testdata", "bert")
	var info directoryInfo
	decode(t, mustCall(t, "weights", "show", bert, "--json"), &info)
	if !strings.HasPrefix(info.Network, "BERT") || !slices.Equal(info.Input, []int{16}) || info.Vocabulary != 60 || info.Outputs != 3 || len(info.New) != 0 || len(info.Parameters) != 41 || info.Elements != 5523 {
		t.Errorf("%+v", info)
	}
	text := mustCall(t, "weights", "show", filepath.Join("..", "hf", "testdata", "timm-resnet"))
	for _, want := range []string{"timm's ResNet", "takes images of 64 x 64, 3 channels", "gives 3 classes: x, y, z"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
	fails := func(want int, says string, args ...string) {
		if code, _, stderr := call(args...); code != want || !strings.Contains(stderr, says) {
			t.Errorf("%q: exit code %d, %q; want %d and %q", args, code, stderr, want, says)
		}
	}
	fails(2, "holds one network", "weights", "show", bert, "--weights-key", "x")
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "config.json"), []byte(`{"model_type": "llama"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	fails(1, "llama", "weights", "show", broken)
}
