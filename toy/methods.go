package toy

import "github.com/monge-ml/monge/sam"

// Methods returns the methods that a toy can run: those in float64 that perturb all parameters.
func Methods() []sam.Method {
	var methods []sam.Method
	for _, m := range sam.Methods() {
		if m.New64 != nil && m.On == "" {
			methods = append(methods, m)
		}
	}
	return methods
}
