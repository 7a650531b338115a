package data_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/data"
)

// foldTable writes a table of n rows, of which every third is of one class, and the others of another.
func foldTable(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("x,y,label\n")
	for i := range n {
		fmt.Fprintf(&b, "%g,%d,%s\n", float64(i)+.5, i%5, []string{"a", "b", "b"}[i%3])
	}
	path := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return "csv:" + path
}

// Each example validates once; folds are alike in size and in classes.
func TestFolds(t *testing.T) {
	const n, k = 47, 5
	for _, query := range []string{"", "?target=y&ignore=label"} {
		spec := foldTable(t, n) + query
		var seen []int
		for i := 1; i <= k; i++ {
			d, err := data.Open(spec, data.Options{Val: .1, Fold: data.Fold{Number: i, Of: k}})
			if err != nil {
				t.Fatal(err)
			}
			if d.Val.Len() != n/k && d.Val.Len() != n/k+1 || d.Train.Len()+d.Val.Len() != n {
				t.Errorf("fold %d: %d validate, %d train", i, d.Val.Len(), d.Train.Len())
			}
			of := map[int]int{}
			for j := range d.Val.Len() {
				seen = append(seen, d.Val.Number(j))
				if d.Val.Labels != nil {
					of[d.Val.Labels[j]]++
				}
			}
			if d.Val.Labels != nil && (of[0] < 3 || of[0] > 4 || of[1] < 6 || of[1] > 7) {
				t.Errorf("fold %d: classes %v", i, of)
			}
			for j := range d.Train.Len() {
				if slices.Contains(seen[len(seen)-d.Val.Len():], d.Train.Number(j)) {
					t.Fatalf("fold %d: example %d trains and validates", i, d.Train.Number(j))
				}
			}
		}
		slices.Sort(seen)
		for i, v := range seen {
			if i != v {
				t.Fatalf("%s: all folds together are %v", query, seen)
			}
		}
		a, _ := data.Open(spec, data.Options{Fold: data.Fold{Number: 1, Of: k}})
		b, _ := data.Open(spec, data.Options{Fold: data.Fold{Number: 1, Of: k}, Seed: 1})
		if a.Val.Number(0) == b.Val.Number(0) && a.Val.Number(1) == b.Val.Number(1) && a.Val.Number(2) == b.Val.Number(2) {
			t.Error("the seed draws the same")
		}
	}
}

// A validation split that there is gives way, and is named.
func TestFoldInPlaceOfSplit(t *testing.T) {
	dir := t.TempDir()
	for _, split := range []string{"train", "val"} {
		if err := os.WriteFile(filepath.Join(dir, split+".tsv"), []byte(strings.Repeat("a\tone\nb\ttwo\n", 5)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d, err := data.Open("text:"+dir, data.Options{Fold: data.Fold{Number: 2, Of: 2}})
	if err != nil || d.Val.Len() != 5 || !strings.Contains(strings.Join(d.Notes, "\n"), "its validation split, of 10, is left out") {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestFoldText(t *testing.T) {
	for _, text := range []string{"2of5", "2/5"} {
		var f data.Fold
		if err := f.UnmarshalText([]byte(text)); err != nil || f != (data.Fold{Number: 2, Of: 5}) || f.String() != "2of5" {
			t.Errorf("%s: %v, %v", text, f, err)
		}
	}
	for _, text := range []string{"2", "0of5", "6of5", "1of1", "aof5", "1ofb", "1of5of5", "-1of5"} {
		var f data.Fold
		if err := f.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%s: %v", text, f)
		}
	}
	if _, err := data.Open(foldTable(t, 4), data.Options{Fold: data.Fold{Number: 1, Of: 5}}); err == nil || !strings.Contains(err.Error(), "would leave some of them empty") {
		t.Errorf("error %v", err)
	}
}
