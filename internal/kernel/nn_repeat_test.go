package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Sums and products with what repeats, whichever side it is on, against the walk element by
// element, and all levels against the portable one.
func TestRepeat(t *testing.T) {
	for _, d := range [][3]int{{1, 1, 1}, {2, 3, 5}, {3, 4, 16}, {2, 9, 8}, {2, 5, 72}, {3, 2, 100}, {2, 3, 300}, {2, 3, 320}, {1, 7, 264}, {40, 50, 33}, {5, 1, 24}} {
		n := d[0] * d[1] * d[2]
		full := [MaxDims]int{d[1] * d[2], d[2], 1}
		for name, small := range map[string][MaxDims]int{"image": {d[2], 0, 1}, "rows": {0, 0, 1}, "columns": {d[1], 1, 0}, "all": full, "one": {}} {
			for _, swapped := range []bool{false, true} {
				s := Strides{Rank: 3, Dims: [MaxDims]int{d[0], d[1], d[2]}, Dst: full, A: full, B: small}
				if swapped {
					s.A, s.B = s.B, s.A
				}
				for _, add := range []bool{false, true} {
					for op, run := range map[string]func(s *Strides, dst, a, b []float32, add bool){"mul": MulStrided, "add": AddStrided} {
						c := nnCase{"", 3, 1, func(v [][]float32, _ int) { run(&s, v[0], v[1], v[2], add) },
							func(int) []int { return []int{n, s.last(&s.A) + 1, s.last(&s.B) + 1} }}
						t.Run(fmt.Sprintf("%s/%v/%s/%v/%v", op, d, name, swapped, add), func(t *testing.T) {
							eachLevel(t, func(t *testing.T) {
								compareNN(t, c, n, false)
								compareNN(t, c, n, true)
							})
							repeatNaive(t, &s, op, run, n, add)
						})
					}
				}
			}
		}
	}
}

func repeatNaive(t *testing.T, s *Strides, op string, run func(s *Strides, dst, a, b []float32, add bool), n int, add bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 3))
	a, b, old := random(r, s.last(&s.A)+1), random(r, s.last(&s.B)+1), random(r, n)
	got := append([]float32(nil), old...)
	run(s, got, a, b, add)
	for i := range got {
		at := [3]int{i / s.Dims[2] / s.Dims[1], i / s.Dims[2] % s.Dims[1], i % s.Dims[2]}
		x := a[at[0]*s.A[0]+at[1]*s.A[1]+at[2]*s.A[2]]
		y := b[at[0]*s.B[0]+at[1]*s.B[1]+at[2]*s.B[2]]
		want := x + y
		if op == "mul" {
			want = x * y
		}
		if add {
			want += old[i]
		}
		if math.Abs(float64(got[i]-want)) > 1e-5 {
			t.Fatalf("element %d is %v, want %v", i, got[i], want)
		}
	}
}

func TestSumProducts(t *testing.T) {
	for _, d := range [][3]int{{1, 1, 1}, {3, 4, 1}, {2, 9, 16}, {1, 50, 72}, {3, 49, 37}, {2, 1, 40}, {1, 3000, 24}} {
		outer, middle, inner := d[0], d[1], d[2]
		for _, add := range []bool{false, true} {
			c := nnCase{"", 3, 1, func(v [][]float32, _ int) { SumProducts(v[0], v[1], v[2], outer, middle, inner, add) },
				func(int) []int { return []int{outer * inner, outer * middle * inner, outer * middle * inner} }}
			t.Run(fmt.Sprintf("%v/%v", d, add), func(t *testing.T) {
				eachLevel(t, func(t *testing.T) { compareNN(t, c, 0, true) })
				r := rand.New(rand.NewPCG(4, 4))
				a, b, old := random(r, outer*middle*inner), random(r, outer*middle*inner), random(r, outer*inner)
				got := append([]float32(nil), old...)
				SumProducts(got, a, b, outer, middle, inner, add)
				for i, v := range got {
					want := 0.
					if add {
						want = float64(old[i])
					}
					for m := range middle {
						at := (i/inner*middle+m)*inner + i%inner
						want += float64(a[at]) * float64(b[at])
					}
					if math.Abs(float64(v)-want) > 1e-5*(1+math.Abs(want)) {
						t.Fatalf("element %d is %v, want %v", i, v, want)
					}
				}
			})
		}
	}
}

func TestRepeatDoesNotAllocate(t *testing.T) {
	useThreads(t, 2)
	const n, hw, c = 4, 60, 200
	x, y, s := make([]float32, n*hw*c), make([]float32, n*hw*c), make([]float32, n*c)
	walk := Strides{Rank: 3, Dims: [MaxDims]int{n, hw, c}, Dst: [MaxDims]int{hw * c, c, 1}, A: [MaxDims]int{hw * c, c, 1}, B: [MaxDims]int{c, 0, 1}}
	eachLevel(t, func(t *testing.T) {
		for i, f := range []func(){
			func() { MulStrided(&walk, y, x, s, true) },
			func() { SumProducts(s, x, y, n, hw, c, false) },
			func() { SumProducts(s[:c], x, y, 1, n*hw, c, true) },
			func() { AddBias(y, n*hw, c, s[:c]) },
			func() { Bent(HardSwish, y, x, 0, 0) },
			func() { BentGrad(Clamp, y, x, x, 0, 6, true) },
		} {
			for range 5 {
				f()
			}
			if a := testing.AllocsPerRun(10, f); a != 0 {
				t.Errorf("%d: %v allocations", i, a)
			}
		}
	})
}
