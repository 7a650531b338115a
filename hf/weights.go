package hf

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/weights"
)

func findWeights(dir string) (string, error) { return weights.Find(dir) }

// readWeights reads the tensors of the trunk and the head, under the design's names.
func (n *Network) readWeights() error {
	path, err := findWeights(n.Dir)
	if err != nil {
		return err
	}
	f, err := weights.Read(path)
	if err != nil {
		return err
	}
	n.properties = f.Metadata
	if n.tensors, err = n.design.named(f.StateDict()); err == nil {
		n.noteLeftOut()
		err = n.checkHead()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// noteLeftOut says which parameters of a checkpoint the network has no use for.
func (n *Network) noteLeftOut() {
	const most = 3
	var names []string
	for _, t := range n.tensors {
		if t.Data != nil && (n.design.passes(t.Name) || n.design.outside(t.Name)) {
			names = append(names, fmt.Sprintf("%.99s", t.Name))
		}
	}
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	if len(names) > 0 {
		n.notes = append(n.notes, "left out, of no use to the network: "+strings.Join(names, ", "))
	}
}

// outside reports whether a name is neither of the trunk nor of the head.
func (d *design) outside(name string) bool {
	return d.prefix != "" && !strings.HasPrefix(name, d.prefix) && !d.headed(name)
}

// named brings the tensors of a checkpoint to the design's names, without what it has no use for.
func (d *design) named(list []weights.Tensor) ([]weights.Tensor, error) {
	for i := range list {
		list[i].Name = renameOld(list[i].Name)
	}
	before, err := d.before(list)
	if err != nil {
		return nil, err
	}
	outer := strings.TrimSuffix(before, d.prefix) // of trunk and head, or of a trunk under another name
	for i := range list {
		t := &list[i]
		rest, inside := strings.CutPrefix(t.Name, before)
		switch {
		case before == "" && d.headed(t.Name):
		case inside:
			t.Name = d.prefix + rest
		default:
			t.Name = strings.TrimPrefix(t.Name, outer)
		}
	}
	list = d.untied(list)
	if d.modules != nil {
		list = append(list, d.modules.tensors...)
	}
	return list, nil
}

// renameOld brings a name of a checkpoint converted from TensorFlow to PyTorch's.
func renameOld(name string) string {
	if s, ok := strings.CutSuffix(name, "LayerNorm.gamma"); ok {
		return s + "LayerNorm.weight"
	}
	if s, ok := strings.CutSuffix(name, "LayerNorm.beta"); ok {
		return s + "LayerNorm.bias"
	}
	return name
}

// before is what stands before the trunk's names.
func (d *design) before(list []weights.Tensor) (string, error) {
	var found []string
	for _, t := range list {
		if p, ok := strings.CutSuffix(t.Name, d.anchor); ok && (p == "" || strings.HasSuffix(p, ".")) {
			found = append(found, p)
		}
	}
	if slices.Contains(found, d.prefix) {
		return d.prefix, nil
	}
	switch len(found) {
	case 0:
		return d.prefix, nil // fitting tells what is missing
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("there are %d networks in the weights, as %s is there under %q: save one of them", len(found), d.anchor, found)
}

// headed reports whether a name is of the head.
func (d *design) headed(name string) bool {
	return slices.ContainsFunc(d.heads, func(p string) bool { return strings.HasPrefix(name, p) }) || d.passes(name)
}

// passes reports whether the network has no use for a tensor.
func (d *design) passes(name string) bool {
	return slices.ContainsFunc(d.unused, func(p string) bool {
		ok, _ := weights.MatchName(p, name)
		return ok
	})
}

// untied finds the word embeddings where a checkpoint has them under the name of what they are tied to alone.
func (d *design) untied(list []weights.Tensor) []weights.Tensor {
	is := func(name string) func(weights.Tensor) bool {
		return func(t weights.Tensor) bool { return t.Name == name }
	}
	if slices.ContainsFunc(list, is(d.prefix+d.anchor)) {
		return list
	}
	for _, other := range d.tied {
		for _, name := range []string{other, d.prefix + other} {
			if i := slices.IndexFunc(list, is(name)); i >= 0 {
				t := list[i]
				t.Name = d.prefix + d.anchor
				return append(list, t)
			}
		}
	}
	return list
}

// find returns a tensor, nil if it is not there.
func (n *Network) find(name string) *weights.Tensor {
	i := slices.IndexFunc(n.tensors, func(t weights.Tensor) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &n.tensors[i]
}

// checkHead finds for how many outputs the weights have a head, and leaves one out that is of another task.
func (n *Network) checkHead() error {
	d := n.design
	other := d.modules == nil && len(n.config.architectures) > 0 && !slices.Contains(n.config.architectures, d.classifier) && d.classifier != ""
	head := n.find(d.head + ".weight")
	if head == nil {
		return nil
	}
	if other {
		n.notes = append(n.notes, fmt.Sprintf("it is a %.60s, whose head is left out", n.config.architectures[0]))
		n.tensors = slices.DeleteFunc(n.tensors, func(t weights.Tensor) bool {
			return slices.ContainsFunc(d.heads, func(p string) bool { return strings.HasPrefix(t.Name, p) })
		})
		return nil
	}
	if len(head.Shape) == 0 || head.Shape[0] < 1 || len(head.Data) < head.Shape[0] {
		return fmt.Errorf("%s has the shape %v; it makes the outputs, one a row", head.Name, head.Shape)
	}
	if n.outputs = head.Shape[0]; n.labels.names != nil && len(n.labels.names) != n.outputs {
		return fmt.Errorf("the weights have %d outputs, and %s names %d (id2label)", n.outputs, ConfigFile, len(n.labels.names))
	}
	return nil
}

// build makes the network for as many outputs as are wanted, whose parameters start with the weights.
func (n *Network) build(b nn.Builder, o models.Options) nn.Layer {
	d := n.design
	if err := n.checkOptions(o); err != nil {
		b.Fail("%v", err)
		return nil
	}
	net := d.layers(b, o.Input, o.Classes)
	parts, err := b.Network()
	if err != nil {
		return net // building it says so
	}
	b.SetHead(d.last(parts.Params)...)
	if err := n.give(&parts, o); err != nil {
		b.Fail("%v", err)
	}
	return net
}

// last are the parameters of the layer that makes the outputs, or of several.
func (d *design) last(params []*nn.Param) (head []*nn.Param) {
	for _, name := range append([]string{d.head}, d.more...) {
		for _, p := range params {
			if p.Name == name+".weight" || p.Name == name+".bias" {
				head = append(head, p)
			}
		}
	}
	return head
}

// checkOptions returns an error for what the network can't be built for.
func (n *Network) checkOptions(o models.Options) error {
	d := n.design
	switch {
	case o.BGR || o.Restore || o.Output != "":
		return errors.New("channels, batch-norm restore and output are for networks of ONNX files")
	case d.vocabulary > 0 && o.Input[0] > d.positions:
		return fmt.Errorf("texts of %d tokens; the network has positions for %d", o.Input[0], d.positions)
	case d.vocabulary == 0 && o.Input[2] != d.input[2]:
		return fmt.Errorf("images of %d channels; the network takes %d", o.Input[2], d.input[2])
	case d.vocabulary == 0 && !d.takes(o.Input):
		return fmt.Errorf("images of %dx%d; the network is for %dx%d, as its positions are, or another square of a side from %d to %d, for which they are interpolated",
			o.Input[0], o.Input[1], d.input[0], d.input[1], d.sized.patch, d.sized.most())
	case n.outputs != 0 && o.Classes != n.outputs && !o.NewHead:
		return fmt.Errorf("the weights have %d outputs, not %d; 'head new' begins the last layer anew in training", n.outputs, o.Classes)
	}
	return nil
}

// give lets parameters and running statistics start with the weights. What the weights lack is an error, but
// for the head, and so is what they have in the trunk beside.
func (n *Network) give(net *nn.Network, o models.Options) error {
	fresh := n.fresh(net, o.NewHead)
	tensors, err := n.tensorsAt(o.Input)
	if err != nil {
		return err
	}
	var want []weights.Spec
	for _, p := range net.Params {
		if !slices.Contains(fresh, p.Name) {
			want = append(want, weights.Spec{Name: p.Name, Shape: p.TorchShape()})
		}
	}
	for _, b := range net.Buffers {
		if !b.Count {
			want = append(want, weights.Spec{Name: b.Name, Shape: []int{len(b.Data)}})
		}
	}
	plan, err := weights.Match(want, tensors, weights.MatchOptions{Unexpected: append(n.outside(), fresh...)})
	if err != nil {
		return err
	}
	from := map[string]*weights.Tensor{}
	for i, w := range want {
		t := &tensors[plan.From[i]]
		if err := weights.CheckFinite([]weights.Tensor{*t}); err != nil {
			return err
		}
		from[w.Name] = t
	}
	for _, p := range net.Params {
		if t := from[p.Name]; t != nil {
			p.Init = copied(p, t.Data)
		} else {
			initial(p)
		}
	}
	for _, b := range net.Buffers {
		if t := from[b.Name]; t != nil {
			copy(b.Data, t.Data)
		} else if t := n.find(b.Name); t != nil && len(t.Ints) == 1 {
			b.Data[0] = float32(t.Ints[0])
		}
	}
	return nil
}

// copied lets a parameter start with values in PyTorch's order.
func copied(p *nn.Param, values []float32) func(*rand.Rand, []float32) {
	return func(_ *rand.Rand, dst []float32) {
		at := *p
		at.Offset = 0
		if err := at.Import(dst, values); err != nil {
			panic(err) // the shapes are the same
		}
	}
}

// fresh are the parameters that begin anew: those of the head that the weights lack, and the last layer if
// it is to.
func (n *Network) fresh(net *nn.Network, newHead bool) (names []string) {
	d := n.design
	head := d.last(net.Params)
	for _, p := range net.Params {
		last := slices.Contains(head, p)
		headed := slices.ContainsFunc(d.heads, func(h string) bool { return strings.HasPrefix(p.Name, h) })
		pools := strings.HasPrefix(p.Name, d.prefix+"pooler.")
		if last && newHead || (headed || pools) && n.find(p.Name) == nil {
			names = append(names, p.Name)
		}
	}
	return names
}

// outside are patterns of the tensors that may be there beside: those that are known to be of no use, counts,
// and all outside of the trunk.
func (n *Network) outside() (patterns []string) {
	d := n.design
	patterns = append(slices.Clone(d.unused), "*.num_batches_tracked")
	for _, t := range n.tensors {
		if d.outside(t.Name) {
			patterns = append(patterns, exactly(t.Name))
		}
	}
	return patterns
}

// exactly is the pattern of a name.
func exactly(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}
