package train_test

import (
	"context"
	"fmt"

	"github.com/monge-ml/monge/train"
)

// Train the MLP on handwritten digits with M-SAM.
func Example() {
	config := train.Default()
	config.Method, config.Rho = "m-sam", .3
	config.Epochs = 10
	run, err := train.New(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := run.Do(context.Background(), nil, train.Watch{})
	fmt.Println("test accuracy above 90%:", result.TestAccuracy > .9, err)
	// Output: test accuracy above 90%: true <nil>
}
