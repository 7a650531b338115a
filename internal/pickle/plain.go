package pickle

// What Python calls to make plain values.
var (
	orderedDict = Global("collections.OrderedDict")
	encode      = Global("_codecs.encode") // how protocol 2 spells bytes
	emptyBytes  = Global("builtins.bytes")
)

var plainGlobals = map[Global]bool{orderedDict: true, encode: true, emptyBytes: true}

// callPlain carries out a REDUCE of one of the plain globals.
func (m *Machine) callPlain(f Global, args []any) (any, error) {
	switch f {
	case orderedDict:
		return m.makeOrderedDict(args)
	case encode:
		if len(args) == 2 {
			s, ok := args[0].(string)
			if enc, ok2 := args[1].(string); ok && ok2 && (enc == "latin1" || enc == "latin-1") {
				return m.latin1(s)
			}
		}
	case emptyBytes:
		if len(args) == 0 {
			return Bytes(""), nil
		}
	}
	if m.Inert {
		return Stand(f, args), nil
	}
	return nil, Damaged("the pickle calls %s with arguments that %s never gives it", f, m.Words.Writer)
}

// mayCopy bounds what calls copy of their arguments, which can be recalled from the memo
// and given again and again.
func (m *Machine) mayCopy(n int) error {
	if m.copies -= int64(n); m.copies < 0 {
		return Damaged("the pickle makes more of its values than a file of this size should")
	}
	return nil
}

func (m *Machine) latin1(s string) (any, error) {
	if err := m.mayCopy(len(s)); err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return nil, Damaged("the pickle holds bytes that are none (%q)", r)
		}
		b = append(b, byte(r))
	}
	return Bytes(b), nil
}

// makeOrderedDict takes nothing, or Python 2's list of pairs.
func (m *Machine) makeOrderedDict(args []any) (any, error) {
	d := &Dict{ordered: true}
	if len(args) == 0 {
		return d, nil
	}
	l, ok := args[0].(*Seq)
	if !ok || len(args) != 1 {
		return m.noPairs(args)
	}
	if err := m.mayCopy(len(l.Items)); err != nil {
		return nil, err
	}
	for _, p := range l.Items {
		pair, ok := p.(*Seq)
		if !ok || len(pair.Items) != 2 {
			return m.noPairs(args)
		}
		if err := m.setAll(d, pair.Items); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (m *Machine) noPairs(args []any) (any, error) {
	if m.Inert {
		return Stand(orderedDict, args), nil
	}
	return nil, Damaged("an OrderedDict is not made from a list of pairs")
}
