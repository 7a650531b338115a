package paper

import (
	"math"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/toy"
	"gonum.org/v1/gonum/floats"
)

// drawnMost is how many runs a picture shows at most.
const drawnMost = 400

// DrawRuns draws runs of one method on a toy loss, as SVG and PNG of the given name, into a
// directory, and returns the paths. The runs should have kept their paths; of more than
// 400 every so manyth is drawn.
func DrawRuns(dir, name, title, method string, loss toy.Loss, runs []toy.Run) ([]string, error) {
	if _, err := sam.FindMethod(method); err != nil {
		return nil, err
	}
	l := lookOf(method)
	view := around(runs, loss.Dim())
	p := chart.NewPanel(title, "θ₁", "θ₂", view)
	if loss.Dim() == 1 {
		p = chart.NewPanel(title, "θ", "loss", view)
		p.Curve(func(x float64) float64 { return loss.Loss([]float64{x}) }, chart.Stroke(chart.Grey, 1))
	} else {
		landscape(p, loss)
	}
	var starts, ends [][]float64
	every := (len(runs) + drawnMost - 1) / drawnMost
	for i, r := range runs {
		if i%every != 0 {
			continue
		}
		path := thin(upTo(inPlane(loss, r.Path), 1000*view.X1), (view.X1-view.X0)/500)
		if len(path) == 0 {
			continue
		}
		p.Line(path, chart.Stroke(chart.Fade(l.color, .6), 1))
		starts, ends = append(starts, path[0]), append(ends, path[len(path)-1])
	}
	p.Mark(starts, chart.Dot, chart.Black, 1.5)
	p.Mark(ends, chart.Star, l.color, 5)
	s := sheet{name, chart.Sheet{
		Alt:    title + ": paths of runs from their starts to their ends.",
		Panels: [][]*chart.Panel{{p}}, Width: 420, Heights: []float64{420},
		Key: append(methodKey(method), markEntry("start", chart.Dot, 2), markEntry("end", chart.Star, 5)),
	}}
	if loss.Dim() == 1 {
		s.Heights[0] = 260
	} else {
		s.Key = append(s.Key, lineEntry("minima", chart.Grey, 1, 4, 2))
	}
	return s.write(dir)
}

// inPlane returns a path's points in the plane of the picture: of a loss of one parameter,
// on its graph.
func inPlane(loss toy.Loss, path [][]float64) [][]float64 {
	if loss.Dim() > 1 {
		return path
	}
	points := make([][]float64, len(path))
	for i, q := range path {
		points[i] = []float64{q[0], loss.Loss(q)}
	}
	return points
}

// around returns a square view centred at the origin that holds the starts and, up to six
// times as far out, the paths; of one dimension, the part of the graph of theta² there.
func around(runs []toy.Run, dim int) chart.View {
	starts, all := 0., 0.
	for _, r := range runs {
		starts = max(starts, floats.Norm(r.Start, math.Inf(1)))
		for _, q := range r.Path {
			all = max(all, floats.Norm(q, math.Inf(1)))
		}
	}
	half := 1.1 * max(1, starts, min(all, 6*max(1, starts)))
	if dim == 1 {
		return box(-half, half, 0, half*half)
	}
	return box(-half, half, -half, half)
}
