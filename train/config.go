// Package train runs the training loop over any [Task]: minibatches through a sharpness-aware
// step, with records, checkpoints, and a run directory that holds all that is needed to repeat
// or resume it.
//
// [NewTask] makes a run of a task that a program has made; [Register] makes a kind of tasks
// known by name, so that commands, studies and files of settings can begin it.
package train

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// A Config is everything that decides a run's result, and when it saves. Its fields are
// named in JSON, in TOML and as flags alike (see [Settings]). A copy shares nothing with the
// original that Set changes.
type Config struct {
	// Task names the task, and its kind if it is one of the program's; Own holds that kind's
	// settings, a struct of the type of [Kind.Settings] and never a pointer to one.
	Task string `json:"-"`
	Own  any    `json:"-"`
	MethodConfig
	BaseConfig
	LoopConfig
	// Numbers are the settings that single methods and base optimizers have of their own, where
	// they are given. A map is never changed but replaced.
	Numbers map[string]float64 `json:"-"`
	// Directory is the working directory of the run whose config was read, of which relative
	// paths in it are: see [Config.FindPlaces]. It changes nothing else.
	Directory string `json:"-"`

	zeroRho bool // a radius of 0 was given, and is meant
}

// MethodConfig says how a step perturbs. A method that does needs Rho; one of 0, which is the base
// optimizer alone, must be given by [Config.Set] or a file.
type MethodConfig struct {
	Method         string   `json:"method" help:"method" is:"free"`
	Rho            Real     `json:"rho" help:"radius of the perturbation; inf is allowed with --ascent-budget" is:"free"`
	RhoSchedule    string   `json:"rho_schedule,omitempty" help:"schedule of rho, like --lr-schedule" is:"free"`
	Alpha          *float64 `json:"alpha,omitempty" help:"loss-axis scale: 0 is SAM, 1 the paper's M-SAM" is:"free"`
	AscentBudget   *float64 `json:"ascent_budget" help:"ascent budget rho/alpha, in the unit of the loss, in place of --alpha" is:"free,decided"`
	BudgetSchedule string   `json:"budget_schedule,omitempty" help:"schedule of the ascent budget, like --lr-schedule" is:"free"`
	Eta            *float64 `json:"eta,omitempty" help:"eta of the metric" is:"free"`
	Interval       int      `json:"interval,omitempty" help:"perturb at every so manieth step only (default each)" is:"free"`
	From           Start    `json:"from,omitzero" help:"perturb from this step on, or from a share of the run on, like 90%" is:"free"`
	AscentBatch    float64  `json:"ascent_batch,omitempty" help:"share of the minibatch that the ascent gradient is computed on, like 0.25 (default all)" is:"free"`
	AscentOn       string   `json:"ascent_on,omitempty" help:"parameters that are perturbed: all, or norms, the scales and shifts of normalisation layers alone (default the method's)" is:"free"`
	Direction      string   `json:"direction,omitempty" help:"what the ascent goes along, in place of the method's" is:"free"`
	Length         string   `json:"length,omitempty" help:"how far the ascent goes, in place of the method's" is:"free"`
	Descent        string   `json:"descent,omitempty" help:"what the base optimizer steps along, in place of the method's" is:"free"`
	PerMicrobatch  bool     `json:"per_microbatch,omitempty" help:"perturb each microbatch by its own gradient (m-sharpness)" is:"free"`
	Precondition   bool     `json:"precondition_descent,omitempty" help:"multiply the descent gradient by the metric's inverse as well" is:"free"`
	ClipNorm       float64  `json:"clip_norm,omitempty" help:"scale a descent gradient of a larger norm down to it" is:"free"`
}

// BaseConfig says how the base optimizer steps.
type BaseConfig struct {
	Base        string   `json:"base" help:"base optimizer"`
	LR          float64  `json:"lr" help:"learning rate" is:"free"`
	LRSchedule  string   `json:"lr_schedule,omitempty" help:"schedule of the learning rate: constant, linear, cosine, step, one-cycle, with settings like 'cosine,warmup=5%,end=0.01' (default constant; of a published network's directory linear with warm-up)" is:"free,decided"`
	Momentum    *float64 `json:"momentum,omitempty" help:"momentum" is:"free,decided"`
	Dampening   float64  `json:"dampening,omitempty" help:"dampening of the momentum" is:"free"`
	Nesterov    bool     `json:"nesterov,omitempty" help:"Nesterov momentum" is:"free"`
	WeightDecay float64  `json:"weight_decay" help:"weight decay" is:"free"`
	DecayOn     string   `json:"weight_decay_on,omitempty" help:"parameters that weight decay is on: all (default), or weights (default of a published network's directory), which leaves out biases and what norms have" is:"free,decided"`
	LayerDecay  float64  `json:"layer_decay,omitempty" help:"learning rate of a layer as a share of that of the layer above, which for the last is --lr; the perturbation is as without" is:"free"`
	Beta1       *float64 `json:"beta1,omitempty" help:"decay of the first moment" is:"free"`
	Beta2       *float64 `json:"beta2,omitempty" help:"decay of the second moment" is:"free"`
	Eps         *float64 `json:"eps,omitempty" help:"term of the denominator" is:"free"`
	Decay       *float64 `json:"decay,omitempty" help:"decay of the mean square" is:"free"`
	Centered    bool     `json:"centered,omitempty" help:"divide by the centred second moment" is:"free"`
}

