package download

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// packageOf is a package whose file sub/a.txt is kept, with its archive.
func packageOf(t *testing.T, name, body string) (Package, []byte) {
	f := fileOf([]byte(body))
	f.Name = "sub/a.txt"
	b := archiveOf(t, entry{name: "package/big", body: strings.Repeat("x", 2000)}, entry{name: "sub/a.txt", body: "other"}, entry{name: "package/sub/a.txt", body: body})
	h := sha512.Sum512(b)
	return Package{Name: name, Version: "1.0.0", Size: int64(len(b)), Unpacked: 5000, Files: []File{f},
		Integrity: "sha512-" + base64.StdEncoding.EncodeToString(h[:])}, b
}

func put(t *testing.T, b []byte, path ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path...), b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// fakeNPM puts a shell script in the place of npm.
func fakeNPM(t *testing.T, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("npm is played by a shell script")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "npm"), []byte("#!/bin/sh\n"+script), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// Archives that are there already are unpacked, once, and not copied.
func TestGetPackagesFrom(t *testing.T) {
	one, b := packageOf(t, "one", "first")
	two, b2 := packageOf(t, "two", "second")
	set := &Set{Packages: []Package{one, two}}
	from, dir := t.TempDir(), filepath.Join(t.TempDir(), "new")
	put(t, b, from, "one-1.0.0.tgz")
	put(t, b2, from, "two-1.0.0.tgz")
	var last int64
	c := &Client{From: from, Progress: func(_ string, done, _ int64) { last = done }}
	for _, want := range []int{2, 0} {
		fetched, err := c.Get(t.Context(), set, dir)
		if err != nil || fetched != want || last != set.Size() {
			t.Errorf("%d fetched, want %d, progress %d, %v", fetched, want, last, err)
		}
		if got := tree(t, dir); !maps.Equal(got, map[string]string{"one/sub/a.txt": "first", "two/sub/a.txt": "second"}) {
			t.Errorf("%q", got)
		}
	}
	// What is missing comes back; another file is left alone.
	os.Remove(filepath.Join(dir, "one", "sub", "a.txt"))
	if fetched, err := c.Get(t.Context(), set, dir); err != nil || fetched != 1 || tree(t, dir)["one/sub/a.txt"] != "first" {
		t.Error(fetched, err)
	}
	put(t, []byte("mine"), dir, "two", "sub", "a.txt")
	if _, err := c.Get(t.Context(), set, dir); err == nil || !strings.Contains(err.Error(), filepath.Join("two", "sub", "a.txt")+" is there already") || tree(t, dir)["two/sub/a.txt"] != "mine" {
		t.Error(err)
	}
}

func TestGetPackagesErrors(t *testing.T) {
	p, b := packageOf(t, "one", "first")
	lacking := p
	lacking.Files = append(lacking.Files, File{Name: "b.txt", Size: 1})
	bomb := p
	bomb.Unpacked = 1000
	for _, tt := range []struct {
		p    Package
		b    []byte
		want string
	}{
		{p, nil, "one-1.0.0.tgz: no such file or directory; 'npm pack one@1.0.0' makes it"},
		{p, b[1:], fmt.Sprintf("one-1.0.0.tgz is not the published one@1.0.0: %d bytes, expected %d", len(b)-1, len(b))},
		{p, append([]byte("x"), b[1:]...), ", expected " + p.Integrity},
		{lacking, b, "one-1.0.0.tgz: holds no package/b.txt"},
		{bomb, b, "unpacks to more than 2000 bytes"},
	} {
		from, dir := t.TempDir(), t.TempDir()
		if tt.b != nil {
			put(t, tt.b, from, "one-1.0.0.tgz")
		}
		fetched, err := (&Client{From: from}).Get(t.Context(), &Set{Packages: []Package{tt.p}}, dir)
		if err == nil || fetched != 0 || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%d fetched, %v; want %q", fetched, err, tt.want)
		}
	}
}

// npm is asked for a package of a version, and nothing of its archive stays.
func TestGetPackagesNPM(t *testing.T) {
	p, b := packageOf(t, "one", "first")
	archives := t.TempDir()
	put(t, b, archives, "one-1.0.0.tgz")
	set := &Set{Packages: []Package{p}}
	for _, tt := range []struct{ script, want string }{
		{`echo "$@" >"` + archives + `/asked"; cp "` + archives + `/one-1.0.0.tgz" .`, ""},
		{"echo npm error code E404 >&2\nexit 3", `npm pack one@1.0.0: exit status 3: "npm error code E404"`},
		{"head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1", `npm pack one@1.0.0: exit status 1: "xxx`},
		{"echo x >one-1.0.0.tgz", "one-1.0.0.tgz is not the published one@1.0.0: 2 bytes, expected"},
		{"", "'npm pack one@1.0.0' makes it"},
	} {
		fakeNPM(t, tt.script)
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "one.part", "old"), 0o777); err != nil { // of a call that was killed
			t.Fatal(err)
		}
		_, err := testClient().Get(t.Context(), set, dir)
		got := tree(t, dir)
		if tt.want == "" && (err != nil || len(got) != 1 || got["one/sub/a.txt"] != "first") ||
			tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 2*maxComplaint || len(got) != 0) {
			t.Errorf("%v, %q; want %q", err, got, tt.want)
		}
		if exists(filepath.Join(dir, "one.part")) {
			t.Error("one.part is left")
		}
	}
	if asked, _ := os.ReadFile(filepath.Join(archives, "asked")); string(asked) != "pack --ignore-scripts --loglevel=error one@1.0.0\n" {
		t.Errorf("npm %q", asked)
	}
	t.Setenv("PATH", archives)
	if _, err := testClient().Get(t.Context(), set, t.TempDir()); err == nil || !strings.Contains(err.Error(), "run 'npm pack one@1.0.0' elsewhere") || !strings.Contains(err.Error(), "--from") {
		t.Error(err)
	}
}

func TestGetPackagesInterrupted(t *testing.T) {
	p, _ := packageOf(t, "one", "first")
	fakeNPM(t, "exec sleep 60")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	dir, start := t.TempDir(), time.Now()
	_, err := testClient().Get(ctx, &Set{Packages: []Package{p}}, dir)
	if left, _ := os.ReadDir(dir); !errors.Is(err, context.DeadlineExceeded) || len(left) != 0 || time.Since(start) > 30*time.Second {
		t.Errorf("%v, left %v after %v", err, left, time.Since(start))
	}
}
