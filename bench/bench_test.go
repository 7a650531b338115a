package bench

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestGemm(t *testing.T) {
	r, err := Gemm(64, 32, 16, "nt", 3)
	if err != nil {
		t.Fatal(err)
	}
	if !(r.GFLOPS > 0) || !(r.Peak > 0 && r.Peak < 1.5) || !(r.MinS <= r.MedianS && r.MedianS <= r.MaxS) || r.Repeats != 3 || r.Level == "" {
		t.Errorf("%+v", r)
	}
	if _, err := Gemm(0, 1, 1, "nn", 1); err == nil {
		t.Error("a product of nothing was measured")
	}
}

func TestStep(t *testing.T) {
	for _, method := range []string{"sgd", "m-sam"} {
		r, err := Step("mlp", 16, method, 3)
		if err != nil {
			t.Fatal(err)
		}
		if !(r.StepS > 0) || r.StepS != r.MedianS || !(r.GFLOPS > 0) || r.Method != method {
			t.Errorf("%+v", r)
		}
	}
	for want, err := range map[string]error{
		`unknown model "vgg"`:  second(Step("vgg", 1, "sgd", 1)),
		"batch is 0":           second(Step("mlp", 0, "sgd", 1)),
		`unknown method "swa"`: second(Step("mlp", 1, "swa", 1)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func second(_ StepResult, err error) error { return err }

func TestEval(t *testing.T) {
	r, err := Eval("resnet20", 4, 3)
	if err != nil || !(r.MedianS > 0) || r.ImagesPerS != 4/r.MedianS || r.Repeats != 3 || r.PeakRSSBytes == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := Eval("mlp", 0, 1); err == nil || !strings.Contains(err.Error(), "batch is 0") {
		t.Errorf("error %v", err)
	}
}

func TestCosts(t *testing.T) {
	costs, err := Costs("mlp", 8, []string{"m-sam"}, 3)
	if err != nil || len(costs) != 2 || costs[0].Method != "sgd" || costs[0].OverSGD != 1 || !(costs[1].OverSGD > 0) || costs[1].Repeats != 3 {
		t.Errorf("%+v, %v", costs, err)
	}
}

func TestLayers(t *testing.T) {
	table, err := Layers(context.Background(), "cnn", 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	var share float64
	ops := map[string]int{}
	for _, l := range table.Layers {
		share += l.Share
		ops[l.Op]++
	}
	if !(share > .999 && share < 1.001) || ops["conv"] != 3 || ops["batchNorm"] != 3 || ops["linear"] != 1 {
		t.Errorf("shares sum to %g, operations %v", share, ops)
	}
}

// PyTorch's side prints what ours reads, for every workload's model.
func TestPyTorchScript(t *testing.T) {
	if err := FindPyTorch(); err != nil {
		t.Skip(err)
	}
	for _, w := range Workloads {
		if w.Method == "sgd" || w.Model == "resnet18" {
			continue
		}
		r, err := pytorchOnce(context.Background(), variant{}, 1, w.what(), w.Model, "2", w.Method, "1")
		if err != nil || len(r.Times) != 1 || !(r.Times[0] > 0) || r.PeakRSSBytes == 0 {
			t.Errorf("%s: %+v, %v", w.Model, r, err)
		}
	}
	r, err := pytorchOnce(context.Background(), variant{}, 1, "layers", "resnet20", "2", "-", "1")
	if err != nil || len(r.Layers) != 20 {
		t.Errorf("%d layers, %v", len(r.Layers), err)
	}
	if _, err := pytorchOnce(context.Background(), variant{}, 1, "step", "vgg", "2", "sgd", "1"); err == nil || !strings.Contains(err.Error(), "vgg") {
		t.Errorf("an unknown model: %v", err)
	}
}

// The two sides have the same number of parameters.
func TestSameModels(t *testing.T) {
	if err := FindPyTorch(); err != nil {
		t.Skip(err)
	}
	script := strings.Replace(pytorchScript, "\nmain()\n", "\nprint(json.dumps({n: sum(p.numel() for p in build(n)[0].parameters()) for n in sys.argv[1:]}))\n", 1)
	args := []string{"-"}
	for _, w := range Workloads {
		args = append(args, w.Model)
	}
	cmd := exec.Command(python, args...)
	cmd.Stdin, cmd.Stderr = strings.NewReader(script), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var torch map[string]int
	if err := json.Unmarshal(out, &torch); err != nil {
		t.Fatal(err)
	}
	for name, n := range torch {
		m, err := build(name)
		if err != nil {
			t.Fatal(err)
		}
		if m.Size() != n {
			t.Errorf("%s has %d parameters here and %d in PyTorch", name, m.Size(), n)
		}
	}
}
