package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/monge-ml/monge/internal/atomicfile"
	"github.com/monge-ml/monge/weights"
)

// The files of a run directory.
const (
	ConfigFile  = "config.json"         // everything needed to repeat the run
	MetricsFile = "metrics.jsonl"       // an Epoch a line
	ResultFile  = "result.json"         // the Result, once the run is over
	WeightsFile = "weights.safetensors" // the final weights
)

// A Dir is the directory of a run in progress.
type Dir struct {
	path    string
	metrics *os.File
}

// CreateDir makes a run's directory, which must not hold a run already, and writes its
// config.
func CreateDir(path string, c Config) (*Dir, error) {
	if _, err := os.Stat(filepath.Join(path, ConfigFile)); err == nil {
		return nil, fmt.Errorf("%s holds a run already; choose another directory or remove it", path)
	}
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, err
	}
	if err := writeJSON(filepath.Join(path, ConfigFile), c); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(path, MetricsFile))
	if err != nil {
		return nil, err
	}
	return &Dir{path: path, metrics: f}, nil
}

// Epoch appends a line to the metrics.
func (d *Dir) Epoch(e Epoch) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = d.metrics.Write(append(b, '\n'))
	return err
}

// Finish writes the result and the final weights.
func (d *Dir) Finish(r *Run, res Result) error {
	tensors := r.Model.StateDict(res.Theta)
	return errors.Join(
		atomicfile.Write(filepath.Join(d.path, WeightsFile), func(w io.Writer) error {
			return weights.WriteSafetensors(w, tensors, map[string]string{"model": r.Config.Model, "sha256": res.WeightsSHA256})
		}),
		writeJSON(filepath.Join(d.path, ResultFile), res))
}

// Close closes the metrics file.
func (d *Dir) Close() error { return d.metrics.Close() }

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}
