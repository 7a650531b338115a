package cli

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/nn/models"
)

// saveRegressor writes an untrained network that predicts numbers.
func saveRegressor(t *testing.T, input []int, targets ...string) string {
	t.Helper()
	m, err := models.Build("mlp", models.Options{Input: input, Classes: len(targets), Regression: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &classifier.Classifier{Info: classifier.Info{Model: "mlp", Input: input, Targets: targets}, Net: m, Theta: make([]float32, m.Size())}
	m.Init(c.Theta, 1)
	path := filepath.Join(t.TempDir(), "weights.safetensors")
	if err := classifier.Save(path, c, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEvalTargets(t *testing.T) {
	table := filepath.Join(t.TempDir(), "houses.csv")
	rows := "area,rooms,price\n"
	for i := range 20 {
		rows += fmt.Sprintf("%d,%d,%d\n", 3*i, i%4, i*i%11)
	}
	if err := os.WriteFile(table, []byte(rows), 0o666); err != nil {
		t.Fatal(err)
	}
	weights := saveRegressor(t, []int{1, 1, 2}, "price")
	var e classifier.TargetEvaluation
	spec := "csv:" + table + "?target=price"
	decode(t, mustCall(t, "eval", "--weights", weights, "--data", spec, "--split", "train", "--json"), &e)
	if e.N != 20 || !(e.MSE > 0) || len(e.PerTarget) != 1 || e.PerTarget[0].RMSE != e.RMSE {
		t.Errorf("%+v", e)
	}
	if out := mustCall(t, "eval", "--weights", weights, "--data", spec, "--split", "train"); !strings.Contains(out, "rmse") || !strings.Contains(out, "price") {
		t.Errorf("%s", out)
	}
	for _, data := range []string{"csv:" + table + "?label=price", "csv:" + table + "?target=rooms"} {
		if code, _, stderr := call("eval", "--weights", weights, "--data", data, "--split", "train"); code != exitFailed || !strings.Contains(stderr, `the network predicts ["price"], the targets of`) {
			t.Errorf("%s: %d, %s", data, code, stderr)
		}
	}
}

func TestPredictTargets(t *testing.T) {
	weights := saveRegressor(t, []int{4, 6, 3}, "x", "y")
	image := filepath.Join(t.TempDir(), "a.png")
	writeImage(t, image, 9, 7, color.NRGBA{200, 100, 0, 255})
	var p []struct {
		Image  string
		Top    []any
		Values []value
	}
	decode(t, mustCall(t, "predict", "--weights", weights, "--json", image), &p)
	if len(p) != 1 || p[0].Image != image || p[0].Top != nil || len(p[0].Values) != 2 || p[0].Values[1].Target != "y" {
		t.Errorf("%+v", p)
	}
	if out := mustCall(t, "predict", "--weights", weights, image); !strings.Contains(out, fmt.Sprintf("  y  %.6g\n", p[0].Values[1].Value)) {
		t.Errorf("%s", out)
	}
}
