package cli

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/monge-ml/monge/data/download"
)

// offer adds a data set of one file to those that can be downloaded.
func offer(t *testing.T, name string, b []byte, answer http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	h := sha256.Sum256(b)
	sets := download.Sets
	t.Cleanup(func() { download.Sets = sets })
	download.Sets = append(slices.Clip(sets), download.Set{Name: name, Format: "idx",
		Files: []download.File{{Name: "x.gz", URLs: []string{server.URL + "/x.gz"}, Size: int64(len(b)), SHA256: hex.EncodeToString(h[:])}}})
}

func TestDataGet(t *testing.T) {
	content := bytes.Repeat([]byte("monge"), 1000)
	offer(t, "tiny", content, func(w http.ResponseWriter, r *http.Request) { w.Write(content) })
	dir := filepath.Join(t.TempDir(), "tiny")
	code, out, stderr := call("data", "get", "tiny", "--out", dir)
	if code != 0 || !strings.Contains(out, "1 of 1 files fetched") || !strings.HasSuffix(out, "  monge data info idx:"+dir+"\n") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, out, stderr)
	}
	if !strings.Contains(stderr, "bytes 5000/5000  x.gz") {
		t.Errorf("progress %q", stderr)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "x.gz")); !bytes.Equal(got, content) {
		t.Errorf("%d bytes", len(got))
	}

	code, out, stderr = call("data", "get", "tiny", "--out", dir, "--json")
	var got struct {
		Spec    string
		Fetched int
		Files   []struct{ Path, SHA256 string }
	}
	decode(t, out, &got)
	if code != 0 || stderr != "" || got.Spec != "idx:"+dir || got.Fetched != 0 || len(got.Files) != 1 || got.Files[0].Path != filepath.Join(dir, "x.gz") {
		t.Errorf("exit code %d, stderr %q, %+v", code, stderr, got)
	}
}

// A package of npm is unpacked, and the spec is one of pairs.
func TestDataGetPackage(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	err := errors.Join(w.WriteHeader(&tar.Header{Name: "package/a", Size: 2, Mode: 0o644}), func() error { _, err := w.Write([]byte("hi")); return err }(), w.Close(), z.Close())
	if err != nil {
		t.Fatal(err)
	}
	from, dir := t.TempDir(), filepath.Join(t.TempDir(), "tiny")
	if err := os.WriteFile(filepath.Join(from, "one-1.2.3.tgz"), b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	archive, file := sha512.Sum512(b.Bytes()), sha256.Sum256([]byte("hi"))
	sets := download.Sets
	t.Cleanup(func() { download.Sets = sets })
	download.Sets = append(slices.Clip(sets), download.Set{Name: "tiny", Format: "emoji", Choice: "?set=x", Packages: []download.Package{{
		Name: "one", Version: "1.2.3", Size: int64(b.Len()), Unpacked: 2000, Integrity: "sha512-" + base64.StdEncoding.EncodeToString(archive[:]),
		Files: []download.File{{Name: "a", Size: 2, SHA256: hex.EncodeToString(file[:])}}}}})
	code, out, stderr := call("data", "get", "tiny", "--out", dir, "--from", from)
	if code != 0 || !strings.Contains(out, filepath.Join(dir, "one", "a")+"  2 bytes, as published\n1 of 1 files fetched") || !strings.HasSuffix(out, "--data 'emoji:"+dir+"?set=x&split=train' --val-data 'emoji:"+dir+"?set=x&split=val' --out runs/tiny\n") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, out, stderr)
	}
	code, out, stderr = call("data", "get", "tiny", "--out", dir, "--json") // without npm, as all is there
	var got struct {
		Spec    string
		Fetched int
		Files   []struct{ Path string }
	}
	decode(t, out, &got)
	if code != 0 || stderr != "" || got.Spec != "emoji:"+dir+"?set=x" || got.Fetched != 0 || len(got.Files) != 1 || got.Files[0].Path != filepath.Join(dir, "one", "a") {
		t.Errorf("exit code %d, stderr %q, %+v", code, stderr, got)
	}
}

func TestDataGetErrors(t *testing.T) {
	offer(t, "gone", []byte("x"), http.NotFound)
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"data get", exitUsage, "takes one data set, got 0; there are mnist, fashion-mnist, cifar10, cifar100, emoji"},
		{"data get mnits --out x", exitUsage, `no data set "mnits" to download; there are mnist,`},
		{"data get mnist", exitUsage, "--out is missing"},
		{"data get gone --out " + t.TempDir(), exitFailed, "/x.gz: 404 Not Found"},
		{"data get mnist --out x --from y", exitUsage, "--from is for data sets of npm's packages; mnist is none"},
		{"data get emoji --out " + t.TempDir() + " --from " + t.TempDir(), exitFailed, "emoji-datasource-twitter-16.0.0.tgz: no such file or directory; 'npm pack emoji-datasource-twitter@16.0.0' makes it"},
		{"data get gone --json --out /dev/null/x", exitFailed, "/dev/null"},
	} {
		code, out, stderr := call(strings.Fields(tt.args)...)
		if code != tt.code || out != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("monge %s: exit code %d, stdout %q, stderr %q; want %d, %q", tt.args, code, out, stderr, tt.code, tt.want)
		}
	}
}

// An interrupt keeps what was downloaded and says so.
func TestDataGetInterrupted(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	offer(t, "slow", make([]byte, 1<<20), func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, 1<<16))
		http.NewResponseController(w).Flush()
		for r.Context().Err() == nil {
			if info, err := os.Stat(filepath.Join(dir, "x.gz.part")); err == nil && info.Size() == 1<<16 {
				self.Signal(os.Interrupt)
				break
			}
			time.Sleep(time.Millisecond)
		}
		<-r.Context().Done()
	})
	code, out, stderr := call("data", "get", "slow", "--out", dir)
	if code != exitInterrupted || out != "" || !strings.Contains(stderr, "monge: interrupted: ") || !strings.Contains(stderr, "65536 of 1048576 bytes, the same command goes on from there\n") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, out, stderr)
	}
}
