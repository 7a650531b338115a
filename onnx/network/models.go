package network

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/weights"
)

// End is the end of the names of ONNX files.
const End = ".onnx"

func init() { models.RegisterFile(End, entry) }

// entry is a file's network as one of the list.
func entry(path string) (models.Entry, error) {
	f, err := last.open(path)
	if err != nil {
		return models.Entry{}, err
	}
	info := &models.FileInfo{Properties: map[string]string{}}
	for _, p := range f.Metadata {
		info.Properties[p.Key] = p.Value
	}
	info.Outputs = f.Outputs()
	info.OutputsOf = func(output string) (int, error) {
		g, err := f.WithOutput(output)
		if err != nil {
			return 0, err
		}
		return g.Outputs(), nil
	}
	if f.Folded() {
		info.Folded = "its convolutions have no batch normalisation, as where that was folded into them: train with a small learning rate, " +
			"or put it back with --batch-norm restore"
	}
	if note := f.UntiedNote(); note != "" {
		info.Notes = append(info.Notes, note)
	}
	e := models.Entry{Name: path, Info: "network of an ONNX file", Input: f.Input(), File: info}
	if f.Texts != nil {
		e.Vocabulary = f.vocabulary()
	}
	if f.madeFor != 0 {
		e.Verify = func(m *nn.Model) error { return alike(m, f.madeFor) }
	}
	e.Build = func(b nn.Builder, o models.Options) nn.Layer { return f.build(b, o) }
	return e, nil
}

// build makes the network for as many outputs as are wanted.
func (f *File) build(b nn.Builder, o models.Options) nn.Layer {
	f, err := f.WithOutput(o.Output)
	if err != nil {
		b.Fail("%v", err)
		return nil
	}
	n, has := Options{Input: o.Input, BGR: o.BGR, Restore: o.Restore}, f.classes()
	switch {
	case o.NewHead:
		n.Classes = o.Classes
	case has == 1 && o.Classes == 2 && !o.Regression:
		b.Fail("the file has one output, as of one of two classes; 'head new' begins its last layer anew in training, with an output for each")
	case has != 0 && o.Classes != has:
		b.Fail("the file tells %d classes apart, not %d; 'head new' begins its last layer anew in training", has, o.Classes)
	}
	if o.MultiLabel && strings.HasSuffix(f.Closing, "Softmax") {
		b.Fail("the file closes with a %s, which makes one class of several likely; labels of which any may apply have a probability each", f.Closing)
	}
	if o.Regression { // the numbers to predict are those that the file gives
		if f, err = f.throughEnd(); err != nil {
			b.Fail("%v", err)
			return nil
		}
	}
	if un := f.Unsupported(); len(un) > 0 {
		b.Fail("it has operators that are not supported: %s", listed(un))
	}
	return f.Layer(b, n)
}

// alike returns an error unless examples beside each other give what they give alone. A file that
// was made for a batch of one size has that in its shapes, and where it stands for the batch, and
// where for something else, can't always be told.
func alike(m *nn.Model, made int) error {
	const n = 3
	one, theta := m.InputLen(), m.NewTheta(1)
	x := make([]float32, n*one)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range x {
		x[i] = rng.Float32()
		if m.Tokens() {
			x[i] = float32(1 + rng.IntN(9))
		}
	}
	both, err := m.Logits(theta, x)
	if err != nil {
		return err
	}
	both = slices.Clone(both)
	top := 0.
	for _, v := range both {
		top = max(top, math.Abs(float64(v)))
	}
	row := len(both) / n
	for k := range n {
		alone, err := m.Logits(theta, x[k*one:(k+1)*one])
		if err != nil {
			return err
		}
		for i, v := range alone {
			if d := math.Abs(float64(v - both[k*row+i])); !(d <= 1e-3*top) && !math.IsNaN(d) {
				return fmt.Errorf("examples beside each other are mixed: %s", fixedBatch(made))
			}
		}
	}
	return nil
}

// listed names the first of some things.
func listed(list []string) string {
	const most = 5
	if len(list) > most {
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
	}
	return strings.Join(list, ", ")
}

