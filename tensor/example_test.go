package tensor_test

import (
	"fmt"

	"github.com/monge-ml/monge/tensor"
)

// cube is an operation of one's own: x³, elementwise.
type cube struct{}

func (cube) Name() string { return "cube" }

func (cube) Shape(in ...*tensor.Tensor) ([]int, error) {
	if len(in) != 1 {
		return nil, fmt.Errorf("got %d inputs, want 1", len(in))
	}
	return in[0].Shape(), nil
}

func (cube) Forward(out *tensor.Tensor, in ...*tensor.Tensor) {
	for i, x := range in[0].Data {
		out.Data[i] = x * x * x
	}
}

func (cube) Backward(out *tensor.Tensor, in ...*tensor.Tensor) {
	for i, x := range in[0].Data {
		in[0].Grad[i] += 3 * x * x * out.Grad[i]
	}
}

func ExampleTape_Apply() {
	x, err := tensor.Parameter(3)
	if err != nil {
		fmt.Println(err)
		return
	}
	grad := make([]float32, 3)
	x.Bind([]float32{1, 2, 3}, grad, false)

	tape := tensor.NewTape()
	tape.Reset(tensor.Train)
	loss := tape.Sum(tape.Apply(cube{}, x))
	fmt.Println("loss", loss.Data[0])
	if err := tape.Backward(loss, 1); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("gradient", grad)
	// Output:
	// loss 36
	// gradient [3 12 27]
}
