// Package onnxruntime has tests serve ONNX models by ONNX Runtime, of npm's onnxruntime-node.
package onnxruntime

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed serve.cjs
var script []byte

//go:embed once.cjs
var onceScript []byte

// Variable names a directory with node_modules/onnxruntime-node.
const Variable = "MONGE_TEST_ONNXRUNTIME"

// Need skips a test where there is no ONNX Runtime.
func Need(t *testing.T) {
	t.Helper()
	if os.Getenv(Variable) == "" {
		t.Skipf("%s is not set to a directory with node_modules/onnxruntime-node", Variable)
	}
}

// A Batch is numbers of a shape.
type Batch struct {
	Dims []int
	Data []float32 // whole ones where the model takes int64
}

// Served is what ONNX Runtime says of a model, and its first output for each batch.
type Served struct {
	Inputs, Outputs []string
	Type            string // of the input
	Input, Output   []any  // shapes: numbers, and names of what is open
	Results         []Batch
}

// Serve runs the model of a file on batches. It skips the test where there is no ONNX Runtime;
// what that warns of is an error.
func Serve(t *testing.T, path string, whole bool, batches ...Batch) (s Served) {
	t.Helper()
	Need(t)
	dir := t.TempDir()
	name := func(i int, what string) string { return filepath.Join(dir, fmt.Sprint(i, ".", what)) }
	write(t, filepath.Join(dir, "serve.cjs"), script)
	args := []string{filepath.Join(dir, "serve.cjs"), os.Getenv(Variable), path}
	for i, b := range batches {
		write(t, name(i, "in"), b.bytes(whole))
		args = append(args, strings.Trim(strings.ReplaceAll(fmt.Sprint(b.Dims), " ", ","), "[]"), name(i, "in"), name(i, "out"))
	}
	var stderr bytes.Buffer
	cmd := exec.Command("node", args...)
	cmd.Stderr = &stderr
	said, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	if stderr.Len() > 0 {
		t.Errorf("ONNX Runtime warns: %s", stderr.Bytes())
	}
	if err := json.Unmarshal(said, &s); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if len(s.Results) != len(batches) {
		t.Fatalf("%d results of %d batches", len(s.Results), len(batches))
	}
	for i := range s.Results {
		s.Results[i].Data = read(t, name(i, "out"))
	}
	return s
}

// An Input is what a model of several takes under a name.
type Input struct {
	Name string
	Batch
	Whole bool // it takes int64
}

// Once runs the model of a file on one set of inputs, and returns all outputs by name. It skips the test
// where there is no ONNX Runtime; what that warns of is an error.
func Once(t *testing.T, path string, inputs ...Input) map[string]Batch {
	t.Helper()
	Need(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "once.cjs"), onceScript)
	args := []string{filepath.Join(dir, "once.cjs"), os.Getenv(Variable), path, dir}
	for _, in := range inputs {
		write(t, filepath.Join(dir, in.Name+".in"), in.bytes(in.Whole))
		kind := "float32"
		if in.Whole {
			kind = "int64"
		}
		args = append(args, in.Name, kind, strings.Trim(strings.ReplaceAll(fmt.Sprint(in.Dims), " ", ","), "[]"))
	}
	var stderr bytes.Buffer
	cmd := exec.Command("node", args...)
	cmd.Stderr = &stderr
	said, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	if stderr.Len() > 0 {
		t.Errorf("ONNX Runtime warns: %s", stderr.Bytes())
	}
	var dims map[string][]int
	if err := json.Unmarshal(said, &dims); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	outputs := map[string]Batch{}
	for name, d := range dims {
		outputs[name] = Batch{d, read(t, filepath.Join(dir, name+".out"))}
	}
	return outputs
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) (list []float32) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for ; len(b) >= 4; b = b[4:] {
		list = append(list, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return list
}

func (b *Batch) bytes(whole bool) (out []byte) {
	for _, v := range b.Data {
		if whole {
			out = binary.LittleEndian.AppendUint64(out, uint64(v))
		} else {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	}
	return out
}

// Near compares results with what they should be: no difference is above 1e-4 of the largest.
func Near(t *testing.T, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d outputs, want %d", len(got), len(want))
	}
	var worst, top float64
	for i, v := range want {
		d := math.Abs(float64(got[i]) - float64(v))
		if !(d < math.Inf(1)) {
			t.Fatalf("output %d is %g, want %g", i, got[i], v)
		}
		worst, top = max(worst, d), max(top, math.Abs(float64(v)))
	}
	t.Logf("outputs differ by up to %.2g of %.3g", worst, top)
	if worst > 1e-4*top {
		t.Errorf("outputs differ by %g of %g:\n%v\n%v", worst, top, got[:min(len(got), 10)], want[:min(len(got), 10)])
	}
}
