package sam_test

import (
	"fmt"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// Minimise a function of one's own with M-SAM: the banana (1 - xy)² from a point where
// plain SAM ends at the saddle (0, 0).
func Example() {
	banana := func(grad, theta []float64) float64 {
		x, y := theta[0], theta[1]
		r := 1 - x*y
		grad[0], grad[1] = -2*r*y, -2*r*x
		return r * r
	}
	theta := []float64{-1.5, .5}
	base, _ := optim.NewSGD[float64](2, optim.SGDSettings{LR: optim.Constant(.01)})
	opt, _ := sam.New(2, base, sam.Settings[float64]{Rho: sam.Constant(1), Alpha: 1})
	for range 200 {
		if _, err := opt.Step(theta, sam.Func(banana)); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Printf("%.2f\n", theta)
	// Output: [-0.95 -0.94]
}

func ExampleFamily() {
	_, err := sam.Family[float32]("fisher", sam.Params{Rho: sam.Constant(.05), AscentBudget: sam.Constant(.1)})
	fmt.Println(err)
	// Output: method fisher has no ascent budget: it is for m-sam and le-sam
}

// The methods by name, and what each has a use for.
func ExampleMethods() {
	for _, m := range sam.Methods()[:5] {
		fmt.Printf("%-10s alpha: %-5t eta: %t\n", m.Label, m.Has("alpha"), m.Has("eta"))
	}
	// Output:
	// none       alpha: false eta: false
	// SAM        alpha: false eta: false
	// M-SAM      alpha: true  eta: false
	// Fisher SAM alpha: false eta: true
	// ASAM       alpha: false eta: true
}

// A step reports what it saw: with an ascent budget the predicted rise of the loss
// never exceeds it, however large the radius.
func ExampleStepper_Step() {
	steep := func(grad, theta []float64) float64 {
		grad[0] = 200 * theta[0]
		return 100 * theta[0] * theta[0]
	}
	base, _ := optim.NewSGD[float64](1, optim.SGDSettings{LR: optim.Constant(.001)})
	opt, _ := sam.New(1, base, sam.Settings[float64]{Rho: sam.Constant(10), AscentBudget: sam.Constant(.5)})
	r, err := opt.Step([]float64{1}, sam.Func(steep))
	fmt.Printf("|g| %.0f, |delta| %.4f, predicted rise %.3f, actual %.3f, %v\n",
		r.GradNorm, r.DeltaNorm, r.PredictedAscent, r.Ascent(), err)
	// Output: |g| 200, |delta| 0.0025, predicted rise 0.500, actual 0.501, <nil>
}

// A published method is three choices by name, of which one can be another: GSAM's descent with M-SAM's perturbation.
func ExampleMethod_With() {
	gsam, _ := sam.FindMethod("gsam")
	m, err := gsam.With("", "monge", "")
	fmt.Println(m.Label, m.Direction, m.Length, m.Descent, m.Gradients(nil, 0), err)
	momentum, _ := sam.FindMethod("momentum-sam")
	_, err = momentum.With("", "", "gap")
	fmt.Println(err)
	// Output:
	// GSAM, length monge gradient monge gap 2 <nil>
	// descent gap needs the gradient at theta, which direction momentum does without; choose another direction, or another descent
}
