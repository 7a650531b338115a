package supervised_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// photos makes a folder of images of two classes that differ in brightness, so many for each
// class in train and in test.
func photos(t *testing.T, train, test int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "photos")
	for split, n := range map[string]int{"train": train, "test": test} {
		for class := range 2 {
			for i := range n {
				writePhoto(t, filepath.Join(dir, split, fmt.Sprintf("c%d", class), fmt.Sprintf("%02d.png", i)), uint8(40+100*class+i))
			}
		}
	}
	return dir
}

func writePhoto(t *testing.T, path string, grey uint8) {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 8, 8))
	for i := range img.Pix {
		img.Pix[i] = grey + uint8(i%7)
	}
	img.SetGray(0, 0, color.Gray{Y: 255 - grey})
	var b bytes.Buffer
	if err := errors.Join(png.Encode(&b, img), os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, b.Bytes(), 0o666)); err != nil {
		t.Fatal(err)
	}
}

// damage cuts a file short.
func damage(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, info.Size()/2)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func onPhotos(dir string) train.Config {
	c := supervised.Default()
	c.Epochs, c.Batch, c.CheckpointEvery = 4, 4, 1
	supervised.Change(&c, func(s *supervised.Settings) { s.Data, s.Val = "imagefolder:"+dir, 0 })
	return c
}

// A file of any split that can't be read is known before the first step, by its name, and so
// are all others. It is left out where that is asked for, and named.
func TestDamagedImages(t *testing.T) {
	dir := photos(t, 8, 4)
	bad := []string{filepath.Join(dir, "test", "c1", "02.png"), filepath.Join(dir, "train", "c0", "05.png")}
	damage(t, bad[0])
	if err := os.Truncate(bad[1], 0); err != nil { // not even its size can be read
		t.Fatal(err)
	}
	c := onPhotos(dir)
	_, err := train.New(c)
	var damaged data.DamagedError
	if !errors.As(err, &damaged) || len(damaged) != 2 {
		t.Fatalf("error %v, want 2 damaged examples", err)
	}
	supervised.Change(&c, func(s *supervised.Settings) { s.SkipDamaged = true })
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(r.Notes(), "\n")
	for _, path := range bad {
		if !strings.Contains(damaged.Error(), path) || !strings.Contains(notes, path) {
			t.Errorf("%s is not named in %q or %q", path, damaged.Error(), notes)
		}
	}
	if s := r.Sizes(); s.Train != 15 || s.Test != 7 {
		t.Errorf("%d and %d examples, want 15 and 7", s.Train, s.Test)
	}
	if _, err := r.Do(context.Background(), nil, train.Watch{}); err != nil {
		t.Error(err)
	}
	for i := range 4 {
		damage(t, filepath.Join(dir, "test", "c0", fmt.Sprintf("%02d.png", i)))
		if i != 2 {
			damage(t, filepath.Join(dir, "test", "c1", fmt.Sprintf("%02d.png", i)))
		}
	}
	if _, err := train.New(c); err == nil || !strings.Contains(err.Error(), "no example of the test split") {
		t.Errorf("nothing left of the test split: error %v", err)
	}
}

// interrupt does a run on photos until a step.
func interrupt(t *testing.T, path string, c train.Config, step int) {
	t.Helper()
	if _, err := runIn(t, path, c, step); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// Data are what their files hold, wherever these lie and however that is spelled: the run goes on
// to the same bits.
func TestMovedData(t *testing.T) {
	c := onPhotos(photos(t, 8, 4))
	_, want := do(t, c)
	dir := strings.TrimPrefix(supervised.Of(&c).Data, "imagefolder:")
	for name, resume := range map[string]func(t *testing.T) (wd, data string){
		"other spelling": func(*testing.T) (string, string) { return filepath.Dir(dir), "./photos/" },
		"elsewhere":      func(*testing.T) (string, string) { return "/", dir },
		"moved": func(t *testing.T) (string, string) {
			to := filepath.Join(t.TempDir(), "moved")
			if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			return filepath.Dir(to), "moved"
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run")
			t.Chdir(filepath.Dir(dir))
			c := onPhotos("photos")
			interrupt(t, path, c, 5)
			wd, data := resume(t)
			t.Chdir(wd)
			supervised.Change(&c, func(s *supervised.Settings) { s.Data = "imagefolder:" + data })
			got, err := runIn(t, path, c, 0)
			if err != nil || got.WeightsSHA256 != want.WeightsSHA256 {
				t.Errorf("weights %s, want %s; error %v", got.WeightsSHA256, want.WeightsSHA256, err)
			}
		})
	}
}

