package paper

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/monge-ml/monge/toy"
)

// redrawn computes a figure once for all tests. Figures 2 and 5 take seconds.
func redrawn(t *testing.T, name string) *Figure {
	t.Helper()
	if testing.Short() && (name == "fig2" || name == "fig5") {
		t.Skip("takes seconds")
	}
	f, err := cache[name]()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var cache = map[string]func() (*Figure, error){}

func init() {
	for _, name := range Names() {
		cache[name] = sync.OnceValues(func() (*Figure, error) { return Redraw(context.Background(), name) })
	}
}

// Every number of every figure agrees with what it is compared with.
func TestFiguresAgree(t *testing.T) {
	rows := map[string]int{"fig1": 17, "fig2": 21, "fig3": 12, "fig4": 20, "fig5": 24}
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			f := redrawn(t, name)
			if len(f.Comparison) != rows[name] {
				t.Errorf("%d numbers are compared, want %d", len(f.Comparison), rows[name])
			}
			for _, r := range f.Comparison {
				if r.Verdict != "agrees" && r.Source != ReadOff {
					t.Errorf("%s: expected %g, ours %g: %s", r.Name, r.Expected, r.Ours, r.Verdict)
				}
			}
		})
	}
}

// The files are what their names say, and under the same names as in the documentation.
func TestWrite(t *testing.T) {
	want := map[string]string{
		"fig1": "fig1.svg fig1.png fig1.json", "fig2": "fig2.svg fig2.png fig2.json", "fig3": "fig3.svg fig3.png fig3.json",
		"fig4": "fig4.svg fig4.png fig4-exact.svg fig4-exact.png fig4.json",
		"fig5": "fig5.svg fig5.png fig5-rho.svg fig5-rho.png fig5.json",
	}
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new", "folder")
			paths, err := redrawn(t, name).Write(dir)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range paths {
				checkFile(t, p)
				got = append(got, filepath.Base(p))
			}
			if s := strings.Join(got, " "); s != want[name] {
				t.Errorf("wrote %s, want %s", s, want[name])
			}
			if left, _ := os.ReadDir(dir); len(left) != len(paths) {
				t.Errorf("%d files in the directory, %d reported", len(left), len(paths))
			}
		})
	}
}

func checkFile(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	switch filepath.Ext(path) {
	case ".svg":
		d := xml.NewDecoder(bytes.NewReader(b))
		for err == nil {
			_, err = d.Token()
		}
		if err != io.EOF {
			t.Errorf("%s: %v", path, err)
		}
		if len(b) > 1<<20 {
			t.Errorf("%s has %d bytes", path, len(b))
		}
	case ".png":
		img, err := png.Decode(bytes.NewReader(b))
		if err != nil || img.Bounds().Dx() < 600 {
			t.Errorf("%s: %v, %v", path, img.Bounds(), err)
		}
	case ".json":
		var f struct {
			Figure     string
			Comparison []Row
			Data       map[string]any
		}
		if err := json.Unmarshal(b, &f); err != nil || f.Figure == "" || len(f.Comparison) == 0 || len(f.Data) == 0 {
			t.Errorf("%s: figure %q, %d rows, %d data: %v", path, f.Figure, len(f.Comparison), len(f.Data), err)
		}
	}
}

func TestWriteFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := redrawn(t, "fig3").Write(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("writing into a file: %v; want an error with its name", err)
	}
	// A directory in the file's place: the rename fails, and no half file stays.
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o777); err != nil {
		t.Fatal(err)
	}
	f := &Figure{Name: "a"}
	if err := os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "a.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(dir); err == nil {
		t.Error("replaced a directory")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRedrawErrors(t *testing.T) {
	if _, err := Redraw(context.Background(), "fig6"); err == nil || !strings.Contains(err.Error(), "fig1, fig2, fig3, fig4, fig5") {
		t.Errorf("unknown figure: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, name := range Names() {
		if _, err := Redraw(ctx, name); !errors.Is(err, context.Canceled) {
			t.Errorf("%s cancelled: %v", name, err)
		}
	}
}

func TestVerdicts(t *testing.T) {
	for _, tt := range []struct {
		ours, tolerance float64
		want            string
	}{{1, 0, "agrees"}, {1.01, .02, "agrees"}, {1.03, .02, "differs"}, {.97, .02, "differs"}, {math.NaN(), 1, "differs"}, {9, -1, ""}} {
		r := compare("x", Rerun, 1, tt.ours, tt.tolerance)
		if r.Verdict != tt.want {
			t.Errorf("1 against %g, tolerance %g: %q, want %q", tt.ours, tt.tolerance, r.Verdict, tt.want)
		}
		f := Figure{Comparison: []Row{r}}
		if (len(f.Differing()) == 1) != (tt.want == "differs") {
			t.Errorf("Differing of %q: %v", tt.want, f.Differing())
		}
	}
}

func TestWriteTable(t *testing.T) {
	f := Figure{Name: "fig9", Title: "a title", Comparison: []Row{
		compare("a", Rerun, 1, 1.25, .1), compare("b", Formula, 1e-9, 2e-9, 1e-3), compare("c", ReadOff, 3, 3, -1),
	}}
	var b strings.Builder
	if err := f.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	want := `fig9: a title
  number  source   expected  ours     difference  tolerance  
  a       re-run   1         1.25     0.25        0.1        differs
  b       formula  1.0e-09   2.0e-09  1.0e-09     0.001      agrees
  c       figure   3         3        0           -          
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestDensity(t *testing.T) {
	sample := []float64{-1, 0, .5, 2, 2.5}
	d := newDensity(sample)
	if want := .5 * math.Sqrt(2.075) * math.Pow(5, -.2); math.Abs(d.width-want) > 1e-12 {
		t.Errorf("bandwidth %g, want half of Scott's, %g", d.width, want)
	}
	var area float64
	for x := -8.; x < 10; x += .01 {
		area += .01 * d.At(x)
	}
	if math.Abs(area-1) > 1e-9 {
		t.Errorf("the density's integral is %g", area)
	}
	var points [][]float64
	xs := make([]float64, 200)
	for i := range xs {
		xs[i] = centre(-10, 10, len(xs), i)
	}
	for _, s := range sample {
		points = append(points, []float64{s, -2 * s})
	}
	var volume float64
	for _, row := range density2(points, xs, xs) {
		for _, v := range row {
			volume += .01 * v
		}
	}
	if math.Abs(volume-1) > 1e-5 {
		t.Errorf("the density's integral over the plane is %g", volume)
	}
}

// What the paper says of figure 4: at rho = .8 M-SAM's stable blob is inside the reference
// square, SAM's leaves it. And where the exact Jacobian differs: complex eigenvalues.
func TestFigure4Qualities(t *testing.T) {
	maps := redrawn(t, "fig4").Data.(map[string]any)["maps"].([]stability)
	for _, s := range maps {
		switch {
		case s.Rho == 0 && (s.Saddle != 0 || s.Valley < 2):
			t.Errorf("rho 0: areas %g at the saddle, %g in the valleys", s.Saddle, s.Valley)
		case !s.Exact && s.Rho == .8 && (s.Reach <= .5) != (s.Method == "m-sam"):
			t.Errorf("%s: the blob reaches %g", s.Method, s.Reach)
		case !s.Exact && (s.Complex != 0 || s.Larger != 0):
			t.Errorf("%s, rho %g: %g complex, %g without a positive eigenvalue", s.Method, s.Rho, s.Complex, s.Larger)
		case s.Exact && s.Method == "m-sam" && s.Rho >= .4 && !(s.Complex >= .01 && s.Complex <= .06 && s.Larger >= .01 && s.Larger <= .1):
			t.Errorf("exact M-SAM, rho %g: %g complex, %g without a positive eigenvalue", s.Rho, s.Complex, s.Larger)
		}
	}
}

// M-SAM keeps the runs in the valleys up to a larger radius than the others.
func TestFigure5OverRadii(t *testing.T) {
	radii := redrawn(t, "fig5").Data.(map[string]any)["over_rho"].([]robustness)
	at := map[string]float64{}
	for _, r := range radii {
		at[r.Method] = r.Collapse
		if r.Saddle[0] != 10 || r.Minima[0] != 90 {
			t.Errorf("%s, rho 0: %d at the saddle and %d in a valley; want gradient descent's 10 and 90", r.Method, r.Saddle[0], r.Minima[0])
		}
		if i := 20; r.Rho[i] != 1 || (r.Method == "sam" && r.Saddle[i] != 32) || (r.Method == "m-sam" && r.Saddle[i] != 16) {
			t.Errorf("%s, rho %g: %d at the saddle", r.Method, r.Rho[i], r.Saddle[i])
		}
	}
	if !(at["sam"] < at["asam"] && at["asam"] < at["fisher"] && at["fisher"] < at["m-sam"] && at["sam"] > 1) {
		t.Errorf("collapse at %v", at)
	}
}

func TestThin(t *testing.T) {
	path := [][]float64{{0, 0}, {.1, 0}, {.1, .1}, {1, 0}, {1, .05}}
	got := thin(path, .5)
	if len(got) != 3 || got[1][0] != 1 || got[2][1] != .05 {
		t.Errorf("thin: %v; want the first, the far one and the end", got)
	}
	if thin(nil, 1) != nil {
		t.Error("thin of no path")
	}
	if got := upTo([][]float64{{1, 0}, {3e170, 4e170}, {0, 0}}, 10); len(got) != 2 || math.Hypot(got[1][0]-6, got[1][1]-8) > 1e-12 {
		t.Errorf("upTo: %v; want the first and a point 10 away, on the way to the second", got)
	}
}

func TestDrawRuns(t *testing.T) {
	dir := t.TempDir()
	m, err := method("m-sam", 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, loss := range map[string]toy.Loss{"banana": toy.Banana{}, "sinc": toy.Sinc{}, "quadratic": toy.Quadratic{}} {
		starts := toy.Grid(loss.Dim(), 25, -2, 2)
		starts[0][0] = 1e100 // diverges or ends far out of the view
		runs, err := toy.DescendAll(context.Background(), loss, starts, toy.Settings{Method: m, LR: .5, Steps: 30, PathEvery: 1})
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, toy.Run{Start: make([]float64, loss.Dim())}) // without a path
		paths, err := DrawRuns(dir, name, "title", "m-sam", loss, runs)
		if err != nil || len(paths) != 2 {
			t.Fatal(paths, err)
		}
		for _, p := range paths {
			checkFile(t, p)
		}
	}
	if _, err := DrawRuns(dir, "x", "", "lion", toy.Banana{}, nil); err == nil {
		t.Error("drew an unknown method")
	}
}
