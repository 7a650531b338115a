package data

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Home returns a place with the user's home directory for a tilde at its beginning, which a shell
// leaves alone behind a colon.
func Home(place string) string {
	rest, ok := strings.CutPrefix(place, "~")
	if !ok || rest != "" && !os.IsPathSeparator(rest[0]) {
		return place
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return place
	}
	return filepath.Join(home, rest)
}

// fromHere says where a relative place was looked for, if there is nothing.
func fromHere(err error, place string) error {
	if !errors.Is(err, fs.ErrNotExist) || filepath.IsAbs(place) {
		return err
	}
	here, failed := os.Getwd()
	if failed != nil {
		return err
	}
	return fmt.Errorf("%w (looked for in %s)", err, here)
}
