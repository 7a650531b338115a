// Package paper redraws the figures 1 to 5 of the M-SAM paper (arXiv 2502.08448) from
// runs of packages sam and toy, and compares their numbers with the paper's.
package paper

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/monge-ml/monge/internal/chart"
)

// Figure is a figure redrawn: what it compares, what it shows, and the pictures.
type Figure struct {
	Name       string         `json:"figure"` // "fig1" to "fig5"
	Title      string         `json:"title"`
	Settings   map[string]any `json:"settings"`
	Comparison []Row          `json:"comparison"`
	Data       any            `json:"data"`
	sheets     []sheet
}

// Sources of the numbers that a Row compares with.
const (
	// Printed numbers are in the paper's text.
	Printed = "paper"
	// ReadOff numbers are read off the paper's figure, by eye.
	ReadOff = "figure"
	// Rerun numbers are from independent runs of the paper's experiment, made before and
	// without this code, that reproduce its figure.
	Rerun = "re-run"
	// Formula numbers are from a closed form.
	Formula = "formula"
)

// Row compares one number.
type Row struct {
	Name       string  `json:"name"`
	Source     string  `json:"source"`
	Expected   float64 `json:"expected"`
	Ours       float64 `json:"ours"`
	Difference float64 `json:"difference"` // ours - expected
	// Tolerance is what the difference may be; negative where nothing can be demanded.
	Tolerance float64 `json:"tolerance"`
	// Verdict is "agrees", "differs", or "" with a negative Tolerance.
	Verdict string `json:"verdict"`
}

func compare(name, source string, expected, ours, tolerance float64) Row {
	r := Row{name, source, expected, ours, ours - expected, tolerance, ""}
	switch {
	case tolerance < 0:
	case math.Abs(r.Difference) <= tolerance:
		r.Verdict = "agrees"
	default:
		r.Verdict = "differs"
	}
	return r
}

// compareAll compares several numbers of one thing under names like "SAM end t1".
func compareAll(prefix string, parts []string, source string, expected, ours []float64, tolerance float64) []Row {
	rows := make([]Row, len(parts))
	for i, part := range parts {
		rows[i] = compare(prefix+" "+part, source, expected[i], ours[i], tolerance)
	}
	return rows
}

var figures = []struct {
	name string
	draw func(context.Context) (*Figure, error)
}{
	{"fig1", figure1}, {"fig2", figure2}, {"fig3", figure3}, {"fig4", figure4}, {"fig5", figure5},
}

// Names returns the figures' names.
func Names() []string {
	var names []string
	for _, f := range figures {
		names = append(names, f.name)
	}
	return names
}

// Redraw computes a figure by its name.
func Redraw(ctx context.Context, name string) (*Figure, error) {
	for _, f := range figures {
		if f.name == name {
			return f.draw(ctx)
		}
	}
	return nil, fmt.Errorf("unknown figure %q; there are %s", name, strings.Join(Names(), ", "))
}

// Differing returns the names of the numbers that are not what they should be.
func (f *Figure) Differing() []string {
	var names []string
	for _, r := range f.Comparison {
		if r.Verdict == "differs" {
			names = append(names, r.Name)
		}
	}
	return names
}

// WriteTable writes the comparison as a table.
func (f *Figure) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s\n", f.Name, f.Title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  number\tsource\texpected\tours\tdifference\ttolerance\t")
	for _, r := range f.Comparison {
		tolerance := number(r.Tolerance)
		if r.Tolerance < 0 {
			tolerance = "-"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.Source,
			number(r.Expected), number(r.Ours), number(r.Difference), tolerance, r.Verdict)
	}
	return t.Flush()
}

// number prints four decimals, fewer if they are zero, more for small numbers.
func number(x float64) string {
	if x != 0 && math.Abs(x) < 5e-5 {
		return fmt.Sprintf("%.1e", x)
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.4f", x), "0"), ".")
}

// Write writes the pictures as SVG and PNG and everything else as JSON into a directory,
// which it makes if need be, and returns the paths of the files.
func (f *Figure) Write(dir string) ([]string, error) {
	var paths []string
	for _, s := range f.sheets {
		p, err := s.write(dir)
		if err != nil {
			return paths, err
		}
		paths = append(paths, p...)
	}
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return paths, err
	}
	path := filepath.Join(dir, f.Name+".json")
	if err := chart.WriteFile(path, append(b, '\n')); err != nil {
		return paths, err
	}
	return append(paths, path), nil
}
