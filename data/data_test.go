package data

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func example(t *testing.T, s *Set, i int) []float32 {
	t.Helper()
	x := make([]float32, s.ExampleLen())
	if err := s.Read(x, i); err != nil {
		t.Fatal(err)
	}
	return x
}

func TestDigits(t *testing.T) {
	d, err := Digits()
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != 1000 || d.Val.Len() != 300 || d.Test.Len() != 497 || len(d.Classes) != 10 {
		t.Fatalf("split %d / %d / %d of %d classes", d.Train.Len(), d.Val.Len(), d.Test.Len(), len(d.Classes))
	}
	// Facts of the published file: 1,797 rows, whose classes have these sizes and whose
	// pixels sum to 561,718.
	counts, sum := make([]int, 10), 0.
	for _, s := range []*Set{d.Train, d.Val, d.Test} {
		for _, l := range s.Labels {
			counts[l]++
		}
		for i := range s.Len() {
			for _, v := range example(t, s, i) {
				if v < 0 || v > 1 {
					t.Fatalf("pixel %g", v)
				}
				sum += float64(v) * 16
			}
		}
	}
	if want := []int{178, 182, 177, 183, 181, 182, 181, 179, 174, 180}; !slices.Equal(counts, want) {
		t.Errorf("class counts %v, want %v", counts, want)
	}
	if sum != 561718 {
		t.Errorf("pixels sum to %g, want 561718", sum)
	}
}

// No example stands in two splits.
func TestSplitsAreDisjoint(t *testing.T) {
	d, _ := Digits()
	seen := map[string]string{}
	for name, s := range map[string]*Set{"train": d.Train, "val": d.Val, "test": d.Test} {
		for i := range s.Len() {
			var b strings.Builder
			for _, v := range example(t, s, i) {
				b.WriteByte(byte(v * 16))
			}
			if other, ok := seen[b.String()]; ok && other != name {
				t.Fatalf("an example of %s stands in %s", name, other)
			}
			seen[b.String()] = name
		}
	}
}

func TestParseDigitsErrors(t *testing.T) {
	good := strings.Repeat("0,", 64) + "9\n"
	for _, tt := range []struct{ in, want string }{
		{good + strings.Repeat("0,", 64) + "10\n", `line 2, column 65: "10"`},
		{strings.Repeat("17,", 64) + "1\n", `line 1, column 1: "17"`},
		{strings.Repeat("x,", 64) + "1\n", `line 1, column 1: "x"`},
		{strings.Repeat("-1,", 64) + "1\n", `line 1, column 1: "-1"`},
		{good + "1,2\n", "wrong number of fields"},
	} {
		if _, err := parseDigits(strings.NewReader(tt.in)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %v, want %q", err, tt.want)
		}
	}
}

func TestLabelNoise(t *testing.T) {
	d, _ := Digits()
	noisy, err := d.WithNoise(Noise{Labels: .4}, 1)
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for i, l := range noisy.Train.Labels {
		if l != d.Train.Labels[i] {
			changed++
		}
	}
	// 400 are drawn anew, a tenth of them to what they were.
	if changed < 330 || changed > 390 {
		t.Errorf("%d of 1000 labels changed, want about 360", changed)
	}
	if !reflect.DeepEqual(noisy.Test.Labels, d.Test.Labels) || !reflect.DeepEqual(noisy.Val.Labels, d.Val.Labels) {
		t.Error("validation or test labels changed")
	}
	again, _ := d.WithNoise(Noise{Labels: .4}, 1)
	other, _ := d.WithNoise(Noise{Labels: .4}, 2)
	if !slices.Equal(noisy.Train.Labels, again.Train.Labels) || slices.Equal(noisy.Train.Labels, other.Train.Labels) {
		t.Error("the noise is not a function of the seed")
	}
	for _, share := range []float64{-.1, 1.1, math.NaN()} {
		if _, err := d.WithNoise(Noise{Labels: share}, 1); err == nil {
			t.Errorf("a share of %g was accepted", share)
		}
	}
}

func TestPixelDropoutAndCopies(t *testing.T) {
	d, _ := Digits()
	noisy, err := d.WithNoise(Noise{Labels: 1, Pixels: .3, Copies: 3}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if noisy.Train.Len() != 3*d.Train.Len() || noisy.Test.Len() != d.Test.Len() {
		t.Fatalf("%d training and %d test examples", noisy.Train.Len(), noisy.Test.Len())
	}
	clean, x, again := make([]float32, 64), make([]float32, 64), make([]float32, 64)
	kept, zeroed, same := 0, 0, 0
	for i := range noisy.Train.Len() {
		if err := errors.Join(d.Train.Read(clean, i%d.Train.Len()), noisy.Train.Read(x, i), noisy.Train.Read(again, i)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(x, again) {
			t.Fatalf("example %d differs when it is read again", i)
		}
		for j := range x {
			switch {
			case clean[j] == 0:
			case x[j] == clean[j]:
				kept++
			case x[j] == 0:
				zeroed++
			default:
				t.Fatalf("example %d: %g became %g", i, clean[j], x[j])
			}
		}
		if first := i % d.Train.Len(); i != first && noisy.Train.Labels[i] == noisy.Train.Labels[first] {
			same++
		}
	}
	if share := float64(zeroed) / float64(zeroed+kept); math.Abs(share-.3) > .005 {
		t.Errorf("%.3f of the pixels are zeroed, want .3", share)
	}
	// Copies have labels and zeros of their own.
	if share := float64(same) / float64(2*d.Train.Len()); math.Abs(share-.1) > .03 {
		t.Errorf("%.3f of the copies have the first one's label, want .1", share)
	}
	noisy.Train.Read(x, 0)
	noisy.Train.Read(again, d.Train.Len())
	if slices.Equal(x, again) {
		t.Error("copies of an example have the same zeros")
	}
	for _, n := range []Noise{{Pixels: -.1}, {Pixels: 1.1}, {Pixels: math.NaN()}, {Copies: -1}, {Copies: 1 << 60}} {
		if _, err := d.WithNoise(n, 1); err == nil {
			t.Errorf("%+v was accepted", n)
		}
	}
}

func TestOpenUnknown(t *testing.T) {
	if _, err := Open("mnist", Options{}); err == nil || !strings.Contains(err.Error(), `"mnist"; there are digits, idx:DIR`) {
		t.Errorf("error %v", err)
	}
}
