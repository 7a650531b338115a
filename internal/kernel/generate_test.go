package kernel

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The checked-in assembly is what the generator makes.
func TestAssemblyIsCurrent(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the generator")
	}
	dir := t.TempDir()
	get := exec.Command("go", "-C", "_asm", "mod", "download")
	if out, err := get.CombinedOutput(); err != nil {
		t.Skipf("the generator's modules are not to be had: %v\n%s", err, out)
	}
	run := exec.Command("go", "-C", "_asm", "run", ".", "-dir", dir)
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("generator: %v\n%s", err, out)
	}
	made, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(made) == 0 {
		t.Fatal("the generator made nothing")
	}
	for _, file := range made {
		name := file.Name()
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go generate ./internal/kernel", name)
		}
	}
}
