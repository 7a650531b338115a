package data

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"
)

// fuzzSize is the most that fuzzing looks at: larger files find nothing new.
const fuzzSize = 1 << 16

func FuzzIDX(f *testing.F) {
	f.Add(idxOf([]int{2, 1, 3}, 0, 51, 255, 1, 2, 3))
	f.Add(idxOf([]int{1 << 31, 1 << 31, 1 << 31}))
	f.Add(idxOf([]int{3}, 1, 2, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		data, dims, err := parseIDX(bytes.NewReader(b), 3)
		if err != nil {
			return
		}
		if n := dims[0] * dims[1] * dims[2]; n != len(data) || n != len(b)-16 {
			t.Errorf("%v: %d bytes of %d", dims, len(data), len(b))
		}
	})
}

// checkPlanes checks what holds of every file of CIFAR that was read.
func checkPlanes(t *testing.T, c cifar, planes []byte, labels []int) {
	if len(labels) == 0 || len(planes) != 3*cifarPixels*len(labels) {
		t.Errorf("%d bytes, %d labels", len(planes), len(labels))
	}
	for _, l := range labels {
		if l < 0 || l >= c.classes {
			t.Errorf("label %d", l)
		}
	}
}

func FuzzCIFARBinary(f *testing.F) {
	f.Add(cifarRecords([]byte{3}, []byte{7}))
	f.Add(cifarRecords([]byte{1, 99}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range []cifar{cifar10, cifar100} {
			if planes, labels, err := c.parseBinary(b); err == nil {
				checkPlanes(t, c, planes, labels)
			}
		}
	})
}

func FuzzCIFARPickle(f *testing.F) {
	for _, p := range cifarPickles(f) {
		f.Add(p)
	}
	f.Add([]byte("\x80\x02cposix\nsystem\n(X\x01\x00\x00\x00atR."))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > fuzzSize {
			return
		}
		if planes, labels, err := cifar10.parsePickle(b); err == nil {
			checkPlanes(t, cifar10, planes, labels)
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add("label=kind", "x, kind ,y\n1,10,-2.5\n0.5,9,1e3\n")
	f.Add("shape=2x2x1&scale=255", "label,a,b,c,d\nno,0,51,255,0\n\"y\"\"es\",1,2,3,4\n")
	f.Add("scale=0", "")
	f.Add("target=y,x", "x,z,y\n1,2,3\n-4,5,6\n")
	f.Fuzz(func(t *testing.T, query, text string) {
		format, err := parseCSVSpec(query)
		if err != nil {
			return
		}
		s, err := format.parse(bytes.NewReader([]byte(text)))
		if err != nil {
			return
		}
		if err := s.check("csv"); err != nil {
			t.Fatal(err)
		}
		for i := range s.Train.Len() {
			for _, v := range append(example(t, s.Train, i), s.Train.Target(i)...) {
				if v != v {
					t.Errorf("NaN of %q, %q", query, text)
				}
			}
		}
		for c, n := range s.Train.Counts(len(s.Classes)) {
			if n == 0 {
				t.Errorf("no example of class %q", s.Classes[c])
			}
		}
	})
}

// checkTexts checks what holds of every corpus that was read.
func checkTexts(t *testing.T, c *corpus) {
	if len(c.labels) != c.texts().len() || len(c.labels) != len(c.test) || len(c.labels) > 0 && c.ends[len(c.ends)-1] != c.all.Len() {
		t.Fatalf("%d labels, %d ends, %d splits", len(c.labels), len(c.ends), len(c.test))
	}
	x := make([]float32, 5)
	for i, l := range c.labels {
		text := c.texts().first(i)
		if (l < 0) != (c.several || c.targetNames != nil) || l >= len(c.classes) || !utf8.ValidString(text) {
			t.Fatalf("text %d of label %d is %q", i, l, text)
		}
		HashedWords(x, text)
		want := append(appendTokens(nil, text, len(x)), make([]uint16, len(x))...)
		for k, v := range x {
			if v != float32(want[k]) || v >= Vocabulary || k == 0 && v != textToken {
				t.Fatalf("%q: tokens %v and %v", text, x, want)
			}
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("a\tb c\nd\t\n"), "")
	f.Add([]byte("\uFEFFlabel\ttext\n1\tx"), "")
	f.Add([]byte(`{"label": 3, "text": "x\u0000y"}`+"\n"+`{"label": "", "text": null}`), "")
	f.Add([]byte("a\t\xff"), "")
	f.Add([]byte("sentence1\tsentence2\tscore\na\tb\t1\n"), "")
	f.Add([]byte(`{"labels": [1, "a"], "premise": "x", "hypothesis": ""}`), "")
	f.Add([]byte("a\tb\tc\nd\te\t3\n"), "?text=a,b&target=c")
	f.Add([]byte("a\tb,c\nd\t\n"), "?text=#1&labels=#2")
	f.Fuzz(func(t *testing.T, b []byte, query string) {
		if len(b) > fuzzSize {
			return
		}
		_, columns, err := parseTextSpec(query)
		if err != nil {
			return
		}
		for _, parse := range []func(*corpus) error{
			func(c *corpus) error { return c.parse(bytes.NewReader(b), columns, true) },
			func(c *corpus) error { return c.parseCSV(bytes.NewReader(b), columns, true) },
		} {
			c := newCorpus()
			if parse(c) != nil {
				continue
			}
			if len(c.labels) == 0 {
				t.Fatal("no text, and no error")
			}
			checkTexts(t, c)
			if s, err := c.splits("x"); err == nil && s.check("x") != nil {
				t.Fatal(s.check("x"))
			}
		}
	})
}

func FuzzParquet(f *testing.F) {
	names, err := filepath.Glob("testdata/parquet/*.parquet")
	if err != nil || names == nil {
		f.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, "")
		f.Add(b, "?text=text&target=label")
	}
	f.Fuzz(func(t *testing.T, b []byte, query string) {
		if len(b) > fuzzSize {
			return
		}
		_, spec, err := parseParquetSpec("x" + query)
		if err != nil {
			return
		}
		table, err := newParquetTable(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		c := newCorpus()
		c.most = 1 << 12
		if table.read(c, &spec, true, true) != nil || len(c.labels) == 0 {
			return
		}
		if s, err := c.splits("x"); err == nil && s.check("x") != nil {
			t.Fatal(s.check("x"))
		}
	})
}

func FuzzDebian(f *testing.F) {
	f.Add([]byte(packages))
	f.Add([]byte(" x\n\nSource:\nPackage:\n\nSection: a/b/\nDescription: x\n y\nDescription: z\n"))
	f.Add([]byte("Package: a\nSection: b\nDescription:\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > fuzzSize {
			return
		}
		x := newDebianIndex()
		if x.parse(bytes.NewReader(b)) != nil {
			return
		}
		checkTexts(t, x.corpus)
		if x.packages != len(x.labels)+x.bare+x.twins {
			t.Fatalf("%d packages, %d kept, %d without, %d twins", x.packages, len(x.labels), x.bare, x.twins)
		}
		s, err := x.splits()
		if err != nil {
			return
		}
		kept := x.packages - s.Ignored
		for _, p := range s.Parts() {
			kept -= p.Len()
		}
		if kept != 0 {
			t.Fatalf("%d packages are neither ignored nor in a split", kept)
		}
	})
}
