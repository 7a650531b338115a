package network

import (
	"fmt"
	"slices"

	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/tensor"
)

func init() {
	operators["MatMul"] = func(b *builder, n *node) ([]*value, error) {
		x, err := n.input(0)
		if err != nil {
			return nil, err
		}
		w, err := n.input(1)
		if err != nil {
			return nil, err
		}
		v, err := b.matMul(x, w)
		return []*value{v}, err
	}
	operators["Gemm"] = oneInput(gemm)
	operators["Einsum"] = einsum
}

// matMul is NumPy's matmul.
func (b *builder) matMul(x, y *value) (out *value, err error) {
	if x, err = b.lively(x); err != nil {
		return nil, err
	}
	if y, err = b.lively(y); err != nil {
		return nil, err
	}
	p, q := len(x.shape), len(y.shape)
	if p == 0 || q == 0 {
		return nil, fmt.Errorf("%v times %v", x.shape, y.shape)
	}
	drop := []int{} // a vector's own dimension of 1 goes
	if p == 1 {
		if x, err = b.seen(x, []int{1, x.shape[0]}, []int{0, 1}); err != nil {
			return nil, err
		}
		drop = append(drop, -2)
	}
	if q == 1 {
		if y, err = b.seen(y, []int{y.shape[0], 1}, []int{0, 1}); err != nil {
			return nil, err
		}
		drop = append(drop, -1)
	}
	if out, err = b.product(x, y); err != nil || len(drop) == 0 {
		return out, err
	}
	shape, err := array.SqueezeTo(out.shape, drop)
	if err != nil {
		return nil, err
	}
	return b.reshape(out, shape)
}

// product multiplies matrices, or stacks of them.
func (b *builder) product(x, y *value) (*value, error) {
	p, q := len(x.shape), len(y.shape)
	if x.shape[p-1] != y.shape[q-2] {
		return nil, fmt.Errorf("%v times %v: the inner dimensions differ", x.shape, y.shape)
	}
	batch, err := array.Broadcast(x.shape[:p-2], y.shape[:q-2])
	if err != nil {
		return nil, err
	}
	x, transX, err := b.matrix(x)
	if err != nil {
		return nil, err
	}
	y, transY, err := b.matrix(y)
	if err != nil {
		return nil, err
	}
	shape := append(slices.Clone(batch), x.shape[p-2], y.shape[q-1])
	i, j := x.slot, y.slot
	return b.tensor(shape, inOrder(len(shape)), []*value{x, y}, func(m *machine) *tensor.Tensor {
		return m.tape.MatMul(m.x[i], m.x[j], transX, transY)
	})
}

// matrix brings matrices to their order in memory, or that of their transposes where they lie so.
func (b *builder) matrix(v *value) (out *value, transposed bool, err error) {
	rank := len(v.shape)
	swapped := inOrder(rank)
	swapped[rank-2], swapped[rank-1] = rank-1, rank-2
	if slices.Equal(v.order, swapped) || slices.Equal(v.long(v.order), v.long(swapped)) && !slices.Equal(v.long(v.order), v.long(inOrder(rank))) {
		out, err = b.as(v, swapped)
		return out, true, err
	}
	out, err = b.as(v, inOrder(rank))
	return out, false, err
}

// gemm is alpha A' B' + beta C.
func gemm(b *builder, n *node, x *value) (*value, error) {
	w, err := n.input(1)
	if err != nil {
		return nil, err
	}
	if w, err = b.lively(w); err != nil {
		return nil, err
	}
	if len(x.shape) != 2 || len(w.shape) != 2 {
		return nil, fmt.Errorf("%v times %v: both must be matrices", x.shape, w.shape)
	}
	if n.Int("transA", 0) != 0 {
		x = transposed(x, []int{1, 0})
	}
	if n.Int("transB", 0) != 0 {
		w = transposed(w, []int{1, 0})
	}
	alpha, beta := n.Float("alpha", 1), n.Float("beta", 1)
	bias := n.optional(2)
	if beta == 0 {
		bias = nil
	}
	if x.shape[1] == w.shape[0] && alpha == 1 && beta == 1 && bias != nil && len(bias.shape) == 1 && slices.Equal(w.order, []int{1, 0}) && bias.shape[0] == w.shape[1] {
		return b.linear(x, w, bias)
	}
	y, err := b.product(x, w)
	if err == nil && alpha != 1 {
		y, err = b.mapped(y, tensor.Affine, alpha, 0)
	}
	if err != nil || bias == nil {
		return y, err
	}
	if bias, err = b.lively(bias); err == nil && beta != 1 {
		bias, err = b.mapped(bias, tensor.Affine, beta, 0)
	}
	if err != nil {
		return nil, err
	}
	out, err := b.pair(y, bias, (*tensor.Tape).Add)
	if err == nil && !slices.Equal(out.shape, y.shape) {
		err = fmt.Errorf("a bias of shape %v for %v", bias.shape, y.shape)
	}
	return out, err
}

