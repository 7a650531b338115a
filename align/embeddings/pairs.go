package embeddings

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/monge-ml/monge/internal/atomicfile"
)

// names is the first line of a list of pairs; one for each row follows.
const names = "image\tmember\tclass\tcaption"

// A Pair is what a row is of.
type Pair struct {
	Image   string // its file
	Member  string // its name in the file, of a shard
	Class   string // "" where it is not known
	Caption string
}

// In a field, what would end it is written as an escape.
var (
	escapes   = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)
	unescapes = strings.NewReplacer(`\\`, "\\", `\t`, "\t", `\n`, "\n", `\r`, "\r")
)

// writePairs writes the list of pairs.
func writePairs(path string, list []Pair) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		fmt.Fprintln(b, names)
		for _, p := range list {
			fields := []string{p.Image, p.Member, p.Class, p.Caption}
			for i, f := range fields {
				fields[i] = escapes.Replace(f)
			}
			fmt.Fprintln(b, strings.Join(fields, "\t"))
		}
		return b.Flush() // keeps the first error
	})
}

// ErrOther is wrapped by the error of a directory with a list of pairs that this package has not
// written, such as one that pairs are read from.
var ErrOther = errors.New("another list, which would be lost")

// Keeps returns an error if writing the directory would replace another list.
func Keeps(dir string) error {
	path := filepath.Join(dir, PairsFile)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, len(names))
	if _, err := io.ReadFull(f, head); err != nil || string(head) != names {
		return fmt.Errorf("%s is %w", path, ErrOther)
	}
	return nil
}

// maxPairsFile is the most that is read, in bytes; maxPairsLine of a line, whose caption
// has up to 1 MiB.
const (
	maxPairsFile = 1 << 30
	maxPairsLine = 4 << 20
)

// readPairs reads the list of pairs; it is nil if there is no such file, and only then.
func readPairs(path string) ([]Pair, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxPairsFile {
		return nil, fmt.Errorf("%s: not a regular file of %d bytes at most, as 'monge align embed' writes it", path, maxPairsFile)
	}
	list, err := parsePairs(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: write it again by 'monge align embed', or remove it to do without classes", path, err)
	}
	return list, nil
}

func parsePairs(r io.Reader) (list []Pair, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxPairsLine)
	if !in.Scan() || in.Text() != names {
		return nil, errors.Join(fmt.Errorf("the first line is not %q", names), in.Err())
	}
	list = []Pair{}
	for n := 2; in.Scan(); n++ {
		fields := strings.Split(in.Text(), "\t")
		if len(fields) != 4 {
			return nil, fmt.Errorf("line %d has %d fields, not 4", n, len(fields))
		}
		for i, f := range fields {
			fields[i] = unescapes.Replace(f)
		}
		list = append(list, Pair{fields[0], fields[1], fields[2], fields[3]})
	}
	return list, in.Err()
}
