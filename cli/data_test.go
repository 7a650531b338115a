package cli

import (
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDataInfo(t *testing.T) {
	sheet := filepath.Join(t.TempDir(), "digits.png")
	var info dataInfo
	decode(t, mustCall(t, "data", "info", "digits", "--json", "--out", sheet), &info)
	if len(info.Splits) != 3 || info.Splits[2].Examples != 497 || len(info.Splits[0].Counts) != 10 || info.Split != "train" || len(info.Fingerprint) != 64 || info.Out != sheet {
		t.Errorf("%+v", info)
	}
	// The published file's pixels sum to 561,718 of 16 levels.
	sum := 0.
	for i, split := range []string{"train", "val", "test"} {
		var part dataInfo
		decode(t, mustCall(t, "data", "info", "digits", "--json", "--split", split), &part)
		sum += part.Mean[0] * 64 * 16 * float64(info.Splits[i].Examples)
	}
	if math.Abs(sum-561718) > 1e-6 {
		t.Errorf("pixels sum to %g, want 561718", sum)
	}
	f, err := os.Open(sheet)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil || img.Bounds().Dy() != 10*68+4 {
		t.Errorf("%v, %v", img.Bounds(), err)
	}
	if out := mustCall(t, "data", "info", "digits"); !strings.Contains(out, "1000") || !strings.Contains(out, "8x8x1") || !strings.Contains(out, "train: mean [0.30") {
		t.Errorf("%q", out)
	}
}

func TestDataErrors(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"data inof", exitUsage, `unknown command "inof" (did you mean info?); there are get, info`},
		{"data info", exitUsage, "takes one data set, got 0; there are digits, idx:DIR"},
		{"data info mnist", exitUsage, `unknown data set "mnist"`},
		{"data info digits --split dev", exitUsage, `digits has no split "dev": --split takes train, val, test`},
		{"data info digits --size 32", exitUsage, "can't be brought to size 32"},
		{"data info digits --out a.svg", exitUsage, "only .png files"},
		{"data info digits --out " + dir + "/none/a.png", exitFailed, "none/a.png"},
		{"data info idx:" + dir, exitFailed, "no idx files there"},
		{"data info cifar10:" + dir + "/none", exitFailed, dir + "/none"},
	} {
		code, out, stderr := call(strings.Fields(tt.args)...)
		if code != tt.code || out != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("monge %s: exit code %d, stdout %q, stderr %q; want %d, %q", tt.args, code, out, stderr, tt.code, tt.want)
		}
	}
}

func TestDataInfoTargets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "houses.csv")
	if err := os.WriteFile(path, []byte("area,price\n80,2.5\n30,1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if out := mustCall(t, "data", "info", "csv:"+path+"?target=price"); !strings.Contains(out, "targets price, fingerprint") || !strings.Contains(out, "1x1x1") {
		t.Errorf("%s", out)
	}
	var info struct {
		Classes, Targets []string
		Splits           []struct{ Examples int }
	}
	decode(t, mustCall(t, "data", "info", "csv:"+path+"?target=price", "--json"), &info)
	if info.Classes != nil || len(info.Targets) != 1 || info.Splits[0].Examples != 2 {
		t.Errorf("%+v", info)
	}
}

func TestDataInfoTexts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pairs.csv")
	if err := os.WriteFile(path, []byte("a,b,label\none two,three,yes\n\"four, five\",six seven eight,no\n,,no\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	args := []string{"data", "info", "csv:" + path + "?text=a,b"}
	if out := mustCall(t, args...); !strings.Contains(out, "words of a text: mean") {
		t.Errorf("%s", out)
	}
	var info dataInfo
	decode(t, mustCall(t, append(args, "--json")...), &info)
	if w := info.Words; w == nil || w.Most != 5 || w.Median < 3 || w.Most95 != 5 {
		t.Errorf("%+v", w)
	}
}
