package download

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// transient is an error after which the same request may succeed.
type transient struct{ error }

func (e transient) Unwrap() error { return e.error }

// errRange is an answer that does not continue the bytes that are there.
var errRange = errors.New("the server does not continue the file where it was left")

// try asks url once for the bytes that part lacks.
func (c *Client) try(ctx context.Context, url, part string, f File, report func(int64)) error {
	have, err := partSize(part, f.Size)
	if err != nil || have == f.Size {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := cmp.Or(c.stall, defaultStall)
	stall := time.AfterFunc(limit, func() { cancel(transient{fmt.Errorf("no bytes for %v", limit)}) })
	defer stall.Stop()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "monge")
	req.Header.Set("Accept-Encoding", "identity") // so that .gz files stay as they are
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", url, connectError(ctx, err))
	}
	defer resp.Body.Close()
	start, err := bodyStart(resp, have, f.Size)
	if err != nil {
		if errors.Is(err, errRange) {
			err = errors.Join(err, os.Remove(part)) // the next try starts from the beginning
		}
		return fmt.Errorf("%s: %w", url, err)
	}
	have = start
	err = receive(part, start, f.Size, readerFunc(func(p []byte) (int, error) {
		n, err := resp.Body.Read(p)
		if n > 0 {
			stall.Reset(limit)
			have += int64(n)
			report(min(have, f.Size))
		}
		if err != nil && err != io.EOF {
			err = transient{cmp.Or(context.Cause(ctx), err)}
		}
		return n, err
	}))
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// connectError says why a request got no answer. A server that is slow or hangs up is
// worth another try; one that is not there is not.
func connectError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	err = errors.Unwrap(err) // of the *url.Error, which repeats the address
	var slow net.Error
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.As(err, &slow) && slow.Timeout() {
		return transient{err}
	}
	return err
}

// bodyStart returns where in a file of size bytes the body of an answer starts, to a
// request for what follows the first have bytes.
func bodyStart(resp *http.Response, have, size int64) (int64, error) {
	switch code := resp.StatusCode; {
	case code == http.StatusOK && (resp.ContentLength < 0 || resp.ContentLength == size):
		return 0, nil
	case code == http.StatusOK:
		return 0, fmt.Errorf("offers %d bytes; the published file has %d", resp.ContentLength, size)
	case code == http.StatusPartialContent:
		var from, to, all int64
		_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &all)
		if err != nil || from != have || all != size {
			return 0, transient{errRange}
		}
		return have, nil
	case code == http.StatusRequestedRangeNotSatisfiable:
		return 0, transient{errRange}
	case code >= 500 || code == http.StatusTooManyRequests:
		return 0, transient{errors.New(resp.Status)}
	}
	return 0, errors.New(resp.Status)
}

// receive writes to part, from start on, what completes it to size bytes.
func receive(part string, start, size int64, r io.Reader) (err error) {
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Sync(), out.Close()) }()
	if err := out.Truncate(start); err != nil {
		return err
	}
	if _, err := out.Seek(start, io.SeekStart); err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(r, size-start))
	if err == nil && n < size-start {
		return transient{fmt.Errorf("ended after %d of %d bytes", start+n, size)}
	}
	return err
}
