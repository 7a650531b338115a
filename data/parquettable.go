package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/monge-ml/monge/data/internal/parquet"
)

// A parquetTable is a file of columns that examples are made of.
type parquetTable struct {
	file    *parquet.File
	names   []string // of what can be read, in the order of the file
	columns map[string]*parquet.Column
	classes map[string][]string // names of classes by number, of a column that has some
	images  map[string]bool     // columns of images
}

func newParquetTable(r io.ReaderAt, size int64) (*parquetTable, error) {
	f, err := parquet.Open(r, size)
	if err != nil {
		return nil, err
	}
	t := &parquetTable{file: f, columns: map[string]*parquet.Column{}, classes: map[string][]string{}, images: map[string]bool{}}
	t.describe()
	return t, nil
}

// describe finds what can be read. An image is a structure of bytes and a path.
func (t *parquetTable) describe() {
	for _, c := range t.file.Columns {
		name := c.Path[0]
		image := len(c.Path) == 2 && c.Path[1] == "bytes" && c.Kind == parquet.Bytes && !c.List
		if c.Kind == parquet.Other || t.columns[name] != nil || len(c.Path) > 1 && !c.List && !image || strings.HasPrefix(name, "__index_level_") {
			continue
		}
		t.names = append(t.names, name)
		t.columns[name], t.images[name] = c, image
	}
	var described struct {
		Info struct {
			Features map[string]json.RawMessage `json:"features"`
		} `json:"info"`
	}
	if json.Unmarshal([]byte(t.file.Metadata["huggingface"]), &described) != nil {
		return // whose description is not needed
	}
	for name, raw := range described.Info.Features {
		t.classes[name] = featureClasses(raw, 0)
	}
}

// A feature is how Hugging Face's data sets describe a column; of a list, what is in it.
type feature struct {
	Names   []string        `json:"names"`
	Feature json.RawMessage `json:"feature"`
}

// featureClasses returns the names of the classes that a column has the numbers of, or nil.
func featureClasses(raw json.RawMessage, depth int) []string {
	var f feature
	var list []json.RawMessage
	switch {
	case depth > 4:
		return nil
	case json.Unmarshal(raw, &list) == nil && len(list) == 1:
		return featureClasses(list[0], depth+1)
	case json.Unmarshal(raw, &f) != nil:
		return nil
	case f.Names == nil && f.Feature != nil:
		return featureClasses(f.Feature, depth+1)
	}
	return f.Names
}

// read adds the examples of a file to a corpus, of which it is the first or another.
func (t *parquetTable) read(c *corpus, spec *parquetSpec, cut, first bool) error {
	at, err := t.choose(spec)
	if err != nil {
		return err
	}
	if err := t.begin(c, &at, first); err != nil {
		return err
	}
	rows := t.rows(&at)
	hidden := 0
	for n := 0; ; n++ {
		e, err := rows.next(t)
		if err == io.EOF {
			break
		}
		if errors.Is(err, errHidden) {
			hidden++
			continue
		}
		if err == nil {
			err = c.addEntry(e, cut && inTest(e.key(c.pictures)))
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", n+1, err)
		}
	}
	switch {
	case hidden > 0 && int64(hidden) == t.file.Rows:
		return unlabelled("no example has a label")
	case hidden > 0:
		c.notes = append(c.notes, fmt.Sprintf("%s left out whose label is no class", count(hidden, "example")))
	}
	return nil
}

// key is what decides whether an example is in the test split.
func (e *entry) key(picture bool) string {
	if picture {
		return e.texts[0]
	}
	return keyOf(appendTokens(nil, e.texts[0], maxSize))
}

// choose finds the columns: those of images if there are some and no text is asked for.
func (t *parquetTable) choose(spec *parquetSpec) (at columnPlaces, err error) {
	columns := spec.textColumns
	if image := t.image(spec); columns.texts == nil && image != "" {
		columns.texts = []string{image}
	}
	if at, err = columns.find(t.names); err != nil {
		return at, err
	}
	at.chosen = spec.texts != nil
	if at.label < 0 {
		return at, t.check(&at)
	}
	switch c := t.columns[t.names[at.label]]; {
	case c.List:
		at.label, at.labels = -1, at.label
	case c.Kind == parquet.Float && spec.label == "":
		at.label, at.targets = -1, []int{at.label}
	}
	return at, t.check(&at)
}

// image returns the column of images that a spec names, or the one that there is.
func (t *parquetTable) image(spec *parquetSpec) string {
	if spec.image != "" {
		return spec.image
	}
	for _, name := range t.names {
		c := t.columns[name]
		if t.images[name] || len(c.Path) == 1 && c.Kind == parquet.Bytes && !c.UTF8 && slices.Contains([]string{"image", "img"}, strings.ToLower(name)) {
			return name
		}
	}
	return ""
}

// check returns an error for columns that can't be what they are to be.
func (t *parquetTable) check(at *columnPlaces) error {
	for _, i := range at.texts {
		if c := t.columns[t.names[i]]; c.Kind != parquet.Bytes || c.List {
			return fmt.Errorf("column %q has no texts or images: say which has, with ?text=NAME or ?image=NAME", t.names[i])
		}
	}
	for _, i := range at.outputs() {
		c := t.columns[t.names[i]]
		if c.List != (i == at.labels) || t.images[t.names[i]] || slices.Contains(at.targets, i) && c.Kind == parquet.Bytes {
			return fmt.Errorf("column %q can't be learned: lists are labels, numbers are targets, both may be a label", t.names[i])
		}
	}
	return nil
}

