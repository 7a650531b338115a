package data

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/monge-ml/monge/data/picture"
)

// pngOf is a picture of one colour.
func pngOf(t testing.TB, w, h int, c color.NRGBA) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := 0; i < len(img.Pix); i += 4 {
		copy(img.Pix[i:], []uint8{c.R, c.G, c.B, c.A})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// photos is a folder of two classes: cat with images of value 10, 20 and 30, dog with 40.
func photos(t testing.TB, root string) string {
	t.Helper()
	for i, name := range []string{"cat/a.png", "cat/b.PNG", "cat/more/c.png", "dog/a.png"} {
		v := uint8(10 * (i + 1))
		writeFile(t, pngOf(t, 4, 3, color.NRGBA{v, v, 0, 255}), root, name)
	}
	return root
}

func TestImageFolder(t *testing.T) {
	dir := photos(t, t.TempDir())
	writeFile(t, []byte("x"), dir, "cat", ".DS_Store")
	writeFile(t, []byte("x"), dir, ".git", "a.png")
	writeFile(t, []byte("x"), dir, "dog", "notes.txt")
	writeFile(t, []byte("x"), dir, "README.md")
	s := mustOpen(t, "imagefolder:"+dir, Options{})
	if !slices.Equal(s.Classes, []string{"cat", "dog"}) || !slices.Equal(s.Train.Labels, []int{0, 0, 0, 1}) || s.Ignored != 2 || s.Test != nil || !slices.Equal(s.Train.Shape, []int{3, 4, 3}) {
		t.Fatalf("%+v %+v", s, s.Train)
	}
	for i, name := range []string{"cat/a.png", "cat/b.PNG", "cat/more/c.png", "dog/a.png"} {
		if want := filepath.Join(dir, filepath.FromSlash(name)); s.Train.Paths[i] != want {
			t.Errorf("example %d is %s, want %s", i, s.Train.Paths[i], want)
		}
		if x := example(t, s.Train, i); x[3] != float32(10*(i+1))/255 || x[5] != 0 || len(x) != 36 {
			t.Errorf("example %d: %v", i, x)
		}
	}
	if x := example(t, mustOpen(t, "imagefolder:"+dir, Options{Size: Square(7)}).Train, 2); len(x) != 7*7*3 || x[0] != 30./255 {
		t.Errorf("%v", x)
	}
}

func TestImageFolderSplits(t *testing.T) {
	dir := t.TempDir()
	photos(t, filepath.Join(dir, "train"))
	writeFile(t, pngOf(t, 4, 3, color.NRGBA{1, 2, 3, 255}), dir, "test", "dog", "x.png")
	s := mustOpen(t, "imagefolder:"+dir, Options{})
	if s.Train.Len() != 4 || s.Val != nil || !slices.Equal(s.Test.Labels, []int{1}) {
		t.Fatalf("%+v", s)
	}
	writeFile(t, pngOf(t, 4, 3, color.NRGBA{}), dir, "valid", "cat", "x.png")
	if s := mustOpen(t, "imagefolder:"+dir, Options{Val: .5}); s.Val.Len() != 1 || s.Train.Len() != 4 {
		t.Error("the data set's own validation split was not taken")
	}
	os.RemoveAll(filepath.Join(dir, "train"))
	if s := mustOpen(t, "imagefolder:"+dir, Options{Classes: []string{"cat"}}); s.Train != nil || s.Val.Len() != 1 || s.Test != nil {
		t.Errorf("%+v", s)
	}
	os.RemoveAll(filepath.Join(dir, "valid"))
	if s := mustOpen(t, "imagefolder:"+dir, Options{Val: .5}); s.Train != nil || s.Val != nil || s.Test.Len() != 1 {
		t.Errorf("a test split alone: %+v", s)
	}
	// A class may be called train.
	dir = t.TempDir()
	writeFile(t, pngOf(t, 4, 3, color.NRGBA{}), dir, "bus", "x.png")
	writeFile(t, pngOf(t, 4, 3, color.NRGBA{}), dir, "train", "x.png")
	if s := mustOpen(t, "imagefolder:"+dir, Options{}); !slices.Equal(s.Classes, []string{"bus", "train"}) {
		t.Errorf("classes %q", s.Classes)
	}
}

func TestImageFolderErrors(t *testing.T) {
	square, wide := pngOf(t, 3, 3, color.NRGBA{}), pngOf(t, 4, 3, color.NRGBA{})
	for name, tt := range map[string]struct {
		files map[string][]byte
		want  string
	}{
		"empty":       {nil, "no folders of classes"},
		"loose image": {map[string][]byte{"x.png": square}, "x.png: an image outside the folders of the classes"},
		"empty class": {map[string][]byte{"a/x.png": square, "b/notes.txt": nil}, "b: no image in it (.jpg .jpeg"},
		"sizes":       {map[string][]byte{"a/x.png": square, "a/y.png": square, "b/z.png": wide}, "b/z.png is 4x3: say with --size"},
		"split sizes": {map[string][]byte{"train/a/x.png": square, "test/a/z.png": wide}, "test/a/z.png is 4x3: say with --size"},
		"other class": {map[string][]byte{"train/a/x.png": square, "test/b/z.png": square}, `test/b: class "b" is not one of the training split's, which are a`},
		"two splits":  {map[string][]byte{"val/a/x.png": square, "valid/a/z.png": square}, "two folders for the same split"},
		"header":      {map[string][]byte{"a/y.png": square[:20]}, "a/y.png: a png image that is damaged or cut short"},
		"no image":    {map[string][]byte{"a/x.png": []byte("<html>")}, "a/x.png: a web page, which is not read"},
		"deep":        {map[string][]byte{strings.Repeat("a/", 18) + "x.png": square}, "nested deeper than 16"},
	} {
		dir := t.TempDir()
		for f, b := range tt.files {
			writeFile(t, b, dir, filepath.FromSlash(f))
		}
		if _, err := Open("imagefolder:"+dir, Options{}); err == nil || !strings.Contains(filepath.ToSlash(err.Error()), tt.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v, want %q", name, err, tt.want)
		}
	}
}

// Nothing is decoded when a folder is opened, and each image once.
func TestImageFolderReads(t *testing.T) {
	dir := photos(t, t.TempDir())
	bad := writeFile(t, []byte("no image"), dir, "dog", "b.jpg")
	s := mustOpen(t, "imagefolder:"+dir, Options{Size: Square(4)})
	x := make([]float32, s.Train.ExampleLen())
	if err := s.Train.Read(x, 4); err == nil || !strings.Contains(err.Error(), bad) || !strings.Contains(err.Error(), "convert it to png, or delete it") {
		t.Errorf("error %v", err)
	}
	before := example(t, s.Train, 1)
	os.Remove(s.Train.Paths[1])
	if !slices.Equal(example(t, s.Train, 1), before) {
		t.Error("the second reading is another")
	}
	os.Remove(s.Train.Paths[2])
	if err := s.Train.Read(x, 2); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}

	// Room for two of three images of 48 bytes, and for none.
	for _, tt := range []struct{ bytes, want int64 }{{100, 2}, {-1, 0}, {0, 3}} {
		dir := photos(t, t.TempDir())
		s := mustOpen(t, "imagefolder:"+dir, Options{Size: Square(4), CacheBytes: tt.bytes})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				x := make([]float32, s.Train.ExampleLen())
				for i := range 3 {
					if err := s.Train.Read(x, i); err != nil || x[0] != float32(10*(i+1))/255 {
						t.Errorf("example %d: %v %v", i, x[0], err)
					}
				}
			})
		}
		wg.Wait()
		os.RemoveAll(dir)
		kept := int64(0)
		for i := range 3 {
			if s.Train.Read(x, i) == nil {
				kept++
			}
		}
		// Readers that come together may find the room taken by each other for a moment.
		if kept > tt.want || tt.bytes <= 0 && kept != tt.want {
			t.Errorf("room for %d bytes: %d images are kept, want %d", tt.bytes, kept, tt.want)
		}
	}

	// An image that changed its size since it was listed.
	dir = photos(t, t.TempDir())
	s = mustOpen(t, "imagefolder:"+dir, Options{})
	writeFile(t, pngOf(t, 9, 9, color.NRGBA{}), s.Train.Paths[0])
	if err := s.Train.Read(make([]float32, 36), 0); err == nil || !strings.Contains(err.Error(), "9x9 pixels; it was 4x3") {
		t.Errorf("error %v", err)
	}
}

