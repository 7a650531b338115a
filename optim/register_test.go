package optim_test

import (
	"fmt"
	"testing"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/vec"
)

// signs steps by the gradient's sign, plus a share of the gradient. It leaves all but the
// step itself to SGD.
type signs[F vec.Float] struct {
	optim.Optimizer[F]
	share F
}

func (o signs[F]) Step(theta, grad []F) error {
	signs := make([]F, len(grad))
	for i, g := range grad {
		signs[i] = o.share*g + max(-1, min(1, g*1e6))
	}
	return o.Optimizer.Step(theta, signs)
}

func newSigns[F vec.Float](n int, p optim.Params) (optim.Optimizer[F], error) {
	if share := p.Own["share"]; !(share >= 0) {
		return nil, fmt.Errorf("signs: share is %g; it must be >= 0", share)
	}
	base, err := optim.NewSGD[F](n, optim.SGDSettings{LR: p.LR})
	if err != nil {
		return nil, err
	}
	return signs[F]{base, F(p.Own["share"])}, nil
}

func init() {
	optim.Register(optim.Rule{
		Name: "signs", Label: "Signs", Info: "the gradient's sign",
		Numbers: []optim.Number{{Name: "share", Help: "share of the gradient itself", Default: .5}},
		New32:   newSigns[float32], New64: newSigns[float64],
	})
}

// A rule of another package is made by name, with its own numbers and their defaults.
func TestRegister(t *testing.T) {
	for _, tt := range []struct {
		own  map[string]float64
		want float64
	}{{nil, 1 - .1*(.5*2+1)}, {map[string]float64{"share": 0}, .9}} {
		o, err := optim.New[float64]("signs", 1, optim.Params{LR: optim.Constant(.1), Own: tt.own})
		if err != nil {
			t.Fatal(err)
		}
		theta := []float64{1}
		if err := o.Step(theta, []float64{2}); err != nil || theta[0] != tt.want {
			t.Errorf("%v: stepped to %g, want %g (%v)", tt.own, theta[0], tt.want, err)
		}
	}
	own := map[string]float64{"share": -1}
	if _, err := optim.New[float32]("signs", 1, optim.Params{LR: optim.Constant(.1), Own: own}); err == nil {
		t.Error("an impossible number: no error")
	}
	if _, err := optim.New[float32]("sgd", 1, optim.Params{LR: optim.Constant(.1), Own: own}); err == nil || err.Error() != "base sgd takes no share; it is for signs" {
		t.Errorf("another rule's number: error %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a name given twice did not panic")
		}
	}()
	optim.Register(optim.Rule{Name: "sgd"})
}
