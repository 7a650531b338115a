package data

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
)

var debianFormat = Format{
	Name: "debian", Place: "FILE", Sized: true, Open: openDebian,
	Info: `descriptions of Debian's packages by section, from an index as "apt-cache dumpavail" prints it`,
}

// openDebian reads the descriptions of Debian's packages from an index of APT: stanzas of
// fields, one for each package, with an empty line between them. The text is the
// description, its first line and what follows if the index has it; the class is the
// section without its area ("contrib/", "non-free/").
//
// Packages of one source describe themselves in nearly the same words, so of each source
// the first package alone is kept, and so is of each description; sections with less than
// one in a hundred of what is left are dropped. A tenth of the sources, by a hash of their
// names, is the test split.
func openDebian(path string, _ *Options) (*Splits, error) {
	r, err := openPlain(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	index := newDebianIndex()
	if err := index.parse(r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s, err := index.splits()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// A debianIndex is an index as it is read.
type debianIndex struct {
	*corpus
	sources, descriptions map[string]bool // those seen
	ids                   []uint16        // of the description at hand

	packages, bare, twins int // all, those without a section or a description, and those like others
}

func newDebianIndex() *debianIndex {
	return &debianIndex{corpus: newCorpus(), sources: map[string]bool{}, descriptions: map[string]bool{}}
}

// A stanza is what is read of one package.
type stanza struct {
	name, source, section string
	fields                int
	text                  []byte // its description
	describing            bool   // whether lines that go on belong to the description
}

// parse reads stanzas.
func (x *debianIndex) parse(r io.Reader) error {
	var p stanza
	for line, err := range lines(r) {
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(line.text)) == 0 {
			err = x.finish(&p)
		} else {
			err = x.field(&p, line.text)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", line.n, err)
		}
	}
	if err := x.finish(&p); err != nil {
		return err
	}
	if x.packages == 0 {
		return errors.New(`there is no package; "apt-cache dumpavail" prints an index`)
	}
	return nil
}

// field reads a line "Name: value", or one that starts with a space and goes on with the
// field before.
func (x *debianIndex) field(p *stanza, line []byte) error {
	p.fields++
	if line[0] == ' ' || line[0] == '\t' {
		if p.describing {
			p.text = append(append(p.text, '\n'), line...)
		}
		return nil
	}
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok {
		return fmt.Errorf("%q is no field; an index of APT has lines like \"Package: NAME\"", shortened(line))
	}
	p.describing = false
	switch value = bytes.TrimSpace(value); strings.ToLower(string(name)) {
	case "package":
		p.name = string(value)
	case "source": // "name", or "name (version)"
		source, _, _ := bytes.Cut(value, []byte{' '})
		p.source = string(source)
	case "section":
		p.section = string(value[bytes.LastIndexByte(value, '/')+1:])
	case "description", "description-en":
		p.text = append(p.text[:0], value...)
		p.describing = true
	}
	return nil
}

// finish ends a stanza, and keeps or drops its package.
func (x *debianIndex) finish(p *stanza) error {
	done := *p
	if *p = (stanza{text: done.text[:0]}); done.fields == 0 {
		return nil
	}
	x.ids = appendTokens(x.ids[:0], string(done.text), maxSize)
	source, description := cmp.Or(done.source, done.name), keyOf(x.ids)
	x.packages++
	switch {
	case done.name == "" || done.section == "" || len(x.ids) < 2:
		x.bare++
		return nil
	case x.sources[source] || x.descriptions[description]:
		x.twins++
		return nil
	}
	x.sources[source], x.descriptions[description] = true, true
	return x.add(done.text, done.section, inTest(source))
}

// splits returns the packages of sections that are large enough.
func (x *debianIndex) splits() (*Splits, error) {
	counts := make([]int, len(x.classes))
	for _, l := range x.labels {
		counts[l]++
	}
	s, rare := &Splits{}, 0
	for l, n := range counts {
		if 100*n < len(x.labels) {
			rare += n
		} else {
			s.Classes = append(s.Classes, x.classes[l])
		}
	}
	if len(s.Classes) == 0 {
		return nil, fmt.Errorf("none of its %d packages has both a description and a section of some size", x.packages)
	}
	s.Classes = inOrder(s.Classes)
	s.Train, s.Test = x.part(false, s.Classes), x.part(true, s.Classes)
	s.Ignored = x.bare + x.twins + rare
	s.IgnoredWhy = fmt.Sprintf("%d packages of a source or with a description that another has, %d of sections with less than 1%%, %d without section or description",
		x.twins, rare, x.bare)
	return s, nil
}
