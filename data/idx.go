package data

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	wording "github.com/monge-ml/monge/internal/words"
)

// maxMemory bounds what a data set that is read whole may take. Compressed files and
// headers can claim more than a machine has.
const maxMemory = 1<<31 - 1

var idxFormat = Format{Name: "idx", Place: "DIR", Info: "MNIST's format, gzipped or not", Open: openIDX}

// openIDX reads MNIST's files (yann.lecun.com/exdb/mnist): images and labels of a
// training and of a test split, either of which may be missing. classes.txt beside them,
// a line a class, names the classes; else they are numbers.
func openIDX(dir string, _ *Options) (*Splits, error) {
	s := &Splits{}
	classes := 0
	for _, part := range []struct {
		set   **Set
		names []string
	}{{&s.Train, []string{"train"}}, {&s.Test, []string{"t10k", "test"}}} {
		images, err := findIDX(dir, part.names, "images", 3)
		if err != nil {
			return nil, err
		}
		labels, err := findIDX(dir, part.names, "labels", 1)
		if err != nil {
			return nil, err
		}
		if images == "" && labels == "" {
			continue
		}
		if images == "" || labels == "" {
			return nil, fmt.Errorf("%s: it has %s%s but not the other of images and labels; copy both there", dir, images, labels)
		}
		if *part.set, err = readIDX(images, labels); err != nil {
			return nil, err
		}
		for _, l := range (*part.set).Labels {
			classes = max(classes, l+1)
		}
	}
	if s.Train == nil && s.Test == nil {
		return nil, fmt.Errorf("%s: no idx files there; they are named train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-..., with or without .gz", dir)
	}
	var err error
	s.Classes, err = classNames(filepath.Join(dir, "classes.txt"), classes)
	return s, err
}

// findIDX returns the path of "train-images-idx3-ubyte" or alike, or "".
func findIDX(dir string, parts []string, what string, rank int) (string, error) {
	if _, err := os.ReadDir(dir); err != nil {
		return "", err
	}
	for _, part := range parts {
		for _, dot := range []string{"-", "."} {
			for _, gz := range []string{"", ".gz"} {
				path := filepath.Join(dir, fmt.Sprintf("%s-%s%sidx%d-ubyte%s", part, what, dot, rank, gz))
				if isFile(path) {
					return path, nil
				}
			}
		}
	}
	return "", nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// classNames reads a file with a line for each of n classes; without one, or without
// enough lines for the labels there are, they are numbers.
func classNames(path string, n int) ([]string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		names := make([]string, n)
		for i := range names {
			names[i] = strconv.Itoa(i)
		}
		return names, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for i, line := range strings.FieldsFunc(strings.TrimPrefix(string(b), "\uFEFF"), func(r rune) bool { return r == '\n' || r == '\r' }) {
		name := strings.TrimSpace(line)
		switch {
		case !utf8.ValidString(name):
			return nil, fmt.Errorf("%s: line %d is not UTF-8: save the file as UTF-8", path, i+1)
		case slices.Contains(names, name):
			return nil, fmt.Errorf("%s: two classes are called %q; a line names a class", path, name)
		case name != "":
			names = append(names, name)
		}
	}
	if len(names) < n {
		return nil, fmt.Errorf("%s: it names %d classes, but there are labels up to %d; a line names a class", path, len(names), n-1)
	}
	return names, nil
}

func readIDX(images, labels string) (*Set, error) {
	x, dims, err := readIDXFile(images, 3)
	if err != nil {
		return nil, err
	}
	y, n, err := readIDXFile(labels, 1)
	if err != nil {
		return nil, err
	}
	if dims[0] != n[0] {
		return nil, fmt.Errorf("%s has %d images, but %s has %d labels; they must be of one data set", images, dims[0], labels, n[0])
	}
	s := &Set{Labels: make([]int, len(y)), Shape: []int{dims[1], dims[2], 1}, source: octets{x, dims[1] * dims[2]}}
	for i, l := range y {
		s.Labels[i] = int(l)
	}
	return s, nil
}

func readIDXFile(path string, rank int) (data []byte, dims []int, err error) {
	r, err := openPlain(path)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	if data, dims, err = parseIDX(r, rank); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, dims, nil
}

// parseIDX reads bytes with their dimensions: two zeros, the type (8 is a byte), the
// number of dimensions, each as big-endian uint32, then the elements.
func parseIDX(r io.Reader, rank int) (data []byte, dims []int, err error) {
	head := make([]byte, 4+4*rank)
	n, err := io.ReadFull(r, head)
	if n >= 4 {
		if wrong := wrongIDX(head[:4], rank); wrong != nil {
			return nil, nil, wrong
		}
	}
	switch {
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		return nil, nil, fmt.Errorf("an idx file's header is %d bytes long, this file has %d; get it again", len(head), n)
	case err != nil:
		return nil, nil, fmt.Errorf("cut short or damaged%s; get it again", wording.Because(err))
	}
	n = 1
	for i := range rank {
		d := int(binary.BigEndian.Uint32(head[4+4*i:]))
		if d == 0 || d > maxMemory/n {
			return nil, nil, fmt.Errorf("dimension %d is %d, which is nothing or over the limit of %d bytes in all", i+1, d, maxMemory)
		}
		dims = append(dims, d)
		n *= d
	}
	// Memory follows what is there, not what the header claims.
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(r, int64(n)+1)); err != nil {
		return nil, nil, fmt.Errorf("cut short or damaged%s; get it again", wording.Because(err))
	}
	if b.Len() > n {
		return nil, nil, fmt.Errorf("its header says %v, but more than %d bytes follow; get it again", dims, n)
	}
	if b.Len() < n {
		return nil, nil, fmt.Errorf("its header says %v, but only %d bytes follow; get it again", dims, b.Len())
	}
	return b.Bytes(), dims, nil
}

// idxTypes are the other types of idx files' numbers.
var idxTypes = map[byte]string{0x09: "signed bytes", 0x0b: "16-bit integers", 0x0c: "32-bit integers", 0x0d: "float32", 0x0e: "float64"}

// wrongIDX returns an error for the first four bytes of a file that is not of bytes in so many
// dimensions.
func wrongIDX(magic []byte, rank int) error {
	kinds := map[int]string{1: "labels", 3: "images"}
	is, want := kinds[int(magic[3])], kinds[rank]
	switch idx := magic[0] == 0 && magic[1] == 0; {
	case idx && magic[2] == 8 && int(magic[3]) == rank:
		return nil
	case idx && magic[2] == 8 && is != "":
		return fmt.Errorf("it holds %s, where %s should be: are the names of two files exchanged?", is, want)
	case idx && idxTypes[magic[2]] != "":
		return fmt.Errorf("it holds %s; only idx files of bytes are read: convert it", idxTypes[magic[2]])
	}
	return fmt.Errorf("it starts with % x, but an idx file of bytes in %d dimensions with 00 00 08 %02x", magic, rank, rank)
}

// openPlain opens a file, and unpacks what gzip packed.
func openPlain(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := bufio.NewReaderSize(f, 1<<16)
	if magic, _ := b.Peek(2); string(magic) != "\x1f\x8b" {
		return plain{b, f}, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return plain{z, f}, nil
}

type plain struct {
	io.Reader
	io.Closer
}
