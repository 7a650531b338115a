// Package toy holds the losses of one and two parameters on which the M-SAM paper
// (arXiv 2502.08448) shows what sharpness-aware steps do, runs of the optimizers of
// package sam on them, and the paper's stability analysis of the gradient flow.
package toy

import (
	"fmt"
	"math"
	"strings"
)

// A Loss is a smooth function of a few parameters with exact derivatives.
type Loss interface {
	// Dim is the number of parameters.
	Dim() int
	// Loss returns the value at theta.
	Loss(theta []float64) float64
	// Gradient writes the gradient at theta to grad and returns the value there.
	Gradient(grad, theta []float64) float64
	// Hessian writes the Hessian at theta to h, Dim x Dim row by row.
	Hessian(h, theta []float64)
}

// Banana is (1 - t1 t2)²: a saddle at the origin with the Hessian's eigenvalues ±2, and
// two valleys of minima t1 = 1/t2, flattest at (1,1) and (-1,-1) (figures 1, 4 and 5).
type Banana struct{}

// Dim returns 2.
func (Banana) Dim() int { return 2 }

// Loss returns (1 - t1 t2)².
func (Banana) Loss(t []float64) float64 {
	r := 1 - t[0]*t[1]
	return r * r
}

// Gradient writes -2(1 - t1 t2)(t2, t1).
func (Banana) Gradient(grad, t []float64) float64 {
	r := 1 - t[0]*t[1]
	grad[0], grad[1] = -2*r*t[1], -2*r*t[0]
	return r * r
}

// Hessian writes the second derivatives 2 t2², 4 t1 t2 - 2, 2 t1².
func (Banana) Hessian(h, t []float64) {
	mixed := 4*t[0]*t[1] - 2
	h[0], h[1], h[2], h[3] = 2*t[1]*t[1], mixed, mixed, 2*t[0]*t[0]
}

// Sinc is 5 sin(r)/r of the distance r from the origin: a maximum in the middle and a
// circular valley of minima at r = [RingRadius] (figure 2). The caption's formula has r²
// for r, which contradicts the figure.
type Sinc struct{}

// RingRadius is the radius of the valley of [Sinc], the first positive root of
// tan r = r.
const RingRadius = 4.493409457909064

// Dim returns 2.
func (Sinc) Dim() int { return 2 }

// Loss returns 5 sin(r)/r, 5 at the origin.
func (Sinc) Loss(t []float64) float64 {
	f, _, _ := sincOf(t[0]*t[0] + t[1]*t[1])
	return f
}

// Gradient writes 2 df/dq (t1, t2), with the loss a function f of q = r².
func (Sinc) Gradient(grad, t []float64) float64 {
	f, f1, _ := sincOf(t[0]*t[0] + t[1]*t[1])
	grad[0], grad[1] = 2*f1*t[0], 2*f1*t[1]
	return f
}

// Hessian writes 2 df/dq I + 4 d²f/dq² t tᵀ.
func (Sinc) Hessian(h, t []float64) {
	_, f1, f2 := sincOf(t[0]*t[0] + t[1]*t[1])
	mixed := 4 * f2 * t[0] * t[1]
	h[0], h[1] = 2*f1+4*f2*t[0]*t[0], mixed
	h[2], h[3] = mixed, 2*f1+4*f2*t[1]*t[1]
}

// sincOf returns 5 sin(√q)/√q and its first two derivatives by q. Near q = 0, where the
// closed forms cancel, it sums f = 5 Σ (-q)^k/(2k+1)!.
func sincOf(q float64) (f, f1, f2 float64) {
	if q > 1 {
		r := math.Sqrt(q)
		sin, cos := math.Sincos(r)
		f = 5 * sin / r
		f1 = 5 * (r*cos - sin) / (2 * q * r)
		f2 = 5 * ((3-q)*sin - 3*r*cos) / (4 * q * q * r)
		return f, f1, f2
	}
	for _, c := range sincSeries { // Horner's rule for f, its derivative, half its second
		f2 = f2*q + f1
		f1 = f1*q + f
		f = f*q + c
	}
	return f, f1, 2 * f2
}

// sincSeries are the coefficients 5 (-1)^k/(2k+1)! of q^k, highest first; the first one
// left out is below rounding for q <= 1.
var sincSeries = func() (c [11]float64) {
	a := 5.0
	for k := range c {
		c[len(c)-1-k] = a
		a /= -float64((2*k + 2) * (2*k + 3))
	}
	return c
}()

// Quadratic is theta² (figure 3).
type Quadratic struct{}

// Dim returns 1.
func (Quadratic) Dim() int { return 1 }

// Loss returns theta².
func (Quadratic) Loss(t []float64) float64 { return t[0] * t[0] }

// Gradient writes 2 theta.
func (Quadratic) Gradient(grad, t []float64) float64 {
	grad[0] = 2 * t[0]
	return t[0] * t[0]
}

// Hessian writes 2.
func (Quadratic) Hessian(h, _ []float64) { h[0] = 2 }

// Losses are the names that [ByName] knows.
var Losses = []string{"banana", "sinc", "quadratic"}

// ByName returns a loss by its name.
func ByName(name string) (Loss, error) {
	switch name {
	case "banana":
		return Banana{}, nil
	case "sinc":
		return Sinc{}, nil
	case "quadratic":
		return Quadratic{}, nil
	}
	return nil, fmt.Errorf("unknown loss %q; there are %s", name, strings.Join(Losses, ", "))
}
