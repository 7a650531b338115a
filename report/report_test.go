package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

var keep = flag.String("keep", "", "write the pages of the tests into this directory, to look at them")

// pageOf renders a comparison and checks what every page must be.
func pageOf(t *testing.T, c *study.Comparison) string {
	t.Helper()
	b, err := Page(c, "monge compare --seeds 3")
	if err != nil {
		t.Fatal(err)
	}
	if *keep != "" {
		name := strings.NewReplacer("/", "_", " ", "_").Replace(t.Name()) + ".html"
		if err := os.WriteFile(filepath.Join(*keep, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	checkPage(t, b)
	return string(b)
}

var (
	svgElement  = regexp.MustCompile(`(?s)<svg .*?</svg>`)
	alternative = regexp.MustCompile(`aria-label="[^"]*"`)
	notDrawable = regexp.MustCompile(`NaN|Inf|#[0-9A-Fa-f]{6}|e\+\d{3}`)
)

// checkPage checks that a page is well-formed, loads nothing, runs nothing, and that its
// pictures hold numbers and no colour that ignores the theme.
func checkPage(t *testing.T, b []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(b)) // the page is XML too, but for the names of entities
	d.Entity = xml.HTMLEntity
	ids := map[string]bool{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "script", "link", "img", "iframe", "object", "image", "use", "base", "form":
			t.Errorf("the page has a <%s>", e.Name.Local)
		}
		for _, a := range e.Attr {
			switch {
			case strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "src":
				t.Errorf("<%s> has the attribute %s", e.Name.Local, a.Name.Local)
			case a.Name.Local == "href" && !strings.HasPrefix(a.Value, "#"):
				t.Errorf("a link leaves the page: %s", a.Value)
			case a.Name.Local == "id" && ids[a.Value]:
				t.Errorf("the id %s is there twice", a.Value)
			case a.Name.Local == "id":
				ids[a.Value] = true
			}
		}
	}
	for _, s := range []string{"http://", "https://", "@import", "url(", "#FE0", "#FD", "±\u00a00.0%", "%!"} {
		if bytes.Contains(b, []byte(s)) {
			t.Errorf("the page has %q", s)
		}
	}
	for _, svg := range svgElement.FindAllString(string(b), -1) {
		svg = alternative.ReplaceAllString(svg, "")
		if i := notDrawable.FindStringIndex(svg); i != nil {
			t.Fatalf("a picture has %q: %.200s", svg[i[0]:i[1]], svg[max(0, i[0]-60):])
		}
	}
}

func TestPage(t *testing.T) {
	page := pageOf(t, noisyDigits())
	for _, s := range []string{
		`<meta name="viewport"`, "<title>SGD, SAM and Monge SAM (M-SAM) on digits", "arXiv 2502.08448",
		"prefers-color-scheme: dark", "monge compare --seeds 3", ">label_noise<", ">momentum<", ">avx2<",
		"3 of 3 broke", "The upper end, enlarged", "1/alpha = 1<", "budget 0.08<", "at rho 1</h3>", "chance<",
		"Gain in accuracy against the gradients of a step</h3>", "Gain in accuracy against the time of a step</h3>",
		"<td>&#43;5.3 ± 0.0</td><td>&#43;5.3 to &#43;5.3</td><td>2</td><td>2.00</td><td>0.03 to 0.3</td><td>≥ 1.0</td>", // SAM
		`<th scope="col">loss</th></tr>`, "<td>1 ± 0</td>",
	} {
		if !strings.Contains(page, s) {
			t.Errorf("the page lacks %q", s)
		}
	}
	charts := strings.Count(page, `class="chart" role="img" aria-label="`)
	if charts != 3+2+6+2+2 {
		t.Errorf("%d charts with a text alternative, want 15", charts)
	}
	if n := len(page); n > 250e3 {
		t.Errorf("the page has %d bytes", n)
	}
	if strings.Contains(page, "Partial.") {
		t.Error("a complete comparison is called partial")
	}
}

func TestPageIsDeterministic(t *testing.T) {
	first, err := Page(noisyDigits(), "x")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		again, err := Page(noisyDigits(), "x")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, again) {
			t.Fatal("the same comparison gave two pages")
		}
	}
}

