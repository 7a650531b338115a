package jpeg

import "errors"

// A scan is some components, and of progressive files a part of their coefficients.
type scan struct {
	components []*component
	start, end int   // coefficients in the file's order
	high, low  uint8 // bits: successive approximation
	run        int32 // blocks without further coefficients
}

// scan decodes a scan.
func (d *decoder) scan(segment []byte) error {
	if d.components == nil {
		return errors.New("it has no frame header")
	}
	if d.scans++; d.scans > maxScans {
		return errors.New("it has more scans than an image needs")
	}
	s, err := d.scanHeader(segment)
	if err != nil {
		return err
	}
	decode := d.baseline
	switch {
	case !d.progressive:
	case s.start == 0 && s.high == 0:
		decode = d.firstDC
	case s.start == 0:
		decode = d.refineDC
	case s.high == 0:
		decode = d.firstAC
	default:
		decode = d.refineAC
	}
	return d.units(s, decode)
}

func (d *decoder) scanHeader(segment []byte) (*scan, error) {
	damaged := errors.New("a scan's header is damaged")
	if len(segment) < 1 || segment[0] < 1 || segment[0] > 4 || len(segment) != 4+2*int(segment[0]) {
		return nil, damaged
	}
	n := int(segment[0])
	last := segment[1+2*n:]
	s := &scan{start: int(last[0]), end: int(last[1]), high: last[2] >> 4, low: last[2] & 15}
	if !d.progressive {
		s.start, s.end, s.high, s.low = 0, 63, 0, 0
	}
	if s.start > s.end || s.end > 63 || s.low > 13 || s.high > 13 ||
		d.progressive && (s.start == 0) != (s.end == 0) || s.start > 0 && n != 1 {
		return nil, damaged
	}
	for i := range n {
		c := d.component(int(segment[1+2*i]), s)
		if c == nil {
			return nil, damaged
		}
		if c.quant == nil {
			if c.quant = d.quant[c.quantID]; c.quant == nil {
				return nil, errors.New("a quantization table is missing")
			}
		}
		dc, ac := segment[2+2*i]>>4, segment[2+2*i]&15
		if dc > 3 || ac > 3 {
			return nil, damaged
		}
		if c.dcTable, c.acTable = d.tableOf(0, dc), d.tableOf(1, ac); s.start == 0 && s.high == 0 && c.dcTable == nil || s.end > 0 && c.acTable == nil {
			return nil, errors.New("a Huffman table is missing")
		}
		c.dc = 0
		for k := s.start; k <= s.end; k++ {
			c.missing[k] = s.low > 0
		}
		s.components = append(s.components, c)
	}
	return s, nil
}

// component returns that of a scan by its id, the first that the scan has not.
func (d *decoder) component(id int, s *scan) *component {
next:
	for i := range d.components {
		c := &d.components[i]
		if c.id != id {
			continue
		}
		for _, other := range s.components {
			if c == other {
				continue next
			}
		}
		return c
	}
	return nil
}

func (d *decoder) tableOf(class int, id byte) *table {
	t := d.dc[id]
	if class == 1 {
		t = d.ac[id]
	}
	if t == nil && id < 2 {
		t = standard[class][id]
	}
	return t
}

// A blockDecoder decodes block i of a component.
type blockDecoder func(s *scan, c *component, i int) error

// units decodes the MCUs of a scan.
func (d *decoder) units(s *scan, decode blockDecoder) error {
	across, down := over(d.width, 8*d.hmax), over(d.height, 8*d.vmax)
	if len(s.components) == 1 { // then an MCU is a block
		across, down = over(s.components[0].w, 8), over(s.components[0].rows, 8)
	}
	d.reader = reader{}
	lost := false // until the next restart
	restart, left := byte(0), d.interval
	for y := range down {
		for x := range across {
			if d.interval > 0 && left == 0 {
				found, err := d.restart(restart)
				if err != nil {
					return err
				}
				lost = lost && !found
				restart, left, s.run = (restart+1)&7, d.interval, 0
				for _, c := range s.components {
					c.dc = 0
				}
			}
			left--
			if lost {
				if err := d.unit(s, x, y, blank); err != nil {
					return err
				}
				continue
			}
			if err := d.unit(s, x, y, decode); err != nil {
				return err
			}
			if d.short() {
				last := y == down-1 && x == across-1
				if !d.atMarker() || !last && !d.atRestart() {
					return errShort
				}
				lost = true
			}
		}
	}
	return nil
}

