package optim_test

import (
	"fmt"

	"github.com/monge-ml/monge/optim"
)

func ExampleNewAdamW() {
	settings := optim.DefaultAdam(optim.Warmup{Steps: 10, Then: optim.Cosine{From: .1, Steps: 190}})
	settings.WeightDecay = .01
	opt, err := optim.NewAdamW[float64](2, settings)
	if err != nil {
		fmt.Println(err)
		return
	}
	theta := []float64{3, -4}
	for range 200 {
		grad := []float64{2 * theta[0], 2 * theta[1]} // of |theta|²
		if err := opt.Step(theta, grad); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Printf("learning rate %.0f, |theta|² < 0.01: %v\n", opt.LR(), theta[0]*theta[0]+theta[1]*theta[1] < .01)
	// Output: learning rate 0, |theta|² < 0.01: true
}

func ExampleNewSGD_error() {
	_, err := optim.NewSGD[float32](10, optim.SGDSettings{LR: optim.Constant(.1), Nesterov: true})
	fmt.Println(err)
	// Output: sgd: a Nesterov step needs a momentum and no dampening
}
