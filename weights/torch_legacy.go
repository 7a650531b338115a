package weights

import (
	"fmt"
	"io"
	"strings"

	"github.com/monge-ml/monge/internal/pickle"
)

// A legacy checkpoint is five pickles one behind the other (torch/serialization.py,
// _legacy_save): a magic number, the protocol's version, facts about the machine, the
// value, and the list of the storages' keys; then for each key the number of elements
// as int64 and the elements.

// legacyMagic is 0x1950a86a20f9469cfc6c.
const legacyMagic = pickle.Long("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")

const legacyVersion = int64(1001)

type legacyFile struct {
	src      *pickle.Source
	r        io.ReaderAt
	size     int64
	storages map[string]*storage
	parts    map[string]*storage
}

func readTorchLegacy(r io.ReaderAt, size int64) (*File, error) {
	l := &legacyFile{
		src: pickle.NewSource(r, 0, min(size, maxPickle)), r: r, size: size,
		storages: map[string]*storage{}, parts: map[string]*storage{},
	}
	if err := l.header(); err != nil {
		return nil, err
	}
	v, err := l.pickle()
	if err != nil {
		return nil, err
	}
	found, err := collect(v, size)
	if err != nil {
		return nil, err
	}
	keys, err := l.pickle()
	if err != nil {
		return nil, err
	}
	if err := l.place(keys, found.views); err != nil {
		return nil, err
	}
	return found.file(FormatTorchLegacy)
}

func (l *legacyFile) pickle() (any, error) {
	return newMachine(l.src, l.load).Run()
}

func (l *legacyFile) header() error {
	magic, err := l.pickle()
	if err != nil {
		return err
	}
	if magic != legacyMagic {
		return plainPickle(magic)
	}
	version, err := l.pickle()
	if err != nil {
		return err
	}
	if version != legacyVersion {
		return fmt.Errorf("a legacy checkpoint of another version than %d: save it again with a newer PyTorch", legacyVersion)
	}
	info, err := l.pickle()
	if err != nil {
		return err
	}
	d, ok := info.(*pickle.Dict)
	if !ok {
		return damaged("the facts about the machine that saved it are no dict")
	}
	if little, _ := d.Get("little_endian"); little != true {
		return fmt.Errorf("it doesn't say that its numbers are little-endian: save it again on a little-endian machine")
	}
	return nil
}

// plainPickle is the error of a pickle that torch.save has not written.
func plainPickle(v any) error {
	what, more := "", ""
	walked := 0
	var look func(v any, depth int)
	look = func(v any, depth int) {
		if walked++; walked > 1000 || depth > 8 || what != "" {
			return
		}
		switch v := v.(type) {
		case *pickle.Object:
			if name := v.Name(); name == "numpy.ndarray" || strings.HasPrefix(name, "numpy.") {
				what, more = ", of NumPy arrays", " (safetensors.numpy.save_file)"
				return
			}
		case *view, *unmade:
			what = ", of tensors that torch.save has not written"
		}
		each(v, func(k string, child any) error {
			if k == "StructuredToParameterName@@" {
				what = " (PaddlePaddle's .pdparams)"
			}
			look(child, depth+1)
			return nil
		})
	}
	look(v, 0)
	return fmt.Errorf("a Python pickle%s, but not a PyTorch checkpoint: load it in Python, and save the tensors with torch.save or as safetensors%s", what, more)
}

// load is the machine's persistent ids. A storage can be a part of another one: then the
// id ends in (the part's key, its first element, its number of elements).
func (l *legacyFile) load(id *pickle.Seq) (any, error) {
	s, other, err := parseStorageID(id)
	if err != nil || other != nil {
		return other, err
	}
	if s.elem == 0 {
		return nil, fmt.Errorf("a tensor of %s, which can't be read: convert it to float32 before saving", show(string(s.class)))
	}
	st := l.storages[s.key]
	if st == nil {
		st = &s.storage
		l.storages[s.key] = st
	}
	if !st.same(&s) {
		return nil, damaged("storage %s is described in two ways", show(s.key))
	}
	if s.part == nil {
		return st, nil
	}
	bad := damaged("the pickle's description of a part of storage %s is none", show(s.key))
	p, ok := s.part.(*pickle.Seq)
	if !ok || len(p.Items) != 3 {
		return nil, bad
	}
	key, ok := p.Items[0].(string)
	off, ok2 := p.Items[1].(int64)
	n, ok3 := p.Items[2].(int64)
	if !ok || !ok2 || !ok3 || off < 0 || n < 0 || off > st.numel || n > st.numel-off {
		return nil, bad
	}
	part := l.parts[key]
	if part == nil {
		part = &storage{dtype: s.dtype, class: s.class, elem: s.elem, key: key, numel: n, base: st, baseOff: off}
		l.parts[key] = part
	}
	if part.base != st || part.baseOff != off || part.numel != n {
		return nil, bad
	}
	return part, nil
}

// place finds where each storage's elements lie, and checks that they are in the file.
func (l *legacyFile) place(keys any, views []namedView) error {
	list, ok := keys.(*pickle.Seq)
	if !ok {
		return damaged("the list of storages is %s", pickle.Kind(keys))
	}
	user := map[*storage]string{}
	for _, v := range views {
		st := v.st
		if st.base != nil {
			st = st.base
		}
		if _, ok := user[st]; !ok {
			user[st] = v.name
		}
	}
	at := l.src.Offset()
	for _, k := range list.Items {
		name, ok := k.(string)
		st := l.storages[name]
		if !ok || st == nil || st.r != nil {
			return damaged("the list of storages names %s, which no tensor has, or names it twice", show(key(k, 0)))
		}
		end, err := l.placeOne(st, at, user[st])
		if err != nil {
			return err
		}
		at = end
	}
	return l.checkPlaced(views)
}

// placeOne places one storage at an offset of the file and returns where it ends.
func (l *legacyFile) placeOne(st *storage, at int64, user string) (end int64, err error) {
	need := 8 + st.numel*st.elem
	if need < 8 || need > l.size-at {
		return 0, fmt.Errorf("cut short: tensor %s needs %s bytes at offset %s, the file ends at %s: download it again",
			show(user), commas(need), commas(at), commas(l.size))
	}
	n, err := pickle.NewSource(l.r, at, at+8).Uint(8)
	if err != nil {
		return 0, err
	}
	if n != uint64(st.numel) {
		return 0, damaged("tensor %s: its storage has %d elements at offset %d, but %d in the pickle", show(user), n, at, st.numel)
	}
	st.r, st.off = l.r, at+8
	return at + need, nil
}

// checkPlaced checks that all tensors' storages have a place, and gives it to the parts.
func (l *legacyFile) checkPlaced(views []namedView) error {
	for _, p := range l.parts {
		p.r, p.off = p.base.r, p.base.off+p.baseOff*p.elem
	}
	for _, v := range views {
		if v.st.r == nil {
			return damaged("tensor %s: its storage is not in the list of storages", show(v.name))
		}
	}
	return nil
}
