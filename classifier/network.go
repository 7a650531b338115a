package classifier

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/network"
)

// Resize says which size of images, or how many tokens, the network of an ONNX file is to take,
// whatever the file says.
func (f *File) Resize(s data.Size) {
	channels := 3
	n, err := network.Find(f.Network())
	switch {
	case err != nil: // of building it
	case n.Texts != nil:
		f.Info.Input = []int{s.Height}
		return
	case n.Channels() > 0:
		channels = n.Channels()
	}
	f.Info.Input = []int{s.Height, s.Width, channels}
}

// CheckChannels is [Info.CheckChannels] of the network that the file is of, whose channels a file may say
// where it leaves the size open. Errors name the file.
func (f *File) CheckChannels(shape []int) error {
	i := f.Info
	if n, err := network.Find(f.Network()); err == nil && n.Channels() > 0 && len(shape) == 3 {
		i.Input = []int{shape[0], shape[1], n.Channels()}
	}
	if err := i.CheckChannels(shape); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return nil
}

// Choose says which output of the network of a file is meant, by its name; "" is the one that the file
// says, or the usual one. Names of classes that the file has for another number of outputs are left
// out. A file that holds no network, or has no such output, is an error.
func (f *File) Choose(output string) error {
	if output == "" {
		return nil
	}
	if f.Network() == "" {
		return fmt.Errorf("%s: an output is chosen of networks of ONNX files", f.Path)
	}
	n, err := network.Find(f.Network())
	if err == nil {
		n, err = n.WithOutput(output)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	f.Info.Output = output
	if outputs := n.Outputs(); outputs != 0 && outputs != len(f.Info.Classes) && f.Info.Classes != nil {
		f.Info.Classes = nil
		f.notes = append(f.notes, "its metadata name the classes of another output, which are left out")
	}
	return nil
}

// ownKeys are those that what is written here replaces.
var ownKeys = []string{keyInput, keyClasses, keyTargets, keyFeatures, keyNormalize, keyChannels, network.KeyOutput, keyMean, keyStd}

// foreignInfo reads what the metadata of another program's file say under our keys. What they mean
// otherwise is left out, and noted.
func foreignInfo(metadata map[string]string, outputs int) (i Info, notes []string) {
	note := func(key string) {
		notes = append(notes, fmt.Sprintf("its metadata have a %s of another kind (%s), which is left out", key, onnx.Show(metadata[key])))
	}
	if one, err := parseInfo(map[string]string{keyClasses: metadata[keyClasses]}); err != nil || one.Classes != nil && outputs != 0 && len(one.Classes) != outputs {
		note(keyClasses)
	} else {
		i.Classes = one.Classes
	}
	if one, err := parseInfo(map[string]string{keyNormalize: metadata[keyNormalize]}); err != nil {
		note(keyNormalize)
	} else {
		i.Normalize = one.Normalize
	}
	i.BGR = metadata[keyChannels] == "bgr"
	return i, notes
}

// Digest is that of the network that an ONNX file holds: its graph and weights.
func (f *File) Digest() (string, error) {
	n, err := network.Find(f.Network())
	if err != nil {
		return "", err
	}
	b, err := n.Marshal()
	if err != nil {
		return "", fmt.Errorf("%s: %w", f.Path, err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b)), nil
}

// SaveNetwork writes the network of an ONNX file as one: the file's nodes with the classifier's
// parameters, what the graph is to have beside them, and what it takes to use them as metadata properties. It is
// written whole or not at all. Classifiers of other networks are an error.
func SaveNetwork(path string, c *Classifier, in InGraph, extra map[string]string) error {
	n, ok := c.Net.Layer().(*network.Network)
	if !ok {
		return fmt.Errorf("%s: %s is no network of an ONNX file", path, c.Model)
	}
	m, err := n.Export(c.Theta)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	w := in.Wrapping(c.Normalize)
	output, err := n.Wrap(m, w)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	in.Normalize = w.Mean != nil
	metadata, err := c.onnxMetadata(in)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	delete(metadata, keyModel) // it is the file itself
	delete(metadata, keyNorm)
	if c.BGR {
		metadata[keyChannels] = "bgr"
	}
	if n.Chosen || output != n.Output {
		metadata[network.KeyOutput] = output
	}
	m.Metadata = slices.DeleteFunc(m.Metadata, func(p onnx.Property) bool { return slices.Contains(ownKeys, p.Key) }) // of the file before
	for k, v := range extra {
		metadata[k] = v
	}
	for _, k := range slices.Sorted(maps.Keys(metadata)) {
		m.SetProperty(k, metadata[k])
	}
	return m.WriteFile(path)
}
