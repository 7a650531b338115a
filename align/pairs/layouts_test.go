package pairs

import (
	"path/filepath"
	"strings"
	"testing"
)

// pairsOf are a list's pairs as "FILE=caption|...".
func pairsOf(l *List) string {
	var got []string
	for _, p := range l.Pairs {
		name := filepath.Base(p.Path)
		if p.Member != "" {
			name = p.Member
		}
		got = append(got, name+"="+p.Caption)
	}
	return strings.Join(got, "|")
}

// Names decide what the columns of a table are, and a line of names is no example.
func TestTableLayouts(t *testing.T) {
	const want = "a.png=a cat|b.png=two dogs, asleep"
	for _, tt := range []struct{ file, text string }{
		{"x.tsv", "image\tcaption\na.png\ta cat\nb.png\ttwo dogs, asleep\n"},
		{"x.tsv", "filepath\ttitle\r\na.png\ta cat\r\nb.png\ttwo dogs, asleep\r\n"},
		{"x.tsv", "caption\timage\na cat\ta.png\ntwo dogs, asleep\tb.png\n"},
		{"x.tsv", "\tid\tfile_name\ttext\n0\t7\ta.png\ta cat\n1\t8\tb.png\ttwo dogs, asleep\n"},
		{"x.tsv", "img_id_path\tcaption\na.png\ta cat\nb.png\ttwo dogs, asleep\n"},
		{"x.tsv", "filepath\ttitle\na.png\t\"a cat\"\nb.png\t\"two dogs, asleep\"\n"},
		{"x.csv", "a.png,a cat\nb.png,\"two dogs, asleep\"\n"},
		{"x.csv", "\uFEFFfilepath,title\r\na.png,a cat\r\nb.png,\"two dogs, asleep\"\r\n"},
		{"x.csv", ",text,file_name\n0,a cat,a.png\n1,\"two dogs, asleep\",b.png\n"},
		{"x.csv", "image;caption\na.png;a cat\nb.png;two dogs, asleep\n"},
		{"captions.txt", "image,caption\na.png,a cat\nb.png,\"two dogs, asleep\"\n"},
		{"results.csv", "image_name| comment_number| comment\na.png| 0| a cat\nb.png| 1| two dogs, asleep\n"},
		{"token.txt", "a.png#0\ta cat\nb.png#1\ttwo dogs, asleep\n"},
		{"x.jsonl", `{"img": "a.png", "text": "a cat"}` + "\n" + `{"filename": "b.png", "title": "two dogs, asleep"}`},
		{"x.jsonl", `{"file_path": "a.png", "captions": ["a cat"]}` + "\n" + `{"image": "b.png", "sentences": ["two dogs, asleep", " "]}`},
		{"x.json", `[{"image": "a.png", "caption": "a cat"},` + "\n" + ` {"image": "b.png", "caption": "two dogs, asleep"}]`},
	} {
		dir := t.TempDir()
		images(t, dir)
		l := mustOpen(t, "pairs:"+write(t, []byte(tt.text), dir, tt.file), Options{})
		if got := pairsOf(l); got != want || l.Report.String() != "" {
			t.Errorf("%s %q: %q; %s", tt.file, tt.text, got, l.Report.String())
		}
	}
}

// Of several captions one is drawn by the seed, and that is said.
func TestListOfCaptions(t *testing.T) {
	dir := t.TempDir()
	images(t, dir)
	text := strings.Repeat(`{"image": "a.png", "caption": ["one", "two"]}`+"\n", 100)
	spec := "pairs:" + write(t, []byte(text), dir, "x.jsonl")
	l := mustOpen(t, spec, Options{Seed: 1})
	ones := strings.Count(pairsOf(l), "one")
	if len(l.Pairs) != 100 || ones < 25 || ones > 75 || l.Drawn != 100 || !strings.Contains(l.Report.String(), "100 images have several captions") {
		t.Errorf("%d pairs, %d of the first caption; %s", len(l.Pairs), ones, l.Report.String())
	}
	if pairsOf(l) != pairsOf(mustOpen(t, spec, Options{Seed: 1})) || pairsOf(l) == pairsOf(mustOpen(t, spec, Options{Seed: 2})) {
		t.Error("the seed does not decide")
	}
}

// What a table can't mean is said of the table.
func TestTableErrors(t *testing.T) {
	for text, want := range map[string]string{
		"a cat\ta.png\n": `line 1: the image's path comes first, and here "a.png" seems to be one: exchange the columns`,
		"\xff\xfea\x00":  "it is UTF-16: save it as UTF-8",
		"{\n\"images\": [],\n\"annotations\": []}\n":           "line 1 is no whole JSON object",
		`[{"image": "a.png", "caption": "x"}, {"ima`:           "cut short",
		"https://x.org/a.png\tx\n":                             `"https://x.org/a.png" is a web address: download the images`,
		"image,caption\na.png,x,y\n":                           "line 2: 3 columns, and the first line names 2",
		"image,caption\na.png,\"" + strings.Repeat("x", 2<<20): "a quote may be open",
		`{"image": "none.png", "caption": ["x", "y"]}`:         "1 captions without an image",
	} {
		dir := t.TempDir()
		images(t, dir)
		l, err := Open(t.Context(), "pairs:"+write(t, []byte(text), dir, "x.tsv"), Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "x.tsv") {
			t.Errorf("%.40q: %v %v", text, l, err)
		}
	}
}

