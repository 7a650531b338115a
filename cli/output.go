package cli

import (
	"fmt"
	"io"
)

// A checkedWriter remembers the first error of writing, so that a command whose output was lost
// fails whatever it made of that.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	if err != nil && c.err == nil {
		c.err = fmt.Errorf("the output could not be written: %w", err)
	}
	return n, err
}
