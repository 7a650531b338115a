package weights

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func tensorsOf(specs ...Spec) []Tensor {
	var out []Tensor
	for _, s := range specs {
		out = append(out, Tensor{Name: s.Name, DType: F32, Shape: s.Shape})
	}
	return out
}

func TestMatch(t *testing.T) {
	want := []Spec{{"conv.weight", []int{3, 2}}, {"fc.weight", []int{10, 3}}, {"fc.bias", []int{10}}}
	have := tensorsOf(Spec{"fc.bias", []int{10}}, Spec{"fc.weight", []int{10, 3}}, Spec{"conv.weight", []int{3, 2}})
	p, err := Match(want, have)
	if err != nil || !slices.Equal(p.From, []int{2, 1, 0}) {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := Match(nil, nil); err != nil || len(p.From) != 0 {
		t.Errorf("nothing: %+v, %v", p, err)
	}
}

func TestMatchAllows(t *testing.T) {
	want := []Spec{{"conv.weight", []int{3, 2}}, {"fc.weight", []int{10, 3}}, {"fc.bias", []int{10}}, {"new", nil}}
	have := tensorsOf(Spec{"conv.weight", []int{3, 2}}, Spec{"bn.num_batches_tracked", nil}, Spec{"fc.weight", []int{1000, 3}}, Spec{"fc.bias", []int{1000}})
	p, err := Match(want, have, MatchOptions{Missing: []string{"new"}, MisShaped: []string{"fc.*"}}, MatchOptions{Unexpected: []string{"*.num_batches_tracked"}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.From, []int{0, -1, -1, -1}) || !slices.Equal(p.Missing, []string{"new"}) ||
		!slices.Equal(p.Unexpected, []string{"bn.num_batches_tracked"}) || !slices.Equal(p.MisShaped, []string{"fc.weight", "fc.bias"}) {
		t.Errorf("%+v", p)
	}
	if _, err := Match(want, have, MatchOptions{Missing: []string{"[x"}}); err == nil || !strings.Contains(err.Error(), `"[x"`) {
		t.Errorf("pattern: %v", err)
	}
}

func TestMatchErrors(t *testing.T) {
	want := []Spec{{"layer1.0.conv1.weight", []int{16, 3, 3, 3}}, {"layer1.0.bn1.weight", []int{16}}, {"fc.weight", []int{10, 64}}, {"fc.bias", []int{10}}}
	have := tensorsOf(Spec{"layers.1.0.conv1.weight", []int{16, 3, 3, 3}}, Spec{"layer1.0.bn1.weight", []int{16}},
		Spec{"fc.weight", []int{100, 64}}, Spec{"fc.bias", []int{10}}, Spec{"evil\x1b[2J", []int{1}})
	have[3].DType = I64
	_, err := Match(want, have)
	const says = `the weights don't fit the model: of 4 tensors wanted and 5 there, 1 missing, 2 unexpected, 2 of another shape
  missing     layer1.0.conv1.weight (16x3x3x3); nearest in the file: layers.1.0.conv1.weight (16x3x3x3)
  unexpected  layers.1.0.conv1.weight (16x3x3x3); nearest in the model: layer1.0.conv1.weight (16x3x3x3)
  unexpected  "evil\x1b[2J" (1)
  shape       fc.weight is 100x64 in the file, the model wants 10x64
  shape       fc.bias holds integers (I64) in the file, the model wants floats
choose the model that the weights were made for, or rename the tensors before they are saved`
	if err == nil || err.Error() != says {
		t.Errorf("error\n%v\nwant\n%s", err, says)
	}
	if _, err := Match([]Spec{{"a", nil}, {"a", nil}}, nil); err == nil || !strings.Contains(err.Error(), "wants two") {
		t.Errorf("wanted twice: %v", err)
	}
	if _, err := Match(nil, tensorsOf(Spec{"a", nil}, Spec{"a", nil})); err == nil || !strings.Contains(err.Error(), "two tensors") {
		t.Errorf("there twice: %v", err)
	}
}

// Many differences of long names are one error of bounded length, soon.
func TestMatchMany(t *testing.T) {
	var want []Spec
	var have []Tensor
	for i := range 5000 {
		want = append(want, Spec{fmt.Sprintf("%s%d", strings.Repeat("w", 80), i), []int{1}})
		have = append(have, tensorsOf(Spec{fmt.Sprintf("%s%d", strings.Repeat("v", 40+i%60), i), []int{1}})...)
	}
	start := time.Now()
	_, err := Match(want, have)
	if err == nil || len(err.Error()) > 20000 || !strings.Contains(err.Error(), "and 4988 more missing") {
		t.Errorf("%.300v", err)
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"same", "same", 0}, {"abc", "", 3}} {
		for limit := range 10 {
			got := distance(c.a, c.b, limit)
			if got != c.want && (c.want <= limit || got <= limit) {
				t.Errorf("distance(%q, %q, %d) = %d, want %d", c.a, c.b, limit, got, c.want)
			}
		}
	}
}

func TestShow(t *testing.T) {
	for in, want := range map[string]string{
		"conv1.weight": "conv1.weight", "": `""`, "a b": `"a b"`, "\x1b[0m": `"\x1b[0m"`, "é": `"\u00e9"`,
		strings.Repeat("é", 100): `"` + strings.Repeat(`\u00e9`, 60) + `..."`,
	} {
		if got := show(in); got != want {
			t.Errorf("show(%q) = %s, want %s", in, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", -123: "-123"} {
		if got := commas(n); got != want {
			t.Errorf("commas(%d) = %s", n, got)
		}
	}
}
