package nn_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/lowrank"
	"github.com/monge-ml/monge/internal/par"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/tensor"
	"gonum.org/v1/gonum/mat"
)

// gramTolerance bounds the difference between the Gram matrix and products of gradients of examples
// alone, relative to the lengths of the two gradients. Both are rounded to float32 some ten times on
// the way through a network, each time by 6e-8 and up to the square root of thousands of terms.
const gramTolerance = 2e-6

// A gramCase is a network with a minibatch.
type gramCase struct {
	model *nn.Model
	theta []float32
	x     []float32
	n     int
	y     nn.Target
}

// alone is the target of example i.
func alone(y nn.Target, i, n int) nn.Target {
	one := y
	one.Inputs = 1
	if y.Labels != nil {
		one.Labels = y.Labels[i : i+1]
	}
	if y.Mixed != nil {
		one.Mixed = y.Mixed[i : i+1]
	}
	if y.Values != nil {
		w := len(y.Values) / n
		one.Values = y.Values[i*w : (i+1)*w]
	}
	if y.Binary != nil {
		w := len(y.Binary) / n
		one.Binary = y.Binary[i*w : (i+1)*w]
	}
	return one
}

// each returns the losses and gradients of the examples alone.
func (c *gramCase) each(t testing.TB) (losses []float64, grads [][]float32) {
	t.Helper()
	row := len(c.x) / c.n
	for i := range c.n {
		g := make([]float32, c.model.Size())
		loss, err := c.model.GradientOf(alone(c.y, i, c.n), g, c.theta, c.x[i*row:(i+1)*row], objective.Call{Weight: 1, Perturbed: true})
		if err != nil {
			t.Fatal(err)
		}
		losses, grads = append(losses, loss), append(grads, g)
	}
	return losses, grads
}

func dot(a, b []float32) (s float64) {
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}

func products(g [][]float32) []float64 {
	k := make([]float64, len(g)*len(g))
	for i := range g {
		for j := range g {
			k[i*len(g)+j] = dot(g[i], g[j])
		}
	}
	return k
}

// apartBy is the largest difference of two Gram matrices, relative to the lengths.
func apartBy(got, want []float64, n int) (worst float64) {
	for i := range n {
		for j := range n {
			d := math.Abs(got[i*n+j]-want[i*n+j]) / math.Sqrt(want[i*n+i]*want[j*n+j])
			if !(d <= worst) {
				worst = d
			}
		}
	}
	return worst
}

func built(t testing.TB, name string, o models.Options) (*nn.Model, []float32) {
	t.Helper()
	m, err := models.Build(name, o)
	if err != nil {
		t.Fatal(err)
	}
	theta := make([]float32, m.Size())
	m.Init(theta, 3)
	return m, theta
}

func labelsOf(n, classes int) []int {
	l := make([]int, n)
	for i := range l {
		l[i] = (7*i + i*i) % classes
	}
	return l
}

func ofImages(t testing.TB, name, norm string, size, channels, n int) *gramCase {
	t.Helper()
	m, theta := built(t, name, models.Options{Input: []int{size, size, channels}, Classes: 4, Norm: norm})
	return &gramCase{m, theta, numbers(n*size*size*channels, 5), n, nn.Target{Labels: labelsOf(n, 4)}}
}

// frozenBN has batch normalisation use statistics of some minibatches.
func (c *gramCase) frozenBN(t testing.TB) *gramCase {
	t.Helper()
	grad := make([]float32, len(c.theta))
	for range 5 {
		if _, err := c.model.GradientOf(c.y, grad, c.theta, c.x, objective.Call{Weight: 1}); err != nil {
			t.Fatal(err)
		}
	}
	c.model.FreezeBatchNorm()
	return c
}

func texts(t testing.TB) *gramCase {
	t.Helper()
	const n, tokens = 5, 12
	m, theta := built(t, "bert-tiny", models.Options{Input: []int{tokens}, Classes: 4})
	x := make([]float32, n*tokens)
	for i := range n {
		for k := range tokens - 2*i { // of several lengths, with words in common and repeated
			x[i*tokens+k] = float32(1 + (i*k*k+3*k)%17)
		}
	}
	return &gramCase{m, theta, x, n, nn.Target{Labels: labelsOf(n, 4)}}
}

