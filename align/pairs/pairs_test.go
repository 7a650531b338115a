package pairs

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
)

// pngOf is a picture of one colour, 3 wide and 2 high.
func pngOf(t testing.TB, red uint8) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 3, 2))
	for i := 0; i < len(img.Pix); i += 4 {
		copy(img.Pix[i:], []uint8{red, 0, 0, 255})
	}
	if c := img.NRGBAAt(2, 1); c != (color.NRGBA{red, 0, 0, 255}) {
		t.Fatal(c)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t testing.TB, b []byte, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}

// images writes a.png, b.png and more/c.png, of red 10, 20 and 30, and what is no image.
func images(t testing.TB, dir string) {
	t.Helper()
	for i, name := range []string{"a.png", "b.png", "more/c.png"} {
		write(t, pngOf(t, uint8(10*(i+1))), dir, name)
	}
	write(t, []byte("GIF is what this is not"), dir, "text.png")
	write(t, nil, dir, "empty.png")
}

func mustOpen(t testing.TB, spec string, o Options) *List {
	t.Helper()
	l, err := Open(t.Context(), spec, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// told is what a list's report counts, in the order of its fields.
func told(r *Report) [6]int {
	return [6]int{r.NoImage, r.NoCaption, r.NotImage, r.Malformed, r.CutShort, r.Repaired}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("\u4e16\u754c a ", 2500) // 10,000 characters
	long = strings.TrimSpace(long)
	for _, tt := range []struct {
		name, text string
		want       string // "FILE=caption|..."
		report     [6]int
		examples   string // a part of them
	}{
		{"table", "a.png\ta cat\nmore/c.png\ttwo\tparts\n\n./b.png\t  b  ", "a.png=a cat|more/c.png=two\tparts|b.png=b", [6]int{}, ""},
		{"head, Windows", "\uFEFFfilepath\tTitle\r\na.png\ta cat\r\n", "a.png=a cat", [6]int{}, ""},
		{"no head", "image\tof a cat\na.png\ta cat\n", "a.png=a cat", [6]int{0: 1}, "line 1: there is no image"},
		{"lines without a half", "a.png\t \nnone.png\tx\na.png x\n\ty\nb.png\tb", "b.png=b", [6]int{0: 1, 1: 1, 3: 2}, "line 2: there is no image"},
		{"no images", "text.png\tx\nempty.png\tx\nmore\tx\na.png\ta", "a.png=a", [6]int{0: 1, 2: 2}, "no image of a kind that is read (jpeg, png, gif, webp, bmp, tiff, pnm)"},
		{"not UTF-8", "a.png\tcaf\xe9 \xff\xfe!\nb.png\tcaf\u00e9", "a.png=caf\uFFFD \uFFFD!|b.png=caf\u00e9", [6]int{5: 1}, ""},
		{"long", "a.png\t" + long + "\n", "a.png=" + long, [6]int{}, ""},
		{"repeated", "a.png\tone\na.png\tother\n", "a.png=one|a.png=other", [6]int{}, ""},
		{"json", `{"image": "a.png", "caption": "a \"cat\"\n", "width": 3}` + "\n\n" + `{"text": "b", "file_name": "b.png"}`, `a.png=a "cat"|b.png=b`, [6]int{}, ""},
		{"json without a half", `{"image": "a.png"}` + "\n" + `{"caption": "x"}` + "\n" + `{"image": 3, "caption": "x"}` + "\n" + `{"image": "b.png", "caption": [3]}` + "\n" +
			`{"image": "a.png", "cap` + "\nnull\n[]\n" + `{"path": "b.png", "title": "b"}`, "b.png=b", [6]int{1: 2, 3: 5}, "line 2: no image's path; it is called image or"},
		{"json, not UTF-8", "{\"image\": \"a.png\", \"caption\": \"caf\xe9\"}\n{\"image\": \"a.png\", \"caption\": \"\\ud83d\\ude00\"}", "a.png=caf\uFFFD|a.png=\U0001F600", [6]int{5: 1}, ""},
		{"json, long", `{"image": "a.png", "caption": "` + long + `"}`, "a.png=" + long, [6]int{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			images(t, dir)
			l := mustOpen(t, "pairs:"+write(t, []byte(tt.text), dir, "list.txt"), Options{})
			var got []string
			for _, p := range l.Pairs {
				rel, err := filepath.Rel(dir, p.Path)
				if err != nil || p.Member != "" {
					t.Error(p, err)
				}
				got = append(got, filepath.ToSlash(rel)+"="+p.Caption)
			}
			if s := strings.Join(got, "|"); s != tt.want {
				t.Errorf("%.200q, want %.200q", s, tt.want)
			}
			if got := told(&l.Report); got != tt.report || !strings.Contains(strings.Join(l.Examples, "\n"), tt.examples) {
				t.Errorf("%v %q, want %v %q", got, l.Examples, tt.report, tt.examples)
			}
		})
	}
}

func TestAbsolutePath(t *testing.T) {
	dir := t.TempDir()
	path := write(t, pngOf(t, 50), dir, "a.png")
	l := mustOpen(t, "pairs:"+write(t, []byte(path+"\ta\n"), t.TempDir(), "list.tsv"), Options{})
	half := picture.Normalization{Mean: []float32{.5, .5, .5}, Std: []float32{.5, .5, .5}}
	x, err := l.Pairs[0].Read(picture.Preprocessor{Size: 8, Crop: 4, Bicubic: true, Normalize: half})
	if err != nil || len(x) != 4*4*3 || !(math.Abs(float64(x[0])-(50./255-.5)/.5) < 1e-6) || x[1] != -1 {
		t.Error(x, err)
	}
	if _, err := l.Pairs[0].Read(picture.Preprocessor{}); err == nil || !strings.Contains(err.Error(), "size is 0") {
		t.Error(err)
	}
}

// What is counted is named, as far as a few cases go.
func TestReport(t *testing.T) {
	dir := t.TempDir()
	images(t, dir)
	text := "a.png\ta\n" + strings.Repeat("evil\x1b[2J.png\tx\n", 100) + "a.png\t\n"
	l := mustOpen(t, "pairs:"+write(t, []byte(text), dir, "list.tsv"), Options{})
	if l.Skipped() != 101 || len(l.Examples) != maxExamples || !strings.HasPrefix(l.String(), "left out: 100 captions without an image, 1 images without a caption; ") || strings.Contains(l.String(), "\x1b") {
		t.Errorf("%d %q", l.Skipped(), l.String())
	}
	if s := (&Report{Repaired: 3}).String(); s != "3 captions are not UTF-8: their bytes that are none were replaced" {
		t.Errorf("%q", s)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	images(t, dir)
	list := func(name, text string) string { return "pairs:" + write(t, []byte(text), dir, name) }
	coco := func(name string, files map[string]string) string {
		for file, text := range files {
			write(t, []byte(text), dir, name, file)
		}
		return "coco:" + filepath.Join(dir, name)
	}
	var zipped bytes.Buffer
	zipped.WriteString("\x1f\x8b\x08")
	write(t, zipped.Bytes(), dir, "z.tar")
	write(t, bytes.Repeat([]byte("text\n"), 200), dir, "text.tar")
	for _, tt := range []struct {
		spec  string
		usage bool
		want  []string
	}{
		{"", true, []string{"there are pairs:FILE, coco:DIR, wds:GLOB, emoji:DIR?set=NAME"}},
		{"flickr:x", true, []string{`unknown pairs "flickr:x"`}},
		{"coco", true, []string{"they are written coco:DIR"}},
		{"pairs:", true, []string{"they are written pairs:FILE"}},
		{"pairs:" + dir, false, []string{dir, "not a regular file"}},
		{"pairs:" + dir + "/none.tsv", false, []string{"none.tsv: no such file"}},
		{list("empty.tsv", ""), false, []string{"empty.tsv: no pair of an image and a caption (it is empty)"}},
		{list("prose.tsv", "once upon\na time\n"), false, []string{"2 malformed entries", `no tab between an image's path and a caption in "once upon"`}},
		{list("binary.tsv", strings.Repeat("x", maxCaption+1)), false, []string{"binary.tsv: line 1 is longer than 1048576 bytes"}},
		{list("second.tsv", "a.png\ta\n"+strings.Repeat("x", maxCaption+1)), false, []string{"second.tsv: line 2 is longer"}},
		{"coco:?split=x", true, []string{"coco:DIR?split=NAME"}},
		{"coco:x?subset=3", true, []string{"coco:DIR?split=NAME"}},
		{"coco:x?split=../y", true, []string{"coco:DIR?split=NAME"}},
		{"coco:" + dir + "/none", false, []string{"none: no such file"}},
		{"coco:" + dir, false, []string{"annotations", "captions_NAME.json"}},
		{coco("no", map[string]string{"annotations/instances_x.json": "{}"}), false, []string{"no captions_NAME.json in it"}},
		{coco("no", nil) + "?split=val", false, []string{"no captions_val.json in it"}},
		{coco("two", map[string]string{"annotations/captions_a.json": "{}", "annotations/captions_b.json": "{}"}), true, []string{"has captions of a, b: choose with coco:", "?split=a"}},
		{coco("bare", map[string]string{"annotations/captions_a.json": "{}"}), false, []string{"no folder of images; it should be ", filepath.Join("bare", "a") + " or "}},
		{coco("zero", map[string]string{"annotations/captions_a.json": "{}", "a/x.png": ""}), false, []string{"(it is empty)"}},
		{coco("cut", map[string]string{"annotations/captions_a.json": `{"images": [{"id": 1, "file_n`, "a/x.png": ""}), false, []string{"captions_a.json: cut short"}},
		{coco("nothing", map[string]string{"annotations/captions_a.json": ``, "a/x.png": ""}), false, []string{"captions_a.json: cut short"}},
		{coco("list", map[string]string{"annotations/captions_a.json": `[]`, "a/x.png": ""}), false, []string{`"[" where "{" should be`, "no file of COCO's captions"}},
		{coco("kind", map[string]string{"annotations/captions_a.json": `{"images": {}}`, "a/x.png": ""}), false, []string{`"{" where "[" should be`}},
		{"wds:" + dir + "/none-*.tar", false, []string{"no file matches", "none-*.tar"}},
		{"wds:" + dir + "/{0..3}.tar", false, []string{"braces are not known"}},
		{"wds:[", true, []string{"wds:[: syntax error in pattern"}},
		{"wds:" + dir, false, []string{"not a regular file"}},
		{"wds:" + dir + "/z.tar", false, []string{"z.tar: a compressed tar file", "gunzip"}},
		{"wds:" + dir + "/text.tar", false, []string{"text.tar: damaged behind byte 0"}},
		{"wds:" + dir + "/empty.png", false, []string{"empty.png: cut short behind byte 0"}},
	} {
		l, err := Open(t.Context(), tt.spec, Options{})
		bad := data.UsageError("")
		if l != nil || err == nil || errors.As(err, &bad) != tt.usage {
			t.Errorf("%s: %v, %v, want a usage error: %v", tt.spec, l, err, tt.usage)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v; want %q", tt.spec, err, want)
			}
		}
	}
}

// cocoDir writes n images and captions per image, with the captions before the images.
func cocoDir(t *testing.T, n, captions int) string {
	t.Helper()
	var file struct {
		Info   map[string]any   `json:"info"`
		Notes  []map[string]any `json:"annotations"`
		Images []map[string]any `json:"images"`
	}
	file.Info = map[string]any{"year": 2017, "contributors": []string{"x"}}
	for c := range captions {
		for i := range n {
			file.Notes = append(file.Notes, map[string]any{"id": c*n + i, "image_id": 1000 + i, "caption": fmt.Sprintf("image %d, caption %d\n", i, c)})
		}
	}
	dir := t.TempDir()
	b := pngOf(t, 77)
	for i := range n {
		name := fmt.Sprintf("%012d.png", i)
		file.Images = append(file.Images, map[string]any{"id": 1000 + i, "file_name": name, "height": 2, "width": 3, "license": 1})
		write(t, b, dir, "val2017", name)
	}
	text, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, text, dir, "annotations", "captions_val2017.json")
	return dir
}

func TestCOCO(t *testing.T) {
	const n, captions = 500, 5
	dir := cocoDir(t, n, captions)
	captionsOf := func(seed uint64) (all []string) {
		l := mustOpen(t, "coco:"+dir, Options{Seed: seed})
		if len(l.Pairs) != n || l.Skipped() != 0 {
			t.Fatal(len(l.Pairs), l.Report)
		}
		for i, p := range l.Pairs {
			if want := filepath.Join(dir, "val2017", fmt.Sprintf("%012d.png", i)); p.Path != want {
				t.Fatalf("pair %d is of %s", i, p.Path)
			}
			all = append(all, p.Caption)
		}
		return all
	}
	first := captionsOf(1)
	if !slices.Equal(first, captionsOf(1)) {
		t.Error("a seed draws two ways")
	}
	// Each of five is drawn about 100 times, with a deviation of 9; of two draws a fifth agree.
	counts, same := map[int]int{}, 0
	for i, s := range captionsOf(2) {
		var image, caption int
		if _, err := fmt.Sscanf(first[i], "image %d, caption %d", &image, &caption); err != nil || image != i {
			t.Fatalf("image %d has %q", i, first[i])
		}
		counts[caption]++
		if s == first[i] {
			same++
		}
	}
	for c := range captions {
		if counts[c] < 60 || counts[c] > 140 {
			t.Errorf("caption %d was drawn %d times of %d", c, counts[c], n)
		}
	}
	if same < 60 || same > 140 {
		t.Errorf("two seeds agree on %d of %d", same, n)
	}
}

func TestCOCOEntries(t *testing.T) {
	dir := t.TempDir()
	images(t, filepath.Join(dir, "images"))
	text := `{"images": [{"id": 3, "file_name": "b.png"}, {"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}, {"file_name": "a.png"}, {"id": "x", "file_name": "a.png"},
		{"id": 4, "file_name": "../annotations/captions_train.json"}, {"id": 5, "file_name": "none.png"}, {"id": 6, "file_name": "text.png"}, {"id": 7, "file_name": "more/c.png"}, 12],
		"extra": {"deep": [1, {"images": []}]},
		"annotations": [{"image_id": 1, "caption": " "}, {"image_id": 1, "caption": " a\n"}, {"image_id": 3, "caption": "caf` + "\xe9" + `"}, {"image_id": 9, "caption": "x"}, {"caption": "x"},
		{"image_id": 4, "caption": "x"}, {"image_id": 5, "caption": "x"}, {"image_id": 6, "caption": "x"}, {"image_id": 1.5, "caption": "x"}, {"image_id": 6, "caption": "` + strings.Repeat("x", maxCaption) + `"}]}`
	write(t, []byte(text), dir, "annotations", "captions_train.json")
	write(t, nil, dir, "annotations", "captions_val.json")
	l := mustOpen(t, "coco:"+dir+"?split=train", Options{})
	var got []string
	for _, p := range l.Pairs {
		got = append(got, filepath.Base(p.Path)+"="+p.Caption)
	}
	if s := strings.Join(got, "|"); s != "b.png=caf\uFFFD|a.png=a" {
		t.Errorf("%q", s)
	}
	// 9 is not listed, 5 is missing; 7 and "x" have no caption; 6 is text; malformed are the second 1, that without
	// an id, 12, the way out, and the captions without text, without an image, of image 1.5, and the long one.
	if got := told(&l.Report); got != [6]int{2, 2, 1, 8, 0, 1} {
		t.Errorf("%v %q", got, l.Examples)
	}
}

// shards is what Python's tarfile and Pillow say of the shards in testdata.
func shards(t testing.TB) (want []struct {
	Shard, Member, Caption string
	Pixels                 []float64
}) {
	t.Helper()
	text, err := os.ReadFile("testdata/shards.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &want); err != nil || len(want) != 6 {
		t.Fatal(len(want), err)
	}
	return want
}

func TestShards(t *testing.T) {
	l := mustOpen(t, "wds:testdata/*.tar", Options{})
	want := shards(t)
	if len(l.Pairs) != len(want) || told(&l.Report) != [6]int{} {
		t.Fatalf("%d pairs, %q", len(l.Pairs), l.Report.String())
	}
	var all sync.WaitGroup
	for i, w := range want {
		all.Go(func() {
			p := &l.Pairs[i]
			if filepath.Base(p.Path) != w.Shard || p.Member != w.Member || p.Caption != strings.TrimSpace(w.Caption) {
				t.Errorf("%+v, want %+v", p, w)
			}
			tol := 0.
			if strings.HasSuffix(p.Member, "jpg") {
				tol = 3 // of the inverse cosine transform
			}
			x, err := p.Read(picture.Preprocessor{Size: 3})
			if err != nil || len(x) != len(w.Pixels) {
				t.Error(len(x), err)
				return
			}
			for k, v := range x {
				if !(math.Abs(float64(v)*255-w.Pixels[k]) <= tol+1e-4) {
					t.Errorf("%s: %v, Pillow %v", p.Member, v*255, w.Pixels[k])
				}
			}
		})
	}
	all.Wait()
}

// A shard cut short anywhere gives the pairs that are whole, and is counted.
func TestShardCutShort(t *testing.T) {
	whole, err := os.ReadFile("testdata/ustar-000.tar")
	if err != nil {
		t.Fatal(err)
	}
	full := &List{}
	if err := full.readShard(bytes.NewReader(whole), int64(len(whole)), "x", 0); err != nil || len(full.Pairs) != 3 {
		t.Fatal(full, err)
	}
	// Two blocks of zeros end a tar file; the first alone is enough.
	end := len(bytes.TrimRight(whole, "\x00"))
	end += 512 - end%512
	last := []string{"a first caption\n", `"key": 1}`, strings.Repeat("\u00fc", 700)} // of each pair
	for cut := range len(whole) {
		l := &List{}
		if err := l.readShard(bytes.NewReader(whole[:cut]), int64(cut), "x", 0); err != nil {
			t.Fatal(cut, err)
		}
		n := 0
		for n < len(last) && bytes.Contains(whole[:cut], []byte(last[n])) {
			n++
		}
		if !slices.Equal(l.Pairs, full.Pairs[:n]) {
			t.Fatalf("cut at %d: %d pairs, want %d", cut, len(l.Pairs), n)
		}
		isCut := cut < end+512 || cut > end+512 && cut < end+1024
		if (l.CutShort == 1) != isCut || l.CutShort > 1 || isCut && !strings.Contains(l.String(), "1 shards cut short") {
			t.Fatalf("cut at %d of %d: %q", cut, end, l.Report.String())
		}
	}
}

// An image that is not whole is none, even if its header and its caption are there.
func TestImageCutShort(t *testing.T) {
	img := string(pngOf(t, 9))
	b := tarOf(t, "1.txt", "one", "1.png", img, "2.txt", "two", "2.png", img)
	b = b[:bytes.LastIndex(b, []byte(img))+len(img)-1]
	l := &List{}
	if err := l.readShard(bytes.NewReader(b), int64(len(b)), "x", 0); err != nil || len(l.Pairs) != 1 || told(&l.Report) != [6]int{0: 1, 4: 1} {
		t.Errorf("%v, %d pairs, %q", err, len(l.Pairs), l.Report.String())
	}
}

// tarOf makes a shard of names and contents.
func tarOf(t testing.TB, members ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: members[i], Size: int64(len(members[i+1])), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(members[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestShardMembers(t *testing.T) {
	img := string(pngOf(t, 9))
	long := strings.Repeat("\u4e16", 10000)
	for _, tt := range []struct {
		name    string
		members []string
		want    string // KEY=caption|...
		report  [6]int
	}{
		{"apart", []string{"1.png", img, "2.PNG", img, "2.txt", "two", "1.txt", "one"}, "1.png=one|2.PNG=two", [6]int{}},
		{"halves", []string{"1.png", img, "2.txt", "two", "3.png", img, "3.txt", "three"}, "3.png=three", [6]int{0: 1, 1: 1}},
		{"folders are part of keys", []string{"a/1.png", img, "b/1.txt", "x", "c.d/1.png", img, "c.d/1.txt", "y"}, "c.d/1.png=y", [6]int{0: 1, 1: 1}},
		{"kinds", []string{"1.seg.png", img, "1.png", img, "1.cls", "3", "1.txt", "one", "._1.png", "x"}, "1.png=one", [6]int{}},
		{"text before json", []string{"1.json", `{"caption": "no"}`, "1.txt", "yes", "1.png", img, "2.png", img, "2.txt", "yes", "2.json", `{"caption": "no"}`}, "1.png=yes|2.png=yes", [6]int{}},
		{"json where text is empty", []string{"1.png", img, "1.json", `{"caption": "a"}`, "1.txt", " \n", "2.png", img, "2.txt", "", "2.json", `{"text": "b"}`}, "1.png=a|2.png=b", [6]int{}},
		{"json without caption", []string{"1.png", img, "1.json", `{"width": 3}`, "2.png", img, "2.json", `{"caption`, "3.png", img, "3.json", `{"caption": 3}`, "4.png", img, "4.txt", "x"}, "4.png=x", [6]int{1: 3}},
		{"no images", []string{"1.png", "text", "1.txt", "x", "2.png", "", "2.txt", "x", "3.png", img, "3.txt", "x"}, "3.png=x", [6]int{2: 2}},
		{"twice", []string{"1.png", img, "1.jpg", img, "1.txt", "x"}, "1.png=x", [6]int{3: 1}},
		{"not UTF-8", []string{"1.png", img, "1.txt", "caf\xe9", "2.png", img, "2.json", "{\"caption\": \"\xff\"}"}, "1.png=caf\uFFFD|2.png=\uFFFD", [6]int{5: 2}},
		{"long", []string{"1.png", img, "1.txt", long, "2.png", img, "2.txt", strings.Repeat("x", maxCaption+1)}, "1.png=" + long, [6]int{1: 1}},
	} {
		b := tarOf(t, tt.members...)
		l := &List{}
		if err := l.readShard(bytes.NewReader(b), int64(len(b)), "x.tar", 0); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var got []string
		for _, p := range l.Pairs {
			got = append(got, p.Member+"="+p.Caption)
			if string(b[p.at:][:p.size]) != img {
				t.Errorf("%s: %s is elsewhere", tt.name, p.Member)
			}
		}
		if s := strings.Join(got, "|"); s != tt.want || told(&l.Report) != tt.report {
			t.Errorf("%s: %.200q %v %q, want %.200q %v", tt.name, s, told(&l.Report), l.Examples, tt.want, tt.report)
		}
	}
}

// Bytes behind the header of an image, or of a shard after it was listed, may be lost.
func TestReadErrors(t *testing.T) {
	dir := t.TempDir()
	img := pngOf(t, 9)
	cut := string(img[:len(img)-20])
	shard := write(t, tarOf(t, "1.png", cut, "1.txt", "x", "2.png", string(img), "2.txt", "y"), dir, "s.tar")
	l := mustOpen(t, "wds:"+shard, Options{})
	if len(l.Pairs) != 2 {
		t.Fatal(l)
	}
	if _, err := l.Pairs[0].Read(picture.Preprocessor{Size: 4}); err == nil || !strings.Contains(err.Error(), `s.tar: "1.png": a png image that is damaged or cut short`) {
		t.Error(err)
	}
	if err := os.Truncate(shard, 600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Pairs[1].Read(picture.Preprocessor{Size: 4}); err == nil || !strings.Contains(err.Error(), `s.tar: "2.png": EOF; the shard was whole when it was listed`) {
		t.Error(err)
	}
	if err := os.Remove(shard); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Pairs[1].Read(picture.Preprocessor{Size: 4}); err == nil || !strings.Contains(err.Error(), "s.tar: no such file") {
		t.Error(err)
	}
}

func TestTextBudget(t *testing.T) {
	l := &List{text: maxText - 3*overhead}
	t1 := lines{list: l, add: func(string, string, caption) {}}
	err := t1.read(strings.NewReader("a\tb\nc\td\ne\tf\n"))
	if !errors.Is(err, errText) {
		t.Error(err)
	}
	b := tarOf(t, "1.txt", "x", "2.txt", "y")
	l = &List{text: maxText - 3*overhead}
	if err := l.readShard(bytes.NewReader(b), int64(len(b)), "x", 0); !errors.Is(err, errText) {
		t.Error(err)
	}
	l = &List{text: maxText - overhead}
	if _, err := l.parseCOCO(strings.NewReader(`{"images": [{"id": 1, "file_name": "x"}, {"id": 2, "file_name": "x"}]}`), 0); !errors.Is(err, errText) {
		t.Error(err)
	}
}

// checkCaption checks what holds of every caption that is used.
func checkCaption(t *testing.T, s string) {
	if !utf8.ValidString(s) || s != strings.TrimSpace(s) || len(s) > 3*maxCaption {
		t.Errorf("caption %.100q", s)
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("image\tcaption\na.png\ta cat\n\nb.png\t\xff\n"), false)
	f.Add([]byte("{\"image\": \"a.png\", \"caption\": \"\\ud800\"}\n{\"image\": 1}\n{"), false)
	f.Add([]byte("\uFEFF\t\n"), false)
	f.Add([]byte(",img,comment\n0,a.png,\"a, b\"\n1,b.png,\"open\n"), true)
	f.Add([]byte(`[{"img": "a.png", "captions": ["a", "b"]}, 3]`), false)
	f.Fuzz(func(t *testing.T, b []byte, isCSV bool) {
		l := &List{}
		pairs := 0
		file := lines{list: l, csv: isCSV, add: func(_, image string, c caption) {
			pairs++
			if image == "" {
				t.Error("no image")
			}
			checkCaption(t, c.text)
		}}
		err := file.read(bytes.NewReader(b))
		n := 1 + max(bytes.Count(b, []byte("\n")), bytes.Count(b, []byte(",")), bytes.Count(b, []byte("\r")))
		if err == nil && pairs+l.Malformed > n {
			t.Errorf("%d pairs and %d malformed of %d lines", pairs, l.Malformed, n)
		}
	})
}

func FuzzCOCO(f *testing.F) {
	f.Add([]byte(`{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"image_id": 1, "caption": "a"}, {"image_id": 1, "caption": "b"}]}`), uint64(1))
	f.Add([]byte(`{"info": {}, "images": [{"id": -9223372036854775808}, 3], "annotations": [{"image_id": 2, "caption": "a"}`), uint64(2))
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		l := &List{}
		entries, err := l.parseCOCO(bytes.NewReader(b), seed)
		if err != nil {
			return
		}
		for _, e := range entries {
			checkCaption(t, e.drawn.text)
			if (e.captions > 0) != (e.drawn.text != "") || e.listed != (e.file != "") || !e.listed && e.captions == 0 {
				t.Errorf("%+v", e)
			}
		}
	})
}

func FuzzShard(f *testing.F) {
	for _, name := range []string{"ustar-000.tar", "gnu-001.tar", "pax-002.tar"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(tarOf(f, "1.png", "x", "1.txt", "x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := &List{}
		if err := l.readShard(bytes.NewReader(b), int64(len(b)), "x", 0); err != nil {
			return
		}
		for _, p := range l.Pairs {
			checkCaption(t, p.Caption)
			if p.Caption == "" || p.Member == "" || p.at < 0 || p.size < 0 || p.at+p.size > int64(len(b)) {
				t.Fatalf("%+v", p)
			}
			// What was looked at is what will be decoded.
			if _, err := picture.Header(bytes.NewReader(b[p.at:][:p.size])); err != nil {
				t.Errorf("%+v: %v", p, err)
			}
		}
	})
}
