package data

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/par"
)

func TestLoader(t *testing.T) {
	d, _ := Digits()
	l, err := NewLoader(d.Val, LoaderSettings{Batch: 64, Seed: 7, Shuffle: true})
	if err != nil {
		t.Fatal(err)
	}
	order := func(epoch int) (labels []int, sizes []int) {
		l.Start(epoch, 0)
		for {
			b, err := l.Next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if b == nil {
				return labels, sizes
			}
			labels = append(labels, b.Labels...)
			sizes = append(sizes, len(b.Labels))
			if len(b.X) != 64*len(b.Labels) {
				t.Fatalf("%d numbers for %d examples", len(b.X), len(b.Labels))
			}
		}
	}
	first, sizes := order(1)
	if !slices.Equal(sizes, []int{64, 64, 64, 64, 44}) || l.PerEpoch() != 5 {
		t.Errorf("sizes %v", sizes)
	}
	second, _ := order(2)
	again, _ := order(1)
	if slices.Equal(first, second) || !slices.Equal(first, again) {
		t.Error("the order is not a function of the epoch")
	}
	slices.Sort(first)
	want := slices.Sorted(slices.Values(d.Val.Labels))
	if !slices.Equal(first, want) {
		t.Error("an epoch does not see every example once")
	}
	if big, _ := NewLoader(d.Val, LoaderSettings{Batch: 1000}); big.PerEpoch() != 1 {
		t.Errorf("a batch larger than the set: %d batches", big.PerEpoch())
	}
}

// images returns n random images whose labels are their numbers.
func images(n int, shape ...int) *Set {
	s := &Set{Shape: shape, Labels: make([]int, n)}
	x := make([]float32, n*s.ExampleLen())
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range x {
		x[i] = rng.Float32()
	}
	for i := range s.Labels {
		s.Labels[i] = i
	}
	s.source = floats(x)
	return s
}

// everything is all that can be done to images.
func everything(t testing.TB) LoaderSettings {
	norm, err := picture.ParseNormalization("cifar10")
	if err != nil {
		t.Fatal(err)
	}
	return LoaderSettings{Batch: 16, Shuffle: true, Seed: 5, Normalize: norm,
		Augment: Augment{Pad: 3, Flip: true, Cutout: 5, Mixup: .4}}
}

func newLoader(t testing.TB, set *Set, s LoaderSettings) *Loader {
	t.Helper()
	l, err := NewLoader(set, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// rest returns copies of the minibatches that are left of the epoch.
func rest(t testing.TB, l *Loader) (all []Batch) {
	t.Helper()
	for {
		b, err := l.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			return all
		}
		all = append(all, copyOf(b))
	}
}

func copyOf(b *Batch) Batch {
	return Batch{X: slices.Clone(b.X), Shape: slices.Clone(b.Shape), Places: slices.Clone(b.Places), Labels: slices.Clone(b.Labels), Targets: slices.Clone(b.Targets), TargetLen: b.TargetLen,
		Examples: slices.Clone(b.Examples), Mixed: slices.Clone(b.Mixed), Lambda: b.Lambda}
}

func same(a, b Batch) bool {
	return slices.Equal(a.X, b.X) && slices.Equal(a.Shape, b.Shape) && slices.Equal(a.Labels, b.Labels) && slices.Equal(a.Targets, b.Targets) && slices.Equal(a.Examples, b.Examples) && slices.Equal(a.Mixed, b.Mixed) && a.Lambda == b.Lambda
}

// withThreads sets GOMAXPROCS and the threads of par for a test.
func withThreads(t testing.TB, n int) {
	procs, threads := runtime.GOMAXPROCS(n), par.Threads()
	par.SetThreads(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(procs); par.SetThreads(threads) })
}

