package data_test

import (
	"context"
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

// Labels of a table are matched with the classes of a network by what they are called, or by their
// values, and not by their order.
func ExampleSplits_Matched() {
	set, err := data.NewSet([]float32{.5, .25, .75}, []int{0, 1, 1}, []int{1})
	if err != nil {
		log.Fatal(err)
	}
	s := &data.Splits{Classes: []string{"1.0", "0.0"}, Test: set}
	s, err = s.Matched([]string{"0", "1", "2"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Classes, s.Test.Labels)
	// Output: [0 1 2] [1 0 0]
}

// Reading every example once tells what is damaged, and what the data are.
func ExampleSplits_Scan() {
	s, err := data.Open("digits", data.Options{})
	if err != nil {
		log.Fatal(err)
	}
	scan, err := s.Scan(context.Background(), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(scan.Damaged), "damaged; classes", scan.Items["classes"])
	// Output: 0 damaged; classes "0" "1" "2" "3" "4" "5" "6" "7" "8" "9"
}
