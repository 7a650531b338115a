package picture

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
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
func golden(t testing.TB, file string, v any) {
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

// compare holds an image beside what Pillow makes of it.
func (e *expected) compare(t *testing.T, name string, f Fit, channels int) {
	t.Helper()
	pix, shape, err := f.Read(filepath.Join("testdata/images", name))
	if err != nil {
		t.Error(err)
		return
	}
	want := unpack(t, e.Zlib)
	if !slices.Equal(shape, []int{e.Height, e.Width, channels}) || !bytes.Equal(pix, want) {
		t.Errorf("%s, %+v: shape %v, want %dx%dx%d, or other pixels than Pillow's", name, f, shape, e.Height, e.Width, channels)
	}
}

// A kind is a file of testdata/kinds.json and what Pillow makes of it, see gen_kinds.py.
type kind struct {
	File []byte // packed
	expected
}

func kinds(t testing.TB) map[string]kind {
	t.Helper()
	var all map[string]kind
	golden(t, "kinds.json", &all)
	if len(all) < 200 {
		t.Fatalf("%d kinds", len(all))
	}
	return all
}

// Every kind of file that Pillow reads decodes to what Pillow decodes, to the bit.
func TestKindsAsPillow(t *testing.T) {
	for name, k := range kinds(t) {
		b := unpack(t, k.File)
		p, err := decodePicture(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.w != k.Width || p.h != k.Height || !bytes.Equal(p.rgb, unpack(t, k.Zlib)) {
			t.Errorf("%s: %dx%d, want %dx%d, or other pixels than Pillow's", name, p.w, p.h, k.Width, k.Height)
		}
		if !IsName(name) {
			t.Errorf("%s is no image by its name", name)
		}
	}
}

// A file that ends early is an error, or what is missing held no pixels: whatever its kind, nothing
// is made up. Numbers in text are the exception, as the last may be longer.
func TestKindsCutShort(t *testing.T) {
	for name, k := range kinds(t) {
		whole, want := unpack(t, k.File), unpack(t, k.Zlib)
		step := max(len(whole)/40, 1)
		if whole[0] == 'P' && whole[1] < '4' {
			continue
		}
		for n := 0; n < len(whole); n += step {
			p, err := decodePicture(whole[:n])
			if err == nil && !bytes.Equal(p.rgb, want) {
				t.Errorf("the first %d of %d bytes of %s are another picture", n, len(whole), name)
				break
			}
			if err != nil && !strings.Contains(err.Error(), "copy it again, or delete it") && n > headLen {
				t.Errorf("the first %d bytes of %s: %v", n, name, err)
			}
		}
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

// tiff is a file of a directory alone, with tags from 256 on.
func tiff(tags map[byte]uint32) []byte {
	b := []byte("II*\x00\x08\x00\x00\x00")
	b = append(b, byte(len(tags)), 0)
	for tag, v := range tags {
		b = append(b, tag, 1, 4, 0, 1, 0, 0, 0)
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return append(b, 0, 0, 0, 0)
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
	at := strings.Index(string(good), "\xff\xc0") // height and width
	sized := func(w, h int) []byte {
		b := slices.Clone(good)
		copy(b[at+5:], []byte{byte(h >> 8), byte(h), byte(w >> 8), byte(w)})
		return b
	}
	const kinds = "no image of a kind that is read (jpeg, png, gif, webp, bmp, tiff, pnm): convert it to png"
	for _, tt := range []struct{ path, want string }{
		{filepath.Join(dir, "none.jpg"), "none.jpg"},
		{file("empty.jpg", nil), "the file is empty"},
		{file("text.jpg", []byte("hello, world")), kinds},
		{file("p.ppm", []byte("Post scriptum")), kinds},
		{file("zeros.jpg", make([]byte, 100)), "begins with zeros"},
		{file("page.jpg", []byte("<!DOCTYPE html><html>404</html>")), "a web page, which is not read"},
		{file("a.jpg", []byte("\x00\x00\x00\x20ftypavif\x00\x00\x00\x00")), "an AVIF image, which is not read: convert it to png or jpeg"},
		{file("h.jpg", []byte("\x00\x00\x00\x20ftypheic\x00\x00\x00\x00")), "a HEIC image, which is not read"},
		{file("lfs.png", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:0")), "git lfs pull"},
		{file("cut.jpg", good[:len(good)/2]), "damaged or cut short (it ends in the middle): copy it again"},
		{file("head.jpg", good[:3]), "damaged or cut short (it ends in the middle): copy it again"},
		{file("huge.jpg", sized(65535, 65535)), "65535x65535 pixels, over the limit of 89478485: make it smaller"},
		{file("zero.jpg", sized(0, 7)), "its frame header says 0x7 pixels"},
		{file("huge.gif", []byte("GIF89a\xff\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x08")), "65535x65535 pixels, over the limit"},
		{file("nothing.gif", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;")), "there is no picture in it"},
		{file("none.gif", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x00\x00\x01\x00\x00\x08")), "its first frame has 0x1 pixels"},
		{file("huge.bmp", []byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\xff\xff\xff\x7f\xff\xff\xff\x7f\x01\x00\x18\x00")), "2147483647x2147483647 pixels, over the limit"},
		{file("odd.bmp", []byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x29\x00\x00\x00\xff\xff\xff\x7f\xff\xff\xff\x7f\x01\x00\x18\x00")), "of a kind that is not read (its header has 41 bytes)"},
		{file("huge.pgm", []byte("P5 99999 99999 255\n")), "99999x99999 pixels, over the limit"},
		{file("large.pgm", []byte("P5 9000 9000 255\n")), "it ends in the middle"},
		{file("zero.pgm", []byte("P5 0 4 255\n")), "its header says 0x4 pixels"},
		{file("dark.pgm", []byte("P5 1 1 0\n ")), "its largest value is 0"},
		{file("huge.webp", []byte("RIFF\xff\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff")), "16777216x16777216 pixels, over the limit"},
		{file("huge.tif", tiff(map[byte]uint32{0: 1 << 20, 1: 1 << 20})), "1048576x1048576 pixels, over the limit"},
		{file("zero.tif", tiff(map[byte]uint32{1: 3})), "its header says 0x3 pixels"},
		{file("bands.tif", tiff(map[byte]uint32{0: 1, 1: 1, 2: 8, 6: 1, 21: 4})), "of a kind that is not read (it has 4 samples a pixel)"},
		{file("zstd.tif", tiff(map[byte]uint32{0: 1, 1: 1, 2: 8, 3: 50000, 6: 1, 17: 8, 23: 1})), "of a kind that is not read (compression 50000)"},
		{file("thin.tif", tiff(map[byte]uint32{0: 1, 1: 30000, 2: 8, 6: 1, 66: 80000, 67: 1, 68: 8, 69: 1})), "its tiles are 80000x1, for a picture of 1x30000"},
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
