package data

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeImages makes a folder of small images: 3 of each of two classes in train, 2 in test.
func writeImages(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for split, n := range map[string]int{"train": 3, "test": 2} {
		for c := range 2 {
			for i := range n {
				img := image.NewGray(image.Rect(0, 0, 4, 4))
				img.Pix[c] = uint8(40*i + len(split))
				var b bytes.Buffer
				path := filepath.Join(dir, split, fmt.Sprintf("c%d", c), fmt.Sprintf("%d.png", i))
				if err := errors.Join(png.Encode(&b, img), os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, b.Bytes(), 0o666)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return dir
}

func scanOf(t *testing.T, spec string) (*Splits, *Scan) {
	t.Helper()
	s, err := Open(spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	scan, err := s.Scan(context.Background(), func(done, all int) {
		if told++; done > all || all != 10 && strings.HasPrefix(spec, "imagefolder") {
			t.Errorf("%d of %d examples", done, all)
		}
	})
	if err != nil || told == 0 {
		t.Fatal(told, err)
	}
	return s, scan
}

// A scan tells data from others by names and bytes, not by their place, and names what can't be
// read.
func TestScan(t *testing.T) {
	dir := writeImages(t)
	_, was := scanOf(t, "imagefolder:"+dir)
	if len(was.Items) != 1+2+10 || was.Items["classes"] != `"c0" "c1"` || was.Items["test/c1/1.png"] == "" || len(was.Damaged) > 0 {
		t.Errorf("%+v", was)
	}
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.CopyFS(moved, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if _, is := scanOf(t, "imagefolder:"+moved); is.Fingerprint != was.Fingerprint {
		t.Error("data that were moved are others")
	}
	path := filepath.Join(moved, "train", "c0", "2.png")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(path, append(b, 0), 0o666) // which decodes to the same pixels
	if _, is := scanOf(t, "imagefolder:"+moved); is.Fingerprint == was.Fingerprint || is.Items["train/c0/2.png"] == was.Items["train/c0/2.png"] {
		t.Error("other bytes are the same")
	}
	os.WriteFile(path, b[:len(b)/2], 0o666)
	s, is := scanOf(t, "imagefolder:"+moved)
	if len(is.Damaged) != 1 || is.Damaged[0].Split != "train" || is.Damaged[0].Example != 2 || !strings.Contains(is.Damaged[0].Err.Error(), path) {
		t.Fatalf("damaged: %+v", is.Damaged)
	}
	whole, err := s.Without(is.Damaged)
	if err != nil || whole.Train.Len() != 5 || whole.Test.Len() != 4 {
		t.Errorf("%d and %d left, error %v", whole.Train.Len(), whole.Test.Len(), err)
	}
}

// Scanning ends with its context.
func TestScanInterrupted(t *testing.T) {
	s, err := Open("digits", Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Scan(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// Sets of examples that a program reads are told by their numbers, and damaged ones found.
func TestScanLazy(t *testing.T) {
	scan := func(add float32, bad int) *Scan {
		set, err := NewLazy(5, []int{2}, func(dst []float32, i int) error {
			if dst[0], dst[1] = float32(i), add; i == bad {
				return errors.New("no example")
			}
			return nil
		})
		if err == nil {
			set, err = set.WithLabels(make([]int, 5))
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := (&Splits{Classes: []string{"a"}, Train: set}).Scan(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a := scan(0, -1)
	if b := scan(0, -1); a.Fingerprint != b.Fingerprint {
		t.Error("the same numbers are others")
	}
	if b := scan(1, -1); a.Fingerprint == b.Fingerprint {
		t.Error("other numbers are the same")
	}
	if b := scan(0, 3); len(b.Damaged) != 1 || b.Damaged[0].Example != 3 {
		t.Errorf("damaged: %+v", b.Damaged)
	}
}

// Files that were read once are not read again while size and time of change stay.
func TestKnownImages(t *testing.T) {
	defer func(n int64, d time.Duration) { leastKnown, justNow = n, d }(leastKnown, justNow)
	leastKnown, justNow = 0, -time.Hour
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	if got, err := os.UserCacheDir(); err != nil || got != cache {
		t.Skip("the cache directory of this system can't be set")
	}
	dir := writeImages(t)
	_, was := scanOf(t, "imagefolder:"+dir)
	path := filepath.Join(dir, "train", "c0", "2.png") // whose header is read always
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(cutAt(path, 40, info.Size()), os.Chtimes(path, info.ModTime(), info.ModTime())); err != nil {
		t.Fatal(err)
	}
	if _, is := scanOf(t, "imagefolder:"+dir); is.Fingerprint != was.Fingerprint || len(is.Damaged) > 0 {
		t.Error("a known file was read again")
	}
	later := info.ModTime().Add(time.Second)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	if _, is := scanOf(t, "imagefolder:"+dir); len(is.Damaged) != 1 {
		t.Error("a file that has changed was not read")
	}
	lists, _ := filepath.Glob(filepath.Join(cache, "monge", "images", "*"))
	if len(lists) != 2 {
		t.Errorf("%d lists, want one a split", len(lists))
	}
	for _, list := range lists {
		if err := os.WriteFile(list, []byte(knownMagic+"1 2 x\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if _, is := scanOf(t, "imagefolder:"+dir); len(is.Damaged) != 1 {
		t.Error("a damaged list is believed")
	}
}

// cutAt makes zeros of what follows in a file.
func cutAt(path string, at, size int64) error {
	return errors.Join(os.Truncate(path, at), os.Truncate(path, size))
}

func FuzzKnown(f *testing.F) {
	f.Add([]byte(knownMagic + "67 1700000000000000000 " + strings.Repeat("ab", 32) + " \"train/c0/1.png\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		k := &known{files: map[string]knownFile{}}
		k.parse(bytes.NewReader(b))
	})
}
