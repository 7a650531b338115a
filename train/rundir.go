package train

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/monge-ml/monge/internal/atomicfile"
	"github.com/monge-ml/monge/internal/tfevents"
	"github.com/monge-ml/monge/internal/words"
)

// The files of a run directory.
const (
	ConfigFile    = "config.json"   // everything needed to repeat the run
	StatusFile    = "status.json"   // a Status
	MetricsFile   = "metrics.jsonl" // a Record a line
	ResultFile    = "result.json"   // the Result, once the run is over
	ItemsFile     = "data.json"     // what its data consist of, until it is over: see [Itemized]
	CheckpointDir = "checkpoints"   // the newest states to resume from
	lockFile      = "lock"          // locked while a process works on the run
)

// The states of a run.
const (
	Running     = "running"
	Interrupted = "interrupted"
	Diverged    = "diverged"
	Failed      = "failed"
	Finished    = "finished"
	Killed      = "killed" // found by [ReadRun], never written
)

// lockWait is how long a run's lock is waited for: much longer than [ReadRun] holds it.
const lockWait = 500 * time.Millisecond

// ErrBusy is wrapped by the error of a run that another process works on.
var ErrBusy = errors.New("another process is working on this run")

// A Status says how far a run is.
type Status struct {
	State string `json:"state"`
	Step  int    `json:"step"`
	Steps int    `json:"steps"` // of the whole run
	Error string `json:"error,omitempty"`
}

// A Dir is the directory of a run, locked for this process.
type Dir struct {
	path    string
	lock    *flock.Flock
	metrics *os.File
	events  *tfevents.Writer // nil without TensorBoard
	from    *checkpoint      // to resume from, nil to start
	keep    int
	began   time.Time     // of this process's work on it
	spent   time.Duration // on checkpoints
	flushed time.Time     // the events
}

// DirOptions say how to open a run's directory.
type DirOptions struct {
	Resume        bool         // go on with the run that is there, or start one
	AcceptChange  bool         // also if the data are not those that it began with
	NoTensorBoard bool         // write no event file
	Warn          func(string) // is told of what was put right
}

// OpenDir makes a run's directory, or with Resume opens the one that is there, and locks
// it. A directory that holds a run already is an error without Resume, and so is one
// whose run has other settings or other data, or that another process works on. After
// an error the run is over and its task closed.
func OpenDir(path string, r *Run, o DirOptions) (*Dir, error) {
	d, err := openDir(path, r, o)
	if err != nil {
		return nil, r.closeAfter(err)
	}
	return d, nil
}

