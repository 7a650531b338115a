package data

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// lined writes n rows below a head.
func lined(head string, n int, row func(i int) string) string {
	lines := []string{head}
	for i := range n {
		lines = append(lines, row(i))
	}
	return strings.Join(lines, "\n") + "\n"
}

// Names decide what the columns of a table are, not their places: an index that pandas wrote
// without a name is left out and told, and what may be one is asked about.
func TestCSVColumns(t *testing.T) {
	number := func(i int) string { return fmt.Sprintf("%d.5,%d", i*i%7, i%2) }
	with := func(index func(i int) string) func(i int) string {
		return func(i int) string { return index(i) + "," + number(i) }
	}
	counting := with(func(i int) string { return fmt.Sprint(i) })
	for name, tt := range map[string]struct {
		text, query string
		features    int
		classes     string
		want        string // in a note, or in the error of no features
	}{
		"plain":              {lined("x,label", 20, number), "", 1, "0 1", ""},
		"pandas":             {lined(",x,label", 20, counting), "", 1, "0 1", "column 1, which has no name, counts the rows and was left out"},
		"from 1":             {lined(",x,label", 20, with(func(i int) string { return fmt.Sprint(i + 1) })), "", 1, "0 1", "left out"},
		"twice pandas":       {lined("Unnamed: 0,x,label", 20, counting), "", 1, "0 1", `column "Unnamed: 0" counts the rows and was left out`},
		"kept":               {lined(",x,label", 20, counting), "?keep=%231", 2, "0 1", ""},
		"ignored":            {lined("id,x,label", 20, counting), "?ignore=id", 1, "0 1", ""},
		"kept id":            {lined("id,x,label", 20, counting), "?keep=id", 2, "0 1", ""},
		"id":                 {lined("id,x,label", 20, counting), "", 0, "", `column "id" has another whole number in each of 20 rows`},
		"id in any order":    {lined("number,x,label", 20, with(func(i int) string { return fmt.Sprint(100 + i*7%20) })), "", 0, "", `column "number" has another whole number`},
		"rising":             {lined("area,x,label", 20, with(func(i int) string { return fmt.Sprint(i * i) })), "", 2, "0 1", ""},
		"PassengerId":        {lined("PassengerId,x,label", 20, with(func(i int) string { return fmt.Sprint(i * 977 % 1009) })), "", 0, "", `column "PassengerId" has another`},
		"customer_id":        {lined("customer_id,x,label", 20, with(func(i int) string { return fmt.Sprint(i * 977 % 1009) })), "", 0, "", `column "customer_id" has another`},
		"humid":              {lined("humid,x,label", 20, with(func(i int) string { return fmt.Sprint(i * 977 % 1009) })), "", 2, "0 1", ""},
		"different numbers":  {lined("price,x,label", 20, with(func(i int) string { return fmt.Sprint(i * 977 % 1009) })), "", 2, "0 1", ""},
		"label a row":        {lined("x,label", 20, func(i int) string { return fmt.Sprintf("%d.5,%d.5", i%3, i) }), "", 0, "", `column "label" has another label in each of 20 rows: numbers to predict are ?target=label`},
		"few rows":           {lined("id,x,label", 4, counting), "", 2, "0 1", ""},
		"no name, no index":  {lined(",x,label", 20, with(func(i int) string { return fmt.Sprintf("%d.25", i%3) })), "", 0, "", "column 1, which has no name, is a feature or none?"},
		"text":               {lined("name,x,label", 20, with(func(i int) string { return "n" })), "", 0, "", `"n" is no finite number, or leave the column out with &ignore=name`},
		"booleans":           {"a,label\nTrue,x\nfalse,y\n", "", 1, "x y", ""},
		"semicolons":         {"a;b;label\n1,5;2;x\n0,5;3;y\n", "", 2, "x y", ""},
		"bars":               {"a|b|label\n1.5|2|x\n", "", 2, "x", ""},
		"Excel's line":       {"sep=;\na;label\n1,5;x\n", "", 1, "x", ""},
		"row names":          {"a,label\nx1,1.5,x\nx2,2.5,y\n", "", 0, "", "column 1, which has no name"},
		"counted rows":       {"a,label\n1,1.5,x\n2,2.5,y\n", "", 1, "x y", "counts the rows and was left out"},
		"CR alone":           {"a,label\r1.5,x\r", "", 0, "", "carriage return alone"},
		"nan label":          {"a,label\n1.5,0.0\n2.5,nan\n", "", 0, "", "line 3 has no label"},
		"tabs":               {"a\tb\tlabel\n1.5\t2\tx\n", "", 2, "x", ""},
		"other label":        {"a,Target\n1,x\n2,y\n", "", 1, "x y", `labels are those of column "Target"`},
		"two labels":         {"a,class,y\n1,x,1\n", "", 0, "", `no column "label"; the first line names a, class, y`},
		"nearly":             {"a,lable\n1,x\n", "", 0, "", "did you mean lable?"},
		"twice":              {"label,label,a\nx,y,1\n", "", 0, "", `two columns are called "label"`},
		"numbers dressed up": {"a,label\n1,0.0\n2,1\n3,0\n4,1.0\n", "", 1, "0 1", ""},
		"latin 1":            {"a,label\n1,caf\xe9\n", "", 0, "", "line 2: the label \"caf\\xe9\" is not UTF-8"},
		"latin 1 head":       {"a,label,caf\xe9\n1,x,1\n", "", 0, "", "the name of column 3 is not UTF-8"},
		"UTF-16":             {"\xff\xfea\x00,\x00", "", 0, "", "UTF-16"},
		"quotes":             {"a,label\n1,x\"y\n", "", 0, "", "line 2, column 4: a quotation mark"},
	} {
		path := filepath.Join(t.TempDir(), "a.csv")
		if err := os.WriteFile(path, []byte(tt.text), 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := Open("csv:"+path+tt.query, Options{})
		if tt.features == 0 {
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: error %v, want %q", name, err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		notes := strings.Join(s.Notes, "\n")
		if s.Train.ExampleLen() != tt.features || strings.Join(s.Classes, " ") != tt.classes || !strings.Contains(notes, tt.want) || (tt.want == "") != (notes == "") {
			t.Errorf("%s: %d features, classes %q, notes %q", name, s.Train.ExampleLen(), s.Classes, notes)
		}
	}
}

// The features that are left are those of the rows.
func TestCSVDropped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(path, []byte(",a,label,b\n0,1.5,x,2\n1,3,y,4\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := Open("csv:"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]float32{{1.5, 2}, {3, 4}} {
		if x := example(t, s.Train, i); !slices.Equal(x, want) {
			t.Errorf("row %d: %v, want %v", i, x, want)
		}
	}
}

// Labels are matched with the classes of a network by their names, or by their values.
func TestMatched(t *testing.T) {
	set := func(classes ...string) *Splits {
		labels := make([]int, len(classes))
		for i := range labels {
			labels[i] = i
		}
		s, err := NewSet(make([]float32, len(classes)), labels, []int{1})
		if err != nil {
			t.Fatal(err)
		}
		return &Splits{Name: "d", Classes: classes, Test: s}
	}
	for _, tt := range []struct {
		data, network []string
		want          []int
		err           string
	}{
		{[]string{"a", "b"}, []string{"a", "b"}, []int{0, 1}, ""},
		{[]string{"a", "b"}, []string{"b", "c", "a"}, []int{2, 0}, ""},
		{[]string{"0.0", "1.0", "10.0"}, []string{"0", "1", "10"}, []int{0, 1, 2}, ""},
		{[]string{"+1", "1e1", "02"}, []string{"1", "2", "10"}, []int{0, 2, 1}, ""},
		{[]string{"cafe\u0301", " x"}, []string{"x", "caf\u00e9"}, []int{1, 0}, ""},
		{[]string{"1", "01"}, []string{"1", "01"}, []int{0, 1}, ""},
		{[]string{"nan", "inf"}, []string{"NaN", "+Inf"}, nil, "2 of its classes (nan, inf) are none of NaN, +Inf"},
		{[]string{"a", "d"}, []string{"a", "b"}, nil, "d: 1 of its classes (d) are none of a, b"},
		{[]string{"1.0"}, []string{"1", "01"}, nil, "1 of its classes"},
		{[]string{"1", "1.0"}, []string{"1", "2"}, nil, `classes "1" and "1.0" are both "1"`},
	} {
		s, err := set(tt.data...).Matched(tt.network)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q in %q: error %v, want %q", tt.data, tt.network, err, tt.err)
			}
			continue
		}
		if err != nil || !slices.Equal(s.Test.Labels, tt.want) || !slices.Equal(s.Classes, tt.network) {
			t.Errorf("%q in %q: %v, error %v", tt.data, tt.network, s, err)
		}
	}
}
