package data

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/monge-ml/monge/data/picture"
)

// maxSize is the largest size: of images that are brought to one, of texts in tokens.
const maxSize = picture.MaxSide

// A Size is a height and a width in pixels, or of texts the number of tokens as both. As text
// it is "48x192", or "32" where they are the same, and "" for the zero value, which leaves the
// size to the data.
type Size struct{ Height, Width int }

// Square returns the size of a square, or of texts of so many tokens.
func Square(side int) Size { return Size{side, side} }

// SizeOf returns the size that brings examples to a shape: height, width, channels, or tokens;
// of other shapes it is zero.
func SizeOf(shape []int) Size {
	switch len(shape) {
	case 1:
		return Square(shape[0])
	case 3:
		return Size{shape[0], shape[1]}
	}
	return Size{}
}

// String returns the size as [Size.UnmarshalText] reads it.
func (s Size) String() string {
	switch {
	case s == Size{}:
		return ""
	case s.Height == s.Width:
		return strconv.Itoa(s.Height)
	}
	return fmt.Sprintf("%dx%d", s.Height, s.Width)
}

// MarshalText returns what String returns.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads "48x192", or "32" for both; "" and "0" are the zero value. Whether there
// can be images of that size is for [Open] to say.
func (s *Size) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*s = Size{}
		return nil
	}
	height, width, two := strings.Cut(string(text), "x")
	if !two {
		width = height
	}
	h, err := strconv.Atoi(height)
	w, err2 := strconv.Atoi(width)
	if err != nil || err2 != nil {
		return fmt.Errorf("%q is no size: it is HEIGHTxWIDTH, as in 48x192, or one number for both", text)
	}
	*s = Size{h, w}
	return nil
}

// MarshalJSON writes a number where both sides are the same, else a string.
func (s Size) MarshalJSON() ([]byte, error) {
	if s.Height == s.Width {
		return json.Marshal(s.Height)
	}
	return json.Marshal(s.String())
}

// UnmarshalJSON reads a number, or a string as [Size.UnmarshalText] does.
func (s *Size) UnmarshalJSON(b []byte) error {
	text := string(b)
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
	}
	return s.UnmarshalText([]byte(text))
}

// check returns an error for a size that nothing can be brought to.
func (s Size) check() error {
	if s == (Size{}) {
		return nil
	}
	if s.Height < 1 || s.Height > maxSize || s.Width < 1 || s.Width > maxSize {
		return usage("size is %v; it must be between 1 and %d, or 0 for the images' own", s, maxSize)
	}
	return nil
}

// tokens returns the number of tokens of a text, usualTokens without a size.
func (s Size) tokens() (int, error) {
	switch {
	case s == Size{}:
		return usualTokens, nil
	case s.Height != s.Width:
		return 0, usage("size is %v; of texts it is the number of their tokens, one number", s)
	}
	return s.Height, nil
}

// is reports whether examples of a shape have the size.
func (s Size) is(shape []int) bool {
	return len(shape) == 3 && s == SizeOf(shape)
}
