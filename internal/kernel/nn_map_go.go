package kernel

import "math"

// functions are the table of all. Slopes at kinks are PyTorch's.
var functions = [numFunctions]function{
	Exp:        {name: "exp", value: of(math.Exp), slope: of(identity), ofResult: true, values: expValues, slopes: timesSlopes},
	Log:        {name: "log", value: of(math.Log), slope: of(inverse)},
	Sqrt:       {name: "sqrt", value: of(math.Sqrt), slope: of(sqrtSlope), ofResult: true, values: sqrtValues, slopes: sqrtSlopes},
	Reciprocal: {name: "reciprocal", value: of(inverse), slope: of(inverseSlope), ofResult: true, values: reciprocalValues, slopes: reciprocalSlopes},
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
	Erf:   {name: "erf", value: of(math.Erf), slope: of(erfSlope), values: erfValues},

	Floor: {name: "floor", value: of(math.Floor)},
	Ceil:  {name: "ceil", value: of(math.Ceil)},
	Round: {name: "round", value: of(math.RoundToEven)},
	Sign:  {name: "sign", value: of(signOf)},

	Softplus:        {name: "softplus", value: of(softplus), slope: of(logistic)},
	Softsign:        {name: "softsign", value: of(softsign), slope: of(softsignSlope)},
	Mish:            {name: "mish", value: of(mish), slope: of(mishSlope)},
	Affine:          {name: "affine", value: affine, slope: affineSlope, values: affineValues, slopes: affineSlopes},
	ELU:             {name: "elu", value: elu, slope: eluSlope},
	SELU:            {name: "selu", value: selu, slope: seluSlope},
	CELU:            {name: "celu", value: celu, slope: celuSlope},
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