// The bits depend neither on what is prepared ahead nor on the number of threads.
func TestLoaderSameBits(t *testing.T) {
	set := images(100, 12, 16, 3)
	var want []Batch
	for _, threads := range []int{1, 2} {
		for _, ahead := range []int{0, 1, 4} {
			t.Run(fmt.Sprintf("%d threads, %d ahead", threads, ahead), func(t *testing.T) {
				withThreads(t, threads)
				s := everything(t)
				s.Ahead = ahead
				l := newLoader(t, set, s)
				var got []Batch
				for epoch := 1; epoch <= 2; epoch++ {
					l.Start(epoch, 0)
					got = append(got, rest(t, l)...)
				}
				if want == nil {
					want = got
				}
				if !slices.EqualFunc(got, want, same) || len(got) != 14 {
					t.Errorf("%d minibatches that differ", len(got))
				}
			})
		}
	}
}

// Starting in the middle of an epoch, from the middle of another, is as going through.
func TestLoaderResume(t *testing.T) {
	s := everything(t)
	s.Ahead = 2
	l := newLoader(t, images(100, 12, 16, 3), s)
	l.Start(2, 0)
	want := rest(t, l)
	for at := range len(want) + 2 {
		l.Start(1, 0)
		if _, err := l.Next(context.Background()); err != nil {
			t.Fatal(err)
		}
		l.Start(2, at)
		if got := rest(t, l); !slices.EqualFunc(got, want[min(at, len(want)):], same) {
			t.Errorf("from minibatch %d on it differs", at)
		}
	}
}

// An image's augmentation follows from its place in the epoch, not from the minibatch.
func TestLoaderBatchSize(t *testing.T) {
	s := everything(t)
	s.Augment.Mixup = 0
	x := func(batch int) (x []float32) {
		s.Batch = batch
		for _, b := range rest(t, newLoader(t, images(50, 12, 16, 3), s)) {
			x = append(x, b.X...)
		}
		return x
	}
	if !slices.Equal(x(16), x(7)) {
		t.Error("the size of minibatches changes the images")
	}
}

func TestLoaderEpochsDiffer(t *testing.T) {
	s := everything(t)
	s.Shuffle = false
	for _, mixup := range []float64{0, .4} {
		s.Augment.Mixup = mixup
		l := newLoader(t, images(16, 12, 16, 3), s)
		first := rest(t, l)[0]
		l.Start(2, 0)
		second := rest(t, l)[0]
		if slices.Equal(first.X, second.X) {
			t.Errorf("mixup %g: two epochs have the same images", mixup)
		}
		if mixup > 0 && (first.Lambda == second.Lambda || slices.Equal(first.Mixed, second.Mixed)) {
			t.Error("two epochs mix alike")
		}
	}
}

// Every example comes with its label, and is what Set.Read gives.
func TestLoaderLabels(t *testing.T) {
	set := images(50, 4, 4, 2)
	l := newLoader(t, set, LoaderSettings{Batch: 8, Shuffle: true, Ahead: 2})
	seen := map[int]bool{}
	for _, b := range rest(t, l) {
		for i, label := range b.Labels {
			seen[label] = true
			if !slices.Equal(b.X[i*32:(i+1)*32], example(t, set, label)) {
				t.Fatalf("example %d is not itself", label)
			}
		}
		if b.Mixed != nil || b.Lambda != 1 {
			t.Errorf("mixed without mixup: %v, %g", b.Mixed, b.Lambda)
		}
	}
	if len(seen) != set.Len() {
		t.Errorf("%d of %d examples were seen", len(seen), set.Len())
	}
}

