package pairs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/monge-ml/monge/internal/kernel"
)

var cocoFormat = Format{
	Name: "coco", Place: "DIR", Open: opener((*List).openCOCO),
	Info: "COCO's annotations with their images, a caption of each; ?split=NAME",
}

// openCOCO lists the images of DIR, or of DIR?split=NAME, with a caption each.
func (l *List) openCOCO(ctx context.Context, place string, o Options) error {
	dir, split, err := cutSplit(place)
	if err != nil {
		return err
	}
	captions, err := findCaptions(dir, split)
	if err != nil {
		return err
	}
	split = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(captions), "captions_"), ".json")
	images, err := findImages(dir, split)
	if err != nil {
		return err
	}
	f, err := openRegular(captions)
	if err != nil {
		return err
	}
	defer f.Close()
	entries, err := l.parseCOCO(interruptible{ctx, f}, o.Seed)
	if err != nil {
		return fmt.Errorf("%s: %w", captions, err)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.captions > 1 {
			l.Drawn++
		}
		switch where := fmt.Sprintf("%s image %s", captions, show(e.id)); {
		case !e.listed:
			l.note(&l.NoImage, "%s has a caption, but is not listed", where)
		case !filepath.IsLocal(filepath.FromSlash(e.file)):
			l.note(&l.Malformed, "%s: its file_name %s is none below the folder of images", where, show(e.file))
		default:
			l.addFile(where, filepath.Join(images, filepath.FromSlash(e.file)), e.drawn)
		}
	}
	return nil
}

func cutSplit(place string) (dir, split string, err error) {
	dir, query, found := strings.Cut(place, "?")
	split, ok := strings.CutPrefix(query, "split=")
	if dir == "" || found && (!ok || split == "" || strings.ContainsAny(split, `/\*?[`)) {
		return "", "", usage("pairs \"coco:%s\": they are written coco:DIR or coco:DIR?split=NAME", place)
	}
	return dir, split, nil
}

// findCaptions returns the file of captions of a split, or the only one.
func findCaptions(dir, split string) (string, error) {
	if _, err := os.ReadDir(dir); err != nil {
		return "", err
	}
	folder := filepath.Join(dir, "annotations")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", fmt.Errorf("%w; COCO's annotations belong there, as captions_NAME.json", err)
	}
	var splits, others []string
	for _, e := range entries {
		others = append(others, e.Name())
		name, isCaptions := strings.CutPrefix(e.Name(), "captions_")
		name, isJSON := strings.CutSuffix(name, ".json")
		if isCaptions && isJSON && (split == "" || name == split) {
			splits = append(splits, name)
		}
	}
	switch {
	case len(splits) == 0:
		return "", fmt.Errorf("%s: no captions_%s.json in it%s", folder, cmp.Or(split, "NAME"), insteadOf(others))
	case len(splits) > 1:
		return "", usage("%s has captions of %s: choose with coco:%s?split=%s", folder, strings.Join(splits, ", "), dir, splits[0])
	}
	return filepath.Join(folder, "captions_"+splits[0]+".json"), nil
}

// insteadOf says what is in a folder of annotations that lacks captions.
func insteadOf(names []string) string {
	if len(names) == 0 {
		return ", nor anything else"
	}
	what := ""
	if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "instances_") }) {
		what = "; instances_*.json are of boxes and have no captions"
	}
	more := ""
	const most = 3
	if len(names) > most {
		names, more = names[:most], ", ..."
	}
	return ", but " + show(strings.Join(names, ", ")+more) + what
}

// findImages returns the folder of a split's images.
func findImages(dir, split string) (string, error) {
	places := []string{filepath.Join(dir, split), filepath.Join(dir, "images", split), filepath.Join(dir, "images")}
	for _, place := range places {
		if info, err := os.Stat(place); err == nil && info.IsDir() {
			return place, nil
		}
	}
	return "", fmt.Errorf("no folder of images; it should be %s", strings.Join(places, " or "))
}

// A cocoImage is an image with one of its captions.
type cocoImage struct {
	id       string // an integer as it is written in decimal, or a text
	listed   bool   // in "images", not only named by a caption
	file     string
	captions uint64 // seen so far
	drawn    caption
}

// cocoFile is a captions file being read. Images and captions may stand in any order.
type cocoFile struct {
	*json.Decoder
	list   *List
	seed   uint64
	images []*cocoImage // in the order of their first mention
	byID   map[string]*cocoImage
}

