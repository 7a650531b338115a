package disk_test

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/monge-ml/monge/internal/disk"
)

func TestFree(t *testing.T) {
	switch runtime.GOOS {
	case "linux", "darwin", "windows":
	default:
		t.Skip("this system does not say")
	}
	dir := t.TempDir()
	if n, ok := disk.Free(dir); !ok || n == 0 {
		t.Errorf("%d bytes free, known: %v", n, ok)
	}
	if _, ok := disk.Free(filepath.Join(dir, "none")); ok {
		t.Error("a directory that there is not has room")
	}
}
