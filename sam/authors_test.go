package sam_test

import (
	"math"
	"slices"
	"testing"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// Where papers and their authors' code differ, or one of them leaves something open, these say which the methods follow.

// given is an objective with the gradients that it is given: of each step's microbatches, wherever it is asked.
type given struct {
	steps [][][]float64
	step  int
}

func (o *given) Gradient(grad, _ []float64, c sam.Call) (float64, error) {
	for i, g := range o.steps[o.step][c.Micro] {
		put(grad, i, c, g)
	}
	return 0, nil
}

// perturbations takes steps with rho 1 on given gradients, one or two microbatches each, and returns their perturbations and
// where theta stands after each.
func perturbations(t *testing.T, method string, p sam.Params, steps ...[][]float64) (deltas, ends [][]float64) {
	t.Helper()
	n := len(steps[0][0])
	if p.Rho == nil {
		p.Rho = sam.Constant(1)
	}
	s, err := sam.Family[float64](method, p)
	if err != nil {
		t.Fatal(err)
	}
	base, err := optim.NewSGD[float64](n, optim.SGDSettings{LR: optim.Constant(.1), Momentum: .5})
	if err != nil {
		t.Fatal(err)
	}
	st, err := sam.New(n, base, s)
	if err != nil {
		t.Fatal(err)
	}
	theta, obj, weights := make([]float64, n), &given{steps: steps}, [][]float64{{1}, {.5, .5}}
	for ; obj.step < len(steps); obj.step++ {
		before, w := slices.Clone(theta), &witness{obj: obj}
		if _, err := st.StepMicrobatches(theta, weights[len(steps[obj.step])-1], w); err != nil {
			t.Fatal(err)
		}
		deltas, ends = append(deltas, moved(w.last, -1, before)), append(ends, slices.Clone(theta))
	}
	return deltas, ends
}

// want checks vectors.
func want(t *testing.T, what string, got, want [][]float64) {
	t.Helper()
	if len(got) != len(want) || !(apart(got, want) < 1e-12) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// Momentum SAM looks ahead, as its authors' code does: theta - rho v/|v|, on the way that theta travels. The first step has no way yet.
func TestMomentumLooksAhead(t *testing.T) {
	deltas, ends := perturbations(t, "momentum-sam", sam.Params{}, [][]float64{{3, 4}}, [][]float64{{-9, 1}})
	want(t, "perturbations", deltas, [][]float64{{0, 0}, {-.6, -.8}})
	want(t, "the way", ends[:1], [][]float64{{-.3, -.4}})
}

// Sparse SAM's mask is of squared gradients of minibatches, where the authors square those of single examples, and is made
// of the first one, where they begin with one of zeros. The length is the whole gradient's.
func TestSparseMasks(t *testing.T) {
	own := map[string]float64{"sparsity": .5, "mask-every": 1}
	deltas, _ := perturbations(t, "sparse-sam", sam.Params{Own: own},
		[][]float64{{9, 3}, {-9, 5}}, // the mean is 0, 4: parameter 0 has the larger squares
		[][]float64{{3, 4}},          // the mask is of the step before
		[][]float64{{4, 3}},          // so too
		[][]float64{{4, 3}})
	want(t, "perturbations", deltas, [][]float64{{0, 1}, {0, .8}, {0, .6}, {.8, 0}})
}

// Friendly SAM takes away the mean of the gradients before, as its authors' code does, not one with the gradient at hand. The first
// step goes along the gradient.
func TestFriendlySAMMean(t *testing.T) {
	own := map[string]float64{"sigma": 1, "lambda": .5}
	deltas, _ := perturbations(t, "friendly-sam", sam.Params{Own: own}, [][]float64{{2, 0}}, [][]float64{{2, 5}}, [][]float64{{2, 5}})
	want(t, "perturbations", deltas, [][]float64{{1, 0}, {0, 1}, {0, 1}})
}

// LE-SAM without a cap, as its authors' README runs it, is sigma/|g| long, and with one the smaller of both.
func TestLESAMWithoutCap(t *testing.T) {
	for rho, length := range map[float64]float64{math.Inf(1): .07, .1: .07, .02: .02} {
		deltas, _ := perturbations(t, "le-sam", sam.Params{Rho: sam.Constant(rho), AscentBudget: sam.Constant(.35)}, [][]float64{{3, 4}})
		want(t, "perturbation", deltas, [][]float64{{.6 * length, .8 * length}})
	}
}

// WSAM is decoupled: what the perturbation adds is not in the base optimizer's momentum.
func TestWSAMIsDecoupled(t *testing.T) {
	theta, ends := []float64{2.}, []float64{}
	s, err := sam.Family[float64]("wsam", sam.Params{Rho: sam.Constant(.5), Own: map[string]float64{"gamma": .75}})
	if err != nil {
		t.Fatal(err)
	}
	base, err := optim.NewSGD[float64](1, optim.SGDSettings{LR: optim.Constant(.1), Momentum: .5})
	if err != nil {
		t.Fatal(err)
	}
	st, err := sam.New(1, base, s)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := st.Step(theta, sam.Func(func(grad, theta []float64) float64 { grad[0] = theta[0]; return theta[0] * theta[0] / 2 })); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, theta[0])
	}
	first := 2 - .1*2 - .1*3*.5 // g = theta, g' = theta + rho
	second := first - .1*(.5*2+first) - .1*3*.5
	want(t, "ends", [][]float64{ends}, [][]float64{{first, second}})
}
