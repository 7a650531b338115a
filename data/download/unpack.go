package download

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/atomicfile"
)

// slack is what an archive may hold beside its members: headers, padding, a readme.
const slack = 1 << 20

// unpackFile unpacks a .tar.gz; see unpack.
func unpackFile(ctx context.Context, archive, dir, root string, members []Member, limit int64) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unpack(ctx, f, dir, root, members, limit); err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	return nil
}

// unpack writes the members of a .tar.gz below dir, each whole or not at all; in the archive
// their names begin with root. What else it holds is not looked at, so no name of its own
// reaches the file system. It may unpack to limit bytes.
func unpack(ctx context.Context, r io.Reader, dir, root string, members []Member, limit int64) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	plain := &io.LimitedReader{R: z, N: limit}
	missing := slices.Clone(members)
	for t := tar.NewReader(plain); len(missing) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		switch {
		case plain.N == 0:
			return fmt.Errorf("unpacks to more than %d bytes", limit)
		case err == io.EOF:
			return fmt.Errorf("holds no %s", root+missing[0].Name)
		case err != nil:
			return err
		}
		name := strings.TrimPrefix(h.Name, "./")
		i := slices.IndexFunc(missing, func(m Member) bool { return root+m.Name == name })
		if i < 0 {
			continue
		}
		if err := unpackMember(t, h, dir, missing[i]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		missing = slices.Delete(missing, i, i+1)
	}
	return nil
}

// unpackMember writes the member that t is at.
func unpackMember(t *tar.Reader, h *tar.Header, dir string, m Member) error {
	switch {
	case h.Typeflag != tar.TypeReg:
		return errors.New("is no regular file")
	case h.Size > m.Limit:
		return fmt.Errorf("has %d bytes; it should have %d at most", h.Size, m.Limit)
	}
	to := filepath.Join(dir, filepath.FromSlash(m.Name))
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	return atomicfile.Write(to, func(w io.Writer) error {
		_, err := io.Copy(w, t)
		return err
	})
}
