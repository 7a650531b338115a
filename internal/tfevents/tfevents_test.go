package tfevents

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// start is the wall time of the event file below.
var start = time.Unix(1599759586, 0)

// What TensorFlow wrote for tf.summary.scalar("accuracy", 0.99, step=77), as dumped in
// the test of github.com/tensorflow/tensorboard, tensorboard/data/server/tf_record.rs:
// the first record whole, the second one's data and checksums.
const (
	tfVersion = "\x18\x00\x00\x00\x00\x00\x00\x00\xa3\x7f\x4b\x22" +
		"\x09\x00\x00\x80\x38\x99\xd6\xd7\x41\x1a\x0dbrain.Event:2" + "\x12\x4b\x36\xab"
	tfScalar = "\x09\xc4\x05\xb7\x3d\x99\xd6\xd7\x41\x10\x4d\x2a\x25\x0a\x23\x0a\x08accuracy" +
		"\x42\x0a\x08\x01\x12\x00\x22\x04\xa4\x70\x7d\x3f\x4a\x0b\x0a\x09\x0a\x07scalars"
	tfScalarLength, tfScalarCRC = "\x32\x00\x00\x00\x00\x00\x00\x00\x24\x19\x56\xec", "\xa5\x5b\x64\x33"
)

// A new file starts with the bytes that TensorFlow writes.
func TestCreateIsTensorFlows(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "new"), start)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, w.Path()); string(got) != tfVersion || w.Offset() != int64(len(got)) {
		t.Errorf("%d bytes:\n%x, want\n%x", w.Offset(), got, tfVersion)
	}
	name := filepath.Base(w.Path())
	if !regexp.MustCompile(`^events\.out\.tfevents\.1599759586\..+\.monge$`).MatchString(name) {
		t.Errorf("name %q", name)
	}
	if _, err := Create(filepath.Dir(w.Path()), start); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the same file again: %v", err)
	}
}

