package tokens

import "strings"

// What a cache holds at most, and the longest word.
const (
	cacheWords = 10000
	cacheWord  = 256
)

// A cache holds the tokens of words.
type cache struct {
	at  map[string][2]int32 // where a word's tokens begin and end
	ids []int32
}

func (c *cache) get(word string) ([]int32, bool) {
	at, ok := c.at[word]
	return c.ids[at[0]:at[1]], ok
}

// put keeps a word's tokens. A cache that is full starts again: words of other texts are in use by then.
func (c *cache) put(word string, ids []int32) {
	if len(word) >= cacheWord {
		return
	}
	if c.at == nil || len(c.at) == cacheWords {
		c.at, c.ids = map[string][2]int32{}, c.ids[:0]
	}
	from := int32(len(c.ids))
	c.ids = append(c.ids, ids...)
	c.at[strings.Clone(word)] = [2]int32{from, int32(len(c.ids))}
}