// LoopConfig says how long a run goes on, and what it does beside stepping.
type LoopConfig struct {
	Epochs        int     `json:"epochs" help:"epochs"`
	MaxSteps      int     `json:"max_steps,omitempty" help:"stop after so many steps"`
	Batch         int     `json:"batch" help:"minibatch size"`
	Microbatch    int     `json:"microbatch,omitempty" help:"compute a minibatch's gradient in parts of so many examples, for less memory"`
	Seed          uint64  `json:"seed" help:"seed of initialisation, order, augmentation and noise" is:"free"`
	EvalEvery     int     `json:"eval_every,omitempty" help:"evaluate every so many steps (default each epoch)"`
	Patience      int     `json:"patience,omitempty" help:"stop when so many evaluations in a row are no better on the validation split" is:"free"`
	UntilAccuracy float64 `json:"until_accuracy,omitempty" help:"stop when the minibatches since the last evaluation were classified with this training accuracy" is:"free"`
	DirectConv    bool    `json:"direct_conv,omitempty" help:"convolve directly, without Winograd's algorithm (slower, smaller rounding errors)"`
	Precision     string  `json:"precision,omitempty" help:"how products and convolutions of gradients take their operands: float32 (default), or bf16, rounded to bfloat16"`

	// AscentPrecision is that of the gradient that the perturbation is made of.
	AscentPrecision string `json:"ascent_precision,omitempty" help:"precision of the gradient that the perturbation is made of, and so of the training loss and running statistics of that pass (default --precision)"`
	OnNaN           string `json:"on_nan,omitempty" help:"on a NaN or infinite loss: stop (default), or rollback to the last checkpoint with half the learning rate, at most 3 times" is:"free"`

	// These change nothing of what is computed.
	CheckpointEvery int      `json:"checkpoint_every,omitempty" help:"save every so many steps (default at evaluations, as far as it costs less than 2% of the time)" is:"free,idle"`
	Keep            int      `json:"keep,omitempty" help:"checkpoints to keep (default 2)" is:"free,idle"`
	Deadline        Duration `json:"deadline,omitempty" help:"stop, evaluate and save after this long, like 2h30m" is:"free,idle"`
}

// Default returns the settings to begin with: SGD with momentum 0.9 alone, for 30 epochs.
func Default() Config {
	return Config{
		MethodConfig: MethodConfig{Method: "none"},
		BaseConfig:   BaseConfig{Base: "sgd", LR: .05},
		LoopConfig:   LoopConfig{Epochs: 30, Batch: 64, Seed: 1},
	}
}

// DefaultOf returns the settings to begin a task of a kind with.
func DefaultOf(k Kind) Config {
	if k.Defaults != nil {
		return k.Defaults()
	}
	c := Default()
	c.Task, c.Own = k.Name, k.Settings
	return c
}

// momentum returns the base optimizer's: what is set, else its own default.
func (c *Config) momentum() float64 {
	if c.Momentum != nil {
		return *c.Momentum
	}
	rule, err := optim.FindRule(c.Base)
	if err != nil {
		return 0
	}
	return rule.Momentum
}

// StepMethod returns the method of the config's name, with the direction, the length and the descent that it says.
func (c *Config) StepMethod() (sam.Method, error) {
	m, err := sam.FindMethod(c.Method)
	if err != nil {
		return m, err
	}
	return m.With(c.Direction, c.Length, c.Descent)
}

// Perturbs reports whether the config's method takes a perturbation.
func (c *Config) Perturbs() bool {
	m, err := sam.FindMethod(c.Method)
	return err == nil && m.Perturbs()
}

// Ascends reports whether steps compute a gradient for the perturbation.
func (c *Config) Ascends() bool {
	m, err := c.StepMethod()
	return err == nil && m.Ascends()
}

