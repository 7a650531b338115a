package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar shows the progress of long work: a progress bar with the time left on a terminal,
// plain lines in a log, nothing when quiet.
type bar struct {
	w    io.Writer // nil when quiet
	bar  *progressbar.ProgressBar
	name string
	all  int
	done int
	text string
	last time.Time // of a line in a log
	from time.Time
}

func newBar(w io.Writer, name string, all int, quiet bool) *bar {
	b := &bar{w: w, name: name, all: all, from: time.Now(), last: time.Now()}
	if quiet {
		b.w = nil
		return b
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		b.bar = progressbar.NewOptions(all, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(name),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetWidth(20), progressbar.OptionClearOnFinish())
	}
	return b
}

// note sets the text beside the bar.
func (b *bar) note(s string) {
	b.text = s
	if b.bar != nil {
		b.bar.Describe(s)
	}
}

// set moves the bar to done of all.
func (b *bar) set(done int) {
	b.done = done
	switch {
	case b.bar != nil:
		b.bar.Set(done)
	case b.w != nil && (time.Since(b.last) > 5*time.Second || done == b.all):
		b.last = time.Now()
		fmt.Fprintf(b.w, "%s %d/%d  %s%s\n", b.name, done, b.all, b.text, timeLeft(time.Since(b.from), done, b.all))
	}
}

// timeLeft says how long the rest will take, "" while nothing is done.
func timeLeft(elapsed time.Duration, done, all int) string {
	if done <= 0 {
		return ""
	}
	left := time.Duration(float64(elapsed) / float64(done) * float64(all-done))
	return fmt.Sprintf("  %s left", left.Round(time.Second))
}

// close removes the bar.
func (b *bar) close() {
	if b.bar != nil {
		b.bar.Finish()
	}
}
