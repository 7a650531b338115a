package study

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/train"
)

// A Study is a grid of runs. Read one with [Open].
type Study struct {
	Name   string             `json:"name"`
	About  string             `json:"about,omitempty"`
	Notes  []string           `json:"notes,omitempty"`  // how far it goes, a sentence or a few each
	Beside string             `json:"beside,omitempty"` // a published table to show beside it: [Table3], or ""
	Seeds  int                `json:"seeds"`
	Folds  int                `json:"folds,omitempty"`  // of the training examples, which validate in turns; 0 is one run for each seed
	Budget string             `json:"budget,omitempty"` // what its runs have the same of: [EqualGradients], [EqualTime], or "" for the steps
	Cost   map[string]float64 `json:"cost,omitempty"`   // time of a step of each method over one of "none", for EqualTime
	Base   train.Config       `json:"base"`
	Stages []Cell             `json:"stages,omitempty"` // runs before the cells, one after the other
	Cells  []Cell             `json:"cells"`            // by seed

	open      Opener
	most      int // cells
	file      *file
	readOnly  bool               // a program's, read from its file
	unsaid    error              // why it can't be written as a file
	known     map[string]bool    // names of cells
	varying   map[string]bool    // settings that make variants of methods
	baseTexts map[string]string  // the base's settings
	ofMethods map[string]bool    // settings that methods have a use for
	gradients map[string]float64 // of a step, by method, where a table says what steps cost
}

// Table3 is the table of the M-SAM paper (arXiv 2502.08448) that a study on pairs may be shown
// beside.
const Table3 = "table3"

// An Opener makes the run of a config; data that it opens for several runs it keeps in shared.
type Opener func(ctx context.Context, c train.Config, shared *train.Shared) (*train.Run, error)

// byKind opens a run whose task is of a registered kind.
func byKind(ctx context.Context, c train.Config, shared *train.Shared) (*train.Run, error) {
	return train.NewShared(ctx, shared, c)
}

// A Cell is one run of a study.
type Cell struct {
	Name   string       `json:"name"` // method, settings that are not the base's, seed
	Config train.Config `json:"config"`
}

// maxCells bounds the grids of a file, as a list too many is easily written.
const maxCells = 10000

// Dir is where a cell's run is kept in the study's directory.
func (c Cell) Dir(dir string) string { return filepath.Join(dir, "cells", c.Name) }

// ofMethods are the settings that some methods have a use for.
func ofMethods() map[string]bool {
	names := map[string]bool{"direction": true, "length": true, "descent": true}
	for _, n := range sam.SharedSettings() {
		names[n] = true
	}
	for _, n := range sam.Numbers() {
		names[n.Name] = true
	}
	return names
}

// alone reports whether a config is of the base optimizer alone.
func alone(c *train.Config) bool {
	m, err := sam.FindMethod(c.Method)
	return err == nil && m.Name == "none"
}

// idle returns what tells which settings a config has no use for, as its method doesn't perturb.
func (s *Study) idle(c *train.Config) func(setting string) bool {
	if c.Perturbs() {
		return func(string) bool { return false }
	}
	m, _ := sam.FindMethod(c.Method) // Perturbs is false for an unknown one, which has nothing
	rule, _ := optim.FindRule(c.Base)
	return func(setting string) bool { return s.ofMethods[setting] && !m.Has(setting) && !rule.Has(setting) }
}

// withoutIdle returns the config without the settings that its method, which doesn't perturb, has
// no use for.
func (s *Study) withoutIdle(c train.Config) train.Config {
	if alone(&c) {
		return c.Unperturbed()
	}
	idle, bare := s.idle(&c), train.Config{}
	was := c.MethodConfig
	bare.Method, bare.ClipNorm = was.Method, was.ClipNorm
	texts := texts(&c)
	for _, set := range train.Settings(&bare) {
		if s.ofMethods[set.Name] && !idle(set.Name) && texts[set.Name] != set.String() {
			_ = set.Set(texts[set.Name]) // it is one's text
		}
	}
	c.MethodConfig = bare.MethodConfig
	numbers := maps.Clone(c.Numbers)
	maps.DeleteFunc(numbers, func(name string, _ float64) bool { return idle(name) })
	if c.Numbers = numbers; len(numbers) == 0 {
		c.Numbers = nil
	}
	return c
}

// addGrid adds the product of a grid's lists, and of the seeds if they are counted.
func (s *Study) addGrid(grid map[string]any, seeds bool) error {
	if err := s.checkLengths(grid); err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(grid))
	lists := make([][]any, len(names))
	for i, name := range names {
		lists[i] = s.values(name, grid[name])
		if len(lists[i]) == 0 {
			return fmt.Errorf("%s is an empty list", name)
		}
	}
	if _, given := grid["seed"]; !given && seeds {
		names, lists = append(names, "seed"), append(lists, upTo(s.Seeds))
	}
	if s.Folds > 0 {
		if _, given := grid[foldSetting]; given {
			return errors.New("it has a fold and the study has folds; give one of the two")
		}
		names, lists = append(names, foldSetting), append(lists, foldsOf(s.Folds))
	}
	all := 1
	for _, l := range lists {
		if all *= len(l); all+len(s.Cells) > s.most {
			return fmt.Errorf("more than %d runs: shorten the lists", s.most)
		}
	}
	for i := range all {
		chosen := map[string]any{}
		for k, l := range slices.Backward(lists) {
			chosen[names[k]] = l[i%len(l)]
			i /= len(l)
		}
		if err := s.add(chosen); err != nil {
			return err
		}
	}
	return nil
}

