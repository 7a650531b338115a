package kernel

import "math"

// A Function is a function of one number and up to two settings, a and b.
type Function int

// The functions. Those without a comment are what their names say; the first have vector
// kernels of their own.
const (
	Sqrt Function = iota
	Reciprocal
	Log
	Erf
	Softplus // log(1+exp(x))
	Mish     // x*tanh(softplus(x))
	Exp
	Neg
	Abs
	Sin
	Cos
	Tan
	Asin
	Acos
	Atan
	Sinh
	Cosh
	Asinh
	Acosh
	Atanh
	Floor
	Ceil
	Round // to the nearest integer, halves to the even one
	Sign
	Softsign            // x/(1+|x|)
	Affine              // a*x + b
	ELU                 // x where x > 0, else a*(exp(x)-1)
	SELU                // b times ELU
	CELU                // x where x > 0, else a*(exp(x/a)-1)
	ThresholdedReLU     // x where x > a, else 0
	Shrink              // x+b where x < -a, x-b where x > a, else 0
	PowScalar           // x to the power of a
	ExpBase             // a to the power of x
	numFunctions    int = iota
)

// numQuick functions have vector kernels.
const numQuick = int(Mish) + 1

// A function is what there is to know of a Function. Values and slopes are computed in
// float64, where the functions of package math are, and rounded once; those of the first
// numQuick are float32's own, see quicks.
type function struct {
	name  string
	value func(x, a, b float64) float64
	// slope is the derivative, of the result y if ofResult, else of x. It is nil where the
	// derivative is 0 everywhere.
	slope    func(x, a, b float64) float64
	ofResult bool
	// values and slopes, which may be nil, do what value and slope do, faster.
	values func(dst, x []float32, a, b float32)
	slopes func(dx, dy, x []float32, a, b float32)
}

// OfResult reports whether the derivative is made from the function's result, so that the
// argument need not be kept.
func (f Function) OfResult() bool { return functions[f].ofResult }

// Valid reports whether there is such a function.
func (f Function) Valid() bool { return f >= 0 && int(f) < numFunctions }

func (f Function) String() string {
	if !f.Valid() {
		return "map"
	}
	return functions[f].name
}

// mapCost is how much longer than a multiplication a function takes in float64.
const mapCost = 8

func (f Function) cost() int {
	if int(f) < numQuick || functions[f].values != nil || functions[f].slope == nil {
		return 1
	}
	return mapCost
}

// Map sets dst = f(x) with the settings a and b. They must not overlap.
func Map(f Function, dst, x []float32, a, b float32) {
	sameLen("Map", len(dst), len(x))
	j := newNNJob(func(j *nnJob, _, lo, hi int) { j.fn.forward(j.dst[lo:hi], j.x[lo:hi], j.f[0], j.f[1]) }, len(x), f.cost())
	j.dst, j.x, j.fn, j.f = dst, x, f, [4]float32{a, b}
	j.run()
	j.release()
}

// MapGrad sets dx = dy*f'(x), or adds it, given x, or f(x) if f.OfResult(). dx may be dy.
func MapGrad(f Function, dx, dy, x []float32, a, b float32, add bool) {
	sameLen("MapGrad", len(dx), len(dy), len(x))
	j := newNNJob(func(j *nnJob, _, lo, hi int) {
		j.fn.backward(j.dst[lo:hi], j.x[lo:hi], j.y[lo:hi], j.f[0], j.f[1], j.add)
	}, len(x), f.cost())
	j.dst, j.x, j.y, j.fn, j.f, j.add = dx, dy, x, f, [4]float32{a, b}, add
	j.run()
	j.release()
}

func (f Function) forward(dst, x []float32, a, b float32) {
	fn := &functions[f]
	switch {
	case int(f) < numQuick:
		f.quick(dst, x)
	case fn.values != nil:
		fn.values(dst, x, a, b)
	default:
		for i, v := range x {
			dst[i] = float32(fn.value(float64(v), float64(a), float64(b)))
		}
	}
}

func (f Function) quick(dst, x []float32) {
	op := ops().maps[f]
	n := whole(len(x), op != nil)
	if n > 0 {
		op(&dst[0], &x[0], n)
	}
	value := quicks[f].value
	for i, v := range x[n:] {
		dst[n+i] = value(v)
	}
	if f == Log {
		for i, v := range x { // what is not a normal number above 0
			if !(v >= minNormal && v <= math.MaxFloat32) {
				dst[i] = float32(math.Log(float64(v)))
			}
		}
	}
}

const minNormal = 1. / (1 << 126)

