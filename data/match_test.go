package data

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Labels that are numbers of one value are one class, which is said.
func TestMergedLabels(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a.csv": "x,label\n1,01\n2,1\n3,001\n4,2\n5,7\n",
		"a.tsv": "01\tone word\n1\tanother\n001\ta third\n2\ttwo\n7\tseven\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		spec := map[string]string{".csv": "csv:", ".tsv": "text:"}[filepath.Ext(name)] + path
		s, err := Open(spec, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.Classes, []string{"1", "2", "7"}) || !slices.Contains(s.Notes, "labels 001, 01, 1 are one class, 1, as they are numbers of the same value") {
			t.Errorf("%s: classes %q, notes %q", name, s.Classes, s.Notes)
		}
	}
	var many []string
	for i := range 9 {
		many = append(many, strconv.Itoa(i), "0"+strconv.Itoa(i), strconv.Itoa(i)+".0")
	}
	if notes := mergedNotes(many, mergeNumbers(many)); len(notes) != 6 || notes[5] != "labels of 4 classes more are likewise one each" {
		t.Errorf("notes %q", notes)
	}
	if notes := mergedNotes([]string{"a", "1", "01"}, mergeNumbers([]string{"a", "1", "01"})); notes != nil {
		t.Errorf("notes %q", notes)
	}
}

// As many classes as there may be are matched by looking each up.
func TestMatchMany(t *testing.T) {
	const n = 1 << 16
	names, list := make([]string, n), make([]string, n)
	for i := range n {
		names[i], list[i] = "a"+strconv.Itoa(i), "b"+strconv.Itoa(i)
	}
	if _, err := matchNames(names, list); err == nil || !strings.Contains(err.Error(), "65536 of its classes (a0, ") {
		t.Errorf("error %.200v", err)
	}
}
