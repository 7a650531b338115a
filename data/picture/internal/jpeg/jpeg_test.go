package jpeg

import (
	"bytes"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// photo is a picture of w x h pixels as a JPEG file: smooth, with noise and an edge.
func photo(tb testing.TB, w, h int) []byte {
	tb.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			v := 120 + 60*math.Sin(float64(x)/17+float64(y)/31) + 6*r.NormFloat64()
			if x > w/2 && y > h/3 {
				v /= 2
			}
			img.Set(x, y, color.RGBA{uint8(v), uint8(v * .8), uint8(200 - v/2), 255})
		}
	}
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, img, &stdjpeg.Options{Quality: 85}); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// What Go's own decoder finds in luma differs by the transform's rounding alone.
func TestAsStandardLibrary(t *testing.T) {
	b := photo(t, 75, 53)
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	img, err := stdjpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	planes := img.(*image.YCbCr)
	for y := range got.Height {
		for x := range got.Width {
			px := got.Pix[3*(y*got.Width+x):]
			luma := .299*float64(px[0]) + .587*float64(px[1]) + .114*float64(px[2])
			if want := float64(planes.Y[y*planes.YStride+x]); math.Abs(luma-want) > 3 {
				t.Fatalf("pixel %d, %d has luma %.1f, want %g", x, y, luma, want)
			}
		}
	}
}

// The transform is that of the definition, to a rounding.
func TestInverse(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var b [64]int32
		for range 1 + r.IntN(20) {
			b[r.IntN(64)] = int32(r.IntN(400) - 200)
		}
		in, out := b, make([]uint8, 64)
		inverse(out, 8, &b)
		for y := range 8 {
			for x := range 8 {
				var sum float64
				for v := range 8 {
					for u := range 8 {
						scale := .25
						if u == 0 {
							scale *= math.Sqrt2 / 2
						}
						if v == 0 {
							scale *= math.Sqrt2 / 2
						}
						sum += scale * float64(in[8*v+u]) * math.Cos(float64((2*x+1)*u)*math.Pi/16) * math.Cos(float64((2*y+1)*v)*math.Pi/16)
					}
				}
				want := min(max(sum+128, 0), 255)
				if math.Abs(float64(out[8*y+x])-want) > .6 {
					t.Fatalf("%v at %d, %d: %d, want %.2f", in, x, y, out[8*y+x], want)
				}
			}
		}
	}
}

// A file that ends anywhere is an error, but behind its pixels.
func TestCutShort(t *testing.T) {
	b := photo(t, 40, 40)
	for n := range len(b) - 3 {
		if _, err := Decode(b[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes decode", n, len(b))
		}
	}
	if _, err := Decode(b[:len(b)-2]); err != nil {
		t.Errorf("without the end marker: %v", err)
	}
	// Nor does an end marker make a file whole.
	if _, err := Decode(append(bytes.Clone(b[:len(b)*2/3]), 0xff, eoi)); err == nil || !strings.Contains(err.Error(), "ends in the middle") {
		t.Errorf("error %v", err)
	}
}

// A progressive file whose finer scans are missing is not whole either.
func TestScansMissing(t *testing.T) {
	b, err := os.ReadFile("../../testdata/images/progressive.jpg")
	if err != nil {
		t.Fatal(err)
	}
	for at, scans := 0, 0; ; scans++ {
		i := bytes.Index(b[at:], []byte{0xff, sos})
		if i < 0 {
			if scans < 5 {
				t.Errorf("%d scans", scans)
			}
			break
		}
		if _, err := Decode(append(bytes.Clone(b[:at+i]), 0xff, eoi)); err == nil {
			t.Errorf("%d scans of more are taken for the picture", scans)
		}
		at += i + 2
	}
}

func TestKinds(t *testing.T) {
	b := photo(t, 8, 8)
	at := bytes.Index(b, []byte{0xff, sof0})
	for _, tt := range []struct {
		at   int
		with byte
		want string
	}{
		{1, 0xc9, "coded arithmetically"},
		{1, 0xc3, "lossless"},
		{4, 12, "12 bits a sample"},
		{9, 2, "2 components"},
		{11, 0x30, "damaged"},
		{11, 0x32, ""}, // with 1x1 beside it
		{8, 0, "0x8 pixels"},
	} {
		c := bytes.Clone(b)
		c[at+tt.at] = tt.with
		if _, err := Decode(c); tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("byte %d is %#x: error %v, want %q", tt.at, tt.with, err, tt.want)
		}
	}
}

// Motion JPEG leaves out the tables of Huffman codes that everybody has.
func TestStandardTables(t *testing.T) {
	b := photo(t, 40, 40) // Go writes them
	want, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte{0xff, dht})
	n := int(b[at+2])<<8 | int(b[at+3])
	got, err := Decode(append(bytes.Clone(b[:at]), b[at+2+n:]...))
	if err != nil || !bytes.Equal(got.Pix, want.Pix) {
		t.Errorf("error %v, or other pixels", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(photo(f, 19, 11))
	names, _ := filepath.Glob("../../testdata/images/*.jpg")
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w, h, err := Size(bytes.NewReader(b))
		if err != nil || w > 512 || h > 512 || len(b) > 1<<16 {
			return
		}
		img, err := Decode(b)
		if err == nil && len(img.Pix) != img.Width*img.Height*img.Channels {
			t.Errorf("%d bytes of %dx%dx%d", len(img.Pix), img.Width, img.Height, img.Channels)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	file := photo(b, 640, 480)
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			if _, err := Decode(file); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("image-jpeg", func(b *testing.B) { // planes alone
		for b.Loop() {
			if _, err := stdjpeg.Decode(bytes.NewReader(file)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
