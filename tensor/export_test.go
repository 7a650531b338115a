package tensor

import "fmt"

// ArenaSize returns the floats that a tape has ever made.
func ArenaSize(t *Tape) int { return t.arena.total }

// CheckArena returns an error if memory is free twice.
func CheckArena(t *Tape) error {
	for size, c := range t.arena.classes {
		seen := map[*float32]bool{}
		for _, b := range c.free {
			p := &b[:1][0]
			if seen[p] {
				return fmt.Errorf("a block of %d floats was given back twice", size)
			}
			seen[p] = true
		}
		if len(c.free) > len(c.all) {
			return fmt.Errorf("%d of %d blocks of %d floats are free", len(c.free), len(c.all), size)
		}
	}
	return nil
}
