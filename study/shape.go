package study

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/words"
	"github.com/monge-ml/monge/train"
)

// The kinds of values in a study's file.
const (
	aText     = "a text"
	someTexts = "a list of texts"
	aNumber   = "a whole number"
	aSwitch   = "true or false"
	oneTable  = "a table"
	tables    = "tables"
)

// shape is what a study's file holds.
var shape = map[string]string{
	"name": aText, "about": aText, "beside": aText, "preset": aText, "notes": someTexts, "seeds": aNumber, "folds": aNumber, "program": aSwitch, "budget": aText,
	"cost": oneTable, "base": oneTable, "stage": tables, "grid": tables, "own": tables,
}

// checkShape returns an error for a file that has something else, or has it in another way.
func checkShape(b []byte, values map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		want, known := shape[key]
		wrong := ""
		switch is := kindOf(values[key]); {
		case !known:
			wrong = unknownKey(key, is)
		case is == want, want == tables && is == "a list" && len(values[key].([]any)) == 0, want == someTexts && is == "a list" && len(values[key].([]any)) == 0:
		case want == tables && is == oneTable:
			wrong = fmt.Sprintf("[%s] is written [[%s]], as there may be several", key, key)
		case want == oneTable && is == tables:
			wrong = fmt.Sprintf("[[%s]] is written [%s], as there is one", key, key)
		case want == oneTable, want == tables:
			wrong = fmt.Sprintf("%s is %s; it should be a table, a line %s and settings below it", key, is, map[string]string{oneTable: "[" + key + "]", tables: "[[" + key + "]]"}[want])
		default:
			wrong = fmt.Sprintf("%s is %s; it should be %s", key, is, want)
		}
		if wrong != "" {
			return fmt.Errorf("%s%s", lineOf(b, key), wrong)
		}
	}
	return nil
}

// unknownKey is the message about a key at the top of a file that a study has not.
func unknownKey(key, is string) string {
	if slices.Contains(train.SettingNames(), strings.ReplaceAll(key, "_", "-")) {
		return fmt.Sprintf("%s is a setting of runs: write it below [base] for all, or in a [[grid]]", key)
	}
	return fmt.Sprintf("unknown key %q%s; a study has name, about, notes, beside, preset, seeds, folds, budget, and tables [base], [cost], [[stage]], [[grid]]; settings of runs belong into the tables",
		key, words.DidYouMean(key, slices.Sorted(maps.Keys(shape))))
}

// kindOf is the kind of a value.
func kindOf(v any) string {
	switch v := v.(type) {
	case string:
		return aText
	case int64:
		return aNumber
	case float64:
		return "a number"
	case bool:
		return aSwitch
	case map[string]any:
		return oneTable
	case []map[string]any:
		return tables
	case []any:
		if len(v) > 0 && !slices.ContainsFunc(v, func(x any) bool { _, text := x.(string); return !text }) {
			return someTexts
		}
		if len(v) > 0 && !slices.ContainsFunc(v, func(x any) bool { _, table := x.(map[string]any); return !table }) {
			return tables
		}
		return "a list"
	}
	return "a date"
}

// lineOf says in which line a key or its table stands, with a colon; "" if that is not found.
func lineOf(b []byte, key string) string {
	at := regexp.MustCompile(`(?m)^[ \t]*(\[+[ \t]*)?["']?` + regexp.QuoteMeta(key) + `["']?[ \t]*[]=.]`).FindIndex(b)
	if at == nil {
		return ""
	}
	return fmt.Sprintf("line %d: ", 1+bytes.Count(b[:at[0]], []byte{'\n'}))
}
