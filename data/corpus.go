package data

import (
	"fmt"
	"slices"
	"strings"
)

// An entry is an example of texts: what is to be learned of it is one of label, labels (which may
// be none) and targets.
type entry struct {
	texts   []string // one, or both of a pair
	label   string
	labels  []string
	targets []float32
}

// A corpus is texts, or pairs of texts, as they are read, with classes or targets.
type corpus struct {
	most   int // texts
	pairs  bool
	chosen bool // a spec says which the texts of a pair are
	// pictures says that the texts are the bytes of images.
	pictures bool
	// named says that the classes are those that a file names, in its order.
	named   bool
	classes []string
	number  map[string]int
	test    []bool // whether a text is in the test split
	labels  []int  // of each text, -1 of one that has none, or not just one
	all     strings.Builder
	ends    []int // of each text in all
	notes   []string

	// targets are numbers to predict, as many for each text as there are names.
	targets     []float32
	targetNames []string
	// marks are the labels of texts that have several, or none.
	several bool
	marks   []int32
	markEnd []int // of each text's
}

func newCorpus() *corpus { return &corpus{most: maxTexts, number: map[string]int{}} }

func (c *corpus) texts() *texts {
	return &texts{all: c.all.String(), ends: c.ends, pairs: c.pairs, chosen: c.chosen, pictures: c.pictures}
}

// add adds a text with a label.
func (c *corpus) add(text []byte, label string, test bool) error {
	return c.addEntry(entry{texts: []string{string(text)}, label: label}, test)
}

// addEntry adds an example.
func (c *corpus) addEntry(e entry, test bool) (err error) {
	if len(c.labels) == c.most {
		return fmt.Errorf("more than %d texts: split the file", c.most)
	}
	if c.all.Len() > maxMemory {
		if c.pictures {
			return fmt.Errorf("more than %d bytes of images, which are held in memory: unpack them to a folder for each class, which imagefolder:DIR reads", maxMemory)
		}
		return fmt.Errorf("more than %d bytes of texts: split the file", maxMemory)
	}
	label := -1
	switch {
	case c.targetNames != nil:
		c.targets = append(c.targets, e.targets...)
	case c.several:
		err = c.mark(e.labels)
	default:
		label, err = c.class(e.label)
	}
	if err != nil {
		return err
	}
	for _, text := range e.texts {
		c.all.WriteString(text)
		c.ends = append(c.ends, c.all.Len())
	}
	c.labels = append(c.labels, label)
	c.test = append(c.test, test)
	return nil
}

// mark adds the labels of a text.
func (c *corpus) mark(labels []string) error {
	for _, name := range labels {
		l, err := c.class(name)
		if err != nil {
			return err
		}
		c.marks = append(c.marks, int32(l))
	}
	c.markEnd = append(c.markEnd, len(c.marks))
	return nil
}

// class is the number of a label.
func (c *corpus) class(label string) (int, error) {
	l, seen := c.number[label]
	if !seen {
		if len(c.classes) == maxTextClasses {
			return 0, fmt.Errorf("more than %d labels: what comes first in a line must be the class", maxTextClasses)
		}
		l = len(c.classes)
		c.classes = append(c.classes, label)
		c.number[label] = l
	}
	return l, nil
}

