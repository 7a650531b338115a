package data

import (
	"cmp"
	"fmt"
	"image"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/monge-ml/monge/data/picture"
	wording "github.com/monge-ml/monge/internal/words"
)

var folderFormat = Format{
	Name: "imagefolder", Place: "DIR", Sized: true, Open: openFolder,
	Info: "DIR/CLASS/IMAGE, or that below DIR/train, DIR/val, DIR/test; jpeg, png, gif, webp, bmp, tiff, ppm; ?channels=1 for grey",
}

// maxDepth bounds folders in folders, and stops at links that lead back.
const maxDepth = 16

// A folder is images in files, decoded when they are first read and kept as far as
// memory is given.
type folder struct {
	place string // that the spec names
	root  string // of the split
	paths []string
	sizes []int64
	fit   picture.Fit // of which no size keeps the images' own, which agree
	shape []int
	known *known
	left  leftOut
	cache // whose room is that of all splits together
}

// openFolder lists a folder for each class, or a folder for each split with those in it.
// Classes are those of the training split (without one, of the others), in the alphabet's
// order. Names that start with a dot are passed over, other files that are no images by
// their names are counted.
//
// A place DIR?channels=1, or the option, makes the images grey.
func openFolder(place string, o *Options) (*Splits, error) {
	dir, grey, err := cutChannels(place)
	if err != nil {
		return nil, err
	}
	fit := picture.Fit{Height: o.Size.Height, Width: o.Size.Width, Crop: o.Crop, Grey: grey || o.Grey, As: o.As}
	roots, err := splitRoots(dir)
	if err != nil {
		return nil, err
	}
	s := &Splits{}
	for i, root := range roots {
		if i > 0 && roots[0] != "" || root == "" {
			continue
		}
		names, err := classesOf(root)
		if err != nil {
			return nil, err
		}
		s.Classes = append(s.Classes, names...)
	}
	slices.Sort(s.Classes)
	s.Classes = slices.Compact(s.Classes)
	if err := checkDepth(place, dir, roots); err != nil {
		return nil, err
	}
	if others := besideSplits(dir, roots); others != nil {
		s.Notes = append(s.Notes, "folders beside the splits left out: "+someOf(others))
	}
	room, left := roomFor(o.CacheBytes), leftOut{}
	for i, set := range []**Set{&s.Train, &s.Val, &s.Test} {
		if roots[i] == "" {
			continue
		}
		if *set, err = s.list(dir, roots[i], fit, room, left); err != nil {
			return nil, err
		}
	}
	if s.Ignored = left.count(); s.Ignored > 0 {
		s.IgnoredWhy = "files that are no images by their names (" + left.String() + ")"
		s.Notes = append(s.Notes, fmt.Sprintf("%s left out, no images by their names: %s", count(s.Ignored, "file"), left))
	}
	if i := slices.IndexFunc(s.Classes, func(c string) bool { return strings.Contains(c, `\x`) }); i >= 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("folders whose names are not UTF-8 are written with their bytes, like %s", s.Classes[i]))
	}
	return s, s.sameShape()
}

// cutChannels cuts the setting off a place, if no folder has that name.
func cutChannels(place string) (dir string, grey bool, err error) {
	at := strings.LastIndexByte(place, '?')
	if _, err := os.Stat(place); err == nil || at < 0 {
		return place, false, nil
	}
	switch dir, setting := place[:at], place[at+1:]; setting {
	case "channels=1":
		return dir, true, nil
	case "channels=3":
		return dir, false, nil
	default:
		return "", false, usage("imagefolder:%s: unknown setting %q; there are channels=1 for grey and channels=3", place, setting)
	}
}