// parseCOCO reads {"images": [{"id", "file_name"}], "annotations": [{"image_id",
// "caption"}]}, and passes over what else there is.
func (l *List) parseCOCO(r io.Reader, seed uint64) ([]*cocoImage, error) {
	c := &cocoFile{Decoder: json.NewDecoder(r), list: l, seed: seed, byID: map[string]*cocoImage{}}
	if err := c.delim('{'); err != nil {
		return nil, err
	}
	for c.More() {
		key, err := c.Token()
		if err != nil {
			return nil, cocoError(err)
		}
		switch key {
		case "images":
			err = c.each(c.image)
		case "annotations":
			err = c.each(c.annotation)
		default:
			var other json.RawMessage
			err = c.Decode(&other)
		}
		if err != nil {
			return nil, cocoError(err)
		}
	}
	if err := c.delim('}'); err != nil {
		return nil, err
	}
	return c.images, nil
}

func cocoError(err error) error {
	var bad *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("cut short: download it again")
	case errors.As(err, &bad):
		return fmt.Errorf("no JSON: %w at byte %d", bad, bad.Offset)
	}
	return err
}

func (c *cocoFile) delim(want json.Delim) error {
	got, err := c.Token()
	if err != nil {
		return cocoError(err)
	}
	if got != want {
		return fmt.Errorf("%q where %q should be at byte %d: no file of COCO's captions", fmt.Sprint(got), want.String(), c.InputOffset())
	}
	return nil
}

// each calls do for the entries of an array.
func (c *cocoFile) each(do func(raw json.RawMessage) error) error {
	if err := c.delim('['); err != nil {
		return err
	}
	for c.More() {
		at := c.InputOffset()
		var raw json.RawMessage
		if err := c.Decode(&raw); err != nil {
			return err
		}
		if len(raw) > maxCaption {
			c.list.note(&c.list.Malformed, "the entry at byte %d is longer than %d bytes", at, maxCaption)
		} else if err := c.list.take(0); err != nil {
			return err
		} else if err := do(raw); err != nil {
			c.list.note(&c.list.Malformed, "the entry at byte %d: %v", at, err)
		}
	}
	return c.delim(']')
}

// cocoID is an image's number or name: 7, 7.0 and "7" are the same one, as scripts write each.
func cocoID(raw json.RawMessage) (id string, err error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	_ = d.Decode(&v) // it was read as JSON, or is missing
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v), nil
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return v.String(), nil
		}
		if f, err := v.Float64(); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return strconv.FormatInt(int64(f), 10), nil
		}
	case nil:
		return "", nil
	}
	return "", fmt.Errorf("an image's id is %s; it must be a whole number or a text", show(string(raw)))
}

// seedOf is what an id adds to the seed: itself, if it is a number.
func seedOf(id string) uint64 {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil {
		return uint64(n)
	}
	h := fnv.New64a()
	_, _ = io.WriteString(h, id) // it can't fail
	return h.Sum64()
}

// at returns the image of an id.
func (c *cocoFile) at(id string) *cocoImage {
	im := c.byID[id]
	if im == nil {
		im = &cocoImage{id: id}
		c.byID[id] = im
		c.images = append(c.images, im)
	}
	return im
}

func (c *cocoFile) image(raw json.RawMessage) error {
	var e struct {
		ID   json.RawMessage `json:"id"`
		File any             `json:"file_name"`
	}
	if json.Unmarshal(raw, &e) != nil {
		return fmt.Errorf("%s is no image: it should be an object with id and file_name", show(string(raw)))
	}
	id, err := cocoID(e.ID)
	file, _ := e.File.(string)
	if err != nil {
		return err
	}
	if id == "" || file == "" {
		return fmt.Errorf("an image without id or file_name: %s", show(string(raw)))
	}
	im := c.at(id)
	if im.listed {
		return fmt.Errorf("image %s is listed twice", show(im.id))
	}
	im.file, im.listed = file, true
	return nil
}

// annotation takes the caption in place of the one before with probability 1/m, if it is
// the image's m-th, so that each is as likely. The draw follows from seed, image and m.
func (c *cocoFile) annotation(raw json.RawMessage) error {
	var e struct {
		Image   json.RawMessage `json:"image_id"`
		Caption any             `json:"caption"`
	}
	repaired := !utf8.Valid(raw)
	if json.Unmarshal(raw, &e) != nil {
		return fmt.Errorf("%s is no caption: it should be an object with image_id and caption", show(string(raw)))
	}
	id, err := cocoID(e.Image)
	if err != nil {
		return err
	}
	said, _ := e.Caption.(string)
	text := newCaption(said)
	text.repaired = repaired
	if id == "" || text.text == "" {
		return fmt.Errorf("a caption without text or image_id: %s", show(string(raw)))
	}
	im := c.at(id)
	im.captions++
	if kernel.Mix(kernel.Mix(c.seed, seedOf(im.id)), im.captions)%im.captions == 0 {
		im.drawn = text
	}
	return nil
}
