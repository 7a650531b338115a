package classifier

import "github.com/monge-ml/monge/internal/number"

// A Real is a measure that JSON can hold whatever it is, see [number.Real].
type Real = number.Real