// convolutions are of all kinds: with groups, strides, dilation and a channel for each group.
func convolutions(t testing.TB) *gramCase {
	t.Helper()
	b := nn.NewBuilder()
	net := nn.Sequential{
		b.Conv2d("c1", 3, 8, 3, nn.ConvOptions{Pad: 1}), nn.ReLU,
		b.Conv2d("c2", 8, 12, 3, nn.ConvOptions{Pad: 2, Dilation: 2, Groups: 2}), b.GroupNorm("n", 3, 12), nn.GELU,
		b.Conv2d("c3", 12, 12, 3, nn.ConvOptions{Stride: 2, Groups: 12, NoBias: true}), nn.SiLU,
		b.Conv2d("c4", 12, 6, 1, nn.ConvOptions{}), nn.MaxPool(2, 2, 0),
		nn.Flatten, b.Linear("fc", 6*2*2, 4),
	}
	m, err := nn.NewModel(b, net, []int{9, 11, 3})
	if err != nil {
		t.Fatal(err)
	}
	const n = 6
	return &gramCase{m, m.NewTheta(4), numbers(n*9*11*3, 3), n, nn.Target{Labels: labelsOf(n, 4)}}
}

// encoded is a transformer that computes its layers again on the way back.
func encoded(t testing.TB) *gramCase {
	t.Helper()
	b := nn.NewBuilder()
	net := nn.Sequential{
		nn.LayerFunc(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return t.Reshape(x, -1, 6, 8) }),
		b.PositionEmbedding("at", 6, 8),
		b.Encoder("encoder", nn.EncoderOptions{Layers: 2, Width: 8, Heads: 2, Hidden: 16, Checkpoint: true}),
		nn.LayerFunc(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return t.Mean(x, 1) }),
		b.Linear("fc", 8, 4),
	}
	m, err := nn.NewModel(b, net, []int{6, 8})
	if err != nil {
		t.Fatal(err)
	}
	return &gramCase{m, m.NewTheta(4), numbers(7*48, 3), 7, nn.Target{Labels: labelsOf(7, 4)}}
}

func adapted(t testing.TB) *gramCase {
	t.Helper()
	b := nn.NewBuilder()
	if err := b.Adapt(nn.LoRA{Rank: 2, Alpha: 3}); err != nil {
		t.Fatal(err)
	}
	m, err := nn.NewModel(b, b.MLP(6, 9, 7, 4), []int{6})
	if err != nil {
		t.Fatal(err)
	}
	return &gramCase{m, numbers(m.Size(), 1), numbers(5*6, 2), 5, nn.Target{Labels: labelsOf(5, 4)}}
}

func partly(t testing.TB) *gramCase {
	t.Helper()
	c := ofImages(t, "vit-tiny", "", 8, 3, 3)
	if err := c.model.Freeze("encoder.layers.[0-4]", "*.k_proj", "position_embedding"); err != nil {
		t.Fatal(err)
	}
	c.theta = c.model.NewTheta(3)
	return c
}

var gramCases = map[string]func(t testing.TB) *gramCase{
	"mlp":              func(t testing.TB) *gramCase { return ofImages(t, "mlp", "", 8, 1, 13) },
	"one example":      func(t testing.TB) *gramCase { return ofImages(t, "mlp", "", 8, 1, 1) },
	"convolutions":     convolutions,
	"cnn, frozen":      func(t testing.TB) *gramCase { return ofImages(t, "cnn", "", 16, 3, 5).frozenBN(t) },
	"resnet20, frozen": func(t testing.TB) *gramCase { return ofImages(t, "resnet20", "", 16, 3, 6).frozenBN(t) },
	"resnet8, group":   func(t testing.TB) *gramCase { return ofImages(t, "resnet8", "group", 16, 3, 6) },
	"vit-tiny":         func(t testing.TB) *gramCase { return ofImages(t, "vit-tiny", "", 16, 3, 3) },
	"vit-tiny, part":   partly,
	"bert-tiny":        texts,
	"checkpoints":      encoded,
	"adapters":         adapted,
}

