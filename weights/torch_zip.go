package weights

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/monge-ml/monge/internal/pickle"
)

// A zip checkpoint (torch.save since 1.6) holds <root>/data.pkl, the pickle, and
// <root>/data/<key> for each storage, the bare elements; newer ones <root>/byteorder.
// PyTorch stores without compression (caffe2/serialize/inline_container.h), and reads
// what other zip programs packed again.

// maxDirectory is room for some 100,000 entries.
const maxDirectory = 16 << 20

type zipFile struct {
	r       io.ReaderAt
	size    int64
	entries map[string]*zip.File
	root    string // with the slash
	big     bool   // numbers are big-endian
	inflate budget // bytes that compressed entries may unpack to, together

	storages map[string]*storage
}

func readTorchZip(r io.ReaderAt, size int64) (*File, error) {
	z, err := openZip(r, size)
	if err != nil {
		return nil, err
	}
	data, at, n, err := z.open(z.root + "data.pkl")
	if err != nil {
		return nil, err
	}
	if n > maxPickle {
		return nil, fmt.Errorf("%sdata.pkl has %d bytes, over the limit of %d: save the model's state_dict() alone", z.root, n, maxPickle)
	}
	v, err := newMachine(pickle.NewSource(data, at, at+n), z.load).Run()
	if err != nil {
		return nil, err
	}
	found, err := collect(v, size)
	if err != nil {
		return nil, err
	}
	return found.file(FormatTorchZip)
}

// openZip reads the directory and checks that its entries lie in the file, apart from
// one another.
func openZip(r io.ReaderAt, size int64) (*zipFile, error) {
	m := &meter{r, maxDirectory}
	dir, err := zip.NewReader(m, size)
	m.left = math.MaxInt64
	if errors.Is(err, errMeter) {
		return nil, damaged("the zip directory is larger than %d bytes", maxDirectory)
	}
	if errors.Is(err, zip.ErrFormat) {
		return nil, fmt.Errorf("cut short or damaged: it starts as a zip file, but the directory at its end (offset %d) is missing or wrong: download it again", size)
	}
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, err
	}
	z := &zipFile{r: r, size: size, entries: map[string]*zip.File{}, inflate: *newBudget(size), storages: map[string]*storage{}}
	if err := z.checkEntries(dir.File); err != nil {
		return nil, err
	}
	var roots []string
	for name := range z.entries {
		// In a folder, of any name, or in none, where it was packed again.
		if root, ok := strings.CutSuffix(name, "data.pkl"); ok && (root == "" || strings.HasSuffix(root, "/")) {
			roots = append(roots, root)
		}
	}
	switch slices.Sort(roots); len(roots) {
	case 0:
		return nil, noCheckpoint(dir.File)
	case 1:
		z.root = roots[0]
	default:
		return nil, damaged("two checkpoints in one zip file (%s and %s)", show(roots[0]), show(roots[1]))
	}
	return z, z.checkByteOrder()
}

func (z *zipFile) checkEntries(files []*zip.File) error {
	type span struct {
		from, to int64
		name     string
	}
	spans := make([]span, 0, len(files))
	for _, f := range files {
		if z.entries[f.Name] != nil {
			return damaged("two zip entries have the name %s", show(f.Name))
		}
		z.entries[f.Name] = f
		from, err := f.DataOffset()
		if err != nil {
			return damaged("zip entry %s: its header is not where the directory says (%v)", show(f.Name), err)
		}
		if f.CompressedSize64 > uint64(z.size) || from < 0 || from > z.size-int64(f.CompressedSize64) {
			return damaged("zip entry %s needs %d bytes at offset %d, the file ends at %d", show(f.Name), f.CompressedSize64, from, z.size)
		}
		spans = append(spans, span{from, from + int64(f.CompressedSize64), f.Name})
	}
	sort.Slice(spans, func(i, j int) bool {
		a, b := spans[i], spans[j]
		return a.from < b.from || a.from == b.from && a.to < b.to
	})
	for i := 1; i < len(spans); i++ {
		if a, b := spans[i-1], spans[i]; b.from < a.to {
			return damaged("zip entries %s and %s overlap", show(a.name), show(b.name))
		}
	}
	return nil
}

