package download

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const testLimit = slack

var testMembers = []Member{{"bin/a.bin", 10}, {"bin/b.txt", 5}}

type entry struct {
	name string
	kind byte // 0 is a regular file
	body string
	link string
}

func archiveOf(t testing.TB, entries ...entry) []byte { return gzipOf(tarOf(t, entries...)) }

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Size: int64(len(e.body)), Linkname: e.link, Mode: 0o644}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, e.body)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tree lists the files and links below a directory with their contents.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestUnpack(t *testing.T) {
	for _, prefix := range []string{"", "./"} {
		b := archiveOf(t, entry{name: prefix + "bin/", kind: tar.TypeDir}, entry{name: prefix + "bin/readme.html", body: "hello"},
			entry{name: prefix + "bin/b.txt", body: "names"}, entry{name: prefix + "bin/a.bin", body: "0123456789"})
		dir := t.TempDir()
		if err := unpack(t.Context(), bytes.NewReader(b), dir, "", testMembers, testLimit); err != nil {
			t.Fatal(err)
		}
		if got := tree(t, dir); len(got) != 2 || got["bin/a.bin"] != "0123456789" || got["bin/b.txt"] != "names" {
			t.Errorf("%q", got)
		}
	}
}

// Archives that are not what they should be write nothing but members that are.
func TestUnpackHostile(t *testing.T) {
	a, b := entry{name: "bin/a.bin", body: "0123456789"}, entry{name: "bin/b.txt", body: "names"}
	fine := archiveOf(t, a, b)
	damaged := bytes.Clone(fine)
	damaged[len(damaged)/2] ^= 0xff
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "EOF"},
		{"no gzip", []byte("<html>not found</html>"), "gzip"},
		{"no tar", gzipOf(bytes.Repeat([]byte("x"), 1024)), "tar"},
		{"truncated", fine[:len(fine)/2], "unexpected EOF"},
		{"damaged", damaged, ""},
		{"nothing", archiveOf(t), "holds no bin/a.bin"},
		{"one missing", archiveOf(t, a), "holds no bin/b.txt"},
		{"twice", archiveOf(t, a, a), "holds no bin/b.txt"},
		{"parent", archiveOf(t, entry{name: "../a.bin", body: "evil"}, entry{name: "../../bin/a.bin", body: "evil"}), "holds no bin/a.bin"},
		{"absolute", archiveOf(t, entry{name: "/bin/a.bin", body: "evil"}), "holds no bin/a.bin"},
		{"roundabout", archiveOf(t, entry{name: "bin/../../bin/a.bin", body: "evil"}), "holds no bin/a.bin"},
		{"symlink", archiveOf(t, entry{name: "bin/a.bin", kind: tar.TypeSymlink, link: "/etc/passwd"}), "bin/a.bin: is no regular file"},
		{"hard link", archiveOf(t, entry{name: "bin/a.bin", kind: tar.TypeLink, link: "../secret"}), "bin/a.bin: is no regular file"},
		{"directory link", archiveOf(t, entry{name: "bin", kind: tar.TypeSymlink, link: ".."}), "holds no bin/a.bin"},
		{"device", archiveOf(t, entry{name: "bin/a.bin", kind: tar.TypeChar}), "is no regular file"},
		{"member too large", archiveOf(t, entry{name: "bin/a.bin", body: "0123456789x"}, b), "has 11 bytes; it should have 10 at most"},
		{"bomb", archiveOf(t, entry{name: "zeros", body: strings.Repeat("\x00", 2*slack)}, a, b), "unpacks to more than"},
		{"bomb of zeros", gzipOf(make([]byte, 2*slack)), "holds no"},
	} {
		dir := filepath.Join(t.TempDir(), "in", "here")
		err := unpack(t.Context(), bytes.NewReader(tt.in), dir, "", testMembers, testLimit)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
		if !exists(dir) {
			continue
		}
		for name, body := range tree(t, filepath.Join(dir, "..", "..")) {
			if name != "in/here/bin/a.bin" || body != a.body {
				t.Errorf("%s wrote %s: %q", tt.name, name, body)
			}
		}
	}
}

func gzipOf(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// Get unpacks an archive, each time it is called.
func TestGetUnpacks(t *testing.T) {
	b := archiveOf(t, entry{name: "bin/a.bin", body: "0123456789"}, entry{name: "bin/b.txt", body: "names"})
	f := fileOf(b)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, f.Name), b, 0o666); err != nil {
		t.Fatal(err)
	}
	set := &Set{Files: []File{f}, Members: testMembers}
	for range 2 {
		if _, err := testClient().Get(t.Context(), set, dir); err != nil {
			t.Fatal(err)
		}
		if got := tree(t, dir); len(got) != 3 || got["bin/a.bin"] != "0123456789" {
			t.Errorf("%q", got)
		}
		os.Remove(filepath.Join(dir, "bin", "a.bin"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := testClient().Get(ctx, set, dir); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	set.Members = append(set.Members, Member{"bin/c.bin", 1})
	if _, err := testClient().Get(t.Context(), set, dir); err == nil || !strings.Contains(err.Error(), "x.gz: holds no bin/c.bin") {
		t.Error(err)
	}
}

func FuzzUnpack(f *testing.F) {
	a, b := entry{name: "bin/a.bin", body: "0123456789"}, entry{name: "bin/b.txt", body: "names"}
	for _, entries := range [][]entry{
		{a, b},
		{{name: "../bin/a.bin", body: "evil"}, a, b},
		{{name: "bin/a.bin", kind: tar.TypeSymlink, link: "/etc/passwd"}},
	} {
		f.Add(tarOf(f, entries...), false)
		f.Add(archiveOf(f, entries...), true)
	}
	// A tar is compressed here: the fuzzer finds no way through gzip's checksum.
	f.Fuzz(func(t *testing.T, in []byte, compressed bool) {
		if !compressed {
			in = gzipOf(in)
		}
		dir := filepath.Join(t.TempDir(), "in")
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		err := unpack(t.Context(), bytes.NewReader(in), dir, "", testMembers, testLimit)
		got := tree(t, filepath.Dir(dir))
		for name, body := range got {
			if name != "in/bin/a.bin" && name != "in/bin/b.txt" || len(body) > 10 {
				t.Errorf("wrote %s, %d bytes", name, len(body))
			}
		}
		if err == nil && len(got) != 2 {
			t.Errorf("%d files and no error", len(got))
		}
	})
}
