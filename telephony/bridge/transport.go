package bridge

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// defaultWriteTimeout is how long a write may take before the connection counts
// as broken.
const defaultWriteTimeout = 10 * time.Second

// maxPosted bounds the bytes of frames that wait to be written beside those that
// flow control counts.
const maxPosted = 1 << 20

// transport is the side of a connection that both ends have in common: frames out
// by one goroutine, and in by whoever reads.
type transport struct {
	conn    net.Conn
	in      *frameReader
	timeout time.Duration // for writing

	// fill appends frames that may be sent now, beside those posted; nil: none.
	fill func(dst []byte) []byte

	poll atomic.Int64 // the time-out of keep-alive, in nanoseconds; 0: none

	wake   chan struct{} // of capacity 1
	ending chan struct{} // closed when there is a reason for the end
	done   chan struct{} // closed when the connection is

	mu     sync.Mutex
	posted []byte
	last   bool // a bye has been posted
	reason *CloseError
	closed bool
}

func newTransport(conn net.Conn, writeTimeout time.Duration) *transport {
	t := &transport{conn: conn, timeout: writeTimeout, wake: make(chan struct{}, 1), ending: make(chan struct{}), done: make(chan struct{})}
	t.in = newFrameReader(watched{t})
	return t
}

// watched reads from the connection and keeps watch: PROTOCOL.md, "Keep-alive".
type watched struct{ *transport }

func (w watched) Read(p []byte) (int, error) {
	for polled := false; ; polled = true {
		timeout := time.Duration(w.poll.Load())
		if timeout > 0 && w.why() == nil {
			if err := w.conn.SetReadDeadline(time.Now().Add(timeout)); err != nil {
				return 0, err
			}
		}
		n, err := w.conn.Read(p)
		switch {
		case n > 0 || timeout == 0 || !errors.Is(err, os.ErrDeadlineExceeded):
			return n, err
		case polled:
			return 0, &CloseError{Code: CloseTimeout, Message: "nothing received for " + (2 * timeout).String()}
		}
		w.post(&frame{Type: typePing})
	}
}

// post has a frame written. It does nothing once the connection ends.
func (t *transport) post(f *frame) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last || t.closed {
		return
	}
	if len(t.posted) > maxPosted {
		t.endLocked(&CloseError{Code: CloseSlowReader, Message: "the peer does not read"})
		return
	}
	t.posted = appendFrame(t.posted, f)
	t.stir()
}

// postBytes is post for a frame that flow control has admitted.
func (t *transport) postBytes(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.last && !t.closed {
		t.posted = append(t.posted, b...)
		t.stir()
	}
}

// stir wakes the goroutine that writes.
func (t *transport) stir() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// end says bye and closes the connection; the first reason counts. It does not
// wait.
func (t *transport) end(reason *CloseError) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endLocked(reason)
}

func (t *transport) endLocked(reason *CloseError) {
	if t.reason != nil {
		return
	}
	t.reason = reason
	close(t.ending)
	if reason.Remote || reason.Code == "" {
		t.closeLocked()
		return
	}
	// A frame that is half way out stays whole: the bye goes behind it.
	t.posted = appendFrame(nil, &frame{Type: typeBye, Code: string(reason.Code), Message: reason.Message})
	t.last = true
	t.stir()
}

func (t *transport) closeLocked() {
	if !t.closed {
		t.closed = true
		close(t.done)
		t.conn.Close() // nothing can be done about an error
	}
}

// why returns the reason for the end; nil while there is none.
func (t *transport) why() *CloseError {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reason
}

// write sends frames until the connection ends.
func (t *transport) write() {
	var buf []byte
	for {
		select {
		case <-t.wake:
		case <-t.done:
			return
		}
		for {
			t.mu.Lock()
			last := t.last
			buf = append(buf[:0], t.posted...)
			t.posted = t.posted[:0]
			if cap(t.posted) > 4*maxPosted {
				t.posted = nil
			}
			t.mu.Unlock()
			if t.fill != nil && !last {
				buf = t.fill(buf)
			}
			if len(buf) == 0 {
				break
			}
			err := t.conn.SetWriteDeadline(time.Now().Add(t.timeout))
			if err == nil {
				_, err = t.conn.Write(buf)
			}
			if cap(buf) > 4*maxPosted {
				buf = nil
			}
			if err == nil && last {
				t.linger()
			}
			if err != nil || last {
				t.mu.Lock()
				if t.reason == nil {
					t.reason = lost(err)
					close(t.ending)
				}
				t.closeLocked()
				t.mu.Unlock()
				return
			}
		}
	}
}

// lingerTime is how long a connection stays open behind a bye.
const lingerTime = time.Second

// linger waits until the peer closes as well. A connection that is closed with
// something unread is reset, and the peer may lose the bye.
func (t *transport) linger() {
	half, ok := t.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	limit := time.AfterFunc(lingerTime, func() { t.conn.Close() })
	defer limit.Stop()
	// Whoever reads beside us looks at nothing any more: there is a reason.
	var b [4096]byte
	for {
		if _, err := t.conn.Read(b[:]); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err := t.conn.SetReadDeadline(time.Time{}); err != nil {
			return
		}
	}
}

// read returns the next frame that is no matter of keep-alive. An error is a
// *CloseError, and has ended the connection.
func (t *transport) read() (*frame, error) {
	f, err := t.in.next()
	if first := t.why(); first != nil {
		return nil, first
	}
	if err == nil && f.Type == typeBye {
		err = &CloseError{Code: closeCode(f.Code), Message: f.Message, Remote: true}
	}
	if err != nil {
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.ErrUnexpectedEOF
		}
		t.end(lost(err))
		return nil, t.why()
	}
	return f, nil
}

// fault ends the connection because the peer has broken a rule, and returns the
// error.
func (t *transport) fault(message string) *CloseError {
	e := &CloseError{Code: CloseBadFrame, Message: message}
	t.end(e)
	return e
}

// closeCode returns the code of a bye, CloseInternal for one that is not known.
func closeCode(s string) CloseCode {
	switch c := CloseCode(s); c {
	case CloseNormal, CloseShutdown, CloseVersion, CloseAuth, CloseBadFrame, CloseFrameTooLarge, CloseTimeout,
		CloseTooManyRequests, CloseTooManyClients, CloseSlowReader, CloseReplaced:
		return c
	}
	return CloseInternal
}