// The Gram matrix is that of gradients of the examples alone, whose mean comes with it.
func TestGram(t *testing.T) {
	for name, start := range gramCases {
		t.Run(name, func(t *testing.T) {
			c := start(t)
			losses, grads := c.each(t)
			grad, k := make([]float32, c.model.Size()), make([]float64, c.n*c.n)
			loss, err := c.model.Gram(c.y, k, grad, c.theta, c.x, objective.Call{Weight: 1, Perturbed: true})
			if err != nil {
				t.Fatal(err)
			}
			mean := 0.
			for _, l := range losses {
				mean += l / float64(c.n)
			}
			if !(math.Abs(loss-mean) < 1e-5*mean) {
				t.Errorf("loss %g, the examples' mean is %g", loss, mean)
			}
			if worst := apartBy(k, products(grads), c.n); !(worst < gramTolerance) {
				t.Errorf("apart by %g", worst)
			}
			sum := 0.
			for _, v := range k {
				sum += v
			}
			if want := dot(grad, grad) * float64(c.n*c.n); !(math.Abs(sum-want) < 1e-5*want) {
				t.Errorf("the sum of the matrix is %g, n² times the gradient's square %g", sum, want)
			}
		})
	}
}

// So it is for every kind of target, whatever the weight of the gradient, and the class's weight belongs
// to the example's loss.
func TestGramOfTargets(t *testing.T) {
	for _, name := range []string{"plain", "smoothed", "mixed", "weighted", "weighted, smoothed, mixed", "binary", "values"} {
		c := gramCase{mlp(t, targetIn, 5, targetOut), nil, numbers(targetN*targetIn, 2), targetN, target(name, 0, targetN)}
		if c.theta = numbers(c.model.Size(), 1); name == "values" {
			c.y = nn.Target{Values: numbers(targetN*targetOut, 7)}
		}
		losses, grads := c.each(t)
		for _, weight := range []float64{1, .25} {
			grad, k := make([]float32, c.model.Size()), make([]float64, c.n*c.n)
			if _, err := c.model.Gram(c.y, k, grad, c.theta, c.x, objective.Call{Weight: weight}); err != nil {
				t.Fatal(err)
			}
			if d := apartBy(k, products(grads), c.n); !(d < gramTolerance) {
				t.Errorf("%s, weight %g: apart by %g", name, weight, d)
			}
		}
		shares, want := numbers(targetN, 9), make([]float64, c.model.Size())
		loss := 0.
		for i, s := range shares {
			loss += float64(s) * losses[i]
			for j, g := range grads[i] {
				want[j] += float64(s) * float64(g)
			}
		}
		y, grad := c.y, make([]float32, c.model.Size())
		y.Shares = shares
		got, err := c.model.GradientOf(y, grad, c.theta, c.x, objective.Call{Weight: 1})
		if err != nil || !(math.Abs(got-loss) < 1e-5) {
			t.Errorf("%s: loss by shares %g, %v, want %g", name, got, err, loss)
		}
		for j, v := range grad {
			if !(math.Abs(float64(v)-want[j]) < 1e-5) {
				t.Errorf("%s: gradient %d by shares %g, want %g", name, j, v, want[j])
			}
		}
	}
}

// The sum of w_i g_i from a reweighted pass is what solving with the whole matrix I + a²/n sum of g_i g_i'
// gives.
func TestReweightedSolves(t *testing.T) {
	const n, a = 6, 3.
	m := mlp(t, 4, 5, 3)
	c := gramCase{m, numbers(m.Size(), 1), numbers(n*4, 2), n, nn.Target{Labels: labelsOf(n, 3)}}
	_, grads := c.each(t)
	size := m.Size()
	grad, k := make([]float32, size), make([]float64, n*n)
	if _, err := m.Gram(c.y, k, grad, c.theta, c.x, objective.Call{Weight: 1}); err != nil {
		t.Fatal(err)
	}
	metric, g := mat.NewSymDense(size, nil), mat.NewVecDense(size, nil)
	for i := range size {
		metric.SetSym(i, i, 1)
	}
	for _, gi := range grads {
		v := mat.NewVecDense(size, nil)
		for j := range gi {
			v.SetVec(j, float64(gi[j]))
		}
		metric.SymRankOne(metric, a*a/n, v)
		g.AddScaledVec(g, 1./n, v)
	}
	var dense mat.VecDense
	if err := dense.SolveVec(metric, g); err != nil {
		t.Fatal(err)
	}
	w, err := lowrank.Weights(k, n, a*a/n)
	if err != nil {
		t.Fatal(err)
	}
	y := c.y
	for _, v := range w {
		y.Shares = append(y.Shares, float32(v))
	}
	if _, err := m.GradientOf(y, grad, c.theta, c.x, objective.Call{Weight: 1, Perturbed: true}); err != nil {
		t.Fatal(err)
	}
	scale := mat.Norm(&dense, math.Inf(1))
	for j, v := range grad {
		if !(math.Abs(float64(v)-dense.AtVec(j)) < 1e-5*scale) {
			t.Errorf("element %d is %g, by the whole matrix %g", j, v, dense.AtVec(j))
		}
	}
}

