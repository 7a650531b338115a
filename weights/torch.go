package weights

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/monge-ml/monge/internal/pickle"
)

// What a checkpoint's pickle may name (torch/serialization.py and torch/_utils.py of
// PyTorch; tensors appear as calls of _rebuild_tensor_v2 on storages, which are
// persistent ids).
var (
	rebuildTensor    = pickle.Global("torch._utils._rebuild_tensor")
	rebuildTensorV2  = pickle.Global("torch._utils._rebuild_tensor_v2")
	rebuildParameter = pickle.Global("torch._utils._rebuild_parameter")
)

var torchGlobals = map[pickle.Global]bool{rebuildTensor: true, rebuildTensorV2: true, rebuildParameter: true}

// storageTypes are names only: what they say is the type of the elements.
var storageTypes = map[pickle.Global]DType{
	"torch.DoubleStorage":   F64,
	"torch.FloatStorage":    F32,
	"torch.HalfStorage":     F16,
	"torch.BFloat16Storage": BF16,
	"torch.LongStorage":     I64,
	"torch.IntStorage":      I32,
	"torch.ShortStorage":    I16,
	"torch.CharStorage":     I8,
	"torch.ByteStorage":     U8,
	"torch.BoolStorage":     Bool,
}

// torchWords are for the errors of a checkpoint's pickle.
var torchWords = pickle.Words{
	Reads:  "tensors",
	Writer: "PyTorch",
	Advice: "where it is trusted, save it again with torch.save(model.state_dict(), file) or as safetensors",
}

// The limits of a pickle: maxPickle bytes, for those of the largest real checkpoints are
// a few megabytes (tensors' elements lie outside), and maxOps operations.
const (
	maxPickle = 64 << 20
	maxOps    = pickle.MaxOps
)

// newMachine returns a machine for a checkpoint's pickle; load is its persistent ids.
func newMachine(src *pickle.Source, load func(id *pickle.Seq) (any, error)) *pickle.Machine {
	return &pickle.Machine{Src: src, Words: torchWords, Find: findGlobal, Call: callGlobal, Load: load}
}

func findGlobal(g pickle.Global) (any, error) {
	if _, ok := storageTypes[g]; ok || torchGlobals[g] {
		return g, nil
	}
	if strings.HasPrefix(string(g), "__torch__.") {
		return nil, fmt.Errorf("a TorchScript program, not weights alone (it asks for %s): save the model's state_dict() with torch.save instead", show(string(g)))
	}
	if strings.HasPrefix(string(g), "torch.") && strings.HasSuffix(string(g), "Storage") {
		return nil, fmt.Errorf("a tensor of %s, which can't be read: convert it to float32 before saving", show(string(g)))
	}
	return nil, torchWords.Refused(g)
}

// A storage is a run of elements that tensors are views of.
type storage struct {
	dtype DType
	key   string
	numel int64

	base    *storage // the storage that this is a part of, in the legacy format
	baseOff int64    // its first element there

	open func() error // prepares r and off, once
	r    io.ReaderAt
	off  int64
	uses int // views left to read
}

func (*storage) Kind() string { return "a storage" }

// A view is a tensor: element (i, j, ...) is at offset + i stride[0] + j stride[1] + ...
type view struct {
	st            *storage
	offset        int64
	shape, stride []int64
}

func (*view) Kind() string { return "a tensor" }

// span returns how many elements lie from the view's first to its last.
func (v *view) span() int64 {
	n := int64(1)
	for i, d := range v.shape {
		if d == 0 {
			return 0
		}
		n += (d - 1) * v.stride[i]
	}
	return n
}

func (v *view) contiguous() bool {
	n := int64(1)
	for i := len(v.shape) - 1; i >= 0; i-- {
		if v.shape[i] != 1 && v.stride[i] != n {
			return false
		}
		n *= v.shape[i]
	}
	return true
}

// callGlobal carries out a REDUCE.
func callGlobal(f pickle.Global, args []any) (any, error) {
	switch f {
	case rebuildTensor, rebuildTensorV2:
		return makeView(args)
	case rebuildParameter: // data, requires_grad, backward_hooks
		if len(args) == 3 {
			if v, ok := args[0].(*view); ok {
				return v, nil
			}
		}
	}
	return nil, damaged("the pickle calls %s with arguments that PyTorch never gives it", f)
}

