package download

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// content is what the publisher of the tests offers.
var content = bytes.Repeat([]byte("0123456789abcdef"), 1<<14)

func fileOf(b []byte, urls ...string) File {
	h := sha256.Sum256(b)
	return File{Name: "x.gz", URLs: urls, Size: int64(len(b)), SHA256: hex.EncodeToString(h[:])}
}

// A publisher answers its requests with the answers of a list, the last one for ever.
type publisher struct {
	*httptest.Server
	mu     sync.Mutex
	ranges []string // what each request asked for
}

func newPublisher(t *testing.T, answers ...http.HandlerFunc) *publisher {
	p := &publisher{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		i := min(len(p.ranges), len(answers)-1)
		p.ranges = append(p.ranges, r.Header.Get("Range"))
		p.mu.Unlock()
		answers[i](w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// asked returns the ranges that were asked for, one a request.
func (p *publisher) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.ranges)
}

// Answers.
var (
	good = func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "x", time.Time{}, bytes.NewReader(content))
	}
	whole = func(w http.ResponseWriter, r *http.Request) { w.Write(content) } // knows no ranges
	half  = func(w http.ResponseWriter, r *http.Request) { sendHalf(w); panic(http.ErrAbortHandler) }
	stall = func(w http.ResponseWriter, r *http.Request) { sendHalf(w); <-r.Context().Done() }
	mute  = func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	short = func(w http.ResponseWriter, r *http.Request) { sendChunked(w, content[:100]) }
	wrong = func(w http.ResponseWriter, r *http.Request) { w.Write(bytes.ToUpper(content)) }
	large = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)+1))
		w.Write(content)
	}
	reset = func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
	}
	steady = func(w http.ResponseWriter, r *http.Request) { // longer than a stall, without one
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		for part := range slices.Chunk(content, len(content)/8) {
			sendChunked(w, part)
			time.Sleep(200 * time.Millisecond)
		}
	}
	endless = func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(content); err != nil {
				return
			}
		}
	}
	elsewhere = func(w http.ResponseWriter, r *http.Request) { // a range that was not asked for
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 7-%d/%d", len(content)-1, len(content)))
		w.WriteHeader(http.StatusPartialContent)
		w.Write(content[7:])
	}
	compressed = func(w http.ResponseWriter, r *http.Request) { // as some servers call .gz files
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(content)
	}
)

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) }
}

func sendHalf(w http.ResponseWriter) {
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	w.Write(content[:len(content)/2])
	http.NewResponseController(w).Flush()
}

func sendChunked(w http.ResponseWriter, b []byte) {
	w.Write(b)
	http.NewResponseController(w).Flush()
}

