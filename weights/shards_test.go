package weights

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shardDir writes two shards and an index.
func shardDir(t *testing.T, index string) string {
	dir := t.TempDir()
	for name, x := range map[string]Tensor{
		"model-00001-of-00002.safetensors": {Name: "a", Shape: []int{2}, Data: []float32{1, 2}},
		"model-00002-of-00002.safetensors": {Name: "b", Shape: []int{1}, Data: []float32{3}},
	} {
		if err := WriteFile(filepath.Join(dir, name), []Tensor{x}, map[string]string{"format": "pt"}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "model.safetensors.index.json")
	if err := os.WriteFile(path, []byte(index), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

const goodIndex = `{"metadata":{"total_size":12},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`

func TestShards(t *testing.T) {
	path := shardDir(t, "\n"+goodIndex)
	if found, err := Find(filepath.Dir(path)); err != nil || found != path {
		t.Errorf("found %q, %v", found, err)
	}
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(f.StateDict()); !slices.Equal(got, []string{"a", "b"}) || f.Tensors[1].Data[0] != 3 || f.Format != FormatSafetensors || f.Metadata["format"] != "pt" {
		t.Errorf("%q, %+v", got, f)
	}
}

func TestShardErrors(t *testing.T) {
	const first = `"model-00001-of-00002.safetensors"`
	for index, says := range map[string]string{
		`{"weight_map":{"a":"../x.safetensors"}}`:               "no file beside it",
		`{"weight_map":{"a":"/etc/passwd"}}`:                    "no file beside it",
		`{"weight_map":{"a":"C:\\x"}}`:                          "no file beside it",
		`{"weight_map":{"a":""}}`:                               "no file beside it",
		`{"weight_map":{"a":".."}}`:                             "no file beside it",
		`{"weight_map":{"a":"none.safetensors"}}`:               "which is not there: get all 1 files",
		`{"weight_map":{"b":` + first + `}}`:                    "has tensor b, which it has not",
		`{"weight_map":{"a":"model.safetensors.index.json"}}`:   "JSON, not weights",
		`{"weight_map":{}}`:                                     "JSON, not weights",
		`{"weight_map":{"a":1}}`:                                "JSON, not weights",
		`{"hidden_size":768}`:                                   "JSON, not weights",
		`{"weight_map":`:                                        "JSON, not weights",
		strings.Replace(goodIndex, "-00002-of", "-00003-of", 1): "model-00003-of-00002.safetensors, which is not there",
	} {
		path := shardDir(t, index)
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), filepath.Dir(path)) {
			t.Errorf("%s: %v; want %q", index, err, says)
		}
	}
	path := shardDir(t, strings.Replace(goodIndex, "}}", `,"c":"copy.safetensors"}}`, 1))
	if err := WriteFile(filepath.Join(filepath.Dir(path), "copy.safetensors"), []Tensor{{Name: "a"}, {Name: "c"}}, nil); err == nil {
		t.Fatal("a scalar without an element was written")
	}
	one := []float32{1}
	if err := WriteFile(filepath.Join(filepath.Dir(path), "copy.safetensors"), []Tensor{{Name: "a", Data: one}, {Name: "c", Data: one}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "tensor a is in ") {
		t.Errorf("a tensor in two shards: %v", err)
	}
	if _, err := Read(filepath.Dir(path)); err == nil || !strings.Contains(err.Error(), "name the file of weights in it, "+path) {
		t.Errorf("directory: %v", err)
	}
	if _, err := Find(t.TempDir()); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "pytorch_model.bin") {
		t.Errorf("nothing there: %v", err)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(goodIndex))
	f.Add([]byte(`{"weight_map":{"a":"../x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		shards, err := parseIndex(b)
		for file := range shards {
			if err == nil && filepath.Base(file) != file {
				t.Errorf("a shard elsewhere: %q", file)
			}
		}
	})
}
