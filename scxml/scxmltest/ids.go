package scxmltest

import (
	"fmt"
	"sync/atomic"
)

// SessionIDs returns a session.Options.NewID that counts: session-1, session-2 and
// so on, the same in every run.
func SessionIDs() func() string {
	var n atomic.Int64
	return func() string { return fmt.Sprintf("session-%d", n.Add(1)) }
}
