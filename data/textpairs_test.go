package data

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// told says what a data set of texts has, an example a line.
func told(t *testing.T, s *Splits) (lines []string) {
	t.Helper()
	for _, p := range s.Parts() {
		x, err := p.texts()
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Len() {
			first, second := x.pair(p.Number(i))
			out := fmt.Sprint(p.Target(i))
			if p.Labels != nil {
				out = s.Classes[p.Labels[i]]
			}
			if x.pairs {
				first += " | " + second
			}
			lines = append(lines, p.Name+": "+first+": "+out)
		}
	}
	return lines
}

func TestTextPairs(t *testing.T) {
	const quoted = `a "b" c`
	for name, tt := range map[string]struct {
		file, text, query string
		targets           []string
		want              []string
		notes             string
	}{
		"MRPC": {"train.tsv", "\uFEFFQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t70\t71\t\"He said\t" + quoted + "\n0\t72\t73\tx\ty\n", "", nil,
			[]string{`train: "He said | a "b" c: 1`, "train: x | y: 0"}, `pairs of texts are of columns "#1 String" and "#2 String", labels of "Quality"; left out: "#1 ID", "#2 ID"`},
		"STS-B": {"train.tsv", "index\tgenre\tsentence1\tsentence2\tscore\n0\tnews\ta b\tc\t3.800\n1\tnews\td\te\t5\n", "", []string{"score"},
			[]string{"train: a b | c: [3.8]", "train: d | e: [5]"}, `targets of "score"`},
		"QNLI": {"train.tsv", "index\tquestion\tsentence\tlabel\n0\twho?\tme\tentailment\n1\twhat?\tit\tnot_entailment\n", "", nil,
			[]string{"train: who? | me: entailment", "train: what? | it: not_entailment"}, `left out: "index"`},
		"MNLI": {"train.tsv", "index\tsentence1\tsentence2\tlabel1\tgold_label\n0\ta\tb\tneutral\tneutral\n0\tc\td\tneutral\tcontradiction\n", "", nil,
			[]string{"train: a | b: neutral", "train: c | d: contradiction"}, `labels of "gold_label"`},
		"JSON pair": {"train.jsonl", `{"premise": "a", "hypothesis": "b", "label": 1}` + "\n" + `{"hypothesis": "d", "premise": "c", "label": 0}`, "", nil,
			[]string{"train: a | b: 1", "train: c | d: 0"}, ""},
		"JSON score": {"train.jsonl", `{"sentence1": "a", "sentence2": "b", "score": 1.5}` + "\n" + `{"sentence1": "c", "sentence2": "d", "score": "2"}`, "", []string{"score"},
			[]string{"train: a | b: [1.5]", "train: c | d: [2]"}, ""},
		"chosen pair": {"train.csv", "from,to,kind\n\"a, b\",c,x\nd,e,y\n", "?text=to,from&label=kind", nil,
			[]string{"train: c | a, b: x", "train: e | d: y"}, ""},
		"one of a pair": {"train.csv", "sentence1,sentence2,label\na,c,x\nd,e,y\n", "?text=sentence2", nil,
			[]string{"train: c: x", "train: e: y"}, `left out: "sentence1"`},
		"by number": {"train.tsv", "a\tb c\t1\nd\te f\t2\n", "?text=#1,#2&target=#3", []string{"#3"},
			[]string{"train: a | b c: [1]", "train: d | e f: [2]"}, ""},
		"targets": {"train.csv", "text,toxic,rude\na,0,1\nb,1,0.5\n", "?target=rude,toxic", []string{"rude", "toxic"},
			[]string{"train: a: [1 0]", "train: b: [0.5 1]"}, ""},
		"JSON targets": {"train.jsonl", `{"text": "a", "x": 1, "y": -2e0}`, "?target=y,x", []string{"y", "x"},
			[]string{"train: a: [-2 1]"}, ""},
		"JSON labels": {"train.jsonl", `{"text": "a", "labels": [10, 2]}` + "\n" + `{"text": "b", "labels": []}` + "\n" + `{"text": "c", "labels": [2, 2, "7"]}`, "", []string{"2", "7", "10"},
			[]string{"train: a: [1 0 1]", "train: b: [0 0 0]", "train: c: [1 1 0]"}, ""},
		"labels": {"train.csv", "text,tags\na,\"sad, glad\"\nb,\nc,sad\n", "?labels=tags", []string{"glad", "sad"},
			[]string{"train: a: [1 1]", "train: b: [0 0]", "train: c: [0 1]"}, ""},
	} {
		dir := t.TempDir()
		textFile(t, dir, tt.file, tt.text)
		s, err := Open("text:"+dir+tt.query, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := told(t, s); !slices.Equal(got, tt.want) || !slices.Equal(s.Targets, tt.targets) || (s.Classes == nil) != (tt.targets != nil) {
			t.Errorf("%s: %q of targets %q, classes %q; want %q", name, got, s.Targets, s.Classes, tt.want)
		}
		if notes := strings.Join(s.Notes, "\n"); !strings.Contains(notes, tt.notes) {
			t.Errorf("%s: notes %q, want %q", name, notes, tt.notes)
		}
	}
}

func TestTextPairErrors(t *testing.T) {
	for name, tt := range map[string]struct{ file, text, query, want string }{
		"three texts":   {"train.csv", "a,b,c,label\n", "?text=a,b,c", "more than two columns, which are a pair"},
		"two outputs":   {"train.csv", "text,label,y\n", "?label=label&target=y", "examples have one of them"},
		"twice":         {"train.csv", "text,y\na,1\n", "?target=y&text=y", `column "y" is named twice`},
		"no number":     {"train.csv", "text,y\na,1\nb,one\n", "?target=y", `line 3: target y: "one" is no number that can be predicted`},
		"NaN":           {"train.csv", "text,y\na,NaN\n", "?target=y", "no number that can be predicted"},
		"JSON no list":  {"train.jsonl", `{"text": "a", "labels": [1]}` + "\n" + `{"text": "a", "labels": 1}`, "", "line 2: "},
		"JSON null":     {"train.jsonl", `{"text": "a", "labels": [null]}`, "", "a label is no text and no number"},
		"no label ever": {"train.jsonl", `{"text": "a", "labels": []}`, "", "no text has a label"},
		"no target":     {"train.jsonl", `{"text": "a", "x": 1}`, "?target=y", `no key "y"`},
	} {
		dir := t.TempDir()
		path := textFile(t, dir, tt.file, tt.text)
		if _, err := Open("text:"+dir+tt.query, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v, want %q and %s", name, err, tt.want, path)
		}
	}
}

// GLUE's directories have a test split without labels, and splits must be of the same columns.
func TestTextDirectories(t *testing.T) {
	dir := t.TempDir()
	textFile(t, dir, "train.tsv", "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tyes\n1\tc\td\tno\n")
	textFile(t, dir, "dev.tsv", "index\tsentence1\tsentence2\tlabel\n0\te\tf\tyes\n")
	textFile(t, dir, "test.tsv", "index\tsentence1\tsentence2\n0\tg\th\n")
	s, err := Open("text:"+dir, Options{})
	if err != nil || !slices.Equal(told(t, s), []string{"train: a | b: yes", "train: c | d: no", "val: e | f: yes"}) || !strings.Contains(strings.Join(s.Notes, "\n"), "test.tsv has no labels, and is left out") {
		t.Errorf("%v, %v", s, err)
	}
	textFile(t, dir, "dev.tsv", "sentence\tlabel\nx\tyes\n")
	textFile(t, dir, "test.tsv", "sentence\tlabel\nx\tyes\n")
	if _, err := Open("text:"+dir, Options{}); err == nil || !strings.Contains(err.Error(), "its splits are of different columns: pairs of texts with a label and texts with a label") {
		t.Errorf("error %v", err)
	}
}

// A network of pairs sees both texts, others the first, unless a spec names both.
func TestPairTokens(t *testing.T) {
	path := textFile(t, t.TempDir(), "a.csv", lined("sentence1,sentence2,label", 30, func(i int) string { return fmt.Sprintf("text %d,b bb,%d", i, i%2) }))
	s := mustOpen(t, "text:"+path, Options{Size: Square(16)})
	packed, err := s.Packed(spaced, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := packed.Train.Lengths()[0]
	row := example(t, packed.Train, 0)
	if want := []float32{PackToken(1001, 1), PackToken(1002, 1), PackToken(102, 1)}; !slices.Equal(row[n-3:n], want) || row[n] != 0 {
		t.Errorf("%v does not end as %v", row, want)
	}
	hashed, err := s.Tokenized(nil, 0)
	if err != nil || !strings.Contains(strings.Join(hashed.Notes, "\n"), "of each pair it sees the first") {
		t.Fatalf("%v", err)
	}
	alone := mustOpen(t, "text:"+path+"?text=sentence1", Options{Size: Square(16)})
	if alone, err = alone.Tokenized(nil, 0); err != nil {
		t.Fatal(err)
	}
	a, _ := hashed.Fingerprint()
	if b, err := alone.Fingerprint(); err != nil || a != b {
		t.Errorf("fingerprints %s and %s, %v", a, b, err)
	}
	both := mustOpen(t, "text:"+path+"?text=sentence1,sentence2", Options{})
	if _, err := both.Tokenized(letters, 0); err == nil || !strings.Contains(err.Error(), "its examples are pairs of texts") {
		t.Errorf("error %v", err)
	}
	p, _ := packed.Fingerprint()
	one, err := alone.Packed(spaced, 0)
	if q, _ := one.Fingerprint(); err != nil || p == q {
		t.Errorf("the second texts are not in the fingerprint, %v", err)
	}
}

// Tables and JSON lines of texts are the same by their own names.
func TestTextNames(t *testing.T) {
	dir := t.TempDir()
	table := textFile(t, dir, "a.data", lined("what,kind", 30, func(i int) string { return fmt.Sprintf("\"text, %d\",%d", i, i%2) }))
	objects := textFile(t, dir, "a.jsonl", lined(`{"what": "x", "kind": 1}`, 30, func(i int) string { return fmt.Sprintf(`{"what": "text, %d", "kind": %d}`, i, i%2) }))
	a, b := mustOpen(t, "csv:"+table+"?text=what&label=kind", Options{Size: Square(7)}), mustOpen(t, "jsonl:"+objects+"?text=what&label=kind", Options{})
	if x, y := told(t, a), told(t, b); !slices.Equal(x[:5], y[1:6]) {
		t.Errorf("%q and %q", x[:5], y[:6])
	}
	if f, ok := FormatOf("csv:" + table + "?text=what&label=kind"); !ok || !f.Sized || f.Name != "csv" {
		t.Errorf("%+v", f)
	}
	if _, err := Open("csv:"+table+"?label=kind", Options{}); err == nil || !strings.Contains(err.Error(), "texts are of a column that ?text=NAME names") {
		t.Errorf("error %v", err)
	}
}
