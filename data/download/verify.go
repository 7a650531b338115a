package download

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
)

// A wrongFile is a file that is not the published one.
type wrongFile struct{ got, want string }

func (e *wrongFile) Error() string { return e.got + ", expected " + e.want }

// isThere reports whether f is at path. It is an error if another file is.
func isThere(path string, f File) (bool, error) {
	switch err := verify(path, f); {
	case err == nil:
		return true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("%s is there already: %w; remove it to download it again", path, err)
	}
	return false, nil
}

// verify checks that the file at path is f. If it is another one, the error is a
// *wrongFile.
func verify(path string, f File) error {
	got, err := digest(path, f.Size, sha256.New())
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(got); got != f.SHA256 {
		return &wrongFile{"SHA-256 " + got, f.SHA256}
	}
	return nil
}

// digest returns that of a file which should have size bytes. If it has not, the error
// is a *wrongFile.
func digest(path string, size int64, h hash.Hash) ([]byte, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != size {
		return nil, &wrongFile{fmt.Sprintf("%d bytes", info.Size()), fmt.Sprint(size)}
	}
	if _, err := io.Copy(h, in); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}
