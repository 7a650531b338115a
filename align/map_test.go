package align

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/monge-ml/monge/internal/par"
)

// clusters makes the points of testdata/gen_sklearn.py: n rows of d around as many centres
// as there are classes.
func clusters(n, d, classes int) []float64 {
	x := make([]float64, n*d)
	for i := range n {
		for j := range d {
			x[i*d+j] = float64(number(1+i*d+j))/2 + 2*float64(number(1e6+i%classes*d+j))
		}
	}
	return x
}

// sklearnCase is a case of testdata/sklearn.json; each list has a part of the fields.
type sklearnCase struct {
	N, D, Classes, K int
	Perplexity       float64
	P                []float64
	Gradient, Early  []float64 // x and y of a point, then of the next
	KL               json.RawMessage
	Shares, Left     []float64
}

func (c *sklearnCase) points() []float64 { return clusters(c.N, c.D, c.Classes) }

func (c *sklearnCase) kl(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(c.KL, v); err != nil {
		t.Fatal(err)
	}
}

func sklearn(t *testing.T, list string) []sklearnCase {
	t.Helper()
	b, err := os.ReadFile("testdata/sklearn.json")
	if err != nil {
		t.Fatal(err)
	}
	var lists map[string][]sklearnCase
	if err := json.Unmarshal(b, &lists); err != nil {
		t.Fatal(err)
	}
	if len(lists[list]) == 0 {
		t.Fatalf("no %s in testdata/sklearn.json", list)
	}
	return lists[list]
}

func TestRemoveComponentsSklearn(t *testing.T) {
	for _, c := range sklearn(t, "left") {
		x := c.points()
		shares, err := RemoveComponents(x, c.N, c.D, c.K)
		if err != nil || len(shares) != c.K {
			t.Fatal(shares, err)
		}
		for i, want := range c.Shares {
			if !near(shares[i], want, 1e-9) {
				t.Errorf("%d x %d, component %d has a share of %v, want %v", c.N, c.D, i, shares[i], want)
			}
		}
		for i, want := range c.Left {
			if !near(x[i], want, 1e-8) {
				t.Fatalf("%d x %d without %d: number %d is %v, want %v", c.N, c.D, c.K, i, x[i], want)
			}
		}
	}
}

func TestRemoveComponentsErrors(t *testing.T) {
	same := slices.Repeat([]float64{1, 2, 3}, 4)
	for _, tt := range []struct {
		x       []float64
		n, d, k int
		want    string
	}{
		{same, 4, 4, 1, "12 numbers are no 4 rows of 4"},
		{same, 0, 3, 1, "no 0 rows"},
		{same, 4, 3, 3, "3 components can't be removed; 4 rows of 3 numbers have 3, of which one must stay: remove 0 to 2"},
		{same, 4, 3, -1, "remove 0 to 2"},
		{same[:3], 1, 3, 0, "have 0"},
		{same, 4, 3, 1, "all 4 rows are the same"},
	} {
		if _, err := RemoveComponents(tt.x, tt.n, tt.d, tt.k); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%d x %d without %d: %v, want %q", tt.n, tt.d, tt.k, err, tt.want)
		}
	}
}

// planeAt is a plane of n points with given probabilities, at the layout of gen_sklearn.py.
func planeAt(p []float64, n int) *plane {
	m := newPlane(p, n)
	for i := range n {
		m.x.at[i], m.y.at[i] = 3*float64(number(2e6+2*i)), 3*float64(number(2e6+2*i+1))
	}
	return m
}

