package classifier

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/hf"
	"github.com/monge-ml/monge/nn/models"
)

// directory is the network of a directory as Hugging Face publishes it, nil if the file's is none such.
func (f *File) directory() *hf.Network {
	if !hf.IsDirectory(f.Network()) {
		return nil
	}
	d, err := hf.Find(f.Network())
	if err != nil {
		return nil // building it is an error
	}
	return d
}

var errNoTokenizer = errors.New("the directory has no tokenizer.json, nor vocab.txt, nor vocab.json with merges.txt: " +
	"nothing says how its network cuts texts into tokens")

// checkWhole returns an error for a network that was published without what makes its outputs.
func (f *File) checkWhole() error {
	e, err := models.Find(f.Network())
	if err != nil || len(e.File.New) == 0 {
		return err
	}
	return fmt.Errorf("it has no %s, of its classification head: train one from it, with 'monge train --init %s'", strings.Join(e.File.New, ", "), f.Path)
}

// Prepared says how a model, one of models.Names or the path of what holds one, expects images of a shape: zero
// if it does not say, or if they are not square.
func Prepared(model string, shape []int) picture.Resize {
	square := len(shape) == 3 && shape[0] >= 1 && shape[1] == shape[0] && shape[2] == 3
	switch {
	case !square || !models.IsFile(model):
		return picture.Resize{}
	case !hf.IsDirectory(model):
		return preparedAs(model, shape[0])
	}
	d, err := hf.Find(model)
	if err != nil {
		return picture.Resize{}
	}
	r, _ := d.Prepared(shape[0])
	return r
}

// preparedAs is [Prepared] of the network of a file that was a directory's.
func preparedAs(model string, side int) (r picture.Resize) {
	e, err := models.Find(model)
	if err != nil {
		return r
	}
	said := e.File.Properties[keyResize]
	if json.Unmarshal([]byte(said), &r) != nil || r.Check() != nil || r.Side() != side {
		return picture.Resize{}
	}
	return r
}

// SaveDirectory writes the network of a directory as one that transformers opens, and this program.
func SaveDirectory(path string, c *Classifier, extra map[string]string) error {
	d, err := hf.Find(c.Model)
	if err != nil {
		return err
	}
	metadata, err := c.metadata()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	delete(metadata, keyModel) // it is the directory itself
	delete(metadata, keyNorm)
	for k, v := range extra {
		metadata[k] = v
	}
	s := hf.Saved{Input: c.Input, Tensors: c.Net.Merged(c.Theta), Labels: c.outputs(), Problem: c.problem(), Metadata: metadata}
	return d.Save(filepath.Clean(path), s)
}

// problem is what the outputs are, in Hugging Face's words.
func (i *Info) problem() string {
	switch {
	case i.MultiLabel:
		return MultiLabel
	case i.Targets != nil:
		return Regression
	}
	return SingleLabel
}
