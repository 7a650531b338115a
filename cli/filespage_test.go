package cli

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var updatePage = flag.Bool("update-files-page", false, "write docs/files.md anew")

// A fileRow is a row of docs/files.md: files that somebody has, and what a command makes of them.
type fileRow struct {
	what  string            // in words
	files map[string]string // content by name, or by "@" the file to copy, from this package's folder
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
				fmt.Fprintf(&page, "| %s | %s | %s |\n", r.what, []string{"yes", "**no**"}[min(r.code, 1)], r.try(t))
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
		if from, copied := strings.CutPrefix(content, "@"); copied {
			content = readFile(t, filepath.FromSlash(from))
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	args := strings.Fields(r.args)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "DIR", dir)
	}
	code, stdout, stderr := call(args...)
	if code != r.code {
		t.Fatalf("code %d, want %d\n%s%s", code, r.code, stdout, stderr)
	}
	for line := range strings.Lines(strings.ReplaceAll(stderr+stdout, dir+string(filepath.Separator), "")) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "monge: "))
		if r.says != "" && strings.Contains(line, r.says) {
			return strings.NewReplacer("|", `\|`, "<", "&lt;", "\t", " ").Replace(line)
		}
	}
	if r.says != "" {
		t.Fatalf("%q is not said\n%s%s", r.says, stdout, stderr)
	}
	return ""
}
