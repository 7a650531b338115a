package align

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/internal/par"
)

// number is that of testdata/gen_torch.py, in [-1, 1).
func number(i int) float32 {
	x := uint32(i) * 2654435761
	x ^= x >> 16
	x *= 0x45d9f3b
	x ^= x >> 16
	return float32(x>>8)/(1<<23) - 1
}

func numbers(n, d, salt int) []float32 {
	x := make([]float32, n*d)
	for i := range x {
		x[i] = number(salt + i)
	}
	return x
}

// pairsOf makes a pair of sets; gen_torch.py says what each kind is.
func pairsOf(t testing.TB, kind string, n, da, db int) (a, b *Embeddings) {
	t.Helper()
	x, y := numbers(n, da, 1), numbers(n, db, 1e6)
	for i := range n {
		rx, ry := x[i*da:][:da], y[i*db:][:db]
		switch kind {
		case "related", "close":
			share := map[string]float32{"related": .5, "close": 2}[kind]
			for j := range min(da, db) {
				ry[j] += share * rx[j]
			}
		case "signs":
			for _, row := range [][]float32{rx, ry} {
				for j, v := range row {
					row[j] = 1
					if v < 0 {
						row[j] = -1
					}
				}
			}
			ry[0] = rx[0]
		case "repeated":
			copy(rx, x[i%7*da:])
			copy(ry, y[i%7*db:])
		case "point":
			copy(rx, x[:da])
			copy(ry, y[:db])
		}
	}
	return must(t, x, n, da), must(t, y, n, db)
}

func must(t testing.TB, x []float32, n, d int) *Embeddings {
	t.Helper()
	e, err := NewEmbeddings(x, n, d)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// near compares numbers, with NaN far from all.
func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol }

func TestTorch(t *testing.T) {
	var cases []struct {
		Kind         string
		N, DA, DB, K int
		SKNN         float64
		AToB, BToA   []float64
		Gap, Spread  float64
		Loss         float64
	}
	text, err := os.ReadFile("testdata/torch.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) < 10 {
		t.Fatal(len(cases), err)
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s/%dx%dx%d", c.Kind, c.N, c.DA, c.DB), func(t *testing.T) {
			a, b := pairsOf(t, c.Kind, c.N, c.DA, c.DB)
			// Neighbours and ranks are counts, so what is right is right to the rounding of a sum.
			if s, err := MutualKNN(a, b, c.K); err != nil || !near(s, c.SKNN, 1e-12) {
				t.Errorf("S_kNN %v, %v; PyTorch %v", s, err, c.SKNN)
			}
			ab, ba, err := Retrieval(a, b)
			if c.DA != c.DB {
				if err == nil {
					t.Error("similarities of different dimensions")
				}
				return
			}
			if err != nil || !slices.Equal([]float64{ab.At1, ab.At5, ab.At10}, c.AToB) || !slices.Equal([]float64{ba.At1, ba.At5, ba.At10}, c.BToA) {
				t.Errorf("recall %v and %v, %v; PyTorch %v and %v", ab, ba, err, c.AToB, c.BToA)
			}
			if gap, err := ModalityGap(a, b); err != nil || !near(gap, c.Gap, 1e-7) {
				t.Errorf("gap %v, %v; PyTorch %v", gap, err, c.Gap)
			}
			spread, err := Spread(a, b)
			if err != nil || !near(spread, c.Spread, 1e-7) {
				t.Errorf("spread %v, %v; PyTorch %v", spread, err, c.Spread)
			}
			if got := Collapsed(c.Loss, c.N, spread); got != (c.Kind == "point") {
				t.Errorf("loss %v at %d, spread %v: collapsed is %v", c.Loss, c.N, spread, got)
			}
		})
	}
}

