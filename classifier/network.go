package classifier

import (
	"fmt"
	"maps"
	"slices"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/onnx/network"
)

// Resize says which size of images the network of an ONNX file is to take, whatever the file says.
func (f *File) Resize(s data.Size) {
	channels := 3
	if n, err := network.Find(f.Network()); err == nil && n.Channels() > 0 {
		channels = n.Channels()
	}
	f.Info.Input = []int{s.Height, s.Width, channels}
}

// SaveNetwork writes the network of an ONNX file as one: the file's nodes with the classifier's
// parameters, and what it takes to use them as metadata properties. It is written whole or not at
// all. Classifiers of other networks are an error.
func SaveNetwork(path string, c *Classifier, extra map[string]string) error {
	n, ok := c.Net.Layer().(*network.Network)
	if !ok {
		return fmt.Errorf("%s: %s is no network of an ONNX file", path, c.Model)
	}
	m, err := n.Export(c.Theta)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	metadata, err := c.metadata()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	delete(metadata, keyModel) // it is the file itself
	delete(metadata, keyNorm)
	for k, v := range extra {
		metadata[k] = v
	}
	for _, k := range slices.Sorted(maps.Keys(metadata)) {
		m.SetProperty(k, metadata[k])
	}
	return m.WriteFile(path)
}
