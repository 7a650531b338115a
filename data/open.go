package data

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/monge-ml/monge/data/picture"
)

// Options say how to open a data set.
type Options struct {
	// Size is the height and width that images of files are brought to; zero keeps theirs,
	// which must then agree. With Crop images are made as small as covers Size and the centre
	// is cut out, else they are squeezed. Resizing is Pillow's bilinear one, to the bit.
	// Of texts it is the number of tokens, to which they are cut or padded; zero is 64.
	// With Grey images of files have one channel, as Pillow's convert("L") makes it of colours.
	// As brings images of files to Size as a published network expects them, see [picture.Fit].
	Size Size
	Crop bool
	Grey bool
	As   picture.Resize
	// Classes keeps these classes alone, in this order; nil keeps all.
	Classes []string
	// Features are the columns of a table that examples are made of, in this order, whatever
	// order they stand in; nil are all that are not labels, targets or an index. Other formats
	// have none.
	Features []string
	// Val is the part of the training examples that validates where the data set has
	// no validation split of its own: a share below 1 or a number of examples, by class
	// alike; 0 is none. Subset and TestSubset keep so many examples of the training and
	// test splits, by class alike; 0 keeps all.
	Val float64
	// Fold, where it is given, is the part of the training examples that validates in place of Val and of a validation split
	// that there is, by class alike.
	Fold               Fold
	Subset, TestSubset int
	Seed               uint64 // of what is drawn: Val, Fold, Subset, TestSubset
	CacheBytes         int64  // of decoded images to keep in memory; 0 is DefaultCacheBytes, below 0 none
	// SkipDamaged reads every example once and leaves out those that can't be read, before
	// anything is drawn: what is left is the same once their files are deleted. Progress, which may
	// be nil, is told of that.
	SkipDamaged bool
	Progress    func(done, all int)
}

// DefaultCacheBytes is the memory that decoded images may take.
const DefaultCacheBytes = 2 << 30

// A UsageError is a spec or an option that is wrong whatever the files hold.
type UsageError string

func (e UsageError) Error() string { return string(e) }

func usage(format string, args ...any) error { return UsageError(fmt.Sprintf(format, args...)) }

// Open returns a data set by its spec: a name, or a format and a place. Beside the formats
// that were registered (see [Register]) there are
//
//	digits                          the embedded digits, see [Digits]
//	idx:DIR                         MNIST's format, gzipped or not
//	cifar10:DIR, cifar100:DIR       the binary version, or the one for Python
//	imagefolder:DIR                 DIR/CLASS/IMAGE, or that below DIR/train, DIR/val, DIR/test;
//	                                jpeg, png, gif, webp, bmp, tiff, ppm, see [picture.Names];
//	                                imagefolder:DIR?channels=1 makes them grey
//	csv:FILE?label=COLUMN           a line an example, the first names the columns; also
//	                                &shape=28x28x1 and &scale=255, which divides the numbers.
//	                                ?target=COLUMN,COLUMN in place of the label names what is to
//	                                be predicted, numbers, which the scale leaves alone
//	text:FILE                       a line a text: LABEL<TAB>TEXT, or columns that the first line names, or JSON
//	                                with label and text; a tenth is the test split. Or a directory with
//	                                train.tsv, val.tsv, test.tsv, or .csv, .jsonl. ?label=NAME&text=NAME says which
//	                                columns or keys are meant, text=NAME,NAME of pairs of texts; in place of the
//	                                label target=NAME,NAME names numbers to predict, labels=NAME a list of labels
//	                                (in JSON; in tables with commas between), which become a target each: 1 or 0
//	csv:FILE?text=COLUMN, jsonl:FILE  the same of a file that is called so
//	parquet:FILE                    texts, pairs of texts or images (a structure of bytes and path), as Hugging Face's
//	                                data sets are kept, with its names of classes; a tenth is the test split. Or a
//	                                directory of train-*.parquet, validation-*.parquet, test-*.parquet. The settings
//	                                are those of text:FILE, and image=NAME, channels=1
//	debian:FILE                     descriptions of Debian's packages by section, from an index as
//	                                "apt-cache dumpavail" prints it or a Packages file of a mirror
//
// Files of texts may be gzipped; what becomes of a text is said at [Vocabulary].
//
// Errors name the file; those of the spec and the options are a [UsageError].
func Open(spec string, o Options) (*Splits, error) { return OpenContext(context.Background(), spec, o) }

