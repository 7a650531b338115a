package sam_test

import (
	"bytes"
	"testing"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// keeping returns a stepper of three parameters with choices that keep something.
func keeping(t testing.TB, direction, length, descent string) *sam.Stepper[float32] {
	m, err := sam.FindMethod("sam")
	if err == nil {
		m, err = m.With(direction, length, descent)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := sam.SettingsOf[float32](m, sam.Params{Rho: sam.Constant(.1)})
	if err != nil {
		t.Fatal(err)
	}
	base, err := optim.NewSGD[float32](3, optim.SGDSettings{LR: optim.Constant(.1), Momentum: .9})
	if err != nil {
		t.Fatal(err)
	}
	st, err := sam.New(3, base, s)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// A damaged state is refused and changes nothing, or is one that can be written again; nothing panics.
func FuzzState(f *testing.F) {
	choices := [][3]string{{"running-mean", "", ""}, {"noise", "running", "reuse"}, {"sparse", "recent", ""}, {"eigenvector", "running-norm", ""}, {"", "", "weighted"}}
	for _, c := range choices {
		st, theta := keeping(f, c[0], c[1], c[2]), []float32{1, -2, 3}
		for range 2 {
			if _, err := st.Step(theta, sam.Func(func(grad, theta []float32) float64 { copy(grad, theta); return 1 })); err != nil {
				f.Fatal(err)
			}
		}
		b, err := st.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range choices {
			st := keeping(t, c[0], c[1], c[2])
			before, _ := st.MarshalBinary()
			err := st.UnmarshalBinary(b)
			after, again := st.MarshalBinary()
			switch {
			case again != nil:
				t.Fatal(again)
			case err != nil && !bytes.Equal(before, after):
				t.Fatalf("%v: a state that was refused (%v) changed something", c, err)
			}
			if err == nil {
				_, _ = st.Step([]float32{1, 2, 3}, sam.Func(func(grad, theta []float32) float64 { copy(grad, theta); return 1 })) // NaN may be an error
			}
		}
	})
}