// The ids of images are numbers or texts, as scripts write them.
func TestCOCOIDs(t *testing.T) {
	for name, text := range map[string]string{
		"texts":  `{"images": [{"id": "x1", "file_name": "a.png"}, {"id": "x2", "file_name": "b.png"}], "annotations": [{"image_id": "x1", "caption": "a"}, {"image_id": "x2", "caption": "b"}]}`,
		"digits": `{"images": [{"id": "1", "file_name": "a.png"}, {"id": "2", "file_name": "b.png"}], "annotations": [{"image_id": 1, "caption": "a"}, {"image_id": 2, "caption": "b"}]}`,
		"floats": `{"images": [{"id": 1.0, "file_name": "a.png"}, {"id": 2.0, "file_name": "b.png"}], "annotations": [{"image_id": 1, "caption": "a"}, {"image_id": 2e0, "caption": "b"}]}`,
	} {
		dir := t.TempDir()
		images(t, filepath.Join(dir, "images"))
		write(t, []byte(text), dir, "annotations", "captions_x.json")
		if l := mustOpen(t, "coco:"+dir, Options{}); pairsOf(l) != "a.png=a|b.png=b" || l.Report.String() != "" {
			t.Errorf("%s: %q; %s", name, pairsOf(l), l.Report.String())
		}
	}
}

// A folder without captions says what else it has, and an entry what it lacks; neither speaks of
// how it is read.
func TestCOCOErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{"images": [{"id": 1.5, "file_name": "a.png"}]}`:                                                 `an image's id is "1.5"; it must be a whole number or a text`,
		`{"images": [{"id": 1, "file_name": 3}]}`:                                                         "an image without id or file_name",
		`{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"image_id": 1, "bbox": [1, 2]}]}`: "a caption without text or image_id",
		`{"images": ["a.png"]}`:     "should be an object with id and file_name",
		`{"images": [{"id": 1, ]}]`: "no JSON",
	} {
		dir := t.TempDir()
		images(t, filepath.Join(dir, "images"))
		write(t, []byte(text), dir, "annotations", "captions_x.json")
		_, err := Open(t.Context(), "coco:"+dir, Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%s: %v", text, err)
		}
	}
	dir := t.TempDir()
	write(t, []byte("{}"), dir, "annotations", "instances_val.json")
	_, err := Open(t.Context(), "coco:"+dir, Options{})
	if err == nil || !strings.Contains(err.Error(), `"instances_val.json"; instances_*.json are of boxes and have no captions`) {
		t.Error(err)
	}
}

// Endings of two parts are taken where none of one part is there, and what can't be used is said.
func TestShardLayouts(t *testing.T) {
	img := string(pngOf(t, 9))
	for _, tt := range []struct {
		name    string
		members []string
		want    string
	}{
		{"long endings", []string{"1.input.png", img, "1.outputs.txt", "one", "2.input.png", img, "2.outputs.txt", "two"}, "1.input.png=one|2.input.png=two"},
		{"one long ending", []string{"1.png", img, "1.outputs.txt", "one"}, "1.png=one"},
		{"short before long", []string{"1.png", img, "1.txt", "one", "2.seg.png", img, "2.txt", "two", "3.png", img, "3.de.txt", "drei"}, "1.png=one"},
		{".caption", []string{"1.png", img, "1.caption", "one"}, "1.png=one"},
		{"list of captions", []string{"1.png", img, "1.json", `{"caption": ["one"]}`}, "1.png=one"},
		{"two images", []string{"1.a.png", img, "1.b.png", img, "1.txt", "x", "2.a.png", img, "2.txt", "two"}, "2.a.png=two"},
	} {
		l := mustOpen(t, "wds:"+write(t, tarOf(t, tt.members...), t.TempDir(), "x.tar"), Options{})
		if got := pairsOf(l); got != tt.want {
			t.Errorf("%s: %q, want %q; %s", tt.name, got, tt.want, l.Report.String())
		}
	}
	spec := "wds:" + write(t, tarOf(t, "1.image.npy", "x", "1.label.cls", "3", "2.image.npy", "x"), t.TempDir(), "x.tar")
	_, err := Open(t.Context(), spec, Options{})
	if err == nil || !strings.Contains(err.Error(), "members *.image.npy (2), *.label.cls (1); an image is KEY.jpg or") {
		t.Error(err)
	}
}
