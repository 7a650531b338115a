package report

import "github.com/monge-ml/monge/internal/chart"

// looks are the methods'. SAM is drawn wide and M-SAM narrow above it, so that both show
// where they are the same.
var looks = map[string]chart.Look{
	"sgd":    chart.LookOf(0, 1.8, []float64{2, 2.5}, "circle", 2.2),
	"sam":    chart.LookOf(1, 3.2, nil, "circle", 4.6),
	"m-sam":  chart.LookOf(2, 1.8, []float64{6, 3}, "pyramid", 3),
	"fisher": chart.LookOf(6, 1.8, []float64{9, 3, 2, 3}, "diamond", 4),
	"asam":   chart.LookOf(7, 1.8, []float64{3, 3}, "box", 3.2),
}

// lookOf is the look of a method, and whether it has one of its own. All of the page asks
// here.
func lookOf(method string) (l chart.Look, known bool) {
	if l, known = looks[method]; !known {
		l = chart.Look{Ink: chart.Text, Width: 1.5, Dashes: []float64{1, 2}, Mark: chart.Box, Radius: 3}
	}
	return l, known
}

// budgetLooks are those of M-SAM under the first three ascent budgets.
var budgetLooks = []chart.Look{
	chart.LookOf(3, 1.8, nil, "box", 3.4),
	chart.LookOf(4, 1.8, []float64{10, 3}, "diamond", 4),
	chart.LookOf(5, 1.8, []float64{7, 2, 2, 2}, "pyramid", 3.4),
}

// budgetLook is that of M-SAM under its ascent budget number i: beyond three, the colours
// come again with other dashes and marks.
func budgetLook(i int) chart.Look {
	n := len(budgetLooks)
	l := budgetLooks[(i+i/n)%n]
	l.Ink = budgetLooks[i%n].Ink
	return l
}

// variantLook is that of a method's variant number i, in none of the colours of the base
// optimizer and of M-SAM itself.
func variantLook(i int) chart.Look { return chart.LookAt(i, 4, 5, 7, 1, 6, 3) }

// faint is the look of lines that are no method's.
var faint = chart.Look{Ink: chart.Muted, Width: 1, Dashes: []float64{1.5, 3}}