// CheckDir returns the error that [OpenDir] would return because of the directory alone, so that it
// comes before data are read: it can't be made or written to, or holds a run already. Nothing is
// left there.
func CheckDir(path string, o DirOptions) error {
	there := filepath.Clean(path)
	for {
		if _, err := os.Stat(there); !errors.Is(err, fs.ErrNotExist) || there == filepath.Dir(there) {
			break
		}
		there = filepath.Dir(there)
	}
	f, err := os.CreateTemp(there, ".writable.*")
	if err != nil {
		return fmt.Errorf("%s can't be written: %w", path, err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(path, ConfigFile)); err == nil && !o.Resume {
		return holdsRun(path)
	}
	return withoutConfig(path)
}

// withoutConfig returns an error for a directory that has what a run leaves, but not its config:
// nothing of that is overwritten.
func withoutConfig(path string) error {
	if _, err := os.Stat(filepath.Join(path, ConfigFile)); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range []string{ResultFile, WeightsFile(false), WeightsFile(true), filepath.Join(CheckpointDir, "step-*.ckpt")} {
		if found, _ := filepath.Glob(filepath.Join(globEscape(path), name)); len(found) > 0 {
			return fmt.Errorf("%s has a run's %s, but no %s: put that back, or choose another directory", path, filepath.Base(found[0]), ConfigFile)
		}
	}
	return nil
}

func holdsRun(path string) error {
	return fmt.Errorf("%s holds a run already; resume it (--resume), remove it, or choose another directory", path)
}

func openDir(path string, r *Run, o DirOptions) (*Dir, error) {
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	if err := os.MkdirAll(filepath.Join(path, CheckpointDir), 0o777); err != nil {
		return nil, err
	}
	d := &Dir{path: path, lock: flock.New(filepath.Join(path, lockFile)), keep: r.Config.Keep, began: time.Now()}
	if d.keep == 0 {
		d.keep = 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	switch _, err := d.lock.TryLockContext(ctx, lockWait/50); {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%s: %w; wait for it, or choose another directory", path, ErrBusy)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := d.open(r, o); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Dir) open(r *Run, o DirOptions) error {
	_, err := os.Stat(filepath.Join(d.path, ConfigFile))
	switch there := err == nil; {
	case there && !o.Resume:
		return holdsRun(d.path)
	case there:
		if err := r.isOver(d.path); err != nil {
			return err
		}
		if err := d.resume(r, o); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := withoutConfig(d.path); err != nil {
		return err
	}
	if err := r.checkRoom(d); err != nil {
		return err
	}
	if err := errors.Join(writeConfig(d.path, r.Config), d.writeItems(r)); err != nil {
		return err
	}
	if err := d.openMetrics(); err != nil {
		return err
	}
	if o.NoTensorBoard {
		return nil
	}
	return d.openEvents()
}

// ErrFinished is wrapped by the error of a run that is over.
var ErrFinished = errors.New("the run is finished")

// isOver returns an error for a directory whose run is over: nothing of it is done again.
func (r *Run) isOver(path string) error {
	if res, err := r.finished(path); err != nil || res == nil {
		return err
	}
	return fmt.Errorf("%s: %w; its result is in %s: remove the directory to repeat it, or choose another", path, ErrFinished, ResultFile)
}

// resume holds the run that is there against r, and finds its newest checkpoint that is
// whole.
func (d *Dir) resume(r *Run, o DirOptions) error {
	var saved Config
	if err := ReadConfig(filepath.Join(d.path, ConfigFile), &saved); err != nil {
		return err
	}
	if err := r.sameSettings(saved); err != nil {
		return fmt.Errorf("%s: %w", d.path, err)
	}
	d.removeTemporary()
	files, err := d.checkpoints()
	if err != nil {
		return err
	}
	for _, file := range slices.Backward(files) {
		c, err := readCheckpoint(file)
		if err == nil {
			err := d.sameData(r, c, o)
			if err == nil {
				err = r.fits(c, o.Warn)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", d.path, err)
			}
			d.from = c
			return nil
		}
		o.Warn(fmt.Sprintf("checkpoint passed over: %v", err))
	}
	if len(files) > 0 {
		o.Warn("no checkpoint is whole: the run starts from the beginning")
	}
	return nil
}

// removeTemporary removes what writes that were cut off have left.
func (d *Dir) removeTemporary() {
	for _, below := range []string{"", "*"} { // what a task saves may be a directory
		files, _ := filepath.Glob(filepath.Join(globEscape(d.path), below, ".*"))
		for _, f := range files {
			if atomicfile.IsTemporary(f) {
				os.Remove(f)
			}
		}
	}
}

// checkpoints lists the checkpoint files, oldest first.
func (d *Dir) checkpoints() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(globEscape(d.path), CheckpointDir, "step-*.ckpt"))
	slices.Sort(files)
	return files, err
}

// globEscape keeps a path's own characters from being read as a pattern.
func globEscape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// openMetrics opens the metrics where the checkpoint left them.
func (d *Dir) openMetrics() (err error) {
	if d.metrics, err = os.OpenFile(filepath.Join(d.path, MetricsFile), os.O_CREATE|os.O_RDWR, 0o666); err != nil {
		return err
	}
	var size int64
	if d.from != nil {
		size = d.from.MetricsSize
		if info, err := d.metrics.Stat(); err != nil || info.Size() < size {
			return errors.Join(err, fmt.Errorf("%s is shorter than the checkpoint says: it was changed", d.metrics.Name()))
		}
	}
	if err := d.metrics.Truncate(size); err != nil {
		return err
	}
	_, err = d.metrics.Seek(size, io.SeekStart)
	return err
}

// openEvents opens the event file where the checkpoint left it. If it is gone or was
// changed, another one beside it goes on: TensorBoard shows both. A run that starts from the
// beginning replaces what is there.
func (d *Dir) openEvents() (err error) {
	if d.from != nil {
		if d.from.EventsFile != "" {
			if d.events, err = tfevents.Append(filepath.Join(d.path, filepath.Base(d.from.EventsFile)), d.from.EventsSize); err == nil {
				return nil
			}
		}
		return d.createEvents()
	}
	old, err := filepath.Glob(filepath.Join(globEscape(d.path), "events.out.tfevents.*"))
	for _, f := range old {
		err = errors.Join(err, os.Remove(f))
	}
	if err != nil {
		return err
	}
	return d.createEvents()
}

// createEvents begins an event file, whose name has the second: the next that is free.
func (d *Dir) createEvents() (err error) {
	for at := time.Now(); ; at = at.Add(time.Second) {
		if d.events, err = tfevents.Create(d.path, at); !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
}

// records reads the metrics up to where they are now.
func (d *Dir) records() (list []Record, err error) {
	at, err := d.metrics.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	b := make([]byte, at)
	if _, err := d.metrics.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, err
	}
	return ParseRecords(bytes.NewReader(b))
}

// record appends a line to the metrics, and a point to each curve of TensorBoard.
func (d *Dir) record(r Record) error {
	at, err := d.metrics.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	b, err := r.marshal(at == 0) // the first line says what the measures are
	if err != nil {
		return err
	}
	if _, err := d.metrics.Write(append(b, '\n')); err != nil {
		return err
	}
	if d.events == nil {
		return nil
	}
	if err := d.events.Scalars(int64(r.Step), time.Now(), scalars(r)); err != nil {
		return err
	}
	if time.Since(d.flushed) < flushEvery {
		return nil
	}
	d.flushed = time.Now()
	return d.events.Flush()
}

// flushEvery is how long TensorBoard may wait for a point: a flush waits for the disk.
const flushEvery = 2 * time.Second

// scalars are a record's points of curves.
func scalars(r Record) []tfevents.Scalar {
	list := []tfevents.Scalar{{Tag: "loss/train", Value: r.TrainLoss}}
	if !math.IsNaN(float64(r.TrainAccuracy)) {
		list = append(list, tfevents.Scalar{Tag: "accuracy/train", Value: float64(r.TrainAccuracy)})
	}
	for _, m := range r.Val {
		list = append(list, tfevents.Scalar{Tag: m.Name + "/val", Value: float64(m.Value)})
	}
	return append(list, []tfevents.Scalar{
		{Tag: "sharpness/ascent", Value: r.Ascent},
		{Tag: "sharpness/predicted_ascent", Value: r.PredictedAscent},
		{Tag: "norm/gradient", Value: r.GradNorm},
		{Tag: "norm/perturbed_gradient", Value: r.PerturbedGradNorm},
		{Tag: "norm/delta", Value: r.DeltaNorm},
		{Tag: "schedule/lr", Value: r.LR},
		{Tag: "schedule/rho", Value: float64(r.Rho)},
	}...)
}

// due reports whether a checkpoint that nobody asked for would keep the time for them
// below a fiftieth.
func (d *Dir) due() bool {
	return d.spent < time.Since(d.began)/50
}

// save writes a checkpoint, removes those that are too old, and notes the status.
func (d *Dir) save(c *checkpoint, s Status) error {
	begin := time.Now()
	defer func() { d.spent += time.Since(begin) }()
	var err error
	if c.MetricsSize, err = d.metrics.Seek(0, io.SeekCurrent); err != nil {
		return err
	}
	if err := d.metrics.Sync(); err != nil {
		return err
	}
	if d.events != nil {
		if err := d.events.Flush(); err != nil {
			return err
		}
		c.EventsFile, c.EventsSize = filepath.Base(d.events.Path()), d.events.Offset()
	}
	path := filepath.Join(d.path, CheckpointDir, checkpointName(c.Step))
	if err := c.write(path); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := d.removeCheckpoints(d.keep); err != nil {
		return err
	}
	return d.status(s)
}

// before returns the newest whole checkpoint of a step before one, and its file.
func (d *Dir) before(step int) (*checkpoint, string) {
	files, _ := d.checkpoints()
	for _, f := range slices.Backward(files) {
		if c, err := readCheckpoint(f); err == nil && c.Step < step {
			return c, f
		}
	}
	return nil, ""
}

// removeAfter removes the checkpoints of steps after one.
func (d *Dir) removeAfter(step int) error {
	files, err := d.checkpoints()
	for _, f := range files {
		if filepath.Base(f) > checkpointName(step) {
			err = errors.Join(err, os.Remove(f))
		}
	}
	return err
}

// checkpointName is the file of a step's checkpoint; names sort as steps do.
func checkpointName(step int) string { return fmt.Sprintf("step-%010d.ckpt", step) }

// rewind drops what was written after a checkpoint.
func (d *Dir) rewind(c *checkpoint) error {
	d.from = c
	err := d.metrics.Close()
	if d.events != nil {
		err = errors.Join(err, d.events.Close(), d.openEvents())
	}
	return errors.Join(err, d.openMetrics())
}

func (d *Dir) status(s Status) error { return d.write(StatusFile, s) }

// write writes a value as a JSON file of the run.
func (d *Dir) write(name string, v any) error {
	return atomicfile.WriteJSON(filepath.Join(d.path, name), v)
}

// Close closes the run's files and unlocks it.
func (d *Dir) Close() error {
	var err error
	if d.metrics != nil {
		err = d.metrics.Close()
	}
	if d.events != nil {
		err = errors.Join(err, d.events.Close())
	}
	return errors.Join(err, d.lock.Close())
}

// saveWeights writes the final weights, and the best ones.
func (l *loop) saveWeights() error {
	if err := l.Task.Save(l.dir.path, false, l.theta); err != nil || l.state.Best == nil {
		return err
	}
	return l.atBest(func() error { return l.Task.Save(l.dir.path, true, l.state.bestTheta) })
}

// finish writes the result and the last status.
func (d *Dir) finish(l *loop, res Result) error {
	if res.StoppedBy == "deadline" { // more time may be given to it
		if err := l.save(true); err != nil {
			return err
		}
	}
	if err := errors.Join(d.write(ResultFile, res), d.status(l.status(Finished))); err != nil {
		return err
	}
	if res.StoppedBy == "deadline" {
		return nil
	}
	return errors.Join(d.removeCheckpoints(0), d.removeItems())
}

// removeCheckpoints removes all but the newest, and but the first step's if any are
// kept.
func (d *Dir) removeCheckpoints(keep int) error {
	files, err := d.checkpoints()
	if err != nil {
		return err
	}
	if keep > 0 && len(files) > 0 && filepath.Base(files[0]) == checkpointName(0) {
		files = files[1:]
	}
	for _, f := range files[:max(0, len(files)-keep)] {
		if err := os.Remove(f); err != nil {
			return err
		}
	}
	return nil
}

// ReadResult returns the result of the run in a directory, or nil if it is not over: it
// never ended, or a deadline ended it and the config leaves more time. A config with
// other settings is an error.
func ReadResult(path string, c Config) (*Result, error) {
	return readResult(path, &c, func(saved Config, _ *Result) error { return SameConfig(saved, c) })
}

// Finished is [ReadResult] of a run whose data are at hand: they may have been moved since, which
// its config then says, but others are an error.
func (r *Run) Finished(path string) (*Result, error) {
	res, err := r.finished(path)
	if err != nil || res == nil || res.Fingerprint == "" {
		return res, err
	}
	var saved Config
	file := filepath.Join(path, ConfigFile)
	if err := ReadConfig(file, &saved); err != nil || SameConfig(saved, r.Config) == nil {
		return res, err
	}
	return res, writeConfig(path, r.Config)
}

// writeConfig writes a run's config with the directory that its paths are of.
func writeConfig(path string, c Config) error {
	c.Directory = workingDirectory()
	return atomicfile.WriteJSON(filepath.Join(path, ConfigFile), c)
}

func (r *Run) finished(path string) (*Result, error) {
	return readResult(path, &r.Config, func(saved Config, res *Result) error {
		if res.Fingerprint == "" || r.fingerprint() == "" {
			return SameConfig(saved, r.Config)
		}
		err := r.sameSettings(saved)
		if err == nil && !r.SameData(res.Fingerprint) {
			err = fmt.Errorf("the run is over, and its data were others than %s holds; choose another directory", cmp.Or(r.Config.DataName(), r.Config.Task))
		}
		return err
	})
}

func readResult(path string, c *Config, same func(saved Config, res *Result) error) (*Result, error) {
	b, err := os.ReadFile(filepath.Join(path, ResultFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var res Result
	if err := words.JSON(b, json.Unmarshal(b, &res)); err != nil {
		return nil, fmt.Errorf("%s: %w; remove it to evaluate the run again", filepath.Join(path, ResultFile), err)
	}
	var saved Config
	if err := ReadConfig(filepath.Join(path, ConfigFile), &saved); err != nil {
		return nil, err
	}
	if err := same(saved, &res); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	limit := time.Duration(c.Deadline).Seconds()
	if res.StoppedBy == "deadline" && (limit == 0 || limit > res.Seconds) {
		return nil, nil
	}
	return &res, nil
}
