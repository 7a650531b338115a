package data

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/kernel"
)

// Augment says how training images are varied. The zero value leaves them alone.
//
// The order is crop, flip, normalization, cutout, mixup. Every random number is a
// function of the loader's seed, the epoch and the example's position in it (the
// minibatch's for mixup), and none depends on which other augmentations are on.
type Augment struct {
	// Pad crops out of the image with so many zero (black) pixels at each side: the
	// image moves by -Pad to Pad pixels each way, as torchvision's RandomCrop moves it.
	Pad  int
	Flip bool // mirror half of the images, left to right
	// Cutout zeroes a square of this side whose centre is uniform over the image; what
	// lies outside is clipped. As in DeVries and Taylor (2017, arXiv 1708.04552) it
	// comes after normalization, so the square has the mean colour; it is black without.
	Cutout int
	// Mixup mixes each minibatch with itself in another order, by one share drawn from
	// Beta(Mixup, Mixup): Zhang et al. (2018, arXiv 1710.09412). 0 is off.
	Mixup float64
}

// check returns an error for augmentations that examples of this shape cannot have.
func (a Augment) check(shape []int) error {
	if a.Mixup != 0 && !(a.Mixup >= 1e-6 && a.Mixup <= 1e6) {
		return fmt.Errorf("mixup is %g; it must be 0 (off) or between 1e-6 and 1e6, and is mostly between .1 and 1", a.Mixup)
	}
	if !a.moves() {
		return nil
	}
	if len(shape) != 3 || shape[0] < 2 || shape[1] < 2 {
		return fmt.Errorf("crop, flip and cutout are for images; the examples' shape is %v, not height, width, channels", shape)
	}
	side := min(shape[0], shape[1])
	if a.Pad < 0 || a.Pad >= side {
		return fmt.Errorf("crop padding is %d; it must be from 0 to %d for images of %dx%d", a.Pad, side-1, shape[0], shape[1])
	}
	if a.Cutout < 0 || a.Cutout > side {
		return fmt.Errorf("cutout is %d; it must be from 0 to %d for images of %dx%d", a.Cutout, side, shape[0], shape[1])
	}
	return nil
}

// moves reports whether an augmentation of single images is on.
func (a Augment) moves() bool { return a.Pad != 0 || a.Flip || a.Cutout != 0 }

// The streams of random numbers that a seed has.
const (
	augmentStream = 0x6175676d656e74 // "augment"
	mixupStream   = 0x6d69787570     // "mixup"
)

// epochKey is where the random numbers of a stream's epoch start.
func epochKey(seed, stream uint64, epoch int) uint64 {
	return kernel.Mix(kernel.Mix(seed, stream), uint64(epoch))
}

// draws is what chance decides for one image.
type draws struct {
	down, right int  // the crop's corner in the image, from -Pad to Pad
	flip        bool // whether to mirror
	y, x        int  // the cutout's centre
}

// draw returns the draws for an image of h x w pixels that has this key.
func (a Augment) draw(key uint64, h, w int) draws {
	uniform := func(what uint64, n int) int {
		v, _ := bits.Mul64(kernel.Mix(key, what), uint64(n))
		return int(v)
	}
	return draws{
		down:  uniform(0, 2*a.Pad+1) - a.Pad,
		right: uniform(1, 2*a.Pad+1) - a.Pad,
		flip:  a.Flip && uniform(2, 2) == 1,
		y:     uniform(3, h),
		x:     uniform(4, w),
	}
}

// vary crops, flips, normalizes and cuts out an image of h x w x c.
func (a Augment) vary(img []float32, h, w, c int, d draws, n picture.Normalization) {
	if d.down != 0 || d.right != 0 {
		shift(img, h, w, c, d.down, d.right)
	}
	if d.flip {
		mirror(img, w, c)
	}
	n.Apply(img)
	if a.Cutout > 0 {
		cutout(img, h, w, c, a.Cutout, d.y, d.x)
	}
}

// shift moves an image of h x w x c so that its pixel (down, right) becomes (0, 0).
// Pixels from outside are zero.
func shift(img []float32, h, w, c, down, right int) {
	row := func(y int) []float32 { return img[y*w*c : (y+1)*w*c] }
	for k := range h {
		y := k
		if down < 0 {
			y = h - 1 - k // rows are read before they are written
		}
		dst := row(y)
		if y+down < 0 || y+down >= h {
			clear(dst)
			continue
		}
		src := row(y + down)
		if right >= 0 {
			n := copy(dst, src[right*c:])
			clear(dst[n:])
		} else {
			copy(dst[-right*c:], src)
			clear(dst[:-right*c])
		}
	}
}

// mirror swaps left and right of an image of rows of w pixels with c channels.
func mirror(img []float32, w, c int) {
	for ; len(img) > 0; img = img[w*c:] {
		for l, r := 0, (w-1)*c; l < r; l, r = l+c, r-c {
			for k := range c {
				img[l+k], img[r+k] = img[r+k], img[l+k]
			}
		}
	}
}

// cutout zeroes the square of a side that starts side/2 above and left of (y, x).
func cutout(img []float32, h, w, c, side, y, x int) {
	top, left := y-side/2, x-side/2
	l, r := max(left, 0), min(left+side, w)
	for y := max(top, 0); y < min(top+side, h); y++ {
		clear(img[(y*w+l)*c : (y*w+r)*c])
	}
}

// A mixing joins the examples of a minibatch with those of another order.
type mixing struct {
	lambda  float64
	partner []int
	x, from []float32 // the result, and the examples to mix, per numbers each
	per     int
}

// draw draws the share, and the order of n examples. A Gamma(a) variate is one of
// Gamma(a+1) times U^(1/a), which is taken in logarithms as it underflows for small a.
func (m *mixing) draw(a float64, n int, key uint64) {
	src := rand.NewPCG(key, kernel.Mix(key, 0))
	rng := rand.New(src)
	logGamma := func() float64 {
		return math.Log(distuv.Gamma{Alpha: a + 1, Beta: 1, Src: src}.Rand()) + math.Log(1-rng.Float64())/a
	}
	m.lambda = 1 / (1 + math.Exp(logGamma()-logGamma()))
	m.partner = m.partner[:n]
	for i := range m.partner {
		m.partner[i] = i
	}
	rng.Shuffle(n, func(i, j int) { m.partner[i], m.partner[j] = m.partner[j], m.partner[i] })
}

// Do mixes example i. Every product and sum is rounded to float32.
func (m *mixing) Do(_, i int) {
	example := func(x []float32, i int) []float32 { return x[i*m.per : (i+1)*m.per] }
	x, a, b := example(m.x, i), example(m.from, i), example(m.from, m.partner[i])
	p, q := float32(m.lambda), float32(1-m.lambda)
	for i := range x {
		x[i] = float32(p*a[i]) + float32(q*b[i])
	}
}
