package kernel

import (
	"fmt"
	"unsafe"

	"github.com/monge-ml/monge/internal/par"
)

func sameLen(name string, n int, others ...int) {
	for _, m := range others {
		if m != n {
			panic(fmt.Sprintf("kernel: %s: slices of %d and %d elements", name, n, m))
		}
	}
}

// Dot returns the sum of x[i]*y[i], accumulated in float64.
func Dot(x, y []float32) float64 {
	sameLen("Dot", len(x), len(y))
	if len(x) < long {
		return dot(x, y)
	}
	return reduce(x, y, func(j *vecJob, piece, lo, hi int) {
		j.partial[piece] = dot(j.x[lo:hi], j.y[lo:hi])
	})
}

// SumSq returns the sum of x[i]*x[i], accumulated in float64.
func SumSq(x []float32) float64 {
	if len(x) < long {
		return sumSq(x)
	}
	return reduce(x, nil, func(j *vecJob, piece, lo, hi int) {
		j.partial[piece] = sumSq(j.x[lo:hi])
	})
}

// reduce adds the results of the chunks in their order.
func reduce(x, y []float32, op func(j *vecJob, piece, lo, hi int)) float64 {
	j := newVecJob(op, len(x), chunk)
	j.x, j.y = x, y
	j.sums(j.pieces())
	par.Run(j.pieces(), j)
	total := 0.0
	for _, s := range j.partial {
		total += s
	}
	j.release()
	return total
}

func dot(x, y []float32) float64 {
	if f := ops().dot; f != nil && len(x) >= 32 {
		return f(x, y)
	}
	var lanes [32]float64
	return dotRest(&lanes, x, y)
}

func sumSq(x []float32) float64 {
	if f := ops().sumSq; f != nil && len(x) >= 32 {
		return f(x)
	}
	var lanes [32]float64
	return dotRest(&lanes, x, x)
}

// AddScaled sets dst = x + a*y. dst may be x or y.
func AddScaled(dst, x []float32, a float32, y []float32) {
	sameLen("AddScaled", len(dst), len(x), len(y))
	if len(dst) < long {
		addScaled(dst, x, a, y)
		return
	}
	j := newVecJob(func(j *vecJob, _, lo, hi int) {
		addScaled(j.dst[lo:hi], j.x[lo:hi], j.a, j.y[lo:hi])
	}, len(dst), chunk)
	if len(dst) >= streamed && uintptr(unsafe.Pointer(&dst[0]))%64 == 0 && &dst[0] != &x[0] && &dst[0] != &y[0] {
		j.op = streamChunk
	}
	j.dst, j.x, j.a, j.y = dst, x, a, y
	j.run()
}

// streamed vectors, from here on, do not fit the caches.
const streamed = 4 << 20

// streamChunk is a chunk of AddScaled that writes past the caches.
func streamChunk(j *vecJob, _, lo, hi int) {
	f := ops().streamScaled
	n := whole(hi-lo, f != nil)
	if n > 0 {
		f(&j.dst[lo], &j.x[lo], j.a, &j.y[lo], n)
	}
	addScaledGo(j.dst[lo+n:hi], j.x[lo+n:hi], j.a, j.y[lo+n:hi])
}

// whole returns how many of n elements a level's operation does, if the level has it; the
// twin does the rest.
func whole(n int, has bool) int {
	if !has {
		return 0
	}
	return n &^ 15
}

func addScaled(dst, x []float32, a float32, y []float32) {
	f := ops().addScaled
	n := whole(len(dst), f != nil)
	if n > 0 {
		f(&dst[0], &x[0], a, &y[0], n)
	}
	addScaledGo(dst[n:], x[n:], a, y[n:])
}

// Scale sets dst = a*x. dst may be x.
func Scale(dst []float32, a float32, x []float32) {
	sameLen("Scale", len(dst), len(x))
	if len(dst) < long {
		scale(dst, a, x)
		return
	}
	j := newVecJob(func(j *vecJob, _, lo, hi int) {
		scale(j.dst[lo:hi], j.a, j.x[lo:hi])
	}, len(dst), chunk)
	j.dst, j.a, j.x = dst, a, x
	j.run()
}

func scale(dst []float32, a float32, x []float32) {
	f := ops().scale
	n := whole(len(dst), f != nil)
	if n > 0 {
		f(&dst[0], a, &x[0], n)
	}
	scaleGo(dst[n:], a, x[n:])
}
