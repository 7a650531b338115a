package picture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/data/picture/internal/jpeg"
)

// A format is a kind of image files. They are known by how they begin, whatever their names say.
type format struct {
	name    string
	endings []string // of the files that folders take for such images
	begins  func(head []byte) bool
	size    func(r *bufio.Reader) (w, h int, err error)
	decode  func(b []byte) (bitmap, error) // of a size within maxPixels
}

// formats are all that are read.
var formats = []format{
	{"jpeg", []string{".jpg", ".jpeg", ".jpe", ".jfif"}, prefix("\xff\xd8"), jpegSize, decodeJPEG},
	{"png", []string{".png"}, prefix("\x89PNG\r\n\x1a\n"), pngSize, decodePNG},
	{"gif", []string{".gif"}, prefix("GIF87a", "GIF89a"), gifSize, decodeGIF},
	{"webp", []string{".webp"}, isWebP, webpSize, decodeWebP},
	{"bmp", []string{".bmp"}, prefix("BM"), bmpSize, decodeBMP},
	{"tiff", []string{".tif", ".tiff"}, prefix("II*\x00", "MM\x00*", "II+\x00", "MM\x00+"), tiffSize, decodeTIFF},
	{"pnm", []string{".ppm", ".pgm", ".pbm", ".pnm"}, isPNM, pnmSize, decodePNM},
}

// others are formats that are known and not read.
var others = []struct {
	name   string
	begins func(head []byte) bool
}{
	{"an AVIF image", within(4, "ftypavif", "ftypavis")},
	{"a HEIC image", within(4, "ftyphei", "ftyphev", "ftypmif1", "ftypmsf1")},
	{"a JPEG 2000 image", prefix("\x00\x00\x00\x0cjP  ", "\xff\x4f\xff\x51")},
	{"a JPEG XL image", prefix("\xff\x0a", "\x00\x00\x00\x0cJXL ")},
	{"a Photoshop document", prefix("8BPS")},
	{"an icon", prefix("\x00\x00\x01\x00")},
	{"a floating-point image", prefix("Pf\n", "PF\n", "#?RADIANCE", "v/1\x01")},
	{"a PAM image", prefix("P7\n")},
	{"an SVG drawing", prefix("<svg", "<?xml")},
	{"a web page", prefix("<!DOCTYPE", "<!doctype", "<html", "<HTML")},
	{"a PDF document", prefix("%PDF")},
	{"a pointer of Git LFS, whose file was not fetched (git lfs pull)", prefix("version https://git-lfs")},
}

func prefix(all ...string) func(head []byte) bool { return within(0, all...) }

func within(at int, all ...string) func(head []byte) bool {
	return func(head []byte) bool {
		return slices.ContainsFunc(all, func(s string) bool {
			return len(head) >= at+len(s) && string(head[at:at+len(s)]) == s
		})
	}
}

// headLen is what tells formats.
const headLen = 32

func formatOf(head []byte) (*format, error) {
	if len(head) == 0 {
		return nil, errors.New("the file is empty: copy it again, or delete it")
	}
	for i := range formats {
		if formats[i].begins(head) {
			return &formats[i], nil
		}
	}
	for _, o := range others {
		if o.begins(head) {
			return nil, fmt.Errorf("%s, which is not read: convert it to png or jpeg, or delete it", o.name)
		}
	}
	if len(bytes.Trim(head, "\x00")) == 0 {
		return nil, errors.New("it begins with zeros, as files do whose copy was broken off: copy it again, or delete it")
	}
	return nil, fmt.Errorf("no image of a kind that is read (%s): convert it to png, or delete it", strings.Join(Names(), ", "))
}

// Names returns the names of the formats that are read.
func Names() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// Extensions returns the endings of the names that files of images have, with their dots, in lower
// case.
func Extensions() []string {
	var all []string
	for _, f := range formats {
		all = append(all, f.endings...)
	}
	return all
}

// IsName tells whether a file is an image by its name's ending.
func IsName(name string) bool {
	return slices.Contains(Extensions(), strings.ToLower(filepath.Ext(name)))
}

// Header reads as much of an image file as tells whether its format is known, and how large it
// is; more pixels than anybody means are an error.
func Header(r io.Reader) (image.Config, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	head, err := in.Peek(headLen)
	if err != nil && err != io.EOF {
		return image.Config{}, err
	}
	f, err := formatOf(head)
	if err != nil {
		return image.Config{}, err
	}
	w, h, err := f.size(in)
	if err != nil {
		return image.Config{}, f.broken(err)
	}
	if w <= 0 || h <= 0 {
		return image.Config{}, f.broken(fmt.Errorf("its header says %dx%d pixels", w, h))
	}
	if w > maxPixels/h {
		return image.Config{}, fmt.Errorf("an image of %dx%d pixels, over the limit of %d: make it smaller, or delete it", w, h, maxPixels)
	}
	return image.Config{Width: w, Height: h}, nil
}

