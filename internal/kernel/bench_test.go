package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/monge-ml/monge/internal/par"
)

// eachLevelB is eachLevel for benchmarks.
func eachLevelB(b *testing.B, f func(b *testing.B)) {
	for l := range numLevels {
		b.Run(l.String(), func(b *testing.B) {
			useLevel(b, l)
			f(b)
		})
	}
}

// A peakTask is PeakFMA on all threads.
type peakTask struct{ iterations, flops int }

func (t *peakTask) Do(_, i int) {
	if n := PeakFMA(t.iterations); i == 0 {
		t.flops = n
	}
}

// peakRate measures the FMA peak of all threads, in operations per second.
func peakRate() float64 {
	t := &peakTask{iterations: 100000}
	start := time.Now()
	par.Run(par.Threads(), t)
	return float64(t.flops*par.Threads()) / time.Since(start).Seconds()
}

// gemmBench runs f between measurements of the peak, so that both see the same
// machine, and reports the median rate and its median ratio to the peak.
func gemmBench(b *testing.B, flops int, f func()) {
	f()
	var rates, ratios []float64
	for b.Loop() {
		b.StopTimer()
		peak := peakRate()
		reps := max(1, int(1e-3*peak/float64(flops)))
		b.StartTimer()
		start := time.Now()
		for range reps {
			f()
		}
		rate := float64(flops*reps) / time.Since(start).Seconds()
		rates = append(rates, rate)
		ratios = append(ratios, rate/max(peak, 1))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(rates)/1e9, "GFLOP/s")
	b.ReportMetric(100*median(ratios), "%peak")
}

func median(x []float64) float64 {
	y := append([]float64(nil), x...)
	for i := range y {
		for j := i; j > 0 && y[j] < y[j-1]; j-- {
			y[j], y[j-1] = y[j-1], y[j]
		}
	}
	return y[len(y)/2]
}

type benchShape struct {
	transA, transB bool
	m, n, k        int
}

func (s benchShape) String() string {
	letter := map[bool]string{false: "N", true: "T"}
	return fmt.Sprintf("%s%s/%dx%dx%d", letter[s.transA], letter[s.transB], s.m, s.n, s.k)
}

var benchShapes = []benchShape{
	{false, false, 1024, 1024, 1024},
	{false, false, 256, 256, 256},
	{false, false, 2048, 2048, 2048},
	{false, true, 1024, 1024, 1024},
	{true, false, 1024, 1024, 1024},
	// A network 784-512-512-10 at batch 128: forward, input gradient, weight gradient.
	{false, true, 128, 512, 784},
	{false, true, 128, 512, 512},
	{false, true, 128, 10, 512},
	{false, false, 128, 512, 512},
	{false, false, 128, 512, 10},
	{true, false, 512, 784, 128},
	{true, false, 512, 512, 128},
	{true, false, 10, 512, 128},
	{false, true, 64, 128, 64},
	{false, false, 64, 128, 64},
	{false, true, 64, 10, 128},
	// Weight and input gradients of a convolution.
	{true, false, 64, 64, 65536},
	{true, false, 64, 576, 32768},
	{false, true, 64, 64, 65536},
	{false, false, 32768, 64, 576},
}

func BenchmarkGemm(b *testing.B) {
	r := rand.New(rand.NewPCG(8, 8))
	eachLevelB(b, func(b *testing.B) {
		for _, s := range benchShapes {
			b.Run(s.String(), func(b *testing.B) {
				x, y := newOperand(r, s.transA, s.m, s.k, 0), newOperand(r, s.transB, s.k, s.n, 0)
				c := make([]float32, s.m*s.n)
				gemmBench(b, 2*s.m*s.n*s.k, func() {
					Gemm(s.transA, s.transB, s.m, s.n, s.k, x.data, x.ld, y.data, y.ld, c, s.n, false)
				})
			})
		}
	})
}

