package pairs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/kernel"
)

// The names of a line's two parts in JSON and in a table's first line, the first that
// there is.
var (
	imageKeys = []string{"image", "image_path", "path", "filepath", "file_name", "file", "filename", "img", "img_path",
		"image_file", "image_name", "file_path", "url", "image_url"}
	captionKeys = []string{"caption", "text", "title", "captions", "texts", "sentence", "sentences", "comment", "description"}
)

var linesFormat = Format{
	Name: "pairs", Place: "FILE", Open: opener((*List).openLines),
	Info: "a line a pair: the image's path, a tab and the caption; or CSV, or JSON lines with image and caption",
}

// openLines lists the pairs of a file with a line for each.
func (l *List) openLines(ctx context.Context, path string, o Options) error {
	f, err := openRegular(path)
	if err != nil {
		return err
	}
	defer f.Close()
	dir := filepath.Dir(path)
	t := lines{list: l, seed: o.Seed, csv: strings.EqualFold(filepath.Ext(path), ".csv"), add: func(where, image string, c caption) {
		where = path + " " + where
		if isURL(image) {
			l.note(&l.NoImage, "%s: %s is a web address: download the images, and name their files here", where, show(image))
			return
		}
		if !filepath.IsAbs(image) {
			image = filepath.Join(dir, filepath.FromSlash(image))
		}
		l.addFile(where, withoutNumber(image), c)
	}}
	if err := t.read(interruptible{ctx, f}); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func isURL(s string) bool { return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") }

var captionNumber = regexp.MustCompile(`#[0-9]+$`)

// withoutNumber is an image's path without a caption's number behind it, as Flickr8k's a.jpg#0,
// unless there is a file of the whole name.
func withoutNumber(path string) string {
	bare := captionNumber.ReplaceAllString(path, "")
	if bare != path {
		if _, err := os.Stat(path); err != nil {
			return bare
		}
	}
	return path
}

// lines is a file with a line for each pair being read.
type lines struct {
	list *List
	seed uint64 // of the choice among several captions
	csv  bool   // commas separate, unless the first line says otherwise
	add  func(where, image string, c caption)
}

// read calls add for each line of a table, or of JSON; the first line that is not empty says
// which it is.
func (t *lines) read(r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	start, _ := in.Peek(4) // what is wrong with it is met again
	switch {
	case bytes.HasPrefix(start, []byte("\uFEFF")): // what Windows starts a file with
		_, _ = in.Discard(3)
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return errors.New("it is UTF-16: save it as UTF-8")
	}
	n, first := peekLine(in)
	if strings.HasPrefix(first, "[") {
		return t.readArray(in)
	}
	if strings.HasPrefix(first, "{") {
		if cut := json.Unmarshal([]byte(first), new(any)); len(first) < maxPeek && cut != nil && strings.Contains(cut.Error(), "unexpected end") {
			return fmt.Errorf("line %d is no whole JSON object: a list of pairs has one a line, or is an array of them; for COCO's annotations write coco:DIR", n)
		}
		return t.readRows(in, t.splitJSON)
	}
	head, comma, err := readHead(first, t.csv)
	if err != nil {
		return fmt.Errorf("line %d: %w", n, err)
	}
	if comma == '\t' {
		return t.readRows(in, head.splitLine(n))
	}
	return t.readCSV(in, comma, head)
}

// maxPeek bounds how far a first line is looked at before it is read.
const maxPeek = 32 << 10

// peekLine returns the first line that is not empty without reading it, and its number.
func peekLine(in *bufio.Reader) (n int, first string) {
	b, _ := in.Peek(maxPeek)
	for line := range bytes.Lines(b) {
		n++
		if first := strings.TrimSpace(string(line)); first != "" {
			return n, strings.TrimRight(string(line), "\r\n")
		}
	}
	return n, ""
}

// A head says which columns of a table are the image's path and the caption.
type head struct {
	image, caption int
	columns        int // 0 where the table does not name them: path, then caption
}

// readHead finds what separates a table's columns, and what its first line says of them.
func readHead(first string, isCSV bool) (h head, comma rune, err error) {
	for _, comma := range "\t,;|" {
		if h, ok := namedColumns(fields(first, comma)); ok {
			return h, comma, nil
		}
	}
	comma = '\t'
	if isCSV && !strings.Contains(first, "\t") {
		comma = ','
	}
	cells := fields(first, comma)
	if last := cells[len(cells)-1]; len(cells) > 1 && !isImageName(cells[0]) && isImageName(last) {
		return h, 0, fmt.Errorf("the image's path comes first, and here %s seems to be one: exchange the columns, or begin with a line that names them, such as caption and image", show(last))
	}
	return head{image: 0, caption: 1}, comma, nil
}

// namedColumns returns what a first line names. Where it knows one of two columns by name, the
// other one is the other.
func namedColumns(cells []string) (h head, ok bool) {
	for i := range cells {
		cells[i] = strings.ToLower(cells[i])
	}
	h = head{image: column(cells, imageKeys), caption: column(cells, captionKeys), columns: len(cells)}
	if len(cells) == 2 && (h.image < 0) != (h.caption < 0) {
		other := cells[1-max(h.image, h.caption)]
		if strings.ContainsAny(other, " \t/\\.") || other == "" {
			return h, false // it is no name
		}
		if h.image < 0 {
			h.image = 1 - h.caption
		} else {
			h.caption = 1 - h.image
		}
	}
	return h, h.image >= 0 && h.caption >= 0
}

// column is where the first of some names is, -1 if none is there.
func column(cells, names []string) int {
	for _, name := range names {
		if i := slices.Index(cells, name); i >= 0 {
			return i
		}
	}
	return -1
}

// fields are the cells of a line, at least one.
func fields(line string, comma rune) []string {
	cells := strings.Split(line, string(comma))
	if comma != '\t' {
		r := csv.NewReader(strings.NewReader(line))
		r.Comma, r.LazyQuotes = comma, true
		if row, err := r.Read(); err == nil {
			cells = row
		}
	}
	for i := range cells {
		cells[i] = unquote(strings.TrimSpace(cells[i]))
	}
	return cells
}

// isImageName reports whether a cell ends as the names of images do.
func isImageName(cell string) bool {
	return picture.IsName(withoutNumber(cell)) || isURL(cell)
}

// unquote takes quotes away as tables' writers put them: around a cell, those in it doubled.
func unquote(cell string) string {
	if len(cell) < 2 || cell[0] != '"' || cell[len(cell)-1] != '"' {
		return cell
	}
	inner := cell[1 : len(cell)-1]
	if strings.Contains(strings.ReplaceAll(inner, `""`, ""), `"`) {
		return cell
	}
	return strings.ReplaceAll(inner, `""`, `"`)
}

// splitLine splits lines at tabs. Without a line of names all behind the first tab is the
// caption; line n names the columns.
func (h head) splitLine(n int) splitter {
	return func(line string, at int) (string, caption, error) {
		if h.columns > 0 {
			if at == n {
				return "", caption{}, errHead
			}
			return h.pick(strings.SplitN(line, "\t", h.columns), true)
		}
		image, text, ok := strings.Cut(line, "\t")
		if !ok {
			return "", caption{}, fmt.Errorf("no tab between an image's path and a caption in %s", show(line))
		}
		return pathAnd(image, newCaption(text))
	}
}

// pick takes the two columns of a row.
func (h head) pick(row []string, quoted bool) (string, caption, error) {
	if len(row) != max(h.columns, 2) {
		what := "the first line names"
		if h.columns == 0 {
			what = "an image's path and a caption take (quote a caption with commas in it)"
		}
		return "", caption{}, fmt.Errorf("%d columns, and %s %d", len(row), what, max(h.columns, 2))
	}
	image, text := row[h.image], row[h.caption]
	if quoted {
		image, text = unquote(strings.TrimSpace(image)), unquote(strings.TrimSpace(text))
	}
	return pathAnd(image, newCaption(text))
}

func pathAnd(image string, c caption) (string, caption, error) {
	if image = strings.TrimSpace(image); image == "" {
		return "", c, errors.New("no image's path before the caption")
	}
	return image, c, nil
}

// A splitter makes a pair of a line, of which it gets the number.
type splitter func(line string, n int) (image string, c caption, err error)

// errHead is of the line that names columns.
var errHead = errors.New("it names the columns")

// readRows reads a pair a line.
func (t *lines) readRows(r io.Reader, split splitter) error {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxCaption)
	n := 0
	for in.Scan() {
		n++
		if strings.TrimSpace(in.Text()) == "" {
			continue
		}
		image, c, err := split(in.Text(), n)
		if err := t.take(fmt.Sprintf("line %d", n), len(in.Bytes()), image, c, err); err != nil {
			return err
		}
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d bytes: a list of pairs has a line for each; for COCO's annotations write coco:DIR", n+1, maxCaption)
	}
	return in.Err()
}

// take adds a pair of so many bytes, or notes why it is none.
func (t *lines) take(where string, size int, image string, c caption, err error) error {
	if err == errHead {
		return nil
	}
	if err != nil {
		t.list.note(&t.list.Malformed, "%s: %v", where, err)
		return nil
	}
	if err := t.list.take(size); err != nil {
		return err
	}
	t.add(where, image, c)
	return nil
}

// readCSV reads a pair a row, in which cells may be quoted.
func (t *lines) readCSV(r io.Reader, comma rune, h head) error {
	bounded := &rowReader{r: r}
	in := csv.NewReader(bounded)
	in.Comma, in.LazyQuotes, in.FieldsPerRecord, in.ReuseRecord = comma, true, -1, true
	for first := true; ; first = false {
		bounded.left = maxCaption + 64<<10 // what it reads ahead
		row, err := in.Read()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return shortCSV(err)
		case first && h.columns > 0:
			continue
		}
		n, _ := in.FieldPos(0)
		image, c, err := h.pick(row, false)
		if err := t.take(fmt.Sprintf("line %d", n), len(image)+len(c.text), image, c, err); err != nil {
			return err
		}
	}
}