// The reweighted pass drops what the first has dropped: with equal shares its gradient is the same.
func TestReweightedDropsTheSame(t *testing.T) {
	b := nn.NewBuilder()
	m, err := nn.NewModel(b, nn.Sequential{b.Linear("a", 4, 30), nn.Dropout(.5), b.Linear("b", 30, 3)}, []int{4})
	if err != nil {
		t.Fatal(err)
	}
	const n = 5
	theta, x, y := m.NewTheta(1), numbers(n*4, 2), nn.Target{Labels: labelsOf(n, 3)}
	first, second, k := make([]float32, m.Size()), make([]float32, m.Size()), make([]float64, n*n)
	if _, err := m.Gram(y, k, first, theta, x, objective.Call{Weight: 1}); err != nil {
		t.Fatal(err)
	}
	y.Shares = []float32{1. / n, 1. / n, 1. / n, 1. / n, 1. / n}
	if _, err := m.GradientOf(y, second, theta, x, objective.Call{Weight: 1, Perturbed: true}); err != nil {
		t.Fatal(err)
	}
	for i, v := range first {
		if !(math.Abs(float64(v-second[i])) < 1e-6) {
			t.Fatalf("gradient %d is %g, then %g", i, v, second[i])
		}
	}
}

// The gradient is the same to the bit with the matrix and without, and both for any number of threads.
func TestGramSameBits(t *testing.T) {
	defer par.SetThreads(par.Limit())
	for _, name := range []string{"resnet20, frozen", "bert-tiny", "vit-tiny"} {
		c := gramCases[name](t)
		var grads [][]float32
		var ks [][]float64
		for _, threads := range []int{1, 2, 5} {
			par.SetThreads(threads)
			plain, grad, k := make([]float32, c.model.Size()), make([]float32, c.model.Size()), make([]float64, c.n*c.n)
			call := objective.Call{Weight: 1, Perturbed: true}
			_, err := c.model.GradientOf(c.y, plain, c.theta, c.x, call)
			if _, err2 := c.model.Gram(c.y, k, grad, c.theta, c.x, call); err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			grads, ks = append(grads, plain, grad), append(ks, k)
		}
		for i, g := range grads {
			if !slices.Equal(g, grads[0]) || !slices.Equal(ks[i/2], ks[0]) {
				t.Errorf("%s: run %d differs", name, i)
			}
		}
	}
}

func TestGramErrors(t *testing.T) {
	bn := ofImages(t, "resnet20", "", 8, 3, 4)
	twice := func() *gramCase {
		b := nn.NewBuilder()
		l := b.Linear("again", 4, 4)
		m, err := nn.NewModel(b, nn.Sequential{l, nn.Tanh, l}, []int{4})
		if err != nil {
			t.Fatal(err)
		}
		return &gramCase{m, m.NewTheta(1), numbers(12, 1), 3, nn.Target{Labels: labelsOf(3, 4)}}
	}()
	plain := &gramCase{mlp(t, 4, 4), numbers(20, 1), numbers(12, 1), 3, nn.Target{Labels: labelsOf(3, 4)}}
	shared := *plain
	shared.y.Shares = make([]float32, 3)
	for name, tt := range map[string]struct {
		c      *gramCase
		k      int
		weight float64
		want   string
	}{
		"batch norm":  {bn, 16, 1, "layer3.2.bn2: batch norm: it normalises by the statistics of the minibatch, which mixes examples"},
		"twice":       {twice, 9, 1, "again: linear: the parameter [4 4] is in another operation too"},
		"k of others": {plain, 8, 1, "8 elements for the products of the gradients of 3 inputs; there must be 9"},
		"shares":      {&shared, 9, 1, "must have no shares"},
		"no weight":   {plain, 9, 0, "a gradient of weight 0 has no Gram matrix"},
	} {
		_, err := tt.c.model.Gram(tt.c.y, make([]float64, tt.k), make([]float32, tt.c.model.Size()), tt.c.theta, tt.c.x, objective.Call{Weight: tt.weight})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", name, err, tt.want)
		}
	}
	few := plain.y
	few.Shares = make([]float32, 2)
	if _, err := plain.model.GradientOf(few, make([]float32, 20), plain.theta, plain.x, objective.Call{Weight: 1}); err == nil || !strings.Contains(err.Error(), "2 shares of 3 inputs") {
		t.Error(err)
	}
}