func testClient() *Client { return &Client{pause: time.Millisecond} }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// What a client asks for and ends with, by what the publisher does.
func TestGet(t *testing.T) {
	const rest = "bytes=131072-" // behind the first half
	for _, tt := range []struct {
		name    string
		answers []http.HandlerFunc
		stall   time.Duration
		ranges  []string
		want    string // in the error; "" is success
		part    int    // bytes kept
	}{
		{"good", []http.HandlerFunc{good}, 0, []string{""}, "", 0},
		{"closed early, then continued", []http.HandlerFunc{half, good}, 0, []string{"", rest}, "", 0},
		{"closed early, no ranges", []http.HandlerFunc{half, whole}, 0, []string{"", rest}, "", 0},
		{"closed early, another range", []http.HandlerFunc{half, elsewhere, good}, 0, []string{"", rest, ""}, "", 0},
		{"closed early, range refused", []http.HandlerFunc{half, status(416), good}, 0, []string{"", rest, ""}, "", 0},
		{"closed early, then gone", []http.HandlerFunc{half, status(404)}, 0, []string{"", rest}, "404 Not Found", len(content) / 2},
		{"ends early", []http.HandlerFunc{short, good}, 0, []string{"", "bytes=100-"}, "", 0},
		{"always ends early", []http.HandlerFunc{half, half}, 0, []string{"", rest, rest, rest, rest}, "gave up after 5 tries", len(content) / 2},
		{"stalls, then good", []http.HandlerFunc{stall, good}, time.Second, []string{"", rest}, "", 0},
		{"stalls", []http.HandlerFunc{mute}, 200 * time.Millisecond, make([]string, tries), "no bytes for 200ms", 0},
		{"slow", []http.HandlerFunc{steady}, time.Second, []string{""}, "", 0},
		{"5xx, then good", []http.HandlerFunc{status(500), status(503), good}, 0, make([]string, 3), "", 0},
		{"always 5xx", []http.HandlerFunc{status(502)}, 0, make([]string, tries), "502 Bad Gateway", 0},
		{"reset, then good", []http.HandlerFunc{reset, reset, good}, 0, make([]string, 3), "", 0},
		{"not found", []http.HandlerFunc{status(404)}, 0, []string{""}, "404 Not Found", 0},
		{"forbidden", []http.HandlerFunc{status(403)}, 0, []string{""}, "403 Forbidden", 0},
		{"other bytes", []http.HandlerFunc{wrong}, 0, []string{""}, "what was downloaded is removed", 0},
		{"larger", []http.HandlerFunc{large}, 0, []string{""}, "offers 262145 bytes; the published file has 262144", 0},
		{"empty", []http.HandlerFunc{status(200)}, 0, []string{""}, "offers 0 bytes; the published file has 262144", 0},
		{"endless", []http.HandlerFunc{endless}, 0, []string{""}, "", 0}, // starts with the right bytes
		{"content encoding", []http.HandlerFunc{compressed}, 0, []string{""}, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPublisher(t, tt.answers...)
			dir := filepath.Join(t.TempDir(), "new", "dir")
			set := &Set{Name: "x", Files: []File{fileOf(content, p.URL+"/x.gz")}}
			c := testClient()
			c.stall = tt.stall
			fetched, err := c.Get(t.Context(), set, dir)
			got, _ := os.ReadFile(filepath.Join(dir, "x.gz"))
			part, _ := os.ReadFile(filepath.Join(dir, "x.gz.part"))
			if !slices.Equal(p.asked(), tt.ranges) {
				t.Errorf("requests for %q, want %q", p.asked(), tt.ranges)
			}
			if len(part) != tt.part {
				t.Errorf("%d bytes are kept, want %d", len(part), tt.part)
			}
			if tt.want == "" {
				if err != nil || fetched != 1 || !bytes.Equal(got, content) {
					t.Errorf("%d fetched, %d bytes, error %v", fetched, len(got), err)
				}
			} else if err == nil || fetched != 0 || got != nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), p.URL+"/x.gz") {
				t.Errorf("%d fetched, %d bytes, error %v; want %q and the address", fetched, len(got), err, tt.want)
			}
		})
	}
}

// The error of a wrong digest has both.
func TestGetWrongDigest(t *testing.T) {
	p := newPublisher(t, wrong)
	f := fileOf(content, p.URL)
	_, err := testClient().Get(t.Context(), &Set{Files: []File{f}}, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), f.SHA256) || !strings.Contains(err.Error(), fileOf(bytes.ToUpper(content)).SHA256) {
		t.Error(err)
	}
}

// Where one address fails the next is asked, for what is missing.
func TestGetMirrors(t *testing.T) {
	for _, bad := range []http.HandlerFunc{status(403), half, wrong, large} {
		first, second := newPublisher(t, bad, status(404)), newPublisher(t, good)
		dir := t.TempDir()
		_, err := testClient().Get(t.Context(), &Set{Files: []File{fileOf(content, first.URL, second.URL)}}, dir)
		if err != nil || len(second.asked()) != 1 {
			t.Errorf("%d requests of the mirror, error %v", len(second.asked()), err)
		}
	}
	first, second := newPublisher(t, status(403)), newPublisher(t, status(404))
	_, err := testClient().Get(t.Context(), &Set{Files: []File{fileOf(content, first.URL, second.URL)}}, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), first.URL+": 403") || !strings.Contains(err.Error(), second.URL+": 404") {
		t.Errorf("error %v; want both addresses", err)
	}
}

