package tokenizer_test

import (
	"fmt"
	"log"

	"github.com/monge-ml/monge/tokenizer"
)

// The directory is one that has vocab.json and merges.txt of a CLIP model; this one has a
// few merges only.
func Example() {
	t, err := tokenizer.Open("testdata/small")
	if err != nil {
		log.Fatal(err)
	}
	caption, err := t.Encode("A photo of a cat", 12)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(caption.IDs)
	fmt.Println(caption.Mask())
	fmt.Println("features are those of token", caption.End)
	fmt.Println(t.Decode(caption.IDs))
	// Output:
	// [1212 320 1125 539 320 66 536 1213 1213 1213 1213 1213]
	// [1 1 1 1 1 1 1 1 0 0 0 0]
	// features are those of token 7
	// a photo of a cat
}
