package train

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/object"
	"github.com/monge-ml/monge/sam"
)

// Result is the outcome of a run. What has no split to be measured on has no measures. In JSON
// they are keys of their own, with val_ and test_ before their names.
type Result struct {
	Test          Measures `json:"-"`
	Val           Measures `json:"-"`
	TrainLoss     float64  `json:"train_loss"` // mean over the steps of the last record
	Best          *Best    `json:"best"`       // null without a validation split
	Data          Sizes    `json:"data"`
	Steps         int      `json:"steps"`
	StoppedBy     string   `json:"stopped_by"`     // "epochs", "deadline", or the setting that did
	StepSeconds   float64  `json:"step_s"`         // median
	Seconds       float64  `json:"seconds"`        // of training and evaluation, over all processes
	WeightsSHA256 string   `json:"weights_sha256"` // of the trained parameters
	Kernels       string   `json:"kernels"`        // that computed it
	Fingerprint   string   `json:"data_fingerprint,omitempty"`

	Theta   []float32 `json:"-"`
	Records []Record  `json:"-"`
}

// Measured returns the measures on the test split, or for want of one on the validation split.
func (r *Result) Measured() Measures {
	if r.Test != nil {
		return r.Test
	}
	return r.Val
}

// Sizes says what data a run has seen, in examples of each split.
type Sizes struct {
	Train int    `json:"train"`
	Val   int    `json:"val"`
	Test  int    `json:"test"`
	Of    string `json:"of,omitempty"` // what they are examples of, like "10 classes"
}

// Best is the evaluation whose measures are better than all others'.
type Best struct {
	Step int      `json:"step"`
	Val  Measures `json:"-"`
	Test Measures `json:"-"` // of its weights, once the run is over
}

// Progress is what a run shows of a step.
type Progress struct {
	Step, Steps    int      // done, and of the whole run
	Epoch          int      // counted from 1
	Val            Measures // of the last evaluation, nil before
	ExamplesPerSec float64  // over the steps since the last record
	sam.Result
}

type (
	plainResult Result
	plainBest   Best
)

// MarshalJSON writes the result.
func (r Result) MarshalJSON() ([]byte, error) {
	o := object.Of(plainResult(r))
	addMeasures(o, "test_", r.Test)
	addMeasures(o, "val_", r.Val)
	if m := r.Measured(); m != nil {
		o.Add("measures", m.named())
		addChance(o, "val", r.Val, m)
	}
	return o.Bytes()
}

// addChance adds what guessing has of a split's measures, where it is not what others say that the
// object's measures are.
func addChance(o *object.Object, split string, list, than Measures) {
	chance := map[string]Real{}
	for i, m := range list {
		same := i < len(than) && (m.Chance == than[i].Chance || math.IsNaN(m.Chance) && math.IsNaN(than[i].Chance))
		if !same {
			chance[m.Name] = Real(m.Chance)
		}
	}
	if len(chance) > 0 {
		o.Add("chance", map[string]any{split: chance})
	}
}

// UnmarshalJSON reads a result, of earlier versions too.
func (r *Result) UnmarshalJSON(b []byte) error {
	var plain plainResult
	if err := json.Unmarshal(b, &plain); err != nil {
		return err
	}
	f, err := readMeasured(b)
	if err != nil {
		return err
	}
	*r = Result(plain)
	if f.Alignment != nil || r.Best != nil && slices.ContainsFunc(r.Best.Val, func(m Measure) bool { return m.Name == "s_knn" }) {
		f.pairs = map[string]*formerAlignment{"test_": f.Alignment, "val_": nil}
	}
	r.Test, r.Val = f.measures("test_", nil), f.measures("val_", nil)
	if f.Data.Classes > 0 {
		r.Data.Of = fmt.Sprintf("%d classes", f.Data.Classes)
		for _, m := range []Measures{r.Test, r.Val} {
			m.setChance(f.Data.Classes)
		}
	}
	return nil
}

// MarshalJSON writes the evaluation.
func (x Best) MarshalJSON() ([]byte, error) {
	o := object.Of(plainBest(x))
	addMeasures(o, "val_", x.Val)
	addMeasures(o, "test_", x.Test)
	if x.Val != nil {
		o.Add("measures", x.Val.named())
		addChance(o, "test", x.Test, x.Val)
	}
	return o.Bytes()
}

// UnmarshalJSON reads an evaluation, of earlier versions too.
func (x *Best) UnmarshalJSON(b []byte) error {
	var plain plainBest
	if err := json.Unmarshal(b, &plain); err != nil {
		return err
	}
	f, err := readMeasured(b)
	if err != nil {
		return err
	}
	*x = Best(plain)
	if f.ValAlignment != nil {
		f.pairs = map[string]*formerAlignment{"test_": f.Alignment, "val_": f.ValAlignment}
	}
	x.Val, x.Test = f.measures("val_", nil), f.measures("test_", nil)
	return nil
}

// measured is what a JSON object has of measures.
type measured struct {
	Measures []measureName              `json:"measures"`
	Best     json.RawMessage            `json:"best"`
	Chance   map[string]map[string]Real `json:"chance"` // by split and name, where it is another than Measures have
	Data     struct {
		Classes int `json:"classes"`
	} `json:"data"`
	Alignment    *formerAlignment `json:"alignment"`
	ValAlignment *formerAlignment `json:"val_alignment"`

	keys   []string // in order, of numbers
	values map[string]Real
	pairs  map[string]*formerAlignment // of an earlier version's pairs, by what keys begin with
}

func readMeasured(b []byte) (*measured, error) {
	f := &measured{values: map[string]Real{}}
	if err := json.Unmarshal(b, f); err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	for key, raw := range all {
		var v Real
		if json.Unmarshal(raw, &v) == nil {
			f.values[key] = v
			f.keys = append(f.keys, key)
		}
	}
	slices.Sort(f.keys)
	return f, nil
}

// measures returns those whose keys begin so: by the names that the object gives, or else by
// these, or else as earlier versions had them.
func (f *measured) measures(before string, names []measureName) Measures {
	values := map[string]Real{}
	for _, key := range f.keys {
		if name, ok := strings.CutPrefix(key, before); ok {
			values[name] = f.values[key]
		}
	}
	switch {
	case f.Measures != nil:
		names = f.Measures
	case names == nil || f.pairs != nil:
		return f.former(before, values)
	}
	list := measuresOf(names, values)
	for i, m := range list {
		if v, there := f.Chance[strings.TrimSuffix(before, "_")][m.Name]; there {
			list[i].Chance = float64(v)
		}
	}
	return list
}