func TestByHand(t *testing.T) {
	// Directions on a circle, in degrees; cosines fall with the angle between.
	circle := func(degrees ...float64) *Embeddings {
		var x []float32
		for i, d := range degrees {
			length := float64(i + 1) // which must not matter
			x = append(x, float32(length*math.Cos(d*math.Pi/180)), float32(length*math.Sin(d*math.Pi/180)))
		}
		return must(t, x, len(degrees), 2)
	}
	axes := must(t, []float32{1, 0, 0, 1, -1, 0, 0, -1}, 4, 2)
	for _, tt := range []struct {
		name string
		a, b *Embeddings
		k    int
		want float64
	}{
		{"the same", circle(0, 10, 30, 70), circle(0, 10, 30, 70), 1, 1},
		{"all are neighbours", circle(0, 10, 30, 70), circle(50, 0, 90, 20), 3, 1},
		// a: 0-1 1-0 2-1 3-2; b: 0-1 1-0 2-3 3-2
		{"three of four", circle(0, 10, 30, 70), circle(0, 10, 80, 95), 1, .75},
		// a: 0-1 1-0 2-3 3-2; b: 0-2 1-3 2-0 3-1
		{"none", circle(0, 10, 80, 95), circle(0, 80, 10, 95), 1, 0},
		// a: 0-12 1-02 2-01 3-12; b: 0-12 1-02 2-13 3-12
		{"by two", circle(0, 10, 30, 70), circle(0, 10, 80, 95), 2, (1 + 1 + .5 + 1) / 4},
		// Neighbours at right angles tie: a: 0-1 (of 1, 3), 1-0 (of 0, 2), 2-1, 3-0.
		{"ties", axes, circle(0, 10, 100, 355), 1, (0 + 1 + 1 + 1) / 4.},
	} {
		if got, err := MutualKNN(tt.a, tt.b, tt.k); err != nil || got != tt.want {
			t.Errorf("%s: %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}

	// The partner of row 2 is the farthest, that of row 1 ties with row 0's.
	a, b := must(t, []float32{1, 0, 1, 1, 0, 1}, 3, 2), must(t, []float32{1, 0, 0, 1, 1, 0}, 3, 2)
	ab, ba, err := Retrieval(a, b)
	if third := 1 / 3.; err != nil || ab != (Recall{third, 1, 1}) || ba != (Recall{third, 1, 1}) {
		t.Error(ab, ba, err)
	}
	// Means (1, 0) and (0, 1); similarities all 0.
	a, b = must(t, []float32{2, 0, 3, 0}, 2, 2), must(t, []float32{0, 1, 0, 5}, 2, 2)
	if gap, err := ModalityGap(a, b); err != nil || gap != math.Sqrt2 {
		t.Error(gap, err)
	}
	if s, err := Spread(a, b); err != nil || s != 0 {
		t.Error(s, err)
	}
	// Similarities 1, -1, -1, 1.
	a = must(t, []float32{1, -1}, 2, 1)
	if s, err := Spread(a, a); err != nil || s != 1 {
		t.Error(s, err)
	}
	one := must(t, []float32{3}, 1, 1)
	if r, _, err := Retrieval(one, one); err != nil || r != (Recall{1, 1, 1}) {
		t.Error(r, err)
	}
}

// Lengths do not matter, not even where their squares leave float32.
func TestNormalized(t *testing.T) {
	x := numbers(9, 5, 3)
	want := must(t, x, 9, 5)
	for _, scale := range []float32{1 << 100, 1. / (1 << 100)} {
		scaled := slices.Clone(x)
		for i := range scaled {
			scaled[i] *= scale
		}
		if got := must(t, scaled, 9, 5); !slices.Equal(got.rows, want.rows) {
			t.Errorf("scaled by %g", scale)
		}
	}
	tiny := must(t, []float32{math.SmallestNonzeroFloat32}, 1, 1)
	if tiny.rows[0] != 1 {
		t.Error(tiny.rows[0])
	}
	if x[0] != number(3) || want.Len() != 9 || want.Dim() != 5 {
		t.Error("the caller's numbers were changed")
	}
}

func TestErrors(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for _, tt := range []struct {
		x    []float32
		n, d int
		want string
	}{
		{nil, 0, 4, "0 numbers are no 0 x 4 embeddings"},
		{nil, 1, 0, "no 1 x 0"},
		{[]float32{1, 2, 3}, 2, 2, "3 numbers are no 2 x 2"},
		{[]float32{1, 2}, -1, -2, "no -1 x -2"},
		{[]float32{1, 2}, math.MaxInt, math.MaxInt, "2 numbers are no"},
		{[]float32{1, 2, 3, nan}, 2, 2, "row 1 (of 0 to 1) has NaN in column 1"},
		{[]float32{inf, 2, 3, 4}, 2, 2, "row 0 (of 0 to 1) has -Inf in column 0"},
		{[]float32{1, 2, 0, 0, 3, 4}, 3, 2, "row 1 (of 0 to 2) is zero"},
	} {
		if e, err := NewEmbeddings(tt.x, tt.n, tt.d); err == nil || e != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v as %d x %d: %v; want %q", tt.x, tt.n, tt.d, err, tt.want)
		}
	}
	one, two, wide := must(t, numbers(1, 4, 0), 1, 4), must(t, numbers(2, 4, 0), 2, 4), must(t, numbers(2, 5, 0), 2, 5)
	knn := func(a, b *Embeddings, k int) error { _, err := MutualKNN(a, b, k); return err }
	for _, tt := range []struct {
		err  error
		want string
	}{
		{knn(one, one, 1), "1 embeddings have 1 to 0 neighbours"},
		{knn(two, two, 2), "k is 2; 2 embeddings have 1 to 1 neighbours"},
		{knn(two, two, 0), "k is 0"},
		{knn(two, two, -8), "k is -8"},
		{knn(one, two, 1), "1 and 2 embeddings are no pairs"},
		{knn(two, wide, 1), ""},
		{func() error { _, _, err := Retrieval(two, wide); return err }(), "4 and 5 numbers have no similarity"},
		{func() error { _, _, err := Retrieval(one, two); return err }(), "are no pairs"},
		{func() error { _, err := Spread(two, wide); return err }(), "4 and 5 numbers have no similarity"},
		{func() error { _, err := ModalityGap(two, wide); return err }(), "4 and 5 numbers lie in no common space"},
		{func() error { _, err := ModalityGap(one, two); return err }(), ""},
	} {
		if got := fmt.Sprint(tt.err); (tt.err != nil) != (tt.want != "") || !strings.Contains(got, tt.want) {
			t.Errorf("%v; want %q", got, tt.want)
		}
	}
}

func TestCollapsed(t *testing.T) {
	ln := math.Log(128)
	for _, tt := range []struct {
		loss, spread float64
		want         bool
	}{
		{4.852, 0, true}, // the paper's
		{4.849, 1e-3, true},
		{ln + .0099, .0099, true},
		{ln - .0099, 0, true},
		{ln + .0101, 0, false},
		{ln - .0101, 0, false},
		{ln, .01, false},
		{.62, 1e-3, false},
		{math.NaN(), 0, false},
		{ln, math.NaN(), false},
	} {
		if got := Collapsed(tt.loss, 128, tt.spread); got != tt.want {
			t.Errorf("loss %v, spread %v: %v", tt.loss, tt.spread, got)
		}
	}
}

// measures is everything there is about a pair of sets.
func measures(t testing.TB, a, b *Embeddings, k int) [9]float64 {
	t.Helper()
	s, err := MutualKNN(a, b, k)
	if err != nil {
		t.Fatal(err)
	}
	ab, ba, err := Retrieval(a, b)
	if err != nil {
		t.Fatal(err)
	}
	gap, err := ModalityGap(a, b)
	if err != nil {
		t.Fatal(err)
	}
	spread, err := Spread(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return [9]float64{s, ab.At1, ab.At5, ab.At10, ba.At1, ba.At5, ba.At10, gap, spread}
}

func TestThreads(t *testing.T) {
	defer par.SetThreads(par.Threads())
	a, b := pairsOf(t, "related", 3*block+5, 33, 33)
	par.SetThreads(1)
	want := measures(t, a, b, 8)
	for _, threads := range []int{2, 3, 7} {
		par.SetThreads(threads)
		if got := measures(t, a, b, 8); got != want {
			t.Errorf("%d threads: %v, one %v", threads, got, want)
		}
	}
}

// A similarity's bits follow from its two rows alone, wherever they lie.
func TestSimilarityBits(t *testing.T) {
	const n = 30
	for _, d := range []int{1, 7, 513, 2100} {
		x := numbers(n, d, 5)
		alone := must(t, x, n, d)
		want := make([]float32, block*block)
		alone.tile(want, 0, alone, 0)
		for _, shift := range []int{1, 17, block - 11, block} {
			shifted := must(t, append(numbers(shift, d, 77), x...), shift+n, d)
			sims := make([]float32, block*block)
			for i := range shifted.blocks() {
				for j := range alone.blocks() {
					shifted.tile(sims, i, alone, j)
					for r := range shifted.rowsOf(i) {
						row := i*block + r - shift
						if row < 0 {
							continue
						}
						for c := range n {
							if got := sims[r*block+c]; got != want[row*block+c] || got != want[c*block+row] {
								t.Fatalf("d %d, shift %d: row %d and %d have %v, alone %v and %v", d, shift, row, c, got, want[row*block+c], want[c*block+row])
							}
						}
					}
				}
			}
		}
	}
}

func BenchmarkMeasures(b *testing.B) {
	x, y := pairsOf(b, "related", 5000, 512, 512)
	b.Logf("level %v, %d threads", kernel.Active(), par.Threads())
	for b.Loop() {
		measures(b, x, y, DefaultK)
	}
}

// Embeddings that are all alike have the loss ln(batch); orthogonal pairs that of a
// perfect match; pairs that fill no minibatch are left out.
func TestContrastiveLoss(t *testing.T) {
	same, eye := make([]float32, 6*3), make([]float32, 6*3)
	for i := range 6 {
		same[3*i], eye[3*i+i%3] = 1, 1
	}
	for _, c := range []struct {
		x     []float32
		n     int
		scale float64
		batch int
		want  float64
	}{
		{same, 6, 10, 6, math.Log(6)}, {same, 6, 10, 3, math.Log(3)}, {same, 6, 10, 100, math.Log(6)}, {same, 5, 10, 4, math.Log(4)},
		{eye, 6, 2, 3, math.Log(math.Exp(2)+2) - 2}, {eye, 6, 2, 6, math.Log(2*math.Exp(2)+4) - 2}, {eye, 5, 2, 3, math.Log(math.Exp(2)+2) - 2},
	} {
		e, err := NewEmbeddings(c.x[:3*c.n], c.n, 3)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ContrastiveLoss(e, e, c.scale, c.batch); err != nil || !(math.Abs(got-c.want) < 1e-12) {
			t.Errorf("%d pairs, batch %d: %g, %v; want %g", c.n, c.batch, got, err, c.want)
		}
		if _, err := ContrastiveLoss(e, e, 1, 0); err == nil {
			t.Error("minibatches of 0 pairs are no error")
		}
	}
}
