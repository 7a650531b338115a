package data

import (
	"fmt"
	"strings"
	"testing"
)

// Names decide which column is the label and which the text; where there are none it is
// LABEL<TAB>TEXT, and what looks like the other way around is asked about.
func TestTextColumns(t *testing.T) {
	const review = "a film of some length"
	line := func(format string) func(i int) string {
		return func(i int) string {
			return strings.NewReplacer("L", fmt.Sprint(i%2), "T", fmt.Sprintf("%s %d", review, i), "I", fmt.Sprint(i)).Replace(format)
		}
	}
	for name, tt := range map[string]struct {
		file, text, query string
		want              string // in the error, or in a note of texts that are read
		ok                bool
	}{
		"no names":           {"a.tsv", lined("0\t"+review, 30, line("L\tT")), "", "", true},
		"label, text":        {"a.tsv", lined("label\ttext", 30, line("L\tT")), "", "", true},
		"GLUE":               {"a.tsv", lined("sentence\tlabel", 30, line("T\tL")), "", "", true},
		"spaces":             {"a.tsv", lined(" text \t label ", 30, line("T\tL")), "", "", true},
		"usual names":        {"a.tsv", lined("Tweet\tSentiment", 30, line("T\tL")), "", "", true},
		"three columns":      {"a.tsv", lined("id\tsentence\tlabel", 30, line("I\tT\tL")), "", `texts are of column "sentence", labels of "label"; left out: "id"`, true},
		"two texts":          {"a.tsv", lined("sentence1\tsentence\tlabel", 30, line("T\tT\tL")), "", "which column has the texts? The first line names sentence1, sentence, label", false},
		"of two texts":       {"a.tsv", lined("sentence1\tsentence\tlabel", 30, line("T\tT\tL")), "?text=sentence", "left out", true},
		"by name":            {"a.tsv", lined("what\tkind", 30, line("T\tL")), "?label=kind&text=what", "", true},
		"misspelt":           {"a.tsv", lined("what\tkind", 30, line("T\tL")), "?label=knid&text=what", `no column "knid" (did you mean kind?)`, false},
		"by number":          {"a.tsv", lined("a film\t1", 30, line("T\tL")), "?label=#2&text=#1", "", true},
		"the other way":      {"a.tsv", lined("a film\t1", 30, line("T\tL")), "", "31 different labels in 31 lines, and 2 different texts: are they the other way around?", false},
		"label a line":       {"a.tsv", lined("x\ty", 30, line("I\tT")), "", "are they the other way around?", false},
		"a label of a word":  {"a.tsv", lined("question\thow is it?", 30, line("question\tT")), "", "", true},
		"CSV":                {"a.csv", lined("text,label", 30, line(`"T, ""so""",L`)), "", "", true},
		"CSV without names":  {"a.csv", lined("0,"+review, 30, line("L,T")), "", "which column has the labels?", false},
		"MRPC":               {"a.tsv", lined("Quality\t#1 ID\t#2 ID\t#1 String", 30, line("L\tI\tI\tT")), "", "none is called as labels or texts are", false},
		"QQP":                {"a.tsv", lined("id\tquestion1\tquestion2\tis_duplicate", 30, line("I\tT\tT\tL")), "?text=question1", "left out", true},
		"CoLA":               {"a.tsv", lined("gj04\t1\t*\t"+review, 30, line("gj04\tL\t*\tT")), "", "it has 4 columns, and none is called", false},
		"CoLA by number":     {"a.tsv", lined("gj04\t1\t*\t"+review, 30, line("gj04\tL\t*\tT")), "?label=#2&text=#4", "", true},
		"other names":        {"a.tsv", lined("attitude\tutterances", 30, line("L\tT")), "", "the label of the first line, \"attitude\", is that of no other", false},
		"CSV by number":      {"a.csv", lined("0,"+review, 30, line("L,T")), "?label=#1&text=#2", "", true},
		"JSON left out":      {"a.jsonl", lined(`{"label": 1, "text": "b", "idx": 0}`, 30, line(`{"text": "T", "label": L, "idx": I}`)), "", "keys left out: idx", true},
		"dressed up":         {"a.tsv", lined("1.0\ta", 30, line("L\tT")), "", "", true},
		"CSV short":          {"a.csv", "text,label\na film,1\nb\n", "", "line 3: ", false},
		"JSON":               {"a.jsonl", lined(`{"label": 1, "text": "b"}`, 30, line(`{"text": "T", "label": L}`)), "", "", true},
		"JSON of other keys": {"a.jsonl", lined(`{"Sentence": "b", "Class": true}`, 30, line(`{"Sentence": "T", "Class": true}`)), "", "", true},
		"JSON by key":        {"a.jsonl", lined(`{"a": "b", "k": "1"}`, 30, line(`{"a": "T", "k": "L"}`)), "?label=k&text=a", "", true},
		"JSON of no key":     {"a.jsonl", `{"a": "b", "k": "1"}`, "", "no label; the keys are a, k: say which it is with ?label=KEY", false},
		"JSON null":          {"a.jsonl", `{"text": "b", "label": null}`, "", "the label is no text and no number", false},
		"JSON array":         {"a.json", "[" + strings.Join(strings.Split(strings.TrimSpace(lined(`{"label": 0, "text": "b"}`, 30, line(`{"text": "T", "label": L}`))), "\n"), ",\n") + "]", "", "", true},
		"JSON array cut":     {"a.json", `[{"label": 0, "text": "b"},`, "", "cut short", false},
		"unknown setting":    {"a.tsv", "a\tb\n", "?names=x", `unknown setting "names"; there are label, labels, target, text`, false},
	} {
		path := textFile(t, t.TempDir(), tt.file, tt.text)
		s, err := Open("text:"+path+tt.query, Options{})
		if !tt.ok {
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: error %v, want %q", name, err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n := s.Train.Len() + s.Test.Len(); n < 30 || n > 31 || len(s.Classes) > 3 {
			t.Errorf("%s: %d texts of classes %q", name, n, s.Classes)
		}
		if notes := strings.Join(s.Notes, "\n"); !strings.Contains(notes, tt.want) || (tt.want == "") != (notes == "") {
			t.Errorf("%s: notes %q, want %q", name, notes, tt.want)
		}
		texts := s.Train.source.(*texts)
		for i := range s.Train.Len() {
			if text := texts.at(s.Train.Number(i)); s.Train.Labels[i] > 1 && len(s.Classes) == 2 || len(text) < 1 || strings.HasPrefix(text, "0") || strings.EqualFold(text, "sentence") {
				t.Errorf("%s: text %q of label %d", name, text, s.Train.Labels[i])
			}
		}
	}
}

