package data

// A text for a published network is a row of numbers that hold a token each: 0 is padding, which
// stands at the end; else it is 1 + id + 2^19 type, of a token's number in the vocabulary and the
// segment that it is in, 0 or, of the second text of a pair, 1. A float32 holds them all exactly.
const (
	PackedIDs   = 1 << 19 // ids of packed tokens are below it
	PackedTypes = 1 << 5  // and segments below this
)

// A PairTokenizer writes the tokens of a text, or of a pair of texts, to dst as [PackToken] makes
// numbers of them, cut to what there is room for, and zeros after them. It returns how many
// numbers are no padding. It may be called concurrently.
type PairTokenizer func(dst []float32, first, second string, pair bool) (n int)

// HashedPairs is a [PairTokenizer] of hashed words, see [Vocabulary], for networks that bring no
// tokens of their own: each text begins with the token that stands for it.
func HashedPairs(dst []float32, first, second string, pair bool) (n int) {
	put := func(text string, segment int) {
		if n == len(dst) {
			return
		}
		for _, id := range appendTokens(nil, text, len(dst)-n) {
			dst[n] = PackToken(int(id), segment)
			n++
		}
	}
	clear(dst)
	put(first, 0)
	if pair {
		put(second, 1)
	}
	return n
}

// PackToken returns the number of a token: id is below [PackedIDs], segment below [PackedTypes].
func PackToken(id, segment int) float32 { return float32(1 + id + segment*PackedIDs) }

// UnpackToken is the way back; ok is false of padding, and of what is no packed token.
func UnpackToken(v float32) (id, segment int, ok bool) {
	if !(v >= 1 && v <= PackedIDs*PackedTypes) || v != float32(int(v)) {
		return 0, 0, false
	}
	n := int(v) - 1
	return n % PackedIDs, n / PackedIDs, true
}
