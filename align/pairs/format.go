package pairs

import (
	"context"
	"fmt"
	"strings"

	"github.com/monge-ml/monge/internal/registry"
)

// A Format opens the lists of one kind, which are named by specs NAME:PLACE.
type Format struct {
	Name  string // in specs, like "coco"
	Place string // what follows the colon, in capitals as help texts have it: "FILE", "DIR"
	Info  string // a line on it, for lists
	// Open lists the pairs at a place. What can't be used it leaves out and counts in the
	// list's Report. Errors name the file.
	Open func(ctx context.Context, place string, o Options) (*List, error)
}

// Spec returns how its lists are named, like "pairs:FILE".
func (f Format) Spec() string { return f.Name + ":" + f.Place }

var formats = registry.List[Format]{What: "format of pairs"}

// What a format is stands in its own file; here is the order in which lists have them.
func init() {
	for _, f := range []Format{linesFormat, cocoFormat, shardsFormat, emojiFormat} {
		Register(f)
	}
}

// Register adds a format, whose lists [Open] opens from then on and all commands take. Call it
// while the program starts; a name that is taken panics.
func Register(f Format) {
	if f.Open == nil {
		panic(fmt.Sprintf("monge: format of pairs %q was registered without Open", f.Name))
	}
	formats.Register(f.Name, f)
}

// Formats returns all formats in the order in which they were registered.
func Formats() []Format { return formats.All() }

// Specs returns what [Open] takes: "pairs:FILE" and so on.
func Specs() []string {
	var specs []string
	for _, f := range Formats() {
		specs = append(specs, f.Spec())
	}
	return specs
}

// IsSpec reports whether a spec's name is that of a format of pairs, whatever follows it.
func IsSpec(spec string) bool {
	name, _, _ := strings.Cut(spec, ":")
	_, ok := formats.Lookup(name)
	return ok
}

// opener returns a Format's Open that fills an empty list.
func opener(open func(l *List, ctx context.Context, place string, o Options) error) func(context.Context, string, Options) (*List, error) {
	return func(ctx context.Context, place string, o Options) (*List, error) {
		l := &List{}
		return l, open(l, ctx, place, o)
	}
}
