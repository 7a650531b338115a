package network

import (
	"regexp"
	"slices"
	"strings"

	"github.com/monge-ml/monge/onnx"
)

// Floating-point tensors of one element are mostly numbers that the network's code has: 0.5 and
// the root of 2 in a GELU, an epsilon. Some are trained: the scales of ReZero, the scale and bias
// of a learnable affine block. Nothing in the graph tells them apart but what exporters say of
// them: PyTorch's default one notes the kind of each tensor, and others keep the path of a module's
// parameter as its name, as in blocks.0.alpha, and make names for all else, as in onnx::Mul_123,
// val_12, /act/Constant_output_0.

// keyKind is the property by which torch.export says what a tensor is.
const keyKind = "pkg.torch.export.graph_signature.InputSpec.kind"

var (
	modulePath = regexp.MustCompile(`^\w+(\.\w+)+$`)
	identifier = regexp.MustCompile(`^[A-Za-z_]\w*$`)
	// madeUp are names with dots that exporters make, of which most are Paddle's.
	madeUp = regexp.MustCompile(`^p2o\.|\.tmp_\d+$|^fill_constant|^auto_\d|^(helper\.)?constant\b|lifted_tensor_\d+$`)
	// constantNode are the names of constants by PyTorch's exporter of TorchScript, which writes
	// parameters as initializers.
	constantNode = regexp.MustCompile(`^/(.+/)?Constant(_\d+)?_output_\d+$`)
	unnamed      = regexp.MustCompile(`^(val_\d+|\d+|onnx::\w+|/.+)$`) // by PyTorch's exporters
)

// owned tells which tensors are parameters of the network's own, whatever reads them.
type owned struct {
	kinds map[string]string // by name, as torch.export says
}

func ownedOf(g *onnx.Graph) *owned {
	o := &owned{kinds: map[string]string{}}
	for _, v := range g.Values {
		if kind, ok := v.Property(keyKind); ok {
			o.kinds[v.Name] = kind
		}
	}
	return o
}

// has reports whether a name is that of a module's parameter: the file says so, or it is a path
// with dots of which a part is no number.
func (o *owned) has(name string) bool {
	if kind := o.kinds[name]; kind != "" {
		return kind == "PARAMETER"
	}
	return modulePath.MatchString(name) && !madeUp.MatchString(strings.ToLower(name)) &&
		slices.ContainsFunc(strings.Split(name, "."), identifier.MatchString)
}

// hasNumber reports whether a tensor is one number that is trained.
func (o *owned) hasNumber(name string, t *onnx.Tensor) bool {
	return t != nil && t.Len() == 1 && t.DType.IsFloat() && o.has(name)
}

// refuses reports whether a tensor of any size is none that is trained: the file says that it is a
// buffer or a constant, or it has the name of a constant in the code of a PyTorch module.
func (o *owned) refuses(name string) bool {
	kind := o.kinds[name]
	return kind != "" && kind != "PARAMETER" || constantNode.MatchString(name)
}

// isStandIn reports whether an input is the scale or bias of an instance normalisation that has
// none of its own: PyTorch's exporters write group normalisation as one with ones and zeros.
func isStandIn(n *onnx.Node, i int, name string, t *onnx.Tensor) bool {
	if n.Op != "InstanceNormalization" || i == 0 || t == nil || !unnamed.MatchString(name) {
		return false
	}
	want := float32(2 - i) // 1 of the scale, 0 of the bias
	v, err := t.Floats()
	return err == nil && !slices.ContainsFunc(v, func(x float32) bool { return x != want })
}
