package picture

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Normalization maps pixels in [0, 1] to what a network was trained on:
// (x - Mean)/Std by channel. The zero value is the identity.
//
// As text (also in JSON and TOML) it is one string: see [ParseNormalization].
type Normalization struct {
	Name      string    // of a preset, or ""
	Mean, Std []float32 // by channel
}

// presets are the mean and standard deviation of all pixels of the training images, as
// published with the networks that were trained on them; imagenet's are torchvision's.
var presets = []Normalization{
	{"cifar10", []float32{.4914, .4822, .4465}, []float32{.2470, .2435, .2616}},
	{"cifar100", []float32{.5071, .4865, .4409}, []float32{.2673, .2564, .2762}},
	{"imagenet", []float32{.485, .456, .406}, []float32{.229, .224, .225}},
	{"mnist", []float32{.1307}, []float32{.3081}},
	{"fashion-mnist", []float32{.2860}, []float32{.3530}},
}

// NormalizationNames are the names that [ParseNormalization] knows.
var NormalizationNames = func() []string {
	names := []string{"none"}
	for _, p := range presets {
		names = append(names, p.Name)
	}
	return names
}()

// ParseNormalization reads one of [NormalizationNames], or numbers by channel as in
// "mean=.5,.5,.5:std=.25,.25,.25".
func ParseNormalization(s string) (Normalization, error) {
	if s == "none" {
		return Normalization{}, nil
	}
	for _, p := range presets {
		if s == p.Name {
			return p.Clone(), nil
		}
	}
	mean, std, ok := strings.Cut(s, ":")
	mean, isMean := strings.CutPrefix(mean, "mean=")
	std, isStd := strings.CutPrefix(std, "std=")
	if !ok || !isMean || !isStd {
		return Normalization{}, fmt.Errorf("unknown normalization %q; there are %s, and numbers by channel as in mean=.5,.5,.5:std=.25,.25,.25",
			s, strings.Join(NormalizationNames, ", "))
	}
	var (
		n   Normalization
		err error
	)
	if n.Mean, err = parseNumbers(mean); err == nil {
		n.Std, err = parseNumbers(std)
	}
	if err == nil {
		err = n.check()
	}
	if err != nil {
		return Normalization{}, fmt.Errorf("normalization %q: %w", s, err)
	}
	return n, nil
}

func parseNumbers(s string) ([]float32, error) {
	var out []float32
	for field := range strings.SplitSeq(s, ",") {
		v, err := strconv.ParseFloat(field, 32)
		if err != nil {
			return nil, fmt.Errorf("%q is no number", field)
		}
		out = append(out, float32(v))
	}
	return out, nil
}

// String returns what [ParseNormalization] reads.
func (n Normalization) String() string {
	switch {
	case n.Name != "":
		return n.Name
	case len(n.Mean) == 0 && len(n.Std) == 0:
		return "none"
	}
	return "mean=" + joinNumbers(n.Mean) + ":std=" + joinNumbers(n.Std)
}

func joinNumbers(x []float32) string {
	fields := make([]string, len(x))
	for i, v := range x {
		fields[i] = strconv.FormatFloat(float64(v), 'g', -1, 32)
	}
	return strings.Join(fields, ",")
}

// MarshalText returns what String returns.
func (n Normalization) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads what [ParseNormalization] reads.
func (n *Normalization) UnmarshalText(text []byte) error {
	got, err := ParseNormalization(string(text))
	if err == nil {
		*n = got
	}
	return err
}

// check returns an error for numbers that do not normalize.
func (n Normalization) check() error {
	if len(n.Mean) != len(n.Std) {
		return fmt.Errorf("%d means and %d standard deviations; there must be one of each by channel", len(n.Mean), len(n.Std))
	}
	for c, std := range n.Std {
		mean := float64(n.Mean[c])
		if !(math.Abs(mean) <= math.MaxFloat32) {
			return fmt.Errorf("the mean of channel %d is %g; it must be finite", c, mean)
		}
		if !(std > 0 && std <= math.MaxFloat32) {
			return fmt.Errorf("the standard deviation of channel %d is %g; it must be positive and finite", c, std)
		}
		if (1+math.Abs(mean))/float64(std) > math.MaxFloat32 {
			return fmt.Errorf("the standard deviation of channel %d is %g; pixels divided by it are infinite", c, std)
		}
	}
	if i := slices.IndexFunc(presets, func(p Normalization) bool { return p.Name == n.Name }); n.Name != "" &&
		(i < 0 || !slices.Equal(n.Mean, presets[i].Mean) || !slices.Equal(n.Std, presets[i].Std)) {
		return fmt.Errorf("normalization %q has not the numbers of a preset of this name; leave the name empty", n.Name)
	}
	return nil
}

// CheckFor returns an error for examples of a shape that n cannot normalize.
func (n Normalization) CheckFor(shape []int) error {
	if err := n.check(); err != nil {
		return err
	}
	if channels := shape[len(shape)-1]; len(n.Mean) != 0 && len(n.Mean) != channels {
		return fmt.Errorf("normalization %s is for %d channels; examples of shape %v have %d", n, len(n.Mean), shape, channels)
	}
	return nil
}

// Clone returns a copy whose numbers are nobody else's.
func (n Normalization) Clone() Normalization {
	return Normalization{n.Name, slices.Clone(n.Mean), slices.Clone(n.Std)}
}

// Apply normalizes pixels, channels last; their number must be a multiple of the channels'.
func (n Normalization) Apply(x []float32) {
	if len(n.Mean) == 0 {
		return
	}
	for ; len(x) > 0; x = x[len(n.Mean):] {
		for c, mean := range n.Mean {
			x[c] = (x[c] - mean) / n.Std[c]
		}
	}
}
