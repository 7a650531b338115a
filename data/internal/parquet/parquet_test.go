package parquet

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// files are those that data's tests hold against what others say of them.
func files(t testing.TB) (list [][]byte) {
	t.Helper()
	names, err := filepath.Glob("../../testdata/parquet/*.parquet")
	if err != nil || len(names) < 5 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, name := range append(names, "../../testdata/parquet/pairs/test-00000-of-00001.parquet") {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}

// readAll reads all columns that can be read, and returns how many rows they have together.
func readAll(b []byte, most int) (n int, err error) {
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return 0, err
	}
	for _, c := range f.Columns {
		if c.Kind == Other {
			continue
		}
		rows := f.Read(c)
		for ; n < most; n++ {
			if _, err := rows.Next(); err == io.EOF {
				break
			} else if err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// What is damaged anywhere is an error or other values, and takes no more memory than the file
// gives reason for.
func TestDamaged(t *testing.T) {
	const step = 5
	for k, b := range files(t) {
		rows, err := readAll(b, 1<<20)
		if err != nil || rows == 0 {
			t.Fatalf("file %d: %d rows, %v", k, rows, err)
		}
		for i := 0; i < len(b); i += step {
			for _, v := range []byte{0, 0xff, b[i] ^ 1} {
				bad := bytes.Clone(b)
				bad[i] = v
				readAll(bad, 1<<12)
			}
		}
		for i := 0; i < len(b); i += step {
			if _, err := readAll(b[:i], 1<<20); err == nil {
				t.Errorf("file %d: no error of its first %d bytes", k, i)
			}
		}
	}
}

// A run of many values is counted, not written out.
func TestLongRuns(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := runs{b: append(binary.AppendUvarint(nil, 1<<62), 1), width: 1}
	for range 1000 {
		if v, err := r.next(); v != 1 || err != nil {
			t.Fatal(v, err)
		}
	}
	list := thriftReader{b: append([]byte{0xf0 | thriftStruct}, binary.AppendUvarint(nil, 1<<40)...)}
	if _, err := list.elements(0); err != errShort {
		t.Errorf("error %v", err)
	}
	if _, err := (&pages{codec: codecSnappy}).unpack(append(binary.AppendUvarint(nil, 1<<28), 1, 2, 3), 1<<28); err == nil {
		t.Error("a page of 2^28 bytes out of some")
	}
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 1<<20 {
		t.Errorf("%d bytes", after.TotalAlloc-before.TotalAlloc)
	}
}

func TestBits(t *testing.T) {
	// the specification's own example: the numbers 0 to 7 in three bits each
	r := runs{b: []byte{3, 0x88, 0xc6, 0xfa}, width: 3}
	for want := range uint32(8) {
		if v, err := r.next(); v != want || err != nil {
			t.Errorf("%d, %v, want %d", v, err, want)
		}
	}
	if _, err := r.next(); err != errDamaged {
		t.Errorf("error %v", err)
	}
}

func FuzzRead(f *testing.F) {
	for _, b := range files(f) {
		if len(b) < 3000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 1<<16 {
			readAll(b, 1<<14)
		}
	})
}

// A page is unpacked to the size that its header says, and no further.
func TestUnpack(t *testing.T) {
	zeros := make([]byte, 1<<20)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(zeros)
	z.Close()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for codec, packed := range map[int64][]byte{codecNone: zeros, codecGzip: zipped.Bytes(), codecZstd: e.EncodeAll(zeros, nil), codecSnappy: snappy.Encode(nil, zeros)} {
		p := &pages{codec: codec}
		if b, err := p.unpack(packed, len(zeros)); err != nil || !bytes.Equal(b, zeros) {
			t.Errorf("codec %d: %d bytes, %v", codec, len(b), err)
		}
		for _, size := range []int{1, len(zeros) - 1, len(zeros) + 1, maxPage} {
			if b, err := p.unpack(packed, size); err == nil || cap(b) > 2*len(zeros) {
				t.Errorf("codec %d: %d bytes where there should be %d, %v", codec, len(b), size, err)
			}
		}
	}
	if _, err := (&pages{codec: 3}).unpack(zeros, 1); err == nil || !strings.Contains(err.Error(), "write it anew") {
		t.Errorf("error %v", err)
	}
}
