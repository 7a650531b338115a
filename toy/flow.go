package toy

import (
	"cmp"
	"math"
	"math/cmplx"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Ball is the ball of a perturbation: radius Rho, scale Alpha of the loss axis. Alpha 0
// is SAM's and 1 M-SAM's.
type Ball struct{ Rho, Alpha float64 }

// EffectiveRadius is the paper's rho tilde, rho/(n sqrt(1 + alpha² n²)) at a gradient of
// norm n (after eq. 3 and eq. 9): the perturbation is rho tilde times the gradient. It is
// +Inf at n = 0, where the perturbation itself is zero.
func (b Ball) EffectiveRadius(n float64) float64 {
	if b.Rho == 0 {
		return 0
	}
	return b.Rho / (n * math.Hypot(1, b.Alpha*n))
}

// Flow writes -grad loss(z), z = theta + rho tilde g(theta), to dst: the gradient flow of
// appendix A, whose steps of size lr the optimizer takes.
func (b Ball) Flow(dst []float64, loss Loss, theta []float64) {
	z := make([]float64, len(theta))
	b.perturb(z, dst, loss, theta)
	loss.Gradient(dst, z)
	floats.Scale(-1, dst)
}

// perturb writes the gradient at theta to g, theta + rho tilde g to z, and returns the
// gradient's norm.
func (b Ball) perturb(z, g []float64, loss Loss, theta []float64) (n float64) {
	loss.Gradient(g, theta)
	n = floats.Norm(g, 2)
	copy(z, theta)
	if n > 0 {
		floats.AddScaled(z, b.EffectiveRadius(n), g)
	}
	return n
}

// A writes eq. 10's A_rho(theta) = H(z)(I + rho tilde H(theta)) to a, row by row: the
// decay of a small deviation from theta under the flow, with rho tilde taken for a
// constant as the paper does. Where the gradient is exactly zero and Rho is not, A is not
// defined and a is all NaN.
func (b Ball) A(a []float64, loss Loss, theta []float64) { b.linearise(a, loss, theta, 0) }

// Jacobian writes the exact negative Jacobian of [Ball.Flow], with the radius's own change
// accounted for: with u = g/n and s² = 1 + alpha² n²
//
//	H(z)(I + rho tilde (I - (1 + alpha² n²/s²) u uᵀ) H(theta))
//
// It is all NaN where [Ball.A] is.
func (b Ball) Jacobian(a []float64, loss Loss, theta []float64) {
	b.linearise(a, loss, theta, 1)
}

// linearise writes H(z)(I + rho tilde (I - exact (1 + alpha² n²/s²) u uᵀ) H(theta)).
func (b Ball) linearise(a []float64, loss Loss, theta []float64, exact float64) {
	k := len(theta)
	work := make([]float64, 3*k+2*k*k)
	z, g, gh, h, hz := work[:k], work[k:2*k], work[2*k:3*k], work[3*k:3*k+k*k], work[3*k+k*k:]
	n := b.perturb(z, g, loss, theta)
	radius := b.EffectiveRadius(n)
	if math.IsInf(radius, 1) {
		floats.AddConst(math.NaN(), a)
		return
	}
	loss.Hessian(h, theta)
	loss.Hessian(hz, z)
	for i := range k { // gh = H g, which is also (gᵀH)ᵀ
		gh[i] = floats.Dot(h[i*k:(i+1)*k], g)
	}
	c := 0.0
	if n > 0 {
		an := b.Alpha * n / math.Hypot(1, b.Alpha*n)
		c = exact * (1 + an*an) / (n * n)
	}
	for i := range k { // h becomes I + rho tilde (H - c g gᵀH)
		for j := range k {
			h[i*k+j] = radius * (h[i*k+j] - c*g[i]*gh[j])
		}
		h[i*k+i]++
	}
	for i := range k {
		for j := range k {
			a[i*k+j] = 0
			for l := range k {
				a[i*k+j] += hz[i*k+l] * h[l*k+j]
			}
		}
	}
}

// Eigenvalues returns the eigenvalues of a square matrix given row by row, by rising real
// part; NaN for a matrix with a NaN.
func Eigenvalues(a []float64) []complex128 {
	switch {
	case floats.HasNaN(a):
		return repeat(cmplx.NaN(), int(math.Sqrt(float64(len(a)))))
	case len(a) == 1:
		return []complex128{complex(a[0], 0)}
	case len(a) == 4:
		mean, half := (a[0]+a[3])/2, (a[0]-a[3])/2
		root := cmplx.Sqrt(complex(half*half+a[1]*a[2], 0))
		return []complex128{complex(mean, 0) - root, complex(mean, 0) + root}
	}
	return generalEigenvalues(a)
}

// SmallestEigenvalue returns the smallest real part of a matrix's eigenvalues: lambda_2
// of figure 4 when all are real.
func SmallestEigenvalue(a []float64) float64 { return real(Eigenvalues(a)[0]) }

// Attractor reports whether all eigenvalues of an A or a Jacobian have positive real
// parts, the paper's condition for theta to attract its neighbours.
func Attractor(a []float64) bool { return SmallestEigenvalue(a) > 0 }

// StableEquilibrium is eq. 11: a stationary point whose Hessian has the eigenvalues lambda
// attracts the flow with the effective radius rho tilde if and only if
// lambda_i + rho tilde lambda_i² > 0 for all i.
func StableEquilibrium(lambda []float64, radius float64) bool {
	for _, l := range lambda {
		if !(l+radius*l*l > 0) {
			return false
		}
	}
	return true
}

// CriticalRadius is the effective radius beyond which [StableEquilibrium] holds, -1/lambda_i
// at its largest, 0 if all curvature is positive and +Inf if an eigenvalue is zero. The
// negative eigenvalue nearest to zero binds.
func CriticalRadius(lambda []float64) float64 {
	radius := 0.0
	for _, l := range lambda {
		if l == 0 {
			return math.Inf(1)
		}
		radius = max(radius, -1/l)
	}
	return radius
}

func generalEigenvalues(a []float64) []complex128 {
	k := int(math.Sqrt(float64(len(a))))
	var e mat.Eigen
	if !e.Factorize(mat.NewDense(k, k, append([]float64(nil), a...)), mat.EigenNone) {
		return repeat(cmplx.NaN(), k)
	}
	values := e.Values(nil)
	slices.SortFunc(values, func(x, y complex128) int { return cmp.Compare(real(x), real(y)) })
	return values
}

func repeat(v complex128, n int) []complex128 { return slices.Repeat([]complex128{v}, n) }
