package sam_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// quartics are examples with losses of their own.
type quartics struct{ examples, n int }

func (q *quartics) own(grad, theta []float64, i int) (loss float64) {
	for j, x := range theta {
		a, c := 1+.5*math.Sin(float64(3*i+j)), math.Cos(float64(i*i+2*j))
		grad[j] = a*x*x*x + x - c
		loss += a*x*x*x*x/4 + x*x/2 - c*x
	}
	return loss
}

func (q *quartics) Gradient(grad, theta []float64, c sam.Call) (float64, error) {
	w := make([]float64, q.examples)
	for i := range w {
		w[i] = c.Weight / float64(q.examples)
	}
	if err := q.Weighted(grad, theta, w, c); err != nil {
		return 0, err
	}
	loss, g := 0., make([]float64, q.n)
	for i := range w {
		loss += q.own(g, theta, i) / float64(q.examples)
	}
	return loss, nil
}

func (q *quartics) Weighted(grad, theta []float64, w []float64, _ sam.Call) error {
	clear(grad)
	g := make([]float64, q.n)
	for i, v := range w {
		q.own(g, theta, i)
		for j := range g {
			grad[j] += v * g[j]
		}
	}
	return nil
}

func (q *quartics) Gram(grad, theta []float64, c sam.Call) ([]float64, float64, error) {
	g := mat.NewDense(q.examples, q.n, nil)
	for i := range q.examples {
		row := make([]float64, q.n)
		q.own(row, theta, i)
		g.SetRow(i, row)
	}
	var k mat.Dense
	k.Mul(g, g.T())
	loss, err := q.Gradient(grad, theta, c)
	return k.RawMatrix().Data, loss, err
}

// exampleDelta is the delta of one step at theta.
func exampleDelta(t *testing.T, q *quartics, theta []float64, rho, alpha float64) []float64 {
	t.Helper()
	m, err := sam.FindMethod("sam")
	if err == nil {
		m, err = m.With("", "example", "")
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := sam.SettingsOf[float64](m, sam.Params{Rho: sam.Constant(rho), Alpha: &alpha})
	if err != nil {
		t.Fatal(err)
	}
	base, _ := optim.NewSGD[float64](q.n, optim.SGDSettings{LR: optim.Constant(.1)})
	st, err := sam.New(q.n, base, s)
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{quartics: q}
	if _, err := st.Step(append([]float64(nil), theta...), w); err != nil {
		t.Fatal(err)
	}
	for i := range w.at {
		w.at[i] -= theta[i]
	}
	return w.at
}

// watched keeps the point of the descent gradient.
type watched struct {
	*quartics
	at []float64
}

func (w *watched) Gradient(grad, theta []float64, c sam.Call) (float64, error) {
	w.at = append([]float64(nil), theta...)
	return w.quartics.Gradient(grad, theta, c)
}

// The perturbation in the metric of examples is the dense solve's, eps = rho G⁻¹g/sqrt(gᵀG⁻¹g).
func TestExampleMetricIsDense(t *testing.T) {
	q := &quartics{examples: 5, n: 7}
	theta := []float64{.3, -1, .5, 2, -.4, .1, .9}
	const rho, alpha = .2, 1.5
	got := exampleDelta(t, q, theta, rho, alpha)
	g := mat.NewDense(q.n, q.n, nil)
	mean, own := mat.NewVecDense(q.n, nil), make([]float64, q.n)
	for j := range q.n {
		g.Set(j, j, 1)
	}
	for i := range q.examples {
		q.own(own, theta, i)
		v := mat.NewVecDense(q.n, append([]float64(nil), own...))
		mean.AddScaledVec(mean, 1/float64(q.examples), v)
		var outer mat.Dense
		outer.Outer(alpha*alpha/float64(q.examples), v, v)
		g.Add(g, &outer)
	}
	var v mat.VecDense
	if err := v.SolveVec(g, mean); err != nil {
		t.Fatal(err)
	}
	for j := range got {
		if want := rho * v.AtVec(j) / math.Sqrt(mat.Dot(mean, &v)); math.Abs(got[j]-want) > 1e-12 {
			t.Errorf("delta[%d] is %g, the dense solve's %g", j, got[j], want)
		}
	}
}

// Where alpha grows with rho/alpha = b held, the loss of every example rises by the same b to first order: the theorem of the
// empirical Fisher information's limit, where Monge's metric spends b on the mean alone.
func TestEveryExampleRisesAlike(t *testing.T) {
	q := &quartics{examples: 4, n: 6}
	theta := []float64{.3, -1, .5, 2, -.4, .1}
	const b = .05
	delta := exampleDelta(t, q, theta, b*1e6, 1e6)
	own := make([]float64, q.n)
	for i := range q.examples {
		q.own(own, theta, i)
		rise := 0.
		for j := range own {
			rise += own[j] * delta[j]
		}
		if math.Abs(rise-b) > 1e-6 {
			t.Errorf("the loss of example %d rises by %g, want %g", i, rise, b)
		}
	}
}

func TestExampleErrors(t *testing.T) {
	m, _ := sam.FindMethod("m-sam")
	if _, err := m.With("momentum", "example", ""); err == nil || !strings.Contains(err.Error(), "choose") {
		t.Errorf("against the momentum: %v", err)
	}
	if _, err := m.With("running-mean", "example", ""); err == nil || !strings.Contains(err.Error(), "measures the gradient alone") {
		t.Errorf("along a running mean: %v", err)
	}
	m, err := m.With("", "example", "")
	if err != nil {
		t.Fatal(err)
	}
	s, err := sam.SettingsOf[float64](m, sam.Params{Rho: sam.Constant(.1)})
	if err != nil {
		t.Fatal(err)
	}
	base, _ := optim.NewSGD[float64](2, optim.SGDSettings{LR: optim.Constant(.1)})
	st, err := sam.New(2, base, s)
	if err != nil {
		t.Fatal(err)
	}
	plain := sam.Func(func(grad, theta []float64) float64 { copy(grad, theta); return 1 })
	if _, err := st.Step([]float64{1, 2}, plain); err == nil || !strings.Contains(err.Error(), "single examples") {
		t.Errorf("an objective without examples: %v", err)
	}
	if _, err := st.StepMicrobatches([]float64{1, 2}, []float64{.5, .5}, &quartics{examples: 3, n: 2}); err == nil || !strings.Contains(err.Error(), "leave out microbatch") {
		t.Errorf("two microbatches: %v", err)
	}
	theta := []float64{math.Inf(1), 1}
	var nonFinite *sam.NonFiniteError
	if _, err := st.Step(theta, &quartics{examples: 3, n: 2}); !errors.As(err, &nonFinite) {
		t.Errorf("at infinity: %v", err)
	}
}
