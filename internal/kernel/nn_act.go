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
	numActivations
)

// An activation is the twin of an Activation's code. slope is the derivative, a function of
// the result y if ofResult, else of x.
type activation struct {
	value, slope func(float32) float32
	ofResult     bool
}

var activations = [numActivations]activation{
	Sigmoid:   {sigmoidGo, sigmoidSlope, true},
	Tanh:      {tanhGo, tanhSlope, true},
	SiLU:      {siluGo, siluSlope, false},
	GELU:      {geluGo, geluSlope, false},
	GELUTanh:  {geluTanhGo, geluTanhSlope, false},
	QuickGELU: {quickGELUGo, quickGELUSlope, false},
}

// OfResult reports whether the derivative is made from the function's result, so
// that the argument need not be kept.
func (a Activation) OfResult() bool { return activations[a].ofResult }

// Activate sets dst = a(x). dst may be x.
func Activate(a Activation, dst, x []float32) {
	sameLen("Activate", len(dst), len(x))
	j := newNNJob(func(j *nnJob, _, lo, hi int) { j.act.forward(j.dst[lo:hi], j.x[lo:hi]) }, len(x), 1)
	j.dst, j.x, j.act = dst, x, a
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
	j.dst, j.x, j.y, j.act, j.add = dx, dy, x, a, add
	j.run()
	j.release()
}

func (a Activation) forward(dst, x []float32) {
	f := ops().activate[a]
	n := whole(len(x), f != nil)
	if n > 0 {
		f(&dst[0], &x[0], n)
	}
	value := activations[a].value
	for i, v := range x[n:] {
		dst[n+i] = value(v)
	}
}

func (a Activation) backward(dx, dy, x []float32, add bool) {
	f := ops().activateGrad[a]
	n := whole(len(x), f != nil)
	if n > 0 {
		f(&dx[0], &dy[0], &x[0], flag(add), n)
	}
	slope := activations[a].slope
	for i, v := range x[n:] {
		g := float32(dy[n+i] * slope(v))
		if add {
			g += dx[n+i]
		}
		dx[n+i] = g
	}
}
