package study

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/monge-ml/monge/internal/atomicfile"
	"github.com/monge-ml/monge/internal/words"
	"github.com/monge-ml/monge/train"
)

// FileName is the file of a study's directory that says what the study is.
const FileName = "study.toml"

//go:embed presets/*.toml
var presets embed.FS

// A file is a study as TOML has it.
type file struct {
	Name   string   `toml:"name"`
	About  string   `toml:"about,omitempty"`
	Notes  []string `toml:"notes,omitempty"`
	Beside string   `toml:"beside,omitempty"`
	Preset string   `toml:"preset,omitempty"`
	Seeds  int      `toml:"seeds,omitzero"`
	Folds  int      `toml:"folds,omitzero"`
	Budget string   `toml:"budget,omitempty"`
	// Program is set where a program has made the runs by an Opener of its own, or of a task that
	// is none of the registered kinds: such a study is read here, but not run. Own are then the
	// settings of the task, if its kind is not known.
	Program bool               `toml:"program,omitempty"`
	Own     []ownSetting       `toml:"own,omitempty"`
	Cost    map[string]float64 `toml:"cost,omitempty"` // of a step, by method
	Base    map[string]any     `toml:"base"`
	Stage   []map[string]any   `toml:"stage,omitempty"`
	Grid    []map[string]any   `toml:"grid"`
}

// Presets returns the names of the studies that come with the program.
func Presets() (names []string) {
	entries, _ := presets.ReadDir("presets") // it is embedded
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".toml"))
	}
	return names
}

