// Package pairs lists images with their captions: of a table, of COCO's annotations, of
// webdataset's shards, of emoji. A list holds captions and where images lie; images are decoded
// when they are read, those of emoji before. What can't be used is left out, counted, and its first cases named.
package pairs

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
)

// Options say how to open a list of pairs.
type Options struct {
	Seed uint64 // of the choice among an image's captions, where it has several
}

// A List is pairs of an image and a caption.
type List struct {
	Pairs []Pair
	Report

	text    int64          // bytes that captions and names may take, so far
	endings map[string]int // of shards' members, with how many there are
}

// A Pair is a caption and where its image lies.
type Pair struct {
	Caption string // valid UTF-8, without white space around, not empty
	Path    string // of the image's file, or of the shard or sheet that holds it
	Member  string // of the image in the shard, or an emoji's code points; "" for a file of its own
	Class   string // what it shows, to colour maps by; "" where the list does not say

	// Image is the image where it lies in no file; Path is then its name, for messages. Nil
	// for a file.
	Image Image

	at, size int64  // in the shard, in bytes
	glyph    *glyph // of a sheet
}

// An Image is one that lies in no file.
type Image interface {
	// Bytes returns the content of an image file, of a kind of [picture.Names]. It may be called
	// concurrently.
	Bytes() ([]byte, error)
}

// A Report says what was left out of a list, and what was repaired.
type Report struct {
	NoImage   int // captions whose image is missing
	NoCaption int // images whose caption is missing, empty, or longer than 1 MiB
	NotImage  int // pairs whose image is of no known format, or too large
	Malformed int // lines and entries that say nothing
	CutShort  int // shards that end early or are damaged; what is whole before that is used
	Repaired  int // pairs whose caption had invalid UTF-8, now U+FFFD; they are used
	Drawn     int // images with several captions, of which the seed drew the one that is used

	// Examples are the first few of all these but the repaired, each with its place and
	// what is wrong.
	Examples []string
}

// Skipped returns how many pairs were left out, as far as they could be counted.
func (r *Report) Skipped() int { return r.NoImage + r.NoCaption + r.NotImage + r.Malformed }

// String says in a line what was left out, with the first few cases, and what was chosen by the
// seed; "" if there is nothing to say.
func (r *Report) String() string {
	var parts []string
	for _, c := range []struct {
		n    int
		what string
	}{
		{r.NoImage, "captions without an image"}, {r.NoCaption, "images without a caption"},
		{r.NotImage, "with an image that can't be read"}, {r.Malformed, "malformed entries"}, {r.CutShort, "shards cut short"},
	} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	var said []string
	if parts != nil {
		said = append(said, "left out: "+strings.Join(parts, ", "))
		said = append(said, r.Examples...)
	}
	if r.Repaired > 0 {
		said = append(said, fmt.Sprintf("%d captions are not UTF-8: their bytes that are none were replaced", r.Repaired))
	}
	if r.Drawn > 0 {
		said = append(said, fmt.Sprintf("%d images have several captions; the seed draws the one of each that is used", r.Drawn))
	}
	return strings.Join(said, "; ")
}

// maxExamples bounds the cases that a report names.
const maxExamples = 5

// note counts a case, and keeps it if it is one of the first.
func (r *Report) note(count *int, format string, args ...any) {
	*count++
	if len(r.Examples) < maxExamples {
		r.Examples = append(r.Examples, fmt.Sprintf(format, args...))
	}
}

// Limits of what is read, so that a file can't ask for any amount of memory.
const (
	maxCaption = 1 << 20   // bytes of a caption, and of a line or an entry that holds one
	maxFile    = 1 << 30   // bytes of a file of captions
	maxText    = 4 << 30   // bytes that a list takes in memory
	overhead   = 128       // bytes that a pair takes of these beside its text
	maxImage   = 256 << 20 // bytes of an image file
)

var errText = fmt.Errorf("captions and names take more than %d bytes of memory: open a part of them", int64(maxText))

// take gives n bytes of text their place in memory.
func (l *List) take(n int) error {
	if l.text += int64(n + overhead); l.text > maxText {
		return errText
	}
	return nil
}

