package data_test

import (
	"fmt"
	"log"

	"github.com/monge-ml/monge/data"
)

func ExampleOpen() {
	// Or "idx:mnist", "cifar10:DIR", "imagefolder:photos", "csv:FILE?label=kind",
	// "text:FILE", "debian:Packages".
	d, err := data.Open("digits", data.Options{Subset: 200})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range d.Parts() {
		fmt.Println(p.Name, p.Len(), p.Shape)
	}
	// Output:
	// train 200 [8 8 1]
	// val 300 [8 8 1]
	// test 497 [8 8 1]
}

func ExampleHashedWords() {
	a, b := make([]float32, 6), make([]float32, 6)
	data.HashedWords(a, "Hello, world")
	data.HashedWords(b, "HELLO -- world!")
	fmt.Println(a)
	fmt.Println(b)
	// Output:
	// [1 8183 2437 0 0 0]
	// [1 8183 2437 0 0 0]
}
