package tokens

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkEncode encodes lines of Debian's descriptions, or without them of this project's documents. Words
// are what stands between spaces.
func BenchmarkEncode(b *testing.B) {
	lines := documents(b)
	words := len(strings.Fields(strings.Join(lines, "\n")))
	dirs := kinds(b, false)
	if dir := os.Getenv(minilm); dir != "" {
		dirs = append([]string{dir}, dirs...)
	}
	for _, dir := range dirs {
		b.Run(filepath.Base(dir), func(b *testing.B) {
			tok := open(b, dir)
			n := 0
			for b.Loop() {
				for _, line := range lines {
					if _, err := tok.Encode(Options{Special: true, Max: 512}, line, nil); err != nil {
						b.Fatal(err)
					}
				}
				n += words
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "words/s")
		})
	}
}

func documents(b *testing.B) (lines []string) {
	if os.Getenv(translations) != "" {
		return debian(b, 50000)
	}
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) == 0 {
		b.Fatalf("no documents, %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		lines = append(lines, strings.Split(string(data), "\n")...)
	}
	return lines
}
