package tokens

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/monge-ml/monge/internal/letters"
)

// mostSteps bounds the work of an expression on a part of a text.
func mostSteps(text string) int { return 4096 + 256*len(text) }

// maxExpression bounds the bytes of an expression.
const maxExpression = 4096

// A pattern finds an expression as Oniguruma does, by trying and going back. Go's parser reads it, once
// classes are written out as the library knows them; what it doesn't know is an error. (?!\S) becomes \B,
// which stands for that here.
type pattern struct {
	prog  *syntax.Prog
	chars *letters.Table
}

const notBeforeText = syntax.EmptyNoWordBoundary

func newPattern(expr string) (*pattern, error) {
	if len(expr) > maxExpression {
		return nil, fmt.Errorf("expression %.80q has %d bytes; up to %d are taken", expr, len(expr), maxExpression)
	}
	text, err := translate(translator{}, expr)
	if err != nil {
		return nil, fmt.Errorf("expression %.80q: %w", expr, err)
	}
	// without OneLine, ^ and $ are of lines, as in Ruby
	re, err := syntax.Parse(text, syntax.Perl&^syntax.OneLine)
	if err != nil {
		why := &syntax.Error{} // its text is long
		errors.As(err, &why)
		return nil, fmt.Errorf("expression %.80q is not understood: %s", expr, why.Code)
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, fmt.Errorf("expression %.80q: %w", expr, err)
	}
	return &pattern{prog, letters.Load()}, nil
}

// groups that mean the same in both, and those that are translated.
var groups = []string{"(?:", "(?i:", "(?i)"}

const lookahead = `(?!\S)`

// translate writes an expression for Go's parser.
func translate(c translator, expr string) (string, error) {
	var b strings.Builder
	within := false // brackets
	for i := 0; i < len(expr); {
		rest := expr[i:]
		n := 1
		switch {
		case rest[0] == '\\':
			text, size, err := c.escape(rest, within)
			if err != nil {
				return "", err
			}
			b.WriteString(text)
			i += size
			continue
		case within && (rest[0] == '[' || strings.HasPrefix(rest, "&&")):
			return "", errors.New("classes within classes are not known here")
		case within && rest[0] == ']':
			within = false
		case !within && rest[0] == '[':
			within = true
			if strings.HasPrefix(rest, "[]") || strings.HasPrefix(rest, "[^]") {
				return "", errors.New("an empty class is not known here")
			}
		case !within && strings.HasPrefix(rest, lookahead):
			b.WriteString(`\B`)
			i += len(lookahead)
			continue
		case !within && strings.HasPrefix(rest, "(?"):
			if n = groupSize(rest); n == 0 {
				return "", fmt.Errorf("the group %.6q is not known here; those that are begin with %s or are %s", rest, strings.Join(groups, " or "), lookahead)
			}
		case !within && strings.HasPrefix(rest, "{,"):
			return "", errors.New("{, is not known here")
		}
		b.WriteString(rest[:n])
		i += n
	}
	return b.String(), nil
}

func groupSize(rest string) int {
	for _, g := range groups {
		if strings.HasPrefix(rest, g) {
			return len(g)
		}
	}
	return 0
}

// A translator keeps the classes that it has written.
type translator map[letters.Class]string

