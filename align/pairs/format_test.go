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
	"github.com/monge-ml/monge/data"
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
	set, err := l.Images(t.Context(), data.Preprocessor{Size: 2})
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
