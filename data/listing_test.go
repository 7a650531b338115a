package data

import (
	"image/color"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// What a folder of images is taken for, and what is told of it.
func TestListing(t *testing.T) {
	for name, tt := range map[string]struct {
		files   []string // images, and others by their endings
		classes string   // "" is an error
		want    string   // in it, or in a note
	}{
		"plain":              {[]string{"a/1.png", "b/1.png"}, "a b", ""},
		"left out":           {[]string{"a/1.png", "a/x.txt", "b/1.PNG", "b/deep/y.TXT", "b/z", "readme.md"}, "a b", "4 files left out, no images by their names: 2 .txt, 1 without an ending, 1 .md"},
		"systems' files":     {[]string{"a/1.png", "a/.DS_Store", "a/Thumbs.db", "b/._1.png", "b/1.png", "b/desktop.ini", "__MACOSX/a/1.png"}, "a b", ""},
		"a level too deep":   {[]string{"inner/a/1.png", "inner/b/1.png"}, "", "has one folder, inner, with the folders a, b in it: give imagefolder:DIR/inner"},
		"one class":          {[]string{"a/1.png"}, "a", ""},
		"classes of more":    {[]string{"a/x/1.png", "a/y/1.png", "b/1.png"}, "a b", ""},
		"other splits":       {[]string{"old/a/1.png", "old/b/1.png", "new/a/1.png", "new/b/1.png"}, "", "its folders new, old have the same folders in them (a, b): if they are splits"},
		"splits of any case": {[]string{"Train/a/1.png", "Train/b/1.png", "Validation/a/1.png", "Testing/b/1.png"}, "a b", ""},
		"beside splits":      {[]string{"train/a/1.png", "train/b/1.png", "holdout/a/1.png"}, "a b", "folders beside the splits left out: holdout"},
		"two of one":         {[]string{"train/a/1.png", "Training/a/1.png"}, "", "two folders for the same split"},
		"other case":         {[]string{"train/Cat/1.png", "train/dog/1.png", "test/cat/1.png"}, "", `class "cat" is not one of the training split's, which are Cat, dog (did you mean Cat?)`},
		"composed":           {[]string{"train/caf\u00e9/1.png", "train/b/1.png", "test/cafe\u0301/1.png"}, "b caf\u00e9", ""},
		"alike":              {[]string{"caf\u00e9/1.png", "cafe\u0301/1.png"}, "", `the folders "cafe\u0301" and "caf\u00e9" look alike`},
		"no UTF-8":           {[]string{"\xc3\xa8\xcf\xbf\xff/1.png", "\xfe/1.png"}, "\u00e8\u03ff\\xff \\xfe", `folders whose names are not UTF-8 are written with their bytes, like \xfe`},
	} {
		if runtime.GOOS != "linux" && (strings.HasPrefix(name, "no UTF") || name == "alike" || name == "two of one") {
			continue // other systems have no such names beside each other
		}
		dir := t.TempDir()
		for _, f := range tt.files {
			b := []byte("x")
			if strings.EqualFold(filepath.Ext(f), ".png") {
				b = pngOf(t, 2, 2, color.NRGBA{1, 2, 3, 255})
			}
			writeFile(t, b, dir, filepath.FromSlash(f))
		}
		s, err := Open("imagefolder:"+dir, Options{})
		if tt.classes == "" {
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), dir, "DIR"), tt.want) {
				t.Errorf("%s: error %v, want %q", name, err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		notes := strings.Join(s.Notes, "\n")
		if want := strings.Fields(tt.classes); !slices.Equal(slices.Sorted(slices.Values(s.Classes)), slices.Sorted(slices.Values(want))) {
			t.Errorf("%s: classes %q, want %q", name, s.Classes, want)
		}
		if !strings.Contains(notes, tt.want) || (tt.want == "") != (notes == "") {
			t.Errorf("%s: notes %q, want %q", name, notes, tt.want)
		}
	}
}

// A tilde is the home directory in every spec, and what is not there was looked for somewhere.
func TestHome(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	for place, want := range map[string]string{"~": home, "~/a": filepath.Join(home, "a"), "~b": "~b", "a/~": "a/~", "": ""} {
		if got := Home(place); got != want {
			t.Errorf("%q: %q, want %q", place, got, want)
		}
	}
	writeFile(t, []byte("x,label\n1.5,a\n2.5,b\n"), home, "a.csv")
	if _, err := Open("csv:~/a.csv", Options{}); err != nil {
		t.Error(err)
	}
	t.Chdir(home)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range []string{"csv:b.csv", "imagefolder:b", "text:b", "idx:b"} {
		if _, err := Open(spec, Options{}); err == nil || !strings.Contains(err.Error(), "looked for in "+here) {
			t.Errorf("%s: error %v", spec, err)
		}
	}
}
