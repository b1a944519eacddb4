package ecmatest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// What a hostile script gets, and how long a child process may take for it.
var hostileLimits = datamodel.Limits{Time: 300 * time.Millisecond, CallDepth: 400, Memory: 64 << 20}

const (
	hostileEnv      = "ORS_ECMATEST_HOSTILE"
	hostilePatience = 20 * time.Second
	hostileAddress  = 6 << 30 // bytes of address space of a child process
	hostileMemory   = 1 << 30 // bytes that it may take
)

// hostileResult is what a child process reports.
type hostileResult struct {
	Error   string
	Limit   bool
	Millis  int64
	Others  int64  // evaluations of another session meanwhile
	Trouble string // what the other session had to suffer
	Peak    int64  // bytes of memory; 0 when unknown
}

// Hostile runs each of the hostile scripts in a process of its own, beside a
// second session that goes on working, and fails for each that kills the
// process, hangs, or disturbs the other session. It logs how many were
// contained. Call it from a test of that name only.
func Hostile(t *testing.T, engine ecmascript.Engine) {
	if index := os.Getenv(hostileEnv); index != "" {
		hostileChild(t, engine, index)
		return
	}
	name := engine.Features().Name
	scripts := hostileScripts()
	var contained atomic.Int64
	t.Run("scripts", func(t *testing.T) {
		slots := make(chan struct{}, max(2, runtime.NumCPU()))
		for i, h := range scripts {
			t.Run(h.class, func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				r, err := hostileParent(t, i)
				switch {
				case err != nil:
					t.Errorf("%s: %v", h.text, err)
				case r.Trouble != "" || r.Others == 0:
					t.Errorf("%s: the other session: %d evaluations, %s", h.text, r.Others, r.Trouble)
				case h.endless && !r.Limit:
					t.Errorf("%s: ended with %q after %d ms, want a limit", h.text, r.Error, r.Millis)
				case r.Peak > hostileMemory:
					t.Errorf("%s: took %d bytes of memory", h.text, r.Peak)
				default:
					contained.Add(1)
					t.Logf("%5d ms %5d MB  %-60.60s  %s", r.Millis, r.Peak>>20, h.text, r.Error)
				}
			})
		}
	})
	t.Logf("hostile scripts contained on %s: %d of %d", name, contained.Load(), len(scripts))
}

// hostileParent runs a script in a child process.
func hostileParent(t *testing.T, index int) (r hostileResult, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), hostilePatience)
	defer cancel()
	top, _, _ := strings.Cut(t.Name(), "/")
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+top+"$", "-test.count=1")
	// The race detector would wait for a second at the end of each process.
	cmd.Env = append(os.Environ(), hostileEnv+"="+strconv.Itoa(index), "GORACE=atexit_sleep_ms=0")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if ctx.Err() != nil {
		return r, fmt.Errorf("hangs for more than %v", hostilePatience)
	}
	if err != nil {
		text := errs.String() + out.String()
		return r, fmt.Errorf("the process died: %v: %.300s", err, text)
	}
	_, text, ok := strings.Cut(out.String(), hostileEnv+":")
	if !ok {
		return r, fmt.Errorf("no report: %.300s", out.String())
	}
	text, _, _ = strings.Cut(text, "\n")
	return r, json.Unmarshal([]byte(text), &r)
}

// hostileChild runs a script beside another session and prints the result.
func hostileChild(t *testing.T, engine ecmascript.Engine, index string) {
	if err := limitAddressSpace(hostileAddress); err != nil {
		t.Fatal(err)
	}
	i, err := strconv.Atoi(index)
	if err != nil {
		t.Fatal(err)
	}
	h := hostileScripts()[i]
	s := &suite{engine: engine, features: engine.Features(), lang: ecmascript.New(engine, nil)}

	var r hostileResult
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		r.Others, r.Trouble = bystander(s.lang, stop)
	}()
	begun := time.Now()
	err = hostileRun(t, s, h)
	r.Millis = time.Since(begun).Milliseconds()
	close(stop)
	<-done
	if err != nil {
		r.Error, r.Limit = fmt.Sprintf("%.200s", err), errors.Is(err, datamodel.ErrLimit)
	}
	r.Peak = peakMemory()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\n%s:%s\n", hostileEnv, b)
}

// hostileRun evaluates a script, and what it left behind, in every way there is.
func hostileRun(t *testing.T, s *suite, h hostileScript) error {
	m, err := s.lang.New(datamodel.Host{In: func(string) bool { return false }, Limits: hostileLimits, Globals: map[string]datamodel.Value{
		"hostPanic": datamodel.Func(func([]datamodel.Value) (datamodel.Value, error) { panic("host") }),
		"_bad":      &panicking{},
	}})
	if err != nil {
		return err
	}
	defer m.Close()
	m.BeginStep()
	defer m.EndStep()
	m.SetEvent(&datamodel.Event{Name: "e", Data: strings.Repeat("[", 3_000_000)})
	p, err := s.lang.Compile(source(datamodel.Script, h.text))
	if err != nil {
		return err
	}
	if err := m.Exec(p); err != nil {
		return err
	}
	read, err := s.lang.Compile(source(datamodel.ValueExpression, "typeof x === 'undefined' ? 0 : x"))
	if err != nil {
		return err
	}
	v, err := m.Eval(read)
	if errors.Is(err, datamodel.ErrLimit) {
		return err
	}
	_ = datamodel.EncodeJSON(v)
	if _, err := m.EvalString(read); errors.Is(err, datamodel.ErrLimit) {
		return err
	}
	if _, err := m.Snapshot(nil); errors.Is(err, datamodel.ErrLimit) {
		return err
	}
	return nil
}

// panicking is a HostObject whose methods panic.
type panicking struct{ _ int }

func (*panicking) Get(string) (datamodel.Value, bool) { panic("host object") }
func (*panicking) Names() []string                    { panic("host object") }

// bystander works in a session of its own until stop.
func bystander(lang datamodel.Language, stop <-chan struct{}) (n int64, trouble string) {
	m, err := lang.New(datamodel.Host{In: func(string) bool { return true }})
	if err != nil {
		return 0, err.Error()
	}
	defer m.Close()
	assign, err := lang.CompileAssign(source(datamodel.LocationExpression, "n"), source(datamodel.ValueExpression, "(n | 0) + [1].length"))
	if err == nil {
		err = errors.Join(m.Declare("n"), m.Set("n", 0.0))
	}
	for err == nil {
		m.BeginStep()
		err = m.Exec(assign)
		m.EndStep()
		n++
		select {
		case <-stop:
			if v, e := m.Get("n"); e != nil || v != float64(n) {
				return n, fmt.Sprint("n is ", v, e)
			}
			return n, ""
		default:
			runtime.Gosched()
		}
	}
	return n, err.Error()
}
