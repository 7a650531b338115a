package network

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/monge-ml/monge/onnx"
)

// untie gives each reader a tensor of its own where an exporter has written several that were
// equal at the moment once: scales of 1, biases of 0, fresh statistics. They would be trained as
// one otherwise. Readers that the file says read the same parameter share it, and so do linear
// layers and convolutions that are applied several times their biases. The nodes of the model's
// graph are replaced, and tensors added. What was untied though the file does not tell is returned.
func untie(m *onnx.Model, own *owned) (guessed []string) {
	u := &untying{Graph: m.Graph, own: own, readers: map[string]int{}, names: map[string]bool{}, tensors: map[string]*onnx.Tensor{}, makers: makersOf(m.Graph.Nodes)}
	u.look()
	uses := map[string][]use{}
	for k, n := range u.Nodes {
		for i, name := range n.Inputs {
			if u.unties(n, i) {
				uses[name] = append(uses[name], u.use(k, i))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		if u.separate(name, uses[name]) {
			guessed = append(guessed, name)
		}
	}
	return guessed
}

// untying is a graph whose tensors are given to their readers.
type untying struct {
	*onnx.Graph
	own     *owned
	readers map[string]int
	names   map[string]bool // that are taken
	tensors map[string]*onnx.Tensor
	makers  map[string]*onnx.Node
	uniform map[string]bool // those with several readers that look fresh
}

func (u *untying) look() {
	for _, n := range u.Nodes {
		for _, name := range n.Inputs {
			u.readers[name]++
		}
		for _, name := range n.Outputs {
			u.names[name] = true
		}
	}
	for _, v := range u.Inputs {
		u.names[v.Name] = true
	}
	for _, t := range u.Initializers {
		u.tensors[t.Name], u.names[t.Name] = t, true
	}
	u.uniform = map[string]bool{}
	for name, n := range u.readers {
		if t := u.tensors[name]; t != nil && n > 1 {
			u.uniform[name] = isUniform(t) || u.own.hasNumber(name, t) && isFresh(t)
		}
	}
}

// unties reports whether an input is one of several readers of a tensor that may be several.
func (u *untying) unties(n *onnx.Node, i int) bool {
	name := n.Inputs[i]
	switch {
	case u.tensors[name] == nil || u.readers[name] < 2:
		return false
	case isStatistic(n, i):
		return true
	}
	return vectorAt(n, i) && u.uniform[name] && !sharedLayer(n, i, u.readers, u.tensors, u.makers)
}

// A use is an input of a node that reads a tensor.
type use struct {
	node, input int
	of          string // which parameter it reads, as far as the file says; "" if it does not
	owns        bool   // that is the one that has the tensor's name
}

func (u *untying) use(k, i int) use {
	n, name := u.Nodes[k], u.Nodes[k].Inputs[i]
	x := use{node: k, input: i}
	switch {
	case isStatistic(n, i):
		x.of = fmt.Sprint("the statistics of node ", k) // each place has its own
	case isStandIn(n, i, name, u.tensors[name]):
		x.of = "none"
	default:
		x.of, x.owns = parameterOf(n, i, name)
	}
	return x
}

// separate gives each parameter that uses of a tensor read a tensor of its own, the name to the one
// that owns it, or the first. It reports whether it had to guess.
func (u *untying) separate(name string, uses []use) (guessed bool) {
	keeper := max(0, slices.IndexFunc(uses, func(x use) bool { return x.owns }))
	names, count := map[string]string{}, 1
	if uses[keeper].of != "" {
		names[uses[keeper].of] = name
	}
	for k, x := range uses {
		own := names[x.of]
		if k == keeper || own == name {
			continue
		}
		if own == "" {
			count++
			own = u.copied(name, count)
		}
		if x.of != "" {
			names[x.of] = own
		}
		c := *u.Nodes[x.node]
		c.Inputs = slices.Clone(c.Inputs)
		c.Inputs[x.input] = own
		u.Nodes[x.node] = &c
	}
	return count > 1 && slices.ContainsFunc(uses, func(x use) bool { return x.of == "" })
}

// copied adds another tensor that is equal to one.
func (u *untying) copied(name string, count int) string {
	own := fmt.Sprintf("%s.%d", name, count)
	for u.names[own] {
		own += "_"
	}
	u.names[own] = true
	t := *u.tensors[name]
	t.Name = own
	u.Initializers = append(u.Initializers, &t)
	return own
}

// UntiedNote says which tensors were untied though the file does not tell whether they are one
// parameter; "" if none were.
func (f *File) UntiedNote() string {
	var notes []string
	if len(f.untied) > 0 {
		notes = append(notes, shown(f.untied)+": one number throughout, as before training, and read in several places, each of which trains a copy of its own (.2, .3, ...), "+
			"as exporters write equal tensors once; the file does not say whether the network has one there")
	}
	if list := f.repeated(); len(list) > 0 {
		notes = append(notes, shown(list)+": equal to that of a module whose name is the same but for the number behind it, and trained apart, "+
			"though that may be one module that is applied several times")
	}
	return strings.Join(notes, "; ")
}

func shown(names []string) string {
	var list []string
	for _, name := range names {
		list = append(list, onnx.Show(name))
	}
	return listed(list)
}

// repeated are the parameters that an Identity has made of an equal one whose reader may be another
// call of the same module: /norm/Mul and /norm_1/Mul.
func (f *File) repeated() (list []string) {
	paths := map[*onnx.Tensor][]string{} // of the modules that read it
	reads := func(n *onnx.Node, do func(name string, t *onnx.Tensor, path string)) {
		at := strings.LastIndexByte(n.Name, '/')
		for _, name := range n.Inputs {
			if p := f.parameter(name); p != nil && at > 0 {
				do(name, p.tensor, n.Name[:at])
			}
		}
	}
	for _, n := range f.nodes {
		reads(n, func(name string, t *onnx.Tensor, path string) { paths[t] = append(paths[t], path) })
	}
	for _, n := range f.nodes {
		reads(n, func(name string, t *onnx.Tensor, path string) {
			first := numberBehind.ReplaceAllString(path, "")
			if name != t.Name && first != path && unnamed.MatchString(name) && slices.Contains(paths[t], first) && !slices.Contains(list, name) {
				list = append(list, name)
			}
		})
	}
	return list
}

var numberBehind = regexp.MustCompile(`_\d+$`)

// keyCall is the property by which PyTorch's default exporter says which call made a node, with its
// arguments, as in aten.layer_norm.default](args = (%mean, [8], %p_ln_weight, %p_ln_bias, 1e-05, False).
const keyCall = "pkg.torch.onnx.fx_node"

var argument = regexp.MustCompile(`%(p_\w+)`)

// parameterOf tells which parameter of the network an input of a node is, "" if the file does not
// say, and whether it is the one that a tensor is named after. PyTorch's default exporter says so by
// the call, and its older one by the path of the module in the name of the node: /ln/Add, and /ln_1/Add of
// the second call of ln.
func parameterOf(n *onnx.Node, i int, tensor string) (of string, owns bool) {
	if call, ok := n.Property(keyCall); ok {
		var list []string
		for _, found := range argument.FindAllStringSubmatch(call, -1) {
			list = append(list, found[1])
		}
		owns = slices.Contains(list, "p_"+strings.ReplaceAll(tensor, ".", "_"))
		if len(list) > 1 {
			list = append(list, fmt.Sprint(n.Op, i))
		}
		return strings.Join(list, " "), owns
	}
	if ofModule(n.Name, tensor) {
		return "its module's", true
	}
	return "", false
}

// ofModule reports whether a node is one of a call of the module that a tensor has its name from.
func ofModule(node, tensor string) bool {
	if !strings.HasPrefix(node, "/") || unnamed.MatchString(tensor) {
		return false
	}
	at, of := strings.Split(strings.ReplaceAll(node[1:], "/", "."), "."), strings.Split(tensor, ".")
	if len(at) != len(of) {
		return false
	}
	for i, part := range of[:len(of)-1] {
		again, ok := strings.CutPrefix(at[i], part)
		if !ok || again != "" && !repeated.MatchString(again) {
			return false
		}
	}
	return true
}

var repeated = regexp.MustCompile(`^_\d+$`)

// isStatistic reports whether an input is what a batch normalisation keeps: a layer that is applied
// several times has its own in each place.
func isStatistic(n *onnx.Node, i int) bool { return n.Op == "BatchNormalization" && i >= 3 }

// vectorAt reports whether an input is where layers have a scale, a bias or statistics.
func vectorAt(n *onnx.Node, i int) bool {
	switch n.Op {
	case "Conv", "ConvTranspose", "Gemm":
		return i == 2
	case "BatchNormalization", "LayerNormalization", "InstanceNormalization", "GroupNormalization", "RMSNormalization":
		return i >= 1
	case "Add", "Mul", "PRelu":
		return true
	}
	return false
}

// isUniform reports whether a tensor is one number for each of several elements.
func isUniform(t *onnx.Tensor) bool {
	const most = 1 << 16
	if !t.DType.IsFloat() || t.Len() < 2 || t.Len() > most || len(t.Dims) > 4 {
		return false
	}
	v, err := t.Floats()
	return err == nil && !slices.ContainsFunc(v, func(x float32) bool { return x != v[0] })
}

// isFresh reports whether a tensor of one number is what scales and biases are before training. Of
// others a layer that is applied several times is likelier.
func isFresh(t *onnx.Tensor) bool {
	v, err := t.Floats()
	return err == nil && (v[0] == 0 || v[0] == 1)
}

// sharedLayer reports whether the weight beside a vector is read by several nodes as well.
func sharedLayer(n *onnx.Node, i int, readers map[string]int, tensors map[string]*onnx.Tensor, makers map[string]*onnx.Node) bool {
	if n.Op == "Add" && len(n.Inputs) == 2 {
		m := makers[n.Inputs[1-i]]
		return m != nil && m.Op == "MatMul" && len(m.Inputs) == 2 && tensors[m.Inputs[1]] != nil && readers[m.Inputs[1]] > 1
	}
	if n.Op != "Conv" && n.Op != "ConvTranspose" && n.Op != "Gemm" {
		return false
	}
	return i == 2 && tensors[n.Inputs[1]] != nil && readers[n.Inputs[1]] > 1
}
