package data

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"
)

// digitsCSV is the UCI "Optical Recognition of Handwritten Digits" data set, its 1,797
// test images of 8x8 pixels: E. Alpaydin and C. Kaynak (1998), UCI Machine Learning
// Repository, doi:10.24432/C50P49, CC BY 4.0. A row is 64 pixels of 0 to 16 and a label.
//
//go:embed digits.csv.gz
var digitsCSV []byte

// The digits' split, of one fixed permutation: the first to train, the last to test.
const (
	digitsTrain = 1000
	digitsTest  = 497
	digitsSize  = 8
)

var digitsFormat = Format{
	Name: "digits", Info: "the embedded handwritten digits, 8x8",
	Open: func(string, *Options) (*Splits, error) { return Digits() },
}

// Digits returns the handwritten digits that are part of this program: 8x8 images with
// pixels in [0, 1], 1,000 to train, 300 to validate, 497 to test.
var Digits = sync.OnceValues(func() (*Splits, error) {
	z, err := gzip.NewReader(bytes.NewReader(digitsCSV))
	if err != nil {
		return nil, fmt.Errorf("digits: %w", err)
	}
	all, err := parseDigits(z)
	if err != nil {
		return nil, fmt.Errorf("digits: %w", err)
	}
	order := rand.New(rand.NewPCG(1998, 0)).Perm(all.Len())
	s := &Splits{
		Name:  "digits",
		Train: all.Select(order[:digitsTrain]),
		Val:   all.Select(order[digitsTrain : all.Len()-digitsTest]),
		Test:  all.Select(order[all.Len()-digitsTest:]),
	}
	for c := range 10 {
		s.Classes = append(s.Classes, strconv.Itoa(c))
	}
	return s, nil
})

// parseDigits reads rows of 64 pixels of 0 to 16 and a label of 0 to 9.
func parseDigits(r io.Reader) (*Set, error) {
	const pixels = digitsSize * digitsSize
	rows := csv.NewReader(r)
	rows.FieldsPerRecord = pixels + 1
	rows.ReuseRecord = true
	var (
		x      []float32
		labels []int
	)
	for {
		row, err := rows.Read()
		if err == io.EOF {
			return NewSet(x, labels, []int{digitsSize, digitsSize, 1})
		}
		if err != nil {
			return nil, err
		}
		for i, field := range row {
			v, err := strconv.Atoi(field)
			top := 16
			if i == pixels {
				top = 9
			}
			if err != nil || v < 0 || v > top {
				line, _ := rows.FieldPos(i)
				return nil, fmt.Errorf("line %d, column %d: %q is no whole number from 0 to %d", line, i+1, field, top)
			}
			if i == pixels {
				labels = append(labels, v)
			} else {
				x = append(x, float32(v)/16)
			}
		}
	}
}
