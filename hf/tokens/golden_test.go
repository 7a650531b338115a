package tokens

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A golden has checksums of what Hugging Face's library makes of each text, and of each with the next as a
// pair of at most 12 tokens; -1 where it fails.
type golden struct {
	Name          string
	Single, Pairs []int64
}

func readTexts(t testing.TB) []string {
	t.Helper()
	var all struct{ Texts []string }
	readTestdata(t, "texts.json", &all)
	if len(all.Texts) < 150 {
		t.Fatalf("%d texts", len(all.Texts))
	}
	return all.Texts
}

func readTestdata(t testing.TB, name string, to any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, to); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// checksum is gen_tokens.py's.
func checksum(e Encoding, err error) int64 {
	if err != nil {
		return -1
	}
	list := func(ids []int32) string { return strings.ReplaceAll(fmt.Sprint(ids), " ", ",") }
	return int64(crc32.ChecksumIEEE([]byte("[" + list(e.IDs) + "," + list(e.Types) + "]")))
}

func TestGolden(t *testing.T) {
	texts := readTexts(t)
	var all []golden
	readTestdata(t, "tokens.json", &all)
	if len(all) < 17 {
		t.Fatalf("%d tokenizers", len(all))
	}
	for _, g := range all {
		t.Run(g.Name, func(t *testing.T) {
			tok := open(t, filepath.Join("testdata", g.Name))
			for i, text := range texts {
				e, err := tok.Encode(Options{Special: true}, text, nil)
				if got := checksum(e, err); got != g.Single[i] {
					t.Errorf("%q: %d, %v: checksum %d, want %d", text, e.IDs, err, got, g.Single[i])
				}
				if i == 0 {
					continue
				}
				e, err = tok.Encode(Options{Special: true, Max: 12}, texts[i-1], &text)
				if got := checksum(e, err); got != g.Pairs[i-1] {
					t.Errorf("%.99q, %.99q: %v, %v: checksum %d, want %d", texts[i-1], text, e, err, got, g.Pairs[i-1])
				}
			}
		})
	}
}