// trainAll takes the texts of classes that would have none to train on out of the test split.
func (c *corpus) trainAll() {
	if c.targetNames != nil || c.several {
		if !slices.Contains(c.test, false) {
			clear(c.test)
		}
		return
	}
	names, trained, there := mergeNumbers(c.classes), map[string]bool{}, map[string]bool{}
	for i, l := range c.labels {
		if there[names[l]] = true; !c.test[i] {
			trained[names[l]] = true
		}
	}
	for i, l := range c.labels {
		if !trained[names[l]] {
			c.test[i] = false
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if there[name] && !trained[name] {
			c.notes = append(c.notes, fmt.Sprintf("class %q has too few different texts for a test split: all are to train on", name))
		}
	}
}

// part returns the texts of the training or of the test split, nil for none, with their
// classes numbered as in names, or with a target for each of them.
func (c *corpus) part(test bool, names []string) *Set {
	all := &Set{text: true, source: c.texts()}
	c.output(all, names)
	var idx []int
	for i := range c.labels {
		if c.test[i] == test && (all.Labels == nil || all.Labels[i] >= 0) {
			idx = append(idx, i)
		}
	}
	if len(idx) == 0 {
		return nil
	}
	return all.Select(idx)
}

// output gives a set what is to be learned of the texts.
func (c *corpus) output(all *Set, names []string) {
	switch {
	case c.targetNames != nil:
		all.Targets, all.TargetLen = c.targets, len(names)
		return
	case c.several:
		all.Targets, all.TargetLen = c.markTargets(names), len(names)
		return
	}
	renumber := renumbered(c.classes, names)
	all.Labels = make([]int, len(c.labels))
	for i, l := range c.labels {
		all.Labels[i] = renumber[l]
	}
}

// markTargets are numbers for each text: 1 for a label that it has, else 0.
func (c *corpus) markTargets(names []string) []float32 {
	x := make([]float32, len(c.markEnd)*len(names))
	renumber, begin := renumbered(c.classes, names), 0
	for i, end := range c.markEnd {
		for _, l := range c.marks[begin:end] {
			x[i*len(names)+renumber[l]] = 1
		}
		begin = end
	}
	return x
}

// nameClasses makes classes of labels.
func (s *Splits) nameClasses(labels []string) {
	names := mergeNumbers(labels)
	s.Classes = slices.Compact(inOrder(names))
	s.Notes = append(s.Notes, mergedNotes(labels, names)...)
}

// nameOutputs names the classes or targets of some corpora, which are splits of the same data.
func (s *Splits) nameOutputs(list []*corpus) error {
	first, texts := list[0], 0
	var classes []string
	for _, c := range list {
		if c.kind() != first.kind() {
			return fmt.Errorf("its splits are of different columns: %s and %s; say which are meant with ?label=NAME&text=NAME", first.kind(), c.kind())
		}
		classes = append(classes, c.classes...)
		texts += len(c.labels)
	}
	if first.targetNames != nil {
		s.Targets = slices.Clone(first.targetNames)
		return nil
	}
	if err := s.nameTheir(list, classes); err != nil {
		return err
	}
	if first.several {
		if s.Targets, s.Classes = s.Classes, nil; len(s.Targets) == 0 {
			return fmt.Errorf("no text has a label")
		}
		if texts > maxMemory/4/len(s.Targets) {
			return fmt.Errorf("%d texts of which each may have %d labels are too many: split the file", texts, len(s.Targets))
		}
	}
	return nil
}

// nameTheir names the classes of some corpora, which are these all together: as their files name
// them, or else in order.
func (s *Splits) nameTheir(list []*corpus, classes []string) error {
	for _, c := range list {
		if c.named != list[0].named || c.named && !slices.Equal(c.classes, list[0].classes) {
			return fmt.Errorf("its splits name their classes differently: %s and %s", someOf(list[0].classes), someOf(c.classes))
		}
	}
	if list[0].named {
		s.Classes = slices.Clone(list[0].classes)
		return nil
	}
	slices.Sort(classes)
	s.nameClasses(slices.Compact(classes))
	return nil
}

// kind says what the examples are, for errors.
func (c *corpus) kind() string {
	kind := "texts"
	switch {
	case c.pictures:
		kind = "images"
	case c.pairs:
		kind = "pairs of texts"
	}
	switch {
	case c.targetNames != nil:
		return kind + " with targets (" + someOf(c.targetNames) + ")"
	case c.several:
		return kind + " with several labels"
	}
	return kind + " with a label"
}

// names are those that labels or targets are numbered by.
func (s *Splits) outputNames() []string {
	if s.Targets != nil {
		return s.Targets
	}
	return s.Classes
}
