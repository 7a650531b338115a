// Package hf makes networks of directories as Hugging Face publishes them: config.json says which
// architecture it is and how large, the weights are in safetensors or in PyTorch's format, in one file
// or in shards, and what makes inputs of texts and images lies beside.
//
// A program that imports it can name such a directory wherever [models.Find] takes a name.
package hf

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/foreign"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/weights"
)

// ConfigFile says which architecture a directory has.
const ConfigFile = "config.json"

func init() { models.RegisterDirectory(IsDirectory, entry) }

// A Network is a directory that was read.
type Network struct {
	Dir string

	config  config
	design  *design
	tensors []weights.Tensor // of the trunk, the head and what lies beside, under the design's names
	notes   []string
	labels  labels
	// Preprocessor makes inputs of images, nil for a network of texts, or where the directory does not
	// say.
	Preprocessor *picture.Preprocessor
	outputs      int // of the head that the weights have, 0 if they have none
	properties   map[string]string
	text         *text // nil for a network of images

	// what it is as one of the list, which takes building it
	once  sync.Once
	entry models.Entry
	err   error
}

// IsDirectory reports whether a path is a directory with a config.json that names an architecture. A
// run's directory has a config.json too, which does not.
func IsDirectory(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return false
	}
	b, err := foreign.ReadFile(filepath.Join(path, ConfigFile))
	if err != nil {
		return false
	}
	all, err := foreign.Object(b)
	return err == nil && (all["model_type"] != nil || all["architectures"] != nil || all["architecture"] != nil)
}

// Open reads a directory.
func Open(dir string) (*Network, error) {
	n := &Network{Dir: dir}
	if err := n.read(); err != nil {
		return nil, err
	}
	return n, nil
}

func (n *Network) read() (err error) {
	path := filepath.Join(n.Dir, ConfigFile)
	if n.config, err = readConfig(path); err != nil {
		return err
	}
	if n.design, err = n.config.design(n.Dir); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if n.labels, err = n.config.labels(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := n.readWeights(); err != nil {
		return err
	}
	if n.design.vocabulary > 0 {
		n.text, err = openText(n.Dir, n.design)
		return err
	}
	return n.readPreprocessor()
}

// last keeps the directory that was opened last: commands ask for it several times.
var last cache

type cache struct {
	sync.Mutex
	dir    string
	stamps [2]stamp
	net    *Network
}

// A stamp tells a file from what it was.
type stamp struct{ info os.FileInfo }

func (s stamp) same(o stamp) bool {
	return s.info != nil && o.info != nil && os.SameFile(s.info, o.info) && s.info.Size() == o.info.Size() && s.info.ModTime().Equal(o.info.ModTime())
}

// stampsOf are those of a directory's config.json and weights.
func stampsOf(dir string) (list [2]stamp) {
	list[0].info, _ = os.Stat(filepath.Join(dir, ConfigFile))
	if path, err := findWeights(dir); err == nil {
		list[1].info, _ = os.Stat(path)
	}
	return list
}

// Find is [Open] of a directory that may have been opened before.
func Find(dir string) (*Network, error) {
	last.Lock()
	defer last.Unlock()
	now := stampsOf(dir)
	if last.net != nil && last.dir == dir && now[0].same(last.stamps[0]) && now[1].same(last.stamps[1]) {
		return last.net, nil
	}
	n, err := Open(dir)
	if err != nil {
		return nil, err
	}
	last.dir, last.stamps, last.net = dir, now, n
	return n, nil
}
