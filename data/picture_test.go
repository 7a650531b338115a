package data

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// expected is what Pillow makes of an image, see testdata/gen_images.py.
type expected struct {
	Width, Height, Size int
	Crop                bool
	Zlib                []byte // rows of red, green and blue, packed
}

func (e *expected) rgb(t testing.TB) []byte {
	t.Helper()
	r, err := zlib.NewReader(bytes.NewReader(e.Zlib))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil || len(b) != 3*e.Width*e.Height {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	return b
}

func pillow(t testing.TB) map[string][]expected {
	t.Helper()
	b, err := os.ReadFile("testdata/images.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]expected
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	return want
}

// Files decode to what Pillow decodes. The rest of JPEG's difference is that of the inverse
// cosine transform: one level of luma in some 2% of the pixels, none in flat blocks. Lossy
// WebP interpolates with other roundings.
func TestDecodeAsPillow(t *testing.T) {
	for name, all := range pillow(t) {
		for _, want := range all {
			x, shape, err := DecodeImage(filepath.Join("testdata/images", name), Square(want.Size), want.Crop)
			if err != nil {
				t.Error(err)
				continue
			}
			if !slices.Equal(shape, []int{want.Height, want.Width, 3}) {
				t.Errorf("%s: shape %v, want %dx%d", name, shape, want.Height, want.Width)
				continue
			}
			worst, sum := 0., 0.
			for i, v := range want.rgb(t) {
				d := math.Abs(float64(x[i])*255 - float64(v))
				worst = max(worst, d)
				sum += d
			}
			mostWorst, mostMean := 1e-4, 1e-4
			switch {
			case strings.HasPrefix(name, "blocks"):
			case strings.HasSuffix(name, ".jpg"):
				mostWorst, mostMean = 2.01, .15
			case name == "lossy.webp", name == "alpha.webp":
				mostWorst, mostMean = 3.01, .1
			}
			mean := sum / float64(len(x))
			t.Logf("%-16s size %d crop %-5v largest difference %.0f, mean %.4f", name, want.Size, want.Crop, worst, mean)
			if !(worst <= mostWorst && mean <= mostMean) {
				t.Errorf("%s (size %d, crop %v): differs from Pillow by up to %.0f, %.4f in the mean", name, want.Size, want.Crop, worst, mean)
			}
		}
	}
}

// At every luma and chroma, libjpeg's colours are JFIF's formula rounded, within one level.
func TestColours(t *testing.T) {
	for y := range 256 {
		for c := range 256 {
			for _, c2 := range []int{0, 77, 128, 200, 255} {
				r, g, b := jpegColours(uint8(y), uint8(c), uint8(c2))
				u, v := float64(c)-128, float64(c2)-128
				for i, want := range []float64{float64(y) + 1.402*v, float64(y) - .344136*u - .714136*v, float64(y) + 1.772*u} {
					if got := float64([]uint8{r, g, b}[i]); math.Abs(got-min(max(want, 0), 255)) > .51 {
						t.Fatalf("channel %d of %v is %g, want %.2f", i, color.YCbCr{uint8(y), uint8(c), uint8(c2)}, got, want)
					}
				}
			}
		}
	}
}

func TestDecodeImageErrors(t *testing.T) {
	dir := t.TempDir()
	good, err := os.ReadFile("testdata/images/photo420.jpg")
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	huge := slices.Clone(good)
	at := strings.Index(string(good), "\xff\xc0") // height and width
	copy(huge[at+5:], "\xff\xff\xff\xff")
	for _, tt := range []struct{ path, want string }{
		{filepath.Join(dir, "none.jpg"), "none.jpg"},
		{file("empty.jpg", nil), "the file is empty"},
		{file("text.jpg", []byte("hello, world")), "neither jpeg, png, gif, webp nor bmp"},
		{file("cut.jpg", good[:len(good)/2]), "copy it again"},
		{file("huge.jpg", huge), "65535x65535 pixels, over the limit"},
	} {
		if _, _, err := DecodeImage(tt.path, Size{}, false); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), filepath.Base(tt.path)) {
			t.Errorf("%s: error %v, want %q", tt.path, err, tt.want)
		}
	}
	// A picture a pixel wide would be resized to millions of pixels.
	thin := bitmap{1, 100000, make([]uint8, 300000)}
	if _, err := thin.fit(Square(1000), true); err == nil || !strings.Contains(err.Error(), "too narrow") {
		t.Errorf("error %v", err)
	}
}

// A huge file is refused by its size, before it is read.
func TestHugePicture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.png")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skip(err) // no sparse files here
	}
	if _, _, err := DecodeImage(path, Square(8), false); err == nil || !strings.Contains(err.Error(), "is no image to train on") {
		t.Errorf("error %v", err)
	}
}
