package classifier

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/weights"
)

// Options say what a file of weights does not, or otherwise. What is empty is what the
// file says, or what is known of it.
type Options struct {
	Model, Norm string
	Normalize   string // as picture.ParseNormalization reads it
	Classes     []string
	Input       []int // as in Info
	// NewHead lets the last linear layer start anew where the file's is for another number
	// of classes than Classes.
	NewHead bool
}

// SourceUnknown is the source of a normalization that is none for want of knowledge.
const SourceUnknown = "nothing is known of the file"

// WarnUnknown is what is to be said where the source of a normalization is SourceUnknown.
func WarnUnknown() string {
	return "warning: if the network was trained on normalized pixels, results are wrong; choose with --normalize " + strings.Join(picture.NormalizationNames[1:], ", ")
}

// sourceOwn is the source of what a file that was saved here says.
const sourceOwn = "the file says so"

// errWords is the error of weights whose words are others: nothing in their shapes tells.
var errWords = errors.New("the file was not saved here, and its words are not the network's: published BERT models number the pieces of words by " +
	"a vocabulary of their own, this network hashes whole words, so that each would be given the meaning of another; " +
	"train the network from the beginning, or start from weights of it that were saved here")

// A File is a file of weights that was read, and what it says of itself.
type File struct {
	Path string
	// Info is what the file's metadata say, or what is known of a published checkpoint;
	// what neither tells is empty.
	Info   Info
	Source string // where Info is from; "" if there is none

	weights *weights.File // nil of a file that holds the network itself
	notes   []string      // on what it says
	fitted  []string      // on how its weights fit
}

// Network is the path of the file that holds the network itself, "" if it is one of
// models.Names.
func (f *File) Network() string {
	if models.IsFile(f.Info.Model) {
		return f.Info.Model
	}
	return ""
}

// Notes says what was done to make the file's weights fit the network, and what was left out:
// lines to print. They are of the last call of Load or Init.
func (f *File) Notes() []string { return slices.Concat(f.notes, f.fitted) }

// Open reads a file of weights. Errors name the file.
func Open(path string) (*File, error) { return OpenWith(path, weights.Options{}) }

// OpenWith is [Open] with options, which choose one of several networks in the file.
func OpenWith(path string, o weights.Options) (*File, error) {
	if models.IsFile(path) {
		return openNetwork(path, o)
	}
	file, err := weights.ReadWith(path, o)
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, weights: file}
	if _, ours := file.Metadata[keyModel]; ours && file.Format == weights.FormatSafetensors {
		if f.Info, err = parseInfo(file.Metadata); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		f.Source = sourceOwn
		if isBeside(f.Info.Model) {
			err = f.findGraph()
		}
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	sum, err := hashFile(path)
	if err != nil {
		return nil, err
	}
	f.Info, f.Source, _ = known(path, sum)
	return f, nil
}

// openNetwork opens a file that holds a network with its weights. What it does not say is empty.
func openNetwork(path string, o weights.Options) (*File, error) {
	e, err := models.Find(path)
	if err != nil {
		return nil, err
	}
	if o.Key != "" {
		return nil, fmt.Errorf("%s: it holds one network, so that no key chooses one", path)
	}
	f := &File{Path: path}
	metadata := e.File.Properties
	if !strings.HasPrefix(metadata[keyInput], "[") || metadata[keyNormalize] == "" { // what is saved here has both
		f.Info, f.notes = foreignInfo(metadata, e.File.Outputs)
	} else if f.Info, err = parseInfo(metadata); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if f.Info.Classes != nil && len(f.Info.Classes) != e.File.Outputs && e.File.Outputs != 0 {
		return nil, fmt.Errorf("%s: metadata %s names %d classes, the network has %d outputs", path, keyClasses, len(f.Info.Classes), e.File.Outputs)
	}
	if metadata[keyNormalize] != "" && f.notes == nil {
		f.Source = sourceOwn
	}
	if f.Info.Input == nil || len(e.Input) > 0 && numbers(f.Info.Input) != numbers(e.Input) {
		f.Info.Input = e.Input
	}
	f.Info.Model, f.Info.Norm = path, ""
	switch {
	case e.Vocabulary == 0 || e.Tokenizer != nil || e.Pairs != nil:
	case f.directory() != nil:
		return nil, fmt.Errorf("%s: %w", path, errNoTokenizer)
	case metadata[keyTokenizer] != "" && metadata[keyTokenizer] != hashedWords:
		return nil, fmt.Errorf("%s: its texts are cut into tokens by %.99s, which is not in the file: give the directory or the weights that lie beside it", path, metadata[keyTokenizer])
	case f.Source != sourceOwn:
		return nil, fmt.Errorf("%s: %w", path, errWords)
	}
	return f, nil
}

