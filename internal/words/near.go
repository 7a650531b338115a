package words

import "fmt"

// Near returns the name that is most like one that there is not, "" if none is: one that a slip
// or two make of it.
func Near(name string, names []string) (near string) {
	least := 1 + min(2, len(name)/3)
	for _, n := range names {
		if d := slips(name, n); d < least {
			near, least = n, d
		}
	}
	return near
}

// DidYouMean is a question about the name that is most like one, with a space before it; "" if
// none is.
func DidYouMean(name string, names []string) string {
	if near := Near(name, names); near != "" {
		return fmt.Sprintf(" (did you mean %s?)", near)
	}
	return ""
}

// slips counts the letters added, left out, changed, or exchanged with the next between two names.
func slips(a, b string) int {
	const most = 64
	if len(a) > most || len(b) > most {
		return most
	}
	var before, last, row [most + 1]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(row[j]+1, last[j+1]+1, last[j]+change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
