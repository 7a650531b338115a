// Package models builds networks by name: MLP, a small CNN, residual networks under the
// parameter names of torchvision and of the CIFAR ResNets, vision transformers, and BERT
// under the names of Hugging Face's transformers.
package models

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/monge-ml/monge/internal/registry"
	"github.com/monge-ml/monge/nn"
)

// Options say what a network is built for.
type Options struct {
	Input   []int // shape of one input: height, width, channels of images, tokens of texts
	Classes int   // outputs: logits, or numbers of a regression
	// Regression says that the outputs are numbers to predict, of which one is enough.
	Regression bool
	// MultiLabel says that the outputs are logits of labels of which any may apply: one is enough.
	MultiLabel bool
	Norm       string // of residual networks: batch (default) or group
	// NewHead begins the layer that makes the outputs anew in a network that comes with its
	// weights, as those of files do.
	NewHead bool
	// BGR says that the channels of images are to be exchanged for a network of a file.
	BGR bool
	// Restore puts batch normalisation back into a network of a file that had it folded away.
	Restore bool
	// Output is which output of a network of a file is wanted, by its name; "" for the usual one.
	Output string
}

// An Entry is a network of the list.
type Entry struct {
	Name  string
	Info  string // a line on it, for lists
	Input []int  // that it is usually used with
	// Vocabulary is set for networks of texts: an input is a row of so many whole numbers
	// as Input says, from 0, which is padding and stands at the end, to Vocabulary - 1.
	Vocabulary int
	// Tokenizer makes rows of tokens of texts, as package data's Tokenizer does; nil are that
	// package's hashed words.
	Tokenizer func(dst []float32, text string)
	// Pairs makes rows of packed tokens, of texts or of pairs of texts, as package data's
	// PairTokenizer does, in place of Tokenizer. Such a network takes rows that are cut after the
	// longest of a minibatch.
	Pairs func(dst []float32, first, second string, pair bool) (n int)
	// Build makes the layers, from inputs of o.Input to o.Classes outputs each; b.Fail says
	// why it can't for these options. [Build] has checked the number of o.Input's dimensions:
	// 3 of images, 1 of texts.
	Build func(b nn.Builder, o Options) nn.Layer
	// Verify looks at what was built, nil for nothing: an error says why it can't be used.
	Verify func(m *nn.Model) error
	// Start sets how parameters start where that is not as their layers say; nil for none.
	Start func(params []*nn.Param)
	// File is set for a network that a file holds, with its weights.
	File *FileInfo
}

// FileInfo is what a file says of the network that it holds.
type FileInfo struct {
	Outputs int      // 0 if that is not known
	Notes   []string // on training it
	Folded  string   // one more, where batch normalisation that was folded away is not put back
	// OutputsOf returns how many numbers an output has that the file calls so, 0 if that is not
	// known; nil if there is no choice.
	OutputsOf func(output string) (int, error)
	// Properties are what the file says of itself, under the keys of a file of weights.
	Properties map[string]string
	// New are the parameters that it lacks, as those of a head: they begin anew in training.
	New []string
}

// Shapes of images, and of texts.
var (
	cifar, imageNet      = []int{32, 32, 3}, []int{224, 224, 3}
	shortText, usualText = []int{64}, []int{128}
)

var entries = registry.List[Entry]{What: "model"}

// Register adds a network, which [Build] builds from then on and all commands take. Call it
// while the program starts; a name that is taken panics.
func Register(e Entry) {
	if e.Build == nil {
		panic(fmt.Sprintf("monge: model %q was registered without Build", e.Name))
	}
	entries.Register(e.Name, e)
}

// All returns every network, in the order in which they were registered.
func All() []Entry { return entries.All() }

// Names returns the names of all networks.
func Names() []string { return entries.Names() }

// files open networks that files hold, by the ends of their names.
var files = map[string]func(path string) (Entry, error){}

// RegisterFile adds a format of files that hold networks, by the end of their names with its dot:
// [Find] and [Build] then take a path in place of a name.
func RegisterFile(end string, open func(path string) (Entry, error)) { files[end] = open }