func TestPageKinds(t *testing.T) {
	good := []float64{.94, .95, .96}
	broken := []float64{-.1, -.1, -.1}
	interrupted := noisyDigits()
	interrupted.Planned = 186
	tests := []struct {
		name   string
		c      *study.Comparison
		has    []string
		hasNot []string
	}{
		{"nothing", unbegun(3), []string{"0 of 75 planned runs", "A comparison on"}, []string{"<svg"}},
		{"interrupted", interrupted, []string{"75 of 186 planned runs are over"}, nil},
		{"sgd only", comparison(arm{method: "sgd", acc: at(0, good...)}), []string{"Training loss"}, []string{"Accuracy against rho", "Ascent:"}},
		{"one seed", comparison(arm{method: "sgd", acc: at(0, .9)}, arm{method: "m-sam", acc: at(.1, .95)}), []string{"n = 1", "One seed: no error bars"}, []string{"±\u00a0"}},
		{"all broken", comparison(arm{method: "sgd", acc: at(0, broken...)}, arm{method: "sam", acc: at(.1, broken...)}), []string{"Every run broke"}, nil},
		{"every method", comparison(
			arm{method: "sgd", acc: at(0, good...)}, arm{method: "sam", acc: at(.1, good...)}, arm{method: "m-sam", acc: at(.1, good...)},
			arm{method: "m-sam", budget: .05, acc: at(.1, good...)}, arm{method: "m-sam", budget: .1, acc: at(.1, good...)},
			arm{method: "m-sam", budget: .2, acc: at(.1, good...)}, arm{method: "m-sam", budget: .4, acc: at(.1, good...)},
			arm{method: "fisher", acc: at(.1, good...)}, arm{method: "asam", acc: at(1, good...)}, arm{method: ownMethod, acc: at(2, good...)},
		), []string{"Fisher SAM", "ASAM", "Unheard-of"}, nil},
		{"no sgd, many radii", comparison(
			arm{method: "sam", acc: map[float64][]float64{1e-4: good, 1e-3: good, 1e-2: good, .1: good, 1: broken, 10: broken, 100: broken, 1000: broken}},
			arm{method: "m-sam", acc: map[float64][]float64{1e-4: good, 1e-3: good, 1e-2: good, .1: good, 1: good, 10: broken, 100: broken, 1000: broken}},
		), []string{"breaks only from rho 10 on, SAM from 1"}, []string{"SGD"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page := pageOf(t, tt.c)
			for _, s := range tt.has {
				if !strings.Contains(page, s) {
					t.Errorf("the page lacks %q", s)
				}
			}
			for _, s := range tt.hasNot {
				if strings.Contains(page, s) {
					t.Errorf("the page has %q", s)
				}
			}
		})
	}
}

// Names and messages from outside are text, whatever they contain.
func TestPageEscapes(t *testing.T) {
	const hostile = `"><script>alert(1)</script><img src=x onerror=y>&</svg>`
	c := noisyDigits()
	c.Data.Name, c.Level, c.Plan.Base.Base = hostile, hostile, hostile
	supervised.Change(&c.Plan.Base, func(s *supervised.Settings) { s.Data, s.Model = hostile, hostile })
	c.Rows[5].Failure = hostile
	for i := range c.Summary {
		if c.Summary[i].Method == "sam" {
			c.Summary[i].Method = hostile
		}
	}
	for i := range c.Rows {
		if c.Rows[i].Method == "sam" {
			c.Rows[i].Method = hostile
		}
	}
	b, err := Page(c, hostile)
	if err != nil {
		t.Fatal(err)
	}
	checkPage(t, b)
	if !bytes.Contains(b, []byte("&lt;script&gt;alert(1)")) {
		t.Error("the text is not there")
	}
}

// A run that meets a NaN stops early, and its last epochs may hold anything.
func TestPageOfWildNumbers(t *testing.T) {
	c := noisyDigits()
	wild := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -1e300, 1e-300, 0, -1}
	for i := range c.Rows {
		r := &c.Rows[i]
		r.Diverged, r.Failure = i%2 == 0, "step 12: ascent gradient at theta: the loss is not finite"
		r.Records = r.Records[:i%30]
		for j := range r.Records {
			if (i+j)%3 > 0 {
				continue
			}
			x := wild[(i+j)%len(wild)]
			r.Records[j] = train.Record{Epoch: j + 1, TrainLoss: x, Val: classes(x, x), GradNorm: x, PredictedAscent: x, Ascent: x}
		}
	}
	c.Summary[1].StepRatio = math.NaN()
	page := pageOf(t, c)
	if !strings.Contains(page, "and 67 more") {
		t.Error("75 messages are not cut short")
	}
}

