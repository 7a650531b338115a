package data

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/data/picture"
)

var parquetFormat = Format{
	Name: "parquet", Place: "FILE", Sized: true, Open: openParquet,
	Info: "texts, pairs of texts or images with labels or targets, as Hugging Face's data sets are kept: a file, or a directory of train-*, validation-*, test-*.parquet; ?text=NAME&label=NAME as of text:FILE, &image=NAME, &channels=1 for grey",
}

// parquetSpec is what a spec says about a file of columns.
type parquetSpec struct {
	textColumns
	image string // "" for the one that is called so
	fit   picture.Fit
}

// openParquet reads a file, a tenth of whose examples is the test split, or a directory of files
// whose names begin with those of splits, as Hugging Face's data sets have them.
func openParquet(place string, o *Options) (*Splits, error) {
	path, spec, err := parseParquetSpec(place)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	spec.schema = true
	spec.fit = picture.Fit{Height: o.Size.Height, Width: o.Size.Width, Crop: o.Crop, Grey: spec.fit.Grey || o.Grey, As: o.As}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	s := &Splits{}
	files := [3][]string{{path}}
	if info.IsDir() {
		var left []string
		if files, left, err = parquetFiles(path); err != nil {
			return nil, err
		}
		if left != nil {
			s.Notes = append(s.Notes, "files of no split left out: "+someOf(left))
		}
	}
	var parts [3]*corpus
	for i, list := range files {
		if len(list) == 0 {
			continue
		}
		c := newCorpus()
		err := spec.readFiles(c, list, !info.IsDir())
		if none := unlabelled(""); i == len(files)-1 && errors.As(err, &none) {
			s.Notes = append(s.Notes, list[0]+" has no labels, and is left out")
			continue
		}
		if err != nil {
			return nil, err
		}
		parts[i], s.Notes = c, append(s.Notes, c.notes...)
	}
	if !info.IsDir() {
		s, err = parts[0].splits(path)
	} else {
		err = s.join(path, parts)
	}
	if err != nil {
		return nil, err
	}
	return s, s.openPictures(path, spec.fit, o.CacheBytes)
}

// parseParquetSpec takes the settings off a place.
func parseParquetSpec(place string) (path string, spec parquetSpec, err error) {
	at := strings.LastIndex(place, "?")
	if at < 0 || !strings.Contains(place[at:], "=") {
		return place, spec, nil
	}
	values, err := url.ParseQuery(place[at+1:])
	if err != nil {
		return place, spec, usage("%q is not like label=NAME&text=NAME", place[at+1:])
	}
	spec.image = values.Get("image")
	switch channels := values.Get("channels"); channels {
	case "", "3":
	case "1":
		spec.fit.Grey = true
	default:
		return place, spec, usage("channels %q; there are 1 for grey and 3", channels)
	}
	values.Del("image")
	values.Del("channels")
	_, spec.textColumns, err = parseTextSpec("?" + values.Encode())
	if err == nil && spec.image != "" && spec.texts != nil {
		err = usage("image and text are both given; examples are of one of them")
	}
	return place[:at], spec, err
}

// parquetFiles lists the files of each split of a directory, and those of none: in it, or in its
// folders if it has none itself, like data, or train and test.
func parquetFiles(dir string) (files [3][]string, left []string, err error) {
	var all []string
	for _, pattern := range []string{"*.parquet", "*/*.parquet"} {
		if all, err = filepath.Glob(filepath.Join(globQuoted(dir), pattern)); err != nil || all != nil {
			break
		}
	}
	if err != nil {
		return files, nil, err
	}
	for _, path := range all {
		i := splitOf(filepath.Base(path))
		if i < 0 {
			i = splitOf(filepath.Base(filepath.Dir(path)))
		}
		if i < 0 {
			left = append(left, filepath.Base(path))
			continue
		}
		files[i] = append(files[i], path)
	}
	if len(left) == len(all) {
		return files, nil, fmt.Errorf("%s: no files of splits there; they are called like train-00000-of-00001.parquet, validation.parquet, test-0.parquet, or lie in folders train, validation, test", dir)
	}
	return files, left, nil
}

// globQuoted quotes what has a meaning in patterns.
func globQuoted(dir string) string {
	if filepath.Separator == '\\' {
		return dir // where nothing can be quoted
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// splitOf returns the number of the split that a file or a folder is of by its name, or -1.
func splitOf(name string) int {
	name, _, _ = strings.Cut(strings.ToLower(name), ".")
	name, _, _ = strings.Cut(name, "-")
	return slices.IndexFunc(splitFolders, func(names []string) bool { return slices.Contains(names, name) })
}

// readFiles reads the files of a split.
func (spec *parquetSpec) readFiles(c *corpus, paths []string, cut bool) error {
	for k, path := range paths {
		if err := spec.readFile(c, path, cut, k == 0); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(c.labels) == 0 {
		return fmt.Errorf("%s: there is no example", paths[0])
	}
	return nil
}

func (spec *parquetSpec) readFile(c *corpus, path string, cut, first bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	t, err := newParquetTable(f, info.Size())
	if err != nil {
		return err
	}
	return t.read(c, spec, cut, first)
}
