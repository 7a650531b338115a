//go:build linux

package train_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/monge-ml/monge/train"
)

// What a process that trains is told: the directory, and whether it is to train another task.
const (
	childDir  = "MONGE_TEST_TRAIN_DIR"
	childTask = "MONGE_TEST_TRAIN_TASK"
)

// TestMain lets the tests run this binary as a process that trains.
func TestMain(m *testing.M) {
	if path := os.Getenv(childDir); path != "" {
		if err := child(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// killConfig saves at every step, so that many kills meet a write.
func killConfig() train.Config {
	c := resumable()["mlp"]
	c.CheckpointEvery, c.Epochs = 1, 40
	return c
}

// killTask is a run of a task that is none of the program's, likewise.
func killTask() (*train.Run, error) {
	c := sineConfig()
	c.Epochs = 160
	return train.NewTask(draws(), c)
}

func child(path string) error {
	r, err := train.New(killConfig())
	if os.Getenv(childTask) != "" {
		r, err = killTask()
	}
	if err != nil {
		return err
	}
	d, err := train.OpenDir(path, r, train.DirOptions{Resume: true})
	if err != nil {
		return err
	}
	_, err = r.Do(context.Background(), d, train.Watch{})
	return errors.Join(err, d.Close())
}

// Killed at 50 random moments and resumed each time, runs end with the bits of the
// uninterrupted one.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts more than 50 processes")
	}
	_, want := do(t, killConfig())
	kill(t, 50, "", want)
}

// So do those of a task that is none of the program's, with a state of its own.
func TestKillOwnTask(t *testing.T) {
	r, err := killTask()
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.Do(context.Background(), nil, train.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	kill(t, 8, "sine", want)
}

// kill does runs of a task that are killed so often in all.
func kill(t *testing.T, times int, task string, want train.Result) {
	dir, torn, runs := t.TempDir(), 0, 1
	path := filepath.Join(dir, "1")
	rng := rand.New(rand.NewPCG(1, 2))
	for kills := 0; kills < times; {
		c, out := start(t, path, task)
		killed := time.AfterFunc(time.Duration(rng.IntN(300))*time.Millisecond, func() { c.Process.Kill() })
		err := c.Wait()
		if !killed.Stop() {
			kills++
		} else if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		// A run may be over before it is killed, or be killed between its result and its exit.
		if _, err := os.Stat(filepath.Join(path, train.ResultFile)); err == nil {
			checkKilled(t, path, want)
			runs++
			path = filepath.Join(dir, fmt.Sprint(runs))
			continue
		}
		if left, _ := filepath.Glob(filepath.Join(path, train.CheckpointDir, ".step-*")); len(left) > 0 {
			torn++
		}
	}
	c, out := start(t, path, task)
	if err := c.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	checkKilled(t, path, want)
	t.Logf("%d kills over %d runs, %d of them inside a write of a checkpoint", times, runs, torn)
	if torn == 0 && times >= 50 {
		t.Error("no kill met a write")
	}
}

// start starts a process that trains in a directory.
func start(t *testing.T, path, task string) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	c, out := exec.Command(os.Args[0]), &strings.Builder{}
	c.Env = append(os.Environ(), childDir+"="+path, childTask+"="+task)
	c.Stdout, c.Stderr = out, out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, out
}

func checkKilled(t *testing.T, path string, want train.Result) {
	t.Helper()
	var got train.Result
	readJSON(t, filepath.Join(path, train.ResultFile), &got)
	if got.WeightsSHA256 != want.WeightsSHA256 || got.Steps != want.Steps {
		t.Errorf("weights %.8s after %d steps, want %.8s after %d", got.WeightsSHA256, got.Steps, want.WeightsSHA256, want.Steps)
	}
	for _, dir := range []string{path, filepath.Join(path, train.CheckpointDir)} {
		if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
			t.Errorf("temporary files are left: %q", left)
		}
	}
}

// A full disk is an error that names the file, and what was saved before is intact.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("can't mount a small disk: %v", err)
	}
	defer syscall.Unmount(disk, 0)
	c := resumable()["mlp"]
	path := filepath.Join(disk, "run")
	if _, err := runIn(t, path, c, 6); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	filler := filepath.Join(disk, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	f.Close()
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	d, err := train.OpenDir(path, r, train.DirOptions{Resume: true})
	if err == nil {
		_, err = r.Do(context.Background(), d, train.Watch{})
		d.Close()
	}
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), path) {
		t.Errorf("full disk: %v", err)
	}
	os.Remove(filler)
	_, want := do(t, c)
	if got, err := runIn(t, path, c, 0); err != nil || got.WeightsSHA256 != want.WeightsSHA256 {
		t.Errorf("after room was made: weights %.8s, want %.8s, %v", got.WeightsSHA256, want.WeightsSHA256, err)
	}
}
