package pairs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// The names of a line's two parts in JSON and in a table's first line, the first that
// there is.
var (
	imageKeys   = []string{"image", "image_path", "path", "filepath", "file_name", "file"}
	captionKeys = []string{"caption", "text", "title"}
)

var linesFormat = Format{
	Name: "pairs", Place: "FILE", Open: opener((*List).openLines),
	Info: "a line a pair: the image's path, a tab and the caption; or JSON lines with image and caption",
}

// openLines lists the pairs of a file with a line for each.
func (l *List) openLines(ctx context.Context, path string, _ Options) error {
	f, err := openRegular(path)
	if err != nil {
		return err
	}
	defer f.Close()
	dir := filepath.Dir(path)
	err = l.parseLines(interruptible{ctx, f}, func(line int, image string, c caption) {
		if !filepath.IsAbs(image) {
			image = filepath.Join(dir, filepath.FromSlash(image))
		}
		l.addFile(fmt.Sprintf("%s line %d", path, line), image, c)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// parseLines calls add for each line of a table or of JSON lines; the first line that is
// not empty says which.
func (l *List) parseLines(r io.Reader, add func(line int, image string, c caption)) error {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxCaption)
	var split func(line []byte) (image string, c caption, err error)
	n := 0
	for in.Scan() {
		line := in.Bytes()
		if n++; n == 1 {
			line = bytes.TrimPrefix(line, []byte("\uFEFF")) // what Windows starts a file with
		}
		start := bytes.TrimSpace(line)
		if len(start) == 0 {
			continue
		}
		if split == nil {
			if split = splitTab; start[0] == '{' {
				split = splitJSON
			} else if isHead(line) {
				continue
			}
		}
		image, c, err := split(line)
		if err != nil {
			l.note(&l.Malformed, "line %d: %v", n, err)
			continue
		}
		if err := l.take(len(line)); err != nil {
			return err
		}
		add(n, image, c)
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d bytes: a list of pairs has a line for each", n+1, maxCaption)
	}
	return in.Err()
}

// isHead reports whether a table's first line names its columns.
func isHead(line []byte) bool {
	image, c, err := splitTab(bytes.ToLower(line))
	return err == nil && slices.Contains(imageKeys, image) && slices.Contains(captionKeys, c.text)
}

func splitTab(line []byte) (image string, c caption, err error) {
	image, text, ok := strings.Cut(string(line), "\t")
	if !ok {
		return "", c, fmt.Errorf("no tab between an image's path and a caption in %s", show(string(line)))
	}
	if image = strings.TrimSpace(image); image == "" {
		return "", c, fmt.Errorf("no image's path before the tab")
	}
	return image, newCaption(text), nil
}

func splitJSON(line []byte) (image string, c caption, err error) {
	object, repaired, err := parseObject(line)
	if err != nil {
		return "", c, fmt.Errorf("no JSON object (%v) in %s", err, show(string(line)))
	}
	if image = firstText(object, imageKeys); image == "" {
		return "", c, fmt.Errorf("no image's path; it is called %s", strings.Join(imageKeys, " or "))
	}
	c = newCaption(firstText(object, captionKeys))
	c.repaired = repaired
	return image, c, nil
}

// parseObject reads a JSON object. What is not UTF-8 is repaired anywhere in it.
func parseObject(b []byte) (object map[string]any, repaired bool, err error) {
	err = json.Unmarshal(b, &object)
	return object, !utf8.Valid(b), err
}

// firstText returns the first of some keys that is a text, "" if none is.
func firstText(object map[string]any, keys []string) string {
	for _, key := range keys {
		if s, ok := object[key].(string); ok && s != "" {
			return s
		}
	}
	return ""
}
