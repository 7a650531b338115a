package cli

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/weights"
)

// writeEmbeddings writes rows of d numbers under the name that align score reads.
func writeEmbeddings(t *testing.T, path string, d int, x ...float32) string {
	t.Helper()
	return writeWeights(t, path, weights.Tensor{Name: "embeddings", Shape: []int{len(x) / d, d}, Data: x})
}

func TestAlignScore(t *testing.T) {
	dir := t.TempDir()
	// At 0, 10, 30 and 70 degrees, and at 0, 10, 80 and 95: three of four rows have the same neighbour.
	angles := func(degrees ...float64) (x []float32) {
		for _, d := range degrees {
			x = append(x, float32(math.Cos(d*math.Pi/180)), float32(math.Sin(d*math.Pi/180)))
		}
		return x
	}
	a := writeEmbeddings(t, filepath.Join(dir, "a.safetensors"), 2, angles(0, 10, 30, 70)...)
	b := writeEmbeddings(t, filepath.Join(dir, "b.safetensors"), 2, angles(0, 10, 80, 95)...)
	var got map[string]any
	decode(t, mustCall(t, "align", "score", "--a", a, "--b", b, "--k", "1", "--json"), &got)
	recall := got["recall"].(map[string]any)
	// Row 2 of A, at 30, is nearer to 10 and to 0 than to its partner at 80; row 3's partner, at 95, is further from 70 than that one.
	if got["s_knn"] != .75 || got["n"] != 4. || got["k"] != 1. || recall["a_to_b"].(map[string]any)["at_1"] != .5 || recall["a_to_b"].(map[string]any)["at_5"] != 1. {
		t.Errorf("%v", got)
	}
	// The two means, from the sums of cosines and sines.
	if gap := got["modality_gap"].(float64); math.Abs(gap-math.Hypot((3.1929-2.0713)/4, (1.6133-2.1547)/4)) > 1e-4 {
		t.Errorf("gap %v", gap)
	}
	out := mustCall(t, "align", "score", "--a", a, "--b", b, "--k", "1")
	for _, want := range []string{"pairs         4\n", "S_kNN         0.7500, k 1\n", "A to B  0.5000  1.0000  1.0000\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}

	wide := writeEmbeddings(t, filepath.Join(dir, "wide.safetensors"), 3, 1, 0, 0, 1, .1, 0, 0, 1, 0, 0, 1, .1)
	decode(t, mustCall(t, "align", "score", "--a", a, "--b", wide, "--k", "1", "--json"), &got)
	if got["s_knn"] != .75 || got["recall"] != nil || got["modality_gap"] != nil || got["spread"] != nil {
		t.Errorf("%v", got)
	}
	if out := mustCall(t, "align", "score", "--a", a, "--b", wide, "--k", "1"); !strings.Contains(out, "A has 2 numbers a row, B 3") {
		t.Errorf("%q", out)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if s, err := scoreFiles(ctx, [2]string{a, b}, 1); s != nil || !errors.Is(err, context.Canceled) {
		t.Error(s, err)
	}
}

func TestAlignScoreErrors(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name+".safetensors") }
	nan := float32(math.NaN())
	good := writeEmbeddings(t, file("good"), 2, 1, 2, 3, 4, 5, 6)
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	short := file("short")
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(short, whole[:len(whole)-3], 0o644); err != nil {
		t.Fatal(err)
	}
	other := writeWeights(t, file("other"), weights.Tensor{Name: "image_embeds", Shape: []int{1}, Data: []float32{1}},
		weights.Tensor{Name: "evil\x1b[2J", Shape: []int{1}, Data: []float32{1}})
	for _, tt := range []struct {
		args string
		code int
		want []string
	}{
		{"--b " + good, exitUsage, []string{"--a is missing"}},
		{"--a " + good, exitUsage, []string{"--b is missing"}},
		{"--a x --b y --k 0", exitUsage, []string{"--k is 0; it must be at least 1"}},
		{"--a " + good + " --b " + good + " --k 3", exitUsage, []string{"--k is 3", "good.safetensors has 2 others: give a smaller --k"}},
		{"--a " + good + " --b " + file("none"), exitFailed, []string{"none.safetensors: no such file"}},
		{"--a " + good + " --b " + dir, exitFailed, []string{dir, "not a regular file"}},
		{"--a " + text + " --b " + good, exitFailed, []string{"notes.txt"}},
		{"--a " + short + " --b " + good, exitFailed, []string{"short.safetensors", "cut short"}},
		{"--a " + good + " --b " + other, exitFailed, []string{"other.safetensors: no tensor \"embeddings\"; there are \"image_embeds\", \"evil\\x1b[2J\""}},
		{"--a " + writeWeights(t, file("empty")) + " --b " + good, exitFailed, []string{"empty.safetensors", "there are none"}},
		{"--a " + writeWeights(t, file("flat"), weights.Tensor{Name: "embeddings", Shape: []int{4}, Data: []float32{1, 2, 3, 4}}) + " --b " + good, exitFailed,
			[]string{"flat.safetensors", "of shape [4]", "two dimensions"}},
		{"--a " + writeWeights(t, file("ints"), weights.Tensor{Name: "embeddings", DType: weights.I32, Shape: []int{1, 2}, Ints: []int64{1, 2}}) + " --b " + good, exitFailed,
			[]string{"ints.safetensors", "I32", "float type"}},
		{"--a " + writeEmbeddings(t, file("nothing"), 2) + " --b " + good, exitFailed, []string{"nothing.safetensors", "no 0 x 2 embeddings"}},
		{"--a " + good + " --b " + writeEmbeddings(t, file("nan"), 2, 1, 2, 3, nan, 5, 6), exitFailed, []string{"nan.safetensors", "row 1 (of 0 to 2) has NaN in column 1"}},
		{"--a " + good + " --b " + writeEmbeddings(t, file("zero"), 2, 1, 2, 3, 4, 0, 0), exitFailed, []string{"zero.safetensors", "row 2 (of 0 to 2) is zero"}},
		{"--a " + good + " --b " + writeEmbeddings(t, file("four"), 2, 1, 2, 3, 4, 5, 6, 7, 8), exitFailed,
			[]string{"good.safetensors has 3 embeddings, ", "four.safetensors has 4: give both of the same pairs"}},
	} {
		code, out, stderr := call(append([]string{"align", "score", "--json"}, strings.Fields(tt.args)...)...)
		if code != tt.code || out != "" {
			t.Errorf("monge align score %s: exit code %d, stdout %q, want %d", tt.args, code, out, tt.code)
		}
		for _, want := range tt.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("monge align score %s: %q; want %q", tt.args, stderr, want)
			}
		}
	}
}
