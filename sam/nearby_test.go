package sam_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/monge-ml/monge/sam"
	"gonum.org/v1/gonum/mat"
)

// around returns the draws of a step, one in each row.
func around(points, n, step int) *mat.Dense {
	draws := mat.NewDense(points, n, nil)
	for i := range points {
		rng := rand.New(rand.NewPCG(uint64(step), uint64(i)))
		for j := range n {
			draws.Set(i, j, rng.NormFloat64())
		}
	}
	return draws
}

// gradient is that of a whole minibatch.
func gradient(p problem, theta []float64, step int) []float64 {
	g := make([]float64, len(theta))
	p.at(step, 1).Gradient(g, theta, sam.Call{Weight: 1})
	return g
}

// moved is theta + by d.
func moved(theta []float64, by float64, d []float64) []float64 {
	at := slices.Clone(theta)
	for i, v := range d {
		at[i] += by * v
	}
	return at
}

// add adds c u uᵀ.
func add(G *mat.Dense, c float64, u []float64) {
	x := mat.NewVecDense(len(u), u)
	G.RankOne(G, c, x, x)
}

// The metrics of points drawn around theta, against a dense solve of the same draws: gradients there, and products with the
// Hessian by central differences.
func TestNearbyIsGenericSolution(t *testing.T) {
	const points, spread, alpha, rho = 3, .4, 2., .3
	fill := map[string]func(G *mat.Dense, p problem, theta []float64, step int){
		"nearby": func(G *mat.Dense, p problem, theta []float64, step int) {
			draws := around(points, len(theta), step)
			for i := range points {
				add(G, alpha*alpha/points, gradient(p, moved(theta, spread, draws.RawRowView(i)), step))
			}
		},
		"hessian": func(G *mat.Dense, p problem, theta []float64, step int) {
			add(G, alpha*alpha, gradient(p, theta, step))
			n := len(theta)
			var qr mat.QR
			qr.Factorize(around(points, n, step).T())
			var q mat.Dense
			qr.QTo(&q)
			for i := range points {
				const h = 1e-5
				d := mat.Col(nil, i, &q)
				hq := moved(gradient(p, moved(theta, h, d), step), -1, gradient(p, moved(theta, -h, d), step))
				add(G, alpha*alpha*spread*spread*float64(n)/points/(4*h*h), hq)
			}
		},
	}
	for name, within := range map[string]float64{"nearby": 1e-12, "hessian": 1e-6} {
		for on, p := range problems {
			c := familyCase{method: "sam", length: name, alpha: alpha, own: map[string]float64{"metric-points": points, "metric-spread": spread}}
			st, theta := c.stepper(t, p), slices.Clone(p.start)
			for step := range 5 {
				n := len(theta)
				G := mat.NewDense(n, n, nil)
				for i := range n {
					G.Set(i, i, 1)
				}
				fill[name](G, p, theta, step)
				g := mat.NewVecDense(n, gradient(p, theta, step))
				var v mat.VecDense
				if err := v.SolveVec(G, g); err != nil {
					t.Fatal(err)
				}
				want := moved(theta, rho/math.Sqrt(mat.Dot(g, &v)), v.RawVector().Data)
				w := &witness{obj: p.at(step, 1)}
				if _, err := st.Step(theta, w); err != nil {
					t.Fatal(err)
				}
				if d := apart([][]float64{w.last}, [][]float64{want}); !(d < within) {
					t.Errorf("%s on %s: step %d perturbs to %v, off by %g", name, on, step, w.last, d)
				}
			}
		}
	}
}

// On a quadratic the mean of the metrics of points nearby is the Hessian's.
func TestNearbyMeanIsHessian(t *testing.T) {
	curvatures, theta := []float64{2, -1, .5}, []float64{.3, -.2, 1}
	const alpha, rho, spread = 1.5, .1, .7
	delta := func(length string, points float64) []float64 {
		m, err := sam.FindMethod("sam")
		if err == nil {
			m, err = m.With("", length, "")
		}
		if err != nil {
			t.Fatal(err)
		}
		a := alpha
		s, err := sam.SettingsOf[float64](m, sam.Params{Rho: sam.Constant(rho), Alpha: &a, Own: map[string]float64{"metric-points": points, "metric-spread": spread}})
		if err != nil {
			t.Fatal(err)
		}
		st, err := sam.New(3, bare{}, s)
		if err != nil {
			t.Fatal(err)
		}
		w := &witness{obj: sam.Func(func(grad, theta []float64) (loss float64) {
			for i, x := range theta {
				grad[i] = curvatures[i] * x
				loss += curvatures[i] * x * x / 2
			}
			return loss
		})}
		if _, err := st.Step(slices.Clone(theta), w); err != nil {
			t.Fatal(err)
		}
		return moved(w.last, -1, w.first)
	}
	if d := apart([][]float64{delta("nearby", 1000)}, [][]float64{delta("hessian", 3)}); !(d < .025*rho) {
		t.Errorf("off by %g", d)
	}
}
