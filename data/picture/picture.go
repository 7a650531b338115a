// Package picture makes of image files what networks take: it decodes them, brings them to a
// size and normalizes their pixels. Networks are trained on what Pillow decodes and resizes, so
// both are done here as it does them, to the bit.
//
// Files are known by their content, whatever their names say:
//
//	jpeg   baseline and progressive, of any whole sampling, grey, colour, CMYK and YCCK; not
//	       arithmetic, lossless or 12 bits
//	png    all; of APNG the first picture
//	gif    the first frame on its screen
//	webp   lossy and lossless; of an animation the first frame
//	bmp    1 to 32 bits a pixel, runs and masks, OS/2's headers
//	tiff   strips and tiles of grey, colour, palettes and CMYK, of 1 to 16 bits and grey of 32; plain,
//	       PackBits, LZW, Deflate, JPEG, fax; of several pictures the first
//	pnm    ppm, pgm and pbm, as text and as bytes, of any range
//
// They become what Pillow's convert("RGB") gives: transparency is dropped, and what is below it is
// seen; of grey with more than 8 bits all above 255 is white; the orientation that a camera noted is
// left alone, but for TIFF's, which Pillow heeds. What is cut short is an error.
package picture

import (
	"fmt"
	"math"
	"os"
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
	// As, unless it is zero, brings images to a square as a published network's [Preprocessor] does, in
	// place of the others but Grey.
	As Resize
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
	if f.As != (Resize{}) {
		return Preprocessor{Size: f.As.Size, Crop: f.As.Crop}.Check()
	}
	if f.ownSize() || min(f.Height, f.Width) > 0 && max(f.Height, f.Width) <= MaxSide {
		return nil
	}
	return fmt.Errorf("images can't be brought to size %dx%d; both must be between 1 and %d, or 0 for the images' own", f.Height, f.Width, MaxSide)
}

// Channels returns the channels of what Read returns: 3, or 1 of grey.
func (f Fit) Channels() int {
	if f.Grey {
		return 1
	}
	return 3
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
	if f.As != (Resize{}) {
		return f.As.fit(p)
	}
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
