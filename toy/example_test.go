package toy_test

import (
	"context"
	"fmt"

	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/toy"
)

// The paper's figure 5 in numbers: where SAM and M-SAM end from a grid of starts.
func ExampleDescendAll() {
	for _, name := range []string{"sam", "m-sam"} {
		method, err := sam.Family[float64](name, sam.Params{Rho: sam.Constant(1)})
		if err != nil {
			fmt.Println(err)
			return
		}
		runs, err := toy.DescendAll(context.Background(), toy.Banana{}, toy.Grid(2, 10, -3, 3),
			toy.Settings{Method: method, LR: .01, Steps: 200})
		fmt.Println(name, toy.Ends(toy.Banana{}, runs), err)
	}
	// Output:
	// sam map[(-1,-1):34 (1,1):34 other:0 saddle:32] <nil>
	// m-sam map[(-1,-1):42 (1,1):42 other:0 saddle:16] <nil>
}

// The paper's example of eq. 11: a saddle with curvature ±3 attracts from an effective
// radius of 1/3 on.
func ExampleStableEquilibrium() {
	saddle := []float64{-3, 3}
	fmt.Println(toy.StableEquilibrium(saddle, .3), toy.StableEquilibrium(saddle, .35))
	// Output: false true
}

// Away from the banana's saddle a ball of radius .8 still attracts SAM where it no
// longer attracts M-SAM (figure 4).
func ExampleBall_A() {
	a := make([]float64, 4)
	for _, x := range []float64{.5, .4, .2} {
		toy.Ball{Rho: .8}.A(a, toy.Banana{}, []float64{x, -x})
		sam := toy.Attractor(a)
		toy.Ball{Rho: .8, Alpha: 1}.A(a, toy.Banana{}, []float64{x, -x})
		fmt.Println(x, sam, toy.Attractor(a))
	}
	// Output:
	// 0.5 true false
	// 0.4 true false
	// 0.2 true true
}
