package picture_test

import (
	"fmt"
	"log"

	"github.com/monge-ml/monge/data/picture"
)

func ExampleFit_Read() {
	pix, shape, err := picture.Fit{Height: 8, Width: 8, Crop: true}.Read("testdata/images/wide.png")
	if err != nil {
		log.Fatal(err)
	}
	x := make([]float32, len(pix)) // what networks take
	picture.Floats(x, pix)
	fmt.Println(len(x), shape)
	// Output: 192 [8 8 3]
}
