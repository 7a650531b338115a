package train

import (
	"fmt"
	"os"

	"github.com/monge-ml/monge/internal/disk"
)

// free says how much room there is below a directory; tests replace it.
var free = disk.Free

// checkRoom returns an error if the disk can't hold what the run will write: checkpoints, one more
// than are kept as a new one is whole before an old one goes, and weights.
func (l *loop) checkRoom() error {
	stepper, err := l.stepper.MarshalBinary()
	if err != nil {
		return err
	}
	weights := uint64(4 * (len(l.theta) + len(l.buffers(nil))))
	each := weights + uint64(len(stepper))
	if l.Task.Examples(ValSplit) > 0 { // the best ones as well
		each += weights
		weights *= 2
	}
	need := uint64(l.dir.keep+1)*each + weights
	room, known := free(l.dir.path)
	if !known {
		return nil
	}
	files, err := l.dir.checkpoints()
	if err != nil {
		return err
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			room += uint64(info.Size()) // they will go
		}
	}
	if room < need {
		return fmt.Errorf("%s: %s are free, but %d checkpoints of %s and the weights need %s: make room, choose another disk, or keep fewer (--keep 1)",
			l.dir.path, megabytes(room), l.dir.keep+1, megabytes(each), megabytes(need))
	}
	return nil
}

func megabytes(n uint64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
