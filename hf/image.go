package hf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/monge-ml/monge/data/picture"
)

// The files that say how images are prepared; that of a processor is the newer, and counts where both are there.
const (
	ProcessorFile    = "processor_config.json"
	PreprocessorFile = "preprocessor_config.json"
)

// readPreprocessor reads how images are prepared, if the directory says so.
func (n *Network) readPreprocessor() error {
	if p := n.design.preprocessor; p != nil {
		n.Preprocessor = p
		return n.checkSide(ConfigFile)
	}
	name := ProcessorFile
	p, there, err := picture.ReadProcessor(filepath.Join(n.Dir, name))
	if err == nil && !there {
		name = PreprocessorFile
		p, err = picture.ReadPreprocessor(filepath.Join(n.Dir, name))
	}
	if errors.Is(err, fs.ErrNotExist) {
		n.takeOwnSize()
		return nil
	}
	if err != nil {
		return err
	}
	n.Preprocessor = &p
	return n.checkSide(name)
}

// takeOwnSize takes the size of images that a run has left in the weights, where no other file says it.
func (n *Network) takeOwnSize() {
	var in []int
	if !n.design.anySize || json.Unmarshal([]byte(n.properties["input"]), &in) != nil {
		return
	}
	if len(in) == 3 && in[2] == n.design.input[2] && min(in[0], in[1]) > 0 && max(in[0], in[1]) <= maxSide {
		n.design.input = in
	}
}

// checkSide holds the size of prepared images against the network's.
func (n *Network) checkSide(file string) error {
	side := n.Preprocessor.Side()
	if in := n.design.input; !n.design.anySize && (side != in[0] || side != in[1]) {
		return fmt.Errorf("%s: images come out with a side of %d, the network is for %dx%d", filepath.Join(n.Dir, file), side, in[0], in[1])
	}
	if n.design.input[2] != 3 {
		return fmt.Errorf("%s: the network's images have %d channels; those of files have 3", filepath.Join(n.Dir, ConfigFile), n.design.input[2])
	}
	if n.design.anySize {
		n.design.input = []int{side, side, 3}
	}
	return nil
}

// Prepared says how images are brought to a side, if the directory says so.
func (n *Network) Prepared(side int) (r picture.Resize, ok bool) {
	if n.Preprocessor == nil {
		return r, false
	}
	r = n.preprocessorAt(side).Resize()
	r.Even = n.design.timm != nil
	return r, true
}
