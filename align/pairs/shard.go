package pairs

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/data/picture"
)

var shardsFormat = Format{
	Name: "wds", Place: "GLOB", Open: opener((*List).openShards),
	Info: "webdataset's shards: KEY.jpg beside KEY.txt or KEY.json, in tar files",
}

// openShards lists the pairs of all shards that match, in the order of their names.
func (l *List) openShards(ctx context.Context, glob string, _ Options) error {
	paths, err := filepath.Glob(glob)
	if err != nil {
		return usage("wds:%s: %v", glob, err)
	}
	if len(paths) == 0 {
		hint := ""
		if strings.Contains(glob, "{") {
			hint = "; braces are not known, write * or ? instead"
		}
		return fmt.Errorf("no file matches %s%s", glob, hint)
	}
	for _, path := range paths {
		if err := l.openShard(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

func (l *List) openShard(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file: name the tar files themselves", path)
	}
	err = l.readShard(interruptible{ctx, f}, info.Size(), path)
	if ctx.Err() != nil {
		err = ctx.Err() // and not what readShard made of it, a shard cut short
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// A sample is the members of a shard with the same key.
type sample struct {
	key     string
	image   Pair  // Member is "" while there is none
	wrong   error // with the image
	caption caption
	plain   bool // the caption is from a .txt, which comes before that in a .json
}

// A shard is a tar file being read.
type shard struct {
	list    *List
	r       io.ReadSeeker
	tar     *tar.Reader
	size    int64
	path    string
	samples []*sample // in the order of their first members
	byKey   map[string]*sample
	end     int64 // of the last whole member
}

// readShard adds the pairs of a tar file.
func (l *List) readShard(r io.ReadSeeker, size int64, path string) error {
	s := &shard{list: l, r: r, tar: tar.NewReader(r), size: size, path: path, byKey: map[string]*sample{}}
	if err := s.checkKind(); err != nil {
		return err
	}
	for {
		h, err := s.tar.Next()
		if err == io.EOF {
			err = s.checkEnd()
		}
		if err == nil && h != nil {
			err = s.member(h)
		}
		if errors.Is(err, errText) {
			return err
		}
		if err != nil {
			l.note(&l.CutShort, "%s: %v behind byte %d: what is whole before that is used; get it again", path, shortly(err), s.end)
		}
		if err != nil || h == nil {
			break
		}
	}
	for _, m := range s.samples {
		l.addSample(path, m)
	}
	return nil
}

// shortly says what a reader of tar means.
func shortly(err error) string {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut short"
	case errors.Is(err, tar.ErrHeader):
		return "damaged"
	}
	return err.Error()
}

// checkKind refuses what is no shard at all.
func (s *shard) checkKind() error {
	var magic [2]byte
	if _, err := io.ReadFull(s.r, magic[:]); err == nil && magic == [2]byte{0x1f, 0x8b} {
		return fmt.Errorf("a compressed tar file, whose images can't be read one by one: unpack it with gunzip")
	}
	_, err := s.r.Seek(0, io.SeekStart)
	return err
}

// checkEnd returns an error if a file ends between two members, without the block of zeros
// that ends a tar file.
func (s *shard) checkEnd() error {
	at, err := s.r.Seek(0, io.SeekCurrent)
	if err == nil && at <= s.end {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// member takes in a member that is whole.
func (s *shard) member(h *tar.Header) error {
	at, err := s.r.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if h.Size > s.size-at {
		return io.ErrUnexpectedEOF
	}
	const unit = 512 // tar's
	s.end = at + (h.Size+unit-1)/unit*unit
	key, kind := cutKey(h.Name)
	isImage := slices.Contains(picture.Extensions(), "."+kind)
	if h.Typeflag != tar.TypeReg || isSparse(h) || key == "" || !isImage && kind != "txt" && kind != "json" {
		return nil
	}
	if err := s.list.take(len(h.Name)); err != nil {
		return err
	}
	m := s.byKey[key]
	if m == nil {
		m = &sample{key: key}
		s.byKey[key] = m
		s.samples = append(s.samples, m)
	}
	if !isImage {
		return s.caption(m, h, kind)
	}
	if m.image.Member != "" {
		s.list.note(&s.list.Malformed, "%s: %s is a second image of its key", s.path, show(h.Name))
		return nil
	}
	m.image = Pair{Path: s.path, Member: h.Name, at: at, size: h.Size}
	m.wrong = checkImage(s.tar, h.Size)
	return nil
}

// caption takes the text of a .txt or a .json.
func (s *shard) caption(m *sample, h *tar.Header, kind string) error {
	if m.plain || h.Size > maxCaption {
		return nil // addSample counts the sample if no other member has a caption
	}
	b, err := io.ReadAll(s.tar)
	if err != nil {
		return err
	}
	c := newCaption(string(b))
	if kind == "json" {
		object, repaired, _ := parseObject(b) // one that is damaged has no caption
		c = newCaption(firstText(object, captionKeys))
		c.repaired = repaired
	}
	if c.text == "" {
		return nil
	}
	m.caption, m.plain = c, kind == "txt"
	return s.list.take(len(c.text))
}

// isSparse reports whether a member's bytes are not simply those in the file.
func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// cutKey splits a member's name as webdataset does: what is behind the first dot of the
// last part is its kind. Hidden files have no key.
func cutKey(name string) (key, kind string) {
	base := name[strings.LastIndex(name, "/")+1:]
	stem, kind, ok := strings.Cut(base, ".")
	if !ok || stem == "" {
		return "", ""
	}
	return name[:len(name)-len(base)] + stem, strings.ToLower(kind)
}

// addSample adds a pair if both of its halves are there.
func (l *List) addSample(path string, m *sample) {
	switch {
	case m.image.Member == "":
		l.note(&l.NoImage, "%s: key %s has no image", path, show(m.key))
	case m.caption.text == "":
		l.note(&l.NoCaption, "%s: key %s has no caption in a .txt or .json", path, show(m.key))
	case m.wrong != nil:
		l.note(&l.NotImage, "%s: %s: %v", path, show(m.image.Member), m.wrong)
	default:
		l.add(m.image, m.caption)
	}
}
