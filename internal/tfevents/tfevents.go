// Package tfevents writes scalars to TensorBoard event files.
//
// An event file is a sequence of records, TFRecord's: the length of the data (uint64),
// the masked CRC-32C of the length, the data, the masked CRC-32C of the data, all little
// endian. The data is a protocol buffer, Event of tensorflow/core/util/event.proto. An
// event of scalars has so few kinds of fields that they are written by hand here; the
// protocol buffer module would be a dependency for these twenty lines.
package tfevents

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"
)

// A Scalar is a number to plot. The format holds float32: a value beyond its range
// becomes infinite.
type Scalar struct {
	Tag   string // UTF-8; TensorBoard groups tags by what stands before a slash
	Value float64
}

// A Writer appends events to a file. It is not safe for concurrent use.
type Writer struct {
	f      *os.File
	buf    *bufio.Writer
	offset int64
}

// fileVersion is the first event of every file.
const fileVersion = "brain.Event:2"

// Create makes an event file in dir, which is made if need be, under a name that
// TensorBoard finds: events.out.tfevents.SECONDS.HOST.monge. A file of that name must not
// be there.
func Create(dir string, at time.Time) (*Writer, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, fmt.Sprintf("events.out.tfevents.%010d.%s.monge", at.Unix(), filepath.Base(host)))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	w := &Writer{f: f, buf: bufio.NewWriter(f)}
	return w, w.write(appendBytes(appendWallTime(nil, at), 3, []byte(fileVersion)))
}

// Append opens an event file to go on from offset, which [Writer.Offset] gave after a
// flush; what follows it is cut off.
func Append(path string, offset int64) (_ *Writer, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := checkRecords(f, offset); err != nil {
		return nil, fmt.Errorf("%s cannot go on from byte %d: %w", path, offset, err)
	}
	if err := f.Truncate(offset); err != nil {
		return nil, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	return &Writer{f: f, buf: bufio.NewWriter(f), offset: offset}, nil
}

// checkRecords checks that the first n bytes of an event file are whole records. It
// reads their frames, not their data.
func checkRecords(r io.Reader, n int64) error {
	if n <= 0 {
		return errors.New("it is no place behind an event")
	}
	in := bufio.NewReader(r)
	var at int64
	for at < n {
		var head [headLen]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return fmt.Errorf("the record at byte %d is cut off: %w", at, err)
		}
		length := binary.LittleEndian.Uint64(head[:8])
		if binary.LittleEndian.Uint32(head[8:]) != maskedCRC(head[:8]) {
			return fmt.Errorf("there is no record at byte %d", at)
		}
		if length > math.MaxInt32 { // of a protocol buffer
			return fmt.Errorf("the record at byte %d has %d bytes", at, length)
		}
		if _, err := io.CopyN(io.Discard, in, int64(length)+tailLen); err != nil {
			return fmt.Errorf("the record at byte %d is cut off: %w", at, err)
		}
		at += headLen + int64(length) + tailLen
	}
	if at != n {
		return fmt.Errorf("a record ends at byte %d", at)
	}
	return nil
}

// Scalars writes one event with all values.
func (w *Writer) Scalars(step int64, wall time.Time, values []Scalar) error {
	var summary, value []byte
	for _, v := range values {
		if v.Tag == "" || !utf8.ValidString(v.Tag) {
			return fmt.Errorf("tag %q must be UTF-8 and not empty", v.Tag)
		}
		value = appendBytes(value[:0], 1, []byte(v.Tag))
		value = append(value, 2<<3|wire32)
		value = binary.LittleEndian.AppendUint32(value, math.Float32bits(float32(v.Value)))
		summary = appendBytes(summary, 1, value)
	}
	event := appendWallTime(nil, wall)
	event = append(event, 2<<3|wireVarint)
	event = binary.AppendUvarint(event, uint64(step))
	return w.write(appendBytes(event, 5, summary))
}

// Path returns the file's path.
func (w *Writer) Path() string { return w.f.Name() }

// Offset returns how many bytes the file has once it is flushed.
func (w *Writer) Offset() int64 { return w.offset }

// Flush brings what was written to the disk, so that a checkpoint may name
// [Writer.Offset].
func (w *Writer) Flush() error {
	if err := w.buf.Flush(); err != nil {
		return err
	}
	return w.f.Sync()
}

// Close flushes and closes the file.
func (w *Writer) Close() error { return errors.Join(w.buf.Flush(), w.f.Close()) }

// Bytes of a record before and behind its data.
const (
	headLen = 8 + 4
	tailLen = 4
)

// write appends a record.
func (w *Writer) write(data []byte) error {
	n, err := w.buf.Write(appendRecord(nil, data))
	w.offset += int64(n)
	return err
}

func appendRecord(b, data []byte) []byte {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b = append(b, length...)
	b = binary.LittleEndian.AppendUint32(b, maskedCRC(length))
	b = append(b, data...)
	return binary.LittleEndian.AppendUint32(b, maskedCRC(data))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC is TFRecord's checksum, of tensorflow/core/lib/hash/crc32c.h: the CRC of data
// that holds CRCs would be weak, so they are stored turned and shifted.
func maskedCRC(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// Wire types of the protocol buffer encoding. A field starts with number<<3 | type.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

// appendWallTime appends an event's first field: seconds since 1970.
func appendWallTime(b []byte, at time.Time) []byte {
	b = append(b, 1<<3|wire64)
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(at.UnixNano())/1e9))
}

// appendBytes appends a field of bytes: a string, or a message.
func appendBytes(b []byte, field byte, data []byte) []byte {
	b = append(b, field<<3|wireBytes)
	b = binary.AppendUvarint(b, uint64(len(data)))
	return append(b, data...)
}
