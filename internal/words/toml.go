package words

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// TOML reads a TOML text. Its errors name the line.
func TOML(b []byte, values *map[string]any) error {
	err := toml.Unmarshal(b, values)
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		return err
	}
	if text := strings.TrimSpace(string(b)); strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[{") {
		return errors.New("it looks like JSON, not TOML: name a config.json so that it ends with .json, or write NAME = VALUE lines")
	}
	message := strings.TrimSuffix(parse.Message, ".")
	if found, ok := strings.CutPrefix(message, "expected value but found "); ok {
		message = strings.TrimSuffix(found, " instead") + " is no value: texts stand in quotes, numbers begin with a digit, true and false are in lower case"
	}
	if strings.Contains(message, "top-level item to end with a newline") {
		message += " (a number's decimal point is a point, and lists stand in brackets)"
	}
	return fmt.Errorf("line %d: %s", parse.Position.Line, message)
}
