package cli

import (
	"bytes"
	"compress/zlib"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/onnxtest"
)

var updatePage = flag.Bool("update-files-page", false, "write docs/files.md anew")

// A fileRow is a row of docs/files.md: files that somebody has, and what a command makes of them.
type fileRow struct {
	what  string            // in words
	files map[string]string // content by name: a text, behind "@" the file that has it, behind "%" a kind of image, behind "onnx:" a network; half of it before "/2"
	args  string            // of the command, in which DIR is where the files are
	code  int               // that the command ends with
	says  string            // a part of what it says, which the row is about; "" if nothing
}

// A fileSection is a table of docs/files.md.
type fileSection struct {
	title, intro string
	rows         []fileRow
}

// docs/files.md says what is read, and what becomes of what is not: of each row the command is
// called on the files, and what it says is what the page says.
func TestFilesPage(t *testing.T) {
	var page strings.Builder
	page.WriteString(filesIntro)
	for _, s := range fileSections {
		fmt.Fprintf(&page, "\n## %s\n\n%s\n\n| what | read? | what is said |\n| --- | --- | --- |\n", s.title, s.intro)
		for _, r := range s.rows {
			t.Run(s.title+"/"+r.what, func(t *testing.T) {
				fmt.Fprintf(&page, "| %s | %s | %s |\n", cell(r.what), []string{"yes", "**no**"}[min(r.code, 1)], r.try(t))
			})
		}
	}
	const path = "../docs/files.md"
	if *updatePage {
		if err := os.WriteFile(path, []byte(page.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if got := readFile(t, path); got != page.String() {
		t.Errorf("%s is not what the commands say; write it anew with go test ./cli -run FilesPage -update-files-page", path)
	}
}

// try calls the command, and returns what it says about the files.
func (r *fileRow) try(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range r.files {
		content = contentOf(t, content)
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(content), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	args := strings.Fields(strings.ReplaceAll(r.args, "DIR", dir))
	if i := slices.Index(args, "MODEL"); i >= 0 {
		args[i] = smallCLIP(t)
	}
	code, stdout, stderr := call(args...)
	if code != r.code {
		t.Errorf("code %d, want %d\n%s%s", code, r.code, stdout, stderr)
		return ""
	}
	for line := range strings.Lines(strings.NewReplacer(dir+string(filepath.Separator), "", dir, "DIR").Replace(stderr + stdout)) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "monge: "))
		if r.says != "" && strings.Contains(line, r.says) {
			return cell(shortened(line))
		}
	}
	if r.says != "" {
		t.Errorf("%q is not said\n%s%s", r.says, stdout, stderr)
	}
	return ""
}

// cell makes a text fit for a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\t", " ").Replace(text)
}

// shortened leaves out the end of a line that lists everything there is.
func shortened(line string) string {
	const most = 300
	if len(line) > most {
		return line[:strings.LastIndexByte(line[:most], ' ')] + " ..."
	}
	return line
}

// contentOf returns what a row's file holds.
func contentOf(t *testing.T, content string) string {
	t.Helper()
	from, half := strings.CutSuffix(content, "/2")
	switch {
	case strings.HasPrefix(from, "@"):
		from = readFile(t, filepath.FromSlash(from[1:]))
	case strings.HasPrefix(from, "onnx:"):
		from = string(onnxtest.Bytes(t, strings.TrimPrefix(from, "onnx:")))
	case strings.HasPrefix(from, "%"):
		from = imageOfKind(t, from[1:])
	default:
		return content
	}
	if half {
		from = from[:len(from)/2]
	}
	return from
}

// imageOfKind returns an image's file of those that are held against Pillow.
func imageOfKind(t *testing.T, kind string) string {
	t.Helper()
	var kinds map[string]struct{ File []byte }
	decode(t, readFile(t, "../data/picture/testdata/kinds.json"), &kinds)
	z, err := zlib.NewReader(bytes.NewReader(kinds[kind].File))
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return string(b)
}
