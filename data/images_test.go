package data

import (
	"image/color"
	"slices"
	"strings"
	"testing"
)

// All kinds of images are taken, by their content and in the order of their names.
func TestImageFolderKinds(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, pngOf(t, 2, 1, color.NRGBA{1, 2, 3, 255}), dir, "a", "1.png")
	writeFile(t, []byte("P6 2 1 255\n\x01\x02\x03\x01\x02\x03"), dir, "a", "2.ppm")
	writeFile(t, []byte("P5 2 1 255\n\x07\x07"), dir, "a", "3.PGM")
	writeFile(t, []byte("P4 2 1\n\xc0"), dir, "a", "4.pbm")
	writeFile(t, []byte("P6 2 1 255\n\x01\x02\x03\x01\x02\x03"), dir, "a", "5.jpg") // whatever its name says
	writeFile(t, tiffOf(1, 2, 3), dir, "a", "6.tif")
	writeFile(t, tiffOf(4, 5, 6), dir, "a", "7.TIFF")
	s := mustOpen(t, "imagefolder:"+dir, Options{})
	if s.Train.Len() != 7 || s.Ignored != 0 || !slices.Equal(s.Train.Shape, []int{1, 2, 3}) {
		t.Fatalf("%d images, %d left out, shape %v", s.Train.Len(), s.Ignored, s.Train.Shape)
	}
	for i, want := range [][]uint8{{1, 2, 3}, {1, 2, 3}, {7, 7, 7}, {0, 0, 0}, {1, 2, 3}, {1, 2, 3}, {4, 5, 6}} {
		x := example(t, s.Train, i)
		for c, v := range want {
			if x[c] != float32(v)/255 || x[3+c] != float32(v)/255 {
				t.Errorf("%s: %v, want %v twice", s.Train.Paths[i], x, want)
			}
		}
	}
}

// tiffOf is a TIFF file of 2 x 1 pixels of a colour.
func tiffOf(r, g, b byte) []byte {
	entry := func(tag, kind, n, v byte) []byte { return []byte{tag, 1, kind, 0, n, 0, 0, 0, v, 0, 0, 0} }
	file := []byte("II*\x00\x08\x00\x00\x00\x08\x00")
	for _, e := range [][]byte{
		entry(0, 3, 1, 2), entry(1, 3, 1, 1), entry(2, 3, 1, 8), entry(3, 3, 1, 1), // width, height, bits, compression
		entry(6, 3, 1, 2), entry(17, 4, 1, 110), entry(21, 3, 1, 3), entry(23, 4, 1, 6), // RGB, where, samples, bytes
	} {
		file = append(file, e...)
	}
	return append(file, 0, 0, 0, 0, r, g, b, r, g, b)
}

// Grey is Pillow's, by the spec or the option, and another data set than colour.
func TestImageFolderGrey(t *testing.T) {
	dir := t.TempDir()
	for i, c := range []color.NRGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {255, 255, 0, 255}} {
		writeFile(t, pngOf(t, 3, 2, c), dir, "a", string(rune('0'+i))+".png")
	}
	colour := mustOpen(t, "imagefolder:"+dir, Options{})
	bySpec, byOption := mustOpen(t, "imagefolder:"+dir+"?channels=1", Options{}), mustOpen(t, "imagefolder:"+dir, Options{Grey: true, Size: Square(4)})
	for i, want := range []float32{76, 150, 226} { // of convert("L")
		a, b := example(t, bySpec.Train, i), example(t, byOption.Train, i)
		if len(a) != 6 || len(b) != 16 || a[5] != want/255 || b[15] != want/255 {
			t.Errorf("image %d: %v and %v, want %g/255", i, a, b, want)
		}
	}
	if !slices.Equal(bySpec.Train.Shape, []int{2, 3, 1}) || !slices.Equal(byOption.Train.Shape, []int{4, 4, 1}) {
		t.Errorf("shapes %v, %v", bySpec.Train.Shape, byOption.Train.Shape)
	}
	f, err := colour.Fingerprint()
	g, err2 := bySpec.Fingerprint()
	if err != nil || err2 != nil || f == g {
		t.Errorf("fingerprints %s and %s, %v %v", f, g, err, err2)
	}
	if _, err := Open("imagefolder:"+dir+"?grey", Options{}); err == nil || !strings.Contains(err.Error(), `unknown setting "grey"; there are channels=1 for grey`) {
		t.Errorf("error %v", err)
	}
	// A folder may have that name.
	writeFile(t, pngOf(t, 3, 2, color.NRGBA{9, 8, 7, 255}), dir+"?channels=1", "b", "x.png")
	if s := mustOpen(t, "imagefolder:"+dir+"?channels=1", Options{}); !slices.Equal(s.Classes, []string{"b"}) || s.Train.Shape[2] != 3 {
		t.Errorf("%q, shape %v", s.Classes, s.Train.Shape)
	}
}
