package data

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	wording "github.com/monge-ml/monge/internal/words"
)

// textColumns say where in a line a text and its label stand, as a spec gives it: by name, or by
// number as in #2; empty where it does not.
type textColumns struct {
	texts   []string // of a text, or of both of a pair
	label   string
	labels  string   // of several labels a text
	targets []string // of numbers to predict

	csv    bool // the file is CSV, whatever its name
	schema bool // the columns are those of a schema, not of a first line
}

// given reports whether a spec says anything.
func (c *textColumns) given() bool { return len(c.all()) > 0 }

// all are all columns that a spec gives.
func (c *textColumns) all() []string {
	list := slices.Concat(c.texts, c.targets, []string{c.label, c.labels})
	return slices.DeleteFunc(list, func(name string) bool { return name == "" })
}

// outputs are those of what is to be learned.
func (c *textColumns) outputs() []string { return c.all()[len(c.texts):] }

// textSettings are what a spec of texts may say.
const textSettings = "label, labels, target, text"

// parseTextSpec takes the columns off a place.
func parseTextSpec(place string) (string, textColumns, error) {
	at := strings.LastIndex(place, "?")
	if at < 0 || !strings.Contains(place[at:], "=") {
		return place, textColumns{}, nil
	}
	var c textColumns
	values, err := url.ParseQuery(strings.ReplaceAll(place[at+1:], "#", "%23"))
	if err != nil {
		return place, c, usage("%q is not like label=NAME&text=NAME", place[at+1:])
	}
	for key, v := range values {
		if err := c.set(key, v[0]); err != nil {
			return place, c, err
		}
	}
	if given := c.outputs(); len(given) > max(1, len(c.targets)) {
		return place, c, usage("label, labels and target are different things to learn; examples have one of them")
	}
	return place[:at], c, nil
}

// set is a setting of a spec.
func (c *textColumns) set(key, value string) (err error) {
	switch key {
	case "label":
		c.label = value
	case "labels":
		c.labels = value
	case "target":
		c.targets, err = columnList(key, value)
	case "text":
		if c.texts, err = columnList(key, value); len(c.texts) > 2 {
			err = usage("text %q names more than two columns, which are a pair", value)
		}
	default:
		err = usage("unknown setting %q; there are %s", key, textSettings)
	}
	return err
}

// What columns and keys of labels and of texts are called.
var (
	labelWords = append(slices.Clone(labelNames), "sentiment", "polarity", "intent", "stars", "rating", "gold_label", "label_id", "label-id",
		"is_duplicate", "quality", "score", "stance", "emotion", "topic", "answer")
	textWords = []string{
		"text", "texts", "sentence", "sentences", "content", "review", "title", "question", "premise", "tweet", "message", "comment", "body",
		"document", "utterance", "query", "phrase", "description", "sentence1", "question1",
	}
	pairWords = [][2]string{
		{"sentence1", "sentence2"}, {"sentence_1", "sentence_2"}, {"sentence_a", "sentence_b"}, {"question1", "question2"}, {"premise", "hypothesis"}, {"question", "sentence"},
		{"text1", "text2"}, {"text_a", "text_b"}, {"#1 string", "#2 string"},
	}
)

// scoreWord is the name of what pairs have, where it is a number.
const scoreWord = "score"

// pairOf returns the places of two names that are those of a pair.
func pairOf(names []string) []int {
	for _, pair := range pairWords {
		if a, b := place(names, pair[:1]), place(names, pair[1:]); a >= 0 && b >= 0 {
			return []int{a, b}
		}
	}
	return nil
}

// place returns the place of the first field that is one of some names, in any case, or -1.
func place(fields, names []string) int {
	return slices.IndexFunc(fields, func(f string) bool { return slices.Contains(names, strings.ToLower(strings.TrimSpace(f))) })
}

// unlabelled is the error of a file without labels.
type unlabelled string

func (e unlabelled) Error() string { return string(e) }

