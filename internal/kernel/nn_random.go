package kernel

// Dropout sets dst = x/(1-p) where a random number of the element says so, else 0,
// or adds that to dst. The numbers are a function of key and the element's index,
// so that a later call with the same key drops the same elements. 0 <= p < 1.
func Dropout(dst, x []float32, p float32, key uint64, add bool) {
	sameLen("Dropout", len(dst), len(x))
	j := newNNJob(func(j *nnJob, _, lo, hi int) {
		j.drops.drop(j.dst[lo:hi], j.x[lo:hi], uint64(lo), j.add)
	}, len(x), 1)
	j.dst, j.x, j.drops, j.add = dst, x, newDrops(p, key), add
	j.run()
	j.release()
}

// drops say which elements are dropped, and what others are multiplied by.
type drops struct {
	key  uint64
	most uint32 // random numbers below drop
	keep float32
}

func newDrops(p float32, key uint64) drops {
	return drops{key: key, most: uint32(min(float64(p)*(1<<32), 1<<32-1)), keep: 1 / (1 - p)}
}

// drop sets dst, or adds to it, what is left of x, whose first element is number at. A 64-bit number
// serves two elements.
func (d *drops) drop(dst, x []float32, at uint64, add bool) {
	f := ops().drop
	odd := int(at % 2) // vectors begin with a whole number
	n := whole(len(x)-odd, f != nil)
	if n <= 0 {
		d.dropGo(dst, x, at, add)
		return
	}
	d.dropGo(dst[:odd], x, at, add)
	f(&dst[odd], &x[odd], d.keep, d.most, d.key+((at+1)/2+1)*mixStep, flag(add), n)
	d.dropGo(dst[odd+n:], x[odd+n:], at+uint64(odd+n), add)
}

func (d *drops) dropGo(dst, x []float32, at uint64, add bool) {
	for i := range dst {
		v := float32(x[i] * d.keep)
		if uint32(Mix(d.key, at/2)>>(at%2*32)) < d.most {
			v = 0
		}
		if add {
			v += dst[i]
		}
		dst[i] = v
		at++
	}
}

const mixStep = 0x9e3779b97f4a7c15

// Mix returns a random number, a function of key and counter (SplitMix64).
func Mix(key, counter uint64) uint64 {
	z := key + (counter+1)*mixStep
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