// list returns the set of the images below root/CLASS.
func (s *Splits) list(place, root string, fit picture.Fit, room *atomic.Int64, left leftOut) (*Set, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	f := &folder{place: place, root: root, fit: fit, left: left, cache: cache{room: room}}
	set := &Set{source: f}
	for _, e := range entries {
		path := filepath.Join(root, e.Name())
		if hidden(e.Name()) {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			if picture.IsName(e.Name()) {
				return nil, fmt.Errorf("%s: an image outside the folders of the classes; put it into one of them", path)
			}
			left.add(e.Name())
			continue
		}
		name := className(e.Name())
		class := slices.Index(s.Classes, name)
		if class < 0 {
			return nil, fmt.Errorf("%s: class %q is not one of the training split's, which are %s%s", path, name, someOf(s.Classes), wording.DidYouMean(name, s.Classes))
		}
		n := len(f.paths)
		if err := f.add(path, 1); err != nil {
			return nil, err
		}
		if len(f.paths) == n {
			return nil, fmt.Errorf("%s: no image in it (%s); delete the folder, or put the class's images there", path, strings.Join(picture.Extensions(), " "))
		}
		for range len(f.paths) - n {
			set.Labels = append(set.Labels, class)
		}
	}
	if len(f.paths) == 0 {
		return nil, fmt.Errorf("%s: no folders of classes with images in them", root)
	}
	var bytes int64
	for _, n := range f.sizes {
		bytes += n
	}
	f.known = openKnown(root, f.fit, bytes)
	set.Paths = f.paths
	f.kept = make([]atomic.Pointer[[]uint8], len(f.paths))
	f.shape = []int{fit.Height, fit.Width, fit.Channels()}
	if fit.Height == 0 {
		if f.shape, err = f.ownShape(); err != nil {
			return nil, err
		}
	}
	set.Shape = f.shape
	return set, nil
}

// add lists the images of a folder and of those in it, in the order of their names.
func (f *folder) add(dir string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: folders are nested deeper than %d, or a link leads back", dir, maxDepth)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if hidden(e.Name()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		info, err := e.Info()
		if err == nil && info.Mode()&fs.ModeSymlink != 0 {
			info, err = os.Stat(path)
		}
		if err != nil {
			return err
		}
		switch {
		case info.IsDir():
			if err := f.add(path, depth+1); err != nil {
				return err
			}
		case picture.IsName(e.Name()) && info.Mode().IsRegular():
			f.paths = append(f.paths, path)
			f.sizes = append(f.sizes, info.Size())
		default:
			f.left.add(e.Name())
		}
	}
	return nil
}

// ownShape reads all headers: the images must be of one size. One that is damaged is so when it is
// read, and may be left out.
func (f *folder) ownShape() ([]int, error) {
	var (
		first   image.Config
		path    string // of the first
		damaged error
	)
	for _, p := range f.paths {
		c, err := readHeader(p)
		switch {
		case err != nil:
			damaged = cmp.Or(damaged, err)
		case path == "":
			first, path = c, p
		case c.Width != first.Width || c.Height != first.Height:
			return nil, fmt.Errorf("%s is %dx%d, but %s is %dx%d: say with --size HEIGHTxWIDTH what to bring them to", path, first.Width, first.Height, p, c.Width, c.Height)
		}
	}
	if path == "" {
		return nil, damaged
	}
	return []int{first.Height, first.Width, f.fit.Channels()}, nil
}

func readHeader(path string) (image.Config, error) {
	r, err := os.Open(path)
	if err != nil {
		return image.Config{}, err
	}
	defer r.Close()
	c, err := picture.Header(r)
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// sameShape checks the splits against one another.
func (s *Splits) sameShape() error {
	parts := s.Parts()
	for _, p := range parts[1:] {
		if !slices.Equal(p.Shape, parts[0].Shape) {
			return fmt.Errorf("%s is %dx%d, but %s is %dx%d: say with --size HEIGHTxWIDTH what to bring them to",
				parts[0].Paths[0], parts[0].Shape[1], parts[0].Shape[0], p.Paths[0], p.Shape[1], p.Shape[0])
		}
	}
	return nil
}

func (f *folder) read(dst []float32, i int) error {
	if kept := f.get(i); kept != nil {
		picture.Floats(dst, kept)
		return nil
	}
	b, err := picture.ReadFile(f.paths[i])
	if err != nil {
		return err
	}
	pix, err := f.decode(i, b)
	if err != nil {
		return err
	}
	picture.Floats(dst, pix)
	f.keep(i, pix)
	return nil
}

// decode makes image i of its file's content.
func (f *folder) decode(i int, b []byte) ([]uint8, error) {
	pix, shape, err := f.fit.ReadBytes(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.paths[i], err)
	}
	if len(pix) != (&Set{Shape: f.shape}).ExampleLen() {
		return nil, fmt.Errorf("%s: %dx%d pixels; it was %dx%d when it was listed", f.paths[i], shape[1], shape[0], f.shape[1], f.shape[0])
	}
	return pix, nil
}

// identify writes what stands for an image: its path below the folder, the file's size,
// and what becomes of its shape.
func (f *folder) identify(w io.Writer, i int) {
	rel, _ := filepath.Rel(f.root, f.paths[i])
	io.WriteString(w, filepath.ToSlash(rel)+"\x00"+strconv.FormatInt(f.sizes[i], 10)+"\x00"+strconv.FormatBool(f.fit.Crop)+"\x00")
}
