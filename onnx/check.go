package onnx

import (
	"errors"
	"fmt"
	"slices"
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
			if !known[name] && !made[name] {
				return fmt.Errorf("node %s reads %s, which nothing gives", n.Label(), Show(name))
			}
		}
	}
	if err := g.sort(known); err != nil {
		return err
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

// sort brings the nodes into an order in which each stands behind those whose results it reads,
// the file's where that is one: converters append nodes, and runtimes sort them. Known are the names
// that no node writes; those of all results are added.
func (g *Graph) sort(known map[string]bool) error {
	waiting := map[string][]int{} // nodes that read a name
	missing := make([]int, len(g.Nodes))
	var ready []int
	for i, n := range g.Nodes {
		for _, name := range n.Inputs {
			if !known[name] {
				waiting[name] = append(waiting[name], i)
				missing[i]++
			}
		}
		if missing[i] == 0 {
			ready = append(ready, i)
		}
	}
	sorted := make([]*Node, 0, len(g.Nodes))
	for next := 0; next < len(ready); next++ {
		n := g.Nodes[ready[next]]
		sorted = append(sorted, n)
		for _, name := range n.Outputs {
			if known[name] {
				continue
			}
			known[name] = true
			for _, i := range waiting[name] {
				if missing[i]--; missing[i] == 0 {
					ready = append(ready, i)
				}
			}
		}
	}
	if len(sorted) < len(g.Nodes) {
		i := slices.IndexFunc(missing, func(n int) bool { return n > 0 })
		return fmt.Errorf("node %s waits for its own result: the nodes go in a circle", g.Nodes[i].Label())
	}
	if !slices.IsSorted(ready) && !g.ordered() {
		g.Nodes = sorted
	}
	return nil
}

// ordered reports whether each node stands behind those whose results it reads.
func (g *Graph) ordered() bool {
	made := map[string]int{}
	for i, n := range g.Nodes {
		for _, name := range n.Outputs {
			made[name] = i
		}
	}
	for i, n := range g.Nodes {
		for _, name := range n.Inputs {
			if at, ok := made[name]; ok && at >= i && name != "" {
				return false
			}
		}
	}
	return true
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
