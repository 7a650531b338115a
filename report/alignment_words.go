package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/study/analysis"
)

// words says what a study on pairs shows, by rule from its numbers.
func (v *alignmentView) words() Words {
	w := Words{Notice: v.notice()}
	w.Headline = strings.TrimSpace(v.sayWinner() + " " + v.sayLost())
	w.Summary = append(v.saySKNN(), v.sayFirstLost()...)
	for _, f := range []Finding{
		{"Loss", v.sayLosses()},
		{"Why one collapses and the other does not", v.sayDivide()},
		{"Beside the paper", v.sayPaper()},
		{"How far this goes", v.sayAlignmentLimits()},
	} {
		if len(f.Text) > 0 {
			w.Findings = append(w.Findings, f)
		}
	}
	return w
}

// names are the methods of the cells that were trained, in order.
func (v *alignmentView) names() (names []string) {
	for i := range v.cells {
		if n := alignmentName(&v.cells[i]); v.cells[i].LR > 0 && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// untrained is the model as it was before, or nil.
func (v *alignmentView) untrained() *analysis.AlignmentCell {
	if len(v.cells) > 0 && v.cells[0].LR == 0 {
		return &v.cells[0]
	}
	return nil
}

// sayWinner holds M-SAM's best setting against SAM's.
func (v *alignmentView) sayWinner() string {
	m, s := v.best("M-SAM"), v.best("SAM")
	if m == nil || s == nil {
		var lost []string
		for _, n := range v.names() {
			if v.best(n) == nil {
				lost = append(lost, n)
			}
		}
		if lost == nil {
			return "" // one of the two is not among the methods
		}
		return join(lost) + " diverged in every setting."
	}
	diff := float64(m.SKNN - s.SKNN)
	noise := 2 * math.Hypot(float64(m.SKNNStderr), float64(s.SKNNStderr))
	said := fmt.Sprintf("M-SAM's best S_kNN is %s (%s), SAM's %s (%s)", score(m.SKNN, m.SKNNStderr), place(m), score(s.SKNN, s.SKNNStderr), place(s))
	switch {
	case !finite(noise):
		return said + ": one seed, so no difference is called one."
	case math.Abs(diff) <= noise:
		return said + ": within two standard errors of each other."
	case diff > 0:
		return said + ": M-SAM is ahead by more than two standard errors."
	}
	return said + ": M-SAM is behind by more than two standard errors."
}

// lostOf counts the settings of a method in which most seeds diverged.
func (v *alignmentView) lostOf(name string) (lost, all int) {
	for i := range v.cells {
		a := &v.cells[i]
		if alignmentName(a) != name {
			continue
		}
		all++
		if a.Lost() {
			lost++
		}
	}
	return lost, all
}

func (v *alignmentView) sayLost() string {
	var said []string
	for _, n := range v.names() {
		if lost, all := v.lostOf(n); all > 0 {
			said = append(said, fmt.Sprintf("%s in %d of %d", n, lost, all))
		}
	}
	return "Settings in which most seeds diverge: " + join(said) + "."
}

// saySKNN ranks the methods by the setting with the best S_kNN.
func (v *alignmentView) saySKNN() (said []string) {
	names := v.names()
	slices.SortStableFunc(names, func(a, b string) int {
		x, y := v.best(a), v.best(b)
		switch {
		case x == nil || y == nil || x.SKNN == y.SKNN:
			return 0
		case x.SKNN > y.SKNN:
			return -1
		}
		return 1
	})
	var list []string
	for _, n := range names {
		if a := v.best(n); a != nil {
			list = append(list, fmt.Sprintf("%s %s (%s)", n, score(a.SKNN, a.SKNNStderr), place(a)))
		}
	}
	if len(list) > 0 {
		said = append(said, "Best S_kNN of unseen pairs, at the step that validation chose: "+join(list)+".")
	}
	if a := v.untrained(); a != nil {
		said = append(said, fmt.Sprintf("Before fine-tuning it is %s; by chance it would be %.3f.", score(a.SKNN, a.SKNNStderr), cmp.Or(v.in.Chance, chanceSKNN(v.Data.Test))))
	}
	return said
}

// chanceSKNN is S_kNN of embeddings that have nothing to do with each other, for runs of earlier
// versions, which did not say it.
func chanceSKNN(n int) float64 { return 8 / float64(n-1) }

// sayFirstLost tells the smallest radius at which each is lost, by learning rate.
func (v *alignmentView) sayFirstLost() (said []string) {
	for _, n := range v.names() {
		var lrs []float64
		first := map[float64]*analysis.AlignmentCell{}
		for i := range v.cells {
			a := &v.cells[i]
			if alignmentName(a) != n || !a.Perturbs() {
				continue
			}
			lrs = ascending(lrs, a.LR)
			if f := first[a.LR]; a.Lost() && (f == nil || a.X() < f.X()) {
				first[a.LR] = a
			}
		}
		var list []string
		for _, lr := range lrs {
			from := "nowhere on the grid"
			if a := first[lr]; a != nil {
				from = "from " + num(a.X())
			}
			list = append(list, fmt.Sprintf("%s at lr %s", from, num(lr)))
		}
		if len(list) > 0 {
			said = append(said, n+" is lost "+join(list)+".")
		}
	}
	return said
}

// sayLosses ranks the methods by their lowest loss.
func (v *alignmentView) sayLosses() (said []string) {
	var list []string
	for _, n := range v.names() {
		var least *analysis.AlignmentCell
		for i := range v.cells {
			if a := &v.cells[i]; alignmentName(a) == n && !a.Lost() && finite(float64(a.BestLoss)) && (least == nil || a.BestLoss < least.BestLoss) {
				least = a
			}
		}
		if least != nil {
			list = append(list, fmt.Sprintf("%s %s (%s)", n, loss(least.BestLoss), place(least)))
		}
	}
	if len(list) > 0 {
		said = append(said, "Lowest validation loss on the way: "+join(list)+".")
	}
	if a := v.untrained(); a != nil {
		said = append(said, fmt.Sprintf("Before fine-tuning the loss is %s; similarities that are all alike have %.3f.", loss(a.BestLoss), math.Log(float64(v.batch))))
	}
	return said
}

// sayDivide compares SAM and M-SAM where the one diverges and the other does not.
func (v *alignmentView) sayDivide() []string {
	sam, other := v.divide()
	if sam == nil {
		return nil
	}
	early := func(a *analysis.AlignmentCell) (grad, delta, rise float64) {
		for _, records := range v.rowsOf(a) {
			if len(records) > 0 {
				n := float64(len(v.rowsOf(a)))
				grad, delta, rise = grad+records[0].GradNorm/n, delta+records[0].DeltaNorm/n, rise+records[0].Ascent/n
			}
		}
		return grad, delta, rise
	}
	g, d, r := early(sam)
	_, dm, rm := early(other)
	return []string{
		fmt.Sprintf("At %s SAM diverges in %d of %d runs, M-SAM in %d.", place(sam), sam.Diverged, sam.Runs, other.Diverged),
		fmt.Sprintf("Up to the first evaluation |g| is %s; SAM's perturbation is %s long and raises the loss by %s nats, M-SAM's %s long by %s.",
			num(g), num(d), num(r), num(dm), num(rm)),
	}
}

func (v *alignmentView) sayPaper() []string {
	sam, all := v.lostOf("SAM")
	msam, allM := v.lostOf("M-SAM")
	if v.Study.Beside != study.Table3 || all == 0 || allM == 0 {
		return nil
	}
	return []string{
		fmt.Sprintf("The paper's SAM diverges in 11 of 15 settings (it calls the smallest radius safe), its M-SAM in 2 of 12; here SAM in %d of %d, M-SAM in %d of %d.", sam, all, msam, allM),
		"The paper's best S_kNN are .446 for M-SAM, .405 for SAM, .388 for Adam, .387 for SGD and .351 before fine-tuning, without repetitions; its SAM was tried at radii of its own (.005) that M-SAM was not, and M-SAM's best lies at the edge of its grid.",
	}
}

func (v *alignmentView) sayAlignmentLimits() []string {
	return append(slices.Clone(v.Study.Notes),
		"The best of many settings flatters, and the more the more settings a method has.",
		"A run is called lost if its training loss ends within .01 of that of similarities which are all alike, or above; that it collapsed says more, namely that the similarities hardly differ. The loss of unseen pairs is no measure of it: a model that learns its own pairs by heart has a high one.",
		v.sayCounted())
}
