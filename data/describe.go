package data

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// Counts returns the number of examples of each class, which is 0 of examples without labels.
func (s *Set) Counts(classes int) []int {
	n := make([]int, classes)
	for _, l := range s.Labels {
		n[l]++
	}
	return n
}

// Moments returns the mean and the standard deviation of each channel over all pixels
// of all examples. They are read once, by as many workers as there are processors; the
// result does not depend on their number. Progress, if not nil, is told how many examples
// were read.
func (s *Set) Moments(ctx context.Context, progress func(done int)) (mean, std []float64, err error) {
	if s.text && s.Shape == nil {
		return nil, nil, errNoTokens
	}
	const chunk = 256
	channels := s.Shape[len(s.Shape)-1]
	sums := make([][]float64, (s.Len()+chunk-1)/chunk) // of a chunk's values, then of their squares
	var (
		next atomic.Int64
		told sync.Mutex
		done int
	)
	errs := make([]error, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			x := make([]float32, s.ExampleLen())
			for {
				c := int(next.Add(1)) - 1
				if c >= len(sums) {
					return
				}
				sum := make([]float64, 2*channels)
				for i := c * chunk; i < min((c+1)*chunk, s.Len()); i++ {
					if errs[w] = ctx.Err(); errs[w] == nil {
						errs[w] = s.Read(x, i)
					}
					if errs[w] != nil {
						next.Store(int64(len(sums)))
						return
					}
					addMoments(sum, x)
				}
				sums[c] = sum
				if progress != nil {
					told.Lock()
					done = min(done+chunk, s.Len())
					progress(done)
					told.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, nil, err
		}
	}
	total := make([]float64, 2*channels)
	for _, sum := range sums {
		for k, v := range sum {
			total[k] += v
		}
	}
	n := float64(s.Len() * s.ExampleLen() / channels)
	for k := range channels {
		m := total[k] / n
		mean = append(mean, m)
		std = append(std, math.Sqrt(max(total[channels+k]/n-m*m, 0)))
	}
	return mean, std, nil
}

func addMoments(sum []float64, x []float32) {
	channels := len(sum) / 2
	for i := 0; i < len(x); i += channels {
		for k, v := range x[i : i+channels] {
			sum[k] += float64(v)
			sum[channels+k] += float64(v) * float64(v)
		}
	}
}

// An identifier is a source that can say which example it is without reading it.
type identifier interface{ identify(w io.Writer, i int) }

// Fingerprint returns a hash of classes, shapes, labels or targets, and examples, which changes when
// they do, and not with the place of the files. Of images in files it takes names and
// sizes, so that they need not be read.
func (s *Splits) Fingerprint() (string, error) {
	h := sha256.New()
	w := bufio.NewWriterSize(h, 1<<16)
	fmt.Fprintf(w, "%q", s.Classes)
	if s.Targets != nil {
		fmt.Fprintf(w, "%q", s.Targets)
	}
	for _, p := range s.Parts() {
		if p.text && p.Shape == nil {
			return "", errNoTokens
		}
		fmt.Fprintf(w, "%s%v%d", p.Name, p.Shape, p.Len())
		if err := p.identify(w); err != nil {
			return "", err
		}
	}
	w.Flush()
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

func (s *Set) identify(w io.Writer) error {
	named, ok := s.source.(identifier)
	var (
		x []float32
		b []byte
	)
	if !ok {
		x = make([]float32, s.ExampleLen())
	}
	for i := range s.Len() {
		b = b[:0]
		if s.Labels != nil {
			b = binary.LittleEndian.AppendUint64(b, uint64(s.Labels[i]))
		}
		for _, v := range s.Target(i) {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		if ok {
			named.identify(w, s.Number(i))
		} else if err := s.Read(x, i); err != nil {
			return err
		}
		for _, v := range x {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		w.Write(b)
	}
	return nil
}
