package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func sample() *checkpoint {
	c := Default()
	return &checkpoint{
		Config: c, Data: "d", Kernels: "k", Step: 7, Best: &Best{Step: 3}, LRScale: 1,
		theta: []float32{1, 2, 3}, buffers: []float32{4}, bestTheta: []float32{5, 6, 7}, bestBuffers: []float32{8}, stepper: []byte("state"), task: []byte("its own"),
	}
}

func encoded(t testing.TB, c *checkpoint) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.ckpt")
	if err := c.write(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCheckpointRoundTrip(t *testing.T) {
	want := sample()
	b := encoded(t, want)
	got, err := decodeCheckpoint(bytes.NewReader(b), int64(len(b)))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// Cut anywhere, or with any bit of it turned, a checkpoint is an error.
func TestCheckpointDamage(t *testing.T) {
	b := encoded(t, sample())
	for n := range b {
		if _, err := decodeCheckpoint(bytes.NewReader(b[:n]), int64(n)); err == nil {
			t.Fatalf("cut at %d it was read", n)
		}
		b[n] ^= 1
		if _, err := decodeCheckpoint(bytes.NewReader(b), int64(len(b))); err == nil {
			t.Fatalf("with byte %d changed it was read", n)
		}
		b[n] ^= 1
	}
}

// A checkpoint of an earlier version has no part of the task's, and counted all examples.
func TestCheckpointOfEarlierVersion(t *testing.T) {
	want := sample()
	want.task = nil
	b := encoded(t, want)
	former := strings.Replace(string(b[:len(b)-sha256.Size]), `,{"name":"task","bytes":0}`, "", 1)
	former = strings.Replace(former, `"window":{"steps":0,"examples":0,"correct":0,"counted":0`, `"window":{"steps":2,"examples":9,"correct":4`, 1)
	header := former[len(checkpointMagic)+8 : strings.Index(former, "]}")+2]
	former = checkpointMagic + string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + former[len(checkpointMagic)+8:]
	got, err := decodeCheckpoint(strings.NewReader(string(signed([]byte(former)))), int64(len(former)+sha256.Size))
	if err != nil {
		t.Fatal(err)
	}
	if want.Window = (window{Steps: 2, Examples: 9, Correct: 4, Counted: 9}); len(got.Parts) != 5 {
		t.Errorf("parts %+v", got.Parts)
	}
	want.Parts = got.Parts
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// idle is a task that does nothing.
type idle struct{ Task }

func (idle) Theta() []float32    { return make([]float32, 3) }
func (idle) Steps() int          { return 16 }
func (idle) Fingerprint() string { return "d" }

// A checkpoint that was made up claims what can't be; it is an error, not a panic.
func TestImpossibleCheckpoints(t *testing.T) {
	config := Default()
	config.Epochs = 1
	r, err := NewTask(idle{}, config)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*checkpoint){
		"before the first step": func(c *checkpoint) { c.Step = -1 },
		"after the last step":   func(c *checkpoint) { c.Step = 17 },
		"evaluated later":       func(c *checkpoint) { c.Evaluated = 2 },
		"no learning rate":      func(c *checkpoint) { c.LRScale = 0 },
		"best of another size":  func(c *checkpoint) { c.Best = &Best{} },
		"other parameters":      func(c *checkpoint) { c.theta = nil },
	} {
		c := &checkpoint{Config: r.Config, Data: r.fingerprint(), Kernels: kernelsInUse(&r.Config), Step: 1, LRScale: 1, theta: r.theta}
		if err := r.fits(c, func(s string) { t.Error(s) }); err != nil {
			t.Fatal(err)
		}
		change(c)
		if err := r.fits(c, func(s string) { t.Error(s) }); err == nil {
			t.Errorf("%s: it fits", name)
		}
	}
}

// FuzzCheckpoint gives each file the checksum that it should have, so that changes
// reach what comes after it.
func FuzzCheckpoint(f *testing.F) {
	b := encoded(f, sample())
	f.Add(b[:len(b)-32])
	f.Add([]byte(checkpointMagic + "\xff\xff\xff\xff\xff\xff\xff\xff{}"))
	f.Add([]byte(strings.Replace(string(b[:len(b)-32]), `{"name":"task"`, `{"name":"tusk"`, 1)))
	f.Add([]byte(strings.Replace(string(b[:len(b)-32]), `"bytes":12`, `"bytes":99`, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = signed(b)
		c, err := decodeCheckpoint(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		if n := 4*(len(c.theta)+len(c.buffers)+len(c.bestTheta)+len(c.bestBuffers)) + len(c.stepper) + len(c.task); n > len(b) {
			t.Errorf("%d bytes came out of %d", n, len(b))
		}
	})
}

// signed appends the checksum.
func signed(b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(b[:len(b):len(b)], sum[:]...)
}
