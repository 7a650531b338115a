package data_test

import (
	"context"
	"fmt"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
)

// Two epochs of minibatches, moved by up to a pixel and normalized.
func ExampleNewLoader() {
	digits, err := data.Digits()
	if err != nil {
		fmt.Println(err)
		return
	}
	normalize, err := picture.ParseNormalization("mean=.305:std=.376")
	if err != nil {
		fmt.Println(err)
		return
	}
	loader, err := data.NewLoader(digits.Train, data.LoaderSettings{Batch: 64, Shuffle: true, Seed: 1,
		Augment: data.Augment{Pad: 1}, Normalize: normalize})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer loader.Close()
	for epoch := 1; epoch <= 2; epoch++ {
		loader.Start(epoch, 0)
		examples := 0
		for {
			batch, err := loader.Next(context.Background())
			if err != nil {
				fmt.Println(err)
				return
			}
			if batch == nil {
				break
			}
			examples += len(batch.Labels)
		}
		fmt.Println("epoch", epoch, "-", loader.PerEpoch(), "minibatches,", examples, "examples")
	}
	// Output:
	// epoch 1 - 16 minibatches, 1000 examples
	// epoch 2 - 16 minibatches, 1000 examples
}
