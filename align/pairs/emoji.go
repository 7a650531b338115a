package pairs

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/monge-ml/monge/internal/words"
)

var (
	emojiSets   = []string{"twitter", "google"} // of pictures
	emojiSplits = []string{"train", "val", "test"}
)

// Measures of emoji.
const (
	emojiSide   = 64      // of a picture, in pixels
	emojiCell   = 66      // of its cell in a sheet: a transparent pixel all round
	maxSheet    = 5000    // pixels of a sheet's side; it has 4092
	maxNames    = 4 << 20 // bytes of emoji.json, which has 1.3 MB, and of the keywords
	maxKeywords = 8       // in a caption
)

// A glyph is an emoji on white: rows of red, green and blue.
type glyph [3 * emojiSide * emojiSide]uint8

var emojiFormat = Format{
	Name: "emoji", Place: "DIR?set=NAME", Open: opener((*List).openEmoji),
	Info: "emoji as twitter or google draws them, with their names; &split=NAME",
}

// openEmoji lists the emoji of DIR?set=NAME, or of DIR?set=NAME&split=NAME, where DIR is
// laid out as npm does it.
func (l *List) openEmoji(ctx context.Context, place string, _ Options) error {
	dir, set, split, err := cutEmoji(place)
	if err != nil {
		return err
	}
	if err := l.readEmoji(ctx, dir, set, split); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("%w; 'monge data get emoji --out %s' brings what belongs there", err, dir)
	}
	return nil
}

// cutEmoji splits DIR?set=NAME&split=NAME.
func cutEmoji(place string) (dir, set, split string, err error) {
	dir, query, _ := strings.Cut(place, "?")
	values, err := url.ParseQuery(query)
	if dir == "" || err != nil {
		return "", "", "", usage("pairs \"emoji:%s\": they are written emoji:DIR?set=NAME&split=NAME", place)
	}
	for key, v := range values {
		allowed := map[string][]string{"set": emojiSets, "split": emojiSplits}[key]
		switch {
		case allowed == nil:
			return "", "", "", usage("pairs \"emoji:%s\": unknown setting %q; there are set, split", place, key)
		case len(v) > 1:
			return "", "", "", usage("pairs \"emoji:%s\": %s stands there twice", place, key)
		case !slices.Contains(allowed, v[0]):
			return "", "", "", usage("pairs \"emoji:%s\": unknown %s %q; there are %s", place, key, v[0], strings.Join(allowed, ", "))
		}
	}
	if set = values.Get("set"); set == "" {
		return "", "", "", usage("pairs \"emoji:%s\": no set of pictures is named: emoji:%s?set=%s", place, dir, strings.Join(emojiSets, " or set="))
	}
	return dir, set, values.Get("split"), nil
}

func (l *List) readEmoji(ctx context.Context, dir, set, split string) error {
	path := filepath.Join(dir, "emojilib", "dist", "emoji-en-US.json")
	b, err := readNames(ctx, path)
	if err != nil {
		return err
	}
	var keywords map[string][]string
	if err := words.Unmarshal(b, &keywords); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	source := filepath.Join(dir, "emoji-datasource-"+set)
	path = filepath.Join(source, "emoji.json")
	if b, err = readNames(ctx, path); err != nil {
		return err
	}
	all, err := l.parseEmoji(b, keywords)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	path = filepath.Join(source, "img", set, "sheets-clean", fmt.Sprintf("%d.png", emojiSide))
	sheet, err := readSheet(ctx, path)
	if err != nil {
		return err
	}
	for _, e := range all {
		if split != "" && e.split != split {
			continue
		}
		p, err := cutGlyph(sheet, e)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := l.take(len(p) + len(e.caption.text)); err != nil {
			return err
		}
		l.add(Pair{Path: path, Member: e.code, Class: e.class, glyph: p}, e.caption)
	}
	return nil
}

