package pairs_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/align/pairs"
	"github.com/monge-ml/monge/data/picture"
)

// A grey is a picture that is made when it is asked for.
type grey int

func (g grey) Bytes() ([]byte, error) {
	if g == 0 {
		return nil, errors.New("out of grey")
	}
	img := image.NewGray(image.Rect(0, 0, int(g), int(g)))
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}

func init() {
	pairs.Register(pairs.Format{Name: "greys", Place: "WORD", Open: func(_ context.Context, place string, _ pairs.Options) (*pairs.List, error) {
		l := &pairs.List{}
		for i, c := range place {
			l.Pairs = append(l.Pairs, pairs.Pair{Caption: string(c), Path: "grey-" + string(c), Image: grey(i)})
		}
		return l, nil
	}})
}

// A format of a user's own is opened by its name; images that can't be made are left out.
func TestRegister(t *testing.T) {
	l, err := pairs.Open(t.Context(), "greys:abc", pairs.Options{})
	if err != nil || len(l.Pairs) != 3 || !slices.Contains(pairs.Specs(), "greys:WORD") {
		t.Fatal(l, err, pairs.Specs())
	}
	set, err := l.Images(t.Context(), picture.Preprocessor{Size: 2})
	if err != nil || set.Len() != 2 || l.NotImage != 1 || !strings.Contains(l.Report.String(), "grey-a: out of grey") {
		t.Errorf("%v %v %v", set, l.Report, err)
	}
	if _, err := pairs.Open(t.Context(), "greys:", pairs.Options{}); err == nil || !strings.Contains(err.Error(), "they are written greys:WORD") {
		t.Error(err)
	}
	for spec, want := range map[string]bool{"greys:x": true, "coco:x": true, "coco": true, "digits": false, "grey:x": false, "": false} {
		if got := pairs.IsSpec(spec); got != want {
			t.Errorf("%q: %v", spec, got)
		}
	}
}

// Numbers of examples are places among the pairs of all lists, also behind images that can't be
// read; there are no labels.
func TestImagesOfLists(t *testing.T) {
	var lists []*pairs.List
	for _, word := range []string{"abc", "", "de"} {
		if word == "" {
			lists = append(lists, nil)
			continue
		}
		l, err := pairs.Open(t.Context(), "greys:"+word, pairs.Options{})
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, l)
	}
	sets, err := pairs.Images(t.Context(), picture.Preprocessor{Size: 2}, lists...)
	if err != nil || len(sets) != 3 || sets[1] != nil {
		t.Fatal(sets, err)
	}
	for i, want := range [][]int{{1, 2}, nil, {4}} {
		var got []int
		for k := range sets[i].Len() {
			got = append(got, sets[i].Number(k))
		}
		if !slices.Equal(got, want) || sets[i] != nil && sets[i].Labels != nil {
			t.Errorf("list %d: examples %v, want %v", i, got, want)
		}
	}
	if lists[0].NotImage != 1 || lists[2].NotImage != 1 {
		t.Errorf("%v; %v", lists[0].Report, lists[2].Report)
	}
	if _, err := pairs.Images(t.Context(), picture.Preprocessor{}, lists...); err == nil || !strings.Contains(err.Error(), "size is 0") {
		t.Errorf("error %v", err)
	}
}
