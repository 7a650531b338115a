// Package supervised trains networks on examples with labels: images and texts by class, or
// anything with numbers to predict. It is the kind of task that monge train begins.
package supervised

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/hf"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/train"
)

// Name is the kind's.
const Name = "supervised"

// The files that a run leaves in its directory.
const (
	WeightsFile = "weights.safetensors" // the final weights
	BestFile    = "best.safetensors"    // the best weights on the validation split
)

// Settings are the task's own.
type Settings struct {
	Data         string    `json:"data" help:"data set, as 'monge data info' takes it: digits, cifar10:DIR, imagefolder:DIR, ...; or pairs of images and captions: coco:DIR, ..." is:"examples,spec"`
	Size         data.Size `json:"size,omitzero" help:"height and width that images of files are brought to, as in 48x192, or one number for both (default theirs), or tokens of a text (default 64, or what a published network says)" is:"examples"`
	Crop         bool      `json:"crop,omitempty" help:"with --size: cut the centre out instead of squeezing" is:"examples"`
	Classes      []string  `json:"classes,omitempty" help:"keep these classes alone" is:"examples"`
	Val          float64   `json:"val,omitempty" help:"share (below 1) or number of the training examples that validate, where the data set has no validation split" is:"examples"`
	Fold         data.Fold `json:"fold,omitzero" help:"validate on this part of the training examples in place of --val, by class alike: 2of5 is the second of five (a study's folds are all of them)" is:"examples"`
	Subset       int       `json:"subset,omitempty" help:"train on so many examples, by class alike (default all)" is:"examples"`
	TestSubset   int       `json:"test_subset,omitempty" help:"test on so many examples, by class alike (default all)" is:"examples"`
	DataSeed     uint64    `json:"data_seed,omitempty" help:"seed of what --val and the subsets draw" is:"examples,free"`
	SkipDamaged  bool      `json:"skip_damaged,omitempty" help:"leave out examples whose files can't be read, in place of stopping before the first step" is:"examples,idle"`
	LabelNoise   float64   `json:"label_noise" help:"share of training labels replaced by uniform ones" is:"free"`
	PixelDropout float64   `json:"pixel_dropout,omitempty" help:"share of the numbers of training examples set to 0, once for all epochs" is:"free"`
	Copies       int       `json:"copies,omitempty" help:"train on so many copies of each example, each with label noise and pixel dropout of its own (default 1)"`
	Unsorted     bool      `json:"unsorted,omitempty" help:"leave examples in the order that the seed shuffles them into; else minibatches of texts of a published network are put together by length, so that little is padded"`
	Normalize    string    `json:"normalize,omitempty" help:"normalisation of pixels: a preset or mean and deviation (default by --init and --data)" is:"decided"`

	Pad    int     `json:"pad,omitempty" help:"augment by random crops from images padded by so many pixels"`
	Flip   bool    `json:"flip,omitempty" help:"augment by mirroring half of the images"`
	Cutout int     `json:"cutout,omitempty" help:"augment by blanking a square of this side"`
	Mixup  float64 `json:"mixup,omitempty" help:"augment by mixing examples, by a share drawn from Beta(mixup, mixup)"`

	Model     string   `json:"model" help:"model, see 'monge models'"`
	Norm      string   `json:"norm,omitempty" help:"normalisation of residual networks: batch, group (default batch)"`
	Init      string   `json:"init,omitempty" help:"what to start from: weights (safetensors or a PyTorch checkpoint), a network with its weights (ONNX), or its directory as Hugging Face publishes it" is:"free,path"`
	Head      string   `json:"head,omitempty" help:"'new' begins the last layer anew: that of an ONNX file, or a classifier layer of another class count" is:"free"`
	Key       string   `json:"weights_key,omitempty" help:"which network of the --init file to start from, where it has several: the key that it lies under, as state_dict_ema" is:"free"`
	BatchNorm string   `json:"batch_norm,omitempty" help:"batch normalisation in training: by the minibatch's statistics (default), 'frozen' as it is, or for an ONNX file that had it folded away 'restore'"`
	Channels  string   `json:"channels,omitempty" help:"order of the channels that an ONNX file's network takes: rgb (default), bgr" is:"free"`
	Output    string   `json:"output,omitempty" help:"which output of an ONNX file's network is trained, by its name, where it has several (default logits, or the first)" is:"free"`
	Freeze    []string `json:"freeze,omitempty" help:"parameters to leave as they are: names or patterns like 'layer[12]' or '*.bias'; trunk is all but the last layer"`
	nn.LoRA

	Onnx []string `json:"onnx,omitempty" help:"what model.onnx has in its graph beside the network: normalize (pixels are then given in [0, 1]), softmax (probabilities of classes), sigmoid (of labels); or none, to write no such file" is:"idle"`

	Problem      string   `json:"problem,omitempty" help:"what the outputs say: single_label_classification, multi_label_classification (any label may apply), regression (default by the data: several targets that are all 0 or 1 are labels)" is:"decided"`
	ClassWeights []string `json:"class_weights,omitempty" help:"weights of the classes in the training loss, a weighted mean over the minibatch: 'balanced' (classes that are rare weigh more), or a number for each, in their order" is:"free"`
	Measures     []string `json:"measures,omitempty" help:"measures to take before the usual ones, of which the first decides which weights are best and when to stop: f1, f1_macro, f1_micro, mcc, ... (default accuracy, micro F1 of labels, RMSE of numbers)" is:"free"`

	Smoothing float64 `json:"label_smoothing,omitempty" help:"share of the target spread evenly over the classes" is:"free" place:"microbatch"`
}

