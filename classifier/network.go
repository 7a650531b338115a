package classifier

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/hf"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/network"
	"github.com/monge-ml/monge/weights"
)

// Resize says which size of images, or how many tokens, the network of an ONNX file is to take,
// whatever the file says.
func (f *File) Resize(s data.Size) {
	channels := 3
	if d := f.directory(); d != nil {
		f.Info.Input = d.InputOf(s.Height, s.Width)
		return
	}
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
// says, or the usual one. Names of classes or targets that the file has for another output are left
// out. A file that holds no network, or has no such output, is an error.
func (f *File) Choose(output string) error {
	if output == "" {
		return nil
	}
	if f.Network() == "" {
		return fmt.Errorf("%s: an output is chosen of networks of ONNX files", f.Path)
	}
	if f.directory() != nil {
		return fmt.Errorf("%s: it has one output, and none to choose: leave --output off", f.Path)
	}
	was, err := network.Find(f.Network())
	n := was
	if err == nil {
		n, err = was.WithOutput(output)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	f.Info.Output = output
	f.renameOutputs(n.Outputs(), f.own() && n.Output != was.Output)
	return nil
}

// renameOutputs leaves out names that are of another output: those of another number of outputs, or
// all where it is known.
func (f *File) renameOutputs(n int, other bool) {
	i, what := &f.Info, ""
	if i.Classes != nil && (other || n != 0 && n != len(i.Classes)) {
		i.Classes, what = nil, "classes"
	}
	if i.Targets != nil && n != 0 && (other || n != len(i.Targets)) {
		i.Targets, i.MultiLabel, what = numbered(n), false, "targets"
	}
	if what != "" {
		f.notes = append(f.notes, "its metadata name the "+what+" of another output, which are left out")
	}
}

// own reports whether the network's file was written here, so that its names are of the output that
// it says.
func (f *File) own() bool {
	m := f.graphProperties()
	return strings.HasPrefix(m[keyInput], "[") && m[keyNormalize] != ""
}

// graphProperties are what the file of the network says of itself, nil if there is none.
func (f *File) graphProperties() map[string]string {
	if f.Network() == "" {
		return nil
	}
	e, err := models.Find(f.Network())
	if err != nil {
		return nil // building it is an error
	}
	return e.File.Properties
}

// findGraph finds the file of the network that lies beside weights. One of other weights, which may have other
// constants, is an error.
func (f *File) findGraph() error {
	m := f.Info.Model
	if !filepath.IsLocal(m) {
		return fmt.Errorf("%s: its network is in %q, which is no file beside it", f.Path, m)
	}
	f.Info.Model = filepath.Join(filepath.Dir(f.Path), m)
	if _, err := os.Stat(f.Info.Model); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: its network is in %s, which is not there: copy it beside the weights, as the run has them", f.Path, f.Info.Model)
	}
	e, err := models.Find(f.Info.Model)
	if err != nil {
		return err
	}
	if is := f.weights.Metadata[keyDigest]; is != "" && is != e.File.Properties[keyDigest] {
		return fmt.Errorf("%s: %s beside it is the network of other weights (metadata %s differ): copy the one beside the weights that their run has", f.Path, f.Info.Model, keyDigest)
	}
	return nil
}

// keyDigest is the digest of the weights, which a run gives its files.
const keyDigest = "sha256"

// CheckNormalization returns an error for pixels that are normalized before the network of a file that does
// so itself.
func (f *File) CheckNormalization(n picture.Normalization) error {
	in := f.graphProperties()[keyInGraph]
	if none := (picture.Normalization{}).String(); in == "" || in == none || len(n.Mean) == 0 {
		return nil
	}
	if _, err := picture.ParseNormalization(in); err != nil {
		return nil // it is another program's, and may mean anything
	}
	return fmt.Errorf("%s: the network's file normalizes pixels in its graph (%s), and they would be normalized twice: leave --normalize off", f.Path, in)
}

// KnowsOutputs reports whether the network of a file tells how many outputs it has: if not, somebody has to
// name its classes. Networks of the list do.
func (f *File) KnowsOutputs() bool { return f.Network() == "" || f.fileOutputs() != 0 }

// unknownOutputs is the error of a network whose outputs can't be numbered. Where they are no row of classes,
// that is what it says.
func (f *File) unknownOutputs() error {
	if hf.IsDirectory(f.Network()) {
		return f.checkWhole()
	}
	n, err := network.Find(f.Network())
	if err == nil {
		n, err = n.WithOutput(f.Info.Output)
	}
	if err != nil {
		return err
	}
	const say = "no layer of the file is known to make the outputs: name the classes in their order (--classes a,b,...)"
	switch err := n.Check(); {
	case err == nil:
		return errors.New(say)
	case n.Input() == nil: // it may be another at another size
		return fmt.Errorf("%s; at a usual size of inputs there are none: %w", say, err)
	default:
		return err
	}
}

// ownKeys are those that what is written here replaces.
var ownKeys = []string{keyInput, keyClasses, keyTargets, keyProblem, keyFeatures, keyNormalize, keyChannels, network.KeyOutput, keyMean, keyStd}

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

// Digest is that of the network of an ONNX file: its graph and weights, and those beside it.
func (f *File) Digest() (string, error) {
	b, err := f.marshal()
	if err != nil {
		return "", fmt.Errorf("%s: %w", f.Path, err)
	}
	sum := sha256.New()
	sum.Write(b)
	if f.weights != nil { // which take the place of those in the graph
		if err := weights.WriteSafetensors(sum, f.weights.Tensors, nil); err != nil {
			return "", fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), nil
}

// marshal is the network of a file as bytes that tell it from others.
func (f *File) marshal() ([]byte, error) {
	if hf.IsDirectory(f.Network()) {
		d, err := hf.Find(f.Network())
		if err != nil {
			return nil, err
		}
		return d.Digest()
	}
	n, err := network.Find(f.Network())
	if err != nil {
		return nil, err
	}
	return n.Marshal()
}

// NetworkOf returns the path of the file that holds the network of weights: the file itself, or one beside
// it that its metadata name; "" if there is none such.
func NetworkOf(path string) string {
	if models.IsFile(path) {
		return path
	}
	if path == "" {
		return ""
	}
	metadata, err := weights.Metadata(path)
	if m := metadata[keyModel]; err == nil && isBeside(m) && filepath.IsLocal(m) {
		return filepath.Join(filepath.Dir(path), m)
	}
	return ""
}

// isBeside reports whether a model that weights name is a file or a directory beside them. Directories have a
// slash at their end.
func isBeside(model string) bool { return strings.HasSuffix(model, "/") || models.IsFile(model) }

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
