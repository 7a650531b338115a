package foreign

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/monge-ml/monge/internal/words"
)

// maxFile is more than any file of settings has.
const maxFile = 4 << 20

// ReadFile reads a file of settings, such as a config.json.
func ReadFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s: not a model's configuration: it must be a file of at most %d bytes", path, maxFile)
	}
	b, err := os.ReadFile(path)
	return Text(b), err
}

// ReadUpTo reads a file of at most so many bytes, as it is.
func ReadUpTo(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s: it has more than %d bytes, which is not read", path, most)
	}
	return b, err
}

// Has reports whether a directory has one of some files.
func Has(dir string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && !info.IsDir()
	})
}

// Contents says what a directory has.
func Contents(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "can't be listed"
	}
	if len(entries) == 0 {
		return "is empty"
	}
	const most = 8
	var names []string
	for _, e := range entries[:min(most, len(entries))] {
		name := e.Name()
		if e.IsDir() {
			name += "/"
		}
		names = append(names, fmt.Sprintf("%.60s", name))
	}
	if more := len(entries) - most; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return "has " + strings.Join(names, ", ")
}

// Square makes one number of height and width.
func Square(settings map[string]json.RawMessage, key string) error {
	var sides []int
	if b := settings[key]; b == nil || string(b) == "null" || json.Unmarshal(b, &sides) != nil {
		return nil
	}
	if len(sides) != 2 || sides[0] != sides[1] {
		return fmt.Errorf("%s is %.80s; only squares can be read here", key, settings[key])
	}
	settings[key] = json.RawMessage(strconv.Itoa(sides[0]))
	return nil
}

// Decode is json.Unmarshal of an object that is taken apart.
func Decode(settings map[string]json.RawMessage, into any) error {
	b, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	if err := words.Value(b, json.Unmarshal(b, into)); err != nil {
		return fmt.Errorf("not a config.json: %w", err)
	}
	return nil
}
