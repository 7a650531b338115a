package words_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/words"
)

func TestJSON(t *testing.T) {
	type inner struct {
		N int `json:"n"`
	}
	for text, want := range map[string]string{
		"":                         "it is empty",
		" \n":                      "it is empty",
		`{"name": "a"`:             "it is cut short",
		"{\"name\":\n \"a\",}":     "no JSON at line 2, column 6: there is \"}\"",
		`<html>`:                   "no JSON at line 1, column 1",
		`[1]`:                      "it is a list where an object should be",
		`{"name": 3}`:              "name is a number where a text should be",
		`{"list": "a"}`:            "list is a text where a list should be (line 1",
		"{\n\"at\": {\"n\": 1.5}}": "at.n is the number 1.5 where a whole number should be (line 2",
		`{"at": {"n": true}}`:      "at.n is true or false where a whole number",
		`{"share": []}`:            "share is a list where a number should be",
		`{"other": 1}`:             `unknown key "other"`,
	} {
		var v struct {
			Name  string   `json:"name"`
			List  []string `json:"list"`
			At    inner    `json:"at"`
			Share *float64 `json:"share"`
		}
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		err := words.JSON([]byte(text), d.Decode(&v))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if words.JSON([]byte("{}"), nil) != nil {
		t.Error("no error is one")
	}
}

func TestNear(t *testing.T) {
	names := []string{"epochs", "batch", "lr", "rho", "rho-schedule"}
	for name, want := range map[string]string{
		"epohcs": "epochs", "epoch": "epochs", "Batch": "batch", "bathc": "batch", "rho-shedule": "rho-schedule", "rhp": "rho",
		"": "", "l": "", "xyz": "", "momentum": "", strings.Repeat("x", 100): "",
	} {
		if got := words.Near(name, names); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := words.DidYouMean("epohcs", names) + words.DidYouMean("zzz", names); got != " (did you mean epochs?)" {
		t.Errorf("%q", got)
	}
}
