package onnx

import (
	"os"
	"path/filepath"
	"testing"
)

// A file that is read and written is read as the same again.
func TestRoundTrip(t *testing.T) {
	files, _ := filepath.Glob("/usr/share/libonnx-testdata/data/*/*/model.onnx")
	if len(files) == 0 {
		t.Skip("Debian's libonnx-testdata is not there")
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		out, err := m.Marshal()
		if err != nil {
			t.Fatal(f, err)
		}
		n, err := Parse(out)
		if err != nil {
			t.Fatal(f, err)
		}
		again, err := n.Marshal()
		if err != nil || string(again) != string(out) {
			t.Error(f, "differs", err)
		}
	}
}
