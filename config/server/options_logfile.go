package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/session"
)

// output is where lines go.
type output interface {
	// write writes lines; urgent ones are not kept in a buffer.
	write(line []byte, urgent bool)
}

// stream is an output to a stream of the process.
type stream struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *stream) write(line []byte, _ bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.w.Write(line) // there is nobody to tell
}

// fileRules are segment, expire, keep-startup-file and buffering.
type fileRules struct {
	segment        config.LogSegment
	expiry         config.LogExpiry
	keepStartup    bool
	startupSegment config.LogSegment // zero: segment
	buffered       bool
	header         string // first line of each file
}

// flushTime is how long a line stays in a buffer.
const flushTime = time.Second

// logFile is an output to files. Each has the time of its beginning in its name: ors.log gives
// ors.20261123_195938_123.log. It is safe for concurrent use.
type logFile struct {
	base, extension string // of the names
	clock           session.Clock
	failed          func(error) // told once, until something is written again

	mu      sync.Mutex
	rules   fileRules
	file    *os.File
	buffer  *bufio.Writer
	size    int64
	since   time.Time
	startup string // name of the first file
	broken  bool
	closed  bool
	stop    func() bool // of a flush to come; nil: none
}

func newLogFile(name string, rules fileRules, clock session.Clock, failed func(error)) (*logFile, error) {
	extension := filepath.Ext(name)
	f := &logFile{base: strings.TrimSuffix(name, extension), extension: extension, clock: clock, failed: failed, rules: rules}
	if f.extension == "" {
		f.extension = ".log"
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f, f.open()
}

// stampLayout is the time in the name of a file; stampForm finds it.
const stampLayout = "20060102_150405.000"

var stampForm = regexp.MustCompile(`^\d{8}_\d{6}_\d{3}$`)

// open begins a file. f.mu is held.
func (f *logFile) open() error {
	at := f.clock.Now()
	for { // another file of the same millisecond
		name := f.base + "." + strings.ReplaceAll(at.UTC().Format(stampLayout), ".", "_") + f.extension
		file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o640)
		if errors.Is(err, os.ErrExist) {
			at = at.Add(time.Millisecond)
			continue
		}
		if err != nil {
			return fmt.Errorf("server: log file: %w", err)
		}
		if f.startup == "" {
			f.startup = name
		}
		f.file, f.buffer, f.size, f.since = file, bufio.NewWriterSize(file, 64<<10), 0, f.clock.Now()
		break
	}
	f.put([]byte(f.rules.header))
	f.expire()
	return f.buffer.Flush()
}

func (f *logFile) put(b []byte) {
	n, err := f.buffer.Write(b)
	f.size += int64(n)
	f.tell(err)
}

// tell says once that lines are lost.
func (f *logFile) tell(err error) {
	switch {
	case err == nil:
		f.broken = false
	case !f.broken:
		f.broken = true
		f.failed(err)
	}
}

func (f *logFile) write(line []byte, urgent bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	segment := f.rules.segment
	if f.file != nil && f.file.Name() == f.startup && f.rules.startupSegment != (config.LogSegment{}) {
		segment = f.rules.startupSegment
	}
	full := segment.Bytes > 0 && f.size > int64(len(f.rules.header)) && f.size+int64(len(line)) > segment.Bytes ||
		segment.Age > 0 && f.clock.Now().Sub(f.since) >= segment.Age
	if f.file == nil || full || f.broken && f.clock.Now().Sub(f.since) >= flushTime {
		f.end()
		if err := f.open(); err != nil {
			f.tell(err)
			return
		}
	}
	f.put(line)
	switch {
	case urgent || !f.rules.buffered:
		f.tell(f.buffer.Flush())
	case f.stop == nil:
		f.stop = f.clock.AfterFunc(flushTime, f.flush)
	}
}

func (f *logFile) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stop = nil
	if f.file != nil {
		f.tell(f.buffer.Flush())
	}
}

// end closes the file. f.mu is held.
func (f *logFile) end() {
	if f.file == nil {
		return
	}
	f.tell(errors.Join(f.buffer.Flush(), f.file.Close()))
	f.file = nil
}

// set changes the rules.
func (f *logFile) set(rules fileRules) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = rules
	if !f.closed {
		f.expire()
	}
	if !rules.buffered && f.file != nil {
		f.tell(f.buffer.Flush())
	}
}

func (f *logFile) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop != nil {
		f.stop()
	}
	f.end()
	f.closed = true
}

// expire removes files that are too many or too old, never the present one. f.mu is held.
func (f *logFile) expire() {
	x := f.rules.expiry
	if x == (config.LogExpiry{}) {
		return
	}
	entries, err := os.ReadDir(filepath.Dir(f.base))
	if err != nil {
		f.tell(err)
		return
	}
	prefix := filepath.Base(f.base) + "."
	var names []string
	for _, e := range entries {
		middle, ok := strings.CutPrefix(e.Name(), prefix)
		if middle, ok2 := strings.CutSuffix(middle, f.extension); ok && ok2 && stampForm.MatchString(middle) && e.Type().IsRegular() {
			names = append(names, middle)
		}
	}
	slices.Sort(names)
	kept := 0
	for _, stamp := range slices.Backward(names) {
		name := f.base + "." + stamp + f.extension
		if f.file != nil && name == f.file.Name() {
			kept++
			continue
		}
		if f.rules.keepStartup && name == f.startup {
			continue
		}
		old := false
		if x.Files > 0 {
			kept++
			old = kept > x.Files
		} else if begun, err := time.Parse(stampLayout, stamp[:15]+"."+stamp[16:]); err == nil {
			old = f.clock.Now().Sub(begun) > x.Age
		}
		if old {
			f.tell(os.Remove(name))
		}
	}
}
