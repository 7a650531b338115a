package classifier

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/hf"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/export"
	"github.com/monge-ml/monge/onnx/network"
)

// InGraph says what an ONNX model has in its graph beside the network.
type InGraph struct {
	Normalize bool // of pixels: the graph takes them in [0, 1]
	Softmax   bool // the outputs are probabilities of classes
	Sigmoid   bool // the outputs are probabilities of labels of which any may apply
}

// InGraphNames are what [ParseInGraph] knows.
var InGraphNames = []string{"normalize", "softmax", "sigmoid"}

// ParseInGraph reads a list of [InGraphNames].
func ParseInGraph(list []string) (in InGraph, err error) {
	for _, name := range list {
		switch name {
		case "normalize":
			in.Normalize = true
		case "softmax":
			in.Softmax = true
		case "sigmoid":
			in.Sigmoid = true
		default:
			return in, fmt.Errorf("unknown part %q of an ONNX model's graph; there are %s", name, strings.Join(InGraphNames, ", "))
		}
	}
	return in, nil
}

// Wrapping is what the network of a file gets around it. Pixels that are used as they are need
// nothing.
func (in InGraph) Wrapping(n picture.Normalization) network.Wrapping {
	w := network.Wrapping{Softmax: in.Softmax, Sigmoid: in.Sigmoid}
	if in.Normalize && len(n.Mean) > 0 {
		w.Mean, w.Std = n.Mean, n.Std
	}
	return w
}

// Keys of an ONNX model's metadata beside those of [Save].
const (
	keyInGraph   = "normalize_in_graph" // that of the pixels that the graph begins with
	keyTokenizer = "tokenizer"          // how texts become tokens
	keyResize    = "resize"             // how images are brought to their size, a [picture.Resize]
	keyMean      = "mean"               // numbers by channel of what normalize names
	keyStd       = "std"
)

// hashedWords are data.HashedWords in words, so that others can make tokens.
const hashedWords = "hashed words: 1, then for each word 2 + FNV-1a (64 bits, of its UTF-8) mod 8190, then 0; " +
	"a word is a run of letters, marks and digits in lower case, or one character of a script without spaces, or an emoji"

// Check returns an error for a network that can't have this in its graph.
func (in InGraph) Check(i *Info) error {
	switch {
	case in.Softmax && i.MultiLabel:
		return fmt.Errorf("softmax is for networks that tell classes apart; of this one any label may apply (%s): sigmoid makes probabilities", quoted(i.Targets))
	case in.Sigmoid && !i.MultiLabel:
		return errors.New("sigmoid is for networks of labels of which any may apply; this one is none")
	case in.Softmax && i.Targets != nil:
		return fmt.Errorf("softmax is for networks that tell classes apart; this one predicts numbers (%s)", quoted(i.Targets))
	case in.Normalize && len(i.Input) != 3:
		return errors.New("normalize is for networks of images; this one takes texts")
	}
	return nil
}

// ONNX returns a classifier as an ONNX model: opset 17, the size of the minibatch symbolic. Images
// are N x C x H x W, rows of a table N x C, tokens whole numbers N x T. The output is logits,
// probabilities (softmax, or sigmoid of labels), or outputs where numbers are predicted. Metadata are those of [Save], of which normalize is
// what is left to do for who calls it, with the numbers mean and std; normalize_in_graph; and tokenizer. p is the network's program,
// made if it is nil.
func (c *Classifier) ONNX(p *export.Program, in InGraph, extra map[string]string) (*onnx.Model, error) {
	if err := in.Check(&c.Info); err != nil {
		return nil, err
	}
	metadata, err := c.onnxMetadata(in)
	if err != nil {
		return nil, err
	}
	if p == nil {
		if p, err = export.Trace(c.Net); err != nil {
			return nil, err
		}
	}
	maps.Copy(metadata, extra)
	o := export.Options{Name: c.Model, Output: c.outputName(in), Softmax: in.Softmax, Sigmoid: in.Sigmoid}
	if in.Normalize {
		o.Mean, o.Std = c.Normalize.Mean, c.Normalize.Std
	}
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		o.Metadata = append(o.Metadata, onnx.Property{Key: key, Value: metadata[key]})
	}
	return p.Model(c.Theta, o)
}

func (i *Info) onnxMetadata(in InGraph) (map[string]string, error) {
	if err := i.check(); err != nil {
		return nil, err
	}
	m, err := i.metadata()
	if err != nil {
		return nil, err
	}
	switch {
	case in.Normalize:
		m[keyInGraph], m[keyNormalize] = m[keyNormalize], "none"
	case len(i.Normalize.Mean) > 0: // others don't know our names
		for key, list := range map[string][]float32{keyMean: i.Normalize.Mean, keyStd: i.Normalize.Std} {
			b, err := json.Marshal(list)
			if err != nil {
				return nil, err
			}
			m[key] = string(b)
		}
	}
	if models.IsFile(i.Model) { // whose graph this one is, with its channels in our order
		delete(m, keyModel)
		delete(m, keyNorm)
		delete(m, keyChannels)
		return m, i.addPreparation(m)
	}
	if e, _ := models.Find(i.Model); e.Vocabulary != 0 {
		m[keyTokenizer] = hashedWords
		if e.Tokenizer != nil {
			m[keyTokenizer] = "that of the program which registered " + i.Model
		}
	}
	return m, nil
}

// addPreparation says what the directory of a network says of its inputs, of which the graph has nothing.
func (i *Info) addPreparation(m map[string]string) error {
	if !hf.IsDirectory(i.Model) {
		return nil
	}
	if len(i.Input) == 1 {
		m[keyTokenizer] = directoryTokenizer
		return nil
	}
	r := Prepared(i.Model, i.Input)
	if r == (picture.Resize{}) {
		return nil
	}
	b, err := json.Marshal(r)
	m[keyResize] = string(b)
	return err
}

// directoryTokenizer is whose tokens those of a directory's network are.
const directoryTokenizer = "the tokenizer of the directory that it was trained from"

// outputName names what the graph computes.
func (i *Info) outputName(in InGraph) string {
	switch {
	case i.Targets != nil && !i.MultiLabel:
		return "outputs"
	case in.Softmax || in.Sigmoid:
		return "probabilities"
	}
	return "logits"
}

// SaveONNX writes a classifier as an ONNX model, see [Classifier.ONNX], whole or not at all.
func SaveONNX(path string, c *Classifier, p *export.Program, in InGraph, extra map[string]string) error {
	m, err := c.ONNX(p, in, extra)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return m.WriteFile(path)
}
