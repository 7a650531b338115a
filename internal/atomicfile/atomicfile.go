// Package atomicfile writes files that are whole or not there.
package atomicfile

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// Write writes a file whole or not at all: to a temporary file beside it, synced, then
// renamed. Errors of the file system name the file, not the temporary one.
func Write(path string, write func(io.Writer) error) error {
	err := writeAndRename(path, write)
	var inFile *fs.PathError
	if errors.As(err, &inFile) {
		return fmt.Errorf("%s: %w", path, inFile.Err)
	}
	return err
}

// WriteJSON writes a value as indented JSON, with a line's end.
func WriteJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}

func writeAndRename(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	b := bufio.NewWriterSize(f, 1<<16)
	if err := write(b); err != nil {
		return err
	}
	for _, step := range []func() error{b.Flush, func() error { return f.Chmod(0o644) }, f.Sync, f.Close} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	syncDir(filepath.Dir(path))
	return nil
}

// syncDir makes a rename outlive a power failure, on systems where a directory can be
// synced; the others do it by themselves or not at all.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}

// temporary is how the file is named that Write writes before it renames it.
var temporary = regexp.MustCompile(`^\..+\.[0-9]+$`)

// IsTemporary reports whether a file is one that a Write which was cut off has left, by its
// name.
func IsTemporary(path string) bool { return temporary.MatchString(filepath.Base(path)) }
