package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/monge-ml/monge/align/pairs"
	"github.com/monge-ml/monge/internal/atomicfile"
)

// pairsFile lists what align embed has embedded: a line with names, and one for each row.
const (
	pairsFile  = "pairs.tsv"
	pairsNames = "image\tmember\tclass\tcaption"
)

// An embeddedPair is a line of pairsFile.
type embeddedPair struct{ image, member, class, caption string }

// In a field, what would end it is written as an escape.
var (
	escapes   = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)
	unescapes = strings.NewReplacer(`\\`, "\\", `\t`, "\t", `\n`, "\n", `\r`, "\r")
)

// writePairs writes the list of pairs.
func writePairs(path string, list []pairs.Pair) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		fmt.Fprintln(b, pairsNames)
		for _, p := range list {
			fields := []string{p.Path, p.Member, p.Class, p.Caption}
			for i, f := range fields {
				fields[i] = escapes.Replace(f)
			}
			fmt.Fprintln(b, strings.Join(fields, "\t"))
		}
		return b.Flush() // keeps the first error
	})
}

// keepsPairs refuses to write over a file that align embed has not written, such as the
// list of pairs that it reads.
func keepsPairs(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, len(pairsNames))
	if _, err := io.ReadFull(f, head); err != nil || string(head) != pairsNames {
		return usage("%s is another list, which would be lost: give another --out", path)
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
func readPairs(path string) ([]embeddedPair, error) {
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

func parsePairs(r io.Reader) (list []embeddedPair, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxPairsLine)
	if !in.Scan() || in.Text() != pairsNames {
		return nil, errors.Join(fmt.Errorf("the first line is not %q", pairsNames), in.Err())
	}
	list = []embeddedPair{}
	for n := 2; in.Scan(); n++ {
		fields := strings.Split(in.Text(), "\t")
		if len(fields) != 4 {
			return nil, fmt.Errorf("line %d has %d fields, not 4", n, len(fields))
		}
		for i, f := range fields {
			fields[i] = unescapes.Replace(f)
		}
		list = append(list, embeddedPair{fields[0], fields[1], fields[2], fields[3]})
	}
	return list, in.Err()
}