// Open returns a study by the name of a preset or by its TOML file. What the overrides
// set, like "epochs=2", changes its base settings; "seeds=1" changes its number of seeds, and
// "folds=5" that of folds.
func Open(name string, overrides ...string) (*Study, error) {
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	for _, o := range overrides {
		if err := f.set(o); err != nil {
			return nil, fmt.Errorf("set %s: %w", o, err)
		}
	}
	s, err := f.study()
	if err == nil && !slices.Contains(Presets(), name) {
		err = s.findPlaces(filepath.Dir(name))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// findPlaces makes relative paths that lead nowhere from here lead where they do from the directory
// of the study's file. Names of cells stay.
func (s *Study) findPlaces(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	all := []*train.Config{&s.Base}
	for i := range s.Stages {
		all = append(all, &s.Stages[i].Config)
	}
	for i := range s.Cells {
		all = append(all, &s.Cells[i].Config)
	}
	for _, c := range all {
		c.Directory = dir
		if err := c.FindPlaces(); err != nil {
			return err
		}
	}
	s.baseTexts = texts(&s.Base)
	return nil
}

func open(name string) (*file, error) {
	if slices.Contains(Presets(), name) {
		return preset(name)
	}
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) && filepath.Ext(name) != ".toml" {
		return nil, fmt.Errorf("no preset or file %q%s; the presets are %s", name, words.DidYouMean(name, Presets()), strings.Join(Presets(), ", "))
	}
	if err != nil {
		return nil, err
	}
	f, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if f.Name == "" {
		f.Name = strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	}
	return f, nil
}

func preset(name string) (*file, error) {
	if !slices.Contains(Presets(), name) {
		return nil, fmt.Errorf("unknown preset %q%s; there are %s", name, words.DidYouMean(name, Presets()), strings.Join(Presets(), ", "))
	}
	b, err := presets.ReadFile("presets/" + name + ".toml")
	if err != nil {
		return nil, err
	}
	return parse(b)
}

// parse reads a study, over the preset that it names.
func parse(b []byte) (*file, error) {
	var (
		f      file
		values map[string]any
	)
	if err := words.TOML(b, &values); err != nil {
		return nil, err
	}
	if err := checkShape(b, values); err != nil {
		return nil, err
	}
	m, err := toml.Decode(string(b), &f)
	if err != nil {
		return nil, err
	}
	for _, key := range m.Undecoded() {
		if key[0] == "own" { // what tables of settings hold is not decoded but set
			return nil, fmt.Errorf("unknown key %q", key)
		}
	}
	if len(f.Own) > 0 && !f.Program {
		return nil, errors.New("[[own]] says what settings the task of a program has; it needs program = true")
	}
	if m.IsDefined("seeds") && f.Seeds < 1 {
		return nil, fmt.Errorf("seeds is %d; it must be at least 1", f.Seeds)
	}
	if m.IsDefined("folds") && f.Folds < 2 {
		return nil, fmt.Errorf("folds is %d; it must be at least 2", f.Folds)
	}
	if f.Beside != "" && f.Beside != Table3 {
		return nil, fmt.Errorf("beside is %q; the only table to show beside a study is %s", f.Beside, Table3)
	}
	if err := f.normalize(f.own()); err != nil {
		return nil, err
	}
	if f.Preset == "" {
		return &f, nil
	}
	p, err := preset(f.Preset)
	if err != nil {
		return nil, err
	}
	return f.onto(p), nil
}

// onto returns a file with what it leaves out taken from its preset: single settings of
// the base, the stages and the grid as a whole; what is said of it with the grid.
func (f *file) onto(p *file) *file {
	whole := *f
	whole.Preset = ""
	whole.Base = map[string]any{}
	for _, from := range []*file{p, f} {
		for k, v := range from.Base {
			whole.Base[k] = v
		}
	}
	if f.Seeds == 0 {
		whole.Seeds = p.Seeds
	}
	if f.Folds == 0 {
		whole.Folds = p.Folds
	}
	if f.Budget == "" {
		whole.Budget = p.Budget
	}
	if f.Cost == nil && whole.Budget == p.Budget {
		whole.Cost = p.Cost
	}
	if f.Stage == nil {
		whole.Stage = p.Stage
	}
	if f.Grid == nil {
		whole.Grid = p.Grid
		whole.About, whole.Beside = cmp.Or(f.About, p.About), cmp.Or(f.Beside, p.Beside)
		if f.Notes == nil {
			whole.Notes = p.Notes
		}
	}
	return &whole
}

// A table is one table of settings, with what to call it.
type table struct {
	name   string
	values map[string]any
	grid   bool // its settings may be lists of values
}

func (f *file) tables() (list []table) {
	list = append(list, table{"[base]", f.Base, false})
	for i, t := range f.Stage {
		list = append(list, table{fmt.Sprintf("[[stage]] %d", i+1), t, false})
	}
	for i, t := range f.Grid {
		list = append(list, table{fmt.Sprintf("[[grid]] %d", i+1), t, true})
	}
	return list
}

// normalize brings the names of settings to those of flags, and refuses unknown ones. Those of
// a program's own task are known beside those of the registered kinds.
func (f *file) normalize(own []string) error {
	for _, t := range f.tables() {
		if err := t.normalize(own); err != nil {
			return err
		}
	}
	return nil
}

func (t table) normalize(own []string) error {
	known := train.SettingNames()
	for _, name := range own {
		known = appendNew(known, name)
	}
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		name := strings.ReplaceAll(key, "_", "-")
		if !slices.Contains(known, name) {
			return fmt.Errorf("%s: unknown setting %q%s; there are %s", t.name, key, words.DidYouMean(name, known), strings.Join(known, ", "))
		}
		if name == key {
			continue
		}
		if _, twice := t.values[name]; twice {
			return fmt.Errorf("%s: %s and %s are the same setting: give one", t.name, key, name)
		}
		t.values[name] = t.values[key]
		delete(t.values, key)
	}
	return nil
}

