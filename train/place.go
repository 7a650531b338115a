package train

import (
	"os"
	"path/filepath"
	"strings"
)

// A place is the value of a setting whose tag says path, or spec: a format, a colon, a path, and
// perhaps a question mark and more.
type place struct{ before, path, after string }

// placeOf takes the value of a setting apart; ok is false for one that names no place.
func (s Setting) placeOf(value string) (p place, ok bool) {
	switch {
	case value == "":
		return p, false
	case s.Is("path"):
		return place{path: value}, true
	case !s.Is("spec"):
		return p, false
	}
	format, path, ok := strings.Cut(value, ":")
	p = place{before: format + ":", path: path}
	if at := strings.LastIndex(path, "?"); at >= 0 && strings.Contains(path[at:], "=") {
		p.path, p.after = path[:at], path[at:]
	}
	return p, ok && p.path != ""
}

func (p place) String() string { return p.before + p.path + p.after }

// in returns the place with a relative path as one from a directory.
func (p place) in(dir string) place {
	switch {
	case filepath.IsAbs(p.path), strings.HasPrefix(p.path, "~"):
	case dir == "":
		p.path = filepath.Clean(p.path)
	default:
		p.path = filepath.Join(dir, p.path)
	}
	return p
}

// there reports whether there is something at the path, which may be a pattern.
func (p place) there() bool {
	if _, err := os.Stat(p.path); err == nil {
		return true
	}
	found, err := filepath.Glob(p.path)
	return err == nil && len(found) > 0
}

// samePlace reports whether two values of a setting name one place, in configs of two
// directories.
func (s Setting) samePlace(a, aDir, b, bDir string) bool {
	if a == b {
		return true
	}
	p, ok := s.placeOf(a)
	q, also := s.placeOf(b)
	return ok && also && p.in(aDir) == q.in(bDir)
}

// FindPlaces makes relative paths of a config that was read, and that lead nowhere from here,
// lead where they did from its Directory.
func (c *Config) FindPlaces() error {
	for _, s := range Settings(c) {
		p, ok := s.placeOf(s.String())
		if !ok || c.Directory == "" || p.there() {
			continue
		}
		if was := p.in(c.Directory); was.there() {
			if err := s.Set(was.String()); err != nil {
				return err
			}
		}
	}
	c.Directory = ""
	return nil
}

// workingDirectory is the directory that relative paths are of, "" where it can't be told.
func workingDirectory() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	return dir
}
