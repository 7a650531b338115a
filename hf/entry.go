package hf

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
)

// entry is a directory's network as one of the list.
func entry(dir string) (models.Entry, error) {
	n, err := Find(dir)
	if err != nil {
		return models.Entry{}, err
	}
	n.once.Do(func() { n.entry, n.err = n.describeEntry(dir) })
	return n.entry, n.err
}

func (n *Network) describeEntry(dir string) (e models.Entry, err error) {
	info := &models.FileInfo{Outputs: n.outputs, Notes: append(slices.Clone(n.design.notes), n.notes...), New: n.missingHead()}
	if info.Properties, err = n.describe(); err != nil {
		return e, err
	}
	e = models.Entry{Name: dir, Info: n.design.name + " as Hugging Face publishes it", Input: n.design.input, Vocabulary: n.design.vocabulary, File: info, Build: n.build}
	if n.text != nil {
		e.Input = []int{n.text.length}
		if n.text.tokenizer != nil {
			e.Pairs = n.text.pack
		}
	}
	return e, nil
}

// missingHead names the parameters that the weights lack, by building the network.
func (n *Network) missingHead() []string {
	b := nn.NewBuilder()
	n.design.layers(b, n.design.input, max(n.outputs, 2))
	parts, err := b.Network()
	if err != nil {
		return nil
	}
	return n.fresh(&parts, false)
}

// describe is what the directory says of itself, under the keys of a file of weights. What is saved here has
// it in the weights.
func (n *Network) describe() (map[string]string, error) {
	m := map[string]string{}
	maps.Copy(m, n.properties)
	if strings.HasPrefix(m["input"], "[") && m["normalize"] != "" {
		return m, nil
	}
	for _, key := range []string{"input", "classes", "targets", "normalize", "channels", "features", "problem_type"} {
		delete(m, key)
	}
	set := func(key string, v any) error {
		b, err := json.Marshal(v)
		m[key] = string(b)
		return err
	}
	switch {
	case n.Preprocessor != nil:
		m["normalize"] = n.Preprocessor.Normalize.String()
	case n.text != nil:
		m["normalize"] = "none"
	}
	if err := set("input", n.Input()); err != nil {
		return nil, err
	}
	switch names := n.labels.names; {
	case n.outputs == 0:
	case n.labels.problem == "regression" || n.labels.problem == "multi_label_classification" || n.outputs == 1:
		if names == nil {
			for i := range n.outputs {
				names = append(names, fmt.Sprint(i))
			}
		}
		if m["problem_type"] = n.labels.problem; n.outputs == 1 {
			delete(m, "problem_type")
		}
		return m, set("targets", names)
	case names != nil:
		return m, set("classes", names)
	}
	return m, nil
}

// Input is the shape of an input that the directory says: height, width and channels of images, or how
// many tokens a text has unless somebody says otherwise.
func (n *Network) Input() []int {
	if n.text != nil {
		return []int{n.text.length}
	}
	return n.design.input
}

// InputOf is the shape of an input of another size.
func (n *Network) InputOf(height, width int) []int {
	if n.text != nil {
		return []int{height}
	}
	return []int{height, width, n.design.input[2]}
}