// Input returns the shape of one input as the file says it: height, width and channels of images,
// tokens of texts, 1 x 1 x n of n numbers. Nil is what the file leaves open.
func (f *File) Input() []int {
	switch {
	case f.Images != nil && f.Images.Height > 0 && f.Images.Width > 0 && f.Images.channels > 0:
		return []int{f.Images.Height, f.Images.Width, f.Images.channels}
	case f.Texts != nil && f.Texts.Tokens > 0:
		return []int{f.Texts.Tokens}
	case f.Vector != "" && f.width > 0:
		return []int{1, 1, f.width}
	}
	return nil
}

// Channels returns those of images, 0 if the network takes none, or the file does not say.
func (f *File) Channels() int {
	if f.Images == nil {
		return 0
	}
	return f.Images.channels
}

// Check builds the network for a minibatch of two and of the file's own size of inputs, which is
// usual if the file leaves it open, and returns why that can't be done.
func (f *File) Check() error {
	_, err := f.trial()
	return err
}

// CheckTraining returns why the network, which can be built, can't be trained: an operator that it needs
// has no gradient.
func (f *File) CheckTraining() error {
	p, err := f.trial()
	if err != nil || p == nil {
		return err
	}
	return p.blocked
}

// CheckTraining is that of the file at the size of inputs that the network was built for.
func (n *Network) CheckTraining() error {
	p, err := n.plan(1, n.options.Input)
	if err != nil {
		return err
	}
	return p.blocked
}

// trial is the plan of [File.Check], nil if the file leaves open how many numbers it takes.
func (f *File) trial() (*plan, error) {
	input := f.Input()
	if input == nil {
		switch {
		case f.Images != nil:
			input = []int{cmp.Or(f.Images.Height, usualSide), cmp.Or(f.Images.Width, usualSide), cmp.Or(f.Images.channels, 3)}
		case f.Texts != nil:
			input = []int{usualTokens}
		default:
			return nil, nil
		}
	}
	if un := f.Unsupported(); len(un) > 0 {
		return nil, fmt.Errorf("operators that are not supported: %s", listed(un))
	}
	b := nn.NewBuilder()
	n := f.Layer(b, Options{Input: input})
	if _, err := b.Network(); err != nil {
		return nil, err
	}
	return n.plan(2, input)
}

// Outputs returns how many numbers the network gives for each input, 0 if that is not known.
func (f *File) Outputs() int {
	if n := f.classes(); n != 0 {
		return n
	}
	p, err := f.trial()
	if err != nil || p == nil {
		return 0 // whoever builds it is told why
	}
	return p.outputs[0].shape[1]
}

const (
	usualSide   = 224 // of images
	usualTokens = 64  // of texts
)

// vocabulary returns how many tokens there are: the rows of the table that they are looked up in.
func (f *File) vocabulary() int {
	for _, n := range f.nodes {
		if n.Op == "Gather" && len(n.Inputs) == 2 && n.Inputs[1] == f.Texts.ids {
			if t := f.tensors[n.Inputs[0]]; t != nil && len(t.Dims) == 2 {
				return t.Dims[0]
			}
		}
	}
	return 1 << 31
}

// last keeps the file that was opened last: commands ask for it several times.
var last cache

type cache struct {
	sync.Mutex
	path string
	info os.FileInfo
	file *File
}

func (c *cache) open(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	c.Lock()
	defer c.Unlock()
	if c.file != nil && c.path == path && os.SameFile(c.info, info) && c.info.Size() == info.Size() && c.info.ModTime().Equal(info.ModTime()) {
		return c.file, nil
	}
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	c.path, c.info, c.file = path, info, f
	return f, nil
}

// Find returns the network of a file, which may have been opened before.
func Find(path string) (*File, error) { return last.open(path) }

// StateDict returns what is trained, and the running statistics, under the file's names and in its
// shapes.
func (f *File) StateDict() (list []weights.Tensor, err error) {
	add := func(name string, t *onnx.Tensor) error {
		v, err := t.Floats()
		list = append(list, weights.Tensor{Name: name, Shape: append([]int{}, t.Dims...), Data: v})
		return err
	}
	for _, p := range f.parameters {
		if err := add(p.name, p.tensor); err != nil {
			return nil, err
		}
	}
	for _, n := range f.normalized {
		for _, name := range n.Inputs[3:5] {
			if err := add(name, f.tensors[name]); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// ParameterTensors returns the tensors that are trained: names and shapes of the file.
func (f *File) ParameterTensors() (list []*onnx.Tensor) {
	for _, p := range f.parameters {
		t := *p.tensor
		t.Name = p.name
		list = append(list, &t)
	}
	return list
}
