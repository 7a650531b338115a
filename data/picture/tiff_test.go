package picture

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// wideTIFF is a file of tags, each of one value in place or of many bytes at an offset, and data from dataAt on.
func wideTIFF(tags map[uint16][]uint32, data []byte) []byte {
	order := binary.LittleEndian
	b := order.AppendUint16([]byte("II*\x00\x08\x00\x00\x00"), uint16(len(tags)))
	at := uint32(dataAt + len(data))
	var long []byte
	for tag := range uint16(600) { // in their order
		values, ok := tags[tag]
		if !ok {
			continue
		}
		b = order.AppendUint32(order.AppendUint16(order.AppendUint16(b, tag), 4), uint32(len(values)))
		if len(values) == 1 {
			b = order.AppendUint32(b, values[0])
			continue
		}
		b = order.AppendUint32(b, at+uint32(len(long)))
		for _, v := range values {
			long = order.AppendUint32(long, v)
		}
	}
	b = append(b, make([]byte, dataAt-len(b))...)
	return slices.Concat(b, data, long)
}

const dataAt = 512

// Tags that share their values, and strips that share their data, would make a small file take gigabytes or hours.
func TestTIFFBounds(t *testing.T) {
	shared := []byte("II*\x00\x08\x00\x00\x00\x14\x00")
	for range 20 {
		shared = append(binary.LittleEndian.AppendUint16(shared, tagStripOffsets), 1, 0, 0, 0, 1, 0, 0, 1, 0, 0) // 65536 bytes at 256
	}
	shared = append(shared, make([]byte, 1<<17)...)

	const h, length = 2000, 1 << 16
	offsets, counts := slices.Repeat([]uint32{dataAt}, h), slices.Repeat([]uint32{length}, h)
	tags := map[uint16][]uint32{tagWidth: {1}, tagHeight: {h}, tagBits: {8}, tagCompression: {tiffPackBits}, tagColours: {1},
		tagStripOffsets: offsets, tagRowsPerStrip: {1}, tagStripCounts: counts}
	idle := append(slices.Repeat([]byte{0x80}, length-2), 0, 7) // runs of nothing, then a byte
	overlapping := wideTIFF(tags, idle)

	claims := wideTIFF(map[uint16][]uint32{tagWidth: {9000}, tagHeight: {9000}, tagBits: {8}, tagColours: {1}, tagCompression: {tiffDeflate},
		tagStripOffsets: {dataAt}, tagStripCounts: {100}}, make([]byte, 100))
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"tags":   {shared, "its tags share their values"},
		"strips": {overlapping, "its strips or tiles share their data"},
		"claims": {claims, "it ends in the middle"},
	} {
		if _, err := decodePicture(tt.file); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", name, err, tt.want)
		}
	}
}

// Strips may share data as blank ones do.
func TestTIFFShared(t *testing.T) {
	const h = 2000
	p, err := decodePicture(wideTIFF(map[uint16][]uint32{tagWidth: {1}, tagHeight: {h}, tagBits: {8}, tagColours: {1}, tagRowsPerStrip: {1},
		tagStripOffsets: slices.Repeat([]uint32{dataAt}, h), tagStripCounts: slices.Repeat([]uint32{1 << 16}, h)}, slices.Repeat([]byte{7}, 1<<16)))
	if err != nil || !bytes.Equal(p.rgb, slices.Repeat([]byte{7}, 3*h)) {
		t.Error(err)
	}
}

// Where nothing says how many bytes strips have, each ends where the next begins.
func TestTIFFWithoutCounts(t *testing.T) {
	const h, each = 1000, 1 << 8 // bytes of a strip, of which all but two are runs of nothing
	strip := append([]byte{0, 9}, slices.Repeat([]byte{0x80}, each-2)...)
	offsets := make([]uint32, h)
	for i := range offsets {
		offsets[i] = uint32(dataAt + each*i)
	}
	p, err := decodePicture(wideTIFF(map[uint16][]uint32{tagWidth: {1}, tagHeight: {h}, tagBits: {8}, tagColours: {1}, tagRowsPerStrip: {1},
		tagCompression: {tiffPackBits}, tagStripOffsets: offsets}, slices.Repeat(strip, h)))
	if err != nil || !bytes.Equal(p.rgb, slices.Repeat([]byte{9}, 3*h)) {
		t.Error(err)
	}
}
