package models_test

import (
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