// values are those of one setting in a grid. The value of a setting that is a list itself
// is a list; only a list of lists varies it.
func (s *Study) values(name string, v any) []any {
	list, ok := v.([]any)
	if !ok {
		return []any{v}
	}
	for _, s := range append(train.Settings(&s.Base), train.AllSettings()...) {
		if s.Name != name || s.Type() != "list" {
			continue
		}
		if _, nested := first(list).([]any); !nested {
			return []any{v}
		}
	}
	return list
}

func first(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

func upTo(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = int64(i + 1)
	}
	return list
}

// add adds the run that these settings make of the base, if it is not there yet.
func (s *Study) add(settings map[string]any) error {
	c := s.Base
	if err := train.ApplySettings(&c, settings); err != nil {
		return err
	}
	if _, err := sam.FindMethod(c.Method); err != nil {
		return err
	}
	if !c.Perturbs() {
		c = s.withoutIdle(c) // in a product of methods and radii it is one run
	}
	err := s.fit(&c)
	cell := Cell{s.cellName(&c), c}
	if err == nil {
		err = c.Check()
	}
	if n := len(s.Stages); err == nil && n > 0 {
		err = s.Stages[n-1].leadsTo(&c)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", cell.Name, err)
	}
	if !s.known[cell.Name] {
		s.known[cell.Name] = true
		s.Cells = append(s.Cells, cell)
	}
	return nil
}

// addStages adds the runs before the grid, each of which starts from the one before.
func (s *Study) addStages(stages []map[string]any) error {
	for i, t := range stages {
		c := s.Base
		err := train.ApplySettings(&c, t)
		if _, given := t["init"]; err == nil && given && i > 0 {
			err = errors.New("it starts from the stage before; leave out init")
		}
		if err == nil {
			err = c.Check()
		}
		if err == nil && i > 0 {
			err = s.Stages[i-1].leadsTo(&c)
		}
		if err != nil {
			return fmt.Errorf("[[stage]] %d: %w", i+1, err)
		}
		s.Stages = append(s.Stages, Cell{fmt.Sprintf("stage-%d", i+1), c})
	}
	if _, given := s.file.Base["init"]; given && len(stages) > 0 {
		return errors.New("[base] has init, but the runs start from the last [[stage]]; give init there")
	}
	return nil
}

// leadsTo returns an error if a run of c can't start from what a stage's run leaves.
func (c Cell) leadsTo(next *train.Config) error {
	k, ok := c.Config.Kind()
	after := *next
	switch {
	case c.Config.Task != next.Task:
		return fmt.Errorf("it starts from %s, which trains another task: %s, not %s", c.Name, c.Config.Task, next.Task)
	case !ok || k.Weights == "" || after.Set("init", k.Weights) != nil:
		return fmt.Errorf("it can't start from %s: task %s has no init", c.Name, next.Task)
	}
	return nil
}

// At returns the study with runs that start from a stage's weights doing so from where
// they are in the study's directory.
func (s *Study) At(dir string) *Study {
	if len(s.Stages) == 0 {
		return s
	}
	here := *s
	here.Stages, here.Cells = slices.Clone(s.Stages), slices.Clone(s.Cells)
	for i := range here.Stages[1:] {
		here.Stages[i+1].startFrom(here.Stages[i], dir)
	}
	for i := range here.Cells {
		here.Cells[i].startFrom(here.Stages[len(here.Stages)-1], dir)
	}
	return &here
}

// startFrom sets where a run starts: from what a stage's run leaves.
func (c *Cell) startFrom(stage Cell, dir string) {
	if k, ok := stage.Config.Kind(); ok {
		_ = c.Config.Set("init", filepath.Join(stage.Dir(dir), k.Weights)) // leadsTo has tried
	}
}

// cellName spells the method, the settings that are not the base's, and the seed. It
// depends on nothing else, so that it stays when a grid grows.
func (s *Study) cellName(c *train.Config) string {
	parts, alone, idle := []string{c.Method}, alone(c), s.idle(c)
	if alone {
		parts[0] = c.Base
	}
	for _, set := range train.Settings(c) {
		value := set.String()
		switch set.Name {
		case "method", "seed":
			continue
		case "base":
			if alone {
				continue
			}
		}
		if value == s.baseTexts[set.Name] || idle(set.Name) {
			continue
		}
		if value == "" {
			parts = append(parts, "no-"+set.Name)
			continue
		}
		parts = append(parts, set.Name+"-"+spell(value))
	}
	return strings.Join(append(parts, fmt.Sprintf("seed-%d", c.Seed)), "_")
}

// texts are the settings of a config, by name.
func texts(c *train.Config) map[string]string {
	m := map[string]string{}
	for _, s := range train.Settings(c) {
		m[s.Name] = s.String()
	}
	return m
}

// spell writes a value as a part of a file's name. One that can't be a part as it is gets
// a digest, so that two values never have the same name.
func spell(value string) string {
	const most = 32
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune(".+-,=", r) {
			return r
		}
		return '-'
	}, value)
	if safe == value && len(safe) <= most {
		return safe
	}
	return fmt.Sprintf("%s-%x", safe[:min(len(safe), most)], sha256.Sum256([]byte(value)))[:min(len(safe), most)+9]
}
