package nodetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
)

// TestPublished runs ONNX's own tests, in Debian's package libonnx-testdata: none may fail, and what
// is not supported is an operator, or a type of values.
func TestPublished(t *testing.T) {
	dir := os.Getenv("MONGE_TEST_ONNX_DATA")
	if dir == "" {
		t.Skip("MONGE_TEST_ONNX_DATA does not name ONNX's test data")
	}
	dirs, err := Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), dirs, nil)
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`^node [A-Za-z.]+ ".*": .*not supported$|^"\w+" is (a sequence|optional|of (string|type \d+)): not supported$`)
	for _, c := range r.Tests {
		if c.State == Failed || c.State == Unsupported && !named.MatchString(c.Why) {
			t.Errorf("%s %s: %s", c.State, c.Name, c.Why)
		}
	}
	if r.Passed < 760 || r.Passed+r.Failed+r.Unsupported != len(dirs) || len(r.Tests) != len(dirs) {
		t.Errorf("%d of %d passed, %d failed, %d are not supported", r.Passed, len(dirs), r.Failed, r.Unsupported)
	}
}

func floats(d onnx.DType, v ...float64) *array.Array {
	return &array.Array{DType: d, Shape: []int{len(v)}, F: v}
}

func TestCompare(t *testing.T) {
	ints := func(d onnx.DType, v ...int64) *array.Array { return &array.Array{DType: d, Shape: []int{len(v)}, I: v} }
	nan, inf := math.NaN(), math.Inf(1)
	for what, c := range map[string]struct {
		got, want *array.Array
		says      string // "" for the same
	}{
		"the same":          {floats(onnx.Float, 1, 2), floats(onnx.Float, 1, 2), ""},
		"near":              {floats(onnx.Float, 1.0009), floats(onnx.Float, 1), ""},
		"far":               {floats(onnx.Float, 2, 1.0011), floats(onnx.Float, 2, 1), "element 1 of 2 is 1.0011, want 1"},
		"near 0":            {floats(onnx.Float, 9e-8), floats(onnx.Float, 0), ""},
		"far from 0":        {floats(onnx.Float, 2e-7), floats(onnx.Float, 0), "element 0 of 1 is 2e-07, want 0"},
		"NaN":               {floats(onnx.Float, nan), floats(onnx.Float, nan), ""},
		"NaN for a number":  {floats(onnx.Float, nan), floats(onnx.Float, 1), "is NaN, want 1"},
		"a number for NaN":  {floats(onnx.Float, 1), floats(onnx.Float, nan), "is 1, want NaN"},
		"infinite":          {floats(onnx.Float, inf, -inf), floats(onnx.Float, inf, -inf), ""},
		"the other end":     {floats(onnx.Float, inf), floats(onnx.Float, -inf), "is +Inf, want -Inf"},
		"infinite, wanted":  {floats(onnx.Float, 1), floats(onnx.Float, inf), "is 1, want +Inf"},
		"infinite, got":     {floats(onnx.Float, inf), floats(onnx.Float, 1), "is +Inf, want 1"},
		"floats of a kind":  {floats(onnx.Float, 1), floats(onnx.Double, 1), ""},
		"bfloat16, cut":     {floats(onnx.BFloat16, .48046875), floats(onnx.BFloat16, .478515625), ""},
		"bfloat16, far":     {floats(onnx.BFloat16, .484375), floats(onnx.BFloat16, .478515625), "want 0.478515625"},
		"shapes":            {floats(onnx.Float, 1, 2), floats(onnx.Float, 1), "shape [2], want [1]"},
		"ranks":             {&array.Array{DType: onnx.Float, Shape: []int{}, F: []float64{1}}, floats(onnx.Float, 1), "shape [], want [1]"},
		"nothing":           {floats(onnx.Float), floats(onnx.Float), ""},
		"whole":             {ints(onnx.Int64, 3, -4), ints(onnx.Int64, 3, -4), ""},
		"whole, others":     {ints(onnx.Int64, 3, 4), ints(onnx.Int64, 3, 5), "element 1 of 2 is 4, want 5"},
		"whole, other type": {ints(onnx.Int64, 3), ints(onnx.Int32, 3), "int64, want int32"},
		"whole for floats":  {ints(onnx.Int64, 3), floats(onnx.Float, 3), "int64, want float32"},
		"truths":            {ints(onnx.Bool, 1), ints(onnx.Bool, 0), "is 1, want 0"},
	} {
		err := Compare(c.got, c.want)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", what, err, c.says)
		}
	}
}

// tensorFile is a file as test_data_set_0 has them.
func tensorFile(t *testing.T, x *onnx.Tensor) []byte {
	t.Helper()
	m := &onnx.Model{Graph: &onnx.Graph{Initializers: []*onnx.Tensor{x}}}
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the content of the graph's field, then of the initializer's
		_, b = b[0], b[1:]
		for b[0] >= 0x80 {
			b = b[1:]
		}
		b = b[1:]
	}
	return b
}