// set changes a base setting, or the number of seeds or of folds.
func (f *file) set(override string) error {
	key, text, ok := strings.Cut(override, "=")
	if !ok {
		return errors.New("write it as NAME=VALUE")
	}
	key = strings.ReplaceAll(strings.TrimSpace(key), "_", "-")
	for _, count := range []struct {
		key   string
		to    *int
		least int
	}{{"seeds", &f.Seeds, 1}, {"folds", &f.Folds, 2}} {
		if key != count.key {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < count.least {
			return fmt.Errorf("%q is no number of %s", text, key)
		}
		*count.to = n
		return nil
	}
	if key == "budget" {
		f.Budget = strings.TrimSpace(text)
		return nil
	}
	if err := (table{"--set", map[string]any{key: text}, false}).normalize(f.own()); err != nil {
		return err
	}
	for _, t := range f.tables()[1:] {
		if _, there := t.values[key]; there && t.grid {
			return fmt.Errorf("%s sets it for its runs; change it there", t.name)
		}
	}
	if f.Base == nil {
		f.Base = map[string]any{}
	}
	f.Base[key] = value(text)
	return nil
}

// study makes the runs of a whole file.
func (f *file) study() (*Study, error) {
	base, err := f.begin()
	if err != nil {
		return nil, fmt.Errorf("[base]: %w", err)
	}
	most := maxCells
	if f.Program {
		most = maxRuns // it was one there
	}
	return f.over(base, most)
}

// begin returns what the file's base changes.
func (f *file) begin() (train.Config, error) {
	task, _ := f.Base["task"].(string)
	if !f.Program {
		return train.Begin(task)
	}
	if k, err := train.FindKind(task); err == nil {
		return train.DefaultOf(k), nil
	}
	c := train.Default()
	c.Task, c.Own = task, ownStruct(f.Own)
	return c, nil
}

// base returns the settings of the file's base that are to be applied to what begin returns.
func (f *file) base() map[string]any {
	values := maps.Clone(f.Base)
	if f.Program {
		delete(values, "task") // it need not be a registered one
	}
	return values
}

// over makes the runs of a file whose settings are over these, so many at most.
func (f *file) over(base train.Config, most int) (*Study, error) {
	s := &Study{Name: f.Name, About: f.About, Notes: f.Notes, Beside: f.Beside, Seeds: max(f.Seeds, 1), Folds: f.Folds, Budget: f.Budget, Cost: f.Cost, Base: base, open: byKind, readOnly: f.Program, most: most, file: f, known: map[string]bool{}, gradients: map[string]float64{}}
	if s.Name == "" {
		s.Name = "study"
	}
	if err := f.checkBudget(); err != nil {
		return nil, err
	}
	if err := train.ApplySettings(&s.Base, f.base()); err != nil {
		return nil, fmt.Errorf("[base]: %w", err)
	}
	s.baseTexts, s.ofMethods = texts(&s.Base), ofMethods()
	if len(f.Grid) == 0 {
		return nil, errors.New(`no [[grid]]: it says what varies, like method = ["sam", "m-sam"] and rho = [0.1, 0.3]`)
	}
	if _, given := f.Base["seed"]; given && f.Seeds > 0 {
		return nil, errors.New("[base] has a seed and the study has seeds; give one of the two")
	}
	if _, given := f.Base[foldSetting]; given && f.Folds > 0 {
		return nil, errors.New("[base] has a fold and the study has folds; give one of the two")
	}
	if err := s.addStages(f.Stage); err != nil {
		return nil, err
	}
	for i, g := range f.Grid {
		if err := s.addGrid(g, f.Seeds > 0); err != nil {
			return nil, fmt.Errorf("[[grid]] %d: %w", i+1, err)
		}
	}
	slices.SortStableFunc(s.Cells, func(a, b Cell) int { // an interrupted study has whole seeds
		return int(min(a.Config.Seed, math.MaxInt32)) - int(min(b.Config.Seed, math.MaxInt32))
	})
	s.findVarying()
	return s, nil
}

// TOML returns the study as a file: one that starts from no preset.
func (s *Study) TOML() ([]byte, error) {
	if s.unsaid != nil {
		return nil, s.unsaid
	}
	var b bytes.Buffer
	f := *s.file
	f.Name = s.Name
	e := toml.NewEncoder(&b)
	e.Indent = ""
	err := e.Encode(f)
	return b.Bytes(), err
}

// Save writes the study into its directory, so that it can be gone on with and reported
// on from there.
func (s *Study) Save(dir string) error {
	text, err := s.TOML()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, FileName), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}
