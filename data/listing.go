package data

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/monge-ml/monge/data/picture"
)

// splitFolders are the names of a split's folder, in any case.
var splitFolders = [][]string{{"train", "training"}, {"val", "valid", "validation", "dev"}, {"test", "testing"}}

// splitRoots returns the folder of each split, "" where there is none: the whole is for
// training if no folder is a split's. One of a class that is called "train" has images in
// it, not folders.
func splitRoots(dir string) (roots [3]string, err error) {
	if _, err := os.ReadDir(dir); err != nil {
		return roots, err
	}
	for _, name := range folders(dir) {
		i := slices.IndexFunc(splitFolders, func(names []string) bool { return slices.Contains(names, strings.ToLower(name)) })
		root := filepath.Join(dir, name)
		if i < 0 || len(folders(root)) == 0 {
			continue
		}
		if roots[i] != "" {
			return roots, fmt.Errorf("%s and %s are two folders for the same split: keep one", roots[i], root)
		}
		roots[i] = root
	}
	if roots == [3]string{} {
		roots[0] = dir
	}
	return roots, nil
}

// besideSplits returns the folders of a folder with splits that are none.
func besideSplits(dir string, roots [3]string) (others []string) {
	if roots[0] == dir {
		return nil
	}
	for _, name := range folders(dir) {
		if !slices.Contains(roots[:], filepath.Join(dir, name)) {
			others = append(others, name)
		}
	}
	return others
}

// folders returns the names of the folders in a folder, of links to some too.
func folders(dir string) []string {
	if dir == "" {
		return nil
	}
	var names []string
	entries, _ := os.ReadDir(dir) // what can't be read has none
	for _, e := range entries {
		if hidden(e.Name()) {
			continue
		}
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && info.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// hidden reports whether a name is passed over without a word: one that starts with a dot, or that
// systems leave in folders of pictures.
func hidden(name string) bool {
	return strings.HasPrefix(name, ".") || slices.Contains([]string{"Thumbs.db", "desktop.ini", "__MACOSX"}, name)
}

// classesOf returns the names of the classes that a folder has folders of. Two that look alike are
// an error.
func classesOf(root string) (names []string, err error) {
	from := map[string]string{}
	for _, raw := range folders(root) {
		name := className(raw)
		if other, twice := from[name]; twice {
			return nil, fmt.Errorf("%s: the folders %+q and %+q look alike, and would be one class: rename one, or put their images together", root, other, raw)
		}
		from[name] = raw
		names = append(names, name)
	}
	return names, nil
}

// className is the class of a folder's name: with composed letters, as systems differ in that, and
// with bytes that are no UTF-8 as \xFF, so that different ones stay different.
func className(raw string) string {
	if utf8.ValidString(raw) {
		return norm.NFC.String(raw)
	}
	var b strings.Builder
	for len(raw) > 0 {
		r, n := utf8.DecodeRuneInString(raw)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, raw[0])
		case r == '\\':
			b.WriteString(`\\`)
		default:
			b.WriteString(raw[:n])
		}
		raw = raw[n:]
	}
	return b.String()
}

// checkDepth returns an error if folders stand a level too deep: one folder alone that has the
// folders of the classes, or several that have folders of the same names, as splits of other names
// do.
func checkDepth(place, dir string, roots [3]string) error {
	if roots[0] != dir { // there are splits
		return nil
	}
	classes := folders(dir)
	inner := map[string][]string{}
	for _, c := range classes {
		below := folders(filepath.Join(dir, c))
		if len(below) == 0 || hasImages(filepath.Join(dir, c)) {
			return nil
		}
		inner[c] = below
	}
	switch {
	case len(classes) == 1 && len(inner[classes[0]]) > 1:
		deeper := strings.Replace(place, dir, filepath.Join(dir, classes[0]), 1)
		return fmt.Errorf("%s has one folder, %s, with the folders %s in it: give imagefolder:%s if these are the classes", dir, classes[0], someOf(inner[classes[0]]), deeper)
	case len(classes) > 1 && len(inner[classes[0]]) > 1 && allEqual(inner):
		return fmt.Errorf("%s: its folders %s have the same folders in them (%s): if they are splits, name them train, val and test; if they are classes, put their images together",
			dir, someOf(classes), someOf(inner[classes[0]]))
	}
	return nil
}

// hasImages reports whether there are images in a folder itself.
func hasImages(dir string) bool {
	entries, _ := os.ReadDir(dir) // what can't be read has none
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !e.IsDir() && picture.IsName(e.Name()) })
}

func allEqual(lists map[string][]string) bool {
	var first []string
	for _, l := range lists {
		if first == nil {
			first = l
		}
		if !slices.Equal(first, l) {
			return false
		}
	}
	return true
}

// count writes a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// leftOut counts files that are no examples, by the endings of their names.
type leftOut map[string]int

func (l leftOut) add(name string) { l[strings.ToLower(filepath.Ext(name))]++ }

func (l leftOut) count() (n int) {
	for _, c := range l {
		n += c
	}
	return n
}

// String lists them, the most first.
func (l leftOut) String() string {
	endings := slices.SortedFunc(maps.Keys(l), func(a, b string) int {
		if l[a] != l[b] {
			return l[b] - l[a]
		}
		return strings.Compare(a, b)
	})
	var parts []string
	for _, e := range endings {
		what := e
		if e == "" {
			what = "without an ending"
		}
		parts = append(parts, fmt.Sprintf("%d %s", l[e], what))
	}
	return someOf(parts)
}
