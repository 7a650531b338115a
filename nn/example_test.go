package nn_test

import (
	"context"
	"fmt"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// A convolutional network of three layers, and one step of M-SAM on it.
func ExampleNewModel() {
	b := nn.NewBuilder()
	model, err := nn.NewModel(b, nn.Sequential{
		b.Conv2d("conv1", 1, 16, 3, nn.ConvOptions{Pad: 1}), nn.ReLU, nn.MaxPool(2, 2, 0),
		b.Conv2d("conv2", 16, 32, 3, nn.ConvOptions{Pad: 1}), nn.ReLU, nn.MaxPool(2, 2, 0),
		nn.Flatten, b.Linear("fc", 32*2*2, 10),
	}, []int{8, 8, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	digits, _ := data.Digits()
	theta := make([]float32, model.Size())
	model.Init(theta, 1)
	base, _ := optim.NewSGD[float32](model.Size(), optim.SGDSettings{LR: optim.Constant(.1), Momentum: .9})
	opt, _ := sam.New(model.Size(), base, sam.Settings[float32]{Rho: sam.Constant(.05), Alpha: 1})
	loader, _ := data.NewLoader(digits.Train, data.LoaderSettings{Batch: 50, Shuffle: true, Seed: 1})
	ctx := context.Background()
	var last sam.Result
	for epoch := range 5 {
		loader.Start(epoch, 0)
		for b, _ := loader.Next(ctx); b != nil; b, _ = loader.Next(ctx) {
			last, err = opt.Step(theta, nn.Minibatch{Model: model, X: b.X, Labels: b.Labels})
		}
	}
	fmt.Println(model.Size(), "parameters, loss below 0.5:", last.Loss < .5, err)
	// Output: 6090 parameters, loss below 0.5: true <nil>
}

// The products of the gradients of two examples, and the gradient of the first alone by its share.
func ExampleModel_Gram() {
	b := nn.NewBuilder()
	model, err := nn.NewModel(b, b.MLP(2, 2), []int{2})
	if err != nil {
		fmt.Println(err)
		return
	}
	theta := make([]float32, model.Size()) // of both classes the probability is a half
	x, y := []float32{1, 0, 0, 1}, nn.Target{Labels: []int{0, 1}}
	grad, k := make([]float32, model.Size()), make([]float64, 2*2)
	if _, err := model.Gram(y, k, grad, theta, x, objective.Call{Weight: 1}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(k)
	y.Shares = []float32{1, 0}
	loss, err := model.GradientOf(y, grad, theta, x, objective.Call{Weight: 1, Perturbed: true})
	fmt.Printf("%.3f %v %v\n", loss, grad, err)
	// Output:
	// [1 -0.5 -0.5 1]
	// 0.693 [-0.5 0 0.5 0 -0.5 0.5] <nil>
}