func (f Function) backward(dx, dy, x []float32, a, b float32, add bool) {
	fn := &functions[f]
	switch {
	case int(f) < numQuick:
		f.quickSlope(dx, dy, x, add)
	case fn.slope == nil:
		if !add {
			clear(dx)
		}
	case fn.slopes != nil && !add:
		fn.slopes(dx, dy, x, a, b)
	case fn.slopes != nil:
		s := scratches.get()
		for len(dx) > 0 {
			n := min(len(dx), 1024)
			s.resize(n)
			fn.slopes(s.row, dy[:n], x[:n], a, b)
			addScaled(dx[:n], dx[:n], 1, s.row)
			dx, dy, x = dx[n:], dy[n:], x[n:]
		}
		scratches.put(s)
	default:
		for i, v := range x {
			g := dy[i] * float32(fn.slope(float64(v), float64(a), float64(b)))
			if add {
				g += dx[i]
			}
			dx[i] = g
		}
	}
}

func (f Function) quickSlope(dx, dy, x []float32, add bool) {
	op := ops().mapsGrad[f]
	n := whole(len(x), op != nil)
	if n > 0 {
		op(&dx[0], &dy[0], &x[0], flag(add), n)
	}
	slope := quicks[f].slope
	for i, v := range x[n:] {
		g := float32(dy[n+i] * slope(v))
		if add {
			g += dx[n+i]
		}
		dx[n+i] = g
	}
}

// expValues is exp by vectors, but for arguments so large that these are not exact.
func expValues(dst, x []float32, _, _ float32) {
	expShift(dst, x, 0)
	for i, v := range x {
		if !(v >= -87 && v <= 88) {
			dst[i] = float32(math.Exp(float64(v)))
		}
	}
}

func expSlopes(dx, dy, y []float32, _, _ float32) { mulRow(dx, dy, y) }

func negValues(dst, x []float32, _, _ float32)       { scale(dst, -1, x) }
func negSlopes(dx, dy, _ []float32, _, _ float32)    { scale(dx, -1, dy) }
func affineSlopes(dx, dy, _ []float32, a, _ float32) { scale(dx, a, dy) }
func affineValues(dst, x []float32, a, b float32) {
	f := ops().affine
	n := whole(len(x), f != nil)
	if n > 0 {
		f(&dst[0], &x[0], a, b, n)
	}
	for i, v := range x[n:] {
		dst[n+i] = float32(a*v) + b
	}
}

func eluValues(dst, x []float32, a, _ float32)     { eluRow(dst, x, 1, a, 1) }
func eluSlopes(dx, dy, x []float32, a, _ float32)  { eluSlopeRow(dx, dy, x, 1, a, 1) }
func seluValues(dst, x []float32, a, b float32)    { eluRow(dst, x, b, a*b, 1) }
func seluSlopes(dx, dy, x []float32, a, b float32) { eluSlopeRow(dx, dy, x, b, a*b, 1) }
func celuValues(dst, x []float32, a, _ float32)    { eluRow(dst, x, 1, a, 1/a) }
func celuSlopes(dx, dy, x []float32, a, _ float32) { eluSlopeRow(dx, dy, x, 1, a, 1/a) }

// eluRow sets dst to p*x where x > 0, else to q*(exp(r*x)-1).
func eluRow(dst, x []float32, p, q, r float32) {
	f := ops().elu
	n := whole(len(x), f != nil)
	if n > 0 {
		f(&dst[0], &x[0], p, q, r, n)
	}
	for i, v := range x[n:] {
		dst[n+i] = eluGo(v, p, q, r)
	}
}

func eluSlopeRow(dx, dy, x []float32, p, q, r float32) {
	f := ops().eluGrad
	n := whole(len(x), f != nil)
	if n > 0 {
		f(&dx[0], &dy[0], &x[0], p, q, r, 0, n)
	}
	for i, v := range x[n:] {
		dx[n+i] = dy[n+i] * eluSlopeGo(v, p, q, r)
	}
}

func absValues(dst, x []float32, _, _ float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(math.Float32bits(x[i]) &^ (1 << 31))
	}
}

func powValues(dst, x []float32, a, _ float32) {
	x = x[:len(dst)]
	switch a {
	case 2:
		mulRow(dst, x, x)
	case 3:
		mulRow(dst, x, x)
		mulRow(dst, dst, x)
	default:
		for i, v := range x {
			dst[i] = float32(power(float64(v), float64(a)))
		}
	}
}

func powSlopes(dx, dy, x []float32, a, _ float32) {
	dy, x = dy[:len(dx)], x[:len(dx)]
	switch a {
	case 0:
		clear(dx)
	case 2:
		mulRow(dx, dy, x)
		scale(dx, 2, dx)
	default:
		for i := range dx {
			dx[i] = dy[i] * float32(float64(a)*power(float64(x[i]), float64(a)-1))
		}
	}
}
