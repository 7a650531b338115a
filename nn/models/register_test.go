package models_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
)

func init() {
	models.Register(models.Entry{Name: "line", Info: "one linear layer", Input: []int{2, 2, 1},
		Build: func(b nn.Builder, o models.Options) nn.Layer {
			if o.Input[2] != 1 {
				b.In("line").Fail("images of %d channels; there must be one", o.Input[2])
				return nil
			}
			return nn.Sequential{nn.Flatten, b.Linear("fc", o.Input[0]*o.Input[1], o.Classes)}
		},
		Start: func(params []*nn.Param) {
			for _, p := range params {
				p.Init = nn.Constant(.5)
			}
		},
	})
	models.Register(models.Entry{Name: "nothing", Input: []int{100, 1, 1}, Build: func(nn.Builder, models.Options) nn.Layer { return nil }})
	models.Register(models.Entry{Name: "ten", Input: []int{2, 2, 1}, Build: func(b nn.Builder, o models.Options) nn.Layer {
		return nn.Sequential{nn.Flatten, b.Linear("fc", 4, 10)}
	}})
}

// A network of a user's own is built by its name, and starts as it says.
func TestRegister(t *testing.T) {
	m, err := models.Build("line", models.Options{Input: []int{2, 2, 1}, Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	theta := make([]float32, m.Size())
	m.Init(theta, 1)
	if m.Size() != 15 || slices.Min(theta) != .5 || slices.Max(theta) != .5 {
		t.Errorf("%v", theta)
	}
	if e, err := models.Find("line"); err != nil || e.Info != "one linear layer" {
		t.Errorf("%v %v", e, err)
	}
	if names := models.Names(); names[0] != "mlp" || !slices.Contains(names, "line") || len(names) != len(models.All()) {
		t.Errorf("%q", names)
	}
	for _, tt := range []struct {
		name, want string
		channels   int
	}{
		{"line", "line: line: images of 3 channels; there must be one", 3},
		{"nothing", "nothing: its Build returned no layer", 1},
		{"ten", "ten: its Build made a network of 10 outputs for 3 classes", 1},
	} {
		if _, err := models.Build(tt.name, models.Options{Input: []int{2, 2, tt.channels}, Classes: 3}); err == nil || err.Error() != tt.want {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := models.Build("lines", models.Options{}); err == nil || !strings.HasPrefix(err.Error(), `unknown model "lines" (did you mean line?); there are mlp,`) {
		t.Error(err)
	}
}

// A format of files that hold networks is known by the end of their names, in any case of letters.
func TestRegisterFile(t *testing.T) {
	models.RegisterFile(".mine", func(path string) (models.Entry, error) {
		if strings.Contains(path, "gone") {
			return models.Entry{}, errors.New(path + ": gone")
		}
		return models.Entry{Name: path, File: &models.FileInfo{Outputs: 3}, Build: func(b nn.Builder, o models.Options) nn.Layer {
			if o.NewHead || o.BGR || o.Restore {
				b.Fail("new head %t, bgr %t, restore %t", o.NewHead, o.BGR, o.Restore)
			}
			return nn.Sequential{nn.Flatten, b.Linear("fc", 4, o.Classes)}
		}}, nil
	})
	for name, want := range map[string]bool{"a.mine": true, "dir/a.MINE": true, ".mine": true, "mine": false, "a.mine.txt": false, "a.theirs": false, "mlp": false, "": false} {
		if models.IsFile(name) != want {
			t.Errorf("IsFile(%q) is %t", name, !want)
		}
	}
	image := []int{2, 2, 1}
	for _, tt := range []struct {
		name string
		o    models.Options
		want string // the error, "" for none
	}{
		{"a.mine", models.Options{Input: image, Classes: 3}, ""},
		{"a.mine", models.Options{Input: image, Classes: 3, Norm: "batch"}, ""},
		{"gone.mine", models.Options{Input: image, Classes: 3}, "gone.mine: gone"},
		{"a.mine", models.Options{Input: image, Classes: 3, Norm: "group"}, `a.mine: its normalisation is what the file has, not "group"`},
		{"a.mine", models.Options{Input: image, Classes: 3, NewHead: true, BGR: true}, "a.mine: new head true, bgr true, restore false"},
		{"a.mine", models.Options{Input: []int{4}, Classes: 3}, "a.mine: input shape [4]; it must be height, width, channels"},
		{"a.mine", models.Options{Input: image, Classes: 1}, "a.mine: 1 classes; there must be at least two"},
		{"mlp", models.Options{Input: image, Classes: 3, BGR: true}, "mlp: exchanged channels, restored batch normalisation and a choice of outputs are for networks of files"},
		{"mlp", models.Options{Input: image, Classes: 3, Restore: true}, "mlp: exchanged channels, restored batch normalisation and a choice of outputs are for networks of files"},
		{"a.theirs", models.Options{Input: image, Classes: 3}, `unknown model "a.theirs"`},
	} {
		_, err := models.Build(tt.name, tt.o)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s, %+v: error %v, want %q", tt.name, tt.o, err, tt.want)
		}
	}
	if slices.Contains(models.Names(), "a.mine") {
		t.Error("a file is in the list")
	}
}
