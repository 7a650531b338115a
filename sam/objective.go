package sam

import (
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/vec"
)

// Call says which evaluation of the objective a step asks for.
type Call = objective.Call

// An Objective is a loss over minibatches, of a flat parameter vector.
type Objective[F vec.Float] = objective.Objective[F]

// Func adapts a plain function, see [objective.Func].
func Func[F vec.Float](f func(grad, theta []F) float64) Objective[F] { return objective.Func(f) }