// columnOf returns the column that a spec names, or else the only one that is called as such
// columns are, or of two the one that the other is not.
func (c *textColumns) columnOf(names []string, what, given string, usual []string, other int) (int, error) {
	if given != "" {
		return c.givenColumn(names, given)
	}
	var found []int
	for i, n := range names {
		if i != other && slices.Contains(usual, strings.ToLower(n)) {
			found = append(found, i)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0 && len(names) == 2 && other >= 0:
		return 1 - other, nil
	}
	why := fmt.Sprintf("which column has the %ss? The %s %s: say it with ?label=NAME&text=NAME", what, c.origin(), someOf(names))
	if len(found) == 0 && what == "label" {
		return 0, unlabelled(why)
	}
	return 0, errors.New(why)
}

// givenColumn returns the column that a spec gives, by number or name.
func (c *textColumns) givenColumn(names []string, given string) (int, error) {
	if i, ok := byNumber(given, len(names)); ok {
		return i, nil
	}
	i := slices.Index(names, given)
	if i < 0 {
		return 0, fmt.Errorf("no column %q%s; the %s %s", given, wording.DidYouMean(given, names), c.origin(), someOf(names))
	}
	return i, nil
}

// origin is where the names of columns are from, for messages.
func (c *textColumns) origin() string {
	if c.schema {
		return "columns are"
	}
	return "first line names"
}

// byNumber returns the column of a number like #2.
func byNumber(c string, n int) (int, bool) {
	digits, ok := strings.CutPrefix(c, "#")
	i, err := strconv.Atoi(digits)
	return i - 1, ok && err == nil && i >= 1 && i <= n
}

// columnPlaces are the columns of a table that are read.
type columnPlaces struct {
	texts   []int
	label   int // or -1
	labels  int // or -1
	targets []int
	chosen  bool // the spec says which the texts are
}

// find finds the columns by the names in a first line.
func (c *textColumns) find(names []string) (at columnPlaces, err error) {
	at = columnPlaces{label: -1, labels: -1, chosen: c.texts != nil}
	for _, t := range c.targets {
		i, err := c.givenColumn(names, t)
		if err != nil {
			return at, err
		}
		at.targets = append(at.targets, i)
	}
	if c.labels != "" {
		if at.labels, err = c.givenColumn(names, c.labels); err != nil {
			return at, err
		}
	}
	for _, t := range c.texts {
		i, err := c.givenColumn(names, t)
		if err != nil {
			return at, err
		}
		at.texts = append(at.texts, i)
	}
	if at.texts == nil {
		at.texts = pairOf(names)
	}
	if at.targets == nil && at.labels < 0 {
		if at.label, err = c.findLabel(names, &at); err != nil {
			return at, err
		}
	}
	if at.texts == nil {
		i, err := c.columnOf(names, "text", "", textWords, at.label)
		if err != nil {
			return at, err
		}
		at.texts = []int{i}
	}
	return at, at.check(names)
}

// findLabel finds the column of the labels, or of the scores of pairs, which are numbers.
func (c *textColumns) findLabel(names []string, at *columnPlaces) (int, error) {
	other := -1
	if len(at.texts) == 1 {
		other = at.texts[0]
	}
	i, err := c.columnOf(names, "label", c.label, labelWords, other)
	if err == nil && c.label == "" && len(at.texts) == 2 && strings.EqualFold(names[i], scoreWord) {
		at.targets = []int{i}
		return -1, nil
	}
	return i, err
}

// outputs are the columns of what is to be learned.
func (at *columnPlaces) outputs() []int {
	list := slices.Concat(at.targets, []int{at.label, at.labels})
	return slices.DeleteFunc(list, func(i int) bool { return i < 0 })
}

// all are all columns that are read.
func (at *columnPlaces) all() []int { return slices.Concat(at.texts, at.outputs()) }

// check returns an error for a column that is two things.
func (at *columnPlaces) check(names []string) error {
	all := at.all()
	for k, i := range all {
		switch {
		case !slices.Contains(all[:k], i):
		case k >= len(at.texts) && at.label == i:
			return usage("label and text are both column %q", names[i])
		default:
			return usage("column %q is named twice", names[i])
		}
	}
	return nil
}

// note says which columns are read, if there are others.
func (at *columnPlaces) note(names []string) (notes []string) {
	all := at.all()
	if len(all) == len(names) {
		return nil
	}
	called := func(places []int) string {
		list := make([]string, len(places))
		for k, i := range places {
			list[k] = strconv.Quote(names[i])
		}
		return strings.Join(list, " and ")
	}
	var left []string
	for i, n := range names {
		if !slices.Contains(all, i) {
			left = append(left, strconv.Quote(n))
		}
	}
	of, what := "texts are of column ", "labels"
	if len(at.texts) == 2 {
		of = "pairs of texts are of columns "
	}
	if at.targets != nil {
		what = "targets"
	}
	return []string{of + called(at.texts) + ", " + what + " of " + called(at.outputs()) + "; left out: " + someOf(left)}
}

// numbers are the columns, if a spec gives all by number.
func (c *textColumns) numbers(n int) (at columnPlaces, ok bool) {
	at = columnPlaces{label: -1, labels: -1, chosen: true}
	ok = len(c.texts) > 0 && len(c.outputs()) > 0
	number := func(name string) int {
		i, is := byNumber(name, n)
		ok = ok && is
		return i
	}
	for _, t := range c.texts {
		at.texts = append(at.texts, number(t))
	}
	for _, t := range c.targets {
		at.targets = append(at.targets, number(t))
	}
	if c.label != "" {
		at.label = number(c.label)
	}
	if c.labels != "" {
		at.labels = number(c.labels)
	}
	return at, ok
}