// OpenContext is [Open] that returns ctx's error when that ends while examples are read.
func OpenContext(ctx context.Context, spec string, o Options) (*Splits, error) {
	_, place, _ := strings.Cut(spec, ":")
	f, ok := FormatOf(spec)
	if !ok {
		return nil, usage("unknown data set %q; there are %s", spec, strings.Join(Specs(), ", "))
	}
	if (f.Place == "") != (place == "") {
		return nil, usage("data set %q: it is written %s", spec, f.Spec())
	}
	if err := o.Size.check(); err != nil {
		return nil, err
	}
	place = Home(place)
	s, err := f.Open(place, &o)
	if err == nil {
		err = s.check(spec)
	}
	if err != nil {
		return nil, fromHere(err, place)
	}
	chosen := *s
	chosen.Name = spec
	if o.SkipDamaged {
		if err := chosen.skipDamaged(ctx, o.Progress); err != nil {
			return nil, err
		}
	}
	return &chosen, chosen.choose(&o)
}

// skipDamaged leaves out the examples that can't be read. Texts are in memory.
func (s *Splits) skipDamaged(ctx context.Context, progress func(done, all int)) error {
	if slices.ContainsFunc(s.Parts(), func(p Part) bool { return p.text }) {
		return nil
	}
	scan, err := s.Scan(ctx, progress)
	if err != nil {
		return err
	}
	whole, err := s.Without(scan.Damaged)
	if err != nil {
		return err
	}
	*s = *whole
	s.Damaged = scan.Damaged
	return nil
}