// The multiplications of Winograd's F(4x4, 3x3).
func BenchmarkGemmBatch(b *testing.B) {
	const batch, m, n, k = 36, 2048, 64, 64
	r := rand.New(rand.NewPCG(9, 9))
	x, y, c := random(r, batch*m*k), random(r, batch*k*n), make([]float32, batch*m*n)
	eachLevelB(b, func(b *testing.B) {
		b.Run("direct", func(b *testing.B) {
			gemmBench(b, 2*batch*m*n*k, func() {
				GemmBatch(batch, false, false, m, n, k, x, k, m*k, y, n, n*k, c, n, m*n, false)
			})
		})
		b.Run("packed", func(b *testing.B) {
			var p Packed
			p.Pack(batch, false, k, n, y, n, n*k)
			gemmBench(b, 2*batch*m*n*k, func() {
				GemmBatchPacked(false, m, x, k, m*k, &p, c, n, m*n, false)
			})
		})
	})
}

func BenchmarkPack(b *testing.B) {
	const n = 1024
	r := rand.New(rand.NewPCG(10, 10))
	x := random(r, n*n)
	var p Packed
	eachLevelB(b, func(b *testing.B) {
		for _, trans := range []bool{false, true} {
			b.Run(fmt.Sprintf("trans=%v", trans), func(b *testing.B) {
				b.SetBytes(8 * n * n)
				for b.Loop() {
					p.Pack(1, trans, n, n, x, n, 0)
				}
			})
		}
	})
}

// Vector kernels, and beside them a copy that moves as many bytes.
func BenchmarkVec(b *testing.B) {
	for _, n := range []int{4096, 1 << 20, 1 << 23} {
		x, y, z, w := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range x {
			x[i], y[i] = float32(i%7), float32(i%5)
		}
		p := AdamParams{LR: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, BC1: 0.1, BC2Sqrt: 0.03}
		sink := 0.0
		for _, c := range []struct {
			name   string
			values int // float32 values moved for each element
			f      func()
		}{
			{"SumSq", 1, func() { sink += SumSq(x) }},
			{"Dot", 2, func() { sink += Dot(x, y) }},
			{"Scale", 2, func() { Scale(z, 2, x) }},
			{"AddScaled", 3, func() { AddScaled(z, x, 2, y) }},
			{"Relu", 2, func() { Relu(z, x) }},
			{"ReluBackward", 3, func() { ReluBackward(z, x, y) }},
			{"BiasRelu", 2, func() { BiasRelu(z, n/512, 512, x[:512]) }},
			{"SumRows", 1, func() { SumRows(z[:512], x, n/512, 512) }},
			{"SGD", 5, func() { SGD(z, x, w, 1e-3, 0.9, 0, 1e-4, false, false) }},
			{"Adam", 7, func() { Adam(z, x, w, y, p) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				eachLevelB(b, func(b *testing.B) { vecBench(b, 4*n*c.values, c.f) })
			})
		}
	}
}

func vecBench(b *testing.B, bytes int, f func()) {
	from, to := make([]float32, bytes/8), make([]float32, bytes/8)
	f()
	var rates, ratios []float64
	reps := max(1, 1<<20/bytes)
	for b.Loop() {
		start := time.Now()
		for range reps {
			f()
		}
		mid := time.Now()
		for range reps {
			parallelCopy(to, from)
		}
		copied := time.Since(mid)
		rates = append(rates, float64(bytes*reps)/mid.Sub(start).Seconds())
		ratios = append(ratios, copied.Seconds()/mid.Sub(start).Seconds())
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(rates)/1e9, "GB/s")
	b.ReportMetric(median(ratios), "x-copy")
}

func parallelCopy(to, from []float32) {
	if len(to) < long {
		copy(to, from)
		return
	}
	j := newVecJob(func(j *vecJob, _, lo, hi int) { copy(j.dst[lo:hi], j.x[lo:hi]) }, len(to), chunk)
	j.dst, j.x = to, from
	j.run()
}
