package cli

import (
	"context"
	"errors"
	"fmt"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/align/embeddings"
)

// embedded writes what align embed writes, of n pairs with as many classes, and returns
// the directory. Noise blurs them.
func embedded(t *testing.T, dir string, n, classes int, noise float64) string {
	t.Helper()
	const d = 24
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	centres := make([]float64, classes*d)
	for i := range centres {
		centres[i] = rng.NormFloat64()
	}
	var list []embeddings.Pair
	for i := range n {
		list = append(list, embeddings.Pair{Image: fmt.Sprintf("%d.jpg", i), Class: fmt.Sprintf("class %d", i%classes), Caption: fmt.Sprintf("number\t%d", i)})
	}
	var sides [2][]float32
	for k, side := range []float64{4, -4} {
		x := make([]float32, n*d)
		for i := range x {
			x[i] = float32(centres[i/d%classes*d+i%d] + noise*rng.NormFloat64())
		}
		for i := range n {
			x[i*d] = float32(side)
		}
		sides[k] = x
	}
	if err := embeddings.WriteDir(dir, sides[0], sides[1], list); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAlignMap(t *testing.T) {
	dir := t.TempDir()
	a, b := embedded(t, filepath.Join(dir, "a"), 40, 4, .2), embedded(t, filepath.Join(dir, "b=c"), 40, 4, .8)
	out := filepath.Join(dir, "map.png")
	args := []string{"align", "map", "M-SAM=" + a, b, "--out", out, "--perplexity", "6", "--pairs-limit", "30", "--json"}
	var got mapResult
	decode(t, mustCall(t, args...), &got)
	if len(got.Panels) != 2 || got.Map != out {
		t.Fatalf("%+v", got)
	}
	for i, want := range []panelResult{{Name: "M-SAM", Path: a}, {Name: "b=c", Path: b}} {
		p := got.Panels[i]
		if p.Name != want.Name || p.Path != want.Path || p.N != 30 || !(p.KL > 0 && p.KL < 1) || len(p.Removed) != 1 || !(p.Removed[0] > .1 && p.Removed[0] < 1) {
			t.Errorf("%+v", p)
		}
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := png.Decode(f); err != nil {
		t.Error(err)
	}
	first, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	mustCall(t, args...)
	if second, err := os.ReadFile(out); err != nil || !slices.Equal(first, second) {
		t.Errorf("the same command draws two pictures, %v", err)
	}

	svg := filepath.Join(dir, "new", "map.svg")
	text := mustCall(t, "align", "map", a, "--out", svg, "--perplexity", "6", "--remove", "2")
	if !strings.Contains(text, "panel  pairs  KL ") || !strings.Contains(text, "%, ") || !strings.HasSuffix(text, "Map: "+svg+"\n") {
		t.Errorf("%q", text)
	}
	drawing, err := os.ReadFile(svg)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{">a<", ">class 0<", ">class 3<", ">image<"} {
		if !strings.Contains(string(drawing), want) {
			t.Errorf("the picture does not say %s", want)
		}
	}

	// Without lists, everything is grey.
	for _, dir := range []string{a, b} {
		if err := os.Remove(filepath.Join(dir, embeddings.PairsFile)); err != nil {
			t.Fatal(err)
		}
	}
	if text := mustCall(t, "align", "map", a, b, "--out", svg, "--perplexity", "6", "--remove", "0", "--json"); !strings.Contains(text, `"removed":[]`) {
		t.Errorf("%q", text)
	}
	if drawing, err = os.ReadFile(svg); err != nil || !strings.Contains(string(drawing), ">unknown<") || strings.Contains(string(drawing), "class 0") {
		t.Error("no grey picture", err)
	}
}

func TestAlignMapErrors(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	good, out := embedded(t, in("good"), 12, 3, .2), " --perplexity 3 --out "+in("map.png")
	other := func(name string, change func(dir string)) string {
		d := embedded(t, in(name), 12, 3, .2)
		change(d)
		return d
	}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	list, err := os.ReadFile(filepath.Join(good, embeddings.PairsFile))
	if err != nil {
		t.Fatal(err)
	}
	numbers := make([]float32, 24)
	for i := range numbers {
		numbers[i] = 1
	}
	numbers[5] = float32(math.NaN())
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"", exitUsage, "takes one panel or more"},
		{good, exitUsage, "--out is missing"},
		{good + " --out map.pdf", exitUsage, "--out is map.pdf; a map is written as .png or .svg"},
		{good + out + " --perplexity NaN", exitUsage, "--perplexity is NaN"},
		{good + out + " --remove -1", exitUsage, "--remove is -1"},
		{good + out + " --pairs-limit 0", exitUsage, "--pairs-limit is 0; it must be from 1 to 5000"},
		{good + out + " --pairs-limit 6000", exitUsage, "from 1 to 5000"},
		{"=x" + out, exitUsage, `panel "=x"`},
		{"x=" + out, exitUsage, `panel "x="`},
		{good + " good=y" + out, exitUsage, `both named "good"`},
		{good + out + " --perplexity 30", exitFailed, "good: perplexity is 30; 24 points have a perplexity above 1 and up to 7.66"},
		{good + out + " --pairs-limit 2", exitFailed, "4 points are too few"},
		{good + out + " --remove 23", exitFailed, "remove 0 to 22"},
		{in("none") + out, exitFailed, "images.safetensors: no such file or directory: name a directory that 'monge align embed' has written"},
		{other("half", func(d string) { os.Remove(filepath.Join(d, embeddings.TextsFile)) }) + out, exitFailed, "texts.safetensors: no such file"},
		{other("nan", func(d string) { writeEmbeddings(t, filepath.Join(d, embeddings.ImagesFile), 2, numbers...) }) + out, exitFailed, "row 2 (of 0 to 11) has NaN"},
		{other("few", func(d string) { writeEmbeddings(t, filepath.Join(d, embeddings.TextsFile), 2, 1, 2, 3, 4) }) + out, exitFailed, "images.safetensors has 12 embeddings, texts.safetensors has 2"},
		{other("narrow", func(d string) {
			writeEmbeddings(t, filepath.Join(d, embeddings.TextsFile), 2, slices.Repeat([]float32{1, 2}, 12)...)
		}) + out, exitFailed, "embeddings of 24 and 2 numbers"},
		{good + " " + embedded(t, in("more"), 13, 3, .2) + out, exitFailed, "good has 12 pairs, "},
		{good + " " + other("bare", func(d string) { os.Remove(filepath.Join(d, embeddings.PairsFile)) }) + out, exitFailed, "one has no pairs.tsv"},
		{good + " " + other("renamed", func(d string) {
			write(filepath.Join(d, embeddings.PairsFile), strings.Replace(string(list), "class 1", "class 9", 1))
		}) + out, exitFailed, "are of different pairs: line 3 of their pairs.tsv differs"},
		{other("cut", func(d string) { write(filepath.Join(d, embeddings.PairsFile), string(list[:len(list)/2])) }) + out, exitFailed, "line 7 has 3 fields, not 4: write it again"},
		{other("short", func(d string) { write(filepath.Join(d, embeddings.PairsFile), "image\tmember\tclass\tcaption\n") }) + out, exitFailed, "pairs.tsv has 0 pairs, images.safetensors has 12 embeddings"},
		{other("strange", func(d string) { write(filepath.Join(d, embeddings.PairsFile), "a.jpg\ta cat\n") }) + out, exitFailed, "the first line is not"},
		{good + " --perplexity 3 --out " + filepath.Join(good, embeddings.PairsFile, "map.png"), exitFailed, "not a directory"},
	} {
		code, stdout, stderr := call(append([]string{"align", "map", "--json"}, strings.Fields(tt.args)...)...)
		if code != tt.code || stdout != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("monge align map %s: exit code %d, stdout %q, %q; want %d, %q", tt.args, code, stdout, stderr, tt.code, tt.want)
		}
	}
	if _, err := os.Stat(in("map.png")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a picture came out of it")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m := mapper{limit: 10, perplexity: 3, panels: []*panel{newPanel(good)}, quiet: true}
	if r, err := m.run(ctx); r != nil || !errors.Is(err, context.Canceled) {
		t.Error(r, err)
	}
	if s := mustCall(t, "__complete", "align", "map", good, "--out", ""); !strings.Contains(s, "png\nsvg\n") {
		t.Errorf("completion of --out: %q", s)
	}
}
