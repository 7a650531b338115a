package weights

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/monge-ml/monge/internal/pickle"
)

// What makes tensors in a checkpoint's pickle (torch/serialization.py, torch/_utils.py and
// torch/_tensor.py of PyTorch; a tensor appears as the call of _rebuild_tensor_v2 on a
// storage, which is a persistent id). Nothing else is called: an inert object stands for it.
const (
	rebuildTensor         = pickle.Global("torch._utils._rebuild_tensor")
	rebuildTensorV2       = pickle.Global("torch._utils._rebuild_tensor_v2")
	rebuildTensorV3       = pickle.Global("torch._utils._rebuild_tensor_v3")
	rebuildParameter      = pickle.Global("torch._utils._rebuild_parameter")
	rebuildParameterState = pickle.Global("torch._utils._rebuild_parameter_with_state")
	oldParameter          = pickle.Global("torch.nn.parameter.Parameter") // called up to PyTorch 0.3
	oldVariable           = pickle.Global("torch.autograd.variable.Variable")
	rebuildFromCPU        = pickle.Global("torch._utils._rebuild_device_tensor_from_cpu_tensor")
	rebuildFromType       = pickle.Global("torch._tensor._rebuild_from_type_v2")
)

// unreadable says what is made by calls that make tensors of other kinds.
var unreadable = map[pickle.Global]string{
	"torch._utils._rebuild_sparse_tensor":                   "is sparse: call to_dense() on it before saving",
	"torch._utils._rebuild_sparse_csr_tensor":               "is sparse: call to_dense() on it before saving",
	"torch._utils._rebuild_qtensor":                         "is quantized: call dequantize() on it before saving",
	"torch._utils._rebuild_nested_tensor":                   "is a nested tensor: call to_padded_tensor(0) on it before saving",
	"torch._utils._rebuild_meta_tensor_no_storage":          "is on the meta device, without elements: save a model that has them",
	"torch._utils._rebuild_wrapper_subclass":                "is of a class of its own without elements: save plain tensors",
	"torch._utils._rebuild_device_tensor_from_numpy":        "is a NumPy array of another device: call cpu() on it before saving",
	"torch._utils._rebuild_xla_tensor":                      "is a NumPy array of another device: call cpu() on it before saving",
	"torch.nn.parameter.UninitializedParameter":             "is a lazy layer's, without elements: run the model once before saving",
	"torch.nn.parameter.UninitializedBuffer":                "is a lazy layer's, without elements: run the model once before saving",
	"torch.distributed._shard.sharded_tensor.ShardedTensor": "is sharded over processes: save the full state dict",
	"torch.distributed.tensor.DTensor":                      "is sharded over processes: save the full state dict",
	"torch.distributed._tensor.api.DTensor":                 "is sharded over processes: save the full state dict",
}

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

	// Of types without a storage's name: bytes, and the tensor says which type it is of.
	"torch.storage.UntypedStorage": U8,
	"torch.UntypedStorage":         U8,
}

// otherStorages are the sizes of elements that are not read.
var otherStorages = map[pickle.Global]int64{
	"torch.ComplexFloatStorage": 8, "torch.ComplexDoubleStorage": 16, "torch.QInt8Storage": 1, "torch.QUInt8Storage": 1, "torch.QInt32Storage": 4,
}

// tensorTypes are the types of _rebuild_tensor_v3.
var tensorTypes = map[pickle.Global]DType{
	"torch.float64": F64, "torch.float32": F32, "torch.float16": F16, "torch.bfloat16": BF16,
	"torch.float8_e4m3fn": F8E4M3, "torch.float8_e5m2": F8E5M2,
	"torch.int64": I64, "torch.int32": I32, "torch.int16": I16, "torch.int8": I8, "torch.uint8": U8, "torch.bool": Bool,
	"torch.uint16": U16, "torch.uint32": U32, "torch.uint64": U64,
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
	return &pickle.Machine{Src: src, Words: torchWords, Inert: true, Call: callGlobal, Load: load}
}

// A storage is a run of elements that tensors are views of.
type storage struct {
	dtype DType // "" if it can't be read
	class pickle.Global
	elem  int64 // bytes of an element
	key   string
	numel int64
	big   bool // big-endian

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
	dtype         DType
	offset        int64
	shape, stride []int64
}

func (*view) Kind() string { return "a tensor" }

// An unmade is a tensor that can't be made, and why.
type unmade struct{ why string }

func (*unmade) Kind() string { return "a tensor that can't be read" }

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
	for range maxWrapped {
		if f != rebuildFromType { // func, type, args, state: a tensor of a subclass
			break
		}
		inner, ok := pickle.Global(""), false
		if len(args) == 4 {
			if inner, ok = args[0].(pickle.Global); ok {
				s, isSeq := args[2].(*pickle.Seq)
				if ok = isSeq; ok {
					f, args = inner, s.Items
				}
			}
		}
		if !ok {
			return nil, errArguments(f)
		}
	}
	switch f {
	case rebuildTensor, rebuildTensorV2, rebuildTensorV3:
		return makeView(f, args)
	case oldParameter, oldVariable, rebuildParameter, rebuildParameterState, rebuildFromCPU: // the tensor, and settings
		if len(args) < 1 {
			return nil, errArguments(f)
		}
		switch args[0].(type) {
		case *view, *unmade:
			return args[0], nil
		case *pickle.Object:
			return &unmade{"is " + pickle.Kind(args[0]) + ": save a plain tensor"}, nil
		}
		return nil, errArguments(f)
	}
	if why, ok := unreadable[f]; ok {
		return &unmade{why}, nil
	}
	if strings.HasPrefix(string(f), "torch._utils._rebuild_") || strings.HasPrefix(string(f), "torch._tensor._rebuild_") {
		return &unmade{"is made by " + show(string(f)) + ", which is not known: save plain tensors"}, nil
	}
	return pickle.Stand(f, args), nil
}

