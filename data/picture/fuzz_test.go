package picture

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// fuzzSize is the most that fuzzing looks at: larger files find nothing new.
const fuzzSize = 1 << 16

func FuzzPicture(f *testing.F) {
	for _, k := range kinds(f) {
		b := unpack(f, k.File)
		f.Add(b, 8, 8, true)
		f.Add(b, 0, 0, false)
	}
	names, err := filepath.Glob("testdata/images/*")
	if err != nil || len(names) == 0 {
		f.Fatal(names, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, 3, 9, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, height, width int, crop bool) {
		c, err := Header(bytes.NewReader(b))
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
