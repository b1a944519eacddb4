package crashtest

import (
	"io"
	"os/exec"
	"sync"
	"sync/atomic"
)

// child is the process with the engine, as the test sees it.
type child struct {
	cmd    *exec.Cmd
	in     *lines
	out    io.Reader
	killed atomic.Bool
	dead   chan struct{} // closed when all that it wrote has been read
	err    error         // how it ended; set before dead is closed
	quit   bool          // it was told to end

	mu      sync.Mutex
	waiting map[uint64]chan line // by number of the request
}

// ask sends a request. The answer may never come: see dead.
func (c *child) ask(r request) <-chan line {
	answer := make(chan line, 1)
	c.mu.Lock()
	c.waiting[r.Number] = answer
	if r.Op == opQuit {
		c.quit = true
	}
	c.mu.Unlock()
	_ = c.in.write(r)
	return answer
}

func (c *child) answer(l line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer, ok := c.waiting[l.Number]; ok {
		answer <- l
		delete(c.waiting, l.Number)
	}
}

// kill ends the process with SIGKILL.
func (c *child) kill() {
	c.killed.Store(true)
	_ = c.cmd.Process.Kill()
}
