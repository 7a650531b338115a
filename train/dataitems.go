package train

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fingerprint tells the task's data from others, "" if it does not say.
func (r *Run) fingerprint() string {
	if t, ok := r.Task.(Identified); ok {
		return t.Fingerprint()
	}
	return ""
}

// Fingerprint tells the run's data from others by their content, "" if the task does not say.
func (r *Run) Fingerprint() string { return r.fingerprint() }

// SameData reports whether a fingerprint, which may be of an earlier version, is that of the run's data.
func (r *Run) SameData(fingerprint string) bool {
	return fingerprint == r.fingerprint() || fingerprint != "" && slices.Contains(r.formerFingerprints(), fingerprint)
}

// sameSettings returns an error if a saved config has other settings. Where data lie does not
// matter if the task tells what they are.
func (r *Run) sameSettings(saved Config) error {
	if r.fingerprint() != "" {
		return SameBesidePlaces(saved, r.Config)
	}
	return SameConfig(saved, r.Config)
}

// sameData returns an error that says what has changed, if the data are not those of a
// checkpoint; if that is accepted, it is told.
func (d *Dir) sameData(r *Run, c *checkpoint, o DirOptions) error {
	if r.SameData(c.Data) {
		return nil
	}
	changed := d.whatChanged(r)
	if o.AcceptChange {
		o.Warn(changed + "; it goes on with what is there now, so its weights will be those of no other run")
		return nil
	}
	return fmt.Errorf("%s; put back what it began with, go on with what is there now (--accept-data-change), or start a new run", changed)
}

// whatChanged says that the data have changed, and in which items they differ from those that the run began
// with if that can be told; or that the file of a setting alone has, as the weights to start from.
func (d *Dir) whatChanged(r *Run) string {
	changed := fmt.Sprintf("the data have changed since the run began (%s)", cmp.Or(r.Config.DataName(), r.Config.Task))
	t, ok := r.Task.(Itemized)
	was := ReadItems(d.path)
	if !ok || was == nil {
		return changed
	}
	is := t.Items()
	for _, s := range Settings(&r.Config) {
		if now := maps.Clone(is); s.Is("path") && was[s.Name] != "" && is[s.Name] != was[s.Name] {
			if now[s.Name] = was[s.Name]; maps.Equal(was, now) {
				return fmt.Sprintf("the file of %s, %s, has changed since the run began", s.Name, s.String())
			}
		}
	}
	if text := differenceOf(was, is); text != "" {
		changed += ": " + text
	}
	return changed
}

// ReadItems returns what the data of the run in a directory, which is not over, consist of; nil if that is not known.
func ReadItems(path string) (items map[string]string) {
	b, err := os.ReadFile(filepath.Join(path, ItemsFile))
	if err != nil || json.Unmarshal(b, &items) != nil {
		return nil
	}
	return items
}

func (d *Dir) itemsPath() string { return filepath.Join(d.path, ItemsFile) }

// writeItems writes what the data consist of.
func (d *Dir) writeItems(r *Run) error {
	t, ok := r.Task.(Itemized)
	if !ok {
		return nil
	}
	return d.write(ItemsFile, t.Items())
}

// removeItems removes that once the run is over.
func (d *Dir) removeItems() error {
	if err := os.Remove(d.itemsPath()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// differenceOf says which items are gone, new, and different.
func differenceOf(was, is map[string]string) string {
	var gone, added, other, words []string
	for _, name := range slices.Sorted(maps.Keys(was)) {
		now, there := is[name]
		switch {
		case !there:
			gone = append(gone, name)
		case now == was[name]:
		case isDigest(now):
			other = append(other, name)
		default:
			words = append(words, fmt.Sprintf("%s: was %s, is %s", name, shortened(was[name]), shortened(now)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if _, there := was[name]; !there {
			added = append(added, name)
		}
	}
	var parts []string
	for _, p := range []struct {
		names []string
		what  string
	}{{gone, "gone"}, {added, "new"}, {other, "with other content"}} {
		if len(p.names) > 0 {
			parts = append(parts, fmt.Sprintf("%d %s (%s)", len(p.names), p.what, someOf(p.names)))
		}
	}
	return strings.Join(append(parts, words...), "; ")
}

// isDigest reports whether an item's value says nothing to a reader.
func isDigest(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// shortened keeps a message from being filled by one value.
func shortened(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// someOf lists the first of some names.
func someOf(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
