package pairs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
)

const testEmoji = `[
	{"name": "GRINNING FACE", "unified": "1F600", "category": "Smileys & Emotion", "sheet_x": 0, "sheet_y": 0, "has_img_twitter": true, "has_img_google": true, "skin_variations": {"1F3FB": {"unified": "x"}}},
	{"name": "MALE FARMER", "unified": "1F468-200D-1F33E", "category": "People & Body", "sheet_x": 1, "sheet_y": 0, "has_img_twitter": true, "has_img_google": true},
	{"name": "EMOJI MODIFIER FITZPATRICK TYPE-3", "unified": "1F3FC", "category": "Component", "sheet_x": 0, "sheet_y": 1, "has_img_twitter": true, "has_img_google": true},
	{"name": "HASH KEY", "unified": "0023-FE0F-20E3", "category": "Symbols", "sheet_x": 2, "sheet_y": 1, "has_img_twitter": true, "has_img_google": true}
]`

const testKeywords = `{"\ud83d\ude00": ["grinning_face", "smile", ":D"], "\ud83d\udc68\u200d\ud83c\udf3e": ["man_farmer", "rancher"], "x": []}`

// testSheet is 3x2 cells, whose pixels follow from their places and the set.
func testSheet(set int) *image.NRGBA {
	sheet := image.NewNRGBA(image.Rect(0, 0, 3*66, 2*66))
	for y := range 2 * 66 {
		for x := range 3 * 66 {
			if x%66 > 0 && x%66 < 65 && y%66 > 0 && y%66 < 65 {
				sheet.SetNRGBA(x, y, color.NRGBA{uint8(x), uint8(y), uint8(100 * set), uint8(3*x + y)})
			}
		}
	}
	return sheet
}

func encode(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// emojiDir is as 'monge data get emoji' makes it, but for a file that is replaced by b, or
// missing if b is nil.
func emojiDir(t testing.TB, replaced string, b []byte) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string][]byte{"emojilib/dist/emoji-en-US.json": []byte(testKeywords)}
	for i, set := range emojiSets {
		files["emoji-datasource-"+set+"/emoji.json"] = []byte(testEmoji)
		files["emoji-datasource-"+set+"/img/"+set+"/sheets-clean/64.png"] = encode(t, testSheet(i))
	}
	if _, ok := files[replaced]; !ok && replaced != "" {
		t.Fatal(replaced)
	}
	files[replaced] = b
	for name, b := range files {
		if b != nil {
			write(t, b, dir, filepath.FromSlash(name))
		}
	}
	return dir
}

func TestEmoji(t *testing.T) {
	dir := emojiDir(t, "", nil)
	for set, name := range emojiSets {
		l := mustOpen(t, "emoji:"+dir+"?set="+name, Options{})
		want := []Pair{
			{Member: "1F600", Class: "Smileys & Emotion", Caption: "grinning face: smile"},
			{Member: "1F468-200D-1F33E", Class: "People & Body", Caption: "male farmer: man farmer, rancher"},
			{Member: "0023-FE0F-20E3", Class: "Symbols", Caption: "hash key"},
		}
		if len(l.Pairs) != len(want) || told(&l.Report) != [6]int{} {
			t.Fatalf("%d pairs, %q", len(l.Pairs), l.Report.String())
		}
		sheet := testSheet(set)
		var all sync.WaitGroup
		for i, cell := range []image.Point{{0, 0}, {1, 0}, {2, 1}} {
			all.Go(func() {
				p := &l.Pairs[i]
				if p.Member != want[i].Member || p.Class != want[i].Class || p.Caption != want[i].Caption || !strings.HasSuffix(filepath.ToSlash(p.Path), "img/"+name+"/sheets-clean/64.png") {
					t.Errorf("%+v, want %+v", p, want[i])
				}
				// The same picture, as a file.
				flat := image.NewRGBA(image.Rect(0, 0, 64, 64))
				for y := range 64 {
					for x := range 64 {
						c := sheet.NRGBAAt(cell.X*66+1+x, cell.Y*66+1+y)
						a := float64(c.A) / 255
						on := func(v uint8) uint8 { return uint8(float64(v)*a + 255*(1-a) + .5) }
						flat.SetRGBA(x, y, color.RGBA{on(c.R), on(c.G), on(c.B), 255})
					}
				}
				pre := picture.Preprocessor{Size: 20, Crop: 16, Bicubic: true, Normalize: picture.Normalization{Mean: []float32{.5, .4, .3}, Std: []float32{.1, .2, .3}}}
				want, err := pre.ReadBytes(encode(t, flat))
				if err != nil {
					t.Error(err)
				}
				if got, err := p.Read(pre); err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: %v", p.Member, err)
				}
			})
		}
		all.Wait()
	}
}

