// Package picture makes of image files what networks take: it decodes them, brings them to a
// size and normalizes their pixels. Networks are trained on what libjpeg decodes and Pillow
// resizes, so both are done here as they do it; what is left of the difference is the rounding
// of JPEG's inverse cosine transform.
package picture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"math"
	"os"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/webp"
)

// A bitmap is a decoded image: rows of red, green and blue.
type bitmap struct {
	w, h int
	rgb  []uint8
}

// MaxSide is the largest height and width that images are brought to.
const MaxSide = 4096

// maxPixels bounds the size of an image file, which a few bytes can claim to be: where
// Pillow warns of a decompression bomb.
const maxPixels = 89478485

// A Fit makes of image files bytes of one shape. The zero value keeps their size, in colour.
type Fit struct {
	// Height and Width are what images are brought to; 0 and 0 keep an image's own. Resizing
	// is Pillow's bilinear one, to the bit.
	Height, Width int
	// Crop makes images as small as covers Height and Width and cuts the centre out of them, as
	// torchvision's Resize and CenterCrop do; else they are squeezed.
	Crop bool
	// Grey makes one channel of the three, before images are resized, as Pillow's
	// convert("L") does.
	Grey bool
}

// Read reads an image file: height x width x channels bytes, row by row, of red, green and blue
// or of grey alone. [Floats] makes numbers of them. Errors name the file.
func (f Fit) Read(path string) (pix []uint8, shape []int, err error) {
	b, err := ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	if pix, shape, err = f.ReadBytes(b); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return pix, shape, nil
}

// ReadBytes is [Fit.Read] of the content of an image file.
func (f Fit) ReadBytes(b []byte) (pix []uint8, shape []int, err error) {
	if err := f.check(); err != nil {
		return nil, nil, err
	}
	p, err := decodePicture(b)
	if err != nil {
		return nil, nil, err
	}
	if f.Grey {
		p.desaturate()
	}
	if p, err = p.fit(f); err != nil {
		return nil, nil, err
	}
	if f.Grey {
		return p.red(), []int{p.h, p.w, 1}, nil
	}
	return p.rgb, []int{p.h, p.w, 3}, nil
}

func (f Fit) check() error {
	if f.ownSize() || min(f.Height, f.Width) > 0 && max(f.Height, f.Width) <= MaxSide {
		return nil
	}
	return fmt.Errorf("images can't be brought to size %dx%d; both must be between 1 and %d, or 0 for the images' own", f.Height, f.Width, MaxSide)
}

// ownSize tells whether images stay as large as they are.
func (f Fit) ownSize() bool { return f.Height == 0 && f.Width == 0 }

// levels are the values of bytes in [0, 1].
var levels = func() (levels [256]float32) {
	for v := range levels {
		levels[v] = float32(v) / 255
	}
	return levels
}()

// Floats writes the value in [0, 1] of each byte of an image to dst, which must have room.
func Floats(dst []float32, pix []uint8) {
	for i, v := range pix {
		dst[i] = levels[v]
	}
}

// maxFile bounds an image file, in bytes: what the largest image takes unpacked.
const maxFile = 4 * maxPixels

// ReadFile returns the content of an image file, unless it is too large to be one. Errors name
// the file.
func ReadFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s: a file of %d bytes is no image to train on: make it smaller, or delete it", path, info.Size())
	}
	return os.ReadFile(path)
}

func readPicture(path string) (bitmap, error) {
	b, err := ReadFile(path)
	if err != nil {
		return bitmap{}, err
	}
	p, err := decodePicture(b)
	if err != nil {
		return p, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// decodePicture decodes to what Pillow's convert("RGB") gives: transparency is dropped,
// the orientation that a camera noted too, and of an animation there is the first frame.
func decodePicture(b []byte) (bitmap, error) {
	c, err := Header(bytes.NewReader(b))
	if err != nil {
		return bitmap{}, err
	}
	img, format, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return bitmap{}, pictureError(err)
	}
	p := bitmap{c.Width, c.Height, make([]uint8, 3*c.Width*c.Height)}
	switch img := img.(type) {
	case *image.YCbCr:
		p.fromYCbCr(img, colours(format))
	case *image.NYCbCrA:
		p.fromYCbCr(&img.YCbCr, colours(format))
	case *image.CMYK:
		p.fromCMYK(img)
	default:
		p.fromImage(img)
	}
	return p, nil
}

// Header reads as much of an image file as tells whether its format is known, and how large it
// is; more pixels than anybody means are an error.
func Header(r io.Reader) (image.Config, error) {
	in := bufio.NewReader(r)
	if _, err := in.Peek(1); err == io.EOF {
		return image.Config{}, fmt.Errorf("the file is empty: copy it again, or delete it")
	}
	c, _, err := image.DecodeConfig(in)
	if err != nil {
		return c, pictureError(err)
	}
	if c.Width <= 0 || c.Height <= 0 || c.Width > maxPixels/c.Height {
		return c, fmt.Errorf("an image of %dx%d pixels, over the limit of %d: make it smaller, or delete it", c.Width, c.Height, maxPixels)
	}
	return c, nil
}

func pictureError(err error) error {
	if errors.Is(err, image.ErrFormat) {
		return fmt.Errorf("neither jpeg, png, gif, webp nor bmp: convert it, or delete it")
	}
	return fmt.Errorf("damaged, cut short or of a rare kind (%w): copy it again, convert it to png, or delete it", err)
}

// fromImage takes the colours of any image, without its transparency.
func (p *bitmap) fromImage(img image.Image) {
	// A GIF's frame can be smaller than the canvas.
	r := img.Bounds().Intersect(image.Rect(0, 0, p.w, p.h))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		out := p.rgb[3*y*p.w : 3*(y+1)*p.w]
		for x := r.Min.X; x < r.Max.X; x++ {
			out[3*x], out[3*x+1], out[3*x+2] = opaque(img, x, y)
		}
	}
}

