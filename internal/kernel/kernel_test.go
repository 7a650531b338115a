package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/monge-ml/monge/internal/par"
)

func TestMain(m *testing.M) {
	fmt.Printf("kernel: best level %v, active %v, threads %d\n", Best(), Active(), par.Threads())
	if err := EnvError(); err != nil {
		fmt.Println(err)
	}
	os.Exit(m.Run())
}

// eachLevel runs f once for each level, as a subtest.
func eachLevel(t *testing.T, f func(t *testing.T)) {
	for l := range numLevels {
		t.Run(l.String(), func(t *testing.T) {
			useLevel(t, l)
			f(t)
		})
	}
}

func useLevel(t testing.TB, l Level) {
	old := Active()
	if err := SetLevel(l); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { SetLevel(old) })
}

func useThreads(t testing.TB, n int) {
	old := par.Threads()
	par.SetThreads(n)
	t.Cleanup(func() { par.SetThreads(old) })
}

// useApart has goroutines prepare for themselves what they read, or share it.
func useApart(t testing.TB, far bool) {
	old := apart
	apart = func() bool { return far }
	t.Cleanup(func() { apart = old })
}

const canary = 0x7fc0dead // a NaN, so that reading it shows, too

// A memory hands out slices that end, or start, where memory ends, with
// canaries on the other side.
type memory struct {
	t     testing.TB
	atEnd bool
	all   [][]float32
	used  [][2]int
	unmap []func()
}

func newMemory(t testing.TB, atEnd bool) *memory { return &memory{t: t, atEnd: atEnd} }

func (m *memory) slice(n int) []float32 {
	all, unmap := guardPages(n)
	for i := range all {
		all[i] = math.Float32frombits(canary)
	}
	lo := 0
	if m.atEnd {
		lo = len(all) - n
	}
	m.all = append(m.all, all)
	m.used = append(m.used, [2]int{lo, lo + n})
	m.unmap = append(m.unmap, unmap)
	return all[lo : lo+n : lo+n]
}

func (m *memory) copyOf(x []float32) []float32 {
	s := m.slice(len(x))
	copy(s, x)
	return s
}

// free checks the canaries and unmaps.
func (m *memory) free() {
	m.t.Helper()
	for b, all := range m.all {
		for i, v := range all {
			if (i < m.used[b][0] || i >= m.used[b][1]) && math.Float32bits(v) != canary {
				m.t.Errorf("buffer %d: element %d written, length %d", b, i-m.used[b][0], m.used[b][1]-m.used[b][0])
				break
			}
		}
	}
	for _, unmap := range m.unmap {
		unmap()
	}
}

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// special sprinkles zeros of both signs, infinities, NaNs and denormals.
func special(r *rand.Rand, x []float32) {
	values := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)),
		float32(math.NaN()), 1e-42, -1e-42, math.MaxFloat32}
	for i := range x {
		if r.IntN(4) == 0 {
			x[i] = values[r.IntN(len(values))]
		}
	}
}

// same reports equal bits, all NaNs being equal.
func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func firstDifference(a, b []float32) int {
	for i := range a {
		if !same(a[i], b[i]) {
			return i
		}
	}
	return -1
}

func TestLevelFromEnv(t *testing.T) {
	for _, c := range []struct {
		value string
		want  Level
		bad   bool
	}{
		{"", Best(), false},
		{"portable", Portable, false},
		{"sse9", Best(), true},
		{"AVX2", Best(), true},
	} {
		got, err := levelFromEnv(c.value)
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%q: %v, %v", c.value, got, err)
		}
	}
	if Best() < AVX512 {
		if _, err := levelFromEnv("avx512"); err == nil {
			t.Error("avx512 accepted")
		}
	}
}

func TestSetLevelRefusesUnknown(t *testing.T) {
	for _, l := range []Level{-1, numLevels, Best() + 1} {
		if SetLevel(l) == nil {
			t.Errorf("level %d accepted", l)
		}
	}
}
