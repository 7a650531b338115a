package data

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// A Fold is one of several parts of the training examples, which validates while the others train: k-fold
// cross-validation. As text it is "2of5", or "2/5"; "" for the zero value, which is none.
type Fold struct{ Number, Of int }

// String returns the fold as [Fold.UnmarshalText] reads it.
func (f Fold) String() string {
	if f == (Fold{}) {
		return ""
	}
	return fmt.Sprintf("%dof%d", f.Number, f.Of)
}

// MarshalText returns what String returns.
func (f Fold) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads "2of5" or "2/5"; "" is the zero value.
func (f *Fold) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*f = Fold{}
		return nil
	}
	number, of, _ := strings.Cut(strings.Replace(string(text), "/", "of", 1), "of")
	n, err := strconv.Atoi(number)
	k, err2 := strconv.Atoi(of)
	if err != nil || err2 != nil || k < 2 || n < 1 || n > k {
		return fmt.Errorf("%q is no fold: it is NUMBERofFOLDS, as in 2of5, from 1of5 to 5of5, of two folds or more", text)
	}
	*f = Fold{n, k}
	return nil
}

// fold makes a fold of the training examples the validation split, in place of one that there is.
func (s *Splits) fold(f Fold, seed uint64) error {
	if s.Train == nil {
		return fmt.Errorf("there is no training split to take folds of")
	}
	if f.Of > s.Train.Len() {
		return usage("%d folds of %d training examples would leave some of them empty", f.Of, s.Train.Len())
	}
	number, err := s.Train.folds(f.Of, len(s.Classes), rand.New(rand.NewPCG(seed, 0x666f6c64))) // "fold"
	if err != nil {
		return err
	}
	var rest, held []int
	for i, n := range number {
		if n == f.Number {
			held = append(held, i)
		} else {
			rest = append(rest, i)
		}
	}
	if s.Val != nil {
		s.Notes = append(slices.Clone(s.Notes), fmt.Sprintf("its validation split, of %d, is left out: fold %d of %d of the training examples validates", s.Val.Len(), f.Number, f.Of))
	}
	s.Train, s.Val = s.Train.Select(rest), s.Train.Select(held)
	return nil
}

// folds returns the fold of each example, from 1 to k: classes are dealt one after the other, each in an order that is
// drawn, so that folds have as many examples as each other, and as many of each class, but for one.
func (s *Set) folds(k, classes int, rng *rand.Rand) ([]int, error) {
	members, err := s.members(classes)
	if err != nil {
		return nil, err
	}
	number, next := make([]int, s.Len()), 0
	for _, m := range members {
		rng.Shuffle(len(m), func(i, j int) { m[i], m[j] = m[j], m[i] })
		for _, i := range m {
			number[i] = next%k + 1
			next++
		}
	}
	return number, nil
}
