package download

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// A wrongFile is a file that is not the published one.
type wrongFile struct{ got, want string }

func (e *wrongFile) Error() string { return e.got + ", expected " + e.want }

// verify checks that the file at path is f. If it is another one, the error is a
// *wrongFile.
func verify(path string, f File) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if info.Size() != f.Size {
		return &wrongFile{fmt.Sprintf("%d bytes", info.Size()), fmt.Sprint(f.Size)}
	}
	h := sha256.New()
	if _, err := io.Copy(h, in); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != f.SHA256 {
		return &wrongFile{"SHA-256 " + got, f.SHA256}
	}
	return nil
}
