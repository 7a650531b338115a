// Package train runs the training loop: minibatches of a data set through a model and a
// sharpness-aware step, with metrics, checkpoints, and a run directory that holds all
// that is needed to repeat or resume it.
package train

import (
	"errors"
	"fmt"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/optim"
)

// A Config is everything that decides a run's result, and when it saves. Its fields are
// named in JSON, in TOML and as flags alike (see [Settings]).
type Config struct {
	DataConfig
	ModelConfig
	MethodConfig
	BaseConfig
	LoopConfig
}

// DataConfig says which examples a run sees.
type DataConfig struct {
	Data         string    `json:"data" help:"data set, as 'monge data info' takes it: digits, cifar10:DIR, imagefolder:DIR, ...; or pairs of images and captions: coco:DIR, ..."`
	Size         data.Size `json:"size,omitzero" help:"height and width that images of files are brought to, as in 48x192, or one number for both (default theirs), or tokens of a text (default 64)"`
	Crop         bool      `json:"crop,omitempty" help:"with --size: cut the centre out instead of squeezing"`
	Classes      []string  `json:"classes,omitempty" help:"keep these classes alone"`
	Val          float64   `json:"val,omitempty" help:"share (below 1) or number of the training examples that validate, where the data set has no validation split"`
	Subset       int       `json:"subset,omitempty" help:"train on so many examples, by class alike (default all)"`
	TestSubset   int       `json:"test_subset,omitempty" help:"test on so many examples, by class alike (default all)"`
	ValData      string    `json:"val_data,omitempty" help:"pairs that validate, where --data is pairs"`
	TestData     string    `json:"test_data,omitempty" help:"pairs that test, where --data is pairs"`
	DataSeed     uint64    `json:"data_seed,omitempty" help:"seed of what --val and the subsets draw"`
	LabelNoise   float64   `json:"label_noise" help:"share of training labels replaced by uniform ones"`
	PixelDropout float64   `json:"pixel_dropout,omitempty" help:"share of the numbers of training examples set to 0, once for all epochs"`
	Copies       int       `json:"copies,omitempty" help:"train on so many copies of each example, each with label noise and pixel dropout of its own (default 1)"`
	Normalize    string    `json:"normalize,omitempty" help:"normalisation of pixels: a preset or mean and deviation (default by --init and --data)"`

	Pad    int     `json:"pad,omitempty" help:"augment by random crops from images padded by so many pixels"`
	Flip   bool    `json:"flip,omitempty" help:"augment by mirroring half of the images"`
	Cutout int     `json:"cutout,omitempty" help:"augment by blanking a square of this side"`
	Mixup  float64 `json:"mixup,omitempty" help:"augment by mixing examples, by a share drawn from Beta(mixup, mixup)"`
}

// ModelConfig says which network is trained, and from where.
type ModelConfig struct {
	Model  string   `json:"model" help:"model, see 'monge models'"`
	Norm   string   `json:"norm,omitempty" help:"normalisation of residual networks: batch, group (default batch)"`
	Init   string   `json:"init,omitempty" help:"file of weights to start from (safetensors or a PyTorch checkpoint); of clip its directory"`
	Head   string   `json:"head,omitempty" help:"'new' leaves a classifier layer of another class count at its random start"`
	Freeze []string `json:"freeze,omitempty" help:"parameters to leave as they are: names or patterns like 'layer[12]' or '*.bias'"`

	LoRA      int      `json:"lora,omitempty" help:"of clip: train adapters of this rank alone (LoRA)"`
	LoRAAlpha float64  `json:"lora_alpha,omitempty" help:"scale of the adapters (default their rank)"`
	LoRAOn    []string `json:"lora_on,omitempty" help:"linear layers that get adapters: patterns like '[qv]_proj' (default all)"`
	Recompute bool     `json:"recompute,omitempty" help:"of clip: compute the inside of each transformer layer again in the backward pass, for less memory"`
}

// MethodConfig says how a step perturbs.
type MethodConfig struct {
	Method         string   `json:"method" help:"method"`
	Rho            Real     `json:"rho" help:"radius of the perturbation; inf is allowed with --ascent-budget"`
	RhoSchedule    string   `json:"rho_schedule,omitempty" help:"schedule of rho, like --lr-schedule"`
	Alpha          *float64 `json:"alpha,omitempty" help:"loss-axis scale of m-sam: 0 is SAM, 1 the paper's (default 1)"`
	AscentBudget   *float64 `json:"ascent_budget" help:"ascent budget rho/alpha of m-sam, in nats, in place of --alpha"`
	BudgetSchedule string   `json:"budget_schedule,omitempty" help:"schedule of the ascent budget, like --lr-schedule"`
	Eta            *float64 `json:"eta,omitempty" help:"eta of fisher (default 1) or asam (default 0.01)"`
	Interval       int      `json:"interval,omitempty" help:"perturb at every so manieth step only (default each)"`
	PerMicrobatch  bool     `json:"per_microbatch,omitempty" help:"perturb each microbatch by its own gradient (m-sharpness)"`
	Precondition   bool     `json:"precondition_descent,omitempty" help:"multiply the descent gradient by the metric's inverse as well (asam)"`
	ClipNorm       float64  `json:"clip_norm,omitempty" help:"scale a descent gradient of a larger norm down to it"`
}

