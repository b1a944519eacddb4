//go:build !linux

package ecmatest

// limitAddressSpace does nothing where there is no such limit.
func limitAddressSpace(uint64) error { return nil }

// peakMemory is not known.
func peakMemory() int64 { return 0 }