// A warm pass allocates nothing.
func TestGramAllocatesNothing(t *testing.T) {
	for _, name := range []string{"mlp", "resnet20, frozen", "vit-tiny", "bert-tiny"} {
		c := gramCases[name](t)
		grad, k := make([]float32, c.model.Size()), make([]float64, c.n*c.n)
		pass := func() {
			if _, err := c.model.Gram(c.y, k, grad, c.theta, c.x, objective.Call{Weight: 1}); err != nil {
				t.Fatal(err)
			}
		}
		pass()
		if n := testing.AllocsPerRun(5, pass); n > 0 {
			t.Errorf("%s: %g allocations", name, n)
		}
	}
}

// goldenGram is a network of testdata/gen_gram.py, with its parameters and minibatch.
func goldenGram(t *testing.T, name string) *gramCase {
	t.Helper()
	const n = 7
	b := nn.NewBuilder()
	var net nn.Layer
	input, torch := []int{6}, numbers(n*6, 5)
	x := torch
	if name == "perceptron" {
		net = b.MLP(6, 9, 7, 4)
	} else {
		input = []int{6, 5, 2}
		net = nn.Sequential{
			b.Conv2d("0", 2, 6, 3, nn.ConvOptions{Pad: 1}), nn.ReLU,
			b.Conv2d("2", 6, 8, 3, nn.ConvOptions{Stride: 2, Groups: 2}), b.GroupNorm("3", 2, 8), nn.ReLU,
			b.Conv2d("5", 8, 8, 1, nn.ConvOptions{}), nn.Flatten, b.Linear("7", 8*2*2, 4),
		}
		torch = numbers(n*60, 5)
		x = make([]float32, len(torch))
		for i := range torch { // channels come first there
			image, c, pixel := i/60, i/30%2, i%30
			x[image*60+pixel*2+c] = torch[i]
		}
	}
	m, err := nn.NewModel(b, net, input)
	if err != nil {
		t.Fatal(err)
	}
	theta, salt := make([]float32, m.Size()), 1
	for _, p := range m.Params {
		values := numbers(p.Len(), salt)
		salt += p.Len()
		for i := range values {
			values[i] /= 2
		}
		if err := p.Import(theta, values); err != nil {
			t.Fatal(err)
		}
	}
	return &gramCase{m, theta, x, n, nn.Target{Labels: labelsOf(n, 4)}}
}

// The matrix, and what a reweighted pass solves, are PyTorch's from gradients of single examples.
func TestGramIsPyTorchs(t *testing.T) {
	b, err := os.ReadFile("testdata/gram.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]struct{ Gram, Solved []float64 }
	if err := json.Unmarshal(b, &golden); err != nil || len(golden) != 2 {
		t.Fatal(len(golden), err)
	}
	for name, want := range golden {
		c := goldenGram(t, name)
		grad, k := make([]float32, c.model.Size()), make([]float64, c.n*c.n)
		if _, err := c.model.Gram(c.y, k, grad, c.theta, c.x, objective.Call{Weight: 1}); err != nil {
			t.Fatal(err)
		}
		if d := apartBy(k, want.Gram, c.n); !(d < gramTolerance) {
			t.Errorf("%s: apart by %g", name, d)
		}
		w, err := lowrank.Weights(k, c.n, 1.5*1.5/float64(c.n))
		if err != nil {
			t.Fatal(err)
		}
		y := c.y
		for _, v := range w {
			y.Shares = append(y.Shares, float32(v))
		}
		if _, err := c.model.GradientOf(y, grad, c.theta, c.x, objective.Call{Weight: 1, Perturbed: true}); err != nil {
			t.Fatal(err)
		}
		i, largest := 0, slices.Max(want.Solved)
		for _, p := range c.model.Params {
			for _, v := range p.Export(grad) {
				if !(math.Abs(float64(v)-want.Solved[i]) < 1e-5*largest) {
					t.Errorf("%s: element %d of the solve is %g, PyTorch %g", name, i, v, want.Solved[i])
				}
				i++
			}
		}
	}
}
