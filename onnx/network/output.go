package network

import (
	"fmt"
	"slices"
	"strings"

	"github.com/monge-ml/monge/onnx"
)

// KeyOutput is the metadata property by which a file names the output that was trained.
const KeyOutput = "output"

// WithOutput is the file with another output, by its name, as what is trained; "" is the one of f.
func (f *File) WithOutput(name string) (*File, error) {
	if name == "" || name == f.Output {
		return f, nil
	}
	r := f.read
	r.output = name
	return f.again(r)
}

// throughEnd is the file with what closes its graph as a part of what is trained.
func (f *File) throughEnd() (*File, error) {
	if f.Closing == "" || f.read.closed {
		return f, nil
	}
	r := f.read
	r.closed = true
	return f.again(r)
}

// again looks the file's graph through for something else.
func (f *File) again(r reading) (*File, error) {
	g, err := r.of(f.Model)
	if err != nil {
		return nil, err
	}
	g.Path, g.untied = f.Path, f.untied
	return g, nil
}

// findOutput finds the output that is trained: the one that was chosen, now or when the file was
// written, or the usual one.
func (f *File) findOutput() error {
	list, name := floatOutputs(f.Graph), f.read.output
	f.output = usualOutput(f.Graph)
	usual := f.output
	if name == "" {
		if was, ok := f.Property(KeyOutput); ok && slices.Contains(list, was) { // it may mean anything
			name = was
		}
	}
	if name != "" && !slices.Contains(list, name) {
		for i, s := range list {
			list[i] = onnx.Show(s)
		}
		return fmt.Errorf("there is no output %s of floating point; there are %s", onnx.Show(name), listed(list))
	}
	if name != "" {
		f.output = name
	}
	f.Output, f.Chosen = f.output, f.output != usual
	return nil
}

// floatOutputs are the names of the outputs that may be trained.
func floatOutputs(g *onnx.Graph) (names []string) {
	for _, v := range g.Outputs {
		if v.Other == "" && (v.DType.IsFloat() || v.DType == 0) {
			names = append(names, v.Name)
		}
	}
	return names
}

// usualOutput is the output called logits, or else the first of floating point. Where a file has
// none but labels and a map of probabilities, as scikit-learn's classifiers do, it is what the map
// is made of.
func usualOutput(g *onnx.Graph) string {
	list := g.Outputs
	name := list[0].Name
	if floats := floatOutputs(g); len(floats) > 0 {
		name = floats[0]
	}
	for _, v := range list {
		if v.Other == "" && strings.EqualFold(v.Name, "logits") {
			name = v.Name
		}
	}
	for _, v := range list {
		if n := makersOf(g.Nodes)[v.Name]; v.Other != "" && n != nil && n.Op == "ZipMap" && len(n.Inputs) == 1 && name == list[0].Name && !list[0].DType.IsFloat() {
			name = n.Inputs[0]
		}
	}
	return name
}

// openEnd finds what closes the graph: a softmax, its logarithm in one node or two, or a sigmoid.
// The output moves before it, unless it is trained through.
func (f *File) openEnd() {
	makers, log := makersOf(f.Graph.Nodes), false
	f.logits = f.output
	for name := f.output; ; {
		n := makers[name]
		if n == nil || len(n.Inputs) == 0 {
			return
		}
		f.behind[name] = true
		switch {
		case n.Op == "Softmax" || !log && (n.Op == "LogSoftmax" || n.Op == "Sigmoid"):
			f.Closing, f.logits = n.Op, n.Inputs[0]
			if log {
				f.Closing = "LogSoftmax"
			}
			if !f.read.closed {
				f.output = f.logits
			}
			return
		case n.Op == "Log" && !log:
			log = true
		case !slices.Contains([]string{"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze"}, n.Op):
			return
		}
		name = n.Inputs[0]
	}
}
