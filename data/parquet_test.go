package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// written is what testdata/parquet.json says of a file: its columns.
func written(t *testing.T, name string, column string, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/parquet.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(all[name][column], into); err != nil {
		t.Fatal(err)
	}
}

func writtenTexts(t *testing.T, name, column string) (list []string) {
	t.Helper()
	written(t, name, column, &list)
	return list
}

// Files that pandas, pyarrow and Hugging Face's data sets have written hold what these say.
func TestParquetTexts(t *testing.T) {
	s := mustOpen(t, "parquet:testdata/parquet/pairs", Options{})
	var want []string
	for _, part := range []string{"train: train-00000-of-00002", "train: train-00001-of-00002", "val: validation-00000-of-00001"} {
		split, file, _ := strings.Cut(part, ": ")
		a, b, label := writtenTexts(t, "pairs/"+file, "sentence1"), writtenTexts(t, "pairs/"+file, "sentence2"), writtenTexts(t, "pairs/"+file, "label")
		for i := range a {
			want = append(want, fmt.Sprintf("%s: %s | %s: %s", split, a[i], b[i], label[i]))
		}
	}
	if got := told(t, s); !slices.Equal(got, want) || !slices.Equal(s.Classes, []string{"not_equivalent", "equivalent"}) {
		t.Errorf("%q of classes %q, want %q", got, s.Classes, want)
	}
	notes := strings.Join(s.Notes, "\n")
	for _, note := range []string{"test-00000-of-00001.parquet has no labels, and is left out", `pairs of texts are of columns "sentence1" and "sentence2", labels of "label"; left out: "idx"`} {
		if !strings.Contains(notes, note) {
			t.Errorf("notes %q lack %q", notes, note)
		}
	}
	for _, file := range []string{"strings", "deltas"} {
		s := mustOpen(t, "parquet:testdata/parquet/"+file+".parquet", Options{})
		texts, labels := writtenTexts(t, file, "text"), writtenTexts(t, file, "label")
		got := map[string]string{}
		for _, line := range told(t, s) {
			parts := strings.SplitN(line, ": ", 3)
			got[parts[1]] = parts[2]
		}
		for i, text := range texts {
			if got[text] != labels[i] || len(got) != len(texts) {
				t.Errorf("%s: %d texts, %q has label %q, want %q", file, len(got), text, got[text], labels[i])
			}
		}
		if s.Test.Len() == 0 || s.Test.Len() > len(texts)/3 {
			t.Errorf("%s: %d texts to test on", file, s.Test.Len())
		}
	}
}

func TestParquetTargets(t *testing.T) {
	s := mustOpen(t, "parquet:testdata/parquet/scores.parquet", Options{})
	var scores []float64
	written(t, "scores", "label", &scores)
	for _, p := range s.Parts() {
		for i := range p.Len() {
			if y := p.Target(i)[0]; y != float32(scores[p.Number(i)]) {
				t.Errorf("score %d is %g, want %g", i, y, scores[p.Number(i)])
			}
		}
	}
	if !slices.Equal(s.Targets, []string{"label"}) || s.Train.Len()+s.Test.Len() != len(scores) {
		t.Errorf("targets %q of %d and %d", s.Targets, s.Train.Len(), s.Test.Len())
	}
	s = mustOpen(t, "parquet:testdata/parquet/labels.parquet", Options{})
	var lists [][]string
	written(t, "labels", "labels", &lists)
	if !slices.Equal(s.Targets, []string{"sad", "glad", "calm"}) {
		t.Errorf("targets %q", s.Targets)
	}
	for _, p := range s.Parts() {
		for i := range p.Len() {
			for k, name := range s.Targets {
				if has := slices.Contains(lists[p.Number(i)], name); (p.Target(i)[k] == 1) != has {
					t.Errorf("text %d: %v, want %q", p.Number(i), p.Target(i), lists[p.Number(i)])
				}
			}
		}
	}
}

