// Package embeddings reads and writes what an encoder makes of pairs of images and texts: a
// directory of two files of embeddings and a list of the pairs, row by row.
package embeddings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/monge-ml/monge/align"
	"github.com/monge-ml/monge/weights"
)

// The files of a directory.
const (
	ImagesFile = "images.safetensors"
	TextsFile  = "texts.safetensors"
	PairsFile  = "pairs.tsv"
)

// Tensor is the tensor of a file that holds the embeddings, a row for each pair.
const Tensor = "embeddings"

// A Dir is what a directory holds.
type Dir struct {
	Images, Texts *align.Embeddings
	Pairs         []Pair // nil if there is no list of them
}

// ReadDir reads a directory. Its files must be of as many pairs. Errors name the file.
func ReadDir(dir string) (*Dir, error) {
	d := &Dir{}
	for _, f := range []struct {
		name string
		to   **align.Embeddings
	}{{ImagesFile, &d.Images}, {TextsFile, &d.Texts}} {
		var err error
		if *f.to, err = Read(filepath.Join(dir, f.name)); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%w: name a directory that 'monge align embed' has written", err)
		}
		if err != nil {
			return nil, err
		}
	}
	if a, b := d.Images.Len(), d.Texts.Len(); a != b {
		return nil, fmt.Errorf("%s: %s has %d embeddings, %s has %d: they are not of the same pairs", dir, ImagesFile, a, TextsFile, b)
	}
	var err error
	if d.Pairs, err = readPairs(filepath.Join(dir, PairsFile)); err != nil {
		return nil, err
	}
	if d.Pairs != nil && len(d.Pairs) != d.Images.Len() {
		return nil, fmt.Errorf("%s: %s has %d pairs, %s has %d embeddings: write them again by 'monge align embed'", dir, PairsFile, len(d.Pairs), ImagesFile, d.Images.Len())
	}
	return d, nil
}

// Read reads the embeddings of one file.
func Read(path string) (*align.Embeddings, error) {
	f, err := weights.Read(path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range f.Tensors {
		if t.Name != Tensor {
			names = append(names, t.Name)
			continue
		}
		if len(t.Shape) != 2 || !t.DType.IsFloat() {
			return nil, fmt.Errorf("%s: tensor %q is %s of shape %v; it must be of a float type with two dimensions, a row for each pair", path, t.Name, t.DType, t.Shape)
		}
		e, err := align.NewEmbeddings(t.Data, t.Shape[0], t.Shape[1])
		if err != nil {
			return nil, fmt.Errorf("%s: tensor %q: %w", path, t.Name, err)
		}
		return e, nil
	}
	return nil, fmt.Errorf("%s: no tensor %q; there are %s: write the embeddings under that name", path, Tensor, list(names))
}

// list lists names that a file gives, the first of them if there are many.
func list(names []string) string {
	const most = 10
	var quoted []string
	for _, name := range names[:min(most, len(names))] {
		quoted = append(quoted, fmt.Sprintf("%+.120q", name))
	}
	if len(names) > most {
		quoted = append(quoted, fmt.Sprintf("%d more", len(names)-most))
	}
	if len(quoted) == 0 {
		return "none"
	}
	return strings.Join(quoted, ", ")
}

// WriteDir writes a directory, whose embeddings lie row after row in images and texts: as many
// rows as there are pairs. A list there that it has not written itself is an error.
func WriteDir(dir string, images, texts []float32, pairs []Pair) error {
	if err := Keeps(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	write := func(name string, x []float32) error {
		t := weights.Tensor{Name: Tensor, Shape: []int{len(pairs), len(x) / len(pairs)}, Data: x}
		return weights.WriteFile(filepath.Join(dir, name), []weights.Tensor{t}, nil)
	}
	if n := len(pairs); n == 0 || len(images)%n != 0 || len(texts)%n != 0 {
		return fmt.Errorf("%s: %d and %d numbers are no rows of %d pairs", dir, len(images), len(texts), n)
	}
	return errors.Join(write(ImagesFile, images), write(TextsFile, texts), writePairs(filepath.Join(dir, PairsFile), pairs))
}