// X is what Batch says of it, from the same minibatch without mixup, of any shape.
func TestLoaderMixup(t *testing.T) {
	for _, shape := range [][]int{{7}, {12, 16, 3}} {
		s := LoaderSettings{Batch: 16, Shuffle: true, Seed: 5, Augment: Augment{Mixup: .4}}
		if len(shape) == 3 {
			s = everything(t)
		}
		set := images(50, shape...)
		mixed := rest(t, newLoader(t, set, s))
		s.Augment.Mixup = 0
		per, moved := set.ExampleLen(), 0
		for n, plain := range rest(t, newLoader(t, set, s)) {
			b := mixed[n]
			if !slices.Equal(b.Labels, plain.Labels) || !(b.Lambda >= 0 && b.Lambda <= 1) {
				t.Fatalf("minibatch %d: labels %v, lambda %g", n, b.Labels, b.Lambda)
			}
			if !slices.Equal(slices.Sorted(slices.Values(b.Mixed)), slices.Sorted(slices.Values(b.Labels))) {
				t.Fatalf("minibatch %d: %v is no other order of %v", n, b.Mixed, b.Labels)
			}
			for i := range b.Labels {
				k := slices.Index(b.Labels, b.Mixed[i])
				if k != i {
					moved++
				}
				for e := range per {
					want := float32(float32(b.Lambda)*plain.X[i*per+e]) + float32(float32(1-b.Lambda)*plain.X[k*per+e])
					if got := b.X[i*per+e]; got != want {
						t.Fatalf("minibatch %d, example %d: %g, want %g", n, i, got, want)
					}
				}
			}
		}
		if moved < 30 {
			t.Errorf("only %d of 50 examples have a partner", moved)
		}
	}
}

// broken are images of which some cannot be read.
type broken struct {
	floats
	bad []int
}

func (b broken) read(dst []float32, i int) error {
	if slices.Contains(b.bad, i) {
		return fmt.Errorf("images/%d.jpg: unexpected EOF", i)
	}
	return b.floats.read(dst, i)
}

// An error is that of the minibatch and of its first example that has one, however the
// work is cut.
func TestLoaderError(t *testing.T) {
	set := images(64, 32, 32, 3)
	set.source = broken{set.source.(floats), []int{37, 35, 60}}
	for _, ahead := range []int{0, 1, 4} {
		l := newLoader(t, set, LoaderSettings{Batch: 16, Ahead: ahead})
		for range 3 {
			l.Start(1, 0)
			for n := range 2 {
				if b, err := l.Next(context.Background()); err != nil || b.Labels[0] != n*16 {
					t.Fatalf("ahead %d, minibatch %d: %v", ahead, n, err)
				}
			}
			for range 3 {
				b, err := l.Next(context.Background())
				if b != nil || err == nil || err.Error() != "images/35.jpg: unexpected EOF" {
					t.Fatalf("ahead %d: %v, error %v", ahead, b, err)
				}
			}
		}
	}
}

// slow are images that take a while to read, and count how many were.
type slow struct {
	floats
	reads *atomic.Int64
	each  func(n int64)
}

func (s slow) read(dst []float32, i int) error {
	s.each(s.reads.Add(1))
	return s.floats.read(dst, i)
}