func TestParquetImages(t *testing.T) {
	s := mustOpen(t, "parquet:testdata/parquet/images.parquet", Options{})
	var pixels [][]uint8
	var raw [][]int
	written(t, "images", "image", &raw)
	for _, p := range raw {
		row := make([]uint8, len(p))
		for k, v := range p {
			row[k] = uint8(v)
		}
		pixels = append(pixels, row)
	}
	labels := writtenTexts(t, "images", "label")
	for _, p := range s.Parts() {
		for i := range p.Len() {
			x := example(t, p.Set, i)
			for k, v := range x {
				if v != float32(pixels[p.Number(i)][k])/255 {
					t.Fatalf("image %d: %v, want %v", p.Number(i), x, pixels[p.Number(i)])
				}
			}
			if s.Classes[p.Labels[i]] != labels[p.Number(i)] {
				t.Errorf("image %d is a %s, want %s", p.Number(i), s.Classes[p.Labels[i]], labels[p.Number(i)])
			}
		}
	}
	if s.Train.Len()+s.Test.Len() != 30 || !slices.Equal(s.Train.Shape, []int{3, 4, 3}) {
		t.Errorf("%d and %d images of shape %v", s.Train.Len(), s.Test.Len(), s.Train.Shape)
	}
	scan, err := s.Scan(t.Context(), nil)
	if err != nil || len(scan.Damaged) > 0 || len(scan.Items) != 33 {
		t.Errorf("%d items, %v", len(scan.Items), err)
	}
	grey := mustOpen(t, "parquet:testdata/parquet/images.parquet?channels=1", Options{Size: Square(8)})
	if !slices.Equal(grey.Train.Shape, []int{8, 8, 1}) {
		t.Errorf("shape %v", grey.Train.Shape)
	}
}

func TestParquetErrors(t *testing.T) {
	whole, err := os.ReadFile("testdata/parquet/images.parquet")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	at := slices.Clone(whole)
	copy(at[slices.Index(at, 'I')-1:], "damage")
	for spec, want := range map[string]string{
		file("empty.parquet", nil):                "too short",
		file("cut.parquet", whole[:len(whole)-5]): "does not end with PAR1",
		file("long.parquet", append([]byte("xxxxxxxxxxxxxx"), []byte("\xff\xff\xff\xffPAR1")...)): "its description would take",
		"testdata/parquet": "no files of splits there",
		"testdata/parquet/strings.parquet?text=label&label=label":    `column "label"`,
		"testdata/parquet/strings.parquet?text=words":                `no column "words"; the columns are text, label`,
		"testdata/parquet/scores.parquet?text=label&target=label":    "named twice",
		"testdata/parquet/scores.parquet?text=label&label=sentence1": "has no texts or images",
		"testdata/parquet/labels.parquet?label=text&text=labels":     "has no texts or images",
		"testdata/parquet/strings.parquet?target=label":              "can't be learned",
		"testdata/parquet/images.parquet?channels=2":                 "there are 1 for grey and 3",
		"testdata/parquet/images.parquet?image=image&text=a":         "examples are of one of them",
		"testdata/parquet/images.parquet?image=pixels":               `no column "pixels"`,
		"testdata/parquet/none.parquet":                              "no such file",
	} {
		path, _, _ := strings.Cut(spec, "?")
		if _, err := Open("parquet:"+spec, Options{}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want %q", spec, err, want)
		}
	}
	damaged, err := Open("parquet:"+file("damaged.parquet", at), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if scan, err := damaged.Scan(t.Context(), nil); err != nil || len(scan.Damaged) != 1 || !strings.Contains(scan.Damaged[0].Err.Error(), "damaged.parquet: image ") {
		t.Errorf("%+v, %v", scan, err)
	}
	if s, err := Open("parquet:"+filepath.Join(dir, "damaged.parquet"), Options{SkipDamaged: true}); err != nil || s.Train.Len()+s.Test.Len() != 29 {
		t.Errorf("%v, %v", s, err)
	}
	if none := unlabelled(""); !errors.As(fmt.Errorf("x: %w", unlabelled("y")), &none) {
		t.Error("no error of a file without labels")
	}
}
