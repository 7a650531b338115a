package kernel

import "math"

// functions are the table of all. Slopes at kinks are PyTorch's.
var functions = [numFunctions]function{
	Exp:        {name: "exp", value: of(math.Exp), slope: of(identity), ofResult: true, values: expValues, slopes: expSlopes},
	Log:        {name: "log", value: of(math.Log), slope: of(inverse)},
	Sqrt:       {name: "sqrt", value: of(math.Sqrt), slope: of(sqrtSlope), ofResult: true},
	Reciprocal: {name: "reciprocal", value: of(inverse), slope: of(inverseSlope), ofResult: true},
	Neg:        {name: "neg", value: of(negative), slope: constant(-1), values: negValues, slopes: negSlopes},
	Abs:        {name: "abs", value: of(math.Abs), slope: of(signOf), values: absValues},

	Sin:   {name: "sin", value: of(math.Sin), slope: of(math.Cos)},
	Cos:   {name: "cos", value: of(math.Cos), slope: of(cosSlope)},
	Tan:   {name: "tan", value: of(math.Tan), slope: of(tanSlope), ofResult: true},
	Asin:  {name: "asin", value: of(math.Asin), slope: of(asinSlope)},
	Acos:  {name: "acos", value: of(math.Acos), slope: of(acosSlope)},
	Atan:  {name: "atan", value: of(math.Atan), slope: of(atanSlope)},
	Sinh:  {name: "sinh", value: of(math.Sinh), slope: of(math.Cosh)},
	Cosh:  {name: "cosh", value: of(math.Cosh), slope: of(math.Sinh)},
	Asinh: {name: "asinh", value: of(math.Asinh), slope: of(asinhSlope)},
	Acosh: {name: "acosh", value: of(math.Acosh), slope: of(acoshSlope)},
	Atanh: {name: "atanh", value: of(math.Atanh), slope: of(atanhSlope)},
	Erf:   {name: "erf", value: of(math.Erf), slope: of(erfSlope)},

	Floor: {name: "floor", value: of(math.Floor)},
	Ceil:  {name: "ceil", value: of(math.Ceil)},
	Round: {name: "round", value: of(math.RoundToEven)},
	Sign:  {name: "sign", value: of(signOf)},

	Softplus:        {name: "softplus", value: of(softplus), slope: of(logistic)},
	Softsign:        {name: "softsign", value: of(softsign), slope: of(softsignSlope)},
	Mish:            {name: "mish", value: of(mish), slope: of(mishSlope)},
	Affine:          {name: "affine", value: affine, slope: affineSlope, values: affineValues, slopes: affineSlopes},
	ELU:             {name: "elu", value: elu, slope: eluSlope, values: eluValues, slopes: eluSlopes},
	SELU:            {name: "selu", value: selu, slope: seluSlope, values: seluValues, slopes: seluSlopes},
	CELU:            {name: "celu", value: celu, slope: celuSlope, values: celuValues, slopes: celuSlopes},
	ThresholdedReLU: {name: "thresholded relu", value: thresholded, slope: thresholdedSlope},
	Shrink:          {name: "shrink", value: shrink, slope: shrinkSlope},
	PowScalar:       {name: "pow", value: pow, slope: powSlope, values: powValues, slopes: powSlopes},
	ExpBase:         {name: "exp", value: expBase, slope: expBaseSlope, ofResult: true},
}

// of is a function without settings.
func of(f func(float64) float64) func(x, a, b float64) float64 {
	return func(x, _, _ float64) float64 { return f(x) }
}

func constant(c float64) func(x, a, b float64) float64 {
	return func(_, _, _ float64) float64 { return c }
}

func identity(x float64) float64 { return x }
func negative(x float64) float64 { return -x }
func inverse(x float64) float64  { return 1 / x }

func inverseSlope(y float64) float64 { return -y * y }
func sqrtSlope(y float64) float64    { return 1 / (2 * y) }
func cosSlope(x float64) float64     { return -math.Sin(x) }
func tanSlope(y float64) float64     { return 1 + y*y }
func asinSlope(x float64) float64    { return 1 / math.Sqrt(1-x*x) }
func acosSlope(x float64) float64    { return -1 / math.Sqrt(1-x*x) }
func atanSlope(x float64) float64    { return 1 / (1 + x*x) }
func asinhSlope(x float64) float64   { return 1 / math.Sqrt(x*x+1) }
func acoshSlope(x float64) float64   { return 1 / math.Sqrt(x*x-1) }
func atanhSlope(x float64) float64   { return 1 / (1 - x*x) }
func erfSlope(x float64) float64     { return 2 / math.SqrtPi * math.Exp(-x*x) }