// A cancelled call returns after the images being read, and the next call goes on.
func TestLoaderCancel(t *testing.T) {
	for _, ahead := range []int{0, 2} {
		s := everything(t)
		s.Batch, s.Ahead = 32, ahead
		set := images(96, 32, 32, 3)
		want := rest(t, newLoader(t, set, s))
		var reads atomic.Int64
		ctx, cancel := context.WithCancel(context.Background())
		set.source = slow{set.source.(floats), &reads, func(n int64) {
			if n == 5 {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}}
		l := newLoader(t, set, s)
		if b, err := l.Next(ctx); b != nil || !errors.Is(err, context.Canceled) {
			t.Fatalf("ahead %d: %v, error %v", ahead, b, err)
		}
		if n := reads.Load(); ahead == 0 && n > 5+int64(par.Threads()) {
			t.Errorf("%d images were read, cancelled at the fifth", n)
		}
		if b, err := l.Next(ctx); b != nil || !errors.Is(err, context.Canceled) {
			t.Fatalf("ahead %d: %v, error %v", ahead, b, err)
		}
		if got := rest(t, l); !slices.EqualFunc(got, want, same) {
			t.Errorf("ahead %d: after a cancelled call the epoch differs", ahead)
		}
	}
}

// Start and Close end the goroutines that work ahead.
func TestLoaderLeavesNoGoroutine(t *testing.T) {
	set := images(96, 32, 32, 3)
	var reads atomic.Int64
	set.source = slow{set.source.(floats), &reads, func(int64) { time.Sleep(100 * time.Microsecond) }}
	rest(t, newLoader(t, set, LoaderSettings{Batch: 32})) // par's own goroutines start
	before := runtime.NumGoroutine()
	l := newLoader(t, set, LoaderSettings{Batch: 16, Ahead: 4})
	most := 0 // on a busy machine the work ahead may be done when Next is
	for i := 0; i < 3 || i < 30 && most <= before; i++ {
		l.Start(1, i%3)
		if _, err := l.Next(context.Background()); err != nil {
			t.Fatal(err)
		}
		most = max(most, runtime.NumGoroutine())
	}
	if most <= before {
		t.Errorf("%d goroutines before the work ahead and %d in it", before, most)
	}
	l.Close()
	n := reads.Load()
	for range 100 { // a goroutine that is done may take a moment to leave
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before and %d after", before, after)
	}
	if more := reads.Load() - n; more != 0 {
		t.Errorf("%d images were read after Close", more)
	}
}

func TestNewLoaderErrors(t *testing.T) {
	rgb, vectors := images(4, 8, 6, 3), images(4, 5)
	cifar, _ := picture.ParseNormalization("cifar10")
	mnist, _ := picture.ParseNormalization("mnist")
	for _, tt := range []struct {
		set  *Set
		s    LoaderSettings
		want string
	}{
		{rgb, LoaderSettings{}, "batch is 0"},
		{nil, LoaderSettings{Batch: 1}, "the set is empty"},
		{rgb, LoaderSettings{Batch: 1, Ahead: -1}, "ahead is -1"},
		{rgb, LoaderSettings{Batch: 1, Augment: Augment{Pad: -1}}, "padding is -1; it must be from 0 to 5"},
		{rgb, LoaderSettings{Batch: 1, Augment: Augment{Pad: 6}}, "padding is 6; it must be from 0 to 5 for images of 8x6"},
		{rgb, LoaderSettings{Batch: 1, Augment: Augment{Cutout: -1}}, "cutout is -1"},
		{rgb, LoaderSettings{Batch: 1, Augment: Augment{Cutout: 7}}, "cutout is 7; it must be from 0 to 6"},
		{rgb, LoaderSettings{Batch: 1, Augment: Augment{Mixup: -.1}}, "mixup is -0.1"},
		{rgb, LoaderSettings{Batch: 1, Augment: Augment{Mixup: math.NaN()}}, "mixup is NaN"},
		{rgb, LoaderSettings{Batch: 1, Augment: Augment{Mixup: math.Inf(1)}}, "mixup is +Inf"},
		{vectors, LoaderSettings{Batch: 1, Augment: Augment{Flip: true}}, "the examples' shape is [5]"},
		{images(4, 1, 5, 1), LoaderSettings{Batch: 1, Augment: Augment{Pad: 1}}, "the examples' shape is [1 5 1]"},
		{rgb, LoaderSettings{Batch: 1, Normalize: mnist}, "normalization mnist is for 1 channels; examples of shape [8 6 3] have 3"},
		{vectors, LoaderSettings{Batch: 1, Normalize: cifar}, "normalization cifar10 is for 3 channels; examples of shape [5] have 5"},
		{rgb, LoaderSettings{Batch: 1, Normalize: picture.Normalization{Mean: []float32{0, 0, 0}, Std: []float32{1, 0, 1}}}, "the standard deviation of channel 1 is 0"},
		{rgb, LoaderSettings{Batch: 1, Normalize: picture.Normalization{Mean: []float32{0}}}, "1 means and 0 standard deviations"},
	} {
		if _, err := NewLoader(tt.set, tt.s); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %v, want %q", err, tt.want)
		}
	}
}

