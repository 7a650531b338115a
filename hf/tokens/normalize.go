package tokens

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/monge-ml/monge/internal/letters"
)

// A part is a piece of a text. It is the start if it begins where the text does.
type part struct {
	text  string
	start bool
}

// maxNormal bounds the bytes of a text that is normalized.
const maxNormal = 16 << 20

var errLong = fmt.Errorf("a normalizer makes more than %d MiB of a text", maxNormal>>20)

// A normalizer changes a text.
type normalizer func(part) (part, error)

func asItIs(p part) (part, error) { return p, nil }

func inSequence(steps []normalizer) normalizer {
	return func(p part) (q part, err error) {
		for _, step := range steps {
			if p, err = step(p); err != nil {
				return p, err
			}
			if len(p.text) > maxNormal {
				return p, errLong
			}
		}
		return p, nil
	}
}

func toForm(f norm.Form) normalizer {
	c := letters.Load()
	return func(p part) (part, error) { return part{c.Form(f, p.text), p.start}, nil }
}

// without leaves characters out.
func without(out func(rune) bool) normalizer {
	return func(p part) (part, error) {
		i := strings.IndexFunc(p.text, out)
		if i < 0 {
			return p, nil
		}
		var b strings.Builder
		b.Grow(len(p.text))
		b.WriteString(p.text[:i])
		for _, r := range p.text[i:] {
			if !out(r) {
				b.WriteRune(r)
			}
		}
		return part{b.String(), p.start && i > 0}, nil
	}
}

// mapping puts a character in the place of each.
func mapping(to func(rune) rune) normalizer {
	return func(p part) (part, error) { return part{strings.Map(to, p.text), p.start}, nil }
}

func lowercase() normalizer {
	c := letters.Load()
	return func(p part) (part, error) {
		return part{c.Lower(p.text), p.start}, nil
	}
}

func ofClass(k letters.Class) func(rune) bool {
	c := letters.Load()
	return func(r rune) bool { return c.Of(r)&k != 0 }
}

// stripped takes spaces off the ends.
func stripped(left, right bool) normalizer {
	space := ofClass(letters.Space)
	return func(p part) (part, error) {
		text := p.text
		if left {
			text = strings.TrimLeftFunc(text, space)
		}
		start := p.start && len(text) == len(p.text)
		if right {
			text = strings.TrimRightFunc(text, space)
		}
		return part{text, start}, nil
	}
}

func prepended(prefix string) normalizer {
	return func(p part) (part, error) {
		if p.text != "" {
			p.text = prefix + p.text
		}
		return p, nil
	}
}

// nmt is what SentencePiece's nmt_nfkc adds to NFKC.
func nmt() normalizer {
	removed := without(func(r rune) bool {
		return r >= 1 && r <= 8 || r == 0xb || r >= 0xe && r <= 0x1f || r == 0x7f || r == 0x8f || r == 0x9f
	})
	spaces := mapping(func(r rune) rune {
		switch r {
		case '\t', '\n', '\f', '\r', 0x1680, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x2581, 0xfeff, utf8.RuneError:
			return ' '
		}
		return r
	})
	return inSequence([]normalizer{removed, spaces})
}

// bert is what BERT's normalizer does.
type bert struct{ clean, chinese, strip, lower bool }

func (o bert) normalizer() normalizer {
	c := letters.Load()
	clean := without(func(r rune) bool {
		return r == 0 || r == utf8.RuneError || r != '\t' && r != '\n' && r != '\r' && c.Of(r)&letters.Control != 0
	})
	var steps []normalizer
	if o.clean {
		steps = append(steps, clean, mapping(func(r rune) rune {
			if c.Of(r)&letters.Space != 0 {
				return ' '
			}
			return r
		}))
	}
	if o.chinese {
		steps = append(steps, func(p part) (part, error) { return part{apart(c, p.text), p.start}, nil })
	}
	if o.strip {
		steps = append(steps, toForm(norm.NFD), without(ofClass(letters.Nonspacing)))
	}
	if o.lower {
		steps = append(steps, lowercase())
	}
	all := inSequence(steps)
	return func(p part) (part, error) {
		if text, ok := o.ascii(p.text); ok {
			return part{text, p.start}, nil
		}
		return all(p)
	}
}

// ascii does everything at once with a text of printable ASCII characters and spaces.
func (o bert) ascii(text string) (string, bool) {
	change := false
	for i := range len(text) {
		switch b := text[i]; {
		case b >= utf8.RuneSelf || b < ' ' && b != '\t' && b != '\n' && b != '\r' || b == 0x7f:
			return "", false
		case b < ' ' && o.clean, b >= 'A' && b <= 'Z' && o.lower:
			change = true
		}
	}
	if !change {
		return text, true
	}
	var out strings.Builder
	out.Grow(len(text))
	for i := range len(text) {
		b := text[i]
		switch {
		case b < ' ' && o.clean:
			b = ' '
		case b >= 'A' && b <= 'Z' && o.lower:
			b += 'a' - 'A'
		}
		out.WriteByte(b)
	}
	return out.String(), true
}

// apart puts spaces around Chinese characters.
func apart(c *letters.Table, text string) string {
	i := strings.IndexFunc(text, func(r rune) bool { return c.Of(r)&letters.Chinese != 0 })
	if i < 0 {
		return text
	}
	var b strings.Builder
	b.Grow(2 * len(text))
	b.WriteString(text[:i])
	for _, r := range text[i:] {
		if c.Of(r)&letters.Chinese == 0 {
			b.WriteRune(r)
			continue
		}
		b.WriteByte(' ')
		b.WriteRune(r)
		b.WriteByte(' ')
	}
	return b.String()
}

// alphabet has the character of each byte in vocabularies of bytes: itself, or one from U+0100 on for what
// is no printable character of Latin-1.
var alphabet = func() (chars [256]string) {
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if b <= ' ' || b > '~' && b <= 0xa0 || b == 0xad {
			r = next
			next++
		}
		chars[b] = string(r)
	}
	return chars
}()

// asBytes returns the characters of a text's bytes.
func asBytes(text string) string {
	var b strings.Builder
	b.Grow(2 * len(text))
	for i := range len(text) {
		b.WriteString(alphabet[text[i]])
	}
	return b.String()
}
