package data

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// ramp is a set of n examples, of the number i, with targets i and -i.
func ramp(t *testing.T, n int) *Set {
	t.Helper()
	var x, y []float32
	for i := range n {
		x = append(x, float32(i))
		y = append(y, float32(i), -float32(i))
	}
	s, err := NewTargets(x, y, []int{1, 1, 1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCSVTargets(t *testing.T) {
	dir := t.TempDir()
	path := writeFile(t, []byte("rooms,price,area,tax\n3,250.5,80,-1\n1,99,30,2e3\n"), dir, "a.csv")
	s := mustOpen(t, "csv:"+path+"?target=tax,price&scale=10", Options{})
	if !slices.Equal(s.Targets, []string{"tax", "price"}) || s.Classes != nil || s.Train.Labels != nil || s.Train.TargetLen != 2 {
		t.Fatalf("%+v %+v", s, s.Train)
	}
	if !slices.Equal(s.Train.Targets, []float32{-1, 250.5, 2000, 99}) || !slices.Equal(example(t, s.Train, 1), []float32{.1, 3}) {
		t.Errorf("%v, %v", s.Train.Targets, example(t, s.Train, 1))
	}
	for _, tt := range []struct{ query, text, want string }{
		{"?target=y", "x,y\n1,inf\n", `line 2, column "y": "inf" is no finite number`},
		{"?target=y", "x,y\n1,2\n1,NaN\n", `line 3, column "y": there is no value`},
		{"?target=y", "x,y\n1,\n", `line 2, column "y"`},
		{"?target=y", "x,y\n1,1e39\n", `line 2, column "y"`},
		{"?target=z", "x,y\n1,2\n", `no column "z"; the first line names x, y: say which with ?target=NAME`},
		{"?target=x,y", "x,y\n1,2\n", "no column of features"},
		{"?target=y,y", "x,y\n1,2\n", "no list of different columns"},
		{"?target=", "x,y\n1,2\n", "no list of different columns"},
		{"?target=y&label=x", "x,y,z\n1,2,3\n", "label and target are given"},
		{"?target=y", "x,y\n", "no line follows"},
	} {
		path := writeFile(t, []byte(tt.text), dir, "bad.csv")
		if _, err := Open("csv:"+path+tt.query, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q %q: error %v, want %q", tt.query, tt.text, err, tt.want)
		}
	}
}

// Parts of a set without classes are drawn from all examples alike; targets go with theirs.
func TestTargetParts(t *testing.T) {
	s := &Splits{Targets: []string{"up", "down"}, Train: ramp(t, 100)}
	if err := s.choose(&Options{Val: .2, Subset: 30, Seed: 1}); err != nil || s.Train.Len() != 30 || s.Val.Len() != 20 {
		t.Fatalf("%+v, %v", s, err)
	}
	seen := map[float32]bool{}
	for _, p := range s.Parts() {
		for i := range p.Len() {
			x := example(t, p.Set, i)[0]
			if y := p.Target(i); seen[x] || y[0] != x || y[1] != -x || p.Number(i) != int(x) {
				t.Fatalf("%s example %d: %v with %v, number %d", p.Name, i, x, y, p.Number(i))
			}
			seen[x] = true
		}
	}
	if _, ok := seen[0]; len(seen) != 50 || ok && len(seen) == 1 {
		t.Errorf("%d examples", len(seen))
	}
	again := &Splits{Targets: s.Targets, Train: ramp(t, 100)}
	if err := again.choose(&Options{Val: .2, Subset: 30, Seed: 1}); err != nil || !slices.Equal(again.Train.Targets, s.Train.Targets) {
		t.Errorf("other examples with the same seed, %v", err)
	}
	err := (&Splits{Name: "x", Targets: s.Targets, Train: s.Train}).choose(&Options{Classes: []string{"a"}})
	if err == nil || !strings.Contains(err.Error(), "x: its examples have targets (up, down), no classes") {
		t.Errorf("error %v", err)
	}
	if _, err := s.WithNoise(Noise{Labels: .1}, 1); err == nil || !strings.Contains(err.Error(), "the examples have no classes") {
		t.Errorf("error %v", err)
	}
	copied, err := s.WithNoise(Noise{Copies: 3, Pixels: .5}, 1)
	if err != nil || copied.Train.Len() != 90 || !slices.Equal(copied.Train.Target(65), s.Train.Target(5)) || copied.Train.Labels != nil {
		t.Errorf("%+v, %v", copied.Train, err)
	}
	if _, err := ContactSheet(ramp(t, 3), nil); err == nil {
		t.Error("a contact sheet of no classes")
	}
}

func TestTargetErrors(t *testing.T) {
	inf := float32(math.Inf(1))
	for want, f := range map[string]func() (*Set, error){
		"3 numbers are no examples of shape [2]": func() (*Set, error) { return NewTargets(make([]float32, 3), make([]float32, 3), []int{2}) },
		"no examples of shape []":                func() (*Set, error) { return NewTargets(make([]float32, 3), make([]float32, 3), nil) },
		"no examples of shape [0]":               func() (*Set, error) { return NewTargets(make([]float32, 3), make([]float32, 3), []int{0}) },
		"3 targets for 2 examples":               func() (*Set, error) { return NewTargets(make([]float32, 2), make([]float32, 3), []int{1}) },
		"0 targets for 2 examples":               func() (*Set, error) { return NewTargets(make([]float32, 2), nil, []int{1}) },
		"target 1 of example 1 is +Inf":          func() (*Set, error) { return NewTargets(make([]float32, 2), []float32{0, 0, 0, inf}, []int{1}) },
		"2 labels for 3 examples":                func() (*Set, error) { return ramp(t, 3).WithLabels([]int{0, 1}) },
		"0 examples of shape [1] are none":       func() (*Set, error) { return NewLazy(0, []int{1}, nil) },
	} {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	none, err := NewLazy(3, []int{1}, func([]float32, int) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]*Splits{
		"a:b: the train split: its examples have neither labels nor targets":             {Train: none},
		"a:b: the test split: its examples have 2 targets each, there are names for 1":   {Targets: []string{"up"}, Test: ramp(t, 2)},
		"a:b: the train split: its examples have 0 targets each, there are names for 1":  {Targets: []string{"up"}, Train: func() *Set { s, _ := none.WithLabels([]int{0, 0, 0}); return s }()},
		"a:b: the train split: its examples have both labels and targets; it must be on": {Train: &Set{Labels: []int{1}, Targets: []float32{1}, TargetLen: 1}},
	} {
		if err := s.check("a:b"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// The fingerprint changes with targets and their names.
func TestTargetFingerprint(t *testing.T) {
	print := func(change func(s *Splits)) string {
		s := &Splits{Targets: []string{"up", "down"}, Train: ramp(t, 3)}
		change(s)
		f, err := s.Fingerprint()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	seen := map[string]bool{}
	for _, change := range []func(s *Splits){
		func(*Splits) {},
		func(s *Splits) { s.Targets[1] = "left" },
		func(s *Splits) { s.Train.Targets[3]++ },
		func(s *Splits) { s.Train = s.Train.Select([]int{0, 2, 1}) },
		func(s *Splits) { s.Targets, s.Classes = nil, []string{"up", "down"} },
	} {
		seen[print(change)] = true
	}
	if len(seen) != 5 {
		t.Errorf("%d fingerprints of 5 data sets", len(seen))
	}
}

// Minibatches carry the targets and the numbers of their examples, by whatever selection;
// mixup mixes targets by the share of the examples.
func TestLoaderTargets(t *testing.T) {
	set := ramp(t, 40).Select([]int{39, 3, 5, 8, 13, 21, 34, 0, 30}).Select([]int{8, 0, 1, 2, 3, 4, 5})
	for _, mixup := range []float64{0, .5} {
		for _, ahead := range []int{0, 2} {
			l, err := NewLoader(set, LoaderSettings{Batch: 3, Shuffle: true, Seed: 4, Ahead: ahead, Augment: Augment{Mixup: mixup}})
			if err != nil {
				t.Fatal(err)
			}
			var seen []int
			mixed := 0
			for epoch := range 2 {
				l.Start(epoch, 0)
				for {
					b, err := l.Next(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if b == nil {
						break
					}
					seen = append(seen, b.Examples...)
					if b.Labels != nil || b.Mixed != nil || b.Lambda != 1 || b.TargetLen != 2 || len(b.Targets) != 2*len(b.X) || len(b.Examples) != len(b.X) {
						t.Fatalf("%+v", b)
					}
					for i, x := range b.X {
						if y := b.Targets[2*i : 2*i+2]; y[0] != x || y[1] != -x {
							t.Fatalf("mixup %g: %v with %v", mixup, x, y)
						}
						if x != float32(b.Examples[i]) {
							mixed++
						}
					}
				}
			}
			l.Close()
			slices.Sort(seen)
			if want := []int{3, 3, 5, 5, 8, 8, 13, 13, 21, 21, 30, 30, 39, 39}; !slices.Equal(seen, want) || (mixed > 0) != (mixup > 0) {
				t.Errorf("examples %v, want %v; %d mixed by %g", seen, want, mixed, mixup)
			}
		}
	}
}

func TestLoaderTargetsDoNotAllocate(t *testing.T) {
	l, err := NewLoader(ramp(t, 64), LoaderSettings{Batch: 8})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	next := func() {
		if b, err := l.Next(ctx); b == nil || err != nil {
			t.Fatal(b, err)
		}
	}
	next()
	if n := testing.AllocsPerRun(6, next); n > 0 {
		t.Errorf("%v allocations a minibatch", n)
	}
}

// Examples that a function reads, with what belongs to them.
func ExampleNewLazy() {
	set, _ := NewLazy(3, []int{1, 1, 2}, func(dst []float32, i int) error {
		if i == 2 {
			return fmt.Errorf("sensor-%d.bin: cut short", i)
		}
		dst[0], dst[1] = float32(i), float32(i*i)
		return nil
	})
	set, _ = set.WithTargets([]float32{1.5, 2.5, 3.5})
	x := make([]float32, 2)
	fmt.Println(set.Read(x, 1), x, set.Target(1))
	fmt.Println(set.Read(x, 2))
	// Output:
	// <nil> [1 1] [2.5]
	// sensor-2.bin: cut short
}