// opaque returns a pixel's colour as it is in the file.
func opaque(img image.Image, x, y int) (r, g, b uint8) {
	switch img := img.(type) {
	case *image.RGBA: // from files without transparency alone
		p := img.Pix[img.PixOffset(x, y):]
		return p[0], p[1], p[2]
	case *image.NRGBA:
		p := img.Pix[img.PixOffset(x, y):]
		return p[0], p[1], p[2]
	case *image.Gray:
		v := img.GrayAt(x, y).Y
		return v, v, v
	case *image.NRGBA64:
		p := img.Pix[img.PixOffset(x, y):]
		return p[0], p[2], p[4]
	case *image.Paletted:
		return straight(img.Palette[img.ColorIndexAt(x, y)])
	}
	return straight(img.At(x, y))
}

// fromCMYK converts as Pillow does.
func (p *bitmap) fromCMYK(img *image.CMYK) {
	for y := range p.h {
		in, out := img.Pix[y*img.Stride:], p.rgb[3*y*p.w:]
		for x := range p.w {
			light := 255 - int(in[4*x+3])
			for c := range 3 {
				v := int(in[4*x+c])*light + 128
				out[3*x+c] = uint8(max(light-(v>>8+v)>>8, 0))
			}
		}
	}
}

// desaturate gives each pixel the luma of ITU-R 601-2 as its three colours, in Pillow's 16 bits of
// fraction.
func (p bitmap) desaturate() {
	for i := 0; i < len(p.rgb); i += 3 {
		px := p.rgb[i : i+3]
		l := uint8((19595*uint32(px[0]) + 38470*uint32(px[1]) + 7471*uint32(px[2]) + 1<<15) >> 16)
		px[0], px[1], px[2] = l, l, l
	}
}

// red returns the first channel.
func (p bitmap) red() []uint8 {
	out := make([]uint8, p.w*p.h)
	for i := range out {
		out[i] = p.rgb[3*i]
	}
	return out
}

// fit brings a picture to a size: with crop one side, so that the other is no shorter than it
// should be, and the centre is cut out; else both sides, whatever the shape.
func (p bitmap) fit(f Fit) (bitmap, error) {
	if f.ownSize() || p.w == f.Width && p.h == f.Height {
		return p, nil
	}
	p, err := p.scale(f.Width, f.Height, f.Crop, bilinear)
	if err != nil {
		return p, err
	}
	return p.cut(middle(p.w, f.Width), middle(p.h, f.Height), f.Width, f.Height), nil
}

// scale brings a picture to the smallest size of its shape that covers width and height, which
// are the shorter side of a square, or else to these, whatever the shape.
func (p bitmap) scale(width, height int, cover bool, f filter) (bitmap, error) {
	w, h := width, height
	switch {
	case !cover:
	case p.w*h >= p.h*w:
		w = h * p.w / p.h
	default:
		h = w * p.h / p.w
	}
	if w > maxPixels/max(h, p.h) {
		return p, fmt.Errorf("an image of %dx%d pixels is too narrow to be brought to size %dx%d: cut it, or delete it", p.w, p.h, height, width)
	}
	return p.resize(w, h, f), nil
}

// middle returns where a piece starts that is cut from the middle, halves to even.
func middle(n, size int) int { return int(math.RoundToEven(float64(n-size) / 2)) }

// cut returns the part of w x h pixels at x, y.
func (p bitmap) cut(x, y, w, h int) bitmap {
	if p.w == w && p.h == h {
		return p
	}
	out := bitmap{w, h, make([]uint8, 0, 3*w*h)}
	for row := range h {
		at := 3 * ((y+row)*p.w + x)
		out.rgb = append(out.rgb, p.rgb[at:at+3*w]...)
	}
	return out
}