func TestLoaderDoesNotAllocate(t *testing.T) {
	set := images(64, 32, 32, 3)
	for _, ahead := range []int{0, 1} {
		s := everything(t)
		s.Augment.Mixup, s.Batch, s.Ahead = 0, 1, ahead
		l := newLoader(t, set, s)
		if _, err := l.Next(context.Background()); err != nil {
			t.Fatal(err)
		}
		n := testing.AllocsPerRun(50, func() {
			if b, err := l.Next(context.Background()); b == nil || err != nil {
				t.Fatal(b, err)
			}
		})
		if most := float64(ahead); n > most { // a goroutine is one
			t.Errorf("ahead %d: %g allocations, want at most %g", ahead, n, most)
		}
	}
}

// work stands for a training step: forks and joins on all threads.
type work struct{ x [16][4096]float32 }

func (w *work) Do(_, i int) {
	x := &w.x[i]
	for range 16 {
		for k := range x {
			x[k] = x[k]*.999 + .001
		}
	}
}

func (w *work) step() {
	for range 50 {
		par.Run(len(w.x), w)
	}
}

// A minibatch as of CIFAR-10 with the usual augmentation: alone, and what it adds to a
// step of computing (step less bare), from memory and from storage that lets one wait.
func BenchmarkLoader(b *testing.B) {
	memory := images(128*8, 32, 32, 3)
	storage := *memory
	storage.source = slow{memory.source.(floats), new(atomic.Int64), func(int64) { time.Sleep(200 * time.Microsecond) }}
	s := everything(b)
	s.Batch, s.Augment = 128, Augment{Pad: 4, Flip: true}
	next := func(l *Loader) {
		batch, err := l.Next(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		if batch == nil {
			l.Start(1, 0)
		}
	}
	w := new(work)
	b.Run("alone", func(b *testing.B) {
		for l := newLoader(b, memory, s); b.Loop(); {
			next(l)
		}
	})
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			w.step()
		}
	})
	for name, set := range map[string]*Set{"memory": memory, "storage": &storage} {
		for _, ahead := range []int{0, 1, 2} {
			b.Run(fmt.Sprintf("step/%s/ahead=%d", name, ahead), func(b *testing.B) {
				s.Ahead = ahead
				for l := newLoader(b, set, s); b.Loop(); {
					next(l)
					w.step()
				}
			})
		}
	}
}

// The minibatch of a step is that of its epoch, in order or not.
func TestLoaderStep(t *testing.T) {
	x := make([]float32, 10)
	for i := range x {
		x[i] = float32(i)
	}
	set, err := NewSet(x, make([]int, 10), []int{1})
	if err != nil {
		t.Fatal(err)
	}
	settings := LoaderSettings{Batch: 4, Shuffle: true, Seed: 3, Ahead: 1}
	whole, err := NewLoader(set, settings)
	if err != nil {
		t.Fatal(err)
	}
	var want [][]float32
	for epoch := 1; epoch <= 3; epoch++ {
		whole.Start(epoch, 0)
		for range whole.PerEpoch() {
			b, err := whole.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, slices.Clone(b.X))
		}
	}
	l, err := NewLoader(set, settings)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, step := range []int{0, 1, 2, 3, 4, 8, 1, 1, 2, 5} {
		b, err := l.Step(t.Context(), step)
		if err != nil || !slices.Equal(b.X, want[step]) {
			t.Errorf("step %d is %v, want %v, %v", step, b.X, want[step], err)
		}
	}
}

// A panic of what is read ahead is the caller's, who may live with it.
func TestLoaderPanics(t *testing.T) {
	begun := make(chan bool, 8)
	set, err := NewImages(8, []int{1, 1, 1}, func(i int) ([]float32, error) {
		if i >= 2 {
			begun <- true
			panic("a decoder's fault")
		}
		return []float32{1}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLoader(set, LoaderSettings{Batch: 2, Ahead: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Next(context.Background()); err != nil {
		t.Fatal(err)
	}
	<-begun
	defer func() {
		if cause := recover(); cause != "a decoder's fault" {
			t.Errorf("recovered %v", cause)
		}
	}()
	_, err = l.Next(context.Background())
	t.Errorf("error %v", err)
}
