package data

import (
	"fmt"
	"os"
	"path/filepath"
)

// cifar is one of the two CIFAR data sets (A. Krizhevsky 2009,
// cs.toronto.edu/~kriz/cifar.html): 32x32 images in colour. Both are published as bare
// records and as pickles for Python.
type cifar struct {
	name    string
	classes int
	binary  cifarFiles
	python  cifarFiles
	labels  int    // bytes of a binary record before the pixels; the last is the label
	key     string // of the labels in a pickle
	nameKey string // of the classes' names in the pickle of names
}

// cifarFiles are one version of the data set.
type cifarFiles struct {
	dir         string // that the archive unpacks to
	train, test []string
	names       string
}

var cifar10 = cifar{
	name: "cifar10", classes: 10, labels: 1, key: "labels", nameKey: "label_names",
	binary: cifarFiles{"cifar-10-batches-bin",
		[]string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
		[]string{"test_batch.bin"}, "batches.meta.txt"},
	python: cifarFiles{"cifar-10-batches-py",
		[]string{"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"},
		[]string{"test_batch"}, "batches.meta"},
}

var cifar100 = cifar{
	name: "cifar100", classes: 100, labels: 2, key: "fine_labels", nameKey: "fine_label_names",
	binary: cifarFiles{"cifar-100-binary", []string{"train.bin"}, []string{"test.bin"}, "fine_label_names.txt"},
	python: cifarFiles{"cifar-100-python", []string{"train"}, []string{"test"}, "meta"},
}

var (
	cifar10Format  = Format{Name: "cifar10", Place: "DIR", Info: "CIFAR-10: the binary version, or the one for Python", Open: cifar10.open}
	cifar100Format = Format{Name: "cifar100", Place: "DIR", Info: "CIFAR-100, likewise", Open: cifar100.open}
)

const (
	cifarSize   = 32
	cifarPixels = cifarSize * cifarSize
)

// open looks for the two versions in the directory and where their archives unpack to.
func (c cifar) open(dir string, _ *Options) (*Splits, error) {
	if _, err := os.ReadDir(dir); err != nil {
		return nil, err
	}
	for _, v := range []struct {
		files cifarFiles
		read  func(b []byte) ([]byte, []int, error)
		names func(path string, n int) ([]string, error)
	}{{c.binary, c.parseBinary, classNames}, {c.python, c.parsePickle, c.pickleNames}} {
		for _, d := range []string{dir, filepath.Join(dir, v.files.dir)} {
			s := &Splits{}
			var err error
			if s.Train, err = readCIFAR(d, v.files.train, v.read); err != nil {
				return nil, err
			}
			if s.Test, err = readCIFAR(d, v.files.test, v.read); err != nil {
				return nil, err
			}
			if s.Train == nil && s.Test == nil {
				continue
			}
			s.Classes, err = v.names(filepath.Join(d, v.files.names), c.classes)
			if err == nil && len(s.Classes) != c.classes {
				err = fmt.Errorf("%s: it names %d classes, not %d", filepath.Join(d, v.files.names), len(s.Classes), c.classes)
			}
			return s, err
		}
	}
	return nil, fmt.Errorf("%s: no files of %s there: %s and so on (the binary version), or %s (the one for Python)",
		dir, c.name, c.binary.train[0], c.python.train[0])
}

// readCIFAR reads the files of a split, all of which must be there or none.
func readCIFAR(dir string, files []string, parse func(b []byte) ([]byte, []int, error)) (*Set, error) {
	var missing []string
	for _, name := range files {
		if path := filepath.Join(dir, name); !isFile(path) {
			missing = append(missing, path)
		}
	}
	switch len(missing) {
	case 0:
	case len(files):
		return nil, nil
	default:
		return nil, fmt.Errorf("%s is missing; unpack the archive again", missing[0])
	}
	var (
		x      []uint8
		labels []int
	)
	for _, name := range files {
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		planes, l, err := parse(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		x = appendInterleaved(x, planes)
		labels = append(labels, l...)
	}
	return &Set{Labels: labels, Shape: []int{cifarSize, cifarSize, 3}, source: octets{x, 3 * cifarPixels}}, nil
}

// appendInterleaved appends images that are a plane a channel as a channel a pixel.
func appendInterleaved(x, planes []byte) []byte {
	at := len(x)
	x = append(x, planes...)
	for i := 0; i < len(planes); i += 3 * cifarPixels {
		in, out := planes[i:i+3*cifarPixels], x[at+i:]
		for p := range cifarPixels {
			out[3*p], out[3*p+1], out[3*p+2] = in[p], in[cifarPixels+p], in[2*cifarPixels+p]
		}
	}
	return x
}

// parseBinary splits records of labels and 3072 pixels.
func (c cifar) parseBinary(b []byte) (planes []byte, labels []int, err error) {
	record := c.labels + 3*cifarPixels
	if len(b) == 0 || len(b)%record != 0 {
		return nil, nil, fmt.Errorf("%d bytes are no whole records of %d; get it again", len(b), record)
	}
	planes = make([]byte, 0, len(b)/record*3*cifarPixels)
	for i := 0; i < len(b); i += record {
		labels = append(labels, int(b[i+c.labels-1]))
		planes = append(planes, b[i+c.labels:i+record]...)
	}
	return planes, labels, c.checkLabels(labels)
}

func (c cifar) checkLabels(labels []int) error {
	for i, l := range labels {
		if l < 0 || l >= c.classes {
			return fmt.Errorf("record %d has label %d; %s has %d classes: it is damaged or of another data set", i+1, l, c.name, c.classes)
		}
	}
	return nil
}
