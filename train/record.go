package train

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/monge-ml/monge/internal/object"
	"github.com/monge-ml/monge/internal/words"
	"github.com/monge-ml/monge/sam"
)

// A Record is what a run saw since the record before, up to an evaluation. Values of
// steps are means over these steps. In JSON the measures are keys of their own, with val_ before
// their names.
type Record struct {
	Step              int      `json:"step"`  // steps taken, of the whole run
	Epoch             int      `json:"epoch"` // counted from 1
	LR                float64  `json:"lr"`    // of the last step
	Rho               Real     `json:"rho"`
	TrainLoss         float64  `json:"train_loss"`
	TrainAccuracy     Real     `json:"train_accuracy"` // in the first pass of the steps; NaN if the task counts none
	Val               Measures `json:"-"`              // nil without a validation split
	GradNorm          float64  `json:"grad_norm"`      // |g|
	PerturbedGradNorm float64  `json:"perturbed_grad_norm"`
	DeltaNorm         float64  `json:"delta_norm"`       // |delta|
	PredictedAscent   float64  `json:"predicted_ascent"` // gᵀdelta
	Ascent            float64  `json:"ascent"`           // loss at theta+delta minus loss at theta
	Seconds           float64  `json:"seconds"`          // of its steps
	Examples          int      `json:"examples"`         // of its steps
}

// best is the evaluation as the best, before its weights are tested.
func (r *Record) best() *Best { return &Best{Step: r.Step, Val: r.Val} }

// plainRecord is a Record without methods.
type plainRecord Record

// MarshalJSON writes the record as a line of the metrics file.
func (r Record) MarshalJSON() ([]byte, error) { return r.marshal(false) }

// marshal also says what the measures are, if asked.
func (r Record) marshal(named bool) ([]byte, error) {
	o := object.Of(plainRecord(r))
	addMeasures(o, "val_", r.Val)
	if named && r.Val != nil {
		o.Add("measures", r.Val.named())
	}
	return o.Bytes()
}

// UnmarshalJSON reads a record, of earlier versions too. Without what the measures are, they
// have names alone.
func (r *Record) UnmarshalJSON(b []byte) error { return r.unmarshal(b, nil) }

// unmarshal reads a record whose measures are these unless it says itself.
func (r *Record) unmarshal(b []byte, names []measureName) error {
	plain := plainRecord{TrainAccuracy: Real(math.NaN())} // where it is not recorded
	if err := json.Unmarshal(b, &plain); err != nil {
		return err
	}
	f, err := readMeasured(b)
	if err != nil {
		return err
	}
	*r = Record(plain)
	if f.Alignment != nil {
		f.pairs = map[string]*formerAlignment{"val_": f.Alignment}
	}
	r.Val = f.measures("val_", names)
	return nil
}

// names are what the record's measures are, for the lines after it.
func (r *Record) names() []measureName { return r.Val.named() }

// ParseRecords reads the lines of a metrics file. A last line that was cut off is left
// out.
func ParseRecords(r io.Reader) (list []Record, err error) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxRecord)
	var names []measureName
	for s.Scan() {
		var rec Record
		if err := rec.unmarshal(s.Bytes(), names); err != nil {
			line := words.JSON(s.Bytes(), err) // before the next
			if s.Scan() {
				return list, fmt.Errorf("metrics line %d: %w", len(list)+1, line)
			}
			break
		}
		if names == nil {
			names = rec.names()
		}
		list = append(list, rec)
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return list, fmt.Errorf("metrics line %d is longer than %d bytes: a run wrote no such line", len(list)+1, maxRecord)
	}
	return list, s.Err()
}

// maxRecord bounds a line of a metrics file, in bytes.
const maxRecord = 1 << 20

// window sums what steps saw since the last record.
type window struct {
	Steps    int     `json:"steps"`
	Examples int     `json:"examples"`
	Correct  int     `json:"correct"` // of them, as the task counts
	Counted  int     `json:"counted"` // of them, that the task has counted at all
	Seconds  float64 `json:"seconds"`
	Loss     float64 `json:"loss"`
	Grad     float64 `json:"grad"`
	After    float64 `json:"after"` // |g'|
	Delta    float64 `json:"delta"`
	Predict  float64 `json:"predict"`
	Ascent   float64 `json:"ascent"`
}

// UnmarshalJSON reads a window, of earlier versions too, which counted all examples.
func (w *window) UnmarshalJSON(b []byte) error {
	type plain window
	p := plain{Counted: -1}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	if *w = window(p); w.Counted < 0 {
		w.Counted = w.Examples
	}
	return nil
}

func (w *window) add(r sam.Result, examples int, seconds float64) {
	w.Steps++
	w.Examples += examples
	w.Seconds += seconds
	w.Loss += r.Loss
	w.Grad += r.GradNorm
	w.After += r.PerturbedGradNorm
	w.Delta += r.DeltaNorm
	w.Predict += r.PredictedAscent
	w.Ascent += r.Ascent()
}

// count adds what a task has counted of so many examples.
func (w *window) count(correct, examples int) {
	w.Correct += correct
	w.Counted += examples
}

// record returns the means.
func (w *window) record() Record {
	n := float64(max(w.Steps, 1))
	return Record{
		TrainLoss: w.Loss / n, TrainAccuracy: Real(float64(w.Correct) / float64(w.Counted)), GradNorm: w.Grad / n, PerturbedGradNorm: w.After / n, DeltaNorm: w.Delta / n,
		PredictedAscent: w.Predict / n, Ascent: w.Ascent / n, Seconds: w.Seconds, Examples: w.Examples,
	}
}

// addMeasures appends a key for each measure.
func addMeasures(o *object.Object, before string, m Measures) {
	for _, x := range m {
		o.Add(before+x.Name, x.Value)
	}
}