// A run's own config leads to its data from any directory.
func TestFindPlaces(t *testing.T) {
	dir, path := photos(t, 4, 4), filepath.Join(t.TempDir(), "run")
	t.Chdir(filepath.Dir(dir))
	interrupt(t, path, onPhotos("photos"), 3)
	t.Chdir("/")
	var c train.Config
	if err := train.ReadConfig(filepath.Join(path, train.ConfigFile), &c); err != nil {
		t.Fatal(err)
	}
	if err := c.FindPlaces(); err != nil {
		t.Fatal(err)
	}
	if got := supervised.Of(&c).Data; got != "imagefolder:"+dir {
		t.Errorf("data %s, want those of %s", got, dir)
	}
	if _, err := runIn(t, path, c, 0); err != nil {
		t.Error(err)
	}
}

// What has changed in the data of a run is said, and the run goes on with that where this is
// accepted.
func TestChangedData(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(dir string)
		want   string
	}{
		"repaired":  {func(dir string) { writePhoto(t, filepath.Join(dir, "test", "c1", "02.png"), 9) }, "1 new (test/c1/02.png)"},
		"deleted":   {func(dir string) { os.Remove(filepath.Join(dir, "train", "c0", "03.png")) }, "1 gone (train/c0/03.png)"},
		"same size": {func(dir string) { swap(t, dir) }, "2 with other content (train/c0/00.png, train/c0/01.png)"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, path := photos(t, 8, 4), filepath.Join(t.TempDir(), "run")
			damage(t, filepath.Join(dir, "test", "c1", "02.png"))
			c := onPhotos(dir)
			supervised.Change(&c, func(s *supervised.Settings) { s.SkipDamaged = true })
			interrupt(t, path, c, 5)
			tt.change(dir)
			r, err := train.New(c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := train.OpenDir(path, r, train.DirOptions{Resume: true}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if r, err = train.New(c); err != nil {
				t.Fatal(err)
			}
			said := ""
			res, err := r.DoIn(context.Background(), path, train.DirOptions{Resume: true, AcceptChange: true, Warn: func(s string) { said += s }}, train.Watch{})
			if err != nil || res.Steps != r.Steps() || !strings.Contains(said, tt.want) {
				t.Errorf("%d steps of %d, told %q; error %v", res.Steps, r.Steps(), said, err)
			}
			if r, err = train.New(c); err != nil {
				t.Fatal(err)
			}
			if _, err := train.OpenDir(path, r, train.DirOptions{Resume: true}); !errors.Is(err, train.ErrFinished) {
				t.Errorf("opened when it is over: error %v", err)
			}
		})
	}
}

// swap gives two images each other's names.
func swap(t *testing.T, dir string) {
	t.Helper()
	a, b, c := filepath.Join(dir, "train", "c0", "00.png"), filepath.Join(dir, "train", "c0", "01.png"), filepath.Join(dir, "x")
	if err := errors.Join(os.Rename(a, c), os.Rename(b, a), os.Rename(c, b)); err != nil {
		t.Fatal(err)
	}
}

