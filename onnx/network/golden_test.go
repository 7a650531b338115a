package network_test

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// debian is the interpreter that has PyTorch 1.13 where Debian's python3-torchvision is installed.
const debian = "/usr/bin/python3"

// TestGolden exports networks with PyTorch and takes ten M-SAM steps beside it: outputs, the
// gradients of all parameters, and where ten steps lead.
func TestGolden(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs PyTorch for a minute")
	}
	if err := exec.Command(debian, "-c", "import torch, torchvision").Run(); err != nil {
		t.Skipf("%s has no torch and torchvision", debian)
	}
	root := t.TempDir()
	for _, name := range []string{"mobilenet_v3_small", "efficientnet_b0", "shufflenet_v2_x0_5", "densenet", "convnext", "swin", "vit", "bert"} {
		out, err := exec.Command(debian, "testdata/golden.py", root, name).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, way := range []string{"kept", "folded"} {
			dir := filepath.Join(root, name+"."+way)
			t.Run(name+"."+way, func(t *testing.T) { checkSteps(t, dir, way == "kept") })
			os.RemoveAll(dir)
		}
	}
}

func checkSteps(t *testing.T, dir string, kept bool) {
	e := loadExported(t, dir)
	y, err := e.model.Logits(e.theta, e.x)
	if err != nil {
		t.Fatal(err)
	}
	if d := distance(y, e.reference["logits"]); !(d <= 1e-4) {
		t.Fatalf("outputs differ by %.1e of the largest", d)
	}
	batch := nn.Minibatch{Model: e.model, X: e.x, Labels: e.labels(len(y) / e.n)}
	if e.metadata["frozen"] == "True" {
		g := make([]float32, len(e.theta))
		if _, err := e.model.Gradient(g, e.theta, e.x, batch.Labels, objective.Call{Weight: 1}); err != nil {
			t.Fatal(err)
		}
		e.checkGradients(t, g, 1e-3)
		e = loadExported(t, dir) // whose statistics have not moved
		batch.Model = e.model
		kept = false
	}
	if !kept {
		e.model.FreezeBatchNorm()
	}
	rate, _ := strconv.ParseFloat(e.metadata["rate"], 64)
	rho, _ := strconv.ParseFloat(e.metadata["rho"], 64)
	base, err := optim.NewSGD[float32](len(e.theta), optim.SGDSettings{LR: optim.Constant(rate)})
	if err != nil {
		t.Fatal(err)
	}
	opt, err := sam.New(len(e.theta), base, sam.Settings[float32]{Rho: sam.Constant(rho), Alpha: 1})
	if err != nil {
		t.Fatal(err)
	}
	start := slices.Clone(e.theta)
	losses := e.reference["losses"]
	first := &watched{Minibatch: batch}
	for i, want := range losses {
		r, err := opt.Step(e.theta, first)
		if err != nil {
			t.Fatal(err)
		}
		if d := math.Abs(r.Loss - float64(want)); !(d <= 1e-3*float64(want)) {
			t.Errorf("loss of step %d is %g, want %g", i, r.Loss, want)
		}
	}
	if e.metadata["frozen"] != "True" {
		e.checkGradients(t, first.grad, 1e-3)
	}
	e.checkAfter(t, start)
}

// watched keeps the first gradient.
type watched struct {
	nn.Minibatch
	grad []float32
}

// Gradient is the minibatch's.
func (w *watched) Gradient(grad, theta []float32, c objective.Call) (float64, error) {
	loss, err := w.Minibatch.Gradient(grad, theta, c)
	if w.grad == nil {
		w.grad = slices.Clone(grad)
	}
	return loss, err
}

// checkAfter holds the way that parameters and statistics have gone beside the reference's.
func (e *exported) checkAfter(t *testing.T, start []float32) {
	t.Helper()
	var off, way float64
	numbers := 0
	for _, p := range e.model.Params {
		want, ok := e.reference["after."+p.Name]
		if !ok {
			t.Errorf("PyTorch does not train %s", p.Name)
			continue
		}
		numbers += len(want)
		got, from := p.Export(e.theta), p.Export(start)
		for i := range want {
			off += math.Pow(float64(got[i]-want[i]), 2)
			way += math.Pow(float64(want[i]-from[i]), 2)
		}
	}
	if d := math.Sqrt(off / way); !(d <= 1e-3) {
		t.Errorf("ten steps lead %.1e of their way elsewhere", d)
	} else {
		t.Logf("%d numbers, apart by %.1e of %.1e", numbers, d, math.Sqrt(way))
	}
	for name, r := range e.reference {
		if name, ok := strings.CutPrefix(name, "after."); ok && !strings.Contains(name, "running_") {
			numbers -= len(r)
		}
	}
	if numbers != 0 {
		t.Errorf("PyTorch trains %d numbers more", -numbers)
	}
	for _, b := range e.model.Buffers {
		if want, ok := e.reference["after."+b.Name]; ok {
			if d := distance(b.Data, want); !(d <= 1e-3) {
				t.Errorf("%s is off by %.1e", b.Name, d)
				return
			}
		}
	}
}