// hashFile returns a file's SHA-256 in hexadecimal.
func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// parseInfo reads the metadata that [Save] writes; what is missing is empty.
func parseInfo(metadata map[string]string) (Info, error) {
	i := Info{Model: metadata[keyModel], Norm: metadata[keyNorm], BGR: metadata[keyChannels] == "bgr", MultiLabel: metadata[keyProblem] == MultiLabel}
	for key, to := range map[string]any{keyInput: &i.Input, keyClasses: &i.Classes, keyTargets: &i.Targets, keyFeatures: &i.Features} {
		if s := metadata[key]; s != "" {
			if err := json.Unmarshal([]byte(s), to); err != nil {
				return i, fmt.Errorf("metadata %s is %.60q: it must be a JSON array: %w", key, s, err)
			}
		}
	}
	if s := metadata[keyNormalize]; s != "" {
		var err error
		if i.Normalize, err = picture.ParseNormalization(s); err != nil {
			return i, fmt.Errorf("metadata %s: %w", keyNormalize, err)
		}
	}
	return i, nil
}

// Load reads a file of weights and builds its network. Errors name the file; names of
// tensors that don't fit are one error with those nearest.
func Load(path string, o Options) (*Classifier, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	return f.Load(o)
}

// Load builds the network and sets its weights.
func (f *File) Load(o Options) (*Classifier, error) {
	c, err := f.load(o)
	if err != nil && !strings.HasPrefix(err.Error(), f.Path+": ") { // as that of the network in the file does
		err = fmt.Errorf("%s: %w", f.Path, err)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (f *File) load(o Options) (*Classifier, error) {
	c := &Classifier{Info: f.Info}
	if o.Model != "" {
		c.Model = o.Model
	}
	if o.Norm != "" {
		c.Norm = o.Norm
	}
	if c.Model == "" {
		return nil, errors.New("the file does not say which model it is of: choose one of " + strings.Join(models.Names(), ", "))
	}
	if o.Input != nil {
		c.Input = o.Input
	} else if c.Input == nil {
		c.Input = usualInput(c.Model)
	}
	if err := c.chooseNormalization(f, o.Normalize); err != nil {
		return nil, err
	}
	if o.Classes != nil && c.Targets != nil {
		return nil, fmt.Errorf("the network predicts numbers (%s), no classes to name: leave the classes off", quoted(c.Targets))
	}
	if o.Classes != nil {
		c.Classes = o.Classes
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.outputs() == nil && !f.KnowsOutputs() {
		return nil, f.unknownOutputs()
	}
	if f.weights == nil {
		return c, f.loadNetwork(c, o)
	}
	n, err := f.weightOutputs(c, o.NewHead)
	if err != nil {
		return nil, err
	}
	if err := c.nameClasses(n, o.NewHead); err != nil {
		return nil, err
	}
	if c.Net, err = c.build(len(c.outputs())); err != nil {
		return nil, err
	}
	c.Theta = make([]float32, c.Net.Size())
	c.Net.Init(c.Theta, 1)
	_, err = f.set(c.Net, c.Theta, o.NewHead)
	return c, err
}

// weightOutputs returns for how many classes or targets the weights are, 0 if that is not known: as
// many as the graph has that they are of, or as their own head has.
func (f *File) weightOutputs(c *Classifier, newHead bool) (int, error) {
	if f.Network() != "" {
		return f.fileOutputs(), nil
	}
	trial, err := c.build(2)
	if err != nil {
		return 0, err
	}
	n, err := f.outputs(trial)
	if err == nil && n == 0 && !newHead && f.otherHead(trial) {
		err = fmt.Errorf("the file has no %s, the last layer: train one from it, with 'init' and 'head new'", headNames(trial)[0])
	}
	return n, err
}

// numbers is how many numbers an input of a shape has.
func numbers(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// loadNetwork builds the network of a file that holds it, whose parameters start with its weights.
func (f *File) loadNetwork(c *Classifier, o Options) error {
	if err := f.checkWhole(); err != nil && !o.NewHead {
		return err
	}
	n := f.fileOutputs()
	if n == 1 && c.Targets == nil && !o.NewHead {
		return errors.New("its network has one output, a number or that of one of two classes: 'head new' trains one with an output for each class")
	}
	if err := c.nameClasses(n, o.NewHead); err != nil {
		return err
	}
	if c.Input == nil {
		return errors.New("the file leaves the size of its inputs open: say it with --size, HEIGHTxWIDTH of images, the tokens of texts")
	}
	var err error
	if c.Net, err = c.build(len(c.outputs())); err != nil {
		return err
	}
	c.Theta = c.Net.NewTheta(1)
	return nil
}

// fileOutputs is how many outputs the network of a file has, 0 if that is not known.
func (f *File) fileOutputs() int {
	if f.Network() == "" {
		return 0
	}
	e, err := models.Find(f.Info.Model)
	if err != nil {
		return 0 // building it is an error
	}
	if f.Info.Output == "" || e.File.OutputsOf == nil {
		return e.File.Outputs
	}
	n, err := e.File.OutputsOf(f.Info.Output)
	if err != nil {
		return 0 // likewise
	}
	return n
}

// outputs returns for how many classes or targets the file's head is, 0 if it has none. The
// model's may be for another number.
func (f *File) outputs(m *nn.Model) (int, error) {
	want, may := m.Specs()
	head := headNames(m)
	for i := range want {
		if slices.Contains(head, want[i].Name) {
			want[i].Shape = nil
		}
	}
	fitted, err := f.weights.Fit(want, may)
	if err != nil {
		return 0, err
	}
	for _, name := range head {
		for _, t := range fitted.Tensors {
			if t.Name == name && len(t.Shape) > 0 && len(t.Data) >= t.Shape[0] {
				return t.Shape[0], nil
			}
		}
	}
	return 0, nil
}

func headNames(m *nn.Model) (names []string) {
	for _, p := range m.Head() {
		names = append(names, p.Name)
	}
	return names
}

// set sets a network's weights, see [Init].
func (f *File) set(m *nn.Model, theta []float32, newHead bool) (kept []string, err error) {
	if m.HashedWords && f.Source != sourceOwn {
		return nil, errWords
	}
	if f.weights == nil { // its parameters have started with the file's weights
		if newHead {
			kept = headNames(m)
		}
		return kept, nil
	}
	want, may := m.Specs()
	if newHead {
		want, may = withoutHead(m, want, may)
	}
	fitted, err := f.weights.Fit(want, may)
	if err != nil {
		return nil, err
	}
	f.fitted = fitted.Notes
	if newHead && f.Network() != "" { // it begins anew for as many classes as well
		head := headNames(m)
		fitted.Tensors = slices.DeleteFunc(slices.Clone(fitted.Tensors), func(t weights.Tensor) bool { return slices.Contains(head, t.Name) })
	}
	kept, err = m.LoadStateDictWith(theta, fitted.Tensors, nn.LoadOptions{NewHead: newHead})
	if d := f.directory(); err != nil && d != nil && len(d.NotesAt(f.Info.Input)) > 0 {
		err = fmt.Errorf("%w; for images of another size give the directory, %s", err, f.Network())
	}
	if err != nil && !newHead && f.otherHead(m) {
		err = fmt.Errorf("%w; only the last layer differs, which 'head new' begins anew in training", err)
	}
	return kept, err
}

// withoutHead lets the head be there or not.
func withoutHead(m *nn.Model, want, may []weights.Spec) (rest, more []weights.Spec) {
	head := headNames(m)
	for _, s := range want {
		if slices.Contains(head, s.Name) {
			may = append(may, weights.Spec{Name: s.Name})
		} else {
			rest = append(rest, s)
		}
	}
	return rest, may
}

// otherHead reports whether all but the head fits.
func (f *File) otherHead(m *nn.Model) bool {
	want, may := m.Specs()
	want, may = withoutHead(m, want, may)
	fitted, err := f.weights.Fit(want, may)
	if err != nil || !fitted.Complete {
		return false
	}
	_, err = weights.Match(want, fitted.Tensors, weights.MatchOptions{Unexpected: append(headNames(m), "*.num_batches_tracked")})
	return err == nil
}

// usualInput returns the input that a model is usually used with, nil for an unknown one.
func usualInput(model string) []int {
	e, _ := models.Find(model)
	return slices.Clone(e.Input)
}

func (c *Classifier) chooseNormalization(f *File, option string) (err error) {
	switch {
	case option != "":
		c.Source = "chosen"
		if c.Normalize, err = picture.ParseNormalization(option); err == nil {
			err = f.CheckNormalization(c.Normalize)
		}
	case f.Source != "":
		c.Source = f.Source
	default:
		c.Source = SourceUnknown
	}
	return err
}

func (c *Classifier) build(classes int) (*nn.Model, error) {
	o := models.Options{Input: c.Input, Classes: classes, Regression: c.Targets != nil && !c.MultiLabel, MultiLabel: c.MultiLabel, Norm: c.Norm}
	if models.IsFile(c.Model) {
		o.Norm, o.Restore, o.BGR, o.Output = "", c.Norm == NormRestored, c.BGR, c.Output
	}
	return models.Build(c.Model, o)
}

// NormRestored is the Norm of networks of files whose batch normalisation was put back.
const NormRestored = "restored"

// Bounds on what a file's metadata may ask for.
const (
	maxInput   = 1 << 22 // numbers of an input
	maxClasses = 1 << 16
)

// check bounds what the network is built for.
func (i *Info) check() error {
	n := 1
	for _, d := range i.Input {
		if d <= 0 || d > maxInput/n {
			return fmt.Errorf("inputs of shape %v; every dimension must be positive, with at most %d numbers", i.Input, maxInput)
		}
		n *= d
	}
	if i.Features != nil && i.Input != nil && len(i.Features) != n {
		return fmt.Errorf("%d features are named for inputs of shape %v", len(i.Features), i.Input)
	}
	if n := len(i.outputs()); n > maxClasses {
		return fmt.Errorf("%d classes; there may be %d", n, maxClasses)
	}
	if i.MultiLabel && i.Targets == nil {
		return fmt.Errorf("metadata %s is %s, but no targets name the labels", keyProblem, MultiLabel)
	}
	if i.Targets != nil && i.Classes != nil {
		return errors.New("classes and targets are both named; a network has one of them")
	}
	return nil
}

// nameClasses numbers the classes if nobody names them, and holds their count, or that of
// the targets, against the n of the file's head, which is 0 if it has none.
func (c *Classifier) nameClasses(n int, newHead bool) error {
	switch {
	case c.Targets != nil && n != 0 && n != len(c.Targets) && !newHead:
		return fmt.Errorf("the weights have %d outputs, not one for each of %s", n, quoted(c.Targets))
	case c.Targets != nil:
	case n == 0 && c.Classes == nil:
		c.Classes = numbered(2) // the file is of another model, whose names the error will list
	case c.Classes == nil:
		c.Classes = numbered(n)
	case n != 0 && n != len(c.Classes) && !newHead:
		return fmt.Errorf("the weights tell %d classes apart, not the %d of %s", n, len(c.Classes), quoted(c.Classes))
	}
	return nil
}

// quoted lists the first of some names.
func quoted(names []string) string {
	const most = 5
	s := fmt.Sprintf("%q", names[:min(len(names), most)])
	if len(names) > most {
		s = strings.TrimSuffix(s, "]") + " ...]"
	}
	return s
}

// Init sets a model's parameters and buffers from a file of weights. With newHead the
// last linear layer keeps its values where the file's has another number of classes or
// is missing. It returns the names of the parameters that kept theirs. Errors name the
// file and change nothing.
func Init(m *nn.Model, theta []float32, path string, newHead bool) (kept []string, err error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	return f.Init(m, theta, newHead)
}

// Init is the function Init, of a file that was read.
func (f *File) Init(m *nn.Model, theta []float32, newHead bool) (kept []string, err error) {
	if kept, err = f.set(m, theta, newHead); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return kept, nil
}