// Values of Pillow: Image.new("RGB", (1, 1), "white") with paste of RGBA (c, c, c, a), mask the same.
func TestOnWhite(t *testing.T) {
	for _, tt := range [][3]uint8{
		{0, 0, 255}, {0, 1, 254}, {0, 100, 155}, {0, 127, 128}, {0, 128, 127}, {0, 254, 1}, {0, 255, 0},
		{1, 0, 255}, {1, 1, 254}, {1, 100, 155}, {1, 127, 128}, {1, 128, 128}, {1, 254, 2}, {1, 255, 1},
		{77, 0, 255}, {77, 1, 254}, {77, 100, 185}, {77, 127, 166}, {77, 128, 166}, {77, 254, 78}, {77, 255, 77},
		{128, 0, 255}, {128, 1, 255}, {128, 100, 205}, {128, 127, 192}, {128, 128, 191}, {128, 254, 128}, {128, 255, 128},
		{254, 0, 255}, {254, 1, 255}, {254, 100, 255}, {254, 127, 255}, {254, 128, 254}, {254, 254, 254}, {254, 255, 254},
	} {
		sheet := image.NewNRGBA(image.Rect(0, 0, 66, 66))
		sheet.SetNRGBA(1, 1, color.NRGBA{tt[0], tt[0], tt[0], tt[1]})
		p, err := cutGlyph(sheet, emoji{})
		if err != nil || p[0] != tt[2] || p[2] != tt[2] || p[3] != 255 {
			t.Errorf("%d with alpha %d: %d, want %d; %v", tt[0], tt[1], p[0], tt[2], err)
		}
	}
}

// The same emoji of two sets are other data; those of one set in two places are not.
func TestEmojiFingerprint(t *testing.T) {
	one, other := emojiDir(t, "", nil), emojiDir(t, "", nil)
	twitter := mustOpen(t, "emoji:"+one+"?set=twitter", Options{}).Fingerprint()
	google := mustOpen(t, "emoji:"+one+"?set=google", Options{}).Fingerprint()
	if twitter == google || twitter != mustOpen(t, "emoji:"+other+"?set=twitter", Options{}).Fingerprint() {
		t.Error(twitter, google)
	}
}

