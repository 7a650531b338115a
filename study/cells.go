package study

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/train"
)

// A Study is a grid of runs. Read one with [Open].
type Study struct {
	Name   string       `json:"name"`
	About  string       `json:"about,omitempty"`
	Seeds  int          `json:"seeds"`
	Base   train.Config `json:"base"`
	Stages []Cell       `json:"stages,omitempty"` // runs before the cells, one after the other
	Cells  []Cell       `json:"cells"`            // by seed

	file    *file
	known   map[string]bool // names of cells
	varying map[string]bool // settings that make variants of methods
}

// A Cell is one run of a study.
type Cell struct {
	Name   string       `json:"name"` // method, settings that are not the base's, seed
	Config train.Config `json:"config"`
}

// maxCells bounds a grid, as a list too many is easily written.
const maxCells = 10000

// Dir is where a cell's run is kept in the study's directory.
func (c Cell) Dir(dir string) string { return filepath.Join(dir, "cells", c.Name) }

// perturbing are the settings that method none has no use for.
var perturbing = []string{"rho", "rho-schedule", "alpha", "ascent-budget", "budget-schedule", "eta", "interval",
	"per-microbatch", "precondition-descent"}

// addGrid adds the product of a grid's lists, and of the seeds if they are counted.
func (s *Study) addGrid(grid map[string]any, seeds bool) error {
	names := slices.Sorted(maps.Keys(grid))
	lists := make([][]any, len(names))
	for i, name := range names {
		lists[i] = values(name, grid[name])
		if len(lists[i]) == 0 {
			return fmt.Errorf("%s is an empty list", name)
		}
	}
	if _, given := grid["seed"]; !given && seeds {
		names, lists = append(names, "seed"), append(lists, upTo(s.Seeds))
	}
	all := 1
	for _, l := range lists {
		if all *= len(l); all+len(s.Cells) > maxCells {
			return fmt.Errorf("more than %d runs: shorten the lists", maxCells)
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
func values(name string, v any) []any {
	list, ok := v.([]any)
	if !ok {
		return []any{v}
	}
	var c train.Config
	for _, s := range train.Settings(&c) {
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
	if c.Method == "none" {
		c = unperturbed(c)
	}
	cell := Cell{s.cellName(&c), c}
	if err := c.Check(); err != nil {
		return fmt.Errorf("%s: %w", cell.Name, err)
	}
	if !s.known[cell.Name] {
		s.known[cell.Name] = true
		s.Cells = append(s.Cells, cell)
	}
	return nil
}

// unperturbed drops what method none has no use for: in a product of methods and radii it
// is one run.
func unperturbed(c train.Config) train.Config {
	m := train.MethodConfig{Method: "none", ClipNorm: c.ClipNorm}
	c.MethodConfig = m
	return c
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

// At returns the study with runs that start from a stage's weights doing so from where
// they are in the study's directory.
func (s *Study) At(dir string) *Study {
	if len(s.Stages) == 0 {
		return s
	}
	here := *s
	here.Stages, here.Cells = slices.Clone(s.Stages), slices.Clone(s.Cells)
	for i := range here.Stages[1:] {
		here.Stages[i+1].Config.Init = weightsOf(here.Stages[i], dir)
	}
	for i := range here.Cells {
		here.Cells[i].Config.Init = weightsOf(here.Stages[len(here.Stages)-1], dir)
	}
	return &here
}

// weightsOf is where a stage's run leaves what the next starts from.
func weightsOf(stage Cell, dir string) string {
	if stage.Config.Pairs() {
		return filepath.Join(stage.Dir(dir), train.ModelDir)
	}
	return filepath.Join(stage.Dir(dir), train.WeightsFile)
}

// cellName spells the method, the settings that are not the base's, and the seed. It
// depends on nothing else, so that it stays when a grid grows.
func (s *Study) cellName(c *train.Config) string {
	parts := []string{c.Method}
	if c.Method == "none" {
		parts[0] = c.Base
	}
	base := train.Settings(&s.Base)
	for i, set := range train.Settings(c) {
		value := set.String()
		switch set.Name {
		case "method", "seed":
			continue
		case "base":
			if c.Method == "none" {
				continue
			}
		}
		if value == base[i].String() || c.Method == "none" && slices.Contains(perturbing, set.Name) {
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
