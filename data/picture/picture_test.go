package picture

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// expected is what Pillow makes of an image, see testdata/gen_images.py and gen_grey.py.
type expected struct {
	Name                string // only in grey.json
	Width, Height, Size int
	Crop                bool
	Zlib                []byte // rows of its channels, packed
}

// golden reads a file of what Pillow makes.
func golden(t *testing.T, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Files decode to what Pillow decodes.
func TestDecodeAsPillow(t *testing.T) {
	var want map[string][]expected
	golden(t, "images.json", &want)
	for name, all := range want {
		for _, e := range all {
			e.compare(t, name, Fit{Height: e.Size, Width: e.Size, Crop: e.Crop}, 3)
		}
	}
}

// So they do in grey.
func TestGreyAsPillow(t *testing.T) {
	var want []expected
	golden(t, "grey.json", &want)
	for _, e := range want {
		e.compare(t, e.Name, Fit{Height: e.Size, Width: e.Size, Crop: e.Crop, Grey: true}, 1)
	}
}

// compare holds an image beside what Pillow makes of it. The rest of JPEG's difference is that of
// the inverse cosine transform: one level of luma in some 2% of the pixels, none in flat blocks.
// Lossy WebP interpolates with other roundings.
func (e *expected) compare(t *testing.T, name string, f Fit, channels int) {
	t.Helper()
	pix, shape, err := f.Read(filepath.Join("testdata/images", name))
	if err != nil {
		t.Error(err)
		return
	}
	want := unpack(t, e.Zlib)
	if !slices.Equal(shape, []int{e.Height, e.Width, channels}) || len(pix) != len(want) {
		t.Errorf("%s: %d bytes, shape %v, want %d of %dx%dx%d", name, len(pix), shape, len(want), e.Height, e.Width, channels)
		return
	}
	worst, sum := 0., 0.
	for i, v := range want {
		d := math.Abs(float64(pix[i]) - float64(v))
		worst = max(worst, d)
		sum += d
	}
	mostWorst, mostMean := 0., 0.
	switch {
	case strings.HasPrefix(name, "blocks"):
	case strings.HasSuffix(name, ".jpg"):
		mostWorst, mostMean = 2, .15
	case name == "lossy.webp", name == "alpha.webp":
		mostWorst, mostMean = 3, .1
	}
	mean := sum / float64(len(pix))
	t.Logf("%-16s %+v largest difference %.0f, mean %.4f", name, f, worst, mean)
	if !(worst <= mostWorst && mean <= mostMean) {
		t.Errorf("%s, %+v: differs from Pillow by up to %.0f, %.4f in the mean", name, f, worst, mean)
	}
}

// Images are brought to rectangles: squeezed, or covering them and cut.
func TestRectangles(t *testing.T) {
	p := bitmap{8, 4, make([]uint8, 3*8*4)}
	for y := range 4 {
		for x := range 8 {
			copy(p.rgb[3*(8*y+x):], []uint8{uint8(30 * x), uint8(60 * y), 9})
		}
	}
	for _, tt := range []struct {
		fit    Fit
		corner []uint8 // the first pixel
	}{
		{Fit{Height: 4, Width: 2, Crop: true}, []uint8{90, 0, 9}}, // columns 3 and 4
		{Fit{Height: 2, Width: 8, Crop: true}, []uint8{0, 60, 9}}, // rows 1 and 2
		{Fit{Height: 4, Width: 8, Crop: true}, []uint8{0, 0, 9}},  // as it is
		{Fit{Height: 4, Width: 4, Crop: true}, []uint8{60, 0, 9}}, // a square
		{Fit{Height: 8, Width: 4, Crop: true}, []uint8{83, 0, 9}}, // twice as large, columns 6 to 9 of 16: 30 * 2.75
		{Fit{Height: 2, Width: 2}, []uint8{57, 43, 9}},            // squeezed, by triangles of 8 and 4 pixels
	} {
		got, err := p.fit(tt.fit)
		if err != nil || got.h != tt.fit.Height || got.w != tt.fit.Width || len(got.rgb) != 3*got.w*got.h || !slices.Equal(got.rgb[:3], tt.corner) {
			t.Errorf("%+v: %dx%d %v, %v; want %v", tt.fit, got.h, got.w, got.rgb[:3], err, tt.corner)
		}
	}
}

func TestReadErrors(t *testing.T) {
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
		{file("text.jpg", []byte("hello, world")), "no image of a kind that is read (jpeg, png, gif, webp, bmp, tiff, pnm)"},
		{file("cut.jpg", good[:len(good)/2]), "copy it again"},
		{file("huge.jpg", huge), "65535x65535 pixels, over the limit"},
	} {
		if _, _, err := (Fit{}).Read(tt.path); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), filepath.Base(tt.path)) {
			t.Errorf("%s: error %v, want %q", tt.path, err, tt.want)
		}
	}
	for _, f := range []Fit{{Height: 4}, {Width: 4, Crop: true}, {Height: -1, Width: 3}, {Height: 4, Width: MaxSide + 1}} {
		if _, _, err := f.Read("testdata/images/rgb.png"); err == nil || !strings.Contains(err.Error(), "must be between 1 and 4096") {
			t.Errorf("%+v: error %v", f, err)
		}
	}
	// A picture a pixel wide would be resized to millions of pixels.
	thin := bitmap{1, 100000, make([]uint8, 300000)}
	if _, err := thin.fit(Fit{Height: 1000, Width: 1000, Crop: true}); err == nil || !strings.Contains(err.Error(), "too narrow to be brought to size 1000x1000") {
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
	if _, _, err := (Fit{Height: 8, Width: 8}).Read(path); err == nil || !strings.Contains(err.Error(), "is no image to train on") {
		t.Errorf("error %v", err)
	}
}