// maxWrapped bounds a subclass in a subclass.
const maxWrapped = 8

func errArguments(f pickle.Global) error {
	return damaged("the pickle calls %s with arguments that PyTorch never gives it", f)
}

// makeView takes storage, offset, shape, stride, and then, but for _rebuild_tensor,
// requires_grad, backward_hooks, of version 3 the type, and perhaps metadata (whether the
// elements are to be conjugated or negated).
func makeView(f pickle.Global, args []any) (any, error) {
	bad := func(what string) (any, error) {
		return nil, damaged("a tensor's %s in the pickle is not one", what)
	}
	if len(args) < 4 {
		return bad("description")
	}
	v := &view{}
	var ok bool
	if v.st, ok = args[0].(*storage); !ok {
		if o, ok := args[0].(*pickle.Object); ok {
			return &unmade{"has its elements in " + o.Kind() + ", which is not read: save the state dict alone"}, nil
		}
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
	rest := args[4:]
	if why := v.setType(f, rest); why != "" {
		return &unmade{why}, nil
	}
	if f == rebuildTensorV3 && len(rest) > 2 {
		rest = rest[1:]
	}
	if len(rest) > 2 {
		if m, ok := rest[2].(*pickle.Dict); ok && len(m.Items) > 0 {
			return &unmade{"is a lazily conjugated or negated view: call resolve_neg() on it before saving"}, nil
		}
	}
	if !v.inside() {
		return nil, damaged("a tensor of shape %v, stride %v and offset %d lies outside its storage of %d elements", v.shape, v.stride, v.offset, v.room())
	}
	return v, nil
}

// setType finds the type of the elements, or says why they can't be read.
func (v *view) setType(f pickle.Global, rest []any) (why string) {
	v.dtype = v.st.dtype
	if v.dtype == "" {
		return fmt.Sprintf("is of %s, which can't be read: convert it to float32 before saving", show(string(v.st.class)))
	}
	if f != rebuildTensorV3 {
		return ""
	}
	var g pickle.Global
	if len(rest) > 2 {
		g, _ = rest[2].(pickle.Global)
	}
	v.dtype = tensorTypes[g]
	if v.dtype == "" {
		return fmt.Sprintf("is of type %s, which can't be read: convert it to float32 before saving", show(string(g)))
	}
	return ""
}

// room is how many elements of the view's type the storage has.
func (v *view) room() int64 { return v.st.numel * v.st.elem / int64(v.dtype.Size()) }

// inside reports whether all elements are in the storage.
func (v *view) inside() bool {
	last := v.offset
	for i, d := range v.shape {
		if d == 0 {
			return v.offset <= v.room()
		}
		s := v.stride[i]
		if s < 0 || (s > 0 && d-1 > (math.MaxInt64-last)/s) {
			return false
		}
		last += (d - 1) * s
	}
	return last < v.room()
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
	storage
	part any
}

// parseStorageID also returns what stands for a persistent id that is no storage's: of a
// module, which old checkpoints save with its source, its class.
func parseStorageID(id *pickle.Seq) (s storageID, other any, err error) {
	bad := damaged("the pickle's description of a storage is none")
	if len(id.Items) > 1 && id.Items[0] != "storage" {
		if g, ok := id.Items[1].(pickle.Global); ok && id.Items[0] == "module" {
			return s, g, nil
		}
		return s, pickle.Stand(pickle.Global("persistent id"), nil), nil
	}
	if len(id.Items) != 5 && len(id.Items) != 6 {
		return s, nil, bad
	}
	var ok bool
	if s.class, ok = id.Items[1].(pickle.Global); !ok {
		return s, nil, bad
	}
	s.class = pickle.Global(strings.Replace(string(s.class), "torch.cuda.", "torch.", 1))
	if s.dtype, ok = storageTypes[s.class]; ok {
		s.elem = int64(s.dtype.Size())
	} else if s.elem = otherStorages[s.class]; !strings.HasPrefix(string(s.class), "torch.") || !strings.HasSuffix(string(s.class), "Storage") {
		return s, nil, bad
	}
	if s.key, ok = id.Items[2].(string); !ok {
		return s, nil, bad
	}
	if s.numel, ok = id.Items[4].(int64); !ok || s.numel < 0 || s.numel > 1<<56 {
		return s, nil, bad
	}
	if len(id.Items) == 6 {
		s.part = id.Items[5]
	}
	return s, nil, nil
}

// same reports whether a storage is described as before.
func (st *storage) same(s *storageID) bool {
	return st.class == s.class && st.numel == s.numel
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
	if dec.big = st.big; n == 0 || v.contiguous() {
		err = dec.read(t, st.r, off, n)
	} else {
		err = v.gather(t, dec, st.r, off, n)
	}
	if st.uses--; st.uses == 0 {
		st.r = nil
	}
	return err
}

// gather reads a view whose elements don't lie one behind the other.
func (v *view) gather(t *Tensor, dec *decoder, r io.ReaderAt, off, n int64) error {
	size := int64(t.DType.Size())
	b := make([]byte, v.span()*size)
	if err := pickle.ReadFull(r, b, off); err != nil {
		return err
	}
	dec.order(b, size)
	allocate(t, n)
	index := make([]int64, len(v.shape))
	at := int64(0)
	for i := range n {
		if err := decode(t, i, b[at*size:(at+1)*size]); err != nil {
			return err
		}
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
