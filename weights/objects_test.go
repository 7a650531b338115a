package weights

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An objectsFile is what PyTorch holds of a file that testdata/gen_objects.py wrote.
type objectsFile struct {
	State    map[string][]int64 // of floats the bits of the float32
	Taken    string
	Networks []string
	Passed   []string // some of the names
	Error    string
	Key      string
}

func objectsFiles(t testing.TB) map[string]objectsFile {
	all := map[string]objectsFile{}
	for _, age := range []string{"old", "new"} {
		b, err := os.ReadFile("testdata/objects/" + age + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 40 {
		t.Fatalf("%d files", len(all))
	}
	return all
}

// Files of PyTorch 1.13 and 2.15 with objects of all kinds beside the tensors, and modules saved
// whole: the network is read as PyTorch holds it.
func TestObjects(t *testing.T) {
	for name, want := range objectsFiles(t) {
		t.Run(name, func(t *testing.T) {
			f, err := ReadWith(filepath.Join("testdata/objects", name), Options{Key: want.Key})
			if want.Error != "" {
				if err == nil || !strings.Contains(err.Error(), want.Error) || !strings.Contains(err.Error(), name) {
					t.Errorf("error %v, want %q", err, want.Error)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if f.Taken() != want.Taken {
				t.Errorf("took %q, want %q", f.Taken(), want.Taken)
			}
			if len(want.Networks) > 0 && !slices.Equal(f.Networks(), want.Networks) {
				t.Errorf("networks %q, want %q", f.Networks(), want.Networks)
			}
			state := f.StateDict()
			for i := range state {
				x := &state[i]
				if v, there := want.State[x.Name]; !there || !slices.Equal(elementsOf(x), v) {
					t.Errorf("%s %v: %v, want %v", x.Name, x.Shape, elementsOf(x), v)
				}
			}
			if len(state) != len(want.State) {
				t.Errorf("%q, want %d tensors", names(state), len(want.State))
			}
			for _, p := range want.Passed {
				if !slices.ContainsFunc(f.Passed, func(x Passed) bool { return x.Name == p }) {
					t.Errorf("%q was not passed over: %+v", p, f.Passed)
				}
			}
		})
	}
}

// What was passed over is named by its class, and numbers of NumPy are metadata.
func TestPassed(t *testing.T) {
	for _, name := range []string{"old_beside.pt", "new_beside.pt", "old_beside_legacy.pt", "new_beside_legacy.pt"} {
		f, err := Read(filepath.Join("testdata/objects", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range [][2]string{
			{"args", "argparse.Namespace"}, {"whole optimizer", "torch.optim.sgd.SGD"}, {"dtype", "torch.float16"}, {"path", "pathlib.PosixPath"},
			{"path313", "pathlib._local.PosixPath"}, {"object", "research.code.Options"}, {"inner", "research.code.Options.Inner"},
			{"config", "omegaconf.dictconfig.DictConfig"}, {"easy", "easydict.EasyDict"}, {"array", "numpy.ndarray"}, {"uuid", "uuid.UUID"},
			{"when", "datetime.datetime"}, {"deque", "collections.deque"}, {"complex", "builtins.complex"},
		} {
			if !slices.ContainsFunc(f.Passed, func(p Passed) bool { return p.Name == want[0] && p.Class == want[1] }) {
				t.Errorf("%s: no %q in %+v", name, want, f.Passed)
			}
		}
		for k, v := range map[string]string{"acc": "91.25", "acc32": "0.5", "epoch": "7", "good": "True"} {
			if f.Metadata[k] != v {
				t.Errorf("%s: metadata %s is %q", name, k, f.Metadata[k])
			}
		}
	}
}
