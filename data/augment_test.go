package data

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/kernel"
)

// torchvision is what testdata/gen_torchvision.py writes.
type torchvision struct {
	Height, Width int
	Image         []float32
	Cases         []struct {
		Down, Right        int
		Flip               bool
		Pixels, Normalized []float32
	}
	ImagenetMean []float32 `json:"imagenet_mean"`
	ImagenetStd  []float32 `json:"imagenet_std"`
}

func readTorchvision(t *testing.T) (v torchvision) {
	t.Helper()
	b, err := os.ReadFile("testdata/torchvision.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// pixels maps 0 to 255 to 0 to 1.
func pixels(bytes []float32) []float32 {
	out := slices.Clone(bytes)
	for i := range out {
		out[i] /= 255
	}
	return out
}

func TestCropFlipNormalizeBesideTorchvision(t *testing.T) {
	want := readTorchvision(t)
	norm, _ := picture.ParseNormalization("cifar10")
	for _, tt := range want.Cases {
		d := draws{down: tt.Down, right: tt.Right, flip: tt.Flip}
		t.Run(fmt.Sprintf("%+v", d), func(t *testing.T) {
			a := Augment{Pad: 2, Flip: true}
			got := pixels(want.Image)
			a.vary(got, want.Height, want.Width, 3, d, picture.Normalization{})
			if !slices.Equal(got, pixels(tt.Pixels)) {
				t.Errorf("pixels\n%v, want\n%v", got, pixels(tt.Pixels))
			}
			got = pixels(want.Image)
			a.vary(got, want.Height, want.Width, 3, d, norm)
			if !slices.Equal(got, tt.Normalized) {
				t.Errorf("normalized\n%v, want\n%v", got, tt.Normalized)
			}
		})
	}
}

func TestImagenetPresetBesideTorchvision(t *testing.T) {
	n, _ := picture.ParseNormalization("imagenet")
	if want := readTorchvision(t); !slices.Equal(n.Mean, want.ImagenetMean) || !slices.Equal(n.Std, want.ImagenetStd) {
		t.Errorf("%v %v, torchvision has %v %v", n.Mean, n.Std, want.ImagenetMean, want.ImagenetStd)
	}
}

// pictureOf turns lines of digits into an image of one channel.
func pictureOf(lines string) (img []float32) {
	for _, r := range strings.ReplaceAll(lines, " ", "") {
		img = append(img, float32(r-'0'))
	}
	return img
}

func TestVaryByHand(t *testing.T) {
	const image = "123 456 789"
	shifted := picture.Normalization{Mean: []float32{5}, Std: []float32{1}}
	for _, tt := range []struct {
		name string
		a    Augment
		d    draws
		n    picture.Normalization
		want []float32
	}{
		{"nothing", Augment{}, draws{}, picture.Normalization{}, pictureOf(image)},
		{"down", Augment{}, draws{down: 1}, picture.Normalization{}, pictureOf("456 789 000")},
		{"up and right", Augment{}, draws{down: -2, right: 1}, picture.Normalization{}, pictureOf("000 000 230")},
		{"left", Augment{}, draws{right: -1}, picture.Normalization{}, pictureOf("012 045 078")},
		{"flip", Augment{}, draws{flip: true}, picture.Normalization{}, pictureOf("321 654 987")},
		{"crop, then flip", Augment{}, draws{right: 1, flip: true}, picture.Normalization{}, pictureOf("032 065 098")},
		{"cutout 1", Augment{Cutout: 1}, draws{y: 1, x: 2}, picture.Normalization{}, pictureOf("123 450 789")},
		{"cutout 2", Augment{Cutout: 2}, draws{y: 1, x: 2}, picture.Normalization{}, pictureOf("100 400 789")},
		{"cutout 2, clipped", Augment{Cutout: 2}, draws{}, picture.Normalization{}, pictureOf("023 456 789")},
		{"cutout 3, clipped", Augment{Cutout: 3}, draws{y: 2, x: 2}, picture.Normalization{}, pictureOf("123 400 700")},
		{"cutout all", Augment{Cutout: 3}, draws{y: 1, x: 1}, picture.Normalization{}, make([]float32, 9)},
		// The border of a crop is black, -5 here; the square of a cutout is the mean.
		{"cutout after normalization", Augment{Cutout: 1}, draws{down: 1, y: 0, x: 1}, shifted,
			[]float32{-1, 0, 1, 2, 3, 4, -5, -5, -5}},
	} {
		img := pictureOf(image)
		if tt.a.vary(img, 3, 3, 1, tt.d, tt.n); !slices.Equal(img, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, img, tt.want)
		}
	}
}

// chiSquare fails if counts are unlikely (one in ten thousand) to be of equal chances.
func chiSquare(t *testing.T, what string, counts map[[2]int]int, cells, n int) {
	t.Helper()
	want, sum := float64(n)/float64(cells), 0.
	for _, c := range counts {
		sum += (float64(c) - want) * (float64(c) - want) / want
	}
	sum += want * float64(cells-len(counts))
	if most := (distuv.ChiSquared{K: float64(cells - 1)}).Quantile(1 - 1e-4); len(counts) != cells || sum > most {
		t.Errorf("%s: %d of %d cells, chi-square %.1f, at most %.1f was expected", what, len(counts), cells, sum, most)
	}
}

func TestDrawsAreUniform(t *testing.T) {
	const h, w, pad = 8, 6, 3
	a := Augment{Pad: pad, Flip: true, Cutout: 2}
	crops, centres, flips, n := map[[2]int]int{}, map[[2]int]int{}, map[[2]int]int{}, 0
	for epoch := range 20 {
		key := epochKey(7, augmentStream, epoch)
		for place := range 1000 {
			d := a.draw(kernel.Mix(key, uint64(place)), h, w)
			crops[[2]int{d.down, d.right}]++
			centres[[2]int{d.y, d.x}]++
			flip := 0
			if d.flip {
				flip = 1
			}
			flips[[2]int{flip, d.down}]++ // independently of the crop
			n++
			if max(d.down, d.right, -d.down, -d.right) > pad {
				t.Fatalf("a crop at %d, %d with padding %d", d.down, d.right, pad)
			}
		}
	}
	chiSquare(t, "crops", crops, (2*pad+1)*(2*pad+1), n)
	chiSquare(t, "centres", centres, h*w, n)
	chiSquare(t, "flips", flips, 2*(2*pad+1), n)
}

// What one augmentation draws does not depend on the others.
func TestDrawsAreIndependent(t *testing.T) {
	all := Augment{Pad: 2, Flip: true, Cutout: 3}
	for key := range uint64(50) {
		d := all.draw(key, 8, 8)
		if got := (Augment{Flip: true}).draw(key, 8, 8); got.flip != d.flip {
			t.Fatal("a flip depends on other augmentations")
		}
		if got := (Augment{Pad: 2}).draw(key, 8, 8); got.down != d.down || got.right != d.right || got.flip {
			t.Fatal("a crop depends on other augmentations")
		}
	}
}

// The share of mixup has the distribution of Beta(a, a): its largest distance from what
// gonum computes is what Kolmogorov's test allows at one in a thousand.
func TestMixupShareIsBeta(t *testing.T) {
	const n = 4000
	for _, a := range []float64{.2, 1, 8} {
		m := mixing{partner: make([]int, 1)}
		shares := make([]float64, n)
		for i := range shares {
			m.draw(a, 1, kernel.Mix(epochKey(3, mixupStream, 1), uint64(i)))
			shares[i] = m.lambda
		}
		slices.Sort(shares)
		beta, most := distuv.Beta{Alpha: a, Beta: a}, 0.
		for i, v := range shares {
			cdf := beta.CDF(v)
			most = max(most, cdf-float64(i)/n, float64(i+1)/n-cdf)
		}
		if !(most < 1.95/math.Sqrt(n)) {
			t.Errorf("Beta(%g, %g): distance %.4f, at most %.4f was expected", a, a, most, 1.95/math.Sqrt(n))
		}
	}
	for _, a := range []float64{1e-6, 1e6} {
		m := mixing{partner: make([]int, 1)}
		for key := range uint64(100) {
			if m.draw(a, 1, key); !(m.lambda >= 0 && m.lambda <= 1) {
				t.Fatalf("a share of %g for Beta(%g, %g)", m.lambda, a, a)
			}
		}
	}
}

// Every order of four examples is as likely.
func TestMixupOrderIsUniform(t *testing.T) {
	m := mixing{partner: make([]int, 4)}
	counts, n := map[[2]int]int{}, 24*200
	for key := range n {
		m.draw(1, 4, kernel.Mix(epochKey(3, mixupStream, 1), uint64(key)))
		p := m.partner
		counts[[2]int{10*p[0] + p[1], 10*p[2] + p[3]}]++
	}
	chiSquare(t, "orders", counts, 24, n)
}
