package tokens

// wordLevel has a token for each word that is known.
type wordLevel struct {
	ids     map[string]int32
	unknown string
}

func (m wordLevel) tokenize(ids []int32, word string, _ *scratch) ([]int32, error) {
	id, ok := m.ids[word]
	if !ok {
		id, ok = m.ids[m.unknown]
	}
	if !ok {
		return nil, unknownError(m.unknown)
	}
	return append(ids, id), nil
}