// begin says what the corpus is of; the files of a split agree in that.
func (t *parquetTable) begin(c *corpus, at *columnPlaces, first bool) error {
	other := newCorpus()
	other.begin(at, t.names)
	other.pictures = t.pictures(at)
	for _, i := range []int{at.label, at.labels} {
		if i >= 0 && t.classes[t.names[i]] != nil {
			other.named = true
			for _, name := range t.classes[t.names[i]] {
				if _, err := other.class(name); err != nil {
					return err
				}
			}
		}
	}
	if !first {
		if other.kind() != c.kind() || c.named && !slices.Equal(other.classes, c.classes) {
			return errors.New("its columns are not those of the split's first file")
		}
		return nil
	}
	other.notes = at.note(t.names)
	*c = *other
	return nil
}

// pictures reports whether examples are images.
func (t *parquetTable) pictures(at *columnPlaces) bool {
	c := t.columns[t.names[at.texts[0]]]
	return t.images[t.names[at.texts[0]]] || !c.UTF8 && !at.chosen
}

// parquetRows go through the columns that are read, row by row.
type parquetRows struct {
	texts    []*parquet.Rows
	targets  []*parquet.Rows
	label    *parquet.Rows
	kind     parquet.Kind // of its values
	several  bool
	names    []string // of the classes of label
	pictures bool
}

func (t *parquetTable) rows(at *columnPlaces) *parquetRows {
	of := func(i int) *parquet.Rows { return t.file.Read(t.columns[t.names[i]]) }
	r := &parquetRows{pictures: t.pictures(at), several: at.labels >= 0}
	for _, i := range at.texts {
		r.texts = append(r.texts, of(i))
	}
	for _, i := range at.targets {
		r.targets = append(r.targets, of(i))
	}
	if i := max(at.label, at.labels); i >= 0 {
		r.label, r.kind, r.names = of(i), t.columns[t.names[i]].Kind, t.classes[t.names[i]]
	}
	return r
}

// errHidden is the error of a row whose label is not told, as of a test split.
var errHidden = errors.New("its label is not told")

// next reads a row. All columns are read, lest they part.
func (r *parquetRows) next(t *parquetTable) (e entry, err error) {
	for _, rows := range r.texts {
		v, err := rows.Next()
		if err != nil {
			return e, err
		}
		text, err := textOf(v[0], r.pictures)
		if err != nil {
			return e, err
		}
		e.texts = append(e.texts, text)
	}
	for _, rows := range r.targets {
		v, err := rows.Next()
		if err != nil {
			return e, err
		}
		y, err := targetOf(v[0])
		if err != nil {
			return e, err
		}
		e.targets = append(e.targets, y)
	}
	if r.label == nil {
		return e, nil
	}
	v, err := r.label.Next()
	if err != nil {
		return e, err
	}
	for _, one := range v {
		name, err := r.class(one)
		if err != nil {
			return e, err
		}
		if e.label = name; r.several && !slices.Contains(e.labels, name) {
			e.labels = append(e.labels, name)
		}
	}
	return e, nil
}

// textOf returns a text, or the bytes of an image.
func textOf(v parquet.Value, picture bool) (string, error) {
	switch {
	case v.Null && picture:
		return "", errors.New("there is no image in the file (nor is one of another file read): leave the row out")
	case v.Null:
		return "", errors.New("there is no text: leave the row out")
	case !picture && len(v.Bytes) > maxLine:
		return "", fmt.Errorf("a text longer than %d bytes: cut it, or leave the row out", maxLine)
	case !picture:
		return strings.ToValidUTF8(string(v.Bytes), "\uFFFD"), nil
	}
	return string(v.Bytes), nil
}

func targetOf(v parquet.Value) (float32, error) {
	y := float32(v.Float + float64(v.Int))
	if v.Null || math.IsNaN(float64(y)) || math.IsInf(float64(y), 0) {
		return 0, errors.New("there is no number to predict: leave the row out")
	}
	return y, nil
}

// class returns the name of a label.
func (r *parquetRows) class(v parquet.Value) (string, error) {
	switch {
	case v.Null:
		return "", errHidden
	case r.kind == parquet.Bytes && len(v.Bytes) == 0:
		return "", errors.New("it has no label")
	case r.kind == parquet.Bytes:
		return strings.ToValidUTF8(string(v.Bytes), "\uFFFD"), nil
	case r.kind == parquet.Float:
		return strconv.FormatFloat(v.Float, 'g', -1, 64), nil
	case r.names == nil:
		return strconv.FormatInt(v.Int, 10), nil
	case v.Int == -1:
		return "", errHidden
	case v.Int < 0 || v.Int >= int64(len(r.names)):
		return "", fmt.Errorf("its label is %d, and there are names for %d classes", v.Int, len(r.names))
	}
	return r.names[v.Int], nil
}
