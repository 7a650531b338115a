package weights

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/monge-ml/monge/internal/pickle"
)

// A Passed is a value of a checkpoint that is neither a tensor nor plain, and was passed over.
type Passed struct {
	Name  string // where it lies: "args", "optimizer"
	Class string // of Python, as the file names it: "argparse.Namespace"
	Read  bool   // tensors below it are read all the same
}

// A namedView is a tensor found in the checkpoint.
type namedView struct {
	name string
	*view
}

// A named is a name and what is to be said of it.
type named struct{ name, say string }

// found is what lies in a checkpoint.
type found struct {
	root     any
	views    []namedView
	unmade   []named
	passed   []Passed
	networks []network
}

// each calls f for what a value holds, with the keys that make names. A module is read as its
// state_dict() would be: parameters, buffers and modules, under their own names.
func each(v any, f func(k string, child any) error) error {
	switch v := v.(type) {
	case *pickle.Dict:
		return eachItem(v.Items, f)
	case *pickle.Seq:
		return eachOf(v.Items, "", "", f)
	case *pickle.Object:
		if m, ok := moduleOf(v); ok {
			return m.each(f)
		}
		if err := eachItem(v.Items.Items, f); err != nil {
			return err
		}
		if err := eachOf(v.List, "", "", f); err != nil {
			return err
		}
		if err := eachAttribute(v.State, f); err != nil {
			return err
		}
		if len(v.Items.Items) > 0 { // a dict that is also made from its items, as addict's
			return nil
		}
		return eachOf(v.Args, "(", ")", f)
	}
	return nil
}

func eachItem(items []pickle.Item, f func(string, any) error) error {
	for i, it := range items {
		if err := f(key(it.Key, i), it.Value); err != nil {
			return err
		}
	}
	return nil
}

func eachOf(items []any, before, behind string, f func(string, any) error) error {
	for i, e := range items {
		if err := f(before+strconv.Itoa(i)+behind, e); err != nil {
			return err
		}
	}
	return nil
}

// eachAttribute takes an object's state: a dict, a pair of them where it has slots, or its own.
func eachAttribute(state any, f func(string, any) error) error {
	switch s := state.(type) {
	case *pickle.Dict:
		return eachItem(s.Items, f)
	case *pickle.Seq:
		for i, e := range s.Items {
			if d, ok := e.(*pickle.Dict); ok {
				if err := eachItem(d.Items, f); err != nil {
					return err
				}
			} else if err := f("("+strconv.Itoa(i)+")", e); err != nil {
				return err
			}
		}
	case nil:
	default:
		return f("(state)", s)
	}
	return nil
}

// A module is what a torch.nn.Module keeps.
type module struct {
	parameters, buffers, modules *pickle.Dict
	hidden                       []any // names of buffers that are not in its state dict
}

func moduleOf(v any) (m module, ok bool) {
	o, isObject := v.(*pickle.Object)
	if !isObject {
		return m, false
	}
	state, ok := o.State.(*pickle.Dict)
	if !ok {
		return m, false
	}
	for name, to := range map[string]**pickle.Dict{"_parameters": &m.parameters, "_buffers": &m.buffers, "_modules": &m.modules} {
		v, _ := state.Get(name)
		if *to, ok = v.(*pickle.Dict); !ok {
			return m, false
		}
	}
	if v, there := state.Get("_non_persistent_buffers_set"); there {
		if set, ok := v.(*pickle.Object); ok {
			m.hidden = set.List
			if len(set.Args) == 1 {
				if s, ok := set.Args[0].(*pickle.Seq); ok {
					m.hidden = s.Items
				}
			}
		}
	}
	return m, true
}

