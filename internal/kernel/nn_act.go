package kernel

// An Activation is a function of one number.
type Activation int

// The activations.
const (
	Sigmoid   Activation = iota // 1/(1+exp(-x))
	Tanh                        // the hyperbolic tangent
	SiLU                        // x*sigmoid(x)
	GELU                        // x times the normal distribution function
	GELUTanh                    // its approximation by tanh
	QuickGELU                   // x*sigmoid(1.702x)
)

// An activation is an Activation's code. slope is the derivative, a function of
// the result y if ofResult, else of x.
type activation struct {
	value, slope         func(float32) float32
	ofResult             bool
	avx2, avx512         func(dst, x *float32, n int)
	gradAVX2, gradAVX512 func(dx, dy, x *float32, add, n int)
}

var activations = [...]activation{
	Sigmoid:   {sigmoidGo, sigmoidSlope, true, sigmoidAVX2, sigmoidAVX512, sigmoidGradAVX2, sigmoidGradAVX512},
	Tanh:      {tanhGo, tanhSlope, true, tanhAVX2, tanhAVX512, tanhGradAVX2, tanhGradAVX512},
	SiLU:      {siluGo, siluSlope, false, siluAVX2, siluAVX512, siluGradAVX2, siluGradAVX512},
	GELU:      {geluGo, geluSlope, false, geluAVX2, geluAVX512, geluGradAVX2, geluGradAVX512},
	GELUTanh:  {geluTanhGo, geluTanhSlope, false, geluTanhAVX2, geluTanhAVX512, geluTanhGradAVX2, geluTanhGradAVX512},
	QuickGELU: {quickGELUGo, quickGELUSlope, false, quickGELUAVX2, quickGELUAVX512, quickGELUGradAVX2, quickGELUGradAVX512},
}

// OfResult reports whether the derivative is made from the function's result, so
// that the argument need not be kept.
func (a Activation) OfResult() bool { return activations[a].ofResult }

// Activate sets dst = a(x). dst may be x.
func Activate(a Activation, dst, x []float32) {
	sameLen("Activate", len(dst), len(x))
	j := newNNJob(func(j *nnJob, _, lo, hi int) { j.act.forward(j.dst[lo:hi], j.x[lo:hi]) }, len(x), 1)
	j.dst, j.x, j.act = dst, x, &activations[a]
	j.run()
	j.release()
}

// ActivateGrad sets dx = dy*a'(x), or adds it, given x, or a(x) if a.OfResult().
// dx may be dy.
func ActivateGrad(a Activation, dx, dy, x []float32, add bool) {
	sameLen("ActivateGrad", len(dx), len(dy), len(x))
	j := newNNJob(func(j *nnJob, _, lo, hi int) {
		j.act.backward(j.dst[lo:hi], j.x[lo:hi], j.y[lo:hi], j.add)
	}, len(x), 1)
	j.dst, j.x, j.y, j.act, j.add = dx, dy, x, &activations[a], add
	j.run()
	j.release()
}

func (a *activation) forward(dst, x []float32) {
	n := whole(len(x))
	switch level := Active(); {
	case n == 0 || level == Portable:
		n = 0
	case level == AVX512:
		a.avx512(&dst[0], &x[0], n)
	default:
		a.avx2(&dst[0], &x[0], n)
	}
	for i, v := range x[n:] {
		dst[n+i] = a.value(v)
	}
}

func (a *activation) backward(dx, dy, x []float32, add bool) {
	n := whole(len(x))
	switch level := Active(); {
	case n == 0 || level == Portable:
		n = 0
	case level == AVX512:
		a.gradAVX512(&dx[0], &dy[0], &x[0], flag(add), n)
	default:
		a.gradAVX2(&dx[0], &dy[0], &x[0], flag(add), n)
	}
	for i, v := range x[n:] {
		g := float32(dy[n+i] * a.slope(v))
		if add {
			g += dx[n+i]
		}
		dx[n+i] = g
	}
}