// BaseConfig says how the base optimizer steps.
type BaseConfig struct {
	Base        string   `json:"base" help:"base optimizer"`
	LR          float64  `json:"lr" help:"learning rate"`
	LRSchedule  string   `json:"lr_schedule,omitempty" help:"schedule of the learning rate: constant, linear, cosine, step, one-cycle, with settings like 'cosine,warmup=5%,end=0.01'"`
	Momentum    *float64 `json:"momentum,omitempty" help:"momentum, for sgd and rmsprop (default 0.9 for sgd)"`
	Dampening   float64  `json:"dampening,omitempty" help:"dampening of sgd's momentum"`
	Nesterov    bool     `json:"nesterov,omitempty" help:"Nesterov momentum, for sgd"`
	WeightDecay float64  `json:"weight_decay" help:"weight decay"`
	Beta1       *float64 `json:"beta1,omitempty" help:"decay of the first moment, for adam, adamw, lion (default 0.9)"`
	Beta2       *float64 `json:"beta2,omitempty" help:"decay of the second moment, for adam, adamw (default 0.999), lion (0.99)"`
	Eps         *float64 `json:"eps,omitempty" help:"term of the denominator, for adam, adamw, rmsprop (default 1e-8)"`
	Decay       *float64 `json:"decay,omitempty" help:"decay of the mean square, for rmsprop (default 0.99)"`
	Centered    bool     `json:"centered,omitempty" help:"centred rmsprop"`
}

// LoopConfig says how long a run goes on, and what it does beside stepping.
type LoopConfig struct {
	Epochs        int     `json:"epochs" help:"epochs"`
	MaxSteps      int     `json:"max_steps,omitempty" help:"stop after so many steps"`
	Batch         int     `json:"batch" help:"minibatch size"`
	Microbatch    int     `json:"microbatch,omitempty" help:"compute a minibatch's gradient in parts of so many examples, for less memory"`
	Smoothing     float64 `json:"label_smoothing,omitempty" help:"share of the target spread evenly over the classes"`
	Seed          uint64  `json:"seed" help:"seed of initialisation, order, augmentation and noise"`
	EvalEvery     int     `json:"eval_every,omitempty" help:"evaluate every so many steps (default each epoch)"`
	Patience      int     `json:"patience,omitempty" help:"stop when so many evaluations in a row are no better on the validation split"`
	UntilAccuracy float64 `json:"until_accuracy,omitempty" help:"stop when the minibatches since the last evaluation were classified with this training accuracy"`
	DirectConv    bool    `json:"direct_conv,omitempty" help:"convolve directly, without Winograd's algorithm (slower, smaller rounding errors)"`
	OnNaN         string  `json:"on_nan,omitempty" help:"on a NaN or infinite loss: stop (default), or rollback to the last checkpoint with half the learning rate, at most 3 times"`

	// These change nothing of what is computed.
	CheckpointEvery int      `json:"checkpoint_every,omitempty" help:"save every so many steps (default at evaluations, as far as it costs less than 2% of the time)"`
	Keep            int      `json:"keep,omitempty" help:"checkpoints to keep (default 2)"`
	Deadline        Duration `json:"deadline,omitempty" help:"stop, evaluate and save after this long, like 2h30m"`
}

// Default returns the settings of the digits experiment: the MLP on clean labels,
// trained by SGD with momentum 0.9.
func Default() Config {
	return Config{
		DataConfig:   DataConfig{Data: "digits", Val: .1},
		ModelConfig:  ModelConfig{Model: "mlp"},
		MethodConfig: MethodConfig{Method: "none"},
		BaseConfig:   BaseConfig{Base: "sgd", LR: .05},
		LoopConfig:   LoopConfig{Epochs: 30, Batch: 64, Seed: 1},
	}
}

// momentum returns the base optimizer's: what is set, else the rule's own.
func (c *Config) momentum() float64 {
	if c.Momentum != nil {
		return *c.Momentum
	}
	r, _ := optim.FindRule(c.Base) // Check knows the others
	return r.Momentum
}

// Check returns an error for settings that no run could have, as far as that can be seen
// without its data and its files.
func (c *Config) Check() error {
	if err := c.check(); err != nil {
		return err
	}
	const steps = 1000 // whatever they are
	s, err := c.schedules(steps, new(float64))
	if err != nil {
		return err
	}
	_, err = c.stepper(1, s)
	return err
}

// check returns an error for settings that the parts they configure would not see.
func (c *Config) check() error {
	for _, s := range []struct {
		name  string
		value int
		least int
	}{
		{"epochs", c.Epochs, 1}, {"batch", c.Batch, 1}, {"microbatch", c.Microbatch, 0}, {"max-steps", c.MaxSteps, 0},
		{"eval-every", c.EvalEvery, 0}, {"patience", c.Patience, 0}, {"checkpoint-every", c.CheckpointEvery, 0},
		{"keep", c.Keep, 0}, {"interval", c.Interval, 0}, {"lora", c.LoRA, 0},
	} {
		if s.value < s.least {
			return fmt.Errorf("%s is %d; it must be at least %d", s.name, s.value, s.least)
		}
	}
	switch {
	case !(c.Smoothing >= 0 && c.Smoothing <= 1):
		return fmt.Errorf("label-smoothing is %g; it must be from 0 to 1", c.Smoothing)
	case !(c.UntilAccuracy >= 0 && c.UntilAccuracy <= 1):
		return fmt.Errorf("until-accuracy is %g; it must be from 0 to 1", c.UntilAccuracy)
	case c.Deadline < 0:
		return fmt.Errorf("deadline is %v; it must be positive", c.Deadline)
	case c.Head != "" && c.Head != "new":
		return fmt.Errorf("unknown head %q; there is new", c.Head)
	case c.Head != "" && c.Init == "":
		return errors.New("head is for a network that starts from a file: give init as well")
	case c.OnNaN != "" && c.OnNaN != "stop" && c.OnNaN != rollback:
		return fmt.Errorf("unknown on-nan %q; there are stop, rollback", c.OnNaN)
	}
	if err := c.checkKind(); err != nil {
		return err
	}
	_, err := c.base(1, optim.Constant(c.LR))
	return err
}
