package kernel

import "math"

func subRow(dst, a, b []float32)        { addScaled(dst, a, -1, b) }
func subSlopeA(dst, dy, _, _ []float32) { copy(dst, dy) }
func subSlopeB(dst, dy, _, _ []float32) { scale(dst, -1, dy) }

func mulRow(dst, a, b []float32) {
	f := ops().mul
	n := whole(len(dst), f != nil)
	if n > 0 {
		f(&dst[0], &a[0], &b[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = a[i] * b[i]
	}
}

func divRow(dst, a, b []float32) {
	f := ops().div
	n := whole(len(dst), f != nil)
	if n > 0 {
		f(&dst[0], &a[0], &b[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = a[i] / b[i]
	}
}

func divSlopeA(dst, dy, _, b []float32) { divRow(dst, dy, b) }

func divSlopeB(dst, dy, a, b []float32) {
	f := ops().divSlope
	n := whole(len(dst), f != nil)
	if n > 0 {
		f(&dst[0], &dy[0], &a[0], &b[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = (0 - dy[i]) * (a[i] / b[i] / b[i])
	}
}

// maxRow sets dst to a where a > b or a is a NaN, else to b.
func maxRow(dst, a, b []float32) {
	f := ops().maximum
	n := whole(len(dst), f != nil)
	if n > 0 {
		f(&dst[0], &a[0], &b[0], n)
	}
	for i := n; i < len(dst); i++ {
		v := b[i]
		if a[i] > v || a[i] != a[i] {
			v = a[i]
		}
		dst[i] = v
	}
}

// minRow sets dst to a where a < b or a is a NaN, else to b.
func minRow(dst, a, b []float32) {
	f := ops().minimum
	n := whole(len(dst), f != nil)
	if n > 0 {
		f(&dst[0], &a[0], &b[0], n)
	}
	for i := n; i < len(dst); i++ {
		v := b[i]
		if a[i] < v || a[i] != a[i] {
			v = a[i]
		}
		dst[i] = v
	}
}

func moreSlope(dst, dy, a, b []float32) { lessSlope(dst, dy, b, a) }

// lessSlope is dy where a < b or either is a NaN, half of it where they are equal.
func lessSlope(dst, dy, a, b []float32) {
	f := ops().lessSlope
	n := whole(len(dst), f != nil)
	if n > 0 {
		f(&dst[0], &dy[0], &a[0], &b[0], n)
	}
	for i := n; i < len(dst); i++ {
		v := dy[i]
		switch {
		case a[i] > b[i]:
			v = 0
		case a[i] == b[i]:
			v *= .5
		}
		dst[i] = v + 0 // as the sum of parts is: never -0
	}
}

func powRow(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = float32(power(float64(a[i]), float64(b[i])))
	}
}

func powSlopeA(dst, dy, a, b []float32) {
	dy, a, b = dy[:len(dst)], a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = dy[i] * float32(powSlope(float64(a[i]), float64(b[i]), 0))
	}
}

func powSlopeB(dst, dy, a, b []float32) {
	dy, a, b = dy[:len(dst)], a[:len(dst)], b[:len(dst)]
	for i := range dst {
		x, e := float64(a[i]), float64(b[i])
		slope := 0.
		if x != 0 || !(e >= 0) {
			slope = power(x, e) * math.Log(x)
		}
		dst[i] = dy[i] * float32(slope)
	}
}
