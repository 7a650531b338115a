package data_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/data"
)

// openStripes makes images of stripes: what follows the colon is how many.
func openStripes(place string, _ *data.Options) (*data.Splits, error) {
	n := len(place)
	labels := make([]int, n)
	x := make([]float32, 4*n)
	for i := range labels {
		labels[i] = i % 2
		x[4*i+labels[i]], x[4*i+2+labels[i]] = 1, 1
	}
	set, err := data.NewSet(x, labels, []int{2, 2, 1})
	if err != nil {
		return nil, err
	}
	return &data.Splits{Classes: []string{"left", "right"}, Train: set}, nil
}

func init() {
	data.Register(data.Format{Name: "stripes", Place: "MARKS", Info: "two by two pixels", Open: openStripes})
	data.Register(data.Format{Name: "mislabelled", Place: "MARKS", Open: func(place string, o *data.Options) (*data.Splits, error) {
		s, err := openStripes(place, o)
		s.Classes = s.Classes[:1]
		return s, err
	}})
	data.Register(data.Format{Name: "nothing", Open: func(string, *data.Options) (*data.Splits, error) { return nil, nil }})
}

// A format of a user's own is opened by its name, with the options of all.
func TestRegister(t *testing.T) {
	s, err := data.Open("stripes:xxxxxxxx", data.Options{Subset: 4, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "stripes:xxxxxxxx" || s.Train.Len() != 4 || !slices.Equal(s.Train.Counts(2), []int{2, 2}) {
		t.Errorf("%+v", s)
	}
	if specs := data.Specs(); specs[0] != "digits" || !slices.Contains(specs, "stripes:MARKS") || len(specs) != len(data.Formats()) {
		t.Errorf("%q", specs)
	}
	for spec, want := range map[string]string{
		"stripes":         "it is written stripes:MARKS",
		"stripe:x":        "stripes:MARKS",
		"mislabelled:xxx": "mislabelled:xxx: example 1 of the train split has label 1; there are 1 classes",
		"nothing":         "nothing: its format returned no split",
		"stripes:":        "it is written stripes:MARKS",
	} {
		if _, err := data.Open(spec, data.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", spec, err, want)
		}
	}
}

func TestRegisterTwice(t *testing.T) {
	defer func() {
		if s := fmt.Sprint(recover()); !strings.Contains(s, `"idx" was registered twice`) {
			t.Errorf("panic %q", s)
		}
	}()
	data.Register(data.Format{Name: "idx", Place: "DIR", Open: openStripes})
}
