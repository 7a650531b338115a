package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"unicode/utf8"

	"github.com/monge-ml/monge/internal/pickle"
)

// A safetensors file is the length of a JSON header (8 bytes, little-endian), the header,
// and the tensors' bytes. The header maps a tensor's name to {"dtype", "shape",
// "data_offsets": [begin, end]}, offsets counted from the header's end, and
// "__metadata__" to a map of strings. Tensors fill the file without overlap or hole
// (https://huggingface.co/docs/safetensors, section Format).

// maxHeader is the format's own limit.
const maxHeader = 100_000_000

const metadataName = "__metadata__"

// looksSafetensors reports whether a file's start is a plausible length and a header's.
func looksSafetensors(head []byte) bool {
	return len(head) > 8 && head[8] == '{' && binary.LittleEndian.Uint64(head) <= maxHeader
}

// A placed tensor is one of the header.
type placed struct {
	name       string
	dtype      DType
	shape      []int64
	begin, end int64
}

// Metadata returns those of a safetensors file, of which the header alone is read; nil of another file.
func Metadata(path string) (map[string]string, error) {
	r, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	head := make([]byte, min(size, 16))
	if err := pickle.ReadFull(r, head, 0); err != nil || !looksSafetensors(head) {
		return nil, err
	}
	f := &File{Format: FormatSafetensors}
	if _, _, err := readHeader(r, size, f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f.Metadata, nil
}

// readHeader reads the header, whose metadata go to f, and returns its length as well.
func readHeader(r io.ReaderAt, size int64, f *File) ([]placed, int64, error) {
	var b [8]byte
	if err := pickle.ReadFull(r, b[:], 0); err != nil {
		return nil, 0, err
	}
	n := int64(binary.LittleEndian.Uint64(b[:]))
	if n > size-8 {
		return nil, 0, fmt.Errorf("cut short: the header needs %s bytes at offset 8, the file ends at %s: download it again", commas(n), commas(size))
	}
	header := make([]byte, n)
	if err := pickle.ReadFull(r, header, 8); err != nil {
		return nil, 0, err
	}
	tensors, err := parseHeader(header, f)
	if err != nil {
		err = damaged("the header: %v", err)
	}
	return tensors, n, err
}

func readSafetensors(r io.ReaderAt, size int64) (*File, error) {
	f := &File{Format: FormatSafetensors}
	tensors, n, err := readHeader(r, size, f)
	if err != nil {
		return nil, err
	}
	sort.SliceStable(tensors, func(i, j int) bool {
		a, b := &tensors[i], &tensors[j]
		return a.begin < b.begin || a.begin == b.begin && a.end < b.end
	})
	if err := checkPlaces(tensors, 8+n, size); err != nil {
		return nil, err
	}
	var dec decoder
	f.Tensors = make([]Tensor, len(tensors))
	for i, p := range tensors {
		t := &f.Tensors[i]
		t.Name, t.DType, t.Shape = p.name, p.dtype, make([]int, len(p.shape))
		for k, d := range p.shape {
			t.Shape[k] = int(d)
		}
		if err := dec.read(t, r, 8+n+p.begin, (p.end-p.begin)/int64(p.dtype.Size())); err != nil {
			return nil, fmt.Errorf("tensor %s: %w", show(p.name), err)
		}
	}
	return f, nil
}

// checkPlaces checks that the tensors, sorted, fill the file from start to its end.
func checkPlaces(tensors []placed, start, size int64) error {
	at := int64(0)
	for _, p := range tensors {
		if p.dtype.Size() == 0 {
			return fmt.Errorf("tensor %s has elements of type %s, which can't be read: convert it to F32, F16 or BF16", show(p.name), show(string(p.dtype)))
		}
		n, ok := elements(p.shape)
		if !ok {
			return damaged("tensor %s has the shape %v", show(p.name), p.shape)
		}
		if p.begin != at {
			return damaged("tensor %s begins at offset %d of the data, the one before it ends at %d", show(p.name), p.begin, at)
		}
		if need := n * int64(p.dtype.Size()); p.end < p.begin || p.end-p.begin != need {
			return damaged("tensor %s of shape %v and type %s has offsets %d to %d, but needs %d bytes", show(p.name), p.shape, p.dtype, p.begin, p.end, need)
		}
		if p.end > size-start {
			return fmt.Errorf("cut short: tensor %s needs %s bytes at offset %s, the file ends at %s: download it again",
				show(p.name), commas(p.end-p.begin), commas(start+p.begin), commas(size))
		}
		at = p.end
	}
	if at != size-start {
		return damaged("the tensors end at offset %d, the file at %d", start+at, size)
	}
	return nil
}

// parseHeader reads the header in order, which unmarshalling into a map would lose, and
// with it names that occur twice. Metadata goes to f.
func parseHeader(header []byte, f *File) ([]placed, error) {
	if !utf8.Valid(header) {
		return nil, fmt.Errorf("not UTF-8")
	}
	h := headerReader{json.NewDecoder(bytes.NewReader(header))}
	h.UseNumber()
	var tensors []placed
	seen := map[string]bool{}
	err := h.object(func(name string) (err error) {
		if seen[name] {
			return fmt.Errorf("the name %s occurs twice", show(name))
		}
		seen[name] = true
		if name == metadataName {
			f.Metadata, err = h.metadata()
			return err
		}
		t := placed{name: name}
		if err := h.tensor(&t); err != nil {
			return fmt.Errorf("tensor %s: %w", show(name), err)
		}
		tensors = append(tensors, t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := h.Token(); err != io.EOF {
		return nil, fmt.Errorf("more text behind it")
	}
	return tensors, nil
}

type headerReader struct{ *json.Decoder }

// token reads one token, of a kind.
func token[T any](h headerReader, what string) (T, error) {
	var none T
	v, err := h.Token()
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return none, err
	}
	t, ok := v.(T)
	if !ok {
		return none, fmt.Errorf("%s instead of %s", show(fmt.Sprint(v)), what)
	}
	return t, nil
}

func (h headerReader) delim(d json.Delim) error {
	got, err := token[json.Delim](h, d.String())
	if err == nil && got != d {
		return fmt.Errorf("%s instead of %s", got, d)
	}
	return err
}

// object calls value for each key; value reads what belongs to it.
func (h headerReader) object(value func(key string) error) error {
	if err := h.delim('{'); err != nil {
		return err
	}
	for h.More() {
		key, err := token[string](h, "a name")
		if err != nil {
			return err
		}
		if err := value(key); err != nil {
			return err
		}
	}
	return h.delim('}')
}

func (h headerReader) metadata() (map[string]string, error) {
	m := map[string]string{}
	err := h.object(func(key string) error {
		if _, twice := m[key]; twice {
			return fmt.Errorf("the metadata %s occur twice", show(key))
		}
		v, err := token[string](h, "a string")
		m[key] = v
		return err
	})
	return m, err
}

func (h headerReader) tensor(t *placed) error {
	seen := map[string]bool{}
	err := h.object(func(key string) error {
		if seen[key] {
			return fmt.Errorf("%s occurs twice", key)
		}
		seen[key] = true
		switch key {
		case "dtype":
			s, err := token[string](h, "a type")
			t.dtype = DType(s)
			return err
		case "shape":
			var err error
			t.shape, err = h.numbers(maxRank)
			return err
		case "data_offsets":
			n, err := h.numbers(2)
			if err == nil && len(n) != 2 {
				return fmt.Errorf("%d data_offsets, not two", len(n))
			}
			if err == nil {
				t.begin, t.end = n[0], n[1]
			}
			return err
		}
		return fmt.Errorf("unknown key %s", show(key))
	})
	if err == nil && len(seen) != 3 {
		return fmt.Errorf("dtype, shape or data_offsets is missing")
	}
	return err
}

// numbers reads an array of at most most whole numbers, none negative.
func (h headerReader) numbers(most int) ([]int64, error) {
	if err := h.delim('['); err != nil {
		return nil, err
	}
	out := []int64{}
	for h.More() {
		v, err := token[json.Number](h, "a number")
		if err != nil {
			return nil, err
		}
		n, err := v.Int64()
		if err != nil || n < 0 || n > 1<<60 {
			return nil, fmt.Errorf("%s is no size", show(v.String()))
		}
		if len(out) == most {
			return nil, fmt.Errorf("more than %d numbers in an array", most)
		}
		out = append(out, n)
	}
	return out, h.delim(']')
}