// A server that is not there is reported at once, by its address.
func TestGetNoServer(t *testing.T) {
	p := newPublisher(t, good)
	p.Close()
	_, err := (&Client{pause: time.Hour}).Get(t.Context(), &Set{Files: []File{fileOf(content, p.URL)}}, t.TempDir())
	if err == nil || strings.Count(err.Error(), p.URL) != 1 || !strings.Contains(err.Error(), "refused") {
		t.Error(err)
	}
}

// An interrupted download keeps what it has and goes on from there.
func TestGetInterrupted(t *testing.T) {
	p := newPublisher(t, stall, good)
	dir := t.TempDir()
	set := &Set{Files: []File{fileOf(content, p.URL)}}
	ctx, cancel := context.WithCancel(t.Context())
	c := &Client{Progress: func(_ string, done, _ int64) {
		if done == int64(len(content)/2) {
			cancel()
		}
	}}
	_, err := c.Get(ctx, set, dir)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "x.gz.part has 131072 of 262144 bytes, the same command goes on") {
		t.Errorf("error %v", err)
	}
	if exists(filepath.Join(dir, "x.gz")) {
		t.Error("there is a file after half of it")
	}
	if _, err := c.Get(t.Context(), set, dir); err != nil || p.asked()[1] != "bytes=131072-" {
		t.Errorf("requests for %q, error %v", p.asked(), err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "x.gz")); !bytes.Equal(got, content) || exists(filepath.Join(dir, "x.gz.part")) {
		t.Errorf("%d bytes", len(got))
	}
}

// An interrupt between two tries ends the wait.
func TestGetInterruptedPause(t *testing.T) {
	p := newPublisher(t, status(500))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := (&Client{pause: time.Hour}).Get(ctx, &Set{Files: []File{fileOf(content, p.URL)}}, t.TempDir())
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// How long a client waits: after failures a second, then twice as long each time; for a
// server that says nothing 30 seconds.
func TestGetPatience(t *testing.T) {
	for _, tt := range []struct {
		answer roundTripper
		want   string
		waited time.Duration
	}{
		{func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 500, Status: "500 Internal Server Error", Body: http.NoBody}, nil
		}, "gave up after 5 tries: http://x/: 500", 15 * time.Second},
		{func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, "gave up after 5 tries: http://x/: no bytes for 30s", (5*30 + 15) * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			from := time.Now()
			c := &Client{http: http.Client{Transport: tt.answer}}
			_, err := c.Get(t.Context(), &Set{Files: []File{fileOf(content, "http://x/")}}, t.TempDir())
			if err == nil || !strings.Contains(err.Error(), tt.want) || time.Since(from) != tt.waited {
				t.Errorf("after %v: %v; want %v, %q", time.Since(from), err, tt.waited, tt.want)
			}
		})
	}
}

// A part of an earlier version, complete or too long, does no harm.
func TestGetStaleParts(t *testing.T) {
	const removed = "what was downloaded is removed"
	for _, tt := range []struct {
		part   []byte
		ranges []string // asked for
		want   string
	}{
		{content[:1000], []string{"bytes=1000-"}, ""},
		{content, nil, ""},
		{append(content[:len(content):len(content)], 1), []string{""}, ""},
		{bytes.ToUpper(content[:1000]), []string{"bytes=1000-"}, removed},
		{bytes.ToUpper(content), nil, removed},
	} {
		p := newPublisher(t, good)
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, "x.gz.part"), tt.part, 0o666)
		set := &Set{Files: []File{fileOf(content, p.URL)}}
		_, err := testClient().Get(t.Context(), set, dir)
		if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("part of %d bytes: error %v, want %q", len(tt.part), err, tt.want)
		}
		if got := p.asked(); !slices.Equal(got, tt.ranges) {
			t.Errorf("part of %d bytes: requests for %q, want %q", len(tt.part), got, tt.ranges)
		}
		if _, err := testClient().Get(t.Context(), set, dir); err != nil {
			t.Errorf("part of %d bytes: second call: %v", len(tt.part), err)
		}
	}
}

