package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// StreamEvent is an event of the stream: what a session has done, without any data.
type StreamEvent struct {
	// Type is session.started or session.ended, and with MonitorOptions.Trace also
	// state.enter, state.exit or event (one is taken from a queue). alarm.raised and
	// alarm.cleared are performance alarms, of no session (Monitor.SetAlarms). Events that were
	// lost because the client was too slow are told as lost, with their number as Name.
	Type    string    `json:"type"`
	Session string    `json:"sessionid,omitempty"`
	Name    string    `json:"name,omitempty"`   // of the document, the state, the event or the counter
	Reason  string    `json:"reason,omitempty"` // of session.ended
	Time    time.Time `json:"time"`
}

const (
	streamHeartbeat = 15 * time.Second
	streamWriteTime = 10 * time.Second
	streamBatch     = 256
)

// ring keeps the most recent events. Their numbers begin with 1.
type ring struct {
	listeners atomic.Int64

	mu     sync.Mutex
	events []StreamEvent
	next   uint64        // number of the next event
	more   chan struct{} // closed when the next event comes
}

func (r *ring) init(size int) {
	r.events, r.next, r.more = make([]StreamEvent, size), 1, make(chan struct{})
}

func (r *ring) add(ev StreamEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events[r.next%uint64(len(r.events))] = ev
	r.next++
	close(r.more)
	r.more = make(chan struct{})
}

// after returns up to streamBatch events from number from on, the number of the first of them,
// and what tells of the next one.
func (r *ring) after(from uint64) (first uint64, events []StreamEvent, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first = from
	if size := uint64(len(r.events)); r.next > size && first < r.next-size {
		first = r.next - size
	}
	for n := first; n < r.next && len(events) < streamBatch; n++ {
		events = append(events, r.events[n%uint64(len(r.events))])
	}
	return first, events, r.more
}

// end is the number of the next event.
func (r *ring) end() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next
}

// stream sends events (Server-Sent Events, HTML Living Standard, section 9.2) until the
// client goes or the handler shuts down.
func (h *Handler) stream(w *answer, r *http.Request) *problem {
	if !h.streams.enter() {
		return problemBusy.because(errors.New("Options.Streams streams are open"))
	}
	defer h.streams.leave()
	ring := &h.opts.Monitor.ring
	ring.listeners.Add(1)
	defer ring.listeners.Add(-1)
	next := ring.end()
	if last, err := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64); err == nil && last < next {
		next = last + 1
	}
	only := r.URL.Query().Get("session")
	rc := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	closeAfter(w, r)
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	send := func(text string) bool {
		// A recorder of a test has no deadlines, and needs none.
		_ = rc.SetWriteDeadline(time.Now().Add(streamWriteTime))
		if _, err := w.Write([]byte(text)); err != nil {
			return false
		}
		return rc.Flush() == nil
	}
	if !send(": open\n\n") {
		return nil
	}
	for {
		first, events, more := ring.after(next)
		var b strings.Builder
		if first > next {
			h.line(&b, first-1, StreamEvent{Type: "lost", Name: strconv.FormatUint(first-next, 10), Time: h.opts.Clock.Now().UTC()})
		}
		for i, ev := range events {
			if only == "" || ev.Session == only {
				h.line(&b, first+uint64(i), ev)
			}
		}
		next = first + uint64(len(events))
		if b.Len() > 0 && !send(b.String()) {
			return nil
		}
		if len(events) > 0 {
			continue
		}
		beat := make(chan struct{})
		stop := h.opts.Clock.AfterFunc(streamHeartbeat, func() { close(beat) })
		select {
		case <-more:
			stop()
		case <-beat:
			if !send(": \n\n") {
				return nil
			}
		case <-r.Context().Done():
			stop()
			return nil
		case <-h.ending.Done():
			stop()
			return nil
		}
	}
}

func (h *Handler) line(b *strings.Builder, number uint64, ev StreamEvent) {
	ev.Name = h.opts.Masking.Text(ev.Name)
	data, _ := json.Marshal(ev) // texts and a time can be marshalled
	fmt.Fprintf(b, "id: %d\nevent: %s\ndata: %s\n\n", number, ev.Type, data)
}