// A folder's fingerprint is that of its files' names and sizes, wherever it lies.
func TestImageFolderFingerprint(t *testing.T) {
	print := func(dir string, o Options) string {
		f, err := mustOpen(t, "imagefolder:"+dir, o).Fingerprint()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	dir := photos(t, t.TempDir())
	here := print(dir, Options{})
	if print(photos(t, t.TempDir()), Options{}) != here {
		t.Error("the fingerprint depends on the place")
	}
	if print(dir, Options{Size: Square(3)}) == here || print(dir, Options{Size: Square(3)}) == print(dir, Options{Size: Square(3), Crop: true}) {
		t.Error("the fingerprint does not depend on the size or the crop")
	}
	os.Rename(filepath.Join(dir, "cat/a.png"), filepath.Join(dir, "cat/aa.png"))
	renamed := print(dir, Options{})
	writeFile(t, append(pngOf(t, 4, 3, color.NRGBA{}), 0), dir, "cat/aa.png")
	if renamed == here || print(dir, Options{}) == renamed {
		t.Error("a name or a size changed, the fingerprint did not")
	}
}

func TestContactSheet(t *testing.T) {
	s := mustOpen(t, "imagefolder:"+photos(t, t.TempDir()), Options{Size: Square(16)})
	sheet, err := ContactSheet(s.Train, s.Classes)
	if err != nil {
		t.Fatal(err)
	}
	at := func(col, row int) color.Color {
		return sheet.At(7*sheetText+2*sheetGap+col*(64+sheetGap)+32, sheetGap+row*(64+sheetGap)+32)
	}
	for _, tt := range []struct {
		col, row int
		want     color.RGBA
	}{{0, 0, color.RGBA{10, 10, 0, 255}}, {2, 0, color.RGBA{30, 30, 0, 255}}, {0, 1, color.RGBA{40, 40, 0, 255}}, {1, 1, color.RGBA{255, 255, 255, 255}}} {
		if got := at(tt.col, tt.row); got != tt.want {
			t.Errorf("picture %d of class %d is %v, want %v", tt.col, tt.row, got, tt.want)
		}
	}
	rows, _ := NewSet(make([]float32, 4), []int{0, 0}, []int{1, 1, 2})
	if _, err := ContactSheet(rows, []string{"a"}); err == nil || !strings.Contains(err.Error(), "no pictures") {
		t.Errorf("error %v", err)
	}
}

// Some of CIFAR-10's images, as published in JPEG, beside Pillow itself.
func TestCIFAR10AsPillow(t *testing.T) {
	archive := os.Getenv("MONGE_TEST_CIFAR10_JPG")
	if archive == "" {
		t.Skip("MONGE_TEST_CIFAR10_JPG is not set (an archive of CIFAR-10 as JPEG, test/CLASS/NUMBER.jpg)")
	}
	dir := t.TempDir()
	extract(t, archive, dir, 200)
	s := mustOpen(t, "imagefolder:"+dir, Options{})
	if !slices.Equal(s.Test.Shape, []int{32, 32, 3}) || s.Test.Len() != 200 {
		t.Fatalf("%d of %v", s.Test.Len(), s.Test.Shape)
	}
	const script = "import sys\nfrom PIL import Image\nfor p in sys.argv[1:]: sys.stdout.buffer.write(Image.open(p).convert('RGB').tobytes())"
	want, err := exec.Command("/usr/bin/python3", append([]string{"-c", script}, s.Test.Paths...)...).Output()
	if err != nil {
		t.Skipf("no Pillow to compare with: %v", err)
	}
	for i := range s.Test.Len() {
		for k, v := range example(t, s.Test, i) {
			if v != float32(want[i*3072+k])/255 {
				t.Fatalf("%s: number %d is %g of 255, Pillow's is %d", s.Test.Paths[i], k, v*255, want[i*3072+k])
			}
		}
	}
}

// extract unpacks the first n test images.
func extract(t *testing.T, archive, dir string, n int) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); n > 0; {
		h, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(h.Name, "test/") || !picture.IsName(h.Name) {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, b, dir, filepath.FromSlash(h.Name))
		n--
	}
}
