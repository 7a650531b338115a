package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/monge-ml/monge/internal/registry"
)

// A Kind is a kind of task by name, with settings of its own: what --task chooses, or what the
// setting data names.
type Kind struct {
	Name string
	Info string // what its tasks are on, like "pairs of images and captions"

	// Settings is a struct of the kind's own settings, with their defaults; nil is none. A field
	// has a tag json, whose name is also that of its flag and of its key in TOML, and a tag help.
	// No setting that all tasks share may have the name, and one of another kind only if it has
	// the same type. A tag place names the shared setting behind which it is listed. Types
	// are string, bool, int, uint64, float64, []string, pointers to these, and what reads and
	// writes itself as text. A tag is lists, with commas, what else is true of it:
	//
	//	free      it changes nothing of what a step costs
	//	decided   the run decides it where it is not given, and says so in its config.json
	//	examples  it decides which examples the run sees
	//	path      it is the path of a file or a directory
	//	spec      it is a format, a colon and a path, perhaps with a query behind it
	Settings any
	// Defaults are the settings to begin with where the task is chosen by name; nil is
	// [Default] with the kind's own.
	Defaults func() Config

	// Takes reports whether the setting data of this value is for tasks of this kind. Of the
	// kinds that have it, the one registered as Rest gets what no other takes.
	Takes func(data string) bool
	Rest  bool

	// Check, which may be nil, returns an error for settings that no run can have, as far as
	// that is seen without data and files.
	Check func(c *Config) error
	// Open makes the task; it is required. It may decide settings that are not given, and write them to c; with
	// shared it opens data once for several runs, see [Shared.Get].
	Open func(ctx context.Context, c *Config, shared *Shared) (Task, error)

	// Weights is the file or directory, in a run's directory, that another run's setting init
	// starts from; "" if none can.
	Weights string
	// Model, which may be nil, names what is trained where the setting model does not: "" leaves
	// it to that.
	Model func(c *Config) string
	// Measurable, which may be nil, returns the settings of a run whose steps cost the same as
	// those of c but that needs no file which a run with the settings of first has yet to leave.
	Measurable func(c Config, first *Config) Config
	// Lost, which may be nil, says whether a finished run has come to nothing: to guessing,
	// though no number was infinite. Collapsed is the case where its outputs no longer differ.
	Lost func(c *Config, r *Result) (collapsed, lost bool)
}

var kinds = registry.List[Kind]{What: "task"}

// Register adds a kind of tasks. It panics if the name is taken, if the kind lacks Open, if its
// settings are no struct that texts can fill or are called as others', or if it is a second Rest.
func Register(k Kind) {
	if _, taken := kinds.Lookup(k.Name); !taken && k.Name != "" {
		if k.Settings == nil {
			k.Settings = struct{}{}
		}
		if err := k.valid(); err != nil {
			panic(fmt.Sprintf("monge: task %s: %v", k.Name, err))
		}
		if err := clash(nil, nil, append(kinds.All(), k)); err != nil {
			panic(err.Error())
		}
	}
	kinds.Register(k.Name, k)
}

// valid returns an error for a kind that could not be begun.
func (k *Kind) valid() error {
	if k.Open == nil {
		return errors.New("it has no Open")
	}
	for _, other := range kinds.All() {
		if k.Rest && other.Rest {
			return fmt.Errorf("it is Rest, as task %s is", other.Name)
		}
	}
	return checkFields(reflect.TypeOf(k.Settings))
}

// Kinds returns the kinds, first the one that takes what data no other does, then the others in
// the order in which they were registered.
func Kinds() []Kind {
	all := kinds.All()
	slices.SortStableFunc(all, func(a, b Kind) int {
		switch {
		case a.Rest == b.Rest:
			return 0
		case a.Rest:
			return -1
		}
		return 1
	})
	return all
}

// FindKind returns the kind of a name; the error lists those that there are.
func FindKind(name string) (Kind, error) {
	k, ok := kinds.Lookup(name)
	if !ok {
		return k, fmt.Errorf("unknown task %q; there are %s", name, strings.Join(KindNames(), ", "))
	}
	return k, nil
}