func (m *module) each(f func(string, any) error) error {
	for _, d := range []*pickle.Dict{m.parameters, m.buffers, m.modules} {
		for i, it := range d.Items {
			if d == m.buffers && slices.Contains(m.hidden, it.Key) {
				continue
			}
			if err := f(key(it.Key, i), it.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

func isTensor(v any) bool {
	switch v.(type) {
	case *view, *unmade:
		return true
	}
	return false
}

func container(v any) bool {
	switch v.(type) {
	case *pickle.Dict, *pickle.Seq, *pickle.Object:
		return true
	}
	return false
}

// key spells a dict's key as a part of a name; of what is not plain its place.
func key(k any, place int) string {
	switch k := k.(type) {
	case string:
		return k
	case pickle.Bytes:
		return string(k)
	case pickle.Global:
		return string(k)
	case pickle.Long, nil:
	default:
		if s, ok := scalar(k); ok {
			return s
		}
		return "[" + strconv.Itoa(place) + "]"
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
	case pickle.Long:
		return fmt.Sprintf("%x", string(v)), false
	}
	return "", false
}

// maxDepth bounds nesting; maxVisits stops where few values are held many times over.
const (
	maxDepth  = 64
	maxVisits = 4 * maxOps
)

// holders are the containers below which a tensor lies. What else a checkpoint holds may refer
// to itself in any way, and is not walked.
type holders map[any]bool

func findHolders(root any) (holders, error) {
	number := map[any]int32{root: 0}
	nodes := []any{root}
	var edges [][2]int32 // child, parent
	var seeds []int32
	for i := 0; i < len(nodes); i++ {
		err := each(nodes[i], func(_ string, child any) error {
			if isTensor(child) && (len(seeds) == 0 || seeds[len(seeds)-1] != int32(i)) {
				seeds = append(seeds, int32(i))
			}
			if !container(child) {
				return nil
			}
			k, seen := number[child]
			if !seen {
				k = int32(len(nodes))
				number[child], nodes = k, append(nodes, child)
			}
			if edges = append(edges, [2]int32{k, int32(i)}); len(edges) > maxVisits {
				return damaged("the checkpoint's dicts and lists hold more than %d values", maxVisits)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(edges, func(a, b [2]int32) int { return int(a[0]) - int(b[0]) })
	h := holders{}
	for len(seeds) > 0 {
		i := seeds[len(seeds)-1]
		if seeds = seeds[:len(seeds)-1]; h[nodes[i]] {
			continue
		}
		h[nodes[i]] = true
		at, _ := slices.BinarySearchFunc(edges, i, func(e [2]int32, i int32) int { return int(e[0]) - int(i) })
		for ; at < len(edges) && edges[at][0] == i; at++ {
			seeds = append(seeds, edges[at][1])
		}
	}
	return h, nil
}

// A collector walks the checkpoint's value for tensors.
type collector struct {
	found
	holders holders
	names   map[string]any
	path    []any // the containers on the way
	budget  *budget
}

func (c *collector) walk(name string, v any) error {
	if isTensor(v) {
		return c.add(name, v)
	}
	if !c.holders[v] || slices.Contains(c.path, v) {
		return nil
	}
	if len(c.path) > maxDepth || len(name) > maxName {
		return damaged("tensors are nested deeper than %d (at %s)", maxDepth, show(name))
	}
	c.path = append(c.path, v)
	defer func() { c.path = c.path[:len(c.path)-1] }()
	return each(v, func(k string, child any) error {
		if !isTensor(child) && !c.holders[child] {
			return nil
		}
		if k = join(name, k); k == "" {
			k = `""`
		}
		if err := c.budget.take(16+int64(len(k)), func() string { return "the values' names" }); err != nil {
			return err
		}
		return c.walk(k, child)
	})
}

const maxName = 4096

func join(name, k string) string {
	if name == "" {
		return k
	}
	return name + "." + k
}

func (c *collector) add(name string, v any) error {
	if name == "" {
		name = "tensor"
	}
	if other, twice := c.names[name]; twice && other == v {
		return nil // an object that has it as an entry and an attribute
	} else if twice {
		return fmt.Errorf("two tensors have the name %s: rename one before saving", show(name))
	}
	c.names[name] = v
	if u, ok := v.(*unmade); ok {
		c.unmade = append(c.unmade, named{name, u.why})
		return c.budget.take(int64(len(name))+128, func() string { return "tensor " + show(name) })
	}
	view := v.(*view)
	n, _ := elements(view.shape)
	mem := max(view.dtype.memory(n), view.span()*int64(view.dtype.Size())) + int64(len(name)) + 128
	if err := c.budget.take(mem, func() string { return "tensor " + show(name) }); err != nil {
		return err
	}
	view.st.uses++
	c.views = append(c.views, namedView{name, view})
	return nil
}

// maxPassed is how many values that were passed over are told.
const maxPassed = 1000

// pass lists the outermost objects and classes.
func (c *collector) pass(name string, v any, depth int, seen map[any]bool) {
	if len(c.passed) == maxPassed || depth > maxDepth || len(name) > maxName {
		return
	}
	switch v := v.(type) {
	case pickle.Global:
		c.passed = append(c.passed, Passed{Name: name, Class: string(v)})
	case *pickle.Object:
		if v.Class == "torch.Size" {
			return
		}
		c.passed = append(c.passed, Passed{name, v.Name(), c.holders[v]})
	case *storage:
		c.passed = append(c.passed, Passed{Name: name, Class: string(v.class)})
	case *pickle.Dict, *pickle.Seq:
		if seen[v] {
			return
		}
		seen[v] = true
		each(v, func(k string, child any) error {
			if child != nil && !plain(child) {
				c.pass(join(name, k), child, depth+1, seen)
			}
			return nil
		})
	}
}

func plain(v any) bool {
	_, ok := scalar(v)
	return ok
}

// collect finds the tensors of a checkpoint's value.
func collect(v any, size int64) (*found, error) {
	if !container(v) && !isTensor(v) {
		return nil, errNoTensor(v)
	}
	c := &collector{found: found{root: v}, names: map[string]any{}, budget: newBudget(size)}
	var err error
	if c.holders, err = findHolders(v); err != nil {
		return nil, err
	}
	if err := c.walk("", v); err != nil {
		return nil, err
	}
	if len(c.views) == 0 && len(c.unmade) > 0 {
		return nil, errUnmade(c.unmade[0])
	}
	c.pass("", v, 0, map[any]bool{})
	if len(c.views) == 0 && len(c.passed) > 0 && c.passed[0].Name != "" {
		return nil, fmt.Errorf("%w; it holds %s under %s, which is no tensor", errNoTensor(v), show(c.passed[0].Class), show(c.passed[0].Name))
	}
	if len(c.views) == 0 {
		return nil, errNoTensor(v)
	}
	c.networks = networksOf(v, c.holders)
	return &c.found, nil
}

func errNoTensor(v any) error {
	return fmt.Errorf("a PyTorch file without a tensor in it (%s): name a checkpoint with a state_dict", pickle.Kind(v))
}

func errUnmade(u named) error { return fmt.Errorf("tensor %s %s", show(u.name), u.say) }

// file reads the tensors that were found, once their storages have their place.
func (c *found) file(format string) (*File, error) {
	f := &File{Format: format, Passed: c.passed, unmade: c.unmade, networks: c.networks}
	f.Metadata = c.metadata()
	var dec decoder
	f.Tensors = make([]Tensor, len(c.views))
	for i, v := range c.views {
		t := &f.Tensors[i]
		t.Name, t.DType, t.Shape = v.name, v.dtype, make([]int, len(v.shape))
		for k, d := range v.shape {
			t.Shape[k] = int(d)
		}
		if err := v.read(t, &dec); err != nil {
			return nil, fmt.Errorf("tensor %s: %w", show(v.name), err)
		}
	}
	return f, nil
}

// metadata are the plain values at the top, numbers of NumPy among them.
func (c *found) metadata() map[string]string {
	m := map[string]string{}
	if _, ok := moduleOf(c.root); ok {
		return nil
	}
	if _, ok := c.root.(*pickle.Seq); ok {
		return nil
	}
	each(c.root, func(k string, v any) error {
		if n, ok := numpyScalar(v); ok {
			v = n
		}
		if s, ok := scalar(v); ok {
			m[k] = s
		}
		return nil
	})
	if len(m) == 0 {
		return nil
	}
	return m
}
