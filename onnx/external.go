package onnx

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// readExternal reads the values that lie in other files. These must lie in the model's directory
// or below it: a name that leads out, by itself or through a link, is an error.
func (m *Model) readExternal(dir string) error {
	r := external{dir: dir, files: map[string]*os.File{}}
	defer r.close()
	for _, t := range m.tensors() {
		if !t.External() {
			continue
		}
		if err := r.read(t); err != nil {
			return fmt.Errorf("the data of tensor %s: %w", Show(t.Name), err)
		}
	}
	return nil
}

// tensors are all of the model: initializers, and those of Constant nodes and other attributes.
func (m *Model) tensors() (list []*Tensor) {
	list = append(list, m.Graph.Initializers...)
	for _, n := range m.Graph.Nodes {
		for _, a := range n.Attrs {
			if a.Tensor != nil {
				list = append(list, a.Tensor)
			}
		}
	}
	return list
}

// external reads parts of files in a directory.
type external struct {
	dir   string
	root  *os.Root
	files map[string]*os.File
	there int64 // bytes of all files
	taken int64 // bytes so far
}

func (e *external) close() {
	for _, f := range e.files {
		f.Close()
	}
	if e.root != nil {
		e.root.Close()
	}
}

// maxFiles bounds how many files hold the data of one model.
const maxFiles = 4096

func (e *external) open(name string) (*os.File, error) {
	if f := e.files[name]; f != nil {
		return f, nil
	}
	if len(e.files) >= maxFiles {
		return nil, fmt.Errorf("the data are in more than %d files", maxFiles)
	}
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("the file %s lies outside the model's directory", Show(name))
	}
	if e.root == nil {
		root, err := os.OpenRoot(e.dir)
		if err != nil {
			return nil, err
		}
		e.root = root
	}
	info, err := e.root.Stat(name) // before it is opened, as a pipe would wait for its writer
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s beside the model: it belongs to it, download it as well", Show(name))
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", Show(name))
	}
	var f *os.File
	if err == nil {
		f, err = e.root.Open(name)
	}
	if err != nil {
		return nil, fmt.Errorf("the file %s can't be opened in the model's directory (a link out of it is not followed: copy the file there): %w", Show(name), cause(err))
	}
	e.files[name] = f
	e.there += info.Size()
	return f, nil
}

// cause is an error of the system without the name that it repeats.
func cause(err error) error {
	if p := (*os.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (e *external) read(t *Tensor) error {
	var name string
	var offset, length int64 = 0, -1
	for _, p := range t.external {
		var err error
		switch p.Key {
		case "location":
			name = p.Value
		case "offset":
			offset, err = strconv.ParseInt(p.Value, 10, 64)
		case "length":
			length, err = strconv.ParseInt(p.Value, 10, 64)
		default:
			continue
		}
		if err != nil || offset < 0 || p.Key == "length" && length < 0 {
			return fmt.Errorf("%s is %s; it must be a number of bytes", p.Key, Show(p.Value))
		}
	}
	if name == "" {
		return errors.New("no file is named")
	}
	f, err := e.open(name)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	need := int64(t.Len()) * int64(t.DType.Size())
	switch size := info.Size(); {
	case t.DType.Size() == 0:
		return fmt.Errorf("it is of %v, which is not read", t.DType)
	case length >= 0 && length != need:
		return fmt.Errorf("%v of shape %v needs %d bytes, the file says %d", t.DType, t.Dims, need, length)
	case offset > size || need > size-offset:
		return fmt.Errorf("%s has %d bytes, %d from %d on are wanted: it is cut off, or of another model", Show(name), size, need, offset)
	}
	// Tensors may share their data, but not for ever: a small file can't ask for any memory.
	const least = 64 << 20
	if e.taken += need; e.taken > 4*e.there+least {
		return errors.New("the tensors ask for many times the data that there are")
	}
	raw := make([]byte, need)
	if _, err := io.ReadFull(io.NewSectionReader(f, offset, need), raw); err != nil {
		return err
	}
	t.raw, t.external = raw, nil
	return nil
}
