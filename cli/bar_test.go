package cli

import (
	"testing"
	"time"
)

func TestTimeLeft(t *testing.T) {
	for _, tt := range []struct {
		done int
		want string
	}{{0, ""}, {1, "  45s left"}, {10, "  0s left"}} {
		if got := timeLeft(5*time.Second, tt.done, 10); got != tt.want {
			t.Errorf("%d of 10: %q, want %q", tt.done, got, tt.want)
		}
	}
}