func TestTSNESklearn(t *testing.T) {
	for _, c := range sklearn(t, "planes") {
		p := neighbourhoods(c.points(), c.N, c.D, c.Perplexity)
		theirs := make([]float64, c.N*c.N)
		at := 0
		for i := range c.N {
			for j := i + 1; j < c.N; j++ {
				want := c.P[at]
				theirs[i*c.N+j], theirs[j*c.N+i] = want, want
				// They look for the entropy in float32.
				if !near(p[i*c.N+j], want, 1e-4*want+1e-9) || p[i*c.N+j] != p[j*c.N+i] {
					t.Fatalf("p of %d and %d is %v, want %v", i, j, p[i*c.N+j], want)
				}
				at++
			}
		}
		m := planeAt(theirs, c.N)
		var kl float64
		c.kl(t, &kl)
		if got := m.divergence(); !near(got, kl, 1e-8) {
			t.Errorf("divergence %v, want %v", got, kl)
		}
		for done, want := range map[int][]float64{0: c.Early, 249: c.Early, 250: c.Gradient, 999: c.Gradient} {
			m := planeAt(theirs, c.N)
			m.step(done)
			for i := range c.N {
				if !near(m.x.gradient[i], want[2*i], 1e-8) || !near(m.y.gradient[i], want[2*i+1], 1e-8) {
					t.Fatalf("after %d iterations, the gradient at point %d is %v, %v; want %v", done, i, m.x.gradient[i], m.y.gradient[i], want[2*i:][:2])
				}
			}
		}
	}
}

// Layouts differ by the start, but are as good as scikit-learn's in the mean.
func TestTSNEReachesSklearn(t *testing.T) {
	for _, c := range sklearn(t, "reached") {
		var theirs []float64
		c.kl(t, &theirs)
		ours := make([]float64, len(theirs))
		for seed := range ours {
			var err error
			if _, ours[seed], err = (TSNE{Perplexity: c.Perplexity, Seed: uint64(seed)}).Layout(context.Background(), c.points(), c.N, c.D); err != nil {
				t.Fatal(err)
			}
		}
		if ratio := stat.Mean(ours, nil) / stat.Mean(theirs, nil); !(ratio > .85 && ratio < 1.15) {
			t.Errorf("%d points reach divergences %v; scikit-learn reaches %v", c.N, ours, theirs)
		} else {
			t.Logf("%d points: the mean divergence is %.3f of scikit-learn's", c.N, ratio)
		}
	}
}

func TestTSNEGradient(t *testing.T) {
	const n, step = 20, 1e-5
	p := neighbourhoods(clusters(n, 4, 3), n, 4, 5)
	m := planeAt(p, n)
	m.slope(1)
	for i := range n {
		for name, c := range map[string]*coordinate{"x": &m.x, "y": &m.y} {
			at, got := c.at[i], c.gradient[i]
			c.at[i] = at + step
			above := m.divergence()
			c.at[i] = at - step
			below := m.divergence()
			c.at[i] = at
			if want := (above - below) / (2 * step); !near(got, want, 1e-8) {
				t.Errorf("gradient by %s of point %d is %v, by differences %v", name, i, got, want)
			}
		}
	}
}

func TestPerplexity(t *testing.T) {
	const n, d, perplexity = 50, 6, 12.5
	c := &conditionals{clusters(n, d, 4), n, d, math.Log(perplexity), make([]float64, n*n)}
	par.Run(pieces(n), c)
	for i := range n {
		entropy := 0.
		for j, p := range c.p[i*n:][:n] {
			if p > 0 {
				entropy -= p * math.Log(p)
			}
			if j == i && p != 0 {
				t.Errorf("p of point %d with itself is %v", i, p)
			}
		}
		if got := math.Exp(entropy); !near(got, perplexity, 1e-3) {
			t.Errorf("point %d has perplexity %v", i, got)
		}
	}
}

// Points that coincide have no width that gives a perplexity below their number.
func TestCoincidingPoints(t *testing.T) {
	const n = 30
	x := make([]float64, n)
	for i := range n {
		x[i] = float64(i % 2)
	}
	p := neighbourhoods(x, n, 1, 5)
	for i := range n {
		for j := range n {
			want := 0.
			if i != j && i%2 == j%2 {
				want = 1. / n / (n/2 - 1)
			}
			if !near(p[i*n+j], want, 1e-12) {
				t.Fatalf("p of %d and %d is %v, want %v", i, j, p[i*n+j], want)
			}
		}
	}
	at, kl, err := TSNE{Perplexity: 5}.Layout(context.Background(), x, n, 1)
	if err != nil || !near(kl, 0, 1) || math.IsNaN(at[0][0]) {
		t.Error(at[0], kl, err)
	}
}