// makeView takes storage, offset, shape, stride, and then, of _rebuild_tensor_v2,
// requires_grad, backward_hooks and perhaps metadata (whether the elements are to be
// conjugated or negated).
func makeView(args []any) (any, error) {
	bad := func(what string) (any, error) {
		return nil, damaged("a tensor's %s in the pickle is not one", what)
	}
	if len(args) < 4 {
		return bad("description")
	}
	if len(args) > 6 {
		if m, ok := args[6].(*pickle.Dict); ok && len(m.Items) > 0 {
			return nil, fmt.Errorf("a tensor is a lazily conjugated or negated view: call resolve_neg() on it before saving")
		}
	}
	v := &view{}
	var ok bool
	if v.st, ok = args[0].(*storage); !ok {
		return bad("storage")
	}
	if v.offset, ok = args[1].(int64); !ok || v.offset < 0 {
		return bad("offset")
	}
	if v.shape, ok = ints(args[2]); !ok {
		return bad("shape")
	}
	if v.stride, ok = ints(args[3]); !ok || len(v.stride) != len(v.shape) {
		return bad("stride")
	}
	if _, ok := elements(v.shape); !ok {
		return bad("shape")
	}
	if !v.inside() {
		return nil, damaged("a tensor of shape %v, stride %v and offset %d lies outside its storage of %d elements", v.shape, v.stride, v.offset, v.st.numel)
	}
	return v, nil
}

// inside reports whether all elements are in the storage.
func (v *view) inside() bool {
	last := v.offset
	for i, d := range v.shape {
		if d == 0 {
			return v.offset <= v.st.numel
		}
		s := v.stride[i]
		if s < 0 || (s > 0 && d-1 > (math.MaxInt64-last)/s) {
			return false
		}
		last += (d - 1) * s
	}
	return last < v.st.numel
}

// ints returns a tuple of ints, at most maxRank.
func ints(v any) ([]int64, bool) {
	s, ok := v.(*pickle.Seq)
	if !ok || len(s.Items) > maxRank {
		return nil, false
	}
	out := make([]int64, len(s.Items))
	for i, v := range s.Items {
		if out[i], ok = v.(int64); !ok {
			return nil, false
		}
	}
	return out, true
}

// storageID is a persistent id: ('storage', type, key, location, number of elements) and
// in the legacy format None or a part of the storage.
type storageID struct {
	dtype DType
	key   string
	numel int64
	part  any
}

func parseStorageID(id *pickle.Seq) (s storageID, err error) {
	bad := damaged("the pickle's description of a storage is none")
	if len(id.Items) != 5 && len(id.Items) != 6 {
		return s, bad
	}
	if id.Items[0] != "storage" {
		return s, bad
	}
	g, ok := id.Items[1].(pickle.Global)
	if !ok {
		return s, bad
	}
	if s.dtype, ok = storageTypes[g]; !ok {
		return s, bad
	}
	if s.key, ok = id.Items[2].(string); !ok {
		return s, bad
	}
	if s.numel, ok = id.Items[4].(int64); !ok || s.numel < 0 || s.numel > 1<<56 {
		return s, bad
	}
	if len(id.Items) == 6 {
		s.part = id.Items[5]
	}
	return s, nil
}

// A namedView is a tensor found in the checkpoint.
type namedView struct {
	name string
	*view
}

// A collector walks the checkpoint's value for tensors.
type collector struct {
	views  []namedView
	names  map[string]bool
	visits int
	budget *budget
}

// maxDepth bounds nesting, and so stops at values that contain themselves; maxVisits
// stops where few values are held many times over.
const (
	maxDepth  = 64
	maxVisits = 4 * maxOps
)

// visit counts values.
func (c *collector) visit(n int) error {
	if c.visits += n; c.visits > maxVisits {
		return damaged("the checkpoint's dicts and lists hold more than %d values", maxVisits)
	}
	return nil
}