// No comparison, however odd, makes a bad page.
func TestPageOfRandomComparisons(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 80 {
		var arms []arm
		for _, m := range []string{"sgd", "sam", "m-sam", "m-sam", "m-sam", "fisher", "asam"} {
			if rng.IntN(2) == 0 {
				continue
			}
			a := arm{method: m, acc: map[float64][]float64{}, grad: math.Exp(6 * rng.NormFloat64()), rise: rng.NormFloat64()}
			if m == "m-sam" && rng.IntN(3) > 0 {
				a.budget = math.Exp(3 * rng.NormFloat64())
			}
			radii := 1 + rng.IntN(5)
			for range radii {
				rho := math.Exp(float64(1+i%4) * rng.NormFloat64())
				if m == "sgd" {
					rho = 0
				}
				var acc []float64
				for range 1 + rng.IntN(4) {
					v := rng.Float64()
					if rng.IntN(3) == 0 {
						v = -v
					}
					acc = append(acc, v)
				}
				a.acc[rho] = acc
			}
			arms = append(arms, a)
		}
		c := comparison(arms...)
		if rng.IntN(4) == 0 {
			c.Data.Classes, c.Data.Test = 0, 0
		}
		b, err := Page(c, "")
		if err != nil {
			t.Fatal(err)
		}
		checkPage(t, b)
		if t.Failed() {
			t.Fatalf("comparison %d: %+v", i, arms)
		}
	}
}

// A large comparison makes a page that still travels well.
func TestPageSize(t *testing.T) {
	var arms []arm
	for b := range 6 {
		a := arm{method: "m-sam", budget: float64(b+1) / 50, acc: map[float64][]float64{}}
		for r := range 20 {
			a.acc[math.Pow(1.5, float64(r-10))] = []float64{.9, .91, .92, .93, .94}
		}
		arms = append(arms, a)
	}
	page := pageOf(t, comparison(arms...))
	if n := len(page); n > 500e3 {
		t.Errorf("the page of 600 runs has %d bytes", n)
	}
}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "report.html")
	c := noisyDigits()
	for range 2 { // the second replaces the first
		if err := Write(path, c, "monge compare"); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Page(c, "monge compare")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, want) {
		t.Error("the file is not the page")
	}
	files, _ := os.ReadDir(filepath.Dir(path))
	if len(files) != 1 {
		t.Errorf("%d files beside each other, want 1", len(files))
	}
	if err := Write(filepath.Join(path, "report.html"), c, ""); err == nil {
		t.Error("no error for a path below a file")
	}
	c.Plan.Rhos = []float64{math.NaN()}
	if err := Write(path, c, ""); err == nil {
		t.Error("no error for a plan that can't be repeated")
	}
}

// The page's colours in light are those of the files beside it, and it has each in dark too.
func TestInks(t *testing.T) {
	b, err := pagesHTML.ReadFile("parts.html")
	if err != nil {
		t.Fatal(err)
	}
	inks := []chart.Ink{chart.Text, chart.Muted, chart.Grid}
	for i := range chart.LineInks {
		inks = append(inks, chart.LineInk(i))
	}
	for _, i := range inks {
		c := i.Light()
		in := strings.Split(string(b), i.Variable()+": ")
		if want := fmt.Sprintf("#%02x%02x%02x;", c.R, c.G, c.B); len(in) != 3 || !strings.HasPrefix(in[1], want) {
			t.Errorf("%s is not given twice, as %s first", i.Variable(), want)
		}
	}
}

// A page says what its runs have the same of.
func TestPageOfABudget(t *testing.T) {
	c := noisyDigits()
	c.Study.Budget = study.EqualGradients
	if page := pageOf(t, c); !strings.Contains(page, "3 seeds, as many gradients each as 30 epochs of steps with two, ") || !strings.Contains(page, "<dt>budget</dt><dd>gradients</dd>") {
		t.Error("the page does not say that its runs have the same number of gradients")
	}
	c.Study.Budget, c.Study.Cost = study.EqualTime, map[string]float64{"sam": 1.9}
	if page := pageOf(t, c); !strings.Contains(page, "as much time each as 30 epochs") || !strings.Contains(page, "<dt>cost of sam</dt><dd>1.9</dd>") {
		t.Error("the page does not say that its runs take the same time")
	}
}
