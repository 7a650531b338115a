package data

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// spaced is a tokenizer of a token for each word, between two that frame a text, and a third after
// the second of a pair, which is a segment of its own.
func spaced(dst []float32, first, second string, pair bool) (n int) {
	clear(dst)
	add := func(id, segment int) {
		if n < len(dst) {
			dst[n] = PackToken(id, segment)
			n++
		}
	}
	put := func(text string, segment int) {
		for _, w := range strings.Fields(text) {
			add(1000+len(w), segment)
		}
		add(102, segment)
	}
	add(101, 0)
	put(first, 0)
	if pair {
		put(second, 1)
	}
	return n
}

// ofLengths are texts with words in number like those of short descriptions.
func ofLengths(t testing.TB, n, most int) *Splits {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	list, labels := make([]string, n), make([]int, n)
	for i := range list {
		list[i] = strings.Repeat("word ", int(math.Round(math.Exp(2.1+.4*rng.NormFloat64()))))
		labels[i] = i
	}
	set, err := NewTexts(list)
	if err == nil {
		set, err = set.WithLabels(labels)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := (&Splits{Train: set}).Packed(spaced, most)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPackedRows(t *testing.T) {
	set, err := NewTexts([]string{"a bb", "", "one two three four"})
	if err != nil {
		t.Fatal(err)
	}
	set, _ = set.WithTargets([]float32{1, 2, 3})
	s, err := (&Splits{Targets: []string{"y"}, Train: set}).Packed(spaced, 5)
	if err != nil {
		t.Fatal(err)
	}
	p := func(ids ...int) []float32 {
		row := make([]float32, 5)
		for i, id := range ids {
			row[i] = PackToken(id, 0)
		}
		return row
	}
	want := [][]float32{p(101, 1001, 1002, 102), p(101, 102), p(101, 1003, 1003, 1005, 1004)}
	for _, kept := range []bool{true, false} {
		for i := range want {
			if x := example(t, s.Train, i); !slices.Equal(x, want[i]) {
				t.Errorf("kept %v, example %d: %v, want %v", kept, i, x, want[i])
			}
		}
		clear(s.Train.source.(*packed).kept)
	}
	if got := s.Train.Select([]int{2, 1}).Lengths(); !slices.Equal(got, []int{5, 2}) {
		t.Errorf("lengths %v", got)
	}
	noisy, err := s.WithNoise(Noise{Copies: 2}, 1)
	if err != nil || !slices.Equal(noisy.Train.Lengths(), []int{4, 2, 5, 4, 2, 5}) {
		t.Errorf("lengths of copies %v, %v", noisy.Train.Lengths(), err)
	}
	if hashed, err := s.Tokenized(nil, 4); err != nil || hashed.Train.Lengths() != nil {
		t.Errorf("hashed words have lengths, %v", err)
	}
}

// Minibatches are cut to their longest, whatever the order.
func TestCutMinibatches(t *testing.T) {
	set := ofLengths(t, 333, 64).Train
	for _, s := range []LoaderSettings{{Batch: 32}, {Batch: 32, Shuffle: true}, {Batch: 32, Window: 4}, {Batch: 32, Shuffle: true, Window: 3, Ahead: 2}, {Batch: 400, Shuffle: true, Window: 3}, {Batch: 32, Shuffle: true, Window: 3, DropLast: true}} {
		l := newLoader(t, set, s)
		for epoch := range 5 {
			l.Start(epoch+1, 0)
			checkCut(t, set, s, rest(t, l))
		}
	}
}

// checkCut checks an epoch's minibatches.
func checkCut(t *testing.T, set *Set, s LoaderSettings, epoch []Batch) {
	t.Helper()
	var seen []int
	for _, b := range epoch {
		row := b.Shape[0]
		longest := 0
		for k, i := range b.Places {
			whole := example(t, set, i)
			longest = max(longest, set.Lengths()[i])
			if !slices.Equal(b.X[k*row:(k+1)*row], whole[:row]) || b.Labels[k] != i {
				t.Fatalf("%+v: example %d is %v, want %v", s, i, b.X[k*row:(k+1)*row], whole)
			}
		}
		if len(b.X) != row*len(b.Places) || row != longest {
			t.Fatalf("%+v: rows of %d, the longest is %d", s, row, longest)
		}
		seen = append(seen, b.Places...)
	}
	slices.Sort(seen)
	want := 333
	if s.DropLast {
		want = 320
	}
	if len(slices.Compact(seen)) != want {
		t.Errorf("%+v: %d examples of %d", s, len(seen), want)
	}
}

// The order is a function of seed and epoch, and a step's minibatch is the same wherever a run
// begins; epochs differ, and what is in a minibatch together.
func TestOrderByLength(t *testing.T) {
	set := ofLengths(t, 1000, 64).Train
	s := LoaderSettings{Batch: 16, Shuffle: true, Seed: 5, Window: 8, Ahead: 1}
	l := newLoader(t, set, s)
	var all []Batch
	for step := range 2 * l.PerEpoch() {
		b, err := l.Step(context.Background(), step)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, copyOf(b))
	}
	for _, step := range []int{100, 3, 62, 63} {
		b, err := newLoader(t, set, s).Step(context.Background(), step)
		if err != nil || !same(all[step], copyOf(b)) {
			t.Errorf("step %d is another minibatch, %v", step, err)
		}
	}
	if slices.Equal(all[0].Examples, all[63].Examples) {
		t.Error("the second epoch is the first")
	}
	rising := 0
	for i := range 62 {
		if len(all[i].X) <= len(all[i+1].X) {
			rising++
		}
	}
	if rising < 20 || rising > 50 {
		t.Errorf("%d of 62 minibatches are no shorter than the one before: their order is not of chance", rising)
	}
	if last := all[62]; len(last.Places) != 1000%16 {
		t.Errorf("the last minibatch has %d examples", len(last.Places))
	}
}

// At most a twentieth more tokens are computed than there are, in an epoch and in evaluation.
func TestLittlePadding(t *testing.T) {
	for _, n := range []int{1280, 1300, 30000} {
		for _, s := range []LoaderSettings{{Batch: 32, Shuffle: true, Window: UsualWindow}, {Batch: 32, Window: 1}} {
			set := ofLengths(t, n, 128).Train
			tokens, computed := 0, 0
			for _, k := range set.Lengths() {
				tokens += k
			}
			for _, b := range rest(t, newLoader(t, set, s)) {
				computed += len(b.X)
			}
			if share := float64(computed)/float64(tokens) - 1; share > .05 {
				t.Errorf("%d texts, %+v: %.1f%% of padding", n, s, 100*share)
			} else {
				t.Logf("%d texts, shuffled %v: %.1f%% of padding", n, s.Shuffle, 100*share)
			}
		}
	}
}
