package toy

import (
	"context"
	"fmt"
	"math"
	"math/cmplx"
	"testing"

	"gonum.org/v1/gonum/floats"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// times is a loss times a number.
type times struct {
	of Loss
	c  float64
}

func (l times) Dim() int                 { return l.of.Dim() }
func (l times) Loss(t []float64) float64 { return l.c * l.of.Loss(t) }
func (l times) Hessian(h, t []float64)   { l.of.Hessian(h, t); floats.Scale(l.c, h) }

func (l times) Gradient(grad, t []float64) float64 {
	v := l.of.Gradient(grad, t)
	floats.Scale(l.c, grad)
	return l.c * v
}

// frozen is a length that makes delta = r G⁻¹g, of an effective radius r that does not change with the gradient.
type frozen float64

func (f frozen) Scale(_, _ float64, _ sam.Lengths) float64 { return float64(f) }

// withLength are the settings of M-SAM with another length.
func withLength(t testing.TB, length string, rho, alpha float64, own map[string]float64) sam.Settings[float64] {
	t.Helper()
	m, err := sam.FindMethod("m-sam")
	if err == nil {
		m, err = m.With("", length, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := sam.SettingsOf[float64](m, sam.Params{Rho: sam.Constant(rho), Alpha: &alpha, Own: own})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// hessian is the metric I + alpha² (g gᵀ + spread² H²), all of it, in two dimensions.
func hessian(t testing.TB, rho, alpha, spread float64) sam.Settings[float64] {
	return withLength(t, "hessian", rho, alpha, map[string]float64{"metric-points": 2, "metric-spread": spread})
}

// step is one step of a rate from theta.
func step(t testing.TB, loss Loss, theta []float64, lr float64, s sam.Settings[float64]) []float64 {
	t.Helper()
	base, err := optim.NewSGD[float64](len(theta), optim.SGDSettings{LR: optim.Constant(lr)})
	if err != nil {
		t.Fatal(err)
	}
	st, err := sam.New(len(theta), base, s)
	if err != nil {
		t.Fatal(err)
	}
	theta = append([]float64(nil), theta...)
	if _, err := st.Step(theta, objective{loss}); err != nil {
		t.Fatal(err)
	}
	return theta
}

// rates returns the eigenvalues of (I - M)/lr, M the linear part at the origin of the map that a step with a frozen effective radius
// makes. The origin attracts where all of 1 - lr times these lie inside the unit circle.
func rates(t testing.TB, loss Loss, r, alpha, spread float64) []complex128 {
	t.Helper()
	const lr, h = .001, 1e-5
	s := hessian(t, 1, alpha, spread)
	s.Length = func(int) sam.Length { return frozen(r) }
	a := make([]float64, 4)
	for j := range 2 {
		at := make([]float64, 2)
		at[j] = h
		up := step(t, loss, at, lr, s)
		at[j] = -h
		down := step(t, loss, at, lr, s)
		for i := range 2 {
			a[i*2+j] = -(up[i] - down[i]) / (2 * h * lr)
		}
		a[j*2+j] += 1 / lr
	}
	return Eigenvalues(a)
}

func attracts(t testing.TB, loss Loss, r, alpha, spread float64) bool {
	const lr = .001
	for _, mu := range rates(t, loss, r, alpha, spread) {
		if !(cmplx.Abs(1-lr*mu) < 1) {
			return false
		}
	}
	return true
}

// bisect returns where f turns from false to true between lo and hi.
func bisect(lo, hi float64, f func(float64) bool) float64 {
	for range 40 {
		if mid := (lo + hi) / 2; f(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return (lo + hi) / 2
}

// With the effective radius r held a direction of curvature -l attracts exactly past (1 + alpha² spread² l²)/l in the metric that is
// sampled nearby: the banana's saddle (l = 2c) and the sinc's maximum (l = 5/3 c), of losses times c.
func TestSampledMetricThreshold(t *testing.T) {
	for _, of := range []struct {
		loss Loss
		l    float64
	}{{Banana{}, 2}, {Sinc{}, 5. / 3}} {
		for _, c := range []float64{.1, .5, 1, 3} {
			for _, as := range [][2]float64{{0, 1}, {1, 1e-6}, {1, .25}, {1, .5}, {1, 1}, {2, .5}} {
				l, loss := of.l*c, times{of.loss, c}
				want := (1 + as[0]*as[0]*as[1]*as[1]*l*l) / l
				got := bisect(0, 4*want, func(r float64) bool { return attracts(t, loss, r, as[0], as[1]) })
				t.Logf("%T times %g, alpha %g, spread %g: attracts from r = %.4f, predicted %.4f", of.loss, c, as[0], as[1], got, want)
				if !(math.Abs(got-want) <= 1e-3*want) {
					t.Errorf("%T times %g, alpha %g, spread %g: attracts from r = %g, want %g", of.loss, c, as[0], as[1], got, want)
				}
			}
		}
	}
}

// Below r = 2 alpha spread no saddle attracts, whatever its curvature, and just above the one of curvature 1/(alpha spread) does.
// The price: no direction's rate differs from its curvature by more than the share r/(2 alpha spread).
func TestSampledMetricSafeRadius(t *testing.T) {
	const alpha, spread = 1., .5
	const safe = 2 * alpha * spread
	for k := -40; k <= 40; k++ {
		l := 1 / (alpha * spread) * math.Pow(10, float64(k)/20)
		loss := times{Banana{}, l / 2}
		if attracts(t, loss, .999*safe, alpha, spread) {
			t.Errorf("the saddle of curvature %g attracts below the safe radius", l)
		}
		if got := attracts(t, loss, 1.001*safe, alpha, spread); got != (k == 0) {
			t.Errorf("just above the safe radius the saddle of curvature %g attracts: %t", l, got)
		}
		for _, r := range []float64{.3 * safe, .9 * safe} {
			e := rates(t, loss, r, alpha, spread)
			if d := math.Abs(real(e[1])-l) / l; !(d <= r/safe*(1+1e-3)) {
				t.Errorf("curvature %g at r = %g: rate %g, more than %g off", l, r, real(e[1]), r/safe)
			}
		}
	}
}

// spreads are the metrics of the basins: SAM, M-SAM, and sampled nearby.
var spreads = []struct {
	name          string
	alpha, spread float64
}{{"SAM", 0, 0}, {"M-SAM", 1, 0}, {"hessian .25", 1, .25}, {"hessian .5", 1, .5}, {"hessian 1", 1, 1}}

func ofSpread(t testing.TB, rho, alpha, spread float64) sam.Settings[float64] {
	if spread == 0 {
		return withLength(t, "monge", rho, alpha, nil)
	}
	return hessian(t, rho, alpha, spread)
}

// basin is the distance x at which the ball of rho reaches the point of curvature h ahead: x² (1 + alpha² (g² + spread² h²)) = rho²,
// with g and h the slope and the curvature of the loss along a ray.
func basin(loss Loss, ray []float64, rho, alpha, spread float64) float64 {
	g, h := make([]float64, 2), make([]float64, 4)
	return bisect(0, rho, func(x float64) bool {
		at := []float64{x * ray[0], x * ray[1]}
		loss.Gradient(g, at)
		loss.Hessian(h, at)
		slope := floats.Dot(g, ray)
		curvature := ray[0]*(h[0]*ray[0]+h[1]*ray[1]) + ray[1]*(h[2]*ray[0]+h[3]*ray[1])
		return x*x*(1+alpha*alpha*(slope*slope+spread*spread*curvature*curvature)) > rho*rho
	})
}

// With rho held the effective radius has no bound near a stationary point, so that the saddle and the maximum attract in any of
// these metrics: from within the distance that [basin] says. A step goes towards them exactly inside.
func TestSampledMetricBasin(t *testing.T) {
	for _, of := range []struct {
		loss Loss
		ray  []float64
	}{{Banana{}, []float64{math.Sqrt2 / 2, math.Sqrt2 / 2}}, {Sinc{}, []float64{1, 0}}} {
		for _, rho := range []float64{.1, .3, .6, 1} {
			text := ""
			for _, m := range spreads {
				want := basin(of.loss, of.ray, rho, m.alpha, m.spread)
				s := ofSpread(t, rho, m.alpha, m.spread)
				got := bisect(1e-3, 1.3, func(x float64) bool {
					to := step(t, of.loss, []float64{x * of.ray[0], x * of.ray[1]}, 1e-4, s)
					return floats.Norm(to, 2) > x
				})
				text += fmt.Sprintf("  %s %.4f (%.4f)", m.name, got, want)
				if !(math.Abs(got-want) <= 1e-3) {
					t.Errorf("%T, rho %g, %s: attracts within %g, want %g", of.loss, rho, m.name, got, want)
				}
			}
			t.Logf("%T, rho %g, attracts within (predicted):%s", of.loss, rho, text)
		}
	}
}

// The shares of uniform starts that end at the sinc's maximum are those inside the basin.
func TestSampledMetricShares(t *testing.T) {
	const n = 1000
	starts := Uniform(2, n, -1, 1, 1)
	for _, rho := range []float64{.2, 1, 2} {
		text := ""
		for _, m := range spreads {
			x, inside := basin(Sinc{}, []float64{1, 0}, rho, m.alpha, m.spread), 0
			for _, s := range starts {
				if math.Hypot(s[0], s[1]) < x {
					inside++
				}
			}
			runs, err := DescendAll(context.Background(), Sinc{}, starts, Settings{Method: ofSpread(t, rho, m.alpha, m.spread), LR: .05, Steps: 200})
			if err != nil {
				t.Fatal(err)
			}
			got := Ends(Sinc{}, runs)["maximum"]
			text += fmt.Sprintf("  %s %.3f (%.3f)", m.name, float64(got)/n, float64(inside)/n)
			if !(math.Abs(float64(got-inside)) <= .01*n) {
				t.Errorf("rho %g, %s: %d of %d end at the maximum, %d start in its basin", rho, m.name, got, n, inside)
			}
		}
		t.Logf("rho %g, share at the maximum (predicted):%s", rho, text)
	}
}

// Figure 4's map of the exact Jacobian of small steps, by differences of steps: the stable area at the saddle of SAM and M-SAM is the
// figure's, and shrinks with the spread.
func TestSampledMetricMap(t *testing.T) {
	const cells, half, h, lr = 80, 2., 1e-5, 1e-3
	figure := map[string]float64{"SAM": .502, "M-SAM": .130} // at rho .8
	for _, rho := range []float64{.2, .4, .6, .8} {
		text, before := "", math.Inf(1)
		for _, m := range spreads {
			s, saddle, valley := ofSpread(t, rho, m.alpha, m.spread), 0., 0.
			for i := range cells {
				for j := range cells {
					p := []float64{-half + (float64(i)+.5)*2*half/cells, -half + (float64(j)+.5)*2*half/cells}
					a := make([]float64, 4)
					for k := range 2 {
						at := append([]float64(nil), p...)
						at[k] += h
						up := step(t, Banana{}, at, lr, s)
						at[k] -= 2 * h
						down := step(t, Banana{}, at, lr, s)
						for l := range 2 {
							a[l*2+k] = -(up[l] - down[l]) / (2 * h * lr)
						}
						a[k*2+k] += 1 / lr
					}
					switch {
					case !Attractor(a):
					case p[0]*p[1] > 1./3:
						valley++
					default:
						saddle++
					}
				}
			}
			const cell = (2 * half / cells) * (2 * half / cells)
			saddle, valley = saddle*cell, valley*cell
			text += fmt.Sprintf("  %s %.2f, %.2f", m.name, saddle, valley)
			if want := figure[m.name]; rho == .8 && want > 0 && !(math.Abs(saddle-want) <= .03) {
				t.Errorf("%s: stable area at the saddle %.3f, in the figure %.3f", m.name, saddle, want)
			}
			if !(saddle <= before+.02) {
				t.Errorf("rho %g, %s: stable area at the saddle %.3f, more than %.3f", rho, m.name, saddle, before)
			}
			before = saddle
		}
		t.Logf("rho %g, stable area at the saddle, in the valleys:%s", rho, text)
	}
}

// At a radius of 2 M-SAM's runs on the banana stop at points that are no stationary points: the perturbed point lies in the valley
// opposite, where the gradient is zero.
func TestOppositeValley(t *testing.T) {
	const rho = 2
	opposite := 0
	for _, r := range descendAll(t, Banana{}, Grid(2, 10, -3, 3), Settings{Method: method(t, "m-sam", rho), LR: .01, Steps: 200}) {
		g, flow := make([]float64, 2), make([]float64, 2)
		Banana{}.Gradient(g, r.End)
		Ball{rho, 1}.Flow(flow, Banana{}, r.End)
		z := append([]float64(nil), r.End...)
		floats.AddScaled(z, Ball{rho, 1}.EffectiveRadius(floats.Norm(g, 2)), g)
		if floats.Dot(z, r.End) < 0 && floats.Norm(g, 2) > .3 && floats.Norm(flow, 2) < .1*floats.Norm(g, 2) && (Banana{}).Loss(z) < .01 {
			opposite++
		}
	}
	t.Logf("%d of 100 runs end opposite a valley", opposite)
	if opposite < 60 {
		t.Errorf("%d of 100 runs end opposite a valley", opposite)
	}
}

// Away from stationary points the mean of g gᵀ over points nearby is that of the smoothed loss's gradient, m mᵀ + spread² H², to the
// fourth order, and g gᵀ + spread² H² to the second only: m is g + spread²/2 grad tr H. On the banana, by Gauss and Hermite's rule, which is
// exact there.
func TestMeanNearby(t *testing.T) {
	nodes := []float64{-2.3344142183389773, -.7419637843027259, .7419637843027259, 2.3344142183389773}
	weights := []float64{.04587585476806849, .4541241452319315, .4541241452319315, .04587585476806849}
	at := []float64{1.3, -.4}
	off := func(s float64) (smoothed, plain float64) {
		var mean, mm [4]float64 // mean of g in the first two
		g := make([]float64, 2)
		for i, x := range nodes {
			for j, y := range nodes {
				w := weights[i] * weights[j]
				Banana{}.Gradient(g, []float64{at[0] + s*x, at[1] + s*y})
				for k := range 2 {
					mean[k] += w * g[k]
					for l := range 2 {
						mm[2*k+l] += w * g[k] * g[l]
					}
				}
			}
		}
		h := make([]float64, 4)
		Banana{}.Gradient(g, at)
		Banana{}.Hessian(h, at)
		for k := range 2 {
			for l := range 2 {
				second := s * s * (h[2*k]*h[l] + h[2*k+1]*h[2+l])
				smoothed = max(smoothed, math.Abs(mm[2*k+l]-mean[k]*mean[l]-second))
				plain = max(plain, math.Abs(mm[2*k+l]-g[k]*g[l]-second))
			}
		}
		wantClose(t, "gradient of the smoothed loss", mean[:2], []float64{g[0] + s*s/2*4*at[0], g[1] + s*s/2*4*at[1]}, 1e-12)
		return smoothed, plain
	}
	s1, p1 := off(.1)
	s2, p2 := off(.05)
	if r := s1 / s2; math.Abs(r-16) > .5 {
		t.Errorf("half the spread is off by 1/%.2f, want 1/16", r)
	}
	if r := p1 / p2; math.Abs(r-4) > .2 {
		t.Errorf("without the smoothed loss half the spread is off by 1/%.2f, want 1/4", r)
	}
}

// A small step lowers the loss exactly where the gradient at theta+delta does not point uphill, and runs whose steps all do stay in
// the valley that they start in, here the part of loss < 1/2 with t1 > 0. Uphill it points where theta+delta lies in the valley
// opposite: at large radii only.
func TestLeavesOnlyUphill(t *testing.T) {
	for _, tt := range []struct {
		rho    float64
		uphill bool
	}{{.3, false}, {1, false}, {2, true}, {3, true}} {
		uphill, left, all := 0, 0, 0
		for _, start := range Uniform(2, 4000, 0, 3, 1) {
			loss := Banana{}.Loss(start)
			if loss >= .5 {
				continue
			}
			all++
			g, flow := make([]float64, 2), make([]float64, 2)
			Banana{}.Gradient(g, start)
			Ball{tt.rho, 1}.Flow(flow, Banana{}, start)
			up := floats.Dot(g, flow) > 0
			to := step(t, Banana{}, start, 1e-7, method(t, "m-sam", tt.rho))
			if lower := (Banana{}).Loss(to) < loss; lower == up && math.Abs(floats.Dot(g, flow)) > 1e-3 {
				t.Errorf("rho %g, %v: uphill %t, and the loss falls: %t", tt.rho, start, up, lower)
			}
			if up {
				uphill++
			}
			if r := descend(t, Banana{}, start, Settings{Method: method(t, "m-sam", tt.rho), LR: .01, Steps: 200}); r.End[0] < 0 || r.Loss >= .5 {
				left++
			}
		}
		t.Logf("rho %g: of %d points uphill at %d, %d runs leave", tt.rho, all, uphill, left)
		if (uphill > 0) != tt.uphill || (left > 0) != tt.uphill {
			t.Errorf("rho %g: of %d points uphill at %d, %d runs leave", tt.rho, all, uphill, left)
		}
	}
}