// mapOf is a map of pairs with four classes, images and texts apart by a shift.
func mapOf(t *testing.T, n int, x TSNE) *Map {
	t.Helper()
	const d = 16
	images, texts := clusters(n, d, 4), clusters(n, d, 4)
	for i := range texts {
		texts[i] += .3 * float64(number(3e6+i))
	}
	for i := range n {
		images[i*d], texts[i*d] = 5, -5 // the modality
	}
	single := func(x []float64) []float32 {
		s := make([]float32, len(x))
		for i, v := range x {
			s[i] = float32(v)
		}
		return s
	}
	m, err := NewMap(context.Background(), must(t, single(images), n, d), must(t, single(texts), n, d), 1, x)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// With the modality removed, an image lies nearer to texts of its class than to anything
// else.
func TestMapKeepsClassesApart(t *testing.T) {
	const n = 60
	m := mapOf(t, n, TSNE{Perplexity: 10})
	nearest := func(from [2]float64, to [][2]float64, of func(i int) bool) float64 {
		least := math.Inf(1)
		for i, p := range to {
			if of(i % 4) {
				least = min(least, math.Hypot(p[0]-from[0], p[1]-from[1]))
			}
		}
		return least
	}
	for i, p := range m.Images {
		own := nearest(p, m.Texts, func(class int) bool { return class == i%4 })
		other := nearest(p, append(slices.Clone(m.Images), m.Texts...), func(class int) bool { return class != i%4 })
		if !(own < other) {
			t.Errorf("image %d lies %v from a text of its class, %v from another class", i, own, other)
		}
	}
	if len(m.Removed) != 1 || !(m.Removed[0] > .3 && m.Removed[0] < 1) {
		t.Errorf("removed %v", m.Removed)
	}
}

// Images come first, then texts.
func TestMapIsLayout(t *testing.T) {
	const n, d = 9, 5
	a, b := must(t, numbers(n, d, 1), n, d), must(t, numbers(n, d, 1e6), n, d)
	m, err := NewMap(context.Background(), a, b, 0, TSNE{Perplexity: 4})
	if err != nil || len(m.Removed) != 0 {
		t.Fatal(m, err)
	}
	var x []float64
	for _, v := range slices.Concat(a.rows[:n*d], b.rows[:n*d]) {
		x = append(x, float64(v))
	}
	at, kl, err := TSNE{Perplexity: 4}.Layout(context.Background(), x, 2*n, d)
	if err != nil || kl != m.KL || !slices.Equal(at, append(slices.Clone(m.Images), m.Texts...)) {
		t.Errorf("%v, %v, want %v", m, err, at)
	}
}

// The plane of the two first components is what a layout must be better than.
func TestTSNEBeatsPCA(t *testing.T) {
	const n, d = 90, 12
	x := clusters(n, d, 9)
	_, kl, err := TSNE{Perplexity: 10}.Layout(context.Background(), x, n, d)
	if err != nil {
		t.Fatal(err)
	}
	flat := slices.Clone(x)
	if _, err := RemoveComponents(flat, n, d, 2); err != nil {
		t.Fatal(err)
	}
	// What two components hold has their distances; any basis of their plane will do.
	in := make([]float64, n*d)
	for i := range x {
		in[i] = x[i] - flat[i]
	}
	best := math.Inf(1)
	for _, scale := range []float64{.5, 1, 2, 5, 10, 20, 50} {
		m := newPlane(neighbourhoods(x, n, d, 10), n)
		placeInPlane(m, in, d, scale)
		best = min(best, m.divergence())
	}
	if !(kl < .8*best) {
		t.Errorf("divergence %v, the principal plane's %v", kl, best)
	}
}

// placeInPlane gives points whose differences span a plane their coordinates in it.
func placeInPlane(m *plane, x []float64, d int, scale float64) {
	dot := func(a, b []float64) (s float64) {
		for i := range a {
			s += a[i] * b[i]
		}
		return s
	}
	less := func(i, j int) []float64 {
		v := slices.Clone(x[i*d:][:d])
		for c := range v {
			v[c] -= x[j*d+c]
		}
		return v
	}
	u := less(1, 0)
	v := less(2, 0)
	along := dot(u, v) / dot(u, u)
	for c := range v {
		v[c] -= along * u[c]
	}
	for i := range m.n {
		w := less(i, 0)
		m.x.at[i] = scale * dot(w, u) / math.Sqrt(dot(u, u))
		m.y.at[i] = scale * dot(w, v) / math.Sqrt(dot(v, v))
	}
}

func TestMapIsDeterministic(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer par.SetThreads(par.Threads())
	par.SetThreads(1)
	want := mapOf(t, 40, TSNE{Perplexity: 8, Seed: 5})
	runtime.GOMAXPROCS(3)
	par.SetThreads(3)
	got := mapOf(t, 40, TSNE{Perplexity: 8, Seed: 5})
	if !slices.Equal(got.Images, want.Images) || !slices.Equal(got.Texts, want.Texts) || got.KL != want.KL || !slices.Equal(got.Removed, want.Removed) {
		t.Error("one thread and three differ")
	}
	if other := mapOf(t, 40, TSNE{Perplexity: 8, Seed: 6}); slices.Equal(other.Images, want.Images) {
		t.Error("two seeds give one layout")
	}
}

func TestMapErrors(t *testing.T) {
	x := numbers(20, 6, 1)
	good := must(t, x, 20, 6)
	point := must(t, slices.Repeat([]float32{.1, .2, .3, .4, .5, .6}, 20), 20, 6)
	other := must(t, slices.Repeat([]float32{1, 0, 0, 1, 0, 0}, 20), 20, 6)
	for _, tt := range []struct {
		a, b       *Embeddings
		remove     int
		perplexity float64
		want       string
	}{
		{good, must(t, x[:60], 10, 6), 1, 5, "20 and 10 embeddings are no pairs"},
		{good, must(t, x, 20, 6), 1, 30, "perplexity is 30; 40 points have a perplexity above 1 and up to 13"},
		{good, good, 1, 1, "perplexity is 1;"},
		{good, good, 1, math.NaN(), "perplexity is NaN;"},
		{must(t, x[:12], 2, 6), must(t, x[:12], 2, 6), 1, 1.5, "4 points are too few"},
		{good, must(t, x, 24, 5), 1, 5, "no pairs"},
		{good, good, 6, 5, "remove 0 to 5"},
		{point, other, 1, 5, "nothing is left"},
		{point, point, 0, 5, "nothing is left"},
		{must(t, slices.Repeat(x[:2], 5001), 5001, 2), must(t, slices.Repeat(x[:2], 5001), 5001, 2), 1, 5, "5001 pairs are over the limit of 5000"},
	} {
		if _, err := NewMap(context.Background(), tt.a, tt.b, tt.remove, TSNE{Perplexity: tt.perplexity}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
	nan := clusters(10, 2, 2)
	nan[7] = math.Inf(1)
	if _, _, err := (TSNE{Perplexity: 3}).Layout(context.Background(), nan, 10, 2); err == nil || !strings.Contains(err.Error(), "point 3 (of 0 to 9) has +Inf in column 1") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stop := TSNE{Perplexity: 5, Progress: func(done int) {
		if done == 3 {
			cancel()
		} else if done > 3 {
			t.Errorf("iteration %d after the end", done)
		}
	}}
	if _, err := NewMap(ctx, good, good, 1, stop); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := good.Pick([]int{3, 20}); err == nil || !strings.Contains(err.Error(), "no row 20; there are 0 to 19") {
		t.Error(err)
	}
	if e, err := good.Pick([]int{7, 3}); err != nil || !slices.Equal(e.rows[:6], good.rows[42:48]) || !slices.Equal(e.rows[6:12], good.rows[18:24]) {
		t.Error(e, err)
	}
}

func BenchmarkMap(b *testing.B) {
	const n, d = 1000, 512
	images, texts := must(b, numbers(n, d, 1), n, d), must(b, numbers(n, d, 1e6), n, d)
	for b.Loop() {
		if _, err := NewMap(context.Background(), images, texts, 1, TSNE{Perplexity: DefaultPerplexity}); err != nil {
			b.Fatal(err)
		}
	}
}
