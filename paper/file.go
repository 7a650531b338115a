package paper

import (
	"os"
	"path/filepath"
)

// writeFile writes a file into a directory, which it makes if need be, so that under its
// name there is never half of it, and returns the path.
func writeFile(dir, name string, data []byte) (path string, err error) {
	path = filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return path, err
	}
	tmp, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return path, err
	}
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return path, err
}
