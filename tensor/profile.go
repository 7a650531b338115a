package tensor

import (
	"reflect"
	"runtime"
	"strings"
	"time"
)

// An OpTime is what one operation of a pass took.
type OpTime struct {
	Layer    string // as [Tape.Scope] named it
	Op       string
	Forward  time.Duration
	Backward time.Duration
	FLOPs    int // of the forward pass, done directly
	Bytes    int // of its inputs and its result
}

// profile collects times; nil when nobody asked.
type profile struct {
	ops   []OpTime
	mark  time.Time
	flops int
}

// Profile makes the tape take the time of every operation of its passes, or stops that.
// Times include what lies between an operation and the one before it.
func (t *Tape) Profile(on bool) {
	t.profile = nil
	if on {
		t.profile = &profile{}
	}
}

// Times returns the operations of the last pass in order, if [Tape.Profile] was asked
// for.
func (t *Tape) Times() []OpTime {
	if t.profile == nil {
		return nil
	}
	return t.profile.ops
}

func (p *profile) reset() {
	if p != nil {
		p.ops, p.mark, p.flops = p.ops[:0], time.Now(), 0
	}
}

// forward notes an operation that has just been recorded.
func (p *profile) forward(t *Tape, n *node) {
	if p == nil {
		return
	}
	now := time.Now()
	bytes := 4 * len(n.out.Data)
	for _, inputs := range [...][]*Tensor{n.in[:], n.more} {
		for _, x := range inputs {
			if x != nil {
				bytes += 4 * len(x.Data)
			}
		}
	}
	p.ops = append(p.ops, OpTime{Layer: t.scope, Op: n.name(), Forward: now.Sub(p.mark), FLOPs: t.flops - p.flops, Bytes: bytes})
	p.mark, p.flops = time.Now(), t.flops
}

// name names a node's operation.
func (n *node) name() string {
	name := runtime.FuncForPC(reflect.ValueOf(n.back).Pointer()).Name()
	return strings.TrimSuffix(name[strings.LastIndexByte(name, '.')+1:], "Back")
}

// backward notes the way back of operation i.
func (p *profile) backward(i int) {
	if p == nil {
		return
	}
	p.ops[i].Backward = time.Since(p.mark)
	p.mark = time.Now()
}
