package kernel

// A Bend is a function of one number that consists of lines and parabolas, with up to two
// settings, a and b.
type Bend int

// The bends. At the ends of their pieces, derivatives are PyTorch 2's, which passes nothing at
// the bounds of a clamp.
const (
	HardSwish   Bend = iota // x*min(max(x+3, 0), 6)/6
	HardSigmoid             // min(max(a*x+b, 0), 1)
	Clamp                   // min(max(x, a), b)
	LeakyReLU               // x, times a where x <= 0
	numBends
)

// bends are the twins of the Bends' code. backward returns dy times the derivative.
var bends = [numBends]struct {
	value    func(x, a, b float32) float32
	backward func(dy, x, a, b float32) float32
}{
	HardSwish:   {hardSwishGo, hardSwishGradGo},
	HardSigmoid: {hardSigmoidGo, hardSigmoidGradGo},
	Clamp:       {clampGo, clampGradGo},
	LeakyReLU:   {leakyReluGo, leakyReluGradGo},
}

// Bent sets dst = f(x) with the settings a and b. dst may be x.
func Bent(f Bend, dst, x []float32, a, b float32) {
	sameLen("Bent", len(dst), len(x))
	j := newNNJob(func(j *nnJob, _, lo, hi int) { j.bend.forward(j.dst[lo:hi], j.x[lo:hi], j.f[0], j.f[1]) }, len(x), 1)
	j.dst, j.x, j.bend, j.f = dst, x, f, [4]float32{a, b}
	j.run()
	j.release()
}

// BentGrad sets dx = dy*f'(x), or adds it. dx may be dy.
func BentGrad(f Bend, dx, dy, x []float32, a, b float32, add bool) {
	sameLen("BentGrad", len(dx), len(dy), len(x))
	j := newNNJob(func(j *nnJob, _, lo, hi int) {
		j.bend.backward(j.dst[lo:hi], j.x[lo:hi], j.y[lo:hi], j.f[0], j.f[1], j.add)
	}, len(x), 1)
	j.dst, j.x, j.y, j.bend, j.f, j.add = dx, dy, x, f, [4]float32{a, b}, add
	j.run()
	j.release()
}

func (f Bend) forward(dst, x []float32, a, b float32) {
	bend := ops().bend[f]
	n := whole(len(x), bend != nil)
	if n > 0 {
		bend(&dst[0], &x[0], a, b, n)
	}
	for i, v := range x[n:] {
		dst[n+i] = bends[f].value(v, a, b)
	}
}

func (f Bend) backward(dx, dy, x []float32, a, b float32, add bool) {
	bend := ops().bendGrad[f]
	n := whole(len(x), bend != nil)
	if n > 0 {
		bend(&dx[0], &dy[0], &x[0], a, b, flag(add), n)
	}
	for i, v := range x[n:] {
		g := bends[f].backward(dy[n+i], v, a, b)
		if add {
			g += dx[n+i]
		}
		dx[n+i] = g
	}
}