func (c *collector) walk(name string, v any, depth int) error {
	if depth > maxDepth || len(name) > 4096 {
		return damaged("values are nested deeper than %d, or contain themselves (at %s)", maxDepth, show(name))
	}
	switch v := v.(type) {
	case *view:
		return c.add(name, v)
	case *pickle.Dict:
		if err := c.visit(len(v.Items)); err != nil {
			return err
		}
		for _, it := range v.Items {
			if err := c.step(name, it.Key, it.Value, depth); err != nil {
				return err
			}
		}
	case *pickle.Seq:
		if err := c.visit(len(v.Items)); err != nil {
			return err
		}
		for i, e := range v.Items {
			if err := c.step(name, int64(i), e, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

// step goes down to what a container holds under a key, if that can hold tensors.
func (c *collector) step(name string, k, v any, depth int) error {
	if !container(v) {
		return nil
	}
	if name = join(name, key(k)); name == "" {
		name = `""`
	}
	if err := c.budget.take(16+int64(len(name)), func() string { return "the values' names" }); err != nil {
		return err
	}
	return c.walk(name, v, depth+1)
}

func container(v any) bool {
	switch v.(type) {
	case *view, *pickle.Dict, *pickle.Seq:
		return true
	}
	return false
}

func join(name, k string) string {
	if name == "" {
		return k
	}
	return name + "." + k
}

// key spells a dict's key as a part of a name.
func key(k any) string {
	switch k := k.(type) {
	case string:
		return k
	case pickle.Bytes:
		return string(k)
	}
	s, _ := scalar(k)
	return s
}

// scalar spells a plain value as Python does; not bytes, which are no text.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case bool:
		if v {
			return "True", true
		}
		return "False", true
	case nil:
		return "None", false
	}
	return fmt.Sprintf("%x", v), false
}

func (c *collector) add(name string, v *view) error {
	if name == "" {
		name = "tensor"
	}
	if c.names[name] {
		return fmt.Errorf("two tensors have the name %s: rename one before saving", show(name))
	}
	n, _ := elements(v.shape)
	mem := max(v.st.dtype.memory(n), v.span()*int64(v.st.dtype.Size())) + int64(len(name)) + 128
	if err := c.budget.take(mem, func() string { return "tensor " + show(name) }); err != nil {
		return err
	}
	c.names[name] = true
	v.st.uses++
	c.views = append(c.views, namedView{name, v})
	return nil
}

// collect finds the tensors of a checkpoint's value.
func collect(v any, size int64) ([]namedView, error) {
	c := &collector{names: map[string]bool{}, budget: newBudget(size)}
	if err := c.walk("", v, 0); err != nil {
		return nil, err
	}
	if len(c.views) == 0 {
		return nil, fmt.Errorf("a PyTorch file without a tensor in it (%s): name a checkpoint with a state_dict", pickle.Kind(v))
	}
	return c.views, nil
}

// wrappers are the keys under which training scripts keep the model's state dict.
var wrappers = []string{"state_dict", "model_state_dict", "model", "net"}

// wrapper returns the prefix of the model's tensors in the listing.
func wrapper(v any) string {
	prefix := ""
	for range maxDepth {
		d, ok := v.(*pickle.Dict)
		if !ok {
			return prefix
		}
		inner := ""
		for _, k := range wrappers {
			if w, ok := d.Get(k); ok {
				if w, ok := w.(*pickle.Dict); ok && holdsTensor(w) {
					v, inner = w, k+"."
					break
				}
			}
		}
		if inner == "" {
			return prefix
		}
		prefix += inner
	}
	return prefix
}

// holdsTensor reports whether a dict has a tensor, or a wrapper's key.
func holdsTensor(d *pickle.Dict) bool {
	for _, it := range d.Items {
		if _, ok := it.Value.(*view); ok {
			return true
		}
	}
	for _, k := range wrappers {
		if w, ok := d.Get(k); ok {
			if _, ok := w.(*pickle.Dict); ok {
				return true
			}
		}
	}
	return false
}

// torchFile reads the tensors that were found, once their storages have their place.
func torchFile(format string, v any, views []namedView) (*File, error) {
	f := &File{Format: format, wrapper: wrapper(v)}
	if d, ok := v.(*pickle.Dict); ok {
		for _, it := range d.Items {
			if s, ok := scalar(it.Value); ok {
				if f.Metadata == nil {
					f.Metadata = map[string]string{}
				}
				f.Metadata[key(it.Key)] = s
			}
		}
	}
	var dec decoder
	f.Tensors = make([]Tensor, len(views))
	for i, v := range views {
		t := &f.Tensors[i]
		t.Name, t.DType, t.Shape = v.name, v.st.dtype, make([]int, len(v.shape))
		for k, d := range v.shape {
			t.Shape[k] = int(d)
		}
		if err := v.read(t, &dec); err != nil {
			return nil, fmt.Errorf("tensor %s: %w", show(v.name), err)
		}
	}
	return f, nil
}

// read fills the tensor from the view's storage.
func (v *view) read(t *Tensor, dec *decoder) error {
	st := v.st
	if st.open != nil {
		if err := st.open(); err != nil {
			return err
		}
		st.open = nil
	}
	size := int64(t.DType.Size())
	off := st.off + v.offset*size
	n, _ := elements(v.shape)
	var err error
	if n == 0 || v.contiguous() {
		err = dec.read(t, st.r, off, n)
	} else {
		err = v.gather(t, st.r, off, n)
	}
	if st.uses--; st.uses == 0 {
		st.r = nil
	}
	return err
}

// gather reads a view whose elements don't lie one behind the other.
func (v *view) gather(t *Tensor, r io.ReaderAt, off, n int64) error {
	size := int64(t.DType.Size())
	b := make([]byte, v.span()*size)
	if err := pickle.ReadFull(r, b, off); err != nil {
		return err
	}
	allocate(t, n)
	index := make([]int64, len(v.shape))
	at := int64(0)
	for i := range n {
		decode(t, i, b[at*size:(at+1)*size])
		for k := len(index) - 1; k >= 0; k-- {
			index[k]++
			at += v.stride[k]
			if index[k] < v.shape[k] {
				break
			}
			at -= index[k] * v.stride[k]
			index[k] = 0
		}
	}
	return nil
}
