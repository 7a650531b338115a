package train

import (
	"fmt"

	"github.com/monge-ml/monge/data"
)

// A Source is an opened data set. Runs that see the same data may share one, so that files
// are listed, and images decoded, once for all of them.
type Source struct {
	splits      *data.Splits
	fingerprint string
	key         string
}

// OpenSource opens the data that a config names.
func OpenSource(c Config) (*Source, error) {
	splits, err := data.Open(c.Data, c.dataOptions())
	if err != nil {
		return nil, err
	}
	if splits.Train.Len() == 0 {
		return nil, fmt.Errorf("%s has no training split", c.Data)
	}
	fingerprint, err := splits.Fingerprint()
	return &Source{splits, fingerprint, c.SourceKey()}, err
}

// SourceKey is the same for configs whose runs can share a Source.
func (c *Config) SourceKey() string { return fmt.Sprintf("%q %+v", c.Data, c.dataOptions()) }

func (c *Config) dataOptions() data.Options {
	return data.Options{
		Size: c.Size, Crop: c.Crop, Classes: c.Classes,
		Val: c.Val, Subset: c.Subset, TestSubset: c.TestSubset, Seed: c.DataSeed,
	}
}
