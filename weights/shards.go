package weights

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Large models are published in parts, with an index that says where each tensor is:
// {"metadata": {...}, "weight_map": {"conv1.weight": "model-00001-of-00002.safetensors"}}
// (transformers' save_pretrained; the parts are safetensors or PyTorch's).

// maxIndex bounds an index, whose largest have some megabytes, and maxShards its files.
const (
	maxIndex  = 64 << 20
	maxShards = 10_000
)

// DirFiles are the files of weights in a directory as Hugging Face publishes models, in the
// order in which [Find] looks for them.
var DirFiles = []string{
	"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
}

// Find returns the path of a directory's weights, for [Read]: the first of some names (by
// default [DirFiles]) that is there.
func Find(dir string, names ...string) (string, error) {
	if len(names) == 0 {
		names = DirFiles
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: no weights there: none of %s: %w", dir, strings.Join(names, ", "), os.ErrNotExist)
}

// looksIndex reports whether a file's start is that of a JSON object.
func looksIndex(head []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n"), []byte("{"))
}

// errNoIndex is the error of JSON that is no index.
var errNoIndex = errors.New("JSON, not weights (an index of weights has a weight_map): name the file of weights, as model.safetensors")

// parseIndex returns which tensors each shard has. Shards are files beside the index, and
// nowhere else.
func parseIndex(b []byte) (map[string][]string, error) {
	var index struct {
		Map map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), &index); err != nil || len(index.Map) == 0 {
		return nil, errNoIndex
	}
	shards := map[string][]string{}
	for tensor, file := range index.Map {
		if file == "" || file == "." || file == ".." || strings.ContainsAny(file, "/\\\x00") || !filepath.IsLocal(file) {
			return nil, damaged("the index puts tensor %s into %s, which is no file beside it", show(tensor), show(file))
		}
		shards[file] = append(shards[file], tensor)
	}
	if len(shards) > maxShards {
		return nil, damaged("the index names %d files", len(shards))
	}
	return shards, nil
}

// readIndexed reads the shards of an index of size bytes, which lie beside it in dir.
func readIndexed(r io.ReaderAt, size int64, dir string) (*File, error) {
	if size > maxIndex {
		return nil, errNoIndex
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), b); err != nil {
		return nil, err
	}
	shards, err := parseIndex(b)
	if err != nil {
		return nil, err
	}
	whole := &File{}
	home := map[string]string{}
	for _, file := range slices.Sorted(maps.Keys(shards)) {
		f, err := readShard(filepath.Join(dir, file))
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("the index names %s, which is not there: get all %d files of the model", show(file), len(shards))
		}
		if err != nil {
			return nil, err
		}
		if err := whole.join(f, file, shards[file], home); err != nil {
			return nil, err
		}
	}
	return whole, nil
}

// readShard reads one file of several, which is no index itself.
func readShard(path string) (*File, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadFrom(f, size, path)
}

// join adds a shard, which must have some tensors. Home has the shard of each tensor so far.
func (f *File) join(shard *File, file string, tensors []string, home map[string]string) error {
	if f.Format == "" {
		f.Format, f.Metadata = shard.Format, shard.Metadata
	}
	for _, t := range shard.Tensors {
		if other, twice := home[t.Name]; twice {
			return fmt.Errorf("tensor %s is in %s and in %s: the files are not of one model; get them again", show(t.Name), show(other), show(file))
		}
		home[t.Name] = file
	}
	slices.Sort(tensors)
	for _, name := range tensors {
		if home[name] != file {
			return fmt.Errorf("the index says that %s has tensor %s, which it has not: the files are not of one model; get them again", show(file), show(name))
		}
	}
	f.Tensors = append(f.Tensors, shard.Tensors...)
	return nil
}
