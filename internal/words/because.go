package words

import (
	"errors"
	"fmt"
	"io"
)

// Because is an error in brackets with a space before it, where it says more than that a file ended;
// "" otherwise.
func Because(err error) string {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ""
	}
	return fmt.Sprintf(" (%v)", err)
}