// A test of one node, which a part of each case replaces.
func TestRun(t *testing.T) {
	x := tensorFile(t, onnx.NewFloats("x", []float32{-1, 2}, 1, 2))
	good := map[string][]byte{
		"model.onnx":                    onnxtest.Bytes(t, "x:1x2; Relu"),
		"test_data_set_0/input_0.pb":    x,
		"test_data_set_0/output_0.pb":   tensorFile(t, onnx.NewFloats("y", []float32{0, 2}, 1, 2)),
		"test_data_set_1/input_0.pb":    x,
		"test_data_set_1/output_0.pb":   tensorFile(t, onnx.NewFloats("y", []float32{0, 2}, 1, 2)),
		"test_data_set_1/something.txt": nil,
	}
	for what, c := range map[string]struct {
		files map[string][]byte // nil is left out
		state string
		why   string
	}{
		"good":            {nil, Passed, ""},
		"wrong":           {map[string][]byte{"test_data_set_1/output_0.pb": tensorFile(t, onnx.NewFloats("y", []float32{1, 2}, 1, 2))}, Failed, "output 0: element 0 of 2 is 0, want 1"},
		"shape":           {map[string][]byte{"test_data_set_0/output_0.pb": tensorFile(t, onnx.NewFloats("y", []float32{0, 2}, 2))}, Failed, "output 0: shape [1 2], want [2]"},
		"more":            {map[string][]byte{"test_data_set_0/output_1.pb": x}, Failed, "1 outputs, 2 wanted"},
		"no output":       {map[string][]byte{"test_data_set_0/output_0.pb": nil}, Failed, "test_data_set_0 has no output_0.pb"},
		"no input":        {map[string][]byte{"test_data_set_0/input_0.pb": nil}, Failed, `node Relu "r0": input "x" is not there`},
		"too many inputs": {map[string][]byte{"test_data_set_0/input_1.pb": x}, Failed, "2 inputs for a graph of 1"},
		"damaged input":   {map[string][]byte{"test_data_set_0/input_0.pb": x[:len(x)-1]}, Failed, "input_0.pb: not a tensor in ONNX's format, or a damaged one"},
		"empty input":     {map[string][]byte{"test_data_set_0/input_0.pb": {}}, Failed, "input_0.pb: not a tensor"},
		"huge input":      {map[string][]byte{"test_data_set_0/input_0.pb": []byte("\x08\xff\xff\xff\xff\x0f\x10\x01")}, Failed, "needs 17179869180 bytes and has 0"},
		"damaged output":  {map[string][]byte{"test_data_set_0/output_0.pb": []byte("harm")}, Failed, "output_0.pb: not a tensor"},
		"damaged model":   {map[string][]byte{"model.onnx": []byte("harm")}, Failed, "model.onnx: not an ONNX file"},
		"empty model":     {map[string][]byte{"model.onnx": {}}, Failed, "model.onnx: the file is empty"},
		"no data":         {map[string][]byte{"test_data_set_0/input_0.pb": nil, "test_data_set_0/output_0.pb": nil, "test_data_set_1/input_0.pb": nil, "test_data_set_1/output_0.pb": nil, "test_data_set_1/something.txt": nil}, Failed, "has no test_data_set_*"},
		"unsupported":     {map[string][]byte{"model.onnx": onnxtest.Bytes(t, "x:1x2; Harm")}, Unsupported, `node Harm "r0": not supported`},
		"in another way":  {map[string][]byte{"model.onnx": onnxtest.Bytes(t, "x:1x2; Slice(_, [2], [2], [1])")}, Unsupported, `node Slice "r0": a tensor of shape [1 0], which is empty, is not supported`},
		"impossible":      {map[string][]byte{"model.onnx": onnxtest.Bytes(t, "x:1x2; Transpose{perm=0,0}")}, Failed, `node Transpose "r0"`},
	} {
		t.Run(what, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "test_relu")
			for name, b := range good {
				if other, ok := c.files[name]; ok {
					b = other
					if other == nil {
						continue
					}
				}
				write(t, filepath.Join(dir, name), b)
			}
			for name, b := range c.files {
				if good[name] == nil && b != nil {
					write(t, filepath.Join(dir, name), b)
				}
			}
			dirs, err := Find(filepath.Dir(dir))
			if err != nil || len(dirs) != 1 || dirs[0] != dir {
				t.Fatal(dirs, err)
			}
			told := 0
			r, err := Run(t.Context(), dirs, func(Result) { told++ })
			if err != nil || told != 1 || len(r.Tests) != 1 || r.Passed+r.Failed+r.Unsupported != 1 {
				t.Fatalf("%+v, %v", r, err)
			}
			got := r.Tests[0]
			if got.Name != "test_relu" || got.State != c.state || !strings.Contains(got.Why, c.why) {
				t.Errorf("%+v, want %s: %s", got, c.state, c.why)
			}
			if counts := fmt.Sprint(r.Passed, r.Failed, r.Unsupported); counts != map[string]string{Passed: "1 0 0", Failed: "0 1 0", Unsupported: "0 0 1"}[c.state] {
				t.Error(counts)
			}
		})
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	onnxtest.WriteBytes(t, path, b)
}

func TestFindNothing(t *testing.T) {
	if dirs, err := Find(t.TempDir()); err != nil || dirs != nil {
		t.Error(dirs, err)
	}
	if _, err := Find(filepath.Join(t.TempDir(), "gone")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestRunStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Run(ctx, []string{t.TempDir()}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