// decodePicture decodes to what Pillow's convert("RGB") gives: transparency is dropped, the
// orientation that a camera noted too, of an animation there is the first frame, and of grey
// with more than 8 bits the values above 255 are 255.
func decodePicture(b []byte) (bitmap, error) {
	c, err := Header(bytes.NewReader(b))
	if err != nil {
		return bitmap{}, err
	}
	f, err := formatOf(b[:min(headLen, len(b))])
	if err != nil {
		return bitmap{}, err
	}
	p, err := f.decode(b)
	if err != nil {
		return bitmap{}, f.broken(err)
	}
	if p.w != c.Width || p.h != c.Height {
		return bitmap{}, f.broken(fmt.Errorf("it has %dx%d pixels and its header says %dx%d", p.w, p.h, c.Width, c.Height))
	}
	return p, nil
}

// errShort is what decoders say of files that end before their pixels do.
var errShort = errors.New("it ends in the middle")

// A kindError is about a file that is whole, and of a kind that is not read.
type kindError string

func (e kindError) Error() string { return string(e) }

func unread(format string, args ...any) error { return kindError(fmt.Sprintf(format, args...)) }

// broken says what is wrong with a file, and the way out.
func (f *format) broken(err error) error {
	var kind kindError
	switch {
	case errors.As(err, &kind):
		return fmt.Errorf("a %s image of a kind that is not read (%w): convert it to png, or delete it", f.name, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = errShort
	}
	why := err.Error() // of which libraries say first who says it
	why = why[strings.LastIndex(why, ": ")+1:]
	return fmt.Errorf("a %s image that is damaged or cut short (%s): copy it again, or delete it", f.name, strings.TrimSpace(why))
}

func newBitmap(w, h int) bitmap { return bitmap{w, h, make([]uint8, 3*w*h)} }

// row returns the pixels of a row.
func (p bitmap) row(y int) []uint8 { return p.rgb[3*p.w*y : 3*p.w*(y+1)] }

// A palette is what the indices of a file stand for; those past its end are black.
type palette [256][3]uint8

// greys is a palette of 0 to 255.
func greys() *palette {
	p := new(palette)
	for i := range p {
		p[i] = [3]uint8{uint8(i), uint8(i), uint8(i)}
	}
	return p
}

// paint writes the colours of a row of indices.
func (p *palette) paint(dst []uint8, indices []uint8) {
	for x, i := range indices {
		copy(dst[3*x:3*x+3], p[i][:])
	}
}

// unpackRow writes the n numbers of 1, 2, 4 or 8 bits that a row of bytes is made of, the highest bits first.
func unpackRow(dst, src []uint8, bits int) {
	if bits == 8 {
		copy(dst, src)
		return
	}
	each, mask := 8/bits, uint8(1)<<bits-1
	for i := range dst {
		dst[i] = src[i/each] >> (8 - bits - i%each*bits) & mask
	}
}

func jpegSize(r *bufio.Reader) (w, h int, err error) {
	w, h, err = jpeg.Size(r)
	return w, h, ofJPEG(err)
}

func decodeJPEG(b []byte) (bitmap, error) {
	img, err := jpeg.Decode(b)
	if err != nil {
		return bitmap{}, ofJPEG(err)
	}
	return fromJPEG(img), nil
}

// ofJPEG tells an error of a kind from one of damage.
func ofJPEG(err error) error {
	var kind jpeg.KindError
	if errors.As(err, &kind) {
		return kindError(kind)
	}
	return err
}

func fromJPEG(img *jpeg.Image) bitmap {
	p := bitmap{img.Width, img.Height, img.Pix}
	switch img.Channels {
	case 1:
		p.fromGrey(img.Pix)
	case 4: // Photoshop's are turned round, and Pillow takes all as such
		p.fromCMYK(img.Pix, 255)
	}
	return p
}

// fromGrey makes a picture of one byte for each pixel.
func (p *bitmap) fromGrey(grey []uint8) {
	p.rgb = make([]uint8, 3*len(grey))
	for i, v := range grey {
		p.rgb[3*i], p.rgb[3*i+1], p.rgb[3*i+2] = v, v, v
	}
}

// fromCMYK converts four bytes for each pixel as Pillow does, whose bits of turned are turned.
func (p *bitmap) fromCMYK(pix []uint8, turned uint8) {
	p.rgb = make([]uint8, 3*p.w*p.h)
	for i := range p.w * p.h {
		in, out := pix[4*i:4*i+4], p.rgb[3*i:3*i+3]
		light := 255 - int(in[3]^turned)
		for c := range out {
			v := int(in[c]^turned)*light + 128
			out[c] = uint8(max(light-(v>>8+v)>>8, 0))
		}
	}
}