// unit decodes an MCU.
func (d *decoder) unit(s *scan, x, y int, decode blockDecoder) error {
	if len(s.components) == 1 {
		c := s.components[0]
		return decode(s, c, y*c.across+x)
	}
	for _, c := range s.components {
		for v := range c.v {
			for h := range c.h {
				if err := decode(s, c, (y*c.v+v)*c.across+x*c.h+h); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// atMarker tells whether what was read ends at a marker, not with the file.
func (d *decoder) atMarker() bool { return d.marker() != 0 }

func (d *decoder) atRestart() bool { return d.interval > 0 && isRestart(d.marker()) }

func isRestart(m byte) bool { return m >= rst0 && m <= rst7 }

// marker returns the marker at d.at, or 0.
func (d *decoder) marker() byte {
	i := d.at
	for i < len(d.in) && d.in[i] == 0xff {
		i++
	}
	if i == d.at || i == len(d.in) {
		return 0
	}
	return d.in[i]
}

// restart finds a restart marker as libjpeg's jpeg_resync_to_restart does: one that comes too
// early is left for those who expect it, and what is between is lost.
func (d *decoder) restart(want byte) (found bool, err error) {
	d.reader = reader{}
	for {
		m := d.seek()
		if m == 0 {
			return false, errShort
		}
		ahead := (m - rst0 - want) & 7
		switch {
		case m >= sof0 && !isRestart(m), isRestart(m) && (ahead == 1 || ahead == 2):
			return false, nil
		case m < sof0, ahead == 6 || ahead == 7: // no marker, or an earlier one
			d.skip()
			continue
		}
		d.skip()
		return true, nil
	}
}

// seek goes to the next marker and returns it, or 0.
func (d *decoder) seek() byte {
	for d.at < len(d.in) {
		if m := d.marker(); m != 0 {
			return m
		}
		d.at++
	}
	return 0
}

// skip passes over the marker at d.at.
func (d *decoder) skip() {
	for d.at < len(d.in) && d.in[d.at] == 0xff {
		d.at++
	}
	d.at++
}

// baseline decodes all of a block and transforms it.
func (d *decoder) baseline(_ *scan, c *component, i int) error {
	var block [64]int32
	t, err := d.symbol(c.dcTable)
	if err != nil {
		return err
	}
	if t > 15 {
		return errDamaged
	}
	c.dc += d.value(t)
	block[0] = c.dc * c.quant[0]
	flat := true
	for k := 1; k < 64; k++ {
		v, err := d.symbol(c.acTable)
		if err != nil {
			return err
		}
		run, size := int(v>>4), v&15
		if size == 0 {
			if run != 15 {
				break
			}
			k += 15
			continue
		}
		if k += run; k > 63 {
			return errDamaged
		}
		z := natural[k]
		block[z] = d.value(size) * c.quant[z]
		flat = false
	}
	at := c.place(i)
	if flat {
		fillBlock(c.pix[at:], 8*c.across, block[0])
		return nil
	}
	inverse(c.pix[at:], 8*c.across, &block)
	return nil
}

// blank makes a block that is lost grey, as libjpeg does.
func blank(_ *scan, c *component, i int) error {
	if c.pix != nil {
		fillBlock(c.pix[c.place(i):], 8*c.across, 0)
	}
	return nil
}

// place is where block i starts in the plane.
func (c *component) place(i int) int { return (i/c.across*8*c.across + i%c.across) * 8 }

func (c *component) block(i int) *[64]int16 { return (*[64]int16)(c.coef[64*i:]) }

// firstDC decodes the higher bits of a block's mean.
func (d *decoder) firstDC(s *scan, c *component, i int) error {
	t, err := d.symbol(c.dcTable)
	if err != nil {
		return err
	}
	if t > 15 {
		return errDamaged
	}
	c.dc += d.value(t)
	c.block(i)[0] = int16(c.dc << s.low)
	return nil
}

// refineDC decodes a bit more.
func (d *decoder) refineDC(s *scan, c *component, i int) error {
	if d.take(1) != 0 {
		c.block(i)[0] |= 1 << s.low
	}
	return nil
}

// firstAC decodes the higher bits of a band.
func (d *decoder) firstAC(s *scan, c *component, i int) error {
	if s.run > 0 {
		s.run--
		return nil
	}
	block := c.block(i)
	for k := s.start; k <= s.end; k++ {
		v, err := d.symbol(c.acTable)
		if err != nil {
			return err
		}
		run, size := v>>4, v&15
		switch {
		case size != 0:
			if k += int(run); k > 63 {
				return errDamaged
			}
			block[natural[k]] = int16(d.value(size) << s.low)
		case run == 15:
			k += 15
		default:
			s.run = 1<<run + d.take(run) - 1
			return nil
		}
	}
	return nil
}

// refineAC decodes a bit more of a band: of coefficients that were not 0, and new ones.
func (d *decoder) refineAC(s *scan, c *component, i int) error {
	block, k := c.block(i), s.start
	for s.run == 0 && k <= s.end {
		v, err := d.symbol(c.acTable)
		if err != nil {
			return err
		}
		run, size := v>>4, v&15
		var fresh int16
		switch {
		case size == 1:
			if fresh = -1 << s.low; d.take(1) != 0 {
				fresh = 1 << s.low
			}
		case size != 0:
			return errDamaged
		case run != 15:
			s.run = 1<<run + d.take(run)
			continue
		}
		if k = d.refine(block, s, k, int(run)); fresh != 0 {
			if k > s.end {
				return errDamaged
			}
			block[natural[k]] = fresh
		}
		k++
	}
	if s.run > 0 {
		d.refine(block, s, k, 64)
		s.run--
	}
	return nil
}

// refine adds a bit to the coefficients that are not 0, up to the one after zeros that are.
func (d *decoder) refine(block *[64]int16, s *scan, k, zeros int) int {
	bit := int16(1) << s.low
	for ; k <= s.end; k++ {
		p := &block[natural[k]]
		if *p == 0 {
			if zeros--; zeros < 0 {
				break
			}
			continue
		}
		if d.take(1) != 0 && *p&bit == 0 {
			if *p >= 0 {
				*p += bit
			} else {
				*p -= bit
			}
		}
	}
	return k
}