// Of scripts without spaces each character is a word, of emoji each; runs of letters are as they
// always were.
func TestWords(t *testing.T) {
	count := func(text string) (n int, ids map[uint16]bool) {
		ids = map[uint16]bool{}
		w := words{rest: text}
		for {
			id, ok := w.next()
			if !ok {
				return n, ids
			}
			n++
			ids[id] = true
		}
	}
	for text, want := range map[string]int{
		"": 0, " .,! ": 0, "two words": 2, "it's": 2, "naïve café": 2, "x86-64": 2, "한국어 단어": 2, "русский язык": 2,
		"服影东了": 4, "東京タワーへ行く": 8, "iPhone手机": 3, "3個": 2, "สวัสดี": 4, "ភាសា": 2,
		"😡👎": 2, "❤️": 1, "👨‍👩‍👧": 1, "👍🏽👍": 2, "🇩🇪🇫🇷": 2, "ok 👍": 2, "1️⃣": 1, "™ © ®": 0,
	} {
		if n, _ := count(text); n != want {
			t.Errorf("%q: %d words, want %d", text, n, want)
		}
	}
	same := func(a, b string, want bool) {
		x, y := words{rest: a}, words{rest: b}
		i, _ := x.next()
		j, _ := y.next()
		if (i == j) != want {
			t.Errorf("%q and %q: ids %d and %d", a, b, i, j)
		}
	}
	same("👍", "👎", false)
	same("❤", "❤️", true)
	same("👍", "👍🏽", false)
	same("🇩🇪", "🇫🇷", false)
	same("Word", "word", true)
	// FNV-1a of "word", by the reference: offset and prime of 64 bits.
	h := uint64(14695981039346656037)
	for _, b := range []byte("word") {
		h = (h ^ uint64(b)) * 1099511628211
	}
	w := words{rest: "Word!"}
	if id, ok := w.next(); !ok || uint64(id) != 2+h%(Vocabulary-2) {
		t.Errorf("id %d, want %d", id, 2+h%(Vocabulary-2))
	}
}

// Texts without a word are told of.
func TestWordless(t *testing.T) {
	s, err := Open("text:"+textFile(t, t.TempDir(), "a.tsv", "a\thello\nb\t!!\na\t\n"), Options{})
	if err == nil {
		s, err = s.Tokenized(nil, 0)
	}
	if err != nil || !strings.Contains(strings.Join(s.Notes, "\n"), "2 texts without a word") {
		t.Errorf("notes %q, error %v", s.Notes, err)
	}
}

// A class whose few different texts were all drawn for the test split is trained on instead.
func TestFewTexts(t *testing.T) {
	path := textFile(t, t.TempDir(), "a.tsv", lined("1\t😀👍", 30, func(i int) string { return []string{"0\t😡👎", "1\t😀👍"}[i%2] }))
	s, err := Open("text:"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if counts := s.Train.Counts(2); counts[0] == 0 || counts[1] == 0 || len(s.Notes) == 0 {
		t.Errorf("%v to train on, notes %q", counts, s.Notes)
	}
}

// Splits of texts have the names that folders' have.
func TestTextSplitNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"train.tsv", "dev.tsv", "test.csv"} {
		text := "0\ta\n1\tb\n"
		if strings.HasSuffix(name, "csv") {
			text = "text,label\na,0\nb,1.0\n"
		}
		textFile(t, dir, name, text)
	}
	s, err := Open("text:"+dir, Options{})
	if err != nil || s.Val.Len() != 2 || s.Test.Len() != 2 || len(s.Classes) != 2 {
		t.Fatalf("%+v, error %v", s, err)
	}
	textFile(t, dir, "validation.tsv", "0\ta\n")
	if _, err := Open("text:"+dir, Options{}); err == nil || !strings.Contains(err.Error(), "are both the val split") {
		t.Errorf("error %v", err)
	}
}