// KindNames returns the names of [Kinds].
func KindNames() (names []string) {
	for _, k := range Kinds() {
		names = append(names, k.Name)
	}
	return names
}

// byData reports whether the kind is one that the setting data chooses.
func (k *Kind) byData() bool { return k.Takes != nil || k.Rest }

// kindOf returns the kind that takes data.
func kindOf(data string) (k Kind, ok bool) {
	all := Kinds()
	for _, k := range all {
		if k.Takes != nil && k.Takes(data) {
			return k, true
		}
	}
	if i := slices.IndexFunc(all, func(k Kind) bool { return k.Rest }); i >= 0 {
		return all[i], true
	}
	return Kind{}, false
}

// Begin returns the settings to begin a task with: of the kind of a name, or for "" of the one
// that takes what data no other does.
func Begin(task string) (Config, error) {
	if task != "" {
		k, err := FindKind(task)
		if err != nil {
			return Config{}, err
		}
		return DefaultOf(k), nil
	}
	for _, k := range Kinds() {
		if k.Rest {
			return DefaultOf(k), nil
		}
	}
	return Default(), nil
}

// Kind returns the kind of the config's task; ok is false for a task that is none of this
// program's kinds.
func (c *Config) Kind() (k Kind, ok bool) { return kinds.Lookup(c.Task) }

// start sets the kind of a config's task: its settings are those of the same names, where they
// are not what the kind before has by itself, else the defaults.
func (c *Config) start(k Kind) {
	if c.Task == k.Name {
		return
	}
	var given []Setting
	if before, ok := c.Kind(); ok {
		usual := Settings(&Config{Task: before.Name, Own: before.Settings})
		for i, s := range Settings(c)[:len(usual)] {
			if s.own && s.String() != usual[i].String() {
				given = append(given, s)
			}
		}
	}
	texts := make([]string, len(given))
	for i, s := range given {
		texts[i] = s.String()
	}
	c.Task, c.Own = k.Name, k.Settings
	for i, s := range given {
		for _, to := range Settings(c) {
			if to.own && to.Name == s.Name {
				_ = to.Set(texts[i]) // of another type: the kind's default stays
			}
		}
	}
}

// notFor returns the error for a setting of another kind than c's; nil if no kind has it.
func (c *Config) notFor(name string) error {
	var others []string
	for _, k := range Kinds() {
		of := Config{Task: k.Name, Own: k.Settings}
		if k.Name != c.Task && slices.ContainsFunc(Settings(&of), func(s Setting) bool { return s.own && s.Name == name }) {
			others = append(others, k.Info)
		}
	}
	if others == nil {
		return nil
	}
	what := "this is another task"
	if k, ok := c.Kind(); ok {
		what = fmt.Sprintf("%s is %s", cmp.Or(c.DataName(), "task "+k.Name), k.Info)
	}
	return fmt.Errorf("%s is for %s; %s", name, strings.Join(others, ", or "), what)
}

// Shared keeps what several runs may use, most often data that were opened: that of the last
// key, as the next run most often wants it too. It is safe for concurrent use; a nil one keeps
// nothing.
type Shared struct {
	// Progress, which may be nil, is told of long work before a run's first step: that so many
	// of all examples were read.
	Progress func(done, all int)

	mu  sync.Mutex
	key string
	v   any
}

// Get returns what is kept under a key, or opens and keeps it.
func (s *Shared) Get(key string, open func() (any, error)) (any, error) {
	if s == nil {
		return open()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.v != nil && s.key == key {
		return s.v, nil
	}
	v, err := open()
	if err != nil {
		return nil, err
	}
	s.key, s.v = key, v
	return v, nil
}

// Read tells of progress: that so many of all examples were read.
func (s *Shared) Read(done, all int) {
	if s != nil && s.Progress != nil {
		s.Progress(done, all)
	}
}