// Open returns a list of pairs by its spec, a format and a place. Beside the formats that were
// registered (see [Register]) there are
//
//	pairs:FILE           a line a pair: the image's path, a tab and the caption; or CSV; or JSON
//	                     lines, or an array, of {"image": "a.jpg", "caption": "a cat"}. A first
//	                     line such as "image<TAB>caption" says where the columns are. Paths are
//	                     relative to the file; of a list of captions the seed draws one
//	coco:DIR?split=NAME  DIR/annotations/captions_NAME.json with the images in DIR/NAME,
//	                     DIR/images/NAME or DIR/images; one caption of each image, drawn by
//	                     the seed. With one file of captions the split need not be named
//	wds:GLOB             webdataset's shards: KEY.jpg (or another of [picture.Extensions]) beside KEY.txt,
//	                     KEY.caption, or KEY.json with a "caption", in uncompressed tar files. Where
//	                     all have longer endings, such as KEY.input.jpg, those are taken
//	emoji:DIR?set=NAME&split=NAME
//	                     what 'monge data get emoji --out DIR' brings: emoji as the set
//	                     draws them, twitter or google, on white, 64x64; the caption is the
//	                     name and up to 8 keywords, the class the category. An emoji's
//	                     code points decide whether it is of the split train (a half), val
//	                     (a tenth) or test, in both sets alike; no caption is in two
//	                     splits. Without a split it is all of them
//
// The header of each image is looked at, so that what is no image is left out; one that is
// damaged further on is an error of [Pair.Read]. No pair at all is an error. Errors name
// the file; those of the spec are a [data.UsageError]; that of ctx is returned when it ends.
func Open(ctx context.Context, spec string, o Options) (*List, error) {
	name, place, _ := strings.Cut(spec, ":")
	f, ok := formats.Lookup(name)
	if !ok {
		return nil, usage("unknown pairs %q; there are %s", spec, strings.Join(Specs(), ", "))
	}
	if place == "" {
		return nil, usage("pairs %q: they are written %s", spec, f.Spec())
	}
	l, err := f.Open(ctx, data.Home(place), o)
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nil, fmt.Errorf("%s: its format returned no list", spec)
	}
	if len(l.Pairs) == 0 {
		left := l.Report.String()
		if left == "" {
			left = "it is empty"
		}
		return nil, fmt.Errorf("%s: no pair of an image and a caption (%s)", spec, left)
	}
	return l, nil
}

func usage(format string, args ...any) error { return data.UsageError(fmt.Sprintf(format, args...)) }

// Read reads the pair's image as a preprocessor makes it of a file: side x side x 3
// numbers. It may be called concurrently. Errors name the file.
func (p *Pair) Read(pre picture.Preprocessor) ([]float32, error) {
	switch {
	case p.Image != nil:
		return p.readImage(pre)
	case p.Member == "":
		return pre.Read(p.Path)
	case p.glyph != nil:
		return pre.ReadRGB(p.glyph[:], emojiSide, emojiSide)
	}
	b, err := p.bytes()
	if err != nil {
		return nil, err
	}
	x, err := pre.ReadBytes(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", p.Path, show(p.Member), err)
	}
	return x, nil
}

// readImage reads an image that lies in no file.
func (p *Pair) readImage(pre picture.Preprocessor) ([]float32, error) {
	b, err := p.Image.Bytes()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Path, err)
	}
	x, err := pre.ReadBytes(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Path, err)
	}
	return x, nil
}

// bytes returns the image's file from its shard.
func (p *Pair) bytes() ([]byte, error) {
	f, err := os.Open(p.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, p.size)
	if _, err := f.ReadAt(b, p.at); err != nil {
		return nil, fmt.Errorf("%s: %s: %w; the shard was whole when it was listed", p.Path, show(p.Member), err)
	}
	return b, nil
}

// A caption is one that can be used, or "".
type caption struct {
	text     string
	repaired bool
}

func newCaption(s string) caption {
	return caption{strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD")), !utf8.ValidString(s)}
}

// add adds a pair that is whole.
func (l *List) add(p Pair, c caption) {
	if c.repaired {
		l.Repaired++
	}
	p.Caption = c.text
	l.Pairs = append(l.Pairs, p)
}

// addFile adds a pair whose image is a file; where is the caption's place.
func (l *List) addFile(where, path string, c caption) {
	if c.text == "" {
		l.note(&l.NoCaption, "%s: %s has no caption", where, show(path))
		return
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		l.note(&l.NoImage, "%s: there is no image %s", where, show(path))
		return
	}
	if err := checkFile(path, info.Size()); err != nil {
		l.note(&l.NotImage, "%s: %s: %v", where, show(path), err)
		return
	}
	l.add(Pair{Path: path}, c)
}

func checkFile(path string, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return checkImage(f, size)
}

func checkImage(r io.Reader, size int64) error {
	if size > maxImage {
		return fmt.Errorf("%d bytes are no image to train on: make it smaller", size)
	}
	_, err := picture.Header(r)
	return err
}

// show makes a name from a file fit for a message: short, quoted, and without a terminal's
// commands.
func show(name string) string { return fmt.Sprintf("%+.120q", name) }

// An interruptible reads until its context ends.
type interruptible struct {
	ctx context.Context
	io.ReadSeeker
}

func (r interruptible) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.ReadSeeker.Read(p)
}

// openRegular opens a file that is read as a whole.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file: name the file itself", path)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s: %d bytes are over the limit of %d: split it", path, info.Size(), maxFile)
	}
	return os.Open(path)
}