func (z *zipFile) checkByteOrder() error {
	name := z.root + "byteorder"
	if z.entries[name] == nil {
		return nil
	}
	r, at, n, err := z.open(name)
	if err != nil {
		return err
	}
	b := make([]byte, min(n, 16))
	if err := pickle.ReadFull(r, b, at); err != nil {
		return err
	}
	if z.big = string(b) == "big"; !z.big && string(b) != "little" {
		return damaged("the order of its bytes is neither little nor big (%s)", show(string(b)))
	}
	return nil
}

// open returns where an entry's n bytes are: in the file itself, or unpacked. Bytes are
// checked against the entry's CRC, unless that is 0: PyTorch can be told not to compute
// it (torch.serialization.set_crc32_options).
func (z *zipFile) open(name string) (r io.ReaderAt, at, n int64, err error) {
	f := z.entries[name]
	if f == nil {
		return nil, 0, 0, fmt.Errorf("cut short or damaged: zip entry %s is missing: download it again", show(name))
	}
	if f.Flags&1 != 0 {
		return nil, 0, 0, fmt.Errorf("zip entry %s is encrypted: unpack and pack it without a password", show(name))
	}
	if f.UncompressedSize64 > 1<<56 {
		return nil, 0, 0, damaged("zip entry %s claims %d bytes", show(name), f.UncompressedSize64)
	}
	n = int64(f.UncompressedSize64)
	switch f.Method {
	case zip.Store:
		if f.CompressedSize64 != f.UncompressedSize64 {
			return nil, 0, 0, damaged("zip entry %s has two sizes, %d and %d", show(name), f.CompressedSize64, f.UncompressedSize64)
		}
		if at, err = f.DataOffset(); err == nil {
			err = checkCRC(z.r, at, n, f)
		}
		return z.r, at, n, err
	case zip.Deflate:
		r, err = z.unpack(f)
		return r, 0, n, err
	}
	return nil, 0, 0, fmt.Errorf("zip entry %s is packed by method %d, which can't be read: pack it again without compression", show(name), f.Method)
}

func checkCRC(r io.ReaderAt, at, n int64, f *zip.File) error {
	if f.CRC32 == 0 {
		return nil
	}
	h := crc32.NewIEEE()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{io.NewSectionReader(r, at, n)}, make([]byte, min(n+1, 1<<16))); err != nil {
		return err
	}
	if h.Sum32() != f.CRC32 {
		return fmt.Errorf("zip entry %s is damaged (its checksum is wrong): download the file again", show(f.Name))
	}
	return nil
}

// unpack inflates a compressed entry, which may not become larger than it says, and not
// larger together with the others than the file's size warrants.
func (z *zipFile) unpack(f *zip.File) (io.ReaderAt, error) {
	n := int64(f.UncompressedSize64)
	if err := z.inflate.take(n, func() string { return "compressed zip entry " + show(f.Name) }); err != nil {
		return nil, err
	}
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	b := make([]byte, n)
	if _, err := io.ReadFull(in, b); err != nil {
		return nil, damaged("compressed zip entry %s can't be unpacked (%v)", show(f.Name), err)
	}
	if k, err := in.Read(make([]byte, 1)); k != 0 || err != io.EOF {
		return nil, damaged("compressed zip entry %s is not the %d bytes it says (%v)", show(f.Name), n, err)
	}
	return bytes.NewReader(b), nil
}

// load is the machine's persistent ids.
func (z *zipFile) load(id *pickle.Seq) (any, error) {
	s, other, err := parseStorageID(id)
	if err != nil || other != nil {
		return other, err
	}
	if st := z.storages[s.key]; st != nil {
		if !st.same(&s) {
			return nil, damaged("storage %s is described in two ways", show(s.key))
		}
		return st, nil
	}
	name := z.root + "data/" + s.key
	f := z.entries[name]
	if f == nil {
		return nil, damaged("zip entry %s is missing", show(name))
	}
	if want := uint64(s.numel) * uint64(s.elem); s.elem != 0 && f.UncompressedSize64 != want {
		return nil, damaged("zip entry %s has %d bytes, but its %d elements of %s are %d", show(name), f.UncompressedSize64, s.numel, show(string(s.class)), want)
	}
	st := &s.storage
	st.big = z.big
	st.open = func() (err error) {
		st.r, st.off, _, err = z.open(name)
		return err
	}
	z.storages[s.key] = st
	return st, nil
}
