package embeddings

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPairsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), PairsFile)
	list := []Pair{
		{Image: `C:\new\table.jpg`, Caption: "one\ttwo\nthree\r\n\\four"},
		{Image: "shard.tar", Member: "1.jpg", Class: "cat"},
		{Caption: strings.Repeat("\t", 1<<20)},
	}
	if err := writePairs(path, list); err != nil {
		t.Fatal(err)
	}
	got, err := readPairs(path)
	if err != nil || len(got) != len(list) {
		t.Fatal(len(got), err)
	}
	for i, p := range list {
		if got[i] != p {
			t.Errorf("pair %d is %.60q", i, got[i])
		}
	}
	if err := Keeps(filepath.Dir(path)); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("a.jpg\ta cat\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Keeps(filepath.Dir(path)); !errors.Is(err, ErrOther) {
		t.Errorf("another list may be lost: %v", err)
	}
	if none, err := readPairs(path + "x"); none != nil || err != nil {
		t.Error(none, err)
	}
}

// What is read is written again as the same, and no input makes it fail otherwise.
func FuzzPairsFile(f *testing.F) {
	f.Add(names + "\na.jpg\t\tcat\ta cat\n")
	f.Add(names + "\na.tar\tb.jpg\t\tone\\ttwo\\\\n\\\n")
	f.Add(names + "\r\na\tb\tc\td\r\n")
	f.Add("image\tcaption\na.jpg\tx")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parsePairs(strings.NewReader(text))
		if err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), PairsFile)
		if err := writePairs(path, list); err != nil {
			t.Fatal(err)
		}
		if got, err := readPairs(path); err != nil || !slices.Equal(got, list) {
			t.Errorf("%q became %q, %v", list, got, err)
		}
	})
}

// What is written is read again; files that are not of the same pairs are errors.
func TestDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	list := []Pair{{Image: "a.jpg", Caption: "a"}, {Image: "b.jpg", Caption: "b"}}
	if err := WriteDir(dir, []float32{1, 2, 3, 4}, []float32{5, 6, 7, 8, 9, 10}, list); err != nil {
		t.Fatal(err)
	}
	d, err := ReadDir(dir)
	if err != nil || d.Images.Len() != 2 || d.Images.Dim() != 2 || d.Texts.Dim() != 3 || !slices.Equal(d.Pairs, list) {
		t.Fatalf("%+v, %v", d, err)
	}
	if err := WriteDir(dir, []float32{1, 2, 3}, nil, list); err == nil || !strings.Contains(err.Error(), "no rows of 2 pairs") {
		t.Errorf("half a row: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, TextsFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadDir(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without texts: %v", err)
	}
}