// linear is x W + b with W's transpose in memory.
func (b *builder) linear(x, w, bias *value) (*value, error) {
	x, err := b.as(x, []int{0, 1})
	if err != nil {
		return nil, err
	}
	if bias, err = b.lively(bias); err != nil {
		return nil, err
	}
	i, j, k := x.slot, w.slot, bias.slot
	return b.tensor([]int{x.shape[0], w.shape[1]}, []int{0, 1}, []*value{x, w, bias}, func(m *machine) *tensor.Tensor {
		return m.tape.Linear(m.x[i], m.x[j], m.x[k])
	})
}

// einsum is a sum of products of one or two inputs, without repeated labels in one of them.
func einsum(b *builder, n *node) ([]*value, error) {
	terms, result, err := parseEinsum(n.Text("equation", ""), n.in)
	if err != nil {
		return nil, err
	}
	if len(terms) > 2 {
		return nil, errUnsupported
	}
	in := make([]labelled, len(terms))
	for i, labels := range terms {
		v, err := n.input(i)
		if err == nil {
			v, err = b.lively(v)
		}
		if err != nil {
			return nil, err
		}
		in[i] = labelled{v, labels}
	}
	for i := range in { // what one alone has is summed first
		if in[i], err = b.summed(in[i], func(l rune) bool {
			return slices.Contains(result, l) || len(in) == 2 && slices.Contains(in[1-i].labels, l)
		}); err != nil {
			return nil, err
		}
	}
	out := in[0]
	if len(in) == 2 {
		if out, err = b.contracted(in[0], in[1], result); err != nil {
			return nil, err
		}
	}
	perm := make([]int, len(result))
	for i, l := range result {
		perm[i] = slices.Index(out.labels, l)
	}
	return []*value{transposed(out.value, perm)}, nil
}

// A labelled value has a letter for each dimension.
type labelled struct {
	*value
	labels []rune
}

// summed sums over dimensions that are not kept.
func (b *builder) summed(v labelled, kept func(l rune) bool) (labelled, error) {
	var over []int
	var left []rune
	for i, l := range v.labels {
		if kept(l) {
			left = append(left, l)
		} else {
			over = append(over, i)
		}
	}
	if over == nil {
		return v, nil
	}
	out, err := b.reduced(v.value, over, false, (*tensor.Tape).Sum)
	return labelled{out, left}, err
}

// contracted is the product of two as one of stacked matrices.
func (b *builder) contracted(x, y labelled, result []rune) (labelled, error) {
	var both, mine, inner, theirs []rune
	for _, l := range x.labels {
		switch shared, kept := slices.Contains(y.labels, l), slices.Contains(result, l); {
		case shared && kept:
			both = append(both, l)
		case shared:
			inner = append(inner, l)
		default:
			mine = append(mine, l)
		}
	}
	for _, l := range y.labels {
		if !slices.Contains(x.labels, l) {
			theirs = append(theirs, l)
		}
	}
	p, err := b.grouped(x, both, mine, inner)
	if err != nil {
		return labelled{}, err
	}
	q, err := b.grouped(y, both, inner, theirs)
	if err != nil {
		return labelled{}, err
	}
	out, err := b.product(p, q)
	if err != nil {
		return labelled{}, err
	}
	labels := slices.Concat(both, mine, theirs)
	shape := make([]int, len(labels))
	for i, l := range labels {
		if k := slices.Index(x.labels, l); k >= 0 {
			shape[i] = x.shape[k]
		}
		if k := slices.Index(y.labels, l); k >= 0 {
			shape[i] = max(shape[i], y.shape[k])
		}
	}
	v, err := b.reshape(out, shape)
	return labelled{v, labels}, err
}

