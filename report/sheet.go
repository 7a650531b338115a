package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/monge-ml/monge/study"
)

// A sheet is a page about a comparison.
type sheet interface {
	words() Words
	// page fills in a template; figures are those on the page.
	page(o origin) (template string, data any, figures []figure, err error)
	writePoints(w io.Writer) error // points.csv
}

// origin says where a page's runs come from.
type origin struct {
	command  string // that repeats them
	dir, out string // the study's directory and the page's; "" if the runs have none
}

// A subject is what pages know of tasks beyond their measures. It belongs to the measure that
// decides; the zero one is true of any task.
type subject struct {
	loss string // what the training loss is
	unit string // of the loss
	lost string // how a run ends that the task calls lost
}

var subjects = map[string]subject{
	"accuracy": {"cross-entropy", "nats", "ended at the constant predictor (accuracy near chance, loss near that of guessing)"},
	"s_knn":    {"contrastive loss", "nats", "ended with embeddings that are all alike"},
}

// sheets are the pages of their own, by the measure that decides; any other task has the page for
// any task.
var sheets = map[string]func(c *study.Comparison) sheet{
	"s_knn": func(c *study.Comparison) sheet { return newAlignmentView(c) },
}

// sheetOf returns the page that suits what a comparison's runs measured.
func sheetOf(c *study.Comparison) sheet {
	if s, special := sheets[c.Measure.Name]; special {
		return s(c)
	}
	return newView(c)
}

// comma, in, brackets, after and lead write the unit of the loss beside words or a number; nothing
// where it has none.
func (s subject) comma() string    { return s.written(", %s") }
func (s subject) in() string       { return s.written(", in %s") }
func (s subject) brackets() string { return s.written(" (%s)") }

func (s subject) written(format string) string {
	if s.unit == "" {
		return ""
	}
	return fmt.Sprintf(format, s.unit)
}

func (s subject) after() string { return s.written(" %s") }

// lead begins a sentence with the unit.
func (s subject) lead(word string) string {
	if s.unit == "" {
		return word
	}
	return upper(s.unit) + ", " + strings.ToLower(word)
}
