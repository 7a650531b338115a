package report

import (
	"cmp"
	"slices"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/study/analysis"
)

// looksOf are the looks of methods beside each other: the registered ones, others where a method
// comes with a budget or as a variant, and the next that is free for a method without any.
func looksOf(methods []*analysis.Method) []chart.Look {
	looks := make([]chart.Look, len(methods))
	var without []int
	budgets, variants := 0, 0
	for i, m := range methods {
		known, _ := sam.FindMethod(m.Method)
		switch l, ok := registered(known.Look); {
		case m.Variant != "":
			looks[i] = variantLook(variants)
			variants++
		case m.AscentBudget != nil, m.Sweep != "":
			looks[i] = budgetLook(budgets)
			budgets++
		case ok:
			looks[i] = l
		default:
			without = append(without, i)
		}
	}
	for n, i := range without {
		looks[i] = freeLook(n, looks)
	}
	return looks
}

// registered is a method's look, false if it has none.
func registered(l sam.Look) (chart.Look, bool) {
	none := l.Ink == 0 && l.Width == 0 && l.Dashes == nil && l.Mark == "" && l.Radius == 0
	return chart.LookOf(l.Ink, cmp.Or(l.Width, 1.8), l.Dashes, l.Mark, cmp.Or(l.Radius, 3.2)), !none
}

// freeLook is that of method number n without a look, in a colour that others have not.
func freeLook(n int, others []chart.Look) chart.Look {
	inks := []int{6, 5, 7, 4, 3, 1, 2, 0}
	free := slices.DeleteFunc(slices.Clone(inks), func(i int) bool {
		return slices.ContainsFunc(others, func(l chart.Look) bool { return l.Width > 0 && l.Ink == chart.LineInk(i) })
	})
	l := chart.LookAt(n+1, inks...)
	if len(free) > 0 {
		l.Ink = chart.LineInk(free[0])
	}
	return l
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