// grouped is a value with its dimensions in groups, each joined to one but the first.
func (b *builder) grouped(v labelled, stack, rows, cols []rune) (*value, error) {
	var perm, shape []int
	for _, l := range slices.Concat(stack, rows, cols) {
		perm = append(perm, slices.Index(v.labels, l))
	}
	t := transposed(v.value, perm)
	shape = append(shape, t.shape[:len(stack)]...)
	shape = append(shape, product(t.shape[len(stack):len(stack)+len(rows)]), product(t.shape[len(stack)+len(rows):]))
	return b.reshape(t, shape)
}

// parseEinsum returns the letters of the inputs and of the result. An ellipsis stands for the
// dimensions without letters, as letters of their own.
func parseEinsum(equation string, in []*value) (terms [][]rune, result []rune, err error) {
	bad := fmt.Errorf("equation %q for %d inputs", equation, len(in))
	if len(equation) > 256 {
		return nil, nil, bad
	}
	left, right, explicit := equation, "", false
	for i := 0; i+1 < len(equation); i++ {
		if equation[i:i+2] == "->" {
			left, right, explicit = equation[:i], equation[i+2:], true
		}
	}
	parts := splitTerms(left)
	if len(parts) != len(in) {
		return nil, nil, bad
	}
	count := map[rune]int{}
	most := 0
	for i, part := range parts {
		if in[i] == nil {
			return nil, nil, bad
		}
		letters, dots, ok := einsumLetters(part, len(in[i].shape))
		if !ok {
			return nil, nil, bad
		}
		most = max(most, dots)
		seen := map[rune]bool{}
		for _, l := range letters {
			if seen[l] {
				return nil, nil, errUnsupported // a diagonal
			}
			seen[l] = true
			count[l]++
		}
		terms = append(terms, letters)
	}
	if explicit {
		var ok bool
		if result, _, ok = einsumLetters(right, -most-1); !ok {
			return nil, nil, bad
		}
	} else {
		for i := most; i > 0; i-- {
			result = append(result, ellipsis-rune(i))
		}
		for l := 'A'; l <= 'z'; l++ {
			if count[l] == 1 {
				result = append(result, l)
			}
		}
	}
	for i, l := range result {
		if count[l] == 0 || slices.Contains(result[:i], l) {
			return nil, nil, bad
		}
	}
	return terms, result, nil
}

// ellipsis is above all letters of the dimensions that it stands for.
const ellipsis = '\U0010FFFF'

func splitTerms(s string) (parts []string) {
	at := 0
	for i := range len(s) {
		if s[i] == ',' {
			parts = append(parts, s[at:i])
			at = i + 1
		}
	}
	return append(parts, s[at:])
}

// einsumLetters reads a term of rank dimensions, or of -rank-1 for the ellipsis alone if that is
// negative.
func einsumLetters(s string, rank int) (letters []rune, dots int, ok bool) {
	plain := 0
	for _, l := range s {
		if l >= 'a' && l <= 'z' || l >= 'A' && l <= 'Z' {
			plain++
		}
	}
	if dots = rank - plain; rank < 0 {
		dots = -rank - 1
	}
	has := false
	for i := 0; i < len(s); i++ {
		switch l := rune(s[i]); {
		case l == ' ':
		case l == '.' && i+2 < len(s) && s[i:i+3] == "..." && !has && dots >= 0:
			has = true
			for k := dots; k > 0; k-- {
				letters = append(letters, ellipsis-rune(k))
			}
			i += 2
		case l >= 'a' && l <= 'z' || l >= 'A' && l <= 'Z':
			letters = append(letters, l)
		default:
			return nil, 0, false
		}
	}
	if !has {
		dots = 0
	}
	return letters, dots, rank < 0 || len(letters) == rank
}
