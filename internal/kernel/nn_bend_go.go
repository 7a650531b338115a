package kernel

// The twins of the bends, rounded operation by operation like the assembly.

const (
	sixth = 1. / 6
	third = 1. / 3
)

func hardSwishGo(x, _, _ float32) float32 { return float32(x*clampGo(x+3, 0, 6)) * sixth }

func hardSwishGradGo(dy, x, _, _ float32) float32 {
	switch {
	case x <= -3:
		return 0
	case x >= 3:
		return dy
	}
	return float32(dy * (float32(x*third) + .5))
}

func hardSigmoidGo(x, a, b float32) float32 { return clampGo(float32(a*x)+b, 0, 1) }

func hardSigmoidGradGo(dy, x, a, b float32) float32 {
	return clampGradGo(float32(dy*a), float32(a*x)+b, 0, 1)
}

// clampGradGo is dy within bounds, else 0.
func clampGradGo(dy, x, lo, hi float32) float32 {
	if lo < x && x < hi {
		return dy
	}
	return 0
}

func leakyReluGo(x, a, _ float32) float32 {
	if x > 0 {
		return x
	}
	return float32(a * x)
}

func leakyReluGradGo(dy, x, a, _ float32) float32 {
	if x > 0 {
		return dy
	}
	return float32(a * dy)
}