func TestEmojiCaption(t *testing.T) {
	for _, tt := range []struct{ name, keywords, want string }{
		{"GRINNING FACE", "", "grinning face"},
		{"GRINNING FACE", "grinning_face|face|Smile|:D|XD|smile|big smile|^_^|", "grinning face: smile, xd, big smile"},
		{"Côte d’Ivoire Flag", "flag_c\u00f4te_d_ivoire|c\u00f4te|d’ivoire|t-shirt|st. martin", "côte d’ivoire flag: flag côte d ivoire, t-shirt, st. martin"},
		{"A", "b|c|d|e|f|g|h|i|j", "a: b, c, d, e, f, g, h, i"},
	} {
		if got := emojiCaption(tt.name, strings.Split(tt.keywords, "|")); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// emojiJSON is an entry of emoji.json.
func emojiJSON(name, code string, x, y int) string {
	return fmt.Sprintf(`{"name": %q, "unified": %q, "sheet_x": %d, "sheet_y": %d, "has_img_twitter": true, "has_img_google": true}`, name, code, x, y)
}

func TestEmojiEntries(t *testing.T) {
	text := "[" + strings.Join([]string{
		emojiJSON("A", "1F600", 0, 0), emojiJSON("TWICE", "1F600", 0, 1), emojiJSON("TWICE", "01f600", 1, 1), emojiJSON("CELL", "1F601", 0, 0),
		emojiJSON(" ", "1F602", 2, 0), emojiJSON("CODE", "", 2, 0), emojiJSON("CODE", "1F603-", 2, 0), emojiJSON("CODE", "110000", 2, 0), emojiJSON("CODE", "D800", 2, 0), emojiJSON("CODE", "FFFFFFFF1F600", 2, 0),
		`3`, `{"name": 3}`, `{"name": "X", "unified": "1F604", "sheet_x": "0"}`, `{}`, `null`,
		`{"name": "NOT OF ALL", "unified": "1F605", "sheet_x": 1, "sheet_y": 0, "has_img_twitter": true}`,
		strings.Replace(emojiJSON("CAFE", "1F606", 2, 1), "E", "\xe9", 1),
	}, ",") + "]"
	l := &List{}
	all, err := l.parseEmoji([]byte(text), nil)
	if err != nil || len(all) != 2 || all[0].caption.text != "a" || all[1].caption != (caption{"caf\uFFFD", true}) || all[1].x != 2 || all[1].y != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	if got := told(&l.Report); got != [6]int{0: 1, 3: 14} || !strings.Contains(l.String(), "entry 2: its code") {
		t.Errorf("%v %q", got, l.Examples)
	}
}

// Emoji of one caption are in one split, whatever their codes say.
func TestEmojiSameCaption(t *testing.T) {
	const n = 40
	var entries []string
	drawn := map[string]bool{}
	for i := range n {
		code := fmt.Sprintf("%X", 0x1F600+i)
		drawn[splitOf(code)] = true
		entries = append(entries, emojiJSON("SAME", code, i, 0))
	}
	l := &List{}
	all, err := l.parseEmoji([]byte("["+strings.Join(entries, ",")+"]"), nil)
	if err != nil || len(all) != n || len(drawn) != 3 {
		t.Fatal(len(all), drawn, err)
	}
	for _, e := range all {
		if e.split != all[0].split || all[0].split != splitOf("1F600") {
			t.Errorf("%+v", e)
		}
	}
}

func TestEmojiErrors(t *testing.T) {
	const (
		names    = "emoji-datasource-google/emoji.json"
		sheet    = "emoji-datasource-google/img/google/sheets-clean/64.png"
		keywords = "emojilib/dist/emoji-en-US.json"
	)
	whole := encode(t, testSheet(1))
	for _, tt := range []struct {
		file  string
		b     []byte
		query string // "" is ?set=google
		usage bool
		want  []string
	}{
		{query: "?", usage: true, want: []string{"no set of pictures is named: emoji:", "?set=twitter or set=google"}},
		{query: "?split=test", usage: true, want: []string{"no set of pictures is named"}},
		{query: "?set=apple", usage: true, want: []string{`unknown set "apple"; there are twitter, google`}},
		{query: "?set=google&split=all", usage: true, want: []string{`unknown split "all"; there are train, val, test`}},
		{query: "?set=google&set=twitter", usage: true, want: []string{"set stands there twice"}},
		{query: "?set=google&size=32", usage: true, want: []string{`unknown setting "size"; there are set, split`}},
		{query: "?set=%zz", usage: true, want: []string{"they are written emoji:DIR?set=NAME"}},
		{file: keywords, want: []string{"emoji-en-US.json: no such file", "'monge data get emoji --out "}},
		{file: keywords, b: []byte(`{"x": ["y"`), want: []string{"emoji-en-US.json: it is cut short", "monge data get"}},
		{file: keywords, b: []byte(`{"x": "y"}`), want: []string{"emoji-en-US.json: it is a text where a list should be"}},
		{file: names, want: []string{"emoji.json: no such file", "monge data get"}},
		{file: names, b: []byte(testEmoji[:200]), want: []string{"emoji.json: it is cut short", "monge data get"}},
		{file: names, b: []byte(`{}`), want: []string{"emoji.json: it is an object where a list should be"}},
		{file: names, b: []byte(`[]`), want: []string{"(it is empty)"}},
		{file: names, b: bytes.Repeat([]byte(" "), maxNames+1), want: []string{"emoji.json: more than 4194304 bytes"}},
		{file: names, b: []byte("[" + emojiJSON("FAR", "1F600", 3, 0) + "]"), want: []string{"64.png: 198x132 pixels have no cell 3, 0 for 1F600", "monge data get"}},
		{file: names, b: []byte("[" + emojiJSON("FAR", "1F600", 0, 2) + "]"), want: []string{"have no cell 0, 2"}},
		{file: names, b: []byte("[" + emojiJSON("FAR", "1F600", -1, 0) + "]"), want: []string{"have no cell -1, 0"}},
		{file: names, b: []byte("[" + emojiJSON("FAR", "1F600", 1<<62, 0) + "]"), want: []string{"have no cell 4611686018427387904, 0"}},
		{file: sheet, want: []string{"64.png: no such file", "monge data get"}},
		{file: sheet, b: []byte{}, want: []string{"64.png: ", "EOF", "monge data get"}},
		{file: sheet, b: []byte("GIF89a is what this is not"), want: []string{"64.png: png: invalid format: not a PNG file"}},
		{file: sheet, b: whole[:len(whole)/2], want: []string{"64.png: png: invalid format: not enough pixel data"}},
		{file: sheet, b: encode(t, image.NewNRGBA(image.Rect(0, 0, 66, 66))), want: []string{"64.png: 66x66 pixels have no cell 1, 0"}},
		{file: sheet, b: encode(t, image.NewNRGBA(image.Rect(0, 0, 131, 66))), want: []string{"64.png: 131x66 pixels have no cell 1, 0"}},
		{file: sheet, b: encode(t, image.NewGray(image.Rect(0, 0, maxSheet+1, 1))), want: []string{"64.png: 5001x1 pixels are over the limit of 5000x5000"}},
	} {
		dir := emojiDir(t, tt.file, tt.b)
		query := tt.query
		if query == "" {
			query = "?set=google"
		}
		l, err := Open(t.Context(), "emoji:"+dir+query, Options{})
		bad := data.UsageError("")
		if l != nil || err == nil || errors.As(err, &bad) != tt.usage {
			t.Errorf("%s %s: %v, %v, want a usage error: %v", tt.file, query, l, err, tt.usage)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s %s: %v; want %q", tt.file, query, err, want)
			}
		}
	}
}

// Sheets with a palette, or of 16 bits, hold the same pictures.
func TestEmojiSheetKinds(t *testing.T) {
	colours := color.Palette{color.NRGBA{}, color.NRGBA{200, 100, 0, 128}, color.NRGBA{0, 0, 255, 255}}
	paletted := image.NewPaletted(image.Rect(0, 0, 66, 66), colours)
	deep := image.NewNRGBA64(paletted.Rect)
	plain := image.NewNRGBA(paletted.Rect)
	for y := range 66 {
		for x := range 66 {
			c := colours[(x+y)%3].(color.NRGBA)
			paletted.SetColorIndex(x, y, uint8((x+y)%3))
			deep.SetNRGBA64(x, y, color.NRGBA64{uint16(c.R) * 257, uint16(c.G) * 257, uint16(c.B) * 257, uint16(c.A) * 257})
			plain.SetNRGBA(x, y, c)
		}
	}
	want, err := cutGlyph(plain, emoji{})
	if err != nil {
		t.Fatal(err)
	}
	for _, img := range []image.Image{plain, paletted, deep} {
		sheet, err := decodeSheet(bytes.NewReader(encode(t, img)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := cutGlyph(sheet, emoji{}); err != nil || *got != *want {
			t.Errorf("%T: %v", img, err)
		}
	}
}

// What was published, against testdata/gen_emoji.py.
func TestEmojiPublished(t *testing.T) {
	dir := os.Getenv("MONGE_TEST_EMOJI")
	if dir == "" {
		t.Skip("MONGE_TEST_EMOJI is not set to a directory made by 'monge data get emoji'")
	}
	if testing.Short() {
		t.Skip("short: the published sheets have 17 million pixels each")
	}
	var want struct {
		Pixels map[string]string
		Splits map[string]struct {
			N     int
			Codes string
		}
	}
	b, err := os.ReadFile("testdata/emoji.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	var both [2][]Pair
	for i, set := range emojiSets {
		l := mustOpen(t, "emoji:"+dir+"?set="+set, Options{})
		if s := l.Report.String(); s != "" || l.Repaired != 0 {
			t.Error(s, l.Repaired)
		}
		h := sha256.New()
		for k := range l.Pairs {
			p := &l.Pairs[k]
			h.Write(p.glyph[:])
			checkCaption(t, p.Caption)
			p.Path, p.glyph = "", nil
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != want.Pixels[set] {
			t.Errorf("%s: pixels %s, Pillow's %s", set, got, want.Pixels[set])
		}
		both[i] = l.Pairs
	}
	if !slices.Equal(both[0], both[1]) {
		t.Error("the sets hold different emoji")
	}
	classes := map[string]bool{}
	for _, p := range both[0] {
		classes[p.Class] = true
	}
	if len(classes) != 9 {
		t.Errorf("classes %v", classes)
	}
	seen, all := map[string]string{}, 0
	for _, split := range emojiSplits {
		l := mustOpen(t, "emoji:"+dir+"?set=google&split="+split, Options{})
		var codes []string
		for _, p := range l.Pairs {
			codes = append(codes, p.Member)
			if other, ok := seen[p.Caption]; ok && other != split {
				t.Errorf("%q is in %s and %s", p.Caption, other, split)
			}
			seen[p.Caption] = split
		}
		h := sha256.Sum256([]byte(strings.Join(codes, " ")))
		if got := hex.EncodeToString(h[:]); len(codes) != want.Splits[split].N || got != want.Splits[split].Codes {
			t.Errorf("%s has %d emoji, Python's %d", split, len(codes), want.Splits[split].N)
		}
		all += len(codes)
	}
	if all != len(both[0]) {
		t.Errorf("splits of %d emoji, and %d without one", all, len(both[0]))
	}
}

// A countdown is a context that ends after it was asked a number of times.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// Open ends with its context, wherever it is, and not with something cut short.
func TestOpenInterrupted(t *testing.T) {
	dir := t.TempDir()
	images(t, dir)
	write(t, []byte("a.png\ta\nb.png\tb\n"), dir, "list.tsv")
	for _, tt := range []struct {
		spec  string
		least int // times that the context is asked
	}{
		{"pairs:" + filepath.Join(dir, "list.tsv"), 2},
		{"coco:" + cocoDir(t, 300, 2), 300}, // for each image, and a few reads
		{"wds:testdata/*.tar", 18},          // for each member
		{"emoji:" + emojiDir(t, "", nil) + "?set=google", 6},
	} {
		const most = 1000
		n := 0
		for ; n < most; n++ {
			l, err := Open(&countdown{t.Context(), n}, tt.spec, Options{})
			if err == nil {
				break
			}
			if l != nil || !errors.Is(err, context.Canceled) || !strings.HasSuffix(err.Error(), context.Canceled.Error()) {
				t.Fatalf("%s, ended after %d: %v", tt.spec, n, err)
			}
		}
		if n < tt.least || n == most {
			t.Errorf("%s asked its context %d times; want %d at least", tt.spec, n, tt.least)
		}
	}
}

func FuzzEmoji(f *testing.F) {
	f.Add([]byte(testEmoji), "smile")
	f.Add([]byte("["+emojiJSON("\xff", "1F600", -1, 1<<40)+`, {"unified": "-"}, null]`), ":D")
	f.Fuzz(func(t *testing.T, b []byte, keyword string) {
		l := &List{}
		all, err := l.parseEmoji(b, map[string][]string{"\U0001F600": {keyword, "x"}})
		if err != nil {
			return
		}
		texts := map[string]string{}
		for _, e := range all {
			checkCaption(t, e.caption.text)
			if e.caption.text == "" || e.code == "" || !slices.Contains(emojiSplits, e.split) {
				t.Errorf("%+v", e)
			}
			if other, ok := texts[e.caption.text]; ok && other != e.split {
				t.Errorf("%q is in two splits", e.caption.text)
			}
			texts[e.caption.text] = e.split
		}
	})
}
