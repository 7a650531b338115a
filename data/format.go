package data

import (
	"fmt"
	"strings"

	"github.com/monge-ml/monge/internal/registry"
)

// A Format opens the data sets of one kind, which are named by specs NAME:PLACE.
type Format struct {
	Name string // in specs, like "idx"
	// Place is what follows the colon, in capitals as help texts have it ("DIR", "FILE"); ""
	// if nothing does, as there is one data set of this name.
	Place string
	Info  string // a line on it, for lists
	// Sized says that Open brings examples to Options.Size: images of files, tokens of texts.
	Sized bool
	// Open opens the data set at a place. Of the options it heeds Size, Crop, Grey and CacheBytes, if
	// it has a use for them; the package's Open does what the others say. Errors name the
	// file.
	Open func(place string, o *Options) (*Splits, error)
}

// Spec returns how its data sets are named, like "idx:DIR".
func (f Format) Spec() string {
	if f.Place == "" {
		return f.Name
	}
	return f.Name + ":" + f.Place
}

var formats = registry.List[Format]{What: "data set"}

// What a format is stands in its own file; here is the order in which lists have them.
func init() {
	for _, f := range []Format{digitsFormat, idxFormat, cifar10Format, cifar100Format, folderFormat, csvFormat, textFormat, jsonlFormat, parquetFormat, debianFormat} {
		Register(f)
	}
}

// Register adds a format, whose data sets [Open] opens from then on and all commands take.
// Call it while the program starts; a name that is taken panics.
func Register(f Format) {
	if f.Open == nil {
		panic(fmt.Sprintf("monge: data set %q was registered without Open", f.Name))
	}
	formats.Register(f.Name, f)
}

// Formats returns all formats in the order in which they were registered.
func Formats() []Format { return formats.All() }

// Specs returns what [Open] takes: "digits", "idx:DIR" and so on.
func Specs() []string {
	var specs []string
	for _, f := range Formats() {
		specs = append(specs, f.Spec())
	}
	return specs
}

// FormatOf returns the format that a spec names, and whether there is one.
func FormatOf(spec string) (Format, bool) {
	name, place, _ := strings.Cut(spec, ":")
	if name == csvFormat.Name && namesTexts(place) {
		return csvTextFormat, true
	}
	return formats.Lookup(name)
}

// check returns an error for what a format must not return.
func (s *Splits) check(spec string) error {
	if s == nil || len(s.Parts()) == 0 {
		return fmt.Errorf("%s: its format returned no split", spec)
	}
	for _, p := range s.Parts() {
		if err := p.checkTargets(s.Targets); err != nil {
			return fmt.Errorf("%s: the %s split: %w", spec, p.Name, err)
		}
		for i, l := range p.Labels {
			if l < 0 || l >= len(s.Classes) {
				return fmt.Errorf("%s: example %d of the %s split has label %d; there are %d classes", spec, i, p.Name, l, len(s.Classes))
			}
		}
	}
	return nil
}

// checkTargets returns an error for a set that has not as many targets as there are names, or
// neither labels nor targets.
func (s *Set) checkTargets(names []string) error {
	switch {
	case s.Labels == nil && s.TargetLen == 0:
		return fmt.Errorf("its examples have neither labels nor targets")
	case s.Labels != nil && s.TargetLen != 0:
		return fmt.Errorf("its examples have both labels and targets; it must be one of them")
	case s.TargetLen != len(names):
		return fmt.Errorf("its examples have %d targets each, there are names for %d", s.TargetLen, len(names))
	}
	return nil
}
