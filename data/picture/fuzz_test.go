package picture

import (
	"bytes"
	"image"
	"os"
	"path/filepath"
	"testing"
)

// fuzzSize is the most that fuzzing looks at: larger files find nothing new.
const fuzzSize = 1 << 16

func FuzzPicture(f *testing.F) {
	names, err := filepath.Glob("testdata/images/*")
	if err != nil || len(names) == 0 {
		f.Fatal(names, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, 8, 8, true)
		f.Add(b, 3, 9, true)
		f.Add(b, 0, 0, false)
	}
	f.Fuzz(func(t *testing.T, b []byte, height, width int, crop bool) {
		c, _, err := image.DecodeConfig(bytes.NewReader(b))
		fit := Fit{Height: height, Width: width, Crop: crop}
		if err != nil || c.Width > 1024 || c.Height > 1024 || fit.check() != nil || max(height, width) > 64 || len(b) > fuzzSize {
			return
		}
		p, err := decodePicture(b)
		if err != nil {
			return
		}
		if p, err = p.fit(fit); err != nil {
			return
		}
		if len(p.rgb) != 3*p.w*p.h || !fit.ownSize() && (p.w != width || p.h != height) {
			t.Errorf("%dx%d with %d bytes", p.w, p.h, len(p.rgb))
		}
	})
}

// FuzzChroma interpolates planes of any shape, which files of the corpus seldom have.
func FuzzChroma(f *testing.F) {
	for ratio := range 6 {
		f.Add(uint8(ratio), uint8(5), uint8(3), []byte{1, 200, 3})
	}
	f.Fuzz(func(t *testing.T, ratio, w, h uint8, seed []byte) {
		if w == 0 || h == 0 || len(seed) == 0 || ratio > 5 {
			return
		}
		img := image.NewYCbCr(image.Rect(0, 0, int(w), int(h)), image.YCbCrSubsampleRatio(ratio))
		for i := range img.Cb {
			img.Cb[i], img.Cr[i] = seed[i%len(seed)], seed[i%len(seed)]
		}
		p := bitmap{int(w), int(h), make([]uint8, 3*int(w)*int(h))}
		p.fromYCbCr(img, jpegColours)
		lo, hi := seed[0], seed[0]
		for _, v := range img.Cb {
			lo, hi = min(lo, v), max(hi, v)
		}
		for i := 0; i < len(p.rgb); i += 3 {
			// Interpolation stays between the smallest and the largest sample.
			_, _, low := jpegColours(0, lo, 128)
			_, _, high := jpegColours(0, hi, 128)
			if b := p.rgb[i+2]; b < low || b > high {
				t.Fatalf("blue %d is not between %d and %d", b, low, high)
			}
		}
	})
}
