package objective

import (
	"slices"
	"testing"
)

// A plain function's gradient is weighted, and added where that is asked for.
func TestFunc(t *testing.T) {
	o := Func(func(grad, theta []float64) float64 {
		grad[0], grad[1] = 2*theta[0], 1
		return theta[0] * theta[0]
	})
	grad, theta := []float64{10, 20}, []float64{3, 0}
	for _, tt := range []struct {
		call Call
		want []float64
	}{
		{Call{Weight: 1}, []float64{6, 1}},
		{Call{Weight: .5}, []float64{3, .5}},
		{Call{Weight: .5, Add: true}, []float64{6, 1}},
		{Call{Weight: 2, Add: true, Micro: 1, Perturbed: true}, []float64{18, 3}},
	} {
		loss, err := o.Gradient(grad, theta, tt.call)
		if err != nil || loss != 9 || !slices.Equal(grad, tt.want) {
			t.Errorf("%+v: gradient %v, loss %g, %v; want %v and 9", tt.call, grad, loss, err, tt.want)
		}
	}
}
