package train

import (
	"fmt"
	"os"
	"syscall"

	"github.com/monge-ml/monge/internal/disk"
)

// free says how much room there is below a directory; tests replace it.
var free = disk.Free

// checkRoom returns an error if the disk can't hold what the run will write: checkpoints, one more
// than are kept as a new one is whole before an old one goes, and weights.
func (r *Run) checkRoom(d *Dir) error {
	stepper, err := r.stepper.MarshalBinary()
	if err != nil {
		return err
	}
	weights := uint64(4 * len(r.theta))
	for _, b := range r.moving {
		weights += uint64(4 * len(b))
	}
	each := weights + uint64(len(stepper))
	if r.Task.Examples(ValSplit) > 0 { // the best ones as well
		each += weights
		weights *= 2
	}
	if t, ok := r.Task.(Copied); ok {
		weights *= uint64(t.Copies())
	}
	need := uint64(d.keep+1)*each + weights
	room, known := free(d.path)
	if !known {
		return nil
	}
	files, err := d.checkpoints()
	if err != nil {
		return err
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			room += uint64(info.Size()) // they will go
		}
	}
	if room < need {
		return fmt.Errorf("%s: %s are free, but %d checkpoints of %s and the weights need %s: make room, choose another disk, or keep fewer (--keep 1): %w",
			d.path, megabytes(room), d.keep+1, megabytes(each), megabytes(need), syscall.ENOSPC)
	}
	return nil
}

func megabytes(n uint64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
