package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/monge-ml/monge/internal/atomicfile"
)

// A checkpoint file, little endian:
//
//	magic
//	length of the header (uint64), the header: a checkpoint as JSON
//	the parts in the header's order
//	SHA-256 of all before
const checkpointMagic = "monge/checkpoint 1\n"

// maxHeader bounds what a header may claim.
const maxHeader = 1 << 24

// A checkpoint is all of a run that changes while it goes on. What the step count
// decides (data order, augmentation, schedules) needs no place of its own.
type checkpoint struct {
	Config      Config    `json:"config"`
	Data        string    `json:"data"`    // fingerprint
	Kernels     string    `json:"kernels"` // that computed it
	Step        int       `json:"step"`
	Evaluated   int       `json:"evaluated"` // step of the last record
	Window      window    `json:"window"`
	Best        *Best     `json:"best"`
	Stale       int       `json:"stale"` // evaluations since the best
	Rollbacks   int       `json:"rollbacks"`
	FailedAt    int       `json:"failed_at"` // step that the last rollback was for
	RolledTo    int       `json:"rolled_to"` // and that it went to
	LRScale     float64   `json:"lr_scale"`
	Elapsed     float64   `json:"elapsed"` // seconds
	MetricsSize int64     `json:"metrics_size"`
	EventsFile  string    `json:"events_file,omitempty"`
	EventsSize  int64     `json:"events_size,omitempty"`
	Stateful    bool      `json:"stateful,omitempty"` // the task has state of its own
	Parts       []part    `json:"parts"`
	theta       []float32 // parts, in order
	buffers     []float32
	bestTheta   []float32
	bestBuffers []float32
	stepper     []byte
	task        []byte // of a task that has state of its own
}

// A part is a run of bytes after the header.
type part struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// vectors are the float32 parts, by name.
func (c *checkpoint) vectors() []struct {
	name string
	data *[]float32
} {
	return []struct {
		name string
		data *[]float32
	}{
		{"theta", &c.theta}, {"buffers", &c.buffers}, {"best_theta", &c.bestTheta}, {"best_buffers", &c.bestBuffers},
	}
}

// A blob is a part of plain bytes.
type blob struct {
	name string
	data *[]byte
}

// blobs are the parts after the vectors. Checkpoints of earlier versions lack the second.
func (c *checkpoint) blobs() []blob { return []blob{{"stepper", &c.stepper}, {"task", &c.task}} }

// write writes the checkpoint to a file, whole or not at all.
func (c *checkpoint) write(path string) error {
	c.Parts = nil
	for _, v := range c.vectors() {
		c.Parts = append(c.Parts, part{v.name, 4 * int64(len(*v.data))})
	}
	for _, b := range c.blobs() {
		c.Parts = append(c.Parts, part{b.name, int64(len(*b.data))})
	}
	header, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		sum := sha256.New()
		to := io.MultiWriter(w, sum)
		head := append([]byte(checkpointMagic), binary.LittleEndian.AppendUint64(nil, uint64(len(header)))...)
		if _, err := to.Write(append(head, header...)); err != nil {
			return err
		}
		for _, v := range c.vectors() {
			if err := writeFloats(to, *v.data); err != nil {
				return err
			}
		}
		for _, b := range c.blobs() {
			if _, err := to.Write(*b.data); err != nil {
				return err
			}
		}
		_, err := w.Write(sum.Sum(nil))
		return err
	})
}

// chunk is how many numbers are turned into bytes at a time.
const chunk = 1 << 14

func writeFloats(w io.Writer, x []float32) error {
	b := make([]byte, 0, 4*min(chunk, len(x)))
	for len(x) > 0 {
		n := min(chunk, len(x))
		b = b[:0]
		for _, v := range x[:n] {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		x = x[n:]
	}
	return nil
}

// readCheckpoint reads a checkpoint file. Nothing is made of it before its checksum is
// right.
func readCheckpoint(path string) (*checkpoint, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	c, err := decodeCheckpoint(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

var errCut = errors.New("cut short or damaged")

func decodeCheckpoint(r io.ReadSeeker, size int64) (*checkpoint, error) {
	fixed := int64(len(checkpointMagic) + 8)
	if size < fixed+sha256.Size {
		return nil, fmt.Errorf("%w: %d bytes are no checkpoint", errCut, size)
	}
	if err := verify(r, size-sha256.Size); err != nil {
		return nil, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	head := make([]byte, fixed)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	if string(head[:len(checkpointMagic)]) != checkpointMagic {
		return nil, errors.New("not a checkpoint of this version")
	}
	n := binary.LittleEndian.Uint64(head[len(checkpointMagic):])
	left := size - fixed - sha256.Size
	if n > maxHeader || int64(n) > left {
		return nil, fmt.Errorf("%w: the header claims %d bytes", errCut, n)
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	c := &checkpoint{}
	if err := json.Unmarshal(header, c); err != nil {
		return nil, fmt.Errorf("%w: header: %w", errCut, err)
	}
	return c, c.readParts(r, left-int64(n))
}

// verify compares the checksum of the first n bytes with the one that follows them.
func verify(r io.Reader, n int64) error {
	sum := sha256.New()
	if _, err := io.CopyN(sum, r, n); err != nil {
		return err
	}
	var want [sha256.Size]byte
	if _, err := io.ReadFull(r, want[:]); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), want[:]) {
		return fmt.Errorf("%w: the checksum does not match", errCut)
	}
	return nil
}

// readParts reads the parts, which must fill the n bytes that are left.
func (c *checkpoint) readParts(r io.Reader, n int64) error {
	vectors, blobs := c.vectors(), c.blobs()
	if after := len(c.Parts) - len(vectors); after < 1 || after > len(blobs) {
		return fmt.Errorf("%w: %d parts", errCut, len(c.Parts))
	}
	for i, p := range c.Parts {
		if p.Bytes < 0 || p.Bytes > n || i < len(vectors) && p.Bytes%4 != 0 {
			return fmt.Errorf("%w: part %q claims %d bytes", errCut, p.Name, p.Bytes)
		}
		n -= p.Bytes
		b := make([]byte, p.Bytes)
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		if i >= len(vectors) {
			*blobs[i-len(vectors)].data = b
			continue
		}
		x := make([]float32, p.Bytes/4)
		for j := range x {
			x[j] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*j:]))
		}
		*vectors[i].data = x
	}
	if n != 0 {
		return fmt.Errorf("%w: %d bytes too many", errCut, n)
	}
	return nil
}
