// Package registry keeps lists of things by name, as those of package image or database/sql:
// filled while a program starts, read by whatever lists or looks up the things.
package registry

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/monge-ml/monge/internal/words"
)

// A List is things by name, in the order in which they were registered. Its zero value is
// empty. It is safe for concurrent use.
type List[T any] struct {
	What string // what a thing is called in errors, like "model"

	mu     sync.RWMutex
	names  []string
	things []T
}

// names are fit for flags, lists with commas, and the names of files.
var names = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)

// Register adds a thing. It panics if the name is none, or taken: two packages of a program
// have chosen the same one.
func (l *List[T]) Register(name string, thing T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !names.MatchString(name) {
		panic(fmt.Sprintf("monge: a %s was registered as %q: a name is lower case letters, digits, dots, hyphens and underscores", l.What, name))
	}
	for _, n := range l.names {
		if n == name {
			panic(fmt.Sprintf("monge: %s %q was registered twice", l.What, name))
		}
	}
	l.names, l.things = append(l.names, name), append(l.things, thing)
}

// Names returns the names in order.
func (l *List[T]) Names() []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return append([]string(nil), l.names...)
}

// All returns the things in order.
func (l *List[T]) All() []T {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return append([]T(nil), l.things...)
}

// Lookup returns the thing of a name, and whether there is one.
func (l *List[T]) Lookup(name string) (thing T, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for i, n := range l.names {
		if n == name {
			return l.things[i], true
		}
	}
	return thing, false
}

// Find returns the thing of a name; the error for an unknown one lists the names there are.
func (l *List[T]) Find(name string) (T, error) {
	thing, ok := l.Lookup(name)
	if !ok {
		return thing, fmt.Errorf("unknown %s %q%s; there are %s", l.What, name, words.DidYouMean(name, l.Names()), strings.Join(l.Names(), ", "))
	}
	return thing, nil
}

// A Number is a setting of something registered that only it has: a flag, a key of TOML files
// and of a run's config.json.
type Number struct {
	Name    string  // like "kappa", in lower case with hyphens
	Help    string  // what it is, for the flag's help text
	Default float64 // what is taken where it is not given
}