func init() {
	train.Register(train.Kind{
		Name: Name, Info: "data with classes or targets", Settings: Settings{Data: "digits", Val: .1, Model: defaultModel}, Rest: true,
		Check: check, Open: open, Model: modelOf, Weights: WeightsFile, Measurable: measurable, Lost: lost,
	})
}

// Default returns the settings of the digits experiment: the MLP on clean labels, trained by
// SGD with momentum 0.9.
func Default() train.Config {
	k, err := train.FindKind(Name)
	if err != nil {
		panic(err) // init has registered it
	}
	return train.DefaultOf(k)
}

// Of returns the task's settings of a config, whose task must be of this kind.
func Of(c *train.Config) Settings { return c.Own.(Settings) }

// Change changes the task's settings of a config.
func Change(c *train.Config, change func(s *Settings)) {
	s := Of(c)
	change(&s)
	c.Own = s
}

// check returns an error for settings that the parts they configure would not see.
func check(c *train.Config) error {
	switch s := Of(c); {
	case !(s.Smoothing >= 0 && s.Smoothing <= 1):
		return fmt.Errorf("label-smoothing is %g; it must be from 0 to 1", s.Smoothing)
	case s.Problem != "" && !slices.Contains(classifier.Problems, s.Problem):
		return fmt.Errorf("unknown problem %q; there are %s", s.Problem, strings.Join(classifier.Problems, ", "))
	case s.Head != "" && s.Head != "new":
		return fmt.Errorf("unknown head %q; there is new", s.Head)
	case s.Head != "" && s.Init == "":
		return errors.New("head is for a network that starts from a file: give init as well")
	case s.Key != "" && s.Init == "":
		return errors.New("weights-key is for a network that starts from a file: give init as well")
	case !slices.Contains([]string{"", "frozen", "restore"}, s.BatchNorm):
		return fmt.Errorf("unknown batch-norm %q; there are frozen, restore", s.BatchNorm)
	case !slices.Contains([]string{"", "rgb", "bgr"}, s.Channels):
		return fmt.Errorf("unknown channels %q; there are rgb, bgr", s.Channels)
	case models.IsFile(s.Model):
		return fmt.Errorf("model is a file, %s: give it as init, which takes the network and its weights", s.Model)
	case s.Init == "" && s.Channels != "":
		return errors.New("channels is for a network of a file: give init as well")
	case s.Init == "" && s.Output != "":
		return errors.New("output is for networks of ONNX files: give init as well")
	case s.Init == "" && s.BatchNorm == "restore":
		return errors.New("batch-norm restore is for a network of a file: give init as well")
	default:
		if models.IsFile(s.Init) {
			if err := s.checkFor(s.Init); err != nil {
				return err
			}
		}
		_, err := s.parseWeights()
		_, _, graph := s.inGraph()
		return cmp.Or(graph, checkMeasures(s.Measures), err, s.LoRA.CheckSettings())
	}
}

// checkFor returns an error for settings that are of networks of the list where a file, graph, holds the
// network, and the other way round where that is "".
func (s *Settings) checkFor(graph string) error {
	switch {
	case graph == "" && s.Channels != "":
		return fmt.Errorf("channels is for networks of ONNX files, and init, %s, has none", s.Init)
	case graph == "" && s.Output != "":
		return fmt.Errorf("output is for networks of ONNX files, and init, %s, has none", s.Init)
	case graph == "" && s.BatchNorm == "restore":
		return fmt.Errorf("batch-norm restore is for networks of ONNX files, and init, %s, has none", s.Init)
	case graph == "":
		return nil
	case s.Model != defaultModel:
		return fmt.Errorf("model is %s, and init a file that holds its own network: leave model off", s.Model)
	case s.Norm != "":
		return errors.New("norm chooses the normalisation of networks of the list; that of a file has its own")
	case slices.Equal(s.Onnx, []string{"none"}) && !hf.IsDirectory(graph):
		return errors.New("onnx none is for networks of the list; the weights of a file's need its graph beside them")
	}
	return nil
}

// inGraph reads what an ONNX model has in its graph, and whether one is to be written.
func (s *Settings) inGraph() (in classifier.InGraph, write bool, err error) {
	if slices.Equal(s.Onnx, []string{"none"}) {
		return in, false, nil
	}
	if in, err = classifier.ParseInGraph(s.Onnx); err != nil {
		err = fmt.Errorf("onnx: %w, or none alone", err)
	}
	return in, true, err
}

// defaultModel is what the setting is unless given.
const defaultModel = "mlp"

// options are those to open the data with.
func (s *Settings) options() data.Options {
	return data.Options{
		Size: s.Size, Crop: s.Crop, Classes: s.Classes,
		Val: s.Val, Fold: s.Fold, Subset: s.Subset, TestSubset: s.TestSubset, Seed: s.DataSeed, SkipDamaged: s.SkipDamaged,
	}
}

// window is that of the loader.
func (s *Settings) window() int {
	if s.Unsorted {
		return 0
	}
	return data.UsualWindow
}

// modelOf is the name of the file that holds the network, "" if there is none such.
func modelOf(c *train.Config) string {
	graph := classifier.NetworkOf(Of(c).Init)
	if graph == "" {
		return ""
	}
	return filepath.Base(graph)
}

// measurable starts from no file: a network costs the same whatever its weights are.
func measurable(c train.Config, _ *train.Config) train.Config {
	Change(&c, func(s *Settings) {
		if classifier.NetworkOf(s.Init) == "" {
			s.Init, s.Head, s.Key = "", "", ""
		}
	})
	return c
}
