package tokenizer

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/monge-ml/monge/internal/letters"
)

// An added token stands in a caption as it is, and is not made of others.
type addedToken struct {
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // not within a word
	Normalized bool   `json:"normalized"`  // found in normalized text, else in the caption as it is
	Special    bool   `json:"special"`

	// They take spaces beside the token along, which are of no account here anyhow.
	LStrip bool `json:"lstrip"`
	RStrip bool `json:"rstrip"`
}

// addedTokens are those of a directory by their numbers.
type addedTokens map[int32]addedToken

// add notes a token; what is known of it already counts.
func (a addedTokens) add(id int32, t addedToken) error {
	old, known := a[id]
	switch {
	case t.Content == "":
		return fmt.Errorf("added token %d has no content", id)
	case known && old.Content != t.Content:
		return fmt.Errorf("added token %d is %.80q, and %.80q in another file of the directory", id, t.Content, old.Content)
	case !known:
		a[id] = t
	}
	return nil
}

// A matcher finds added tokens in a text.
type matcher struct {
	first  map[byte][]match // by the first byte, longest first
	spaces bool             // one of them has a space within
}

type match struct {
	text   string
	id     int
	single bool
}

func (m *matcher) add(text string, id int, single bool) {
	if text == "" {
		return
	}
	if m.first == nil {
		m.first = map[byte][]match{}
	}
	m.spaces = m.spaces || strings.ContainsFunc(text, unicode.IsSpace)
	list := append(m.first[text[0]], match{text, id, single})
	slices.SortStableFunc(list, func(a, b match) int { return len(b.text) - len(a.text) })
	m.first[text[0]] = list
}

// split returns the parts of text between added tokens, with number -1, and the tokens. Of those
// that begin earliest the longest counts.
func (m *matcher) split(text string) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		from := 0
		for i := 0; i < len(text) && len(m.first) > 0; {
			found := m.at(text, i)
			if found == nil {
				i++
				continue
			}
			end := i + len(found.text)
			if !found.single || !endsInWord(text[:i]) && !beginsWithWord(text[end:]) {
				if i > from && !yield(text[from:i], -1) || !yield(found.text, found.id) {
					return
				}
				from = end
			}
			i = end
		}
		if from < len(text) {
			yield(text[from:], -1)
		}
	}
}

// at returns the longest token that begins at i.
func (m *matcher) at(text string, i int) *match {
	list := m.first[text[i]]
	for k := range list {
		if strings.HasPrefix(text[i:], list[k].text) {
			return &list[k]
		}
	}
	return nil
}

func endsInWord(text string) bool {
	r, _ := utf8.DecodeLastRuneInString(text)
	return text != "" && isWord(r)
}

func beginsWithWord(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return text != "" && isWord(r)
}

// isWord tells what \w is in Rust's expressions.
func isWord(r rune) bool { return isOf(r, letters.Word) }

// addTokens gives the vocabulary added tokens, whose numbers follow its own or are of it, and finds
// the start and the end of texts among them.
func (t *Tokenizer) addTokens(added addedTokens, ids map[string]int32) error {
	for _, id := range slices.Sorted(maps.Keys(added)) {
		a := added[id]
		if known, in := ids[a.Content]; in && known != id {
			return fmt.Errorf("added token %.80q has number %d, in the vocabulary it has %d", a.Content, id, known)
		}
		switch size := int32(len(t.names)); {
		case id == size:
			t.names, t.tokens = append(t.names, a.Content), append(t.tokens, a.Content+" ")
			ids[a.Content] = id
		case id < 0 || id > size:
			return fmt.Errorf("added token %.80q has number %d; there are %d tokens before it, and numbers have no gaps", a.Content, id, size)
		case t.names[id] != a.Content:
			return fmt.Errorf("added token %.80q has number %d, which is %.80q in the vocabulary", a.Content, id, t.names[id])
		}
	}
	t.added = added
	for _, name := range []string{startOfText, endOfText} {
		if id, ok := ids[name]; ok && added[id].Content == "" {
			added[id] = addedToken{Content: name, Normalized: true, Special: true}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(added)) {
		if a := added[id]; a.Normalized {
			t.normal.add(oneSpace(normalize(a.Content)), int(id), a.SingleWord)
		} else {
			t.exact.add(a.Content, int(id), a.SingleWord)
		}
	}
	return nil
}

// oneSpace returns text with one space for any space.
func oneSpace(text string) string {
	var b strings.Builder
	within := false
	for _, r := range text {
		space := unicode.IsSpace(r)
		switch {
		case !space:
			b.WriteRune(r)
		case !within:
			b.WriteByte(' ')
		}
		within = space
	}
	return b.String()
}
