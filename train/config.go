// Package train runs the training loop: minibatches of a data set through a model and a
// sharpness-aware step, with metrics, and a run directory that holds all that is needed
// to repeat it.
package train

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// Bases are the names of base optimizers that a Config may have.
var Bases = []string{"sgd", "adam", "adamw", "rmsprop", "lion"}

// A Config is everything that decides a run's result.
type Config struct {
	Data       string  `json:"data"`
	LabelNoise float64 `json:"label_noise"`    // share of training labels replaced by uniform ones
	Model      string  `json:"model"`          // one of models.Names
	Norm       string  `json:"norm,omitempty"` // of residual networks: batch (default) or group

	Method       string   `json:"method"` // one of sam.Methods
	Rho          Real     `json:"rho"`
	Alpha        *float64 `json:"alpha,omitempty"`
	AscentBudget *float64 `json:"ascent_budget"`
	Eta          *float64 `json:"eta,omitempty"`

	Base        string  `json:"base"`
	LR          float64 `json:"lr"`
	Momentum    float64 `json:"momentum"` // sgd and rmsprop only
	WeightDecay float64 `json:"weight_decay"`

	Epochs int    `json:"epochs"`
	Batch  int    `json:"batch"`
	Seed   uint64 `json:"seed"`
}

// Default returns the settings of the digits experiment: the MLP on clean labels,
// trained by SGD with momentum.
func Default() Config {
	return Config{Data: "digits", Model: "mlp", Method: "none", Base: "sgd",
		LR: .05, Momentum: .9, Epochs: 30, Batch: 64}
}

// A Real is a float64 whose infinities are the strings "inf" and "-inf" in JSON.
type Real float64

// MarshalJSON writes the number, or null for NaN.
func (r Real) MarshalJSON() ([]byte, error) {
	switch v := float64(r); {
	case math.IsInf(v, 1):
		return []byte(`"inf"`), nil
	case math.IsInf(v, -1):
		return []byte(`"-inf"`), nil
	case math.IsNaN(v):
		return []byte("null"), nil
	default:
		return json.Marshal(v)
	}
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Real) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `"inf"`:
		*r = Real(math.Inf(1))
	case `"-inf"`:
		*r = Real(math.Inf(-1))
	case "null":
		*r = Real(math.NaN())
	default:
		return json.Unmarshal(b, (*float64)(r))
	}
	return nil
}

// check returns an error for settings that the parts they configure would not see.
func (c *Config) check() error {
	if c.Epochs <= 0 {
		return fmt.Errorf("epochs is %d; it must be at least 1", c.Epochs)
	}
	if c.Batch <= 0 {
		return fmt.Errorf("batch is %d; it must be at least 1", c.Batch)
	}
	if !slices.Contains(Bases, c.Base) {
		return fmt.Errorf("unknown base optimizer %q; there are %s", c.Base, strings.Join(Bases, ", "))
	}
	if c.Momentum != 0 && c.Base != "sgd" && c.Base != "rmsprop" {
		return fmt.Errorf("base %s takes no momentum; it is for sgd and rmsprop", c.Base)
	}
	return nil
}

// open returns the data that the config names, with its label noise.
func (c *Config) open() (*data.Splits, error) {
	splits, err := data.Open(c.Data, data.Options{})
	if err != nil {
		return nil, err
	}
	return splits.WithLabelNoise(c.LabelNoise, c.Seed)
}

// model builds the network for a data set.
func (c *Config) model(d *data.Splits) (*nn.Model, error) {
	return models.Build(c.Model, models.Options{Input: d.Train.Shape, Classes: len(d.Classes), Norm: c.Norm})
}

// stepper builds the optimizer for n parameters.
func (c *Config) stepper(n int) (*sam.Stepper[float32], error) {
	base, err := c.base(n)
	if err != nil {
		return nil, err
	}
	p := sam.FamilyParams{Alpha: c.Alpha, Eta: c.Eta, Rho: sam.Constant(c.Rho)}
	if c.AscentBudget != nil {
		p.AscentBudget = sam.Constant(*c.AscentBudget)
	}
	settings, err := sam.Family[float32](c.Method, p)
	if err != nil {
		return nil, err
	}
	return sam.New(n, base, settings)
}

func (c *Config) base(n int) (optim.Optimizer[float32], error) {
	lr := optim.Constant(c.LR)
	switch c.Base {
	case "sgd":
		return optim.NewSGD[float32](n, optim.SGDSettings{LR: lr, Momentum: c.Momentum, WeightDecay: c.WeightDecay})
	case "adam", "adamw":
		s := optim.DefaultAdam(lr)
		s.WeightDecay = c.WeightDecay
		if c.Base == "adamw" {
			return optim.NewAdamW[float32](n, s)
		}
		return optim.NewAdam[float32](n, s)
	case "lion":
		s := optim.DefaultLion(lr)
		s.WeightDecay = c.WeightDecay
		return optim.NewLion[float32](n, s)
	default: // rmsprop: check knows the others
		s := optim.DefaultRMSprop(lr)
		s.Momentum, s.WeightDecay = c.Momentum, c.WeightDecay
		return optim.NewRMSprop[float32](n, s)
	}
}
