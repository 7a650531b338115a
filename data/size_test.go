package data

import (
	"encoding/json"
	"errors"
	"image/color"
	"slices"
	"strings"
	"testing"
)

func TestSizeText(t *testing.T) {
	for text, want := range map[string]Size{"": {}, "32": {32, 32}, "48x192": {48, 192}, "7x7": {7, 7}, "0": {}} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
		var again Size
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Errorf("%q: %q comes back as %+v, %v", text, s, again, err)
		}
		b, err := json.Marshal(s)
		if err == nil {
			err = json.Unmarshal(b, &again)
		}
		if err != nil || again != s {
			t.Errorf("%q: %s comes back as %+v, %v", text, b, again, err)
		}
	}
	for _, text := range []string{"x", "3x", "x3", "3x4x5", "3.5", "a", "3 4", "99999999999999999999"} {
		if err := new(Size).UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "HEIGHTxWIDTH") {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

// A square is a number in JSON, as it has always been.
func TestSizeJSON(t *testing.T) {
	for text, want := range map[string]Size{`{"s":32}`: {32, 32}, `{"s":"48x192"}`: {48, 192}, `{}`: {}} {
		var v struct {
			S Size `json:"s,omitzero"`
		}
		if err := json.Unmarshal([]byte(text), &v); err != nil || v.S != want {
			t.Errorf("%s: %+v, %v", text, v, err)
		}
		if b, err := json.Marshal(v); err != nil || string(b) != text {
			t.Errorf("%s is written %s, %v", text, b, err)
		}
	}
	for _, text := range []string{`3.5`, `[3]`, `"a"`, `null3`, `true`} {
		if err := json.Unmarshal([]byte(text), new(Size)); err == nil {
			t.Errorf("%s was read", text)
		}
	}
}

func TestImageFolderRectangle(t *testing.T) {
	dir := photos(t, t.TempDir()) // 3 high, 4 wide
	s := mustOpen(t, "imagefolder:"+dir, Options{Size: Size{6, 2}})
	if x := example(t, s.Train, 2); !slices.Equal(s.Train.Shape, []int{6, 2, 3}) || len(x) != 36 || x[35] != 0 || x[33] != 30./255 {
		t.Errorf("%v %v", s.Train.Shape, x)
	}
	l, err := NewLoader(s.Train, LoaderSettings{Batch: 4, Augment: Augment{Pad: 1, Flip: true, Cutout: 2}})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := l.Next(t.Context()); err != nil || len(b.X) != 4*36 {
		t.Errorf("%v %v", b, err)
	}
	if _, err := ContactSheet(s.Train, s.Classes); err != nil {
		t.Error(err)
	}
	writeFile(t, pngOf(t, 7, 5, color.NRGBA{A: 255}), dir, "dog", "b.png")
	if _, err := Open("imagefolder:"+dir, Options{}); err == nil || !strings.Contains(err.Error(), "say with --size HEIGHTxWIDTH") {
		t.Errorf("error %v", err)
	}
}

func TestSizeErrors(t *testing.T) {
	dir := t.TempDir()
	file := textFile(t, dir, "a.tsv", numbered(50))
	for _, tt := range []struct {
		spec string
		size Size
		want string
	}{
		{"imagefolder:" + dir, Size{4, 0}, "size is 4x0; it must be between 1 and 4096"},
		{"imagefolder:" + dir, Size{4, 5000}, "size is 4x5000"},
		{"text:" + file, Size{4, 8}, "size is 4x8; of texts it is the number of their tokens, one number"},
		{"debian:" + textFile(t, dir, "Packages", packages), Size{4, 8}, "of texts it is the number of their tokens"},
		{"digits", Size{8, 9}, "its examples are 8x8 and can't be brought to size 8x9"},
	} {
		var bad UsageError
		if _, err := Open(tt.spec, Options{Size: tt.size}); !errors.As(err, &bad) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s at %v: error %v, want %q", tt.spec, tt.size, err, tt.want)
		}
	}
}