// A file that is there is verified and not fetched; another one is left alone.
func TestGetExisting(t *testing.T) {
	p := newPublisher(t, good)
	dir := t.TempDir()
	file := filepath.Join(dir, "x.gz")
	set := &Set{Files: []File{fileOf(content, p.URL)}}
	var last int64
	c := &Client{Progress: func(_ string, done, _ int64) { last = done }}
	os.WriteFile(file, content, 0o666)
	if fetched, err := c.Get(t.Context(), set, dir); fetched != 0 || err != nil || last != set.Size() {
		t.Errorf("%d fetched, progress %d, error %v", fetched, last, err)
	}
	for want, other := range map[string][]byte{
		"0 bytes, expected 262144":          {},
		"262143 bytes, expected 262144":     content[1:],
		", expected " + set.Files[0].SHA256: bytes.ToUpper(content),
	} {
		os.WriteFile(file, other, 0o666)
		_, err := c.Get(t.Context(), set, dir)
		if err == nil || !strings.Contains(err.Error(), file+" is there already") || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "remove it") {
			t.Error(err)
		}
		if got, _ := os.ReadFile(file); !bytes.Equal(got, other) {
			t.Error("another file was overwritten")
		}
	}
	if p.asked() != nil {
		t.Errorf("%d requests", len(p.asked()))
	}
}

func TestGetUnwritable(t *testing.T) {
	p := newPublisher(t, good)
	dir := t.TempDir()
	set := &Set{Files: []File{fileOf(content, p.URL)}}
	file := filepath.Join(dir, "file")
	os.WriteFile(file, nil, 0o666)
	_, err := testClient().Get(t.Context(), set, filepath.Join(file, "sub"))
	if err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("below a file: %v", err)
	}
	if os.Getuid() > 0 { // the superuser may write everywhere
		os.Chmod(dir, 0o555)
		_, err = testClient().Get(t.Context(), set, dir)
		if err == nil || !strings.Contains(err.Error(), "permission denied") || !strings.Contains(err.Error(), dir) {
			t.Errorf("read-only: %v", err)
		}
		os.Chmod(dir, 0o755)
	}
	os.Mkdir(filepath.Join(dir, "x.gz.part"), 0o777)
	if _, err = testClient().Get(t.Context(), set, dir); err == nil || !strings.Contains(err.Error(), "x.gz.part") {
		t.Errorf("a directory in the place of the part: %v", err)
	}
}

// The table is complete, and nothing in it stands twice but what should.
func TestSets(t *testing.T) {
	seen := map[string]bool{}
	once := func(s string) {
		if seen[s] {
			t.Errorf("%s stands twice", s)
		}
		seen[s] = true
	}
	for _, s := range Sets {
		once(s.Name)
		if found, err := Find(s.Name); err != nil || found.Size() != s.Size() || s.Size() < 1e6 {
			t.Errorf("%s: %d bytes, %v", s.Name, s.Size(), err)
		}
		for _, f := range s.Files {
			once(f.SHA256)
			if b, err := hex.DecodeString(f.SHA256); err != nil || len(b) != sha256.Size || len(f.URLs) == 0 {
				t.Errorf("%s: digest %q, %d addresses", f.Name, f.SHA256, len(f.URLs))
			}
			for _, address := range f.URLs {
				once(address)
				if u, err := url.Parse(address); err != nil || u.Host == "" || path.Base(u.Path) != f.Name {
					t.Errorf("address %q of %s: %v", address, f.Name, err)
				}
			}
		}
		for _, p := range s.Packages {
			once(p.Name)
			digest, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(p.Integrity, "sha512-"))
			if err != nil || len(digest) != sha512.Size || p.Version == "" || p.Unpacked < p.Size || len(p.Files) == 0 {
				t.Errorf("package %+v: %v", p, err)
			}
		}
		for _, f := range s.Kept()[len(s.Files):] {
			once(f.Name)
			if b, err := hex.DecodeString(f.SHA256); err != nil || len(b) != sha256.Size || !filepath.IsLocal(f.Name) || f.Size <= 0 {
				t.Errorf("file %+v: %v", f, err)
			}
		}
		for _, m := range s.Members {
			once(m.Name)
			if !filepath.IsLocal(m.Name) || m.Limit <= 0 {
				t.Errorf("member %+v", m)
			}
		}
	}
	if _, err := Find("mnits"); err == nil || !strings.Contains(err.Error(), "there are mnist, fashion-mnist, cifar10, cifar100") {
		t.Error(err)
	}
}
