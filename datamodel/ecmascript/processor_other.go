//go:build !unix

package ecmascript

import "time"

// processorTime is what the process has had of the processors so far; ok is false where that is not known.
func processorTime() (spent time.Duration, ok bool) { return 0, false }
