package sam

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/vec"
)

// PowerLength is the family of lengths between a radius rho and an ascent budget b:
//
//	|delta|^-p = rho^-p + (s/b)^p
//
// with s the length of the direction in the base metric's dual, and |delta| in the metric. P = 2 is the ball of M-SAM's metric;
// at P = +Inf it is LE-SAM's, the smaller of rho and b/s (arXiv 2605.10183). Each length lies between 2^(-1/P) of that and
// all of it.
type PowerLength struct {
	P float64 // >= 1
}

// Scale is a [Length]'s.
func (l PowerLength) Scale(rho, budget float64, d Lengths) float64 {
	s := d.Dual
	if s == 0 {
		return 0
	}
	small, large := min(1/rho, s/budget), max(1/rho, s/budget)
	if math.IsInf(l.P, 1) || small == 0 {
		return 1 / large / s
	}
	return math.Pow(1+math.Pow(small/large, l.P), -1/l.P) / large / s
}

// usualBudget is LE-SAM's authors', in the unit of the loss; they warm it up over ten epochs and anneal it in the last forty.
const usualBudget = .35

var powerLength = Choice{
	Name: "power", Info: "a radius and an ascent budget joined by a power: the smaller of both at +Inf, M-SAM's at 2",
	Uses:    []string{"ascent-budget", "budget-schedule"},
	Budget:  usualBudget,
	Numbers: []Number{{Name: "p", Help: "power that joins radius and ascent budget, at least 1; where it is not given, the smaller of both counts", Default: math.Inf(1)}},
	set32:   setPower[float32], set64: setPower[float64],
}

func setPower[F vec.Float](s *Settings[F], p Params) error {
	power := p.Own["p"]
	if !(power >= 1) {
		return fmt.Errorf("p is %g; it must be at least 1", power)
	}
	s.AscentBudget = p.AscentBudget
	s.Length = func(int) Length { return PowerLength{power} }
	return nil
}

// lossSAM fixes the rise of the loss in place of the radius.
var lossSAM = preset(Method{
	Name: "le-sam", Label: "LE-SAM", Info: "LE-SAM: at most rho, and at most what raises the loss by the ascent budget, .35 unless given (arXiv 2605.10183); p joins the two, 2 as in M-SAM",
	Length: powerLength.Name,
	Look:   Look{Ink: 3, Width: 1.8, Mark: "box", Radius: 3},
})
