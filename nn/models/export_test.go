package models

import "github.com/monge-ml/monge/nn"

// BuildBERT returns a BERT of any size.
func BuildBERT(vocabulary, layers, width, heads int, o Options) (*nn.Model, error) {
	b := nn.NewBuilder()
	return nn.NewModel(b, bert{vocabulary, encoder(layers, width, heads)}.build(b, o), o.Input)
}
