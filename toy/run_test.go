package toy

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/monge-ml/monge/sam"
)

func method(t testing.TB, name string, rho float64) sam.Settings[float64] {
	t.Helper()
	m, err := sam.FindMethod(name)
	if err != nil {
		t.Fatal(err)
	}
	var p sam.Params
	if m.Perturbs() {
		p.Rho = sam.Constant(rho)
	}
	if name == "asam" {
		p.Eta = new(float64)
	}
	s, err := sam.Family[float64](name, p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func descend(t testing.TB, loss Loss, start []float64, s Settings) Run {
	t.Helper()
	r, err := Descend(context.Background(), loss, start, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func descendAll(t testing.TB, loss Loss, starts [][]float64, s Settings) []Run {
	t.Helper()
	runs, err := DescendAll(context.Background(), loss, starts, s)
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// Figure 1's ends, from an independent run.
func TestFigure1(t *testing.T) {
	for name, want := range map[string][3]float64{
		"none":  {-1.5459, -.6469, 1e-9},
		"sam":   {-.0037, -.0028, 1},
		"m-sam": {-.9454, -.9413, .0121},
	} {
		r := descend(t, Banana{}, []float64{-1.5, .5}, Settings{Method: method(t, name, 1), LR: .01, Steps: 200})
		wantClose(t, name, append(r.End, r.Loss), want[:], 5e-5)
	}
}

// Figure 2's shares at the maximum: here with fewer samples than in package paper.
func TestFigure2(t *testing.T) {
	const n = 2000
	starts := Uniform(2, n, -1, 1, 1)
	for _, tt := range []struct {
		name       string
		rho, share float64
	}{{"sam", .2, .032}, {"m-sam", .2, .029}, {"sam", 1, .785}, {"m-sam", 1, .365}} {
		runs := descendAll(t, Sinc{}, starts, Settings{Method: method(t, tt.name, tt.rho), LR: .05, Steps: 200})
		ends := Ends(Sinc{}, runs)
		sd := math.Sqrt(tt.share * (1 - tt.share) / n)
		if got := float64(ends["maximum"]) / n; !(math.Abs(got-tt.share) <= 3*sd) {
			t.Errorf("%s, rho %g: share at the maximum %g, want %g within %.3f", tt.name, tt.rho, got, tt.share, 3*sd)
		}
		if ends["other"] != 0 {
			t.Errorf("%s, rho %g: %v", tt.name, tt.rho, ends)
		}
	}
}

// Figure 3's final parameters.
func TestFigure3(t *testing.T) {
	for _, tt := range []struct {
		name          string
		lr, end, loss float64
	}{{"sam", .66, -.5824, .3391}, {"m-sam", .66, -.4380, .1919}, {"sam", .74, -.8537, .7289}, {"m-sam", .74, -.5655, .3198}} {
		r := descend(t, Quadratic{}, []float64{.5}, Settings{Method: method(t, tt.name, .3), LR: tt.lr, Steps: 11})
		wantClose(t, tt.name, append(r.End, r.Loss), []float64{tt.end, tt.loss}, 5e-5)
	}
}

// Figure 5's counts. A jitter of the starts changes none but gradient descent's, whose
// ten lie on the saddle's stable manifold.
func TestFigure5(t *testing.T) {
	for _, tt := range []struct {
		name                  string
		saddle, minus, plus   int
		jittered, jitteredMax int
	}{
		{"none", 10, 5, 5, 0, 0},
		{"sam", 32, 34, 34, 32, 32},
		{"m-sam", 16, 42, 42, 16, 16},
		{"fisher", 16, 42, 42, 16, 16},
		{"asam", 10, 9, 9, 0, 10},
	} {
		s := Settings{Method: method(t, tt.name, 1), LR: .01, Steps: 200}
		got := Ends(Banana{}, descendAll(t, Banana{}, Grid(2, 10, -3, 3), s))
		if got["saddle"] != tt.saddle || got["(-1,-1)"] != tt.minus || got["(1,1)"] != tt.plus {
			t.Errorf("%s: %v, want %d, %d, %d", tt.name, got, tt.saddle, tt.minus, tt.plus)
		}
		starts := Grid(2, 10, -3, 3)
		for i, d := range Uniform(2, len(starts), -1e-3, 1e-3, 7) {
			starts[i][0] += d[0]
			starts[i][1] += d[1]
		}
		s.Steps = 400
		if got := Ends(Banana{}, descendAll(t, Banana{}, starts, s))["saddle"]; got < tt.jittered || got > tt.jitteredMax {
			t.Errorf("%s: %d jittered runs end at the saddle, want %d to %d", tt.name, got, tt.jittered, tt.jitteredMax)
		}
	}
}

// A run that leaves the finite numbers stops at its last finite point, and the others go on.
func TestDivergence(t *testing.T) {
	starts := [][]float64{{-1.5, .5}, {1, 1}, {1e155, 1e155}, {0, 0}}
	for _, m := range Methods() {
		name := m.Name
		runs := descendAll(t, Banana{}, starts, Settings{Method: method(t, name, .3), LR: 10, Momentum: .1, Steps: 200, PathEvery: 1})
		for i, r := range runs {
			if !finite(r.End) {
				t.Errorf("%s from %v ends at %v", name, r.Start, r.End)
			}
			if n := len(r.Path); n == 0 || r.Path[n-1][0] != r.End[0] {
				t.Errorf("%s from %v: the path of %d points does not end at the end", name, r.Start, n)
			}
			if want := i == 0 || i == 2; name != "asam" && name != "sam-sps" && r.Diverged != want && i != 1 {
				t.Errorf("%s from %v: diverged %t, want %t", name, r.Start, r.Diverged, want)
			}
			if r.Diverged && Place(Banana{}, r) != "other" {
				t.Errorf("%s from %v: diverged, counted as %s", name, r.Start, Place(Banana{}, r))
			}
		}
		if !math.IsInf(runs[2].Loss, 1) || runs[2].End[0] != 1e155 {
			t.Errorf("%s from 1e155: end %v, loss %g; want the start and +Inf", name, runs[2].End, runs[2].Loss)
		}
	}
}

// A run that diverged counts as none of the places, even if it last stood at one.
func TestDivergedIsOther(t *testing.T) {
	r := Run{End: []float64{0, .1}}
	for _, loss := range []Loss{Banana{}, Sinc{}} {
		r.Diverged = false
		if got := Place(loss, r); got != Places(loss)[0] {
			t.Errorf("%T: an end at the origin is %q, want %q", loss, got, Places(loss)[0])
		}
		r.Diverged = true
		if got := Place(loss, r); got != "other" {
			t.Errorf("%T: a diverged end is %q", loss, got)
		}
	}
}

func TestEndsOfOneMinimum(t *testing.T) {
	if got := Ends(Quadratic{}, []Run{{End: []float64{0}}}); got != nil {
		t.Errorf("the quadratic's ends are %v; it has one minimum", got)
	}
}

// A stationary start stays, whatever the ball: at a zero gradient the perturbation is zero.
func TestStationaryStart(t *testing.T) {
	for _, m := range Methods() {
		name := m.Name
		for _, start := range [][]float64{{0, 0}, {1, 1}, {-2, -.5}} {
			r := descend(t, Banana{}, start, Settings{Method: method(t, name, 1), LR: .01, Momentum: .1, Steps: 50})
			if r.Diverged || r.End[0] != start[0] || r.End[1] != start[1] {
				t.Errorf("%s moved from %v to %v", name, start, r.End)
			}
		}
	}
}

func TestPath(t *testing.T) {
	s := Settings{Method: method(t, "m-sam", 1), LR: .01, Steps: 10, PathEvery: 4}
	r := descend(t, Banana{}, []float64{-1.5, .5}, s)
	if len(r.Path) != 4 || r.Path[0][0] != -1.5 || r.Path[3][1] != r.End[1] {
		t.Errorf("path %v, end %v; want the points after 0, 4, 8 and 10 steps", r.Path, r.End)
	}
	s.Steps, s.PathEvery = 0, 0
	if r = descend(t, Banana{}, []float64{-1.5, .5}, s); r.Path != nil || r.End[0] != -1.5 {
		t.Errorf("no steps, no path: %+v", r)
	}
}

// The results do not depend on how the runs are spread over goroutines.
func TestDescendAllIsDescend(t *testing.T) {
	s := Settings{Method: method(t, "m-sam", 1), LR: .01, Steps: 50}
	starts := Uniform(2, 100, -3, 3, 3)
	for i, r := range descendAll(t, Banana{}, starts, s) {
		one := descend(t, Banana{}, starts[i], s)
		if r.End[0] != one.End[0] || r.End[1] != one.End[1] || r.Loss != one.Loss {
			t.Fatalf("run %d: %v together, %v alone", i, r.End, one.End)
		}
	}
}

func TestRunErrors(t *testing.T) {
	good := Settings{Method: method(t, "sam", 1), LR: .01, Steps: 10}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := DescendAll(cancelled, Banana{}, Grid(2, 10, -3, 3), good); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for name, f := range map[string]func(*Settings) []float64{
		"wrong dimension": func(*Settings) []float64 { return []float64{1} },
		"NaN start":       func(*Settings) []float64 { return []float64{1, math.NaN()} },
		"NaN lr":          func(s *Settings) []float64 { s.LR = math.NaN(); return []float64{1, 1} },
		"negative rho":    func(s *Settings) []float64 { s.Method.Rho = sam.Constant(-1); return []float64{1, 1} },
	} {
		s := good
		start := f(&s)
		if _, err := Descend(context.Background(), Banana{}, start, s); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	bad := good
	bad.Steps = -1
	if bad.Check(Banana{}) == nil || good.Check(Banana{}) != nil {
		t.Errorf("Check: %v for -1 steps, %v for good settings", bad.Check(Banana{}), good.Check(Banana{}))
	}
}

func TestStarts(t *testing.T) {
	g := Grid(2, 3, -1, 1)
	if len(g) != 9 || g[1][0] != -1 || g[1][1] != 0 || g[8][0] != 1 || g[8][1] != 1 {
		t.Errorf("grid %v", g)
	}
	if g := Grid(1, 10, -.3, .3); len(g) != 10 || g[9][0] != .3 {
		t.Errorf("grid in one dimension %v", g)
	}
	if g := Grid(2, 1, -1, 1); len(g) != 1 || g[0][0] != -1 {
		t.Errorf("grid of one %v", g)
	}
	a, b, c := Uniform(2, 500, 2, 3, 5), Uniform(2, 500, 2, 3, 5), Uniform(2, 500, 2, 3, 6)
	if a[499][1] != b[499][1] || a[0][0] == c[0][0] {
		t.Error("Uniform: the seed does not decide the points")
	}
	for _, p := range a {
		if !(p[0] >= 2 && p[0] < 3 && p[1] >= 2 && p[1] < 3) {
			t.Fatalf("Uniform drew %v from [2, 3)²", p)
		}
	}
}
