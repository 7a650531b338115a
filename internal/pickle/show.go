package pickle

import (
	"strconv"
	"unicode/utf8"
)

// Show makes a name from a file fit for an error: short, and quoted unless it is of the
// plain characters that names are made of. A name could hold a terminal's commands.
func Show(name string) string {
	const most = 120
	if len(name) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(name[cut]) {
			cut--
		}
		name = name[:cut] + "..."
	}
	plain := name != ""
	for _, r := range name {
		if r <= ' ' || r > '~' || r == '"' {
			plain = false
		}
	}
	if plain {
		return name
	}
	return strconv.QuoteToASCII(name)
}
