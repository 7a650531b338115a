// Package vec is vector algebra on flat vectors: the parameters of a model, its
// gradient, an optimizer's moments. Everything works on []float32 (networks) and
// []float64 (toys, checks) from one implementation; float32 goes to the vector
// kernels of this machine, whose results do not depend on the instruction level or
// on the number of threads.
//
// Reductions accumulate in float64. Lengths must match: a mismatch is a programming
// error and panics; the packages above check what users give them.
package vec

import (
	"fmt"
	"math"
)

// Float is the element type of a flat vector.
type Float interface{ float32 | float64 }

// Dot returns x·y, accumulated in float64.
func Dot[F Float](x, y []F) float64 {
	sameLen("Dot", len(x), len(y))
	if x32, ok := any(x).([]float32); ok {
		return dot32(x32, any(y).([]float32))
	}
	var s [4]float64
	n := len(x) &^ 3
	for i := 0; i < n; i += 4 {
		s[0] += float64(x[i]) * float64(y[i])
		s[1] += float64(x[i+1]) * float64(y[i+1])
		s[2] += float64(x[i+2]) * float64(y[i+2])
		s[3] += float64(x[i+3]) * float64(y[i+3])
	}
	for i := n; i < len(x); i++ {
		s[0] += float64(x[i]) * float64(y[i])
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

// Norm returns the Euclidean norm |x|. It neither overflows nor underflows while the
// norm itself is representable, and is NaN or +Inf when an element is.
func Norm[F Float](x []F) float64 {
	sum := Dot(x, x)
	if sum > 1e-280 && sum < math.MaxFloat64 {
		return math.Sqrt(sum)
	}
	return scaledNorm(x)
}

// scaledNorm is Norm for sums of squares that leave float64's comfortable range,
// which float32 elements never do.
func scaledNorm[F Float](x []F) float64 {
	var top float64
	for _, v := range x {
		a := math.Abs(float64(v))
		if math.IsNaN(a) {
			return a
		}
		top = max(top, a)
	}
	if top == 0 || math.IsInf(top, 1) {
		return top
	}
	var sum float64
	for _, v := range x {
		r := float64(v) / top
		sum += r * r
	}
	return top * math.Sqrt(sum)
}

// AddScaled sets dst = x + a·y. dst may be x or y.
func AddScaled[F Float](dst, x []F, a float64, y []F) {
	sameLen("AddScaled", len(dst), len(x))
	sameLen("AddScaled", len(dst), len(y))
	if d32, ok := any(dst).([]float32); ok && fits32(a) {
		addScaled32(d32, any(x).([]float32), float32(a), any(y).([]float32))
		return
	}
	for i, v := range y {
		dst[i] = x[i] + F(a*float64(v))
	}
}

// Scale sets dst = a·x. dst may be x.
func Scale[F Float](dst []F, a float64, x []F) {
	sameLen("Scale", len(dst), len(x))
	if d32, ok := any(dst).([]float32); ok && fits32(a) {
		scale32(d32, float32(a), any(x).([]float32))
		return
	}
	for i, v := range x {
		dst[i] = F(a * float64(v))
	}
}

// fits32 reports whether a factor survives rounding to float32 with its precision: a
// radius divided by a gradient norm of 1e-40 or 1e30 does not.
func fits32(a float64) bool {
	a = math.Abs(a)
	return a == 0 || (a > 1e-37 && a < 1e38)
}

func sameLen(op string, a, b int) {
	if a != b {
		panic(fmt.Sprintf("vec.%s: lengths %d and %d differ", op, a, b))
	}
}
