package pickle

import "fmt"

// An Object stands for a Python object that is not made: it has what the pickle says of it.
type Object struct {
	Class Global // or what else was called to make it
	Args  []any  // of that call
	State any    // what BUILD gave it, as a rule its attributes
	Items Dict   // what was set in it, as in a dict
	List  []any  // what was appended to it, as to a list, or added, as to a set
}

// Name returns the class's name, or that of the attribute of a class that the object is.
func (o *Object) Name() string { return string(classOf(o)) }

// Kind returns the name, fit for an error.
func (o *Object) Kind() string { return Show(o.Name()) }

const (
	setClass       = Global("builtins.set")
	frozenSetClass = Global("builtins.frozenset")
)

// Functions that make an object of the class that is their first argument.
var makers = map[Global]bool{
	"copyreg._reconstructor":              true,
	"copyreg.__newobj__":                  true,
	"copyreg.__newobj_ex__":               true,
	"numpy.core.multiarray._reconstruct":  true,
	"numpy._core.multiarray._reconstruct": true,
}

// dictClasses are the dicts of the standard library that are read as what they are.
var dictClasses = map[Global]bool{
	"builtins.dict": true, "collections.OrderedDict": true, "collections.defaultdict": true, "collections.Counter": true,
}

// inertOperations are those of a machine that stands objects in, beside the others.
var inertOperations [256]func(*Machine) error

func init() {
	for op, f := range map[byte]func(*Machine) error{
		'o': (*Machine).markedObject, 'i': (*Machine).instance,
		0x81: (*Machine).newObject, 0x92: (*Machine).newObjectEx,
		0x8f: func(m *Machine) error { m.push(&Object{Class: setClass}); return nil },
		0x90: (*Machine).appends, // ADDITEMS
		0x91: (*Machine).frozenSet,
		0x82: extension(1), 0x83: extension(2), 0x84: extension(4),
		'P': func(m *Machine) error {
			_, err := m.Src.Line()
			m.push(&Object{Class: persistentID})
			return err
		},
	} {
		inertOperations[op] = f
	}
}

const persistentID = Global("persistent id")

// Stand returns what stands for the result of a call.
func Stand(f any, args []any) any {
	class := classOf(f)
	if makers[class] && len(args) > 0 {
		class, args = classOf(args[0]), args[1:]
	}
	return &Object{Class: class, Args: args}
}

// classOf returns the name of what is called: a global, an attribute of one (how classes in
// classes are spelled), or of what stands for an object its class.
func classOf(f any) Global {
	switch f := f.(type) {
	case Global:
		return f
	case *Object:
		if f.Class == "builtins.getattr" && len(f.Args) == 2 {
			of, ok := f.Args[0].(Global)
			if name, ok2 := f.Args[1].(string); ok && ok2 && len(of)+len(name) < 256 {
				return of + "." + Global(name)
			}
		}
		return f.Class
	}
	return "what is called"
}

// make stands for a new object of a class.
func (m *Machine) make(class any, args []any) any {
	if g, ok := class.(Global); ok && dictClasses[g] {
		return &Dict{ordered: true}
	}
	return Stand(class, args)
}

// callDict makes the dicts whose calls have arguments: defaultdict(factory) and Counter(dict).
func callDict(f Global, args []any) (*Dict, bool) {
	if !dictClasses[f] || f == orderedDict {
		return nil, false
	}
	if len(args) > 0 && f != "collections.defaultdict" {
		d, ok := args[0].(*Dict)
		return d, ok
	}
	return &Dict{ordered: true}, true
}

// markedObject is OBJ: a class and its arguments above the mark.
func (m *Machine) markedObject() error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return errUnderflow
	}
	m.push(m.make(items[0], append([]any(nil), items[1:]...)))
	return nil
}

// instance is INST: two lines for the class, the arguments above the mark.
func (m *Machine) instance() error {
	module, err := m.Src.Line()
	if err != nil {
		return err
	}
	name, err := m.Src.Line()
	if err != nil {
		return err
	}
	items, err := m.popMark()
	if err != nil {
		return err
	}
	m.push(m.make(globalOf(module, name), append([]any(nil), items...)))
	return nil
}

func (m *Machine) newObject() error {
	args, err := m.pop()
	if err != nil {
		return err
	}
	class, err := m.pop()
	if err != nil {
		return err
	}
	a, ok := args.(*Seq)
	if !ok || !a.Tuple {
		return errType
	}
	m.push(m.make(class, a.Items))
	return nil
}

// newObjectEx also has arguments by name.
func (m *Machine) newObjectEx() error {
	named, err := m.pop()
	if err != nil {
		return err
	}
	if err := m.newObject(); err != nil {
		return err
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	if o, ok := v.(*Object); ok {
		o.State = named
	}
	return nil
}

func (m *Machine) frozenSet() error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	m.push(&Object{Class: frozenSetClass, List: append([]any(nil), items...)})
	return nil
}

// extension is a class by its number in a list that programs agree on.
func extension(size int) func(*Machine) error {
	return func(m *Machine) error {
		code, err := m.Src.Uint(size)
		m.push(Global(fmt.Sprintf("extension %d", code)))
		return err
	}
}