func TestRecordIsTensorFlows(t *testing.T) {
	if got := appendRecord(nil, []byte(tfScalar)); string(got) != tfScalarLength+tfScalar+tfScalarCRC {
		t.Errorf("%x", got)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// records splits an event file into its records' data and checks every frame.
func records(t *testing.T, b []byte) [][]byte {
	t.Helper()
	var list [][]byte
	sum := func(data, want []byte) {
		c := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
		turned := binary.LittleEndian.Uint32(want) - 0xa282ead8
		if turned<<15|turned>>17 != c {
			t.Fatalf("record %d: checksum %x of %x", len(list), want, data)
		}
	}
	for len(b) > 0 {
		n := int(binary.LittleEndian.Uint64(b))
		sum(b[:8], b[8:12])
		sum(b[12:12+n], b[12+n:16+n])
		list, b = append(list, b[12:12+n]), b[16+n:]
	}
	return list
}

// write makes the file that the tests below read.
func write(t *testing.T) *Writer {
	t.Helper()
	w, err := Create(t.TempDir(), start)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []struct {
		step   int64
		wall   time.Time
		values []Scalar
	}{
		{0, start.Add(500 * time.Millisecond), []Scalar{{"train/loss", 2.5}, {"train/grad_norm", 0}}},
		{300, start.Add(time.Second), []Scalar{{"val/genauigkeit ü", .1}, {"diverged", math.NaN()}, {"large", 1e300}}},
		{math.MaxInt64, start.Add(time.Hour), []Scalar{{strings.Repeat("long", 50), math.Inf(-1)}}},
		{-1, start, nil},
	} {
		if err := w.Scalars(e.step, e.wall, e.values); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return w
}

// The reference decoder of protocol buffers, with the schema that TensorFlow publishes,
// reads what was written.
func TestEventsByProtoc(t *testing.T) {
	protoc, err := exec.LookPath("protoc")
	if err != nil {
		t.Skip("no protoc; Debian's package is protobuf-compiler")
	}
	w := write(t)
	var got strings.Builder
	for _, data := range records(t, read(t, w.Path())) {
		cmd := exec.Command(protoc, "--decode=Event", "-Itestdata", "testdata/event.proto")
		cmd.Stdin = bytes.NewReader(data)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		got.WriteString(strings.Join(strings.Fields(string(out)), " ") + "\n")
	}
	// proto3 does not tell a step of 0 from none
	want := `wall_time: 1599759586 file_version: "brain.Event:2"
wall_time: 1599759586.5 summary { value { tag: "train/loss" simple_value: 2.5 } value { tag: "train/grad_norm" simple_value: 0 } }
wall_time: 1599759587 step: 300 summary { value { tag: "val/genauigkeit \303\274" simple_value: 0.1 } value { tag: "diverged" simple_value: nan } value { tag: "large" simple_value: inf } }
wall_time: 1599763186 step: 9223372036854775807 summary { value { tag: "` + strings.Repeat("long", 50) + `" simple_value: -inf } }
wall_time: 1599759586 step: -1 summary { }
`
	if got.String() != want {
		t.Errorf("got\n%s, want\n%s", got.String(), want)
	}
}

// A file that goes on from a recorded offset is the file of a run that was never
// interrupted.
func TestAppend(t *testing.T) {
	write := func(w *Writer, from, to int64) int64 {
		for step := from; step < to; step++ {
			if err := w.Scalars(step, start, []Scalar{{"loss", float64(step)}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		return w.Offset()
	}
	whole, _ := Create(t.TempDir(), start)
	write(whole, 0, 10)

	first, _ := Create(t.TempDir(), start)
	offset := write(first, 0, 6)
	write(first, 6, 8) // behind the checkpoint
	first.Scalars(8, start, []Scalar{{"lost in the buffer", 0}})
	if size := int64(len(read(t, first.Path()))); size <= offset {
		t.Fatalf("%d bytes after %d", size, offset)
	}
	second, err := Append(first.Path(), offset)
	if err != nil || second.Offset() != offset {
		t.Fatal(err)
	}
	if size := int64(len(read(t, first.Path()))); size != offset {
		t.Errorf("%d bytes, want the first %d", size, offset)
	}
	write(second, 6, 10)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, first.Path()), read(t, whole.Path()); !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	if n := len(records(t, read(t, first.Path()))); n != 11 {
		t.Errorf("%d records", n)
	}
}

func TestAppendErrors(t *testing.T) {
	w := write(t)
	whole := read(t, w.Path())
	const version = int64(len(tfVersion))
	damaged := bytes.Clone(whole)
	damaged[version] ^= 1
	huge := appendRecord(nil, nil)
	binary.LittleEndian.PutUint64(huge, math.MaxUint64)
	binary.LittleEndian.PutUint32(huge[8:], maskedCRC(huge[:8]))
	for _, tt := range []struct {
		name   string
		in     []byte
		offset int64
		want   string
	}{
		{"start", whole, 0, "no place behind an event"},
		{"negative", whole, -5, "no place behind an event"},
		{"inside the first record", whole, version - 1, "a record ends at byte 40"},
		{"inside the second record", whole, version + 1, "a record ends at byte"},
		{"behind the end", whole, w.Offset() + 1, fmt.Sprintf("the record at byte %d is cut off: EOF", w.Offset())},
		{"cut off", whole[:version+20], version + 100, "the record at byte 40 is cut off"},
		{"damaged", damaged, w.Offset(), "there is no record at byte 40"},
		{"huge record", huge, 100, "the record at byte 0 has 18446744073709551615 bytes"},
		{"empty", nil, 40, "the record at byte 0 is cut off"},
		{"text", []byte("step,loss\n0,2.5\n1,2.25\n"), 20, "there is no record at byte 0"},
	} {
		path := filepath.Join(t.TempDir(), "events")
		os.WriteFile(path, tt.in, 0o666)
		_, err := Append(path, tt.offset)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
		if got := read(t, path); !bytes.Equal(got, tt.in) {
			t.Errorf("%s: the file was changed", tt.name)
		}
	}
	if _, err := Append(filepath.Join(t.TempDir(), "none"), 40); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// A bad tag is an error, and nothing is written.
func TestScalarsErrors(t *testing.T) {
	w := write(t)
	before := w.Offset()
	for _, tag := range []string{"", "\xff"} {
		if err := w.Scalars(1, start, []Scalar{{"good", 1}, {tag, 1}}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", tag)) {
			t.Errorf("tag %q: %v", tag, err)
		}
	}
	if w.Offset() != before {
		t.Errorf("%d bytes after %d", w.Offset(), before)
	}
	w.Close()
	if err := errors.Join(w.Scalars(1, start, []Scalar{{"late", 1}}), w.Flush()); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestCreateErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o666)
	if _, err := Create(filepath.Join(file, "sub"), start); err == nil || !strings.Contains(err.Error(), file) {
		t.Error(err)
	}
}

func FuzzAppend(f *testing.F) {
	f.Add([]byte(tfVersion), int64(len(tfVersion)))
	f.Add([]byte(tfVersion+tfScalarLength+tfScalar+tfScalarCRC), int64(len(tfVersion)))
	f.Add([]byte("no events"), int64(9))
	f.Fuzz(func(t *testing.T, in []byte, offset int64) {
		err := checkRecords(bytes.NewReader(in), offset)
		if err == nil && (offset <= 0 || offset > int64(len(in))) {
			t.Errorf("offset %d of %d bytes", offset, len(in))
		}
	})
}
