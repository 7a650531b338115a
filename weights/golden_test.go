package weights

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A goldenFile is what PyTorch holds of a file that testdata/gen_torch.py wrote.
type goldenFile struct {
	Format   string
	Metadata map[string]string
	State    []string
	Tensors  []struct {
		Name   string
		DType  DType
		Shape  []int
		Values []int64 // of floats the bits of the float32
	}
}

func goldenFiles(t testing.TB) map[string]goldenFile {
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g map[string]goldenFile
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	if len(g) < 20 {
		t.Fatalf("%d golden files", len(g))
	}
	return g
}

func elementsOf(t *Tensor) []int64 {
	if !t.DType.IsFloat() {
		return t.Ints
	}
	out := make([]int64, len(t.Data))
	for i, v := range t.Data {
		out[i] = int64(math.Float32bits(v))
	}
	return out
}

func names(tensors []Tensor) []string {
	var out []string
	for _, t := range tensors {
		out = append(out, t.Name)
	}
	return out
}

func TestGolden(t *testing.T) {
	for name, want := range goldenFiles(t) {
		t.Run(name, func(t *testing.T) {
			got, err := Read(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			if got.Format != want.Format {
				t.Errorf("format %q, want %q", got.Format, want.Format)
			}
			for k, v := range want.Metadata {
				if got.Metadata[k] != v {
					t.Errorf("metadata %s = %q, want %q", k, got.Metadata[k], v)
				}
			}
			if len(got.Tensors) != len(want.Tensors) {
				t.Fatalf("%d tensors, want %d: %q", len(got.Tensors), len(want.Tensors), names(got.Tensors))
			}
			for i, w := range want.Tensors {
				g := &got.Tensors[i]
				if g.Name != w.Name || g.DType != w.DType || !slices.Equal(g.Shape, w.Shape) || g.Len() != len(w.Values) {
					t.Errorf("tensor %d is %s %s %v, want %s %s %v", i, g.Name, g.DType, g.Shape, w.Name, w.DType, w.Shape)
				}
				if v := elementsOf(g); !slices.Equal(v, w.Values) {
					t.Errorf("%s: %v, want %v", g.Name, v, w.Values)
				}
			}
			if n := names(got.StateDict()); !slices.Equal(n, want.State) {
				t.Errorf("state dict %q, want %q", n, want.State)
			}
		})
	}
}

// Files cut at any byte are errors that say so, and never a panic. Only bytes behind a
// legacy checkpoint's last storage, or a zip file's directory, could be missed; there
// are none.
func TestTruncated(t *testing.T) {
	for name := range goldenFiles(t) {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for n := range b {
			_, err := ReadFrom(bytes.NewReader(b[:n]), int64(n), name)
			if err == nil {
				t.Errorf("%s: no error when cut at %d of %d", name, n, len(b))
			} else if !strings.HasPrefix(err.Error(), name+": ") {
				t.Errorf("%s cut at %d: the error doesn't name it: %v", name, n, err)
			}
			// A file that becomes shorter while it is read; a zip file's end is no loss, being
			// the length of an empty comment.
			if _, err := ReadFrom(bytes.NewReader(b[:n]), int64(len(b)), name); err == nil && n < len(b)-4 {
				t.Errorf("%s: no error when it ends at %d and claims %d", name, n, len(b))
			}
		}
	}
}

// Any single byte may be wrong: no panic, and in a zip file no wrong number.
func TestFlipped(t *testing.T) {
	for _, name := range []string{"zip_model.pt", "zip_views.pt", "zip_deflated.pt", "legacy_optimizer.pt", "legacy_part.pt", "dtypes.safetensors"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := ReadFrom(bytes.NewReader(b), int64(len(b)), name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			for _, x := range []byte{0x01, 0xff} {
				b[i] ^= x
				got, err := ReadFrom(bytes.NewReader(b), int64(len(b)), name)
				b[i] ^= x
				if err == nil && got.Format == FormatTorchZip && !equalTensors(got.Tensors, want.Tensors) {
					t.Errorf("%s: with byte %d changed, other tensors", name, i)
				}
			}
		}
	}
}

func equalTensors(a, b []Tensor) bool {
	return slices.EqualFunc(a, b, func(a, b Tensor) bool {
		return a.Name == b.Name && a.DType == b.DType && slices.Equal(a.Shape, b.Shape) && slices.Equal(elementsOf(&a), elementsOf(&b))
	})
}

// Elements go from the file to their float32 without a copy of the file between.
func TestReadOnce(t *testing.T) {
	const n = 1 << 20
	rng := rand.New(rand.NewPCG(3, 4))
	data := make([]byte, 4*n)
	for i := range data {
		data[i] = byte(rng.Uint32() % 64) // small and finite floats
	}
	pickle := pkDict(pkTensor(pkStorage("0", n, ""), 0, pkInts(n/64, 64), pkInts(64, 1)))
	var safe bytes.Buffer
	x := Tensor{Name: "w", DType: F32, Shape: []int{n / 64, 64}}
	allocate(&x, n)
	decode(&x, 0, data)
	if err := WriteSafetensors(&safe, []Tensor{x}, nil); err != nil {
		t.Fatal(err)
	}
	for format, b := range map[string][]byte{
		"zip":         zipOf(t, entry{name: "a/data.pkl", data: []byte(pickle)}, entry{name: "a/data/0", data: data}),
		"safetensors": safe.Bytes(),
	} {
		before := heap()
		f, err := ReadFrom(bytes.NewReader(b), int64(len(b)), format)
		if got := heap() - before; got > 4*n+4*n/4 {
			t.Errorf("%s: %d bytes allocated to read %d", format, got, len(b))
		}
		if err != nil || !equalTensors(f.Tensors, []Tensor{x}) {
			t.Errorf("%s: other tensors came back, error %v", format, err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for _, d := range []DType{F32, F16, BF16} {
		b.Run(string(d), func(b *testing.B) {
			var buf bytes.Buffer
			n := 1 << 22
			if err := WriteSafetensors(&buf, []Tensor{{Name: "w", DType: d, Shape: []int{n}, Data: make([]float32, n)}}, nil); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(buf.Len()))
			for b.Loop() {
				if _, err := ReadFrom(bytes.NewReader(buf.Bytes()), int64(buf.Len()), "memory"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A checkpoint from the wild: github.com/akamaster/pytorch_resnet_cifar10, resnet20-12fca82f.th.
func TestResNet20(t *testing.T) {
	path := os.Getenv("MONGE_TEST_RESNET20")
	if path == "" {
		t.Skip("MONGE_TEST_RESNET20 doesn't name resnet20-12fca82f.th of github.com/akamaster/pytorch_resnet_cifar10")
	}
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if f.Format != FormatTorchLegacy || f.Metadata["best_prec1"] != "91.78000183105469" || len(f.Tensors) != 97 {
		t.Errorf("%s, %v, %d tensors", f.Format, f.Metadata, len(f.Tensors))
	}
	if got := f.Tensors[0].Name; got != "state_dict.module.conv1.weight" {
		t.Errorf("the listing starts with %s", got)
	}
	sd := f.StateDict()
	w := sd[0]
	want := []float32{-0.13818146288394928, -0.1624176800251007, 0.8207383155822754, -0.34176430106163025, 1.445154070854187}
	if w.Name != "conv1.weight" || !slices.Equal(w.Shape, []int{16, 3, 3, 3}) || !slices.Equal(w.Data[:5], want) {
		t.Errorf("%s %v %v", w.Name, w.Shape, w.Data[:5])
	}
	n := 0
	for _, t := range sd {
		if !strings.Contains(t.Name, "running_") {
			n += len(t.Data)
		}
	}
	if n != 269722 {
		t.Errorf("%d parameters", n)
	}
}
