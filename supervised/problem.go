package supervised

import (
	"fmt"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
)

// choose decides what the outputs say: as the settings have it, or by the data. Several targets that
// are all 0 or 1 are labels, and so is one if the file to start from, which may be nil, is of labels.
// Only labels are noted in the settings, as former runs had none.
func (t *Task) choose(s *Settings, start *classifier.File) error {
	d := t.source.splits
	binary := d.Targets != nil && allBinary(d)
	fits := map[string]bool{classifier.SingleLabel: d.Targets == nil, classifier.MultiLabel: binary, classifier.Regression: d.Targets != nil}
	t.problem = s.Problem
	switch {
	case t.problem != "" && !fits[t.problem]:
		return fmt.Errorf("problem is %s, and %s: %s", t.problem, s.Data, whyNot(t.problem, d))
	case t.problem != "":
	case d.Targets == nil:
		t.problem = classifier.SingleLabel
	case binary && (len(d.Targets) > 1 || start != nil && start.Info.MultiLabel):
		t.problem, s.Problem = classifier.MultiLabel, classifier.MultiLabel
		t.decided = append(t.decided, "the targets are all 0 or 1, labels of which any may apply (multi_label_classification); problem regression predicts them as numbers")
	default:
		t.problem = classifier.Regression
	}
	return t.checkChosen(s)
}

// whyNot says why data are not for a problem.
func whyNot(problem string, d *data.Splits) string {
	switch {
	case d.Targets == nil:
		return "its examples have classes, no targets"
	case problem == classifier.SingleLabel:
		return "its examples have targets, no classes"
	}
	return "its targets are not all 0 or 1, which say that a label applies or does not"
}

// allBinary reports whether the targets of all splits are 0 or 1.
func allBinary(d *data.Splits) bool {
	for _, p := range d.Parts() {
		if !p.Binary() {
			return false
		}
	}
	return true
}

// labels reports whether the outputs are logits of labels of which any may apply.
func (t *Task) labels() bool { return t.problem == classifier.MultiLabel }