// choose applies the options that are the same for all formats.
func (s *Splits) choose(o *Options) error {
	for _, p := range s.Parts() {
		if p.text {
			var err error
			if s.tokens, err = o.Size.tokens(); err != nil {
				return err
			}
			continue
		}
		if o.Size != (Size{}) && !o.Size.is(p.Shape) {
			return usage("%s: its examples are %s and can't be brought to size %v; only an imagefolder's can", s.Name, sides(p.Shape), o.Size)
		}
	}
	if o.Classes != nil && s.Targets != nil {
		return usage("%s: its examples have targets (%s), no classes to choose from: leave the classes off", s.Name, someOf(s.Targets))
	}
	if o.Classes != nil {
		if err := s.keepClasses(o.Classes); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	if o.Fold != (Fold{}) {
		if err := s.fold(o.Fold, o.Seed); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	} else if o.Val != 0 && s.Val == nil && s.Train != nil {
		if err := s.holdOut(o.Val, o.Seed); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	for _, p := range []struct {
		set  **Set
		name string
		n    int
	}{{&s.Train, "training", o.Subset}, {&s.Test, "test", o.TestSubset}} {
		if p.n == 0 {
			continue
		}
		subset, err := (*p.set).Stratified(p.n, len(s.Classes), o.Seed)
		if err != nil {
			return fmt.Errorf("%s: a subset of the %s split: %w", s.Name, p.name, err)
		}
		*p.set = subset
	}
	return nil
}

// sides writes the height and width of a shape, or all of another's.
func sides(shape []int) string {
	if len(shape) == 3 {
		return fmt.Sprintf("%dx%d", shape[0], shape[1])
	}
	return fmt.Sprint(shape)
}

// keepClasses drops the examples of all other classes, and numbers these anew.
func (s *Splits) keepClasses(names []string) error {
	number := make([]int, len(s.Classes)) // a class's new number, or -1
	for i := range number {
		number[i] = -1
	}
	for i, name := range names {
		old := slices.Index(s.Classes, name)
		if old < 0 {
			return usage("no class %q; there are %s", name, someOf(s.Classes))
		}
		if number[old] >= 0 {
			return usage("class %q is named twice", name)
		}
		number[old] = i
	}
	for _, set := range []**Set{&s.Train, &s.Val, &s.Test} {
		if *set == nil {
			continue
		}
		var idx []int
		for i, l := range (*set).Labels {
			if number[l] >= 0 {
				idx = append(idx, i)
			}
		}
		if len(idx) == 0 {
			*set = nil
			continue
		}
		*set = (*set).Select(idx)
		for i, l := range (*set).Labels {
			(*set).Labels[i] = number[l]
		}
	}
	s.Classes = slices.Clone(names)
	return nil
}

// someOf lists names, the first of them if there are many.
func someOf(names []string) string {
	const most = 20
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// holdOut makes a validation split of a share below 1, or a number, of the training
// examples.
func (s *Splits) holdOut(val float64, seed uint64) error {
	n := int(min(val, math.MaxInt32))
	if val > 0 && val < 1 {
		n = int(math.Round(val * float64(s.Train.Len())))
	} else if !(val >= 1 && val == math.Trunc(val)) {
		return usage("the validation part is %g; it must be a share below 1 or a whole number of examples", val)
	}
	if n == 0 || n >= s.Train.Len() {
		return fmt.Errorf("%g of %d training examples to validate would leave one of the two empty", val, s.Train.Len())
	}
	held, rest, err := s.Train.stratify(n, len(s.Classes), rand.New(rand.NewPCG(seed, 0x76616c))) // "val"
	if err != nil {
		return err
	}
	s.Train, s.Val = s.Train.Select(rest), s.Train.Select(held)
	return nil
}

// Stratified returns n examples drawn as a function of the seed, of each class as many
// as its share of the set (largest remainders first), in the order of the set; without
// labels they are drawn from all alike. A larger n keeps what a smaller one drew, but for
// rounding.
func (s *Set) Stratified(n, classes int, seed uint64) (*Set, error) {
	drawn, _, err := s.stratify(n, classes, rand.New(rand.NewPCG(seed, 0x737562736574))) // "subset"
	if err != nil {
		return nil, err
	}
	return s.Select(drawn), nil
}

// members returns the examples of each class, of one class if there are none.
func (s *Set) members(classes int) ([][]int, error) {
	if s.Labels == nil {
		classes = 1
	}
	members := make([][]int, classes)
	for i := range s.Len() {
		l := 0
		if s.Labels != nil {
			l = s.Labels[i]
		}
		if l < 0 || l >= classes {
			return nil, fmt.Errorf("example %d has label %d; there are %d classes", i, l, classes)
		}
		members[l] = append(members[l], i)
	}
	return members, nil
}

// stratify returns the numbers of the examples that are drawn, and of the others.
func (s *Set) stratify(n, classes int, rng *rand.Rand) (drawn, rest []int, err error) {
	if n <= 0 || n > s.Len() {
		return nil, nil, fmt.Errorf("%d examples are asked for; there are %d", n, s.Len())
	}
	members, err := s.members(classes)
	if err != nil {
		return nil, nil, err
	}
	classes = len(members)
	// A class's share is n*len/total; what the fractions leave goes to the largest.
	take, byRemainder, left := make([]int, classes), make([]int, classes), n
	for c, m := range members {
		take[c] = n * len(m) / s.Len()
		left -= take[c]
		byRemainder[c] = c
	}
	slices.SortStableFunc(byRemainder, func(a, b int) int {
		return n*len(members[b])%s.Len() - n*len(members[a])%s.Len()
	})
	for _, c := range byRemainder[:left] {
		take[c]++
	}
	for c, m := range members {
		rng.Shuffle(len(m), func(i, j int) { m[i], m[j] = m[j], m[i] })
		drawn = append(drawn, m[:take[c]]...)
		rest = append(rest, m[take[c]:]...)
	}
	slices.Sort(drawn)
	slices.Sort(rest)
	return drawn, rest, nil
}
