package pairs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
		switch where := fmt.Sprintf("%s image %d", captions, e.id); {
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
	var splits []string
	for _, e := range entries {
		name, isCaptions := strings.CutPrefix(e.Name(), "captions_")
		name, isJSON := strings.CutSuffix(name, ".json")
		if isCaptions && isJSON && (split == "" || name == split) {
			splits = append(splits, name)
		}
	}
	switch {
	case len(splits) == 0 && split != "":
		return "", fmt.Errorf("%s: no captions_%s.json in it", folder, split)
	case len(splits) == 0:
		return "", fmt.Errorf("%s: no captions_NAME.json in it", folder)
	case len(splits) > 1:
		return "", usage("%s has captions of %s: choose with coco:%s?split=%s", folder, strings.Join(splits, ", "), dir, splits[0])
	}
	return filepath.Join(folder, "captions_"+splits[0]+".json"), nil
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
	id       int64
	listed   bool // in "images", not only named by a caption
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
	byID   map[int64]*cocoImage
}

// parseCOCO reads {"images": [{"id", "file_name"}], "annotations": [{"image_id",
// "caption"}]}, and passes over what else there is.
func (l *List) parseCOCO(r io.Reader, seed uint64) ([]*cocoImage, error) {
	c := &cocoFile{Decoder: json.NewDecoder(r), list: l, seed: seed, byID: map[int64]*cocoImage{}}
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
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("cut short: download it again")
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

// at returns the image of a number.
func (c *cocoFile) at(id int64) *cocoImage {
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
		ID   *int64 `json:"id"`
		File string `json:"file_name"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	if e.ID == nil || e.File == "" {
		return fmt.Errorf("an image without id or file_name")
	}
	im := c.at(*e.ID)
	if im.listed {
		return fmt.Errorf("image %d is listed twice", im.id)
	}
	im.file, im.listed = e.File, true
	return nil
}

// annotation takes the caption in place of the one before with probability 1/m, if it is
// the image's m-th, so that each is as likely. The draw follows from seed, image and m.
func (c *cocoFile) annotation(raw json.RawMessage) error {
	var e struct {
		Image   *int64 `json:"image_id"`
		Caption string `json:"caption"`
	}
	repaired := !utf8.Valid(raw)
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	text := newCaption(e.Caption)
	text.repaired = repaired
	if e.Image == nil || text.text == "" {
		return fmt.Errorf("a caption without text or image_id")
	}
	im := c.at(*e.Image)
	im.captions++
	if kernel.Mix(kernel.Mix(c.seed, uint64(im.id)), im.captions)%im.captions == 0 {
		im.drawn = text
	}
	return nil
}
