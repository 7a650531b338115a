package sam

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/monge-ml/monge/vec"
)

// recent is the metric of the last gradients, I + alpha² (1-beta) sum of beta^k g_k g_kᵀ, with g_0 the one at hand. All of one
// kind it is M-SAM's with alpha² times the sum of weights.
type recent[F vec.Float] struct {
	lowRank[F]
	sight *Sight[F]
	past  [][]F // a ring: that of k steps ago at (next-k) mod its length
	next  int
	many  int // gradients kept so far, at most len(past)
	terms []float64
}

func newRecent[F vec.Float](n, points int, alpha2, beta float64) *recent[F] {
	m := &recent[F]{past: vectors[F](points, n), terms: make([]float64, points+1)}
	for k := range m.terms {
		m.terms[k] = alpha2 * (1 - beta) * math.Pow(beta, float64(k))
	}
	m.columns = func([]F) error {
		m.u, m.c = append(m.u[:0], m.sight.Ascent()), m.terms[:m.many+1]
		for k := 1; k <= m.many; k++ {
			m.u = append(m.u, m.past[(m.next-k+points)%points])
		}
		return nil
	}
	return m
}

func (m *recent[F]) Attach(v *Sight[F]) error { m.sight = v; return nil }

func (m *recent[F]) Keep(ascent, _ []F) {
	if ascent == nil {
		return
	}
	copy(m.past[m.next], ascent)
	m.next = (m.next + 1) % len(m.past)
	m.many = min(m.many+1, len(m.past))
}

// MarshalBinary exports the gradients.
func (m *recent[F]) MarshalBinary() ([]byte, error) {
	b := binary.LittleEndian.AppendUint32(nil, uint32(m.next))
	b = binary.LittleEndian.AppendUint32(b, uint32(m.many))
	var err error
	for _, g := range m.past {
		if b, err = binary.Append(b, binary.LittleEndian, g); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// UnmarshalBinary restores them; on an error nothing has changed.
func (m *recent[F]) UnmarshalBinary(b []byte) error {
	size := binary.Size(m.past[0])
	if len(b) != 8+size*len(m.past) {
		return fmt.Errorf("a metric of recent gradients has %d bytes, want %d", len(b), 8+size*len(m.past))
	}
	next, many := int(binary.LittleEndian.Uint32(b)), int(binary.LittleEndian.Uint32(b[4:]))
	if next >= len(m.past) || many > len(m.past) {
		return fmt.Errorf("a metric of recent gradients has %d of %d, the next at %d", many, len(m.past), next)
	}
	m.next, m.many = next, many
	for i, g := range m.past {
		if _, err := binary.Decode(b[8+i*size:], binary.LittleEndian, g); err != nil {
			return err
		}
	}
	return nil
}

var recentLength = Choice{
	Name: "recent", Info: "a ball in the metric of the last gradients, with a running mean's weights",
	Uses: []string{"alpha"}, Alpha: 1, Numbers: []Number{pointsNumber, betaNumber},
	kind: givenKind, set32: setRecent[float32], set64: setRecent[float64],
}

func setRecent[F vec.Float](s *Settings[F], p Params) error {
	points, err := count("metric-points", p.Own["metric-points"], mostPoints)
	if err != nil {
		return err
	}
	alpha2, beta, err := remembered(p)
	s.NewMetric = func(n int) Metric[F] { return newRecent[F](n, points, alpha2, beta) }
	return err
}

// running is the metric of the running mean of gradients, I + alpha² m mᵀ with m = beta m + (1-beta) g, from the first gradient
// (Yu et al. 2023, arXiv 2303.05101, who sample with it).
type running[F vec.Float] struct {
	lowRank[F]
	kept[F]
	now  []F // the mean with the gradient at hand
	beta float64
}

func newRunning[F vec.Float](n int, alpha2, beta float64) *running[F] {
	m := &running[F]{kept: kept[F]{v: make([]F, n)}, now: make([]F, n), beta: beta}
	m.u, m.c = [][]F{m.now}, []float64{alpha2}
	return m
}

func (m *running[F]) Attach(v *Sight[F]) error {
	m.columns = func([]F) error {
		if !m.begun {
			copy(m.now, v.Ascent())
			return nil
		}
		vec.Scale(m.now, m.beta, m.v)
		vec.AddScaled(m.now, m.now, 1-m.beta, v.Ascent())
		return nil
	}
	return nil
}

func (m *running[F]) Keep(ascent, _ []F) {
	if ascent != nil {
		m.mix(0, 1, m.now)
	}
}

var runningLength = Choice{
	Name: "running", Info: "a ball in the metric of a running mean of gradients",
	Uses: []string{"alpha"}, Alpha: 1, Numbers: []Number{betaNumber},
	kind: givenKind, set32: setRunning[float32], set64: setRunning[float64],
}

func setRunning[F vec.Float](s *Settings[F], p Params) error {
	alpha2, beta, err := remembered(p)
	s.NewMetric = func(n int) Metric[F] { return newRunning[F](n, alpha2, beta) }
	return err
}

// runningNorm is the length rho/sqrt(1 + alpha² v), with v = beta v + (1-beta) |d|² of the direction, from the first: M-SAM's
// where only the size of gradients is remembered.
type runningNorm[F vec.Float] struct {
	alpha2, beta float64
	begun        bool
	v, now       float64
}

func (m *runningNorm[F]) Scale(rho, _ float64, d Lengths) float64 {
	s := d.Dual
	if m.now = s * s; m.begun {
		m.now = m.beta*m.v + (1-m.beta)*s*s
	}
	if s == 0 {
		return 0
	}
	return rho / s / math.Sqrt(1+m.alpha2*m.now)
}

func (m *runningNorm[F]) Keep(ascent, _ []F) {
	if ascent != nil {
		m.begun, m.v = true, m.now
	}
}

// MarshalBinary exports v.
func (m *runningNorm[F]) MarshalBinary() ([]byte, error) {
	begun := byte(0)
	if m.begun {
		begun = 1
	}
	return binary.LittleEndian.AppendUint64([]byte{begun}, math.Float64bits(m.v)), nil
}

// UnmarshalBinary restores it; on an error nothing has changed.
func (m *runningNorm[F]) UnmarshalBinary(b []byte) error {
	if len(b) != 9 || b[0] > 1 {
		return fmt.Errorf("a running norm has %d bytes, want 9", len(b))
	}
	m.begun, m.v = b[0] == 1, math.Float64frombits(binary.LittleEndian.Uint64(b[1:]))
	return nil
}

var runningNormLength = Choice{
	Name: "running-norm", Info: "Monge's, with a running mean of squared lengths in place of the gradient's",
	Uses: []string{"alpha"}, Alpha: 1, Numbers: []Number{betaNumber},
	kind: givenKind, set32: setRunningNorm[float32], set64: setRunningNorm[float64],
}

func setRunningNorm[F vec.Float](s *Settings[F], p Params) error {
	alpha2, beta, err := remembered(p)
	s.Length = func(int) Length { return &runningNorm[F]{alpha2: alpha2, beta: beta} }
	return err
}

// remembered are the scale of the loss axis, squared, and the share of earlier gradients in a metric of them.
func remembered(p Params) (alpha2, beta float64, err error) {
	if alpha2, err = alphaSquared(p); err != nil {
		return 0, 0, err
	}
	beta = p.Own["beta"]
	return alpha2, beta, checkShare("beta", beta)
}