// directories are formats of directories that hold networks.
var directories []directory

type directory struct {
	is   func(path string) bool
	open func(path string) (Entry, error)
}

// RegisterDirectory adds a format of directories that hold networks, as [RegisterFile] does of files: is
// reports whether a path is of one.
func RegisterDirectory(is func(path string) bool, open func(path string) (Entry, error)) {
	directories = append(directories, directory{is, open})
}

// opener returns what opens the network of a path, nil of other names.
func opener(name string) func(path string) (Entry, error) {
	if open := files[strings.ToLower(filepath.Ext(name))]; open != nil {
		return open
	}
	for _, d := range directories {
		if d.is(name) {
			return d.open
		}
	}
	return nil
}

// IsFile reports whether a name is a path of a file, or of a directory, that holds a network.
func IsFile(name string) bool { return opener(name) != nil }

// Find returns a network of the list, or that of a file or a directory; the error for an unknown one lists
// the names.
func Find(name string) (Entry, error) {
	if open := opener(name); open != nil {
		return open(name)
	}
	return entries.Find(name)
}

func init() {
	for _, e := range []Entry{
		{Name: "mlp", Info: "multilayer perceptron, two hidden layers of 128", Input: []int{8, 8, 1}, Build: mlp(128, 128)},
		{Name: "mlp-512", Info: "multilayer perceptron, two hidden layers of 512", Input: []int{28, 28, 1}, Build: mlp(512, 512)},
		{Name: "cnn", Info: "three 3x3 convolutions with batch norm and pooling", Input: cifar, Build: cnn},
		{Name: "resnet8", Info: "the CIFAR ResNet below with one block at each width", Input: cifar, Build: cifarResNet(1)},
		{Name: "resnet20", Info: "CIFAR ResNet (He et al. 2016), option-A shortcuts", Input: cifar, Build: cifarResNet(3)},
		{Name: "resnet32", Info: "likewise", Input: cifar, Build: cifarResNet(5)},
		{Name: "resnet44", Info: "likewise", Input: cifar, Build: cifarResNet(7)},
		{Name: "resnet56", Info: "likewise", Input: cifar, Build: cifarResNet(9)},
		{Name: "resnet110", Info: "likewise", Input: cifar, Build: cifarResNet(18)},
		{Name: "resnet18", Info: "ResNet-18 with the CIFAR stem", Input: cifar, Build: (&resnet{blocks: []int{2, 2, 2, 2}, widths: wide}).build},
		{Name: "resnet34", Info: "ResNet-34 with the CIFAR stem", Input: cifar, Build: (&resnet{blocks: []int{3, 4, 6, 3}, widths: wide}).build},
		{Name: "resnet50", Info: "ResNet-50 with the CIFAR stem", Input: cifar, Build: (&resnet{blocks: []int{3, 4, 6, 3}, widths: wide, bottleneck: true}).build},
		{Name: "resnet18-imagenet", Info: "torchvision's ResNet-18", Input: imageNet, Build: (&resnet{blocks: []int{2, 2, 2, 2}, widths: wide, imageNet: true}).build},
		{Name: "resnet34-imagenet", Info: "torchvision's ResNet-34", Input: imageNet, Build: (&resnet{blocks: []int{3, 4, 6, 3}, widths: wide, imageNet: true}).build},
		{Name: "resnet50-imagenet", Info: "torchvision's ResNet-50", Input: imageNet, Build: (&resnet{blocks: []int{3, 4, 6, 3}, widths: wide, bottleneck: true, imageNet: true}).build},
		{Name: "vit-tiny", Info: "vision transformer of 6 blocks of width 192 on 4x4 patches", Input: cifar, Build: vit{4, encoder(6, 192, 3)}.build},
		{Name: "vit-b32", Info: "vision transformer of 12 blocks of width 768 on 32x32 patches", Input: imageNet, Build: vit{32, encoder(12, 768, 12)}.build},
		{Name: "bert-tiny", Info: "BERT of 2 layers of width 128, for texts of hashed words", Input: shortText, Vocabulary: bertTiny.vocabulary, Build: bertTiny.build, Start: startAsBERT},
		{Name: "bert-base", Info: "BERT-base (Devlin et al. 2019): 12 layers of width 768", Input: usualText, Vocabulary: bertBase.vocabulary, Build: bertBase.build, Start: startAsBERT},
	} {
		Register(e)
	}
}

