// Package contrast trains CLIP models on pairs of images and captions, by the symmetric
// contrastive loss. It is the kind of task that monge align train begins.
package contrast

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/monge-ml/monge/align"
	"github.com/monge-ml/monge/align/pairs"
	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/train"
)

// Name is the kind's.
const Name = "contrast"

// The directories in a run's of a CLIP model: as Hugging Face publishes them.
const (
	ModelDir = "model" // the final one
	BestDir  = "best"  // the best on the validation pairs
)

// The same models as ONNX.
const (
	ONNXFile     = "model.onnx"
	BestONNXFile = "best.onnx"
)

// Pretrained is the Model of a run whose shape is that of the directory that it starts from.
const Pretrained = "clip"

// Settings are the task's own.
type Settings struct {
	Data       string  `json:"data" help:"pairs to train on, like coco:DIR" is:"examples,spec"`
	Val        float64 `json:"val,omitempty" help:"share (below 1) or number of the training pairs that validate, without --val-data" is:"examples"`
	Subset     int     `json:"subset,omitempty" help:"train on so many pairs (default all)" is:"examples"`
	TestSubset int     `json:"test_subset,omitempty" help:"test on so many pairs (default all)" is:"examples"`
	ValData    string  `json:"val_data,omitempty" help:"pairs that validate" is:"examples,spec"`
	TestData   string  `json:"test_data,omitempty" help:"pairs that test" is:"examples,spec"`
	DataSeed   uint64  `json:"data_seed,omitempty" help:"seed of what --val and the subsets draw" is:"examples,free"`

	Pad    int  `json:"pad,omitempty" help:"augment by random crops from images padded by so many pixels"`
	Flip   bool `json:"flip,omitempty" help:"augment by mirroring half of the images"`
	Cutout int  `json:"cutout,omitempty" help:"augment by blanking a square of this side"`

	Model  string   `json:"model" help:"model, see 'monge models'"`
	Init   string   `json:"init,omitempty" help:"directory of the CLIP model to start from" is:"free,path"`
	Freeze []string `json:"freeze,omitempty" help:"parameters to leave as they are: names or patterns like 'text_model' or '*.bias'"`
	nn.LoRA
	Recompute bool     `json:"recompute,omitempty" help:"compute the inside of each transformer layer again in the backward pass, for less memory"`
	Onnx      []string `json:"onnx,omitempty" help:"none, to write no model.onnx" is:"idle"`
}

func init() {
	train.Register(train.Kind{
		Name: Name, Info: "pairs of images and captions", Settings: Settings{Val: .1, Model: Pretrained}, Takes: takes,
		Defaults: Default, Check: check, Open: open, Weights: ModelDir, Measurable: measurable, Lost: lost,
	})
}

// Default returns the settings to fine-tune a CLIP model with.
func Default() train.Config {
	c := train.Default()
	c.Task, c.Own = Name, Settings{Val: .1, Model: Pretrained}
	c.Base, c.LR, c.Batch, c.Epochs = "adamw", 1e-5, 128, 10
	return c
}

// Models are the names that the setting model may have.
func Models() []string {
	names := []string{Pretrained}
	for name := range clip.Shapes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Of returns the task's settings of a config, whose task must be of this kind.
func Of(c *train.Config) Settings { return c.Own.(Settings) }

// Change changes the task's settings of a config.
func Change(c *train.Config, change func(s *Settings)) {
	s := Of(c)
	change(&s)
	c.Own = s
}

// takes reports whether data are pairs.
func takes(spec string) bool { return pairs.IsSpec(spec) }

func check(c *train.Config) error {
	switch s := Of(c); {
	case s.Data == "":
		return fmt.Errorf("data is missing: name pairs of images and captions, one of %s", strings.Join(pairs.Specs(), ", "))
	case s.LoRA.CheckSettings() != nil:
		return s.LoRA.CheckSettings()
	case len(s.Onnx) > 0 && !s.noONNX():
		return fmt.Errorf("onnx is %q; it is none, or left off", strings.Join(s.Onnx, ","))
	case c.PerMicrobatch:
		return fmt.Errorf("per-microbatch has no use here: %s is pairs of images and captions, whose loss compares a whole minibatch", s.Data)
	}
	return nil
}

// noONNX reports whether no ONNX model is to be written.
func (s *Settings) noONNX() bool { return slices.Equal(s.Onnx, []string{"none"}) }

// checkSizes returns an error for pairs that are too few for a run.
func checkSizes(batch int, d *data.Splits) error {
	if n := d.Train.Len(); batch > n {
		return fmt.Errorf("batch is %d, but there are %d pairs to train on: a contrastive loss needs whole minibatches; lower it", batch, n)
	}
	var err error
	for _, p := range d.Parts()[1:] {
		if p.Len() <= align.DefaultK {
			err = errors.Join(err, fmt.Errorf("the %s split has %d pairs; S_kNN needs more than %d", p.Name, p.Len(), align.DefaultK))
		}
	}
	return err
}

// measurable begins a model of the first run's shape where the one to start from is not there
// yet: a model has its shape from its directory.
func measurable(c train.Config, first *train.Config) train.Config {
	if first == nil {
		return c
	}
	Change(&c, func(s *Settings) {
		if _, err := os.Stat(s.Init); err != nil {
			s.Model, s.Init = Of(first).Model, ""
		}
	})
	return c
}
