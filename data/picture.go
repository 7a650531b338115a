package data

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

// maxSize is the largest height and width that images are brought to.
const maxSize = 4096

// maxPixels bounds the size of an image file, which a few bytes can claim to be: where
// Pillow warns of a decompression bomb.
const maxPixels = 89478485

// DecodeImage reads an image file as an example of an image folder: height x width x 3
// numbers in [0, 1], rows of red, green and blue. Size and crop are those of [Options];
// a zero size keeps the image's own. Errors name the file.
func DecodeImage(path string, size Size, crop bool) (x []float32, shape []int, err error) {
	p, err := readPicture(path)
	if err != nil {
		return nil, nil, err
	}
	if p, err = p.fit(size, crop); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	x = make([]float32, len(p.rgb))
	toFloats(x, p.rgb)
	return x, []int{p.h, p.w, 3}, nil
}

// maxFile bounds an image file, in bytes: what the largest image takes unpacked.
const maxFile = 4 * maxPixels

func readPicture(path string) (bitmap, error) {
	info, err := os.Stat(path)
	if err != nil {
		return bitmap{}, err
	}
	if info.Size() > maxFile {
		return bitmap{}, fmt.Errorf("%s: a file of %d bytes is no image to train on: make it smaller, or delete it", path, info.Size())
	}
	b, err := os.ReadFile(path)
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
	c, err := checkPicture(bytes.NewReader(b))
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

// CheckImage reads as much of an image file as tells whether its format is known and its
// size within the limit.
func CheckImage(r io.Reader) error {
	_, err := checkPicture(r)
	return err
}

// checkPicture reads the header of an image, and refuses sizes that nobody means.
func checkPicture(r io.Reader) (image.Config, error) {
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

// fit brings a picture to a size: with crop one side, so that the other is no shorter than it
// should be, and the centre is cut out, as torchvision's Resize and CenterCrop do; else both
// sides, whatever the shape.
func (p bitmap) fit(size Size, crop bool) (bitmap, error) {
	if size == (Size{}) || p.w == size.Width && p.h == size.Height {
		return p, nil
	}
	p, err := p.scale(size, crop, bilinear)
	if err != nil {
		return p, err
	}
	return p.cut(middle(p.w, size.Width), middle(p.h, size.Height), size), nil
}

// scale brings a picture to the smallest size of its shape that covers size, which is the
// shorter side of a square, or else to size, whatever the shape.
func (p bitmap) scale(size Size, cover bool, f filter) (bitmap, error) {
	w, h := size.Width, size.Height
	switch {
	case !cover:
	case p.w*h >= p.h*w:
		w = h * p.w / p.h
	default:
		h = w * p.h / p.w
	}
	if w > maxPixels/max(h, p.h) {
		return p, fmt.Errorf("an image of %dx%d pixels is too narrow to be brought to size %v: cut it, or delete it", p.w, p.h, size)
	}
	return p.resize(w, h, f), nil
}

// middle returns where a piece starts that is cut from the middle, halves to even.
func middle(n, size int) int { return int(math.RoundToEven(float64(n-size) / 2)) }

// cut returns the part of a size at x, y.
func (p bitmap) cut(x, y int, size Size) bitmap {
	if p.w == size.Width && p.h == size.Height {
		return p
	}
	out := bitmap{size.Width, size.Height, make([]uint8, 0, 3*size.Width*size.Height)}
	for row := range size.Height {
		at := 3 * ((y+row)*p.w + x)
		out.rgb = append(out.rgb, p.rgb[at:at+3*size.Width]...)
	}
	return out
}
