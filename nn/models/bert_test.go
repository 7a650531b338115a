package models_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/objective"
)

// goldenBERT is testdata/bert.json.
type goldenBERT struct {
	Vocabulary, Layers, Width, Heads, Classes int

	IDs       [][]float32
	Labels    []int
	Loss      float64
	Logits    []float64
	Gradients []struct {
		Name      string
		Norm, Dot float64
	}
}

func readBERT(t *testing.T) (g goldenBERT) {
	t.Helper()
	b, err := os.ReadFile("testdata/bert.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.IDs) == 0 || len(g.Gradients) == 0 {
		t.Fatal("the golden file is empty")
	}
	return g
}

func (g *goldenBERT) model(t *testing.T, tokens int) (*nn.Model, []float32) {
	t.Helper()
	m, err := models.BuildBERT(g.Vocabulary, g.Layers, g.Width, g.Heads, models.Options{Input: []int{tokens}, Classes: g.Classes})
	if err != nil {
		t.Fatal(err)
	}
	return m, fillBERT(t, m)
}

// fillBERT sets the parameters as testdata/gen_bert.py does.
func fillBERT(t *testing.T, m *nn.Model) []float32 {
	t.Helper()
	theta, salt := make([]float32, m.Size()), 0
	for _, p := range m.Params {
		x := numbers(p.Len(), salt)
		salt += p.Len()
		for i := range x {
			switch {
			case strings.Contains(p.Name, "_embeddings"):
			case len(p.Shape) == 2:
				x[i] *= float32(math.Sqrt(6 / float64(p.Shape[1])))
			case strings.HasSuffix(p.Name, "weight"):
				x[i] = x[i]/8 + 1
			default:
				x[i] /= 8
			}
		}
		if err := p.Import(theta, x); err != nil {
			t.Fatal(err)
		}
	}
	return theta
}

// Logits, loss and gradients of texts of several lengths are PyTorch's.
func TestBERT(t *testing.T) {
	g := readBERT(t)
	m, theta := g.model(t, len(g.IDs[0]))
	x := slices.Concat(g.IDs...)
	logits, err := m.Logits(theta, x)
	if err != nil {
		t.Fatal(err)
	}
	compareLogits(t, logits, g.Logits)
	grad := make([]float32, m.Size())
	loss, err := m.Gradient(grad, theta, x, g.Labels, objective.Call{Weight: 1})
	if err != nil || !(math.Abs(loss-g.Loss) < 1e-5*g.Loss) {
		t.Errorf("loss %.7f, PyTorch %.7f, %v", loss, g.Loss, err)
	}
	check{Gradients: g.Gradients}.compareGradients(t, m, grad)
}

// A warm gradient allocates nothing.
func TestBERTAllocatesNothing(t *testing.T) {
	g := readBERT(t)
	m, theta := g.model(t, len(g.IDs[0]))
	x, grad := slices.Concat(g.IDs...), make([]float32, m.Size())
	step := func() {
		if _, err := m.Gradient(grad, theta, x, g.Labels, objective.Call{Weight: 1}); err != nil {
			t.Fatal(err)
		}
	}
	step()
	if a := testing.AllocsPerRun(20, step); a != 0 {
		t.Errorf("%g allocations", a)
	}
}

// Padding changes nothing, however much there is of it, and whatever text is beside.
func TestBERTPadding(t *testing.T) {
	g := readBERT(t)
	const more = 12
	m, theta := g.model(t, len(g.IDs[0])+more)
	for i, ids := range g.IDs {
		logits, err := m.Logits(theta, append(slices.Clone(ids), make([]float32, more)...))
		if err != nil {
			t.Fatal(err)
		}
		compareLogits(t, logits, g.Logits[i*g.Classes:(i+1)*g.Classes])
	}
}

func compareLogits(t *testing.T, got []float32, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d logits, PyTorch has %d", len(got), len(want))
	}
	for i, v := range want {
		if !(math.Abs(float64(got[i])-v) <= 1e-4) {
			t.Errorf("logit %d is %.6f, PyTorch %.6f", i, got[i], v)
		}
	}
}

// Numbers that are no tokens are errors that leave the model usable.
func TestBERTTokens(t *testing.T) {
	g := readBERT(t)
	n := len(g.IDs[0])
	m, theta := g.model(t, n)
	grad := make([]float32, m.Size())
	for _, bad := range []float32{-1, .5, 50, 1e30, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		x := slices.Concat(g.IDs...)
		x[n+2] = bad
		const want = "it must be a whole number from 0 to 49"
		if _, err := m.Logits(theta, x); err == nil || !strings.Contains(err.Error(), "id 2 of row 1 is") || !strings.Contains(err.Error(), want) {
			t.Errorf("%g: error %v, want %q", bad, err, want)
		}
		if _, err := m.Gradient(grad, theta, x, g.Labels, objective.Call{Weight: 1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%g: error %v, want %q", bad, err, want)
		}
	}
	if _, err := m.Logits(theta, slices.Concat(g.IDs...)); err != nil {
		t.Error(err)
	}
}

// The sizes that Devlin et al. give (110M) and that Hugging Face counts: 109,482,240
// without the classifier.
func TestBERTSizes(t *testing.T) {
	const classes = 2
	for _, tt := range []struct {
		name string
		size int
	}{
		{"bert-base", 109482240 + (768+1)*classes},
		// BERT-tiny as published has 4,385,920, of which 30522-8192 rows of embeddings are not here.
		{"bert-tiny", 4385920 - (30522-8192)*128 + (128+1)*classes},
	} {
		if tt.name == "bert-base" && testing.Short() {
			continue
		}
		m, err := models.Build(tt.name, models.Options{Input: []int{16}, Classes: classes})
		if err != nil {
			t.Fatal(err)
		}
		if m.Size() != tt.size {
			t.Errorf("%s has %d parameters, want %d", tt.name, m.Size(), tt.size)
		}
	}
}

func TestBERTStart(t *testing.T) {
	m, err := models.Build("bert-tiny", models.Options{Input: []int{16}, Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	theta := make([]float32, m.Size())
	m.Init(theta, 1)
	for _, p := range m.Params {
		var sum, squares float64
		for _, v := range p.Export(theta) {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		n := float64(p.Len())
		mean, deviation := 0., .02
		switch {
		case strings.HasSuffix(p.Name, "LayerNorm.weight"):
			mean, deviation = 1, 0
		case strings.HasSuffix(p.Name, "bias"):
			deviation = 0
		}
		if got := math.Sqrt(squares/n - sum/n*sum/n); !(math.Abs(sum/n-mean) < .003) || !(math.Abs(got-deviation) < .002) {
			t.Errorf("%s starts with mean %.4f and deviation %.4f, want %g and %g", p.Name, sum/n, got, mean, deviation)
		}
	}
}

func TestBERTErrors(t *testing.T) {
	for _, tt := range []struct {
		name  string
		input []int
		want  string
	}{
		{"bert-tiny", []int{8, 8, 1}, "bert-tiny: input shape [8 8 1]; it is for texts"},
		{"bert-tiny", []int{513}, "texts of 513 tokens; there are positions for 512"},
		{"bert-tiny", []int{0}, "every dimension must be positive"},
		{"resnet20", []int{64}, "resnet20: input shape [64]; it must be height, width, channels"},
	} {
		if _, err := models.Build(tt.name, models.Options{Input: tt.input, Classes: 3}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s for %v: error %v, want %q", tt.name, tt.input, err, tt.want)
		}
	}
}
