package ecmascript

import (
	"encoding/binary"
	"math"
)

func (r *snapshotReader) byte() (byte, error) {
	if len(r.b) == 0 {
		return 0, r.fail("unexpected end")
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c, nil
}

func (r *snapshotReader) uint() (uint64, error) {
	u, n := binary.Uvarint(r.b)
	if n <= 0 {
		return 0, r.fail("malformed number")
	}
	r.b = r.b[n:]
	return u, nil
}

func (r *snapshotReader) int() (int64, error) {
	u, err := r.uint()
	return int64(u>>1) ^ -int64(u&1), err
}

// count reads a number of things that take at least size bytes each.
func (r *snapshotReader) count(size int) (int, error) {
	u, err := r.uint()
	if err != nil {
		return 0, err
	}
	if u > uint64(len(r.b)/size) {
		return 0, r.fail("count %d is larger than the data", u)
	}
	return int(u), nil
}

func (r *snapshotReader) text() (string, error) {
	n, err := r.count(1)
	if err != nil {
		return "", err
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s, nil
}

func (r *snapshotReader) float() (float64, error) {
	if len(r.b) < 8 {
		return 0, r.fail("unexpected end")
	}
	f := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	return f, nil
}

func (r *snapshotReader) bool() (bool, error) {
	c, err := r.byte()
	if err == nil && c != snapFalse && c != snapTrue {
		err = r.fail("malformed boolean")
	}
	return c == snapTrue, err
}