// shortCSV is an error of CSV with its line.
func shortCSV(err error) error {
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		return fmt.Errorf("line %d: %w", bad.StartLine, bad.Err)
	}
	return err
}

// A rowReader ends with an error where a row is too long, as behind a quote that nothing closes.
type rowReader struct {
	r    io.Reader
	left int
}

func (r *rowReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, fmt.Errorf("a row is longer than %d bytes: a quote may be open somewhere before", maxCaption)
	}
	n, err := r.r.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

// readArray reads a pair for each object of a JSON array.
func (t *lines) readArray(r io.Reader) error {
	d := json.NewDecoder(r)
	if _, err := d.Token(); err != nil {
		return cocoError(err)
	}
	for n := 1; d.More(); n++ {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return cocoError(err)
		}
		image, c, err := t.splitJSON(string(raw), n)
		if err := t.take(fmt.Sprintf("entry %d", n), len(raw), image, c, err); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return cocoError(err)
}

func (t *lines) splitJSON(line string, n int) (image string, c caption, err error) {
	object, repaired, err := parseObject([]byte(line))
	if err != nil {
		return "", c, fmt.Errorf("no JSON object: %s", show(line))
	}
	if image = firstText(object, imageKeys); image == "" {
		return "", c, fmt.Errorf("no image's path; it is called %s", strings.Join(imageKeys, " or "))
	}
	c = t.list.draw(object, kernel.Mix(t.seed, uint64(n)))
	c.repaired = repaired
	return image, c, nil
}

// parseObject reads a JSON object. What is not UTF-8 is repaired anywhere in it.
func parseObject(b []byte) (object map[string]any, repaired bool, err error) {
	err = json.Unmarshal(b, &object)
	return object, !utf8.Valid(b), err
}

// firstText returns the first of some keys that is a text, "" if none is.
func firstText(object map[string]any, keys []string) string {
	for _, key := range keys {
		if s, ok := object[key].(string); ok && strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}

// draw returns an object's caption. Of a list of captions chance, a number at random, is for one.
func (l *List) draw(object map[string]any, chance uint64) caption {
	for _, key := range captionKeys {
		switch v := object[key].(type) {
		case string:
			if c := newCaption(v); c.text != "" {
				return c
			}
		case []any:
			var texts []string
			for _, x := range v {
				if s, ok := x.(string); ok && strings.TrimSpace(s) != "" {
					texts = append(texts, s)
				}
			}
			if len(texts) > 1 {
				l.Drawn++
			}
			if len(texts) > 0 {
				return newCaption(texts[chance%uint64(len(texts))])
			}
		}
	}
	return caption{}
}