// escape returns an escape that rest begins with as Go's parser is to have it, and its bytes.
func (c translator) escape(rest string, within bool) (text string, size int, err error) {
	for _, known := range []struct {
		text string
		is   letters.Class
		not  bool
	}{
		{`\s`, letters.Space, false}, {`\S`, letters.Space, true}, {`\d`, letters.Digit, false}, {`\D`, letters.Digit, true}, {`\w`, letters.Wordlike, false}, {`\W`, letters.Wordlike, true},
		{`\p{L}`, letters.Letter, false}, {`\P{L}`, letters.Letter, true}, {`\p{N}`, letters.Number, false}, {`\P{N}`, letters.Number, true},
	} {
		if strings.HasPrefix(rest, known.text) {
			text = c.class(known.is, known.not)
			if !within {
				text = "[" + text + "]"
			}
			return text, len(known.text), nil
		}
	}
	r, n := utf8.DecodeRuneInString(rest[1:])
	switch {
	case rest == `\`:
		return "", 0, errors.New("it ends in a backslash")
	case strings.ContainsRune("pPnrtfvx", r), r < utf8.RuneSelf && unicode.IsPunct(r) || unicode.IsSymbol(r):
		return rest[:1+n], 1 + n, nil
	}
	return "", 0, fmt.Errorf("%q is not known here", rest[:1+n])
}

// class writes the characters of a class, or all others.
func (c translator) class(is letters.Class, not bool) string {
	key := is
	if not {
		key = ^is
	}
	if c[key] == "" {
		c[key] = ranges(letters.Load(), is, not)
	}
	return c[key]
}

func ranges(c *letters.Table, is letters.Class, not bool) string {
	var b strings.Builder
	from := rune(-1)
	for r := rune(0); r <= unicode.MaxRune+1; r++ {
		in := r <= unicode.MaxRune && (c.Of(r)&is != 0) != not
		switch {
		case in && from < 0:
			from = r
		case !in && from >= 0:
			fmt.Fprintf(&b, `\x{%x}-\x{%x}`, from, r-1)
			from = -1
		}
	}
	return b.String()
}

// A thread is a way of matching that is still to be tried.
type thread struct {
	pc uint32
	at int
}

// A search looks for a pattern in one text.
type search struct {
	*pattern
	text  string
	steps int // that are left
	stack []thread
}

var errSteps = errors.New("an expression takes too long on the text")

// match returns where a match ends that begins at a place, or -1.
func (s *search) match(at int) int {
	s.stack = append(s.stack[:0], thread{uint32(s.prog.Start), at})
	for len(s.stack) > 0 {
		t := s.stack[len(s.stack)-1]
		s.stack = s.stack[:len(s.stack)-1]
		if end := s.run(t); end >= 0 {
			return end
		}
	}
	return -1
}

// run follows a thread to its end, and leaves the others that it meets on the stack.
func (s *search) run(t thread) int {
	for s.steps--; s.steps >= 0; s.steps-- {
		switch in := &s.prog.Inst[t.pc]; in.Op {
		case syntax.InstMatch:
			return t.at
		case syntax.InstFail:
			return -1
		case syntax.InstAlt, syntax.InstAltMatch:
			s.stack = append(s.stack, thread{in.Arg, t.at})
			t.pc = in.Out
		case syntax.InstCapture, syntax.InstNop:
			t.pc = in.Out
		case syntax.InstEmptyWidth:
			if !s.holds(syntax.EmptyOp(in.Arg), t.at) {
				return -1
			}
			t.pc = in.Out
		default:
			if t.at == len(s.text) {
				return -1
			}
			r, n := utf8.DecodeRuneInString(s.text[t.at:])
			if !in.MatchRune(r) {
				return -1
			}
			t = thread{in.Out, t.at + n}
		}
	}
	return -1
}

// holds tells what is true between two characters.
func (s *search) holds(op syntax.EmptyOp, at int) bool {
	if op&notBeforeText != 0 {
		r, _ := utf8.DecodeRuneInString(s.text[at:])
		if at < len(s.text) && s.chars.Of(r)&letters.Space == 0 {
			return false
		}
	}
	if op&syntax.EmptyBeginLine != 0 && at > 0 && s.text[at-1] != '\n' {
		return false
	}
	return op&syntax.EmptyEndLine == 0 || at == len(s.text) || s.text[at] == '\n'
}

// each hands on the matches of a text. A match may be empty, but not at the end of the one before.
func (p *pattern) each(text string, found func(from, to int) error) error {
	s := search{pattern: p, text: text, steps: mostSteps(text)}
	last := -1
	for at := 0; at <= len(text); {
		end := s.match(at)
		if s.steps < 0 {
			return errSteps
		}
		_, n := utf8.DecodeRuneInString(text[at:])
		if end < 0 || end == at && at == last {
			at += max(n, 1)
			continue
		}
		if err := found(at, end); err != nil {
			return err
		}
		at, last = end, end
	}
	return nil
}

// find is each as a finder.
func (p *pattern) find(text string, found func(int, bool) error) error {
	if text == "" {
		return nil
	}
	from := 0
	err := p.each(text, func(start, end int) error {
		if err := between(from, start, found); err != nil {
			return err
		}
		from = end
		return found(end, true)
	})
	if err != nil {
		return err
	}
	return between(from, len(text), found)
}

// replaced puts a text in the place of each match.
func replaced(find finder, with string) normalizer {
	return func(p part) (part, error) {
		var b strings.Builder
		from, start := 0, p.start
		err := find(p.text, func(end int, match bool) error {
			if match {
				// what is written is said to come from the last character of the match
				if from == 0 && (with == "" || utf8.RuneCountInString(p.text[:end]) > 1) {
					start = false
				}
				b.WriteString(with)
			} else {
				b.WriteString(p.text[from:end])
			}
			from = end
			if b.Len() > maxNormal {
				return errLong
			}
			return nil
		})
		return part{b.String(), start}, err
	}
}

// literally finds a text.
func literally(want string) finder {
	return func(text string, found func(int, bool) error) error {
		from := 0
		for {
			i := strings.Index(text[from:], want)
			if i < 0 {
				return between(from, len(text), found)
			}
			if err := between(from, from+i, found); err != nil {
				return err
			}
			from += i + len(want)
			if err := found(from, true); err != nil {
				return err
			}
		}
	}
}
