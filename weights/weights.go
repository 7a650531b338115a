// Package weights reads and writes trained parameters in the formats that other
// software understands: PyTorch checkpoints (both the zip format and the older stream
// format) and safetensors.
//
// A PyTorch checkpoint is a pickle, which is a program for a small machine that may
// call any Python function. The reader here builds tensors and plain values (numbers,
// strings, lists, dicts); whatever else a pickle makes or calls is neither made nor
// called, but passed over and listed, see [File.Passed]. A file's claims are held
// against its size before memory is given to them.
package weights

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/pickle"
)

// A Tensor is a named array of parameters, its elements in row-major order.
type Tensor struct {
	Name  string
	DType DType // the type in the file; "" when writing means F32
	Shape []int // empty for a scalar

	// One of the two holds the elements: Data those of float types, as float32 (F64 is
	// rounded, the others are exact), Ints those of the integer types and BOOL.
	Data []float32
	Ints []int64
}

// Len returns the number of elements that the shape has room for.
func (t *Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// The formats of a [File].
const (
	FormatSafetensors = "safetensors"
	FormatTorchZip    = "torch zip"    // torch.save since PyTorch 1.6
	FormatTorchLegacy = "torch legacy" // torch.save before, or with _use_new_zipfile_serialization=False
)

// A File is what was read from a file of weights.
type File struct {
	Format string

	// Metadata are safetensors' metadata, or the plain values (str, int, float, bool) at
	// the top of a PyTorch checkpoint: "epoch", "best_acc" and the like.
	Metadata map[string]string

	// Tensors are in the file's order. Names of nested dicts and lists are joined with
	// dots: "state_dict.conv1.weight", "optimizer.state.0.exp_avg".
	Tensors []Tensor

	// Passed are what else a PyTorch checkpoint holds but plain values.
	Passed []Passed

	networks []network
	wrapper  string // "state_dict." if the model's tensors lie in that dict, "" if at the top
	chosen   bool   // by Options.Key
	unmade   []named
}

// StateDict returns the model's tensors alone, under the names that the model gives them:
// those of the network that was taken, see [File.Taken], without the prefixes "module." and
// "_orig_mod." that DataParallel and torch.compile put before every name. Elements are shared
// with Tensors. [File.Fit] also takes other prefixes away.
func (f *File) StateDict() []Tensor {
	out := f.under(f.wrapper)
	for {
		prefix := ""
		for _, p := range []string{"module.", "_orig_mod."} {
			if all, any := prefixed(out, p); all && any {
				prefix = p
			}
		}
		if prefix == "" {
			return out
		}
		for i := range out {
			out[i].Name = strings.TrimPrefix(out[i].Name, prefix)
		}
	}
}

// prefixed reports whether all, and any, names have a prefix. AveragedModel has its count of
// models beside them.
func prefixed(tensors []Tensor, prefix string) (all, any bool) {
	all = true
	for _, t := range tensors {
		has := strings.HasPrefix(t.Name, prefix) && len(t.Name) > len(prefix)
		any = any || has
		all = all && (has || t.Name == averaged)
	}
	return all, any
}

const averaged = "n_averaged"

// under returns the tensors under a prefix, which their names lose.
func (f *File) under(prefix string) []Tensor {
	var out []Tensor
	for _, t := range f.Tensors {
		if name, ok := strings.CutPrefix(t.Name, prefix); ok {
			t.Name = name
			out = append(out, t)
		}
	}
	return out
}

// Options say how a file of weights is read.
type Options struct {
	// Key chooses one of several networks in a file: where its tensors lie, as
	// "state_dict_ema" or "callbacks.EMA.state_dict", or what their names begin with.
	Key string
}

// Read reads a file of weights, whose format it finds from the content, or the files that an
// index (model.safetensors.index.json) names. Errors name the file.
func Read(path string) (*File, error) { return ReadWith(path, Options{}) }

// ReadWith is [Read] with options.
func ReadWith(path string, o Options) (*File, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, min(size, 512))
	if n, _ := f.ReadAt(head, 0); !looksIndex(head[:n]) {
		return readChosen(f, size, path, o)
	}
	whole, err := readIndexed(f, size, filepath.Dir(path))
	if err == nil {
		err = whole.choose(o.Key)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return whole, nil
}

// openRegular opens a file and returns its size.
func openRegular(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	if info.Mode().IsRegular() {
		return f, info.Size(), nil
	}
	f.Close()
	if in, err := Find(path, append(slices.Clone(DirFiles), "weights.safetensors")...); err == nil {
		return nil, 0, fmt.Errorf("%s: a directory: name the file of weights in it, %s", path, in)
	}
	return nil, 0, fmt.Errorf("%s: not a regular file: name the file of weights itself", path)
}

// ReadFrom reads weights from size bytes of r. The name is for errors.
func ReadFrom(r io.ReaderAt, size int64, name string) (*File, error) {
	return readChosen(r, size, name, Options{})
}

func readChosen(r io.ReaderAt, size int64, name string, o Options) (*File, error) {
	f, err := read(r, size)
	if err != nil && filepath.Ext(name) == ".distcp" {
		err = errDistributed
	}
	if err == nil {
		err = f.choose(o.Key)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func read(r io.ReaderAt, size int64) (*File, error) {
	if size <= 0 {
		return nil, fmt.Errorf("the file is empty: download it again")
	}
	head := make([]byte, min(size, 512))
	if err := pickle.ReadFull(r, head, 0); err != nil {
		return nil, err
	}
	switch {
	case looksSafetensors(head):
		return readSafetensors(r, size)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return readTorchZip(r, size)
	case head[0] == pickle.OpProto:
		return readTorchLegacy(r, size)
	}
	return nil, unknownFormat(head)
}
