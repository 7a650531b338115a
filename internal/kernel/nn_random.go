package kernel

// Dropout sets dst = x/(1-p) where a random number of the element says so, else 0,
// or adds that to dst. The numbers are a function of key and the element's index,
// so that a later call with the same key drops the same elements. 0 <= p < 1.
func Dropout(dst, x []float32, p float32, key uint64, add bool) {
	sameLen("Dropout", len(dst), len(x))
	j := newNNJob(func(j *nnJob, _, lo, hi int) {
		dropout(j.dst[lo:hi], j.x[lo:hi], j.f[0], j.most, j.key, uint64(lo)/2, j.add)
	}, len(x), 1)
	j.dst, j.x, j.key, j.add = dst, x, key, add
	j.most = uint32(min(float64(p)*(1<<32), 1<<32-1))
	j.f[0] = 1 / (1 - p)
	j.run()
	j.release()
}

// dropout takes a 64-bit number for two elements.
func dropout(dst, x []float32, keep float32, most uint32, key, counter uint64, add bool) {
	for i := 0; i < len(x); i += 2 {
		bits := Mix(key, counter)
		counter++
		for k := i; k < min(i+2, len(x)); k++ {
			v := float32(0)
			if uint32(bits) >= most {
				v = float32(x[k] * keep)
			}
			if add {
				v += dst[k]
			}
			dst[k] = v
			bits >>= 32
		}
	}
}

// Mix returns a random number, a function of key and counter (SplitMix64).
func Mix(key, counter uint64) uint64 {
	z := key + (counter+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
