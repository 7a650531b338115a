package cli

import "strings"

const filesIntro = `# What is read

Each row is a file as people have them, and what the command says of it: this page is written by a test
(` + "`go test ./cli -run FilesPage`" + `) that calls the commands on these files. What can't be used is an error that names the file and
the way out, or is left out and said; nothing is guessed from where it stands.

A network, an optimizer's state or a setting that is not here is an error as well: files never run code, and what a
file claims is held against its size before memory is given to it.
`

// rows writes a table of n rows.
func rows(head string, n int, row func(i int) string) string {
	lines := []string{head}
	for i := range n {
		lines = append(lines, row(i))
	}
	return strings.Join(lines, "\n") + "\n"
}

var fileSections = []fileSection{}
