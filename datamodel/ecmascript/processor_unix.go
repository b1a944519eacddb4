//go:build unix

package ecmascript

import (
	"syscall"
	"time"
)

// processorTime is what the process has had of the processors so far; ok is false where that is not known.
func processorTime() (spent time.Duration, ok bool) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}