// Batch normalisation of one value a channel can't be trained: a minibatch or a microbatch at the
// end that leaves it one is dropped or joined to the one before, and one that always does is an
// error before the first step.
func TestLastMinibatch(t *testing.T) {
	dir := photos(t, 3, 1)
	writePhoto(t, filepath.Join(dir, "train", "c1", "99.png"), 77) // the seventh
	for _, tt := range []struct {
		batch, micro, steps int
		want                string // in the error
	}{
		{2, 0, 3, ""}, {6, 0, 1, ""}, {5, 0, 2, ""}, {7, 3, 1, ""}, {7, 2, 1, ""},
		{1, 0, 0, "minibatch of 1"}, {4, 1, 0, "microbatch is 1"},
	} {
		c := onPhotos(dir)
		supervised.Change(&c, func(s *supervised.Settings) { s.Model, s.Size = "resnet20", data.Square(4) })
		c.Epochs, c.Batch, c.Microbatch, c.LR = 1, tt.batch, tt.micro, .001
		r, err := train.New(c)
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("batch %d, microbatch %d: error %v, want %q", tt.batch, tt.micro, err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		dropped := strings.Contains(strings.Join(r.Notes(), "\n"), "last minibatch of each epoch, of 1,")
		if want := 7%tt.batch == 1; dropped != want {
			t.Errorf("batch %d: notes %q", tt.batch, r.Notes())
		}
		if res, err := r.Do(context.Background(), nil, train.Watch{}); err != nil || res.Steps != tt.steps {
			t.Errorf("batch %d, microbatch %d: %d steps, want %d; error %v", tt.batch, tt.micro, res.Steps, tt.steps, err)
		}
	}
}

// A last layer that goes on tells the classes apart that it has learned: they are found by name,
// and where names are others it is said that their order counts.
func TestClassesOfStart(t *testing.T) {
	table := func(labels ...string) string {
		var b strings.Builder
		b.WriteString("x,y,label\n")
		for i := range 40 {
			fmt.Fprintf(&b, "%d.5,%d.25,%s\n", 9*(i%2), i%5, labels[i%2])
		}
		path := filepath.Join(t.TempDir(), "a.csv")
		if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		return "csv:" + path
	}
	on := func(spec, init string, epochs int) train.Config {
		c := supervised.Default()
		c.Base, c.LR, c.Epochs, c.Batch = "adam", .01, epochs, 8
		supervised.Change(&c, func(s *supervised.Settings) { s.Data, s.Val, s.Init = spec, .25, init })
		return c
	}
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, dir, on(table("b", "a"), "", 30), 0); err != nil {
		t.Fatal(err)
	}
	weights := filepath.Join(dir, supervised.WeightsFile)
	c := on(table("x", "w"), weights, 1)
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(r.Notes(), "\n"); !strings.Contains(notes, "goes on with w, x in their order") {
		t.Errorf("notes %q", notes)
	}
	numbers := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, numbers, on(table("2", "10"), "", 30), 0); err != nil {
		t.Fatal(err)
	}
	c = on(table("2.0", "10.00"), filepath.Join(numbers, supervised.WeightsFile), 1)
	c.LR = 1e-9 // it stays as it was
	r, res := do(t, c)
	if got := r.Task.(*supervised.Task).Data.Classes; strings.Join(got, " ") != "2 10" || res.Val.Get("accuracy") != 1 {
		t.Errorf("classes %q, accuracy %g", got, float64(res.Val.Get("accuracy")))
	}
}

// A run that leaves a damaged file out goes on when the file is deleted, as is advised, also where a
// validation split was drawn beside it.
func TestDamagedDeleted(t *testing.T) {
	dir, path := photos(t, 12, 4), filepath.Join(t.TempDir(), "run")
	bad := filepath.Join(dir, "train", "c0", "05.png")
	damage(t, bad)
	c := onPhotos(dir)
	supervised.Change(&c, func(s *supervised.Settings) { s.SkipDamaged, s.Val = true, .25 })
	interrupt(t, path, c, 5)
	if err := os.Remove(bad); err != nil {
		t.Fatal(err)
	}
	supervised.Change(&c, func(s *supervised.Settings) { s.SkipDamaged = false })
	got, err := runIn(t, path, c, 0)
	_, want := do(t, c)
	if err != nil || got.WeightsSHA256 != want.WeightsSHA256 {
		t.Errorf("weights %s, want %s; error %v", got.WeightsSHA256, want.WeightsSHA256, err)
	}
}

// What tells the weights to start from does not depend on the seed, which a new head does.
func TestFingerprintOfStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	c := supervised.Default()
	c.Epochs = 1
	if _, err := runIn(t, path, c, 0); err != nil {
		t.Fatal(err)
	}
	prints := map[string]bool{}
	for seed := range uint64(2) {
		c := supervised.Default()
		c.Seed = seed + 1
		supervised.Change(&c, func(s *supervised.Settings) {
			s.Init, s.Head, s.Classes = filepath.Join(path, supervised.WeightsFile), "new", []string{"1", "7"}
		})
		r, err := train.New(c)
		if err != nil {
			t.Fatal(err)
		}
		prints[r.Fingerprint()] = true
	}
	if len(prints) != 1 {
		t.Error("it depends on the seed")
	}
}