// Gradients is how many gradients a step computes on average, over the whole run: one on a share of a minibatch
// counts as that share.
func (c *Config) Gradients() float64 {
	m, err := c.StepMethod()
	if err != nil || !m.Perturbs() {
		return 1
	}
	interval := c.Interval
	if interval == 0 {
		interval = m.Interval
	}
	more := m.Gradients(c.numbers().method, c.AscentBatch) - 1
	return 1 + (1-c.From.Share())*more/float64(max(interval, 1))
}

// Unperturbed returns the settings of the base optimizer alone: without what only methods that
// perturb have a use for.
func (c Config) Unperturbed() Config {
	c.MethodConfig = MethodConfig{Method: "none", ClipNorm: c.ClipNorm}
	c.AscentPrecision = ""
	if c.Numbers = c.numbers().rule; len(c.Numbers) == 0 {
		c.Numbers = nil
	}
	return c
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
	_, err = c.stepper(1, s, parts{norms: []objective.Range{{To: 1}}, steps: steps})
	return err
}

// check returns an error for settings that the parts they configure would not see.
func (c *Config) check() error {
	if err := checkNames(); err != nil {
		return err
	}
	for _, s := range []struct {
		name  string
		value int
		least int
	}{
		{"epochs", c.Epochs, 1}, {"batch", c.Batch, 1}, {"microbatch", c.Microbatch, 0}, {"max-steps", c.MaxSteps, 0},
		{"eval-every", c.EvalEvery, 0}, {"patience", c.Patience, 0}, {"checkpoint-every", c.CheckpointEvery, 0},
		{"keep", c.Keep, 0}, {"interval", c.Interval, 0},
	} {
		if s.value < s.least {
			return fmt.Errorf("%s is %d; it must be at least %d", s.name, s.value, s.least)
		}
	}
	switch {
	case c.Rho == 0 && !c.zeroRho && c.Perturbs():
		return fmt.Errorf("method %s needs its radius: rho (0, where it is given, is the base optimizer alone)", c.Method)
	case !(c.UntilAccuracy >= 0 && c.UntilAccuracy <= 1):
		return fmt.Errorf("until-accuracy is %g; it must be from 0 to 1", c.UntilAccuracy)
	case c.Deadline < 0:
		return fmt.Errorf("deadline is %v; it must be positive", c.Deadline)
	case c.OnNaN != "" && c.OnNaN != "stop" && c.OnNaN != rollback:
		return fmt.Errorf("unknown on-nan %q; there are stop, rollback", c.OnNaN)
	}
	if err := cmp.Or(c.checkPrecisions(), c.checkGroups(), c.checkAscent()); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Numbers)) {
		if err := finite(c.Numbers[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if k, ok := c.Kind(); ok && k.Check != nil {
		return k.Check(c)
	}
	return nil
}

// checkPrecisions returns an error for a name that is none, or an ascent that there is not.
func (c *Config) checkPrecisions() error {
	for _, s := range []struct{ name, value string }{{"precision", c.Precision}, {"ascent-precision", c.AscentPrecision}} {
		if _, err := kernel.ParsePrecision(s.value); s.value != "" && err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if c.AscentPrecision != "" && !c.Perturbs() {
		return fmt.Errorf("ascent-precision is for methods that perturb; method %s has no ascent", c.Method)
	}
	if c.AscentPrecision != "" && !c.Ascends() {
		return fmt.Errorf("ascent-precision has no use here: method %s perturbs without a gradient of its own", c.Method)
	}
	ascent, descent := c.Precisions()
	if m, err := c.StepMethod(); err == nil && m.Differences() && (ascent != kernel.Float32 || descent != kernel.Float32) {
		return errors.New("the Hessian's products are differences of gradients, of which bf16 leaves nothing: leave precision and ascent-precision off, or choose another length and direction than hessian and eigenvector")
	}
	return nil
}

// Precisions returns that of the ascent's gradients and that of all others.
func (c *Config) Precisions() (ascent, descent Precision) {
	descent, _ = kernel.ParsePrecision(c.Precision) // float32 for what check has refused, and for ""
	ascent = descent
	if c.AscentPrecision != "" {
		ascent, _ = kernel.ParsePrecision(c.AscentPrecision)
	}
	return ascent, descent
}

// own returns the text of a setting of the task, "" if it has none of that name.
func (c *Config) own(name string) string {
	for _, s := range Settings(c) {
		if s.own && s.Name == name {
			return s.String()
		}
	}
	return ""
}

// ModelName is what the task calls what it trains, or what its setting model says, or for want of
// it the task's name.
func (c *Config) ModelName() string {
	if k, ok := c.Kind(); ok && k.Model != nil {
		if name := k.Model(c); name != "" {
			return name
		}
	}
	return cmp.Or(c.own("model"), c.Task, "a task")
}

// DataName is what the task's setting data says, "" if it has none.
func (c *Config) DataName() string { return c.own("data") }