// encoder is a transformer whose perceptrons are four times as wide.
func encoder(layers, width, heads int) nn.EncoderOptions {
	return nn.EncoderOptions{Layers: layers, Width: width, Heads: heads, Hidden: 4 * width}
}

var wide = []int{64, 128, 256, 512}

func cifarResNet(n int) func(nn.Builder, Options) nn.Layer {
	return (&resnet{blocks: []int{n, n, n}, widths: []int{16, 32, 64}, cifar20: true}).build
}

// Build returns a network by name.
func Build(name string, o Options) (*nn.Model, error) {
	e, err := Find(name)
	if err != nil {
		return nil, err
	}
	return e.build(o)
}

func (e Entry) build(o Options) (*nn.Model, error) {
	switch {
	case e.Vocabulary == 0 && len(o.Input) != 3:
		return nil, fmt.Errorf("%s: input shape %v; it must be height, width, channels", e.Name, o.Input)
	case e.Vocabulary != 0 && len(o.Input) != 1:
		return nil, fmt.Errorf("%s: input shape %v; it is for texts, whose shape is the number of their tokens", e.Name, o.Input)
	case o.Classes < 1 && (o.Regression || o.MultiLabel):
		return nil, fmt.Errorf("%s: %d targets; there must be at least one", e.Name, o.Classes)
	case o.Classes < 2 && !o.Regression && !o.MultiLabel:
		return nil, fmt.Errorf("%s: %d classes; there must be at least two", e.Name, o.Classes)
	case e.File != nil && (o.Norm != "" && o.Norm != "batch"):
		return nil, fmt.Errorf("%s: its normalisation is what the file has, not %q", e.Name, o.Norm)
	case e.File == nil && (o.BGR || o.Restore || o.Output != ""):
		return nil, fmt.Errorf("%s: exchanged channels, restored batch normalisation and a choice of outputs are for networks of files", e.Name)
	case o.Norm != "" && o.Norm != "batch" && o.Norm != "group":
		return nil, fmt.Errorf("%s: unknown normalisation %q; there are batch, group", e.Name, o.Norm)
	}
	b := nn.NewBuilder()
	net := e.Build(b, o)
	if net == nil {
		b.Fail("its Build returned no layer")
	}
	m, err := nn.NewModel(b, net, o.Input)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Name, err)
	}
	if m.Classes() != o.Classes {
		return nil, fmt.Errorf("%s: its Build made a network of %d outputs for %d classes", e.Name, m.Classes(), o.Classes)
	}
	if e.Verify != nil {
		if err := e.Verify(m); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
	}
	m.HashedWords = e.Vocabulary != 0 && e.Tokenizer == nil && e.Pairs == nil
	if e.Start != nil {
		e.Start(m.Params)
	}
	return m, nil
}

func mlp(hidden ...int) func(nn.Builder, Options) nn.Layer {
	return func(b nn.Builder, o Options) nn.Layer {
		widths := append([]int{o.Input[0] * o.Input[1] * o.Input[2]}, hidden...)
		return nn.Sequential{nn.Flatten, b.MLP(append(widths, o.Classes)...)}
	}
}

// cnn is three stages of convolution, batch norm, ReLU and pooling, and a linear head.
func cnn(b nn.Builder, o Options) nn.Layer {
	var net chain
	in := o.Input[2]
	for i, width := range []int{32, 64, 128} {
		p := b.In(fmt.Sprintf("stage%d", i+1))
		net = append(net,
			convNorm{p.Conv2d("conv", in, width, 3, nn.ConvOptions{Pad: 1, NoBias: true, Normalized: true}), p.BatchNorm("bn", width)},
			nn.MaxPool(2, 2, 0))
		in = width
	}
	return append(net, nn.GlobalAvgPool, b.Linear("fc", in, o.Classes))
}
