// Package models builds networks by name: MLP, a small CNN, residual networks under the
// parameter names of torchvision and of the CIFAR ResNets, vision transformers, and BERT
// under the names of Hugging Face's transformers.
package models

import (
	"fmt"
	"slices"
	"strings"

	"github.com/monge-ml/monge/nn"
)

// Options say what a network is built for.
type Options struct {
	Input   []int  // shape of one input: height, width, channels of images, tokens of texts
	Classes int    // logits
	Norm    string // of residual networks: batch (default) or group
}

// An Entry is a network of the list.
type Entry struct {
	Name  string
	Info  string
	Input []int // that it is usually used with
	// Vocabulary is set for networks of texts: an input is a row of so many whole numbers
	// as Input says, from 0, which is padding and stands at the end, to Vocabulary - 1.
	Vocabulary int
	build      func(b nn.Builder, o Options) nn.Layer
}

// Shapes of images, and of texts.
var (
	cifar, imageNet      = []int{32, 32, 3}, []int{224, 224, 3}
	shortText, usualText = []int{64}, []int{128}
)

// List holds every network, in the order in which to show them.
var List = []Entry{
	{"mlp", "multilayer perceptron, two hidden layers of 128", []int{8, 8, 1}, 0, mlp(128, 128)},
	{"mlp-512", "multilayer perceptron, two hidden layers of 512", []int{28, 28, 1}, 0, mlp(512, 512)},
	{"cnn", "three 3x3 convolutions with batch norm and pooling", cifar, 0, cnn},
	{"resnet8", "the CIFAR ResNet below with one block at each width", cifar, 0, cifarResNet(1)},
	{"resnet20", "CIFAR ResNet (He et al. 2016), option-A shortcuts", cifar, 0, cifarResNet(3)},
	{"resnet32", "likewise", cifar, 0, cifarResNet(5)},
	{"resnet44", "likewise", cifar, 0, cifarResNet(7)},
	{"resnet56", "likewise", cifar, 0, cifarResNet(9)},
	{"resnet110", "likewise", cifar, 0, cifarResNet(18)},
	{"resnet18", "ResNet-18 with the CIFAR stem", cifar, 0, (&resnet{blocks: []int{2, 2, 2, 2}, widths: wide}).build},
	{"resnet34", "ResNet-34 with the CIFAR stem", cifar, 0, (&resnet{blocks: []int{3, 4, 6, 3}, widths: wide}).build},
	{"resnet50", "ResNet-50 with the CIFAR stem", cifar, 0, (&resnet{blocks: []int{3, 4, 6, 3}, widths: wide, bottleneck: true}).build},
	{"resnet18-imagenet", "torchvision's ResNet-18", imageNet, 0, (&resnet{blocks: []int{2, 2, 2, 2}, widths: wide, imageNet: true}).build},
	{"resnet34-imagenet", "torchvision's ResNet-34", imageNet, 0, (&resnet{blocks: []int{3, 4, 6, 3}, widths: wide, imageNet: true}).build},
	{"resnet50-imagenet", "torchvision's ResNet-50", imageNet, 0, (&resnet{blocks: []int{3, 4, 6, 3}, widths: wide, bottleneck: true, imageNet: true}).build},
	{"vit-tiny", "vision transformer of 6 blocks of width 192 on 4x4 patches", cifar, 0, vit{4, encoder(6, 192, 3)}.build},
	{"vit-b32", "vision transformer of 12 blocks of width 768 on 32x32 patches", imageNet, 0, vit{32, encoder(12, 768, 12)}.build},
	{"bert-tiny", "BERT of 2 layers of width 128, for texts of hashed words", shortText, bertTiny.vocabulary, bertTiny.build},
	{"bert-base", "BERT-base (Devlin et al. 2019): 12 layers of width 768", usualText, bertBase.vocabulary, bertBase.build},
}

// encoder is a transformer whose perceptrons are four times as wide.
func encoder(layers, width, heads int) nn.EncoderOptions {
	return nn.EncoderOptions{Layers: layers, Width: width, Heads: heads, Hidden: 4 * width}
}

var wide = []int{64, 128, 256, 512}

func cifarResNet(n int) func(nn.Builder, Options) nn.Layer {
	return (&resnet{blocks: []int{n, n, n}, widths: []int{16, 32, 64}, cifar20: true}).build
}

// Names returns the names of all networks.
func Names() (names []string) {
	for _, e := range List {
		names = append(names, e.Name)
	}
	return names
}

// Build returns a network by name.
func Build(name string, o Options) (*nn.Model, error) {
	i := slices.IndexFunc(List, func(e Entry) bool { return e.Name == name })
	switch {
	case i < 0:
		return nil, fmt.Errorf("unknown model %q; there are %s", name, strings.Join(Names(), ", "))
	case List[i].Vocabulary == 0 && len(o.Input) != 3:
		return nil, fmt.Errorf("%s: input shape %v; it must be height, width, channels", name, o.Input)
	case List[i].Vocabulary != 0 && len(o.Input) != 1:
		return nil, fmt.Errorf("%s: input shape %v; it is for texts, whose shape is the number of their tokens", name, o.Input)
	case o.Classes < 2:
		return nil, fmt.Errorf("%s: %d classes; there must be at least two", name, o.Classes)
	case o.Norm != "" && o.Norm != "batch" && o.Norm != "group":
		return nil, fmt.Errorf("%s: unknown normalisation %q; there are batch, group", name, o.Norm)
	}
	b := nn.NewBuilder()
	m, err := nn.NewModel(b, List[i].build(b, o), o.Input)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if List[i].Vocabulary != 0 {
		startAsBERT(m.Params)
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
			convNorm{p.Conv2d("conv", in, width, 3, nn.ConvOptions{Pad: 1, NoBias: true}), p.BatchNorm("bn", width)},
			nn.MaxPool(2, 2, 0))
		in = width
	}
	return append(net, nn.GlobalAvgPool, b.Linear("fc", in, o.Classes))
}
