package align_test

import (
	"fmt"
	"log"

	"github.com/monge-ml/monge/align"
)

func ExampleMutualKNN() {
	// Four images and their captions; the encoders need not agree in dimension.
	images, err := align.NewEmbeddings([]float32{
		1, 0, 0,
		.9, .1, 0,
		0, 1, 0,
		0, 1, .1,
	}, 4, 3)
	if err != nil {
		log.Fatal(err)
	}
	texts, err := align.NewEmbeddings([]float32{
		2, 1,
		2, .5,
		-1, 3,
		2, 2,
	}, 4, 2)
	if err != nil {
		log.Fatal(err)
	}
	s, err := align.MutualKNN(images, texts, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s)
	// Output: 0.75
}
