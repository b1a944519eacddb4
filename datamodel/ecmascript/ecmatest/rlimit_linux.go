package ecmatest

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// limitAddressSpace bounds the memory of this process.
func limitAddressSpace(bytes uint64) error {
	return syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: bytes, Max: bytes})
}

// peakMemory is the largest size that this process has had in memory, in bytes;
// 0 when unknown. What getrusage says of a new process is that of its parent.
func peakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	var kilobytes int64
	if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
		_, _ = fmt.Sscan(rest, &kilobytes)
	}
	return kilobytes << 10
}
