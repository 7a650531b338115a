package chart

import "slices"

// lattice is a function of the plane on n x n points over a view.
type lattice struct {
	view View
	n    int
	z    []float64 // at point i, j: z[j*n+i]
}

func newLattice(view View, n int, f func(x, y float64) float64) *lattice {
	g := &lattice{view, n, make([]float64, n*n)}
	for k := range g.z {
		g.z[k] = f(g.x(k%n), g.y(k/n))
	}
	return g
}

func (g *lattice) x(i int) float64 {
	return g.view.X0 + (g.view.X1-g.view.X0)*float64(i)/float64(g.n-1)
}

func (g *lattice) y(j int) float64 {
	return g.view.Y0 + (g.view.Y1-g.view.Y0)*float64(j)/float64(g.n-1)
}

// An edge joins two neighbours of a lattice: the one from point k to the right is 2k, the
// one upwards 2k + 1.
type edge int

// contours returns the lines at a level, by marching squares: closed ones end where they
// begin, others at the edges of the view, or where the function is not finite.
func (g *lattice) contours(level float64) (lines [][][]float64) {
	next := map[edge][]edge{} // one or two cells meet at an edge
	for k := range g.z {
		if k%g.n < g.n-1 && k/g.n < g.n-1 {
			for _, s := range g.crossings(k, level) {
				next[s[0]], next[s[1]] = append(next[s[0]], s[1]), append(next[s[1]], s[0])
			}
		}
	}
	var ends, all []edge
	for e := range edge(2 * len(g.z)) {
		if n := len(next[e]); n > 0 {
			all = append(all, e)
			if n == 1 {
				ends = append(ends, e)
			}
		}
	}
	for _, e := range append(ends, all...) { // what no end has used up are loops
		if len(next[e]) == 0 {
			continue
		}
		line := [][]float64{g.place(e, level)}
		for len(next[e]) > 0 {
			to := next[e][0]
			next[e] = next[e][1:]
			back := slices.Index(next[to], e)
			next[to] = slices.Delete(next[to], back, back+1)
			line = append(line, g.place(to, level))
			e = to
		}
		lines = append(lines, line)
	}
	return lines
}

// crossings are the pieces of a contour in the cell above and to the right of point k, each
// from edge to edge.
func (g *lattice) crossings(k int, level float64) [][2]edge {
	corners := [4]float64{g.z[k], g.z[k+1], g.z[k+1+g.n], g.z[k+g.n]} // counterclockwise
	sides := [4]edge{edge(2 * k), edge(2*(k+1) + 1), edge(2 * (k + g.n)), edge(2*k + 1)}
	var crossed []edge
	sum := 0.
	for i, z := range corners {
		sum += z
		if (z > level) != (corners[(i+1)%4] > level) {
			crossed = append(crossed, sides[i])
		}
	}
	switch {
	case !finite(sum) || len(crossed) == 0:
		return nil
	case len(crossed) == 2:
		return [][2]edge{{crossed[0], crossed[1]}}
	case (sum/4 > level) == (corners[0] > level): // a saddle: the middle belongs to the first corner
		return [][2]edge{{sides[0], sides[1]}, {sides[2], sides[3]}}
	}
	return [][2]edge{{sides[3], sides[0]}, {sides[1], sides[2]}}
}

// place is where the contour crosses an edge.
func (g *lattice) place(e edge, level float64) []float64 {
	k := int(e / 2)
	i, j := k%g.n, k/g.n
	if e%2 == 0 {
		u := (level - g.z[k]) / (g.z[k+1] - g.z[k])
		return []float64{g.x(i) + u*(g.x(i+1)-g.x(i)), g.y(j)}
	}
	u := (level - g.z[k]) / (g.z[k+g.n] - g.z[k])
	return []float64{g.x(i), g.y(j) + u*(g.y(j+1)-g.y(j))}
}
