package onnx

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// check holds the graph's names against each other: every input of a node is known before it,
// and no name stands for two tensors.
func (m *Model) check() error {
	g := m.Graph
	known := map[string]bool{"": true}
	for _, v := range g.Inputs {
		if v.Name == "" || known[v.Name] {
			return fmt.Errorf("there are two inputs, or none, of the name %s", Show(v.Name))
		}
		known[v.Name] = true
	}
	seen := map[string]bool{}
	for _, t := range g.Initializers {
		if t.Name == "" || seen[t.Name] {
			return fmt.Errorf("there are two initializers, or none, of the name %s", Show(t.Name))
		}
		seen[t.Name], known[t.Name] = true, true
	}
	made := map[string]bool{}
	for _, n := range g.Nodes {
		if n.Op == "" || len(n.Outputs) == 0 {
			return fmt.Errorf("node %s has no operator, or no output", n.Label())
		}
		for _, name := range n.Outputs {
			if name != "" && (made[name] || known[name]) {
				return fmt.Errorf("node %s writes %s, which is there already", n.Label(), Show(name))
			}
			made[name] = true
		}
	}
	for _, n := range g.Nodes {
		for _, name := range n.Inputs {
			if known[name] {
				continue
			}
			if made[name] {
				return fmt.Errorf("node %s reads %s before that is computed: the nodes are not in order, or go in a circle", n.Label(), Show(name))
			}
			return fmt.Errorf("node %s reads %s, which nothing gives", n.Label(), Show(name))
		}
		for _, name := range n.Outputs {
			known[name] = true
		}
	}
	if len(g.Outputs) == 0 {
		return errors.New("the graph has no output")
	}
	for _, v := range g.Outputs {
		if v.Name == "" || !known[v.Name] {
			return fmt.Errorf("output %s is computed by no node", Show(v.Name))
		}
	}
	return nil
}

// Show makes a name from a file fit for an error.
func Show(name string) string {
	const most = 80
	long := len(name) > most
	if long {
		name = strings.ToValidUTF8(name[:most], "")
	}
	name = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, name)
	if long {
		name += "..."
	}
	return `"` + name + `"`
}

// Printable replaces what a terminal could take for a command.
func Printable(s string) string {
	s = Show(s)
	return s[1 : len(s)-1]
}
