package align_test

import (
	"context"
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

func ExampleNewMap() {
	// Images and texts of two kinds; the last number is the modality's.
	var images, texts []float32
	const n = 12
	for i := range n {
		kind := []float32{1, 0}
		if i >= n/2 {
			kind = []float32{0, 1}
		}
		images = append(images, kind[0], kind[1], .01*float32(i), 2)
		texts = append(texts, kind[0], kind[1], -.01*float32(i), -2)
	}
	a, err := align.NewEmbeddings(images, n, 4)
	if err != nil {
		log.Fatal(err)
	}
	b, err := align.NewEmbeddings(texts, n, 4)
	if err != nil {
		log.Fatal(err)
	}
	m, err := align.NewMap(context.Background(), a, b, 1, align.TSNE{Perplexity: 5})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d images and %d texts; the modality had %.0f%% of the variance\n", len(m.Images), len(m.Texts), 100*m.Removed[0])
	// Output: 12 images and 12 texts; the modality had 89% of the variance
}