// signOf is -1, 0 or 1, and 0 for NaN.
func signOf(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func softsign(x float64) float64 { return x / (1 + math.Abs(x)) }

func softsignSlope(x float64) float64 {
	d := 1 + math.Abs(x)
	return 1 / (d * d)
}

func mish(x float64) float64 { return x * math.Tanh(softplus(x)) }

func mishSlope(x float64) float64 {
	t := math.Tanh(softplus(x))
	return t + x*(1-t*t)*logistic(x)
}

func affine(x, a, b float64) float64      { return a*x + b }
func affineSlope(_, a, _ float64) float64 { return a }

func elu(x, a, _ float64) float64 {
	if x <= 0 {
		return a * math.Expm1(x)
	}
	return x
}

func eluSlope(x, a, _ float64) float64 {
	if x <= 0 {
		return a * math.Exp(x)
	}
	return 1
}

func selu(x, a, b float64) float64      { return b * elu(x, a, 0) }
func seluSlope(x, a, b float64) float64 { return b * eluSlope(x, a, 0) }

func celu(x, a, _ float64) float64 {
	if x <= 0 {
		return a * math.Expm1(x/a)
	}
	return x
}

func celuSlope(x, a, _ float64) float64 {
	if x <= 0 {
		return math.Exp(x / a)
	}
	return 1
}

func thresholded(x, a, _ float64) float64 {
	if x <= a {
		return 0
	}
	return x
}

func thresholdedSlope(x, a, _ float64) float64 {
	if x <= a {
		return 0
	}
	return 1
}

func shrink(x, a, b float64) float64 {
	switch {
	case x < -a:
		return x + b
	case x <= a:
		return 0
	}
	return x - b
}

func shrinkSlope(x, a, _ float64) float64 {
	if x >= -a && x <= a {
		return 0
	}
	return 1
}

func pow(x, a, _ float64) float64 { return power(x, a) }

func powSlope(x, a, _ float64) float64 {
	if a == 0 {
		return 0
	}
	return a * power(x, a-1)
}

func expBase(x, a, _ float64) float64 { return power(a, x) }

func expBaseSlope(y, a, _ float64) float64 {
	if a == 0 && y <= 1 { // x >= 0
		return 0
	}
	return y * math.Log(a)
}

// power is math.Pow; nearly as exact, which is far beyond float32, and several times
// faster where it is common.
func power(x, a float64) float64 {
	switch {
	case a == .5:
		return math.Sqrt(x)
	case a == -.5:
		return 1 / math.Sqrt(x)
	case x > 0 && x <= math.MaxFloat32:
		return math.Exp(a * math.Log(x))
	}
	return math.Pow(x, a)
}

// quicks are the twins of the vector kernels, rounded operation by operation like these. log is
// Cephes's logf.
var quicks = [numQuick]struct{ value, slope func(float32) float32 }{
	Sqrt:       {sqrtGo, func(y float32) float32 { return 1 / (y + y) }},
	Reciprocal: {func(x float32) float32 { return 1 / x }, func(y float32) float32 { return 0 - float32(y*y) }},
	Log:        {logGo, func(x float32) float32 { return 1 / x }},
	Erf:        {erfGo, func(x float32) float32 { return float32(2 / math.SqrtPi * expGo(0-float32(x*x))) }},
	Softplus:   {softplusGo, sigmoidGo},
	Mish:       {mishGo, mishSlopeGo},
}

func sqrtGo(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// logGo is log(x) for normal numbers above 0.
func logGo(x float32) float32 {
	bits := int32(math.Float32bits(x))
	e := (bits - 0x3f3504f3) >> 23 // of sqrt(.5): x is m*2^e with m from there to twice that
	f := math.Float32frombits(uint32(bits-e<<23)) - 1
	k := float32(e)
	z := f * f
	p := polyGo(f, 7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
		-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
	p = float32(float32(p*f) * z)
	p += float32(k * -2.12194440e-4)
	p -= float32(.5 * z)
	return f + p + float32(k*0.693359375)
}

// softplusGo is max(x, 0) + log1p(exp(-|x|)).
func softplusGo(x float32) float32 {
	low, high := x, x
	if 0-x < x {
		low = 0 - x
	}
	if 0 > x {
		high = 0
	}
	u := expGo(low)
	w := 1 + u
	lost := (w - 1) - u
	return high + (logGo(w) - lost/w)
}

// mishParts are e = exp(x) and e*(e+2): tanh(softplus(x)) is that over two more.
func mishParts(x float32) (e, w float32) {
	e = expGo(clampGo(x, -100, 20))
	return e, e * (e + 2)
}

func mishGo(x float32) float32 {
	_, w := mishParts(x)
	return x * (w / (w + 2))
}

func mishSlopeGo(x float32) float32 {
	e, w := mishParts(x)
	w2 := w + 2
	v := clampGo(x, -100, 20)
	rise := float32(float32(4*e)*(1+e)) / float32(w2*w2)
	return w/w2 + float32(v*rise)
}

// expm1Go is exp(x)-1 for x below 0.
func expm1Go(x float32) float32 {
	const (
		magic   = 3 << 22
		oneBits = 0x3f800000
	)
	v := clampGo(x, -87, 88.37)
	t := float32(v*float32(math.Log2E)) + magic
	n := t - magic
	r := v - float32(n*0.693359375)
	r -= float32(n * -2.12194440e-4)
	p := polyGo(r, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
	p = float32(float32(r*r)*p) + r
	f := math.Float32frombits(math.Float32bits(t)<<23 + oneBits)
	return float32(f*p) + (f - 1)
}

func eluGo(x, p, q, r float32) float32 {
	if x > 0 {
		return float32(p*x) + 0
	}
	return float32(q*expm1Go(float32(r*x))) + 0
}

func eluSlopeGo(x, p, q, r float32) float32 {
	if x > 0 {
		return p + 0
	}
	return float32(float32(q*r)*expGo(float32(r*x))) + 0
}
