package weights

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// fuzzSizes are the files that fuzzing looks at: larger ones find nothing new.
const fuzzSize = 1 << 16

func addGolden(f *testing.F, formats ...string) {
	for name, g := range goldenFiles(f) {
		for _, format := range formats {
			if g.Format != format {
				continue
			}
			b, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
}

// checkFile checks what holds of every file that was read, and that it can be written
// and read again.
func checkFile(t *testing.T, f *File) {
	seen := map[string]bool{}
	for i := range f.Tensors {
		x := &f.Tensors[i]
		if seen[x.Name] {
			t.Errorf("two tensors %q", x.Name)
		}
		seen[x.Name] = true
		if n := len(x.Data) + len(x.Ints); n != x.Len() || x.DType.IsFloat() && x.Ints != nil || !x.DType.IsFloat() && x.Data != nil {
			t.Errorf("%q: %d elements of shape %v", x.Name, n, x.Shape)
		}
	}
	f.StateDict()
	if seen[metadataName] {
		return
	}
	var b bytes.Buffer
	if err := WriteSafetensors(&b, f.Tensors, f.Metadata); err != nil {
		t.Fatal(err)
	}
	again, err := ReadFrom(bytes.NewReader(b.Bytes()), int64(b.Len()), "again")
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Tensors) != len(f.Tensors) {
		t.Errorf("%d tensors came back, not %d", len(again.Tensors), len(f.Tensors))
	}
}

func FuzzRead(f *testing.F) {
	addGolden(f, FormatTorchLegacy, FormatTorchZip, FormatSafetensors)
	for name := range objectsFiles(f) {
		b, err := os.ReadFile(filepath.Join("testdata/objects", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, c := range hostilePickles {
		if len(c.pickle) < fuzzSize/2 {
			f.Add(legacyCheckpoint(c.pickle))
		}
	}
	for _, c := range inertPickles {
		if len(c.value) < fuzzSize/2 {
			f.Add(legacyCheckpoint("\x80\x04}(" + pkStr("it") + c.value + pkStr("w") + four() + "u."))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > fuzzSize {
			return
		}
		if got, err := readBounded(t, b); err == nil {
			checkFile(t, got)
		}
	})
}

// FuzzPickle puts a pickle into a checkpoint whose other parts are right, which changing
// bytes of a zip file would seldom leave.
func FuzzPickle(f *testing.F) {
	for _, c := range hostilePickles {
		if len(c.pickle) < fuzzSize/2 {
			f.Add([]byte(c.pickle))
		}
	}
	for _, c := range inertPickles {
		if len(c.value) < fuzzSize/2 {
			f.Add([]byte("\x80\x04}(" + pkStr("it") + c.value + pkStr("w") + four() + "u."))
		}
	}
	f.Add([]byte(pkDict(four())))
	for name, g := range goldenFiles(f) {
		if g.Format == FormatTorchZip {
			b, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				f.Fatal(err)
			}
			z, err := openZip(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				f.Fatal(err)
			}
			r, at, n, err := z.open(z.root + "data.pkl")
			if err != nil {
				f.Fatal(err)
			}
			pickle, err := io.ReadAll(io.NewSectionReader(r, at, n))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(pickle)
		}
	}
	f.Fuzz(func(t *testing.T, pickle []byte) {
		if len(pickle) > fuzzSize {
			return
		}
		if got, err := readBounded(t, zipCheckpoint(t, string(pickle))); err == nil {
			checkFile(t, got)
		}
		if got, err := readBounded(t, legacyCheckpoint(string(pickle))); err == nil {
			checkFile(t, got)
		}
	})
}

// FuzzSafetensors gives the header its length, so that changes of its text reach it.
func FuzzSafetensors(f *testing.F) {
	f.Add([]byte(`{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}`), make([]byte, 16))
	f.Add([]byte(`{"__metadata__":{"a":"b"},"b":{"dtype":"BF16","shape":[],"data_offsets":[8,10]},"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}`), make([]byte, 10))
	for name, g := range goldenFiles(f) {
		if g.Format != FormatSafetensors {
			continue
		}
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		n := 8 + int(b[0]) + int(b[1])<<8
		f.Add(b[8:n], b[n:])
	}
	f.Fuzz(func(t *testing.T, header, data []byte) {
		if len(header)+len(data) > fuzzSize {
			return
		}
		got, err := readBounded(t, safetensorsOf(string(header), string(data)))
		if err != nil {
			return
		}
		total := 0
		for _, x := range got.Tensors {
			total += x.Len() * x.DType.Size()
		}
		if total != len(data) {
			t.Errorf("the tensors have %d bytes, the file %d", total, len(data))
		}
		checkFile(t, got)
	})
}
