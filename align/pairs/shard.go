package pairs

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/kernel"
)

// captionTypes are the endings of the members that are taken for captions.
var captionTypes = []string{"txt", "caption", "text", "json"}

var shardsFormat = Format{
	Name: "wds", Place: "GLOB", Open: opener((*List).openShards),
	Info: "webdataset's shards: KEY.jpg beside KEY.txt or KEY.json, in tar files",
}

// openShards lists the pairs of all shards that match, in the order of their names.
func (l *List) openShards(ctx context.Context, glob string, o Options) error {
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
		if err := l.openShard(ctx, path, o.Seed); err != nil {
			return err
		}
	}
	if len(l.Pairs) == 0 && len(l.endings) > 0 {
		return fmt.Errorf("wds:%s: no pair of an image and a caption; there are members %s; an image is KEY%s, a caption KEY.%s; %s", glob,
			countText(l.endings), strings.Join(picture.Extensions(), " or KEY"), strings.Join(captionTypes, " or KEY."), l.Report.String())
	}
	return nil
}

// countText lists endings with how many members have them, the most frequent first.
func countText(endings map[string]int) string {
	names := slices.SortedFunc(maps.Keys(endings), func(a, b string) int {
		return cmp.Or(endings[b]-endings[a], strings.Compare(a, b))
	})
	var parts []string
	for i, name := range names {
		if i == 8 {
			parts = append(parts, "...")
			break
		}
		parts = append(parts, fmt.Sprintf("*.%s (%d)", strings.Trim(show(name), `"`), endings[name]))
	}
	return strings.Join(parts, ", ")
}

// maxEndings bounds the endings that are counted.
const maxEndings = 64

// count counts the ending of a member.
func (l *List) count(kind string) {
	if l.endings == nil {
		l.endings = map[string]int{}
	}
	if _, known := l.endings[kind]; known || len(l.endings) < maxEndings {
		l.endings[kind]++
	}
}

func (l *List) openShard(ctx context.Context, path string, seed uint64) error {
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
	err = l.readShard(interruptible{ctx, f}, info.Size(), path, seed)
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
	key  string
	ways [2]half // by ending: KEY.jpg and KEY.txt, and longer ones as KEY.input.jpg
}

// A half is what a sample has by endings of one way: an image, a caption.
type half struct {
	image   Pair  // Member is "" while there is none
	more    bool  // another image is there as well
	wrong   error // with the image
	caption caption
	rank    int // of the caption's ending, the first of captionTypes before others
}

// A shard is a tar file being read.
type shard struct {
	list    *List
	r       io.ReadSeeker
	tar     *tar.Reader
	size    int64
	path    string
	seed    uint64    // of the choice among several captions
	samples []*sample // in the order of their first members
	byKey   map[string]*sample
	end     int64                           // of the last whole member
	short   struct{ images, captions bool } // some member has an ending of its own, as KEY.jpg
}

// readShard adds the pairs of a tar file.
func (l *List) readShard(r io.ReadSeeker, size int64, path string, seed uint64) error {
	s := &shard{list: l, r: r, tar: tar.NewReader(r), size: size, path: path, seed: seed, byKey: map[string]*sample{}}
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
		l.addSample(path, m.key, s.choose(m))
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
	if h.Typeflag != tar.TypeReg || isSparse(h) || key == "" {
		return nil
	}
	s.list.count(kind)
	last, way := kind[strings.LastIndex(kind, ".")+1:], 0
	if last != kind {
		way = 1
	}
	isImage, rank := slices.Contains(picture.Extensions(), "."+last), slices.Index(captionTypes, last)
	if !isImage && rank < 0 {
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
	half := &m.ways[way]
	if !isImage {
		s.short.captions = s.short.captions || way == 0
		return s.caption(half, h, rank)
	}
	s.short.images = s.short.images || way == 0
	if half.image.Member != "" {
		if half.more = true; way == 0 {
			s.list.note(&s.list.Malformed, "%s: %s is a second image of its key", s.path, show(h.Name))
		}
		return nil
	}
	half.image = Pair{Path: s.path, Member: h.Name, at: at, size: h.Size}
	half.wrong = checkImage(s.tar, h.Size)
	return nil
}

// caption takes the text of a member, unless an ending of lower rank gave one.
func (s *shard) caption(m *half, h *tar.Header, rank int) error {
	if m.caption.text != "" && m.rank <= rank || h.Size > maxCaption {
		return nil // addSample counts the sample if no other member has a caption
	}
	b, err := io.ReadAll(s.tar)
	if err != nil {
		return err
	}
	c := newCaption(string(b))
	if captionTypes[rank] == "json" {
		object, repaired, _ := parseObject(b) // one that is damaged has no caption
		c = s.list.draw(object, kernel.Mix(s.seed, uint64(s.end)))
		c.repaired = repaired
	}
	if c.text == "" {
		return nil
	}
	m.caption, m.rank = c, rank
	return s.list.take(len(c.text))
}

// choose takes a sample's image and caption of longer endings where no member of the shard has a
// short one.
func (s *shard) choose(m *sample) half {
	h, long := m.ways[0], m.ways[1]
	if !s.short.images {
		if h.image, h.wrong = long.image, long.wrong; long.more {
			h.wrong = errors.New("the key has several images; call the one to take KEY.jpg")
		}
	}
	if !s.short.captions {
		h.caption = long.caption
	}
	return h
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
func (l *List) addSample(path, key string, m half) {
	switch {
	case m.image.Member == "":
		l.note(&l.NoImage, "%s: key %s has no image", path, show(key))
	case m.caption.text == "":
		l.note(&l.NoCaption, "%s: key %s has no caption in a .%s", path, show(key), strings.Join(captionTypes, " or ."))
	case m.wrong != nil:
		l.note(&l.NotImage, "%s: %s: %v", path, show(m.image.Member), m.wrong)
	default:
		l.add(m.image, m.caption)
	}
}
