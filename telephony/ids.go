package telephony

import (
	"fmt"
	"strconv"
)

// ConnID is the connection identifier that the switch side gives a call: 64
// bits, printed as 16 hexadecimal digits. It stays the same until calls merge.
// Zero means that a message carries none.
type ConnID uint64

// ParseConnID reads the text form of a ConnID: 1 to 16 hexadecimal digits, not
// all of them zero.
func ParseConnID(s string) (ConnID, error) {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) > 16 || n == 0 {
		return 0, fmt.Errorf("telephony: %.40q is not a connection id: want up to 16 hexadecimal digits, not zero", s)
	}
	return ConnID(n), nil
}

func (c ConnID) String() string { return fmt.Sprintf("%016x", uint64(c)) }

// CallUUID identifies a call over all sites: 32 characters. Empty where the
// switch side gives none.
type CallUUID string