// readNames reads a file of names or keywords.
func readNames(ctx context.Context, path string) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(interruptible{ctx, f}, maxNames+1))
	if err == nil && len(b) > maxNames {
		err = fmt.Errorf("more than %d bytes", maxNames)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// An emoji is one without its variants of skin tone.
type emoji struct {
	code    string // code points, "1F468-200D-1F33E"
	class   string
	split   string
	caption caption
	x, y    int // in the sheet, in cells
}

// parseEmoji returns what emoji.json lists and both sets have a picture of, but for the
// bare skin tones. What it can't use is noted.
func (l *List) parseEmoji(b []byte, keywords map[string][]string) ([]emoji, error) {
	var raws []json.RawMessage
	if err := words.Unmarshal(b, &raws); err != nil {
		return nil, err
	}
	var all []emoji
	texts, cells := map[string]bool{}, map[[2]int]bool{}
	splits := map[string]string{} // by caption: the same one is never in two
	for i, raw := range raws {
		var entry emojiEntry
		err := json.Unmarshal(raw, &entry)
		if err != nil {
			err = words.JSON(nil, err) // of an entry no line is known
		} else {
			err = entry.check()
		}
		cell := [2]int{entry.X, entry.Y}
		switch {
		case err != nil:
			l.note(&l.Malformed, "entry %d: %v", i+1, err)
			continue
		case texts[entry.text] || cells[cell]:
			l.note(&l.Malformed, "entry %d: its code %s or its cell %d, %d is listed before", i+1, show(entry.Code), entry.X, entry.Y)
			continue
		}
		texts[entry.text], cells[cell] = true, true
		if entry.Class == "Component" {
			continue
		}
		if !entry.Twitter || !entry.Google {
			l.note(&l.NoImage, "entry %d: not all sets have a picture of %s", i+1, show(entry.Name))
			continue
		}
		c := newCaption(emojiCaption(entry.Name, keywords[entry.text]))
		c.repaired = !utf8.Valid(raw)
		if _, seen := splits[c.text]; !seen {
			splits[c.text] = splitOf(entry.Code)
		}
		all = append(all, emoji{entry.Code, entry.Class, splits[c.text], c, entry.X, entry.Y})
	}
	return all, nil
}

// An emojiEntry is what counts of an entry of emoji.json.
type emojiEntry struct {
	Name    string `json:"name"`
	Code    string `json:"unified"`
	Class   string `json:"category"`
	X       int    `json:"sheet_x"`
	Y       int    `json:"sheet_y"`
	Twitter bool   `json:"has_img_twitter"`
	Google  bool   `json:"has_img_google"`

	text string // the emoji itself
}

func (e *emojiEntry) check() error {
	if e.Name = strings.TrimSpace(e.Name); e.Name == "" {
		return errors.New("no name")
	}
	for code := range strings.SplitSeq(e.Code, "-") {
		n, err := strconv.ParseUint(code, 16, 31)
		if err != nil || !utf8.ValidRune(rune(n)) {
			return fmt.Errorf("unified is %s; it should be code points such as 1F468-200D-1F33E", show(e.Code))
		}
		e.text += string(rune(n))
	}
	return nil
}

// splitOf draws a split by the SHA-256 of an emoji's code: of ten parts five train, one
// validates, four test.
func splitOf(code string) string {
	h := sha256.Sum256([]byte(code))
	switch part := binary.BigEndian.Uint64(h[:8]) % 10; {
	case part < 5:
		return "train"
	case part < 6:
		return "val"
	}
	return "test"
}

// emojiCaption is a name and the first keywords that add a word to it: "grinning face:
// smile, happy, joy". Keywords such as ":D" are left out.
func emojiCaption(name string, keywords []string) string {
	name = strings.ToLower(name)
	said := map[string]bool{}
	isNew := func(text string) bool {
		found := false
		for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !isWord(r) }) {
			found = found || !said[w]
			said[w] = true
		}
		return found
	}
	isNew(name)
	var kept []string
	for _, k := range keywords {
		k = strings.Join(strings.Fields(strings.ToLower(strings.ReplaceAll(k, "_", " "))), " ")
		if len(kept) < maxKeywords && !strings.ContainsFunc(k, isSmiley) && isNew(k) {
			kept = append(kept, k)
		}
	}
	if kept == nil {
		return name
	}
	return name + ": " + strings.Join(kept, ", ")
}

// isWord reports whether a character is part of a word.
func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || r == '\'' || r == '\u2019'
}

// isSmiley reports whether a character shows that a keyword is none of words.
func isSmiley(r rune) bool { return !isWord(r) && !strings.ContainsRune(" -.&", r) }

// readSheet reads a sheet of pictures.
func readSheet(ctx context.Context, path string) (*image.NRGBA, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sheet, err := decodeSheet(interruptible{ctx, f})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return sheet, nil
}

func decodeSheet(r io.ReadSeeker) (*image.NRGBA, error) {
	c, err := png.DecodeConfig(r)
	if err != nil {
		return nil, err
	}
	if c.Width > maxSheet || c.Height > maxSheet {
		return nil, fmt.Errorf("%dx%d pixels are over the limit of %dx%d", c.Width, c.Height, maxSheet, maxSheet)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	decoded, err := png.Decode(r)
	if err != nil {
		return nil, err
	}
	sheet, ok := decoded.(*image.NRGBA)
	if !ok {
		sheet = image.NewNRGBA(decoded.Bounds())
		draw.Draw(sheet, sheet.Rect, decoded, image.Point{}, draw.Src)
	}
	return sheet, nil
}

// cutGlyph puts an emoji on white.
func cutGlyph(sheet *image.NRGBA, e emoji) (*glyph, error) {
	size := sheet.Rect.Size()
	if e.x < 0 || e.y < 0 || e.x >= size.X/emojiCell || e.y >= size.Y/emojiCell {
		return nil, fmt.Errorf("%dx%d pixels have no cell %d, %d for %s: cells are %dx%d", size.X, size.Y, e.x, e.y, e.code, emojiCell, emojiCell)
	}
	p := &glyph{}
	for y := range emojiSide {
		row := sheet.Pix[sheet.PixOffset(e.x*emojiCell+1, e.y*emojiCell+1+y):]
		for x := range emojiSide {
			alpha := int(row[4*x+3])
			for c := range 3 {
				// rounded to the nearest
				p[3*(y*emojiSide+x)+c] = uint8((int(row[4*x+c])*alpha + 255*(255-alpha) + 127) / 255)
			}
		}
	}
	return p, nil
}
