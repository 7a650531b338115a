package classifier

import (
	"fmt"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn/models"
)

// Bind returns a data set with its texts as rows of the tokens that a model takes, one of
// models.Names or the path of a file that holds one; other data sets as they are.
func Bind(s *data.Splits, model string) (*data.Splits, error) {
	e, _ := models.Find(model)
	if e.Pairs != nil {
		return s.Packed(e.Pairs, 0)
	}
	return s.Tokenized(e.Tokenizer, 0)
}

// OwnTokens reports whether a model brings its own tokenizer. Others take hashed words.
func OwnTokens(model string) bool {
	e, _ := models.Find(model)
	return e.Pairs != nil || e.Tokenizer != nil
}

// TakesPairs reports whether the network takes pairs of texts.
func (c *Classifier) TakesPairs() bool {
	e, _ := models.Find(c.Model)
	return e.Pairs != nil
}

// Tokens returns a text as the network takes it.
func (c *Classifier) Tokens(text string) ([]float32, error) { return c.tokens(text, "", false) }

// PairTokens returns a pair of texts as the network takes it.
func (c *Classifier) PairTokens(first, second string) ([]float32, error) {
	return c.tokens(first, second, true)
}

func (c *Classifier) tokens(first, second string, pair bool) ([]float32, error) {
	if len(c.Input) != 1 {
		return nil, fmt.Errorf("the network is for inputs of shape %v, not for texts", c.Input)
	}
	e, _ := models.Find(c.Model)
	x := make([]float32, c.Input[0])
	switch {
	case e.Pairs != nil:
		return x[:max(1, e.Pairs(x, first, second, pair))], nil
	case pair:
		return nil, fmt.Errorf("%s takes one text, not a pair", c.Model)
	case e.Tokenizer != nil:
		e.Tokenizer(x, first)
	default:
		data.HashedWords(x, first)
	}
	return x, nil
}
