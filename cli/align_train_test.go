package cli

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/align/embeddings"
	"github.com/monge-ml/monge/contrast"
	"github.com/monge-ml/monge/train"
)

// colours writes n pairs, and returns their spec.
func colours(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	var table strings.Builder
	for i := range n {
		name := fmt.Sprintf("%d.png", i)
		writePicture(t, filepath.Join(dir, name), color.NRGBA{uint8(i % 4 * 80), uint8(i / 4 % 4 * 80), 90, 255})
		fmt.Fprintf(&table, "%s\tred %d green %d\n", name, i%4, i/4%4)
	}
	list := filepath.Join(dir, "list.tsv")
	if err := os.WriteFile(list, []byte(table.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return "pairs:" + list
}

// A model is begun, fine-tuned from its directory, and embeds; its numbers are those that
// align score prints.
func TestAlignTrain(t *testing.T) {
	spec, out := colours(t, 28), filepath.Join(t.TempDir(), "run")
	begin := []string{"align", "train", "--model", "clip-tiny", "--data", spec, "--val", "12", "--batch", "16", "--epochs", "2", "--lr", "1e-3", "--out", out}
	var got struct {
		Steps int
		Best  *train.Best
		Data  train.Sizes
	}
	decode(t, mustCall(t, append(begin, "--json")...), &got)
	if got.Steps != 2 || got.Data.Train != 16 || got.Data.Val != 12 || got.Best == nil || got.Best.Val == nil {
		t.Fatalf("%+v", got)
	}
	if s := mustCall(t, append(begin, "--resume")...); !strings.Contains(s, "val S_kNN ") || strings.Contains(s, "accuracy") {
		t.Errorf("%s", s)
	}
	model := filepath.Join(out, contrast.ModelDir)
	tuned := mustCall(t, "align", "train", "--init", model, "--data", spec, "--val", "0", "--test-data", spec, "--batch", "16", "--epochs", "1",
		"--method", "m-sam", "--rho", "0.01", "--lora", "2", "--microbatch", "8")
	if !strings.HasPrefix(tuned, "test ") || !strings.Contains(tuned, "S_kNN ") || !strings.Contains(tuned, "1 steps of ") {
		t.Errorf("%s", tuned)
	}
	var ascent ascentResult
	decode(t, mustCall(t, "bench", "ascent", "--task", "contrast", "--init", model, "--data", spec, "--val", "0", "--batch", "16", "--max-steps", "1",
		"--method", "m-sam", "--rho", "0.01", "--microbatch", "8", "--json"), &ascent)
	if len(ascent.Steps) != 1 || !(ascent.Worst.GradCosine < 1 && ascent.Worst.GradCosine > .99) {
		t.Errorf("%+v", ascent)
	}
	still := []string{"align", "train", "--init", model, "--data", spec, "--val", "0", "--test-data", spec, "--batch", "16", "--lr", "0", "--max-steps", "1", "--json"}
	var res train.Result
	decode(t, mustCall(t, still...), &res)
	embedded := filepath.Join(t.TempDir(), "embedded")
	mustCall(t, "align", "embed", "--model", model, "--pairs", spec, "--out", embedded)
	var score struct {
		SKNN   float64 `json:"s_knn"`
		Recall struct {
			AToB struct {
				At1 float64 `json:"at_1"`
			} `json:"a_to_b"`
		}
	}
	decode(t, mustCall(t, "align", "score", "--a", filepath.Join(embedded, embeddings.ImagesFile), "--b", filepath.Join(embedded, embeddings.TextsFile), "--json"), &score)
	if score.SKNN != float64(res.Test.Get("s_knn")) || score.Recall.AToB.At1 != float64(res.Test.Get("image_to_text")) {
		t.Errorf("%+v, align score says %+v", res.Test, score)
	}
}

func TestAlignTrainErrors(t *testing.T) {
	spec := colours(t, 8)
	for want, args := range map[string][]string{
		"model clip is one that was trained":   {"--data", spec},
		"data is missing: name pairs":          {"--init", "x"},
		"batch is 128, but there are 7 pairs":  {"--data", spec, "--model", "clip-tiny"},
		"label-noise is for data with classes": {"--data", spec, "--model", "clip-tiny", "--label-noise", "0.1"},
		"method m-sam needs its radius: rho":   {"--data", spec, "--model", "clip-tiny", "--method", "m-sam"},
	} {
		if code, _, stderr := call(append([]string{"align", "train"}, args...)...); code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d, %q; want %q", args, code, stderr, want)
		}
	}
}
