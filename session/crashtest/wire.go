package crashtest

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// The test and the process with the engine talk in lines of JSON over the latter's standard input
// and output.

// placeVariable tells a process that it is the one with the engine, and where the store is.
const placeVariable = "CRASHTEST_PLACE"

// request is a line to the process with the engine. Those with a number are answered.
type request struct {
	Number  uint64 `json:"number,omitempty"`
	Op      string `json:"op"`
	Session string `json:"session,omitempty"`
	Key     string `json:"key,omitempty"`
	Event   string `json:"event,omitempty"`
	N       int    `json:"n,omitempty"`
	Effect  string `json:"effect,omitempty"`
}

// The operations.
const (
	opStart = "start"
	opSend  = "send"
	opDone  = "done" // an effect is in the ledger
	opQuit  = "quit"
)

// line is a line from the process with the engine: an answer, or an effect.
type line struct {
	Crashtest bool   `json:"crashtest"` // always true: anything else is not from here
	Number    uint64 `json:"number,omitempty"`
	Result    string `json:"result,omitempty"`
	Error     string `json:"error,omitempty"`

	Effect  string          `json:"effect,omitempty"`
	Session string          `json:"session,omitempty"`
	Event   string          `json:"event,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// The results.
const (
	resultOK      = "ok"
	resultMissing = "missing" // there is no such session
	resultAgain   = "again"   // it did not work, and may work later
	resultReady   = "ready"   // answers no request: recovery is over
)

// lines writes values as lines. It is safe for concurrent use.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) write(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("crashtest: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.w.Write(append(text, '\n'))
	return err
}
