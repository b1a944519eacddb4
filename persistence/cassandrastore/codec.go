package cassandrastore

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// errDamaged is a row that this package has not written so.
var errDamaged = errors.New("a row is damaged: it was changed by somebody else")

// Timers and effects are stored as a list in one blob: a session has few of them, each commit changes
// some, and rows that come and go would leave tombstones behind in a partition that lives for
// months. An entry is its id with its length before it, a number (a timer's time, in milliseconds), and
// its data with its length before it.

type entry struct {
	id     string
	number uint64
	data   []byte
}

func (e entry) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(e.id)))
	b = append(b, e.id...)
	b = binary.AppendUvarint(b, e.number)
	b = binary.AppendUvarint(b, uint64(len(e.data)))
	return append(b, e.data...)
}

// entries reads a blob.
func entries(b []byte, each func(entry)) error {
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			b = nil
			return 1 << 63 // longer than what is left
		}
		b = b[n:]
		return v
	}
	bytes := func() ([]byte, bool) {
		n := number()
		if n > uint64(len(b)) {
			return nil, false
		}
		v := b[:n:n]
		b = b[n:]
		return v, true
	}
	for len(b) > 0 {
		id, ok := bytes()
		if !ok {
			return errDamaged
		}
		e := entry{id: string(id), number: number()}
		if e.data, ok = bytes(); !ok {
			return errDamaged
		}
		if len(e.data) == 0 {
			e.data = nil
		}
		each(e)
	}
	return nil
}

// encodeTimers sorts the timers as Load returns them.
func encodeTimers(timers []persistence.Timer) []byte {
	slices.SortFunc(timers, func(x, y persistence.Timer) int {
		return cmp.Or(cmp.Compare(x.At.UnixMilli(), y.At.UnixMilli()), cmp.Compare(x.ID, y.ID))
	})
	var b []byte
	for _, t := range timers {
		b = entry{t.ID, uint64(t.At.UnixMilli()), t.Data}.appendTo(b)
	}
	return b
}

func decodeTimers(b []byte) (timers []persistence.Timer, err error) {
	err = entries(b, func(e entry) {
		timers = append(timers, persistence.Timer{ID: e.id, At: time.UnixMilli(int64(e.number)).UTC(), Data: e.data})
	})
	return timers, err
}

func encodeEffects(effects []persistence.Effect) []byte {
	var b []byte
	for _, e := range effects {
		b = entry{id: e.ID, data: e.Data}.appendTo(b)
	}
	return b
}

func decodeEffects(b []byte) (effects []persistence.Effect, err error) {
	err = entries(b, func(e entry) { effects = append(effects, persistence.Effect{ID: e.id, Data: e.data}) })
	return effects, err
}
