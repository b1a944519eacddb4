//go:build unix

package redisstore

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

const (
	ownerPlace  = "REDISSTORE_OWNER" // set in the child: the address of the server
	tellSpace   = "urn:tell"
	tellSession = "ticking"
	tellLease   = 2 * time.Second
)

// ticking has an effect every 10 ms.
const ticking = `<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:t="urn:tell" version="1.0" datamodel="null">
	<state id="s"><onentry><t:tell/><send event="tick" delay="10ms"/></onentry><transition event="tick" target="s"/></state></scxml>`

// tell is a module whose element has an effect with a random number: a step that is taken twice,
// in different ways, has different ones.
type tell struct{}

func (tell) Namespaces() []string                                 { return []string{tellSpace} }
func (tell) Compile(*scxml.Element, *scxml.Compiler) scxml.Action { return tell{} }
func (tell) NewState(*scxml.ModuleContext) scxml.ModuleState      { return nil }
func (tell) Execute(x *scxml.Exec) error {
	x.Call(x.NewID(), datamodel.NewObject(datamodel.Member{Name: "n", Value: float64(rand.Int32())}))
	return nil
}

// teller writes the effects down.
type teller func(line string)

func (t teller) Call(_ context.Context, c *session.ModuleCall) error {
	n, _ := c.Args.Get("n")
	t(fmt.Sprintf("effect %v %v", c.Effect, n))
	return nil
}

// owner is an engine on the server; ended sessions are written down, too.
func owner(ctx context.Context, place, name string, write func(line string)) (*session.Engine, io.Closer, error) {
	store, err := Open(ctx, []string{place}, &Options{Buckets: 1})
	if err != nil {
		return nil, nil, err
	}
	e, err := session.New(&session.Options{
		Store: store, Owner: name, Lease: tellLease, Parse: scxml.ParseOptions{Modules: []scxml.Module{tell{}}},
		Modules: map[string]session.ModuleHandler{tellSpace: teller(write)},
		Observer: session.Observer{SessionEnded: func(i session.Info, r session.Result) {
			write(fmt.Sprintf("ended %s %v", r.Reason, r.Err))
		}},
	})
	return e, store, err
}

// TestStoppedOwner: the process that owns a session is stopped with SIGSTOP, another one takes over, and the
// first goes on. It is fenced out: nothing of what it still does is visible.
func TestStoppedOwner(t *testing.T) {
	if place := os.Getenv(ownerPlace); place != "" {
		ownUntilClosed(t, place)
		return
	}
	place := startServer(t, appendOnly...).address
	child := exec.Command(os.Args[0], "-test.run=^TestStoppedOwner$")
	child.Env = append(os.Environ(), ownerPlace+"="+place)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	in, err := child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	defer func() { _ = child.Process.Kill() }()
	lines := bufio.NewScanner(out)
	first := make(map[string]string) // effects of the first owner, with their numbers
	next := func() (kind, rest string) {
		require.True(t, lines.Scan(), "the child has ended")
		kind, rest, _ = strings.Cut(lines.Text(), " ")
		if kind == "effect" {
			id, n, _ := strings.Cut(rest, " ")
			require.NotContains(t, first, id, "an effect was repeated without a crash")
			first[id] = n
		}
		return kind, rest
	}
	for len(first) < 30 {
		next()
	}
	require.NoError(t, child.Process.Signal(syscall.SIGSTOP))

	var mu sync.Mutex
	second := make(map[string]string)
	e, store, err := owner(t.Context(), place, "second", func(line string) {
		mu.Lock()
		defer mu.Unlock()
		if kind, rest, _ := strings.Cut(line, " "); kind == "effect" {
			id, n, _ := strings.Cut(rest, " ")
			second[id] = n
		}
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	some := func(n int) func() error {
		return func() error {
			if _, err := e.Recover(t.Context()); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if len(second) < n {
				return fmt.Errorf("%d effects of the second owner", len(second))
			}
			return nil
		}
	}
	eventually(t, 30*time.Second, some(20))
	require.NoError(t, child.Process.Signal(syscall.SIGCONT))
	for {
		if kind, rest := next(); kind == "ended" {
			require.Contains(t, rest, "lost")
			break
		}
	}
	mu.Lock()
	n := len(second)
	mu.Unlock()
	eventually(t, 30*time.Second, some(n+20))
	require.NoError(t, in.Close())
	for lines.Scan() { // nothing comes any more
		require.NotContains(t, lines.Text(), "effect ")
	}
	require.NoError(t, child.Wait())
	require.NoError(t, e.Shutdown(t.Context()))

	repeated := 0
	for id, n := range second {
		if was, ok := first[id]; ok {
			require.Equal(t, was, n, "effect %s was decided on twice, in different ways", id)
			repeated++
		}
	}
	t.Logf("%d effects of the first owner, %d of the second, %d of them repeated", len(first), len(second), repeated)
	for step := 1; step <= len(first)+len(second)-repeated; step++ {
		id := session.EffectID{Session: tellSession, Macrostep: uint64(step)}.String()
		if _, ok := first[id]; !ok {
			require.Contains(t, second, id, "an effect is missing")
		}
	}
}

// ownUntilClosed is the child: an engine with the session, until its input is closed.
func ownUntilClosed(t *testing.T, place string) {
	var mu sync.Mutex
	e, store, err := owner(t.Context(), place, "first", func(line string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(line)
	})
	require.NoError(t, err)
	_, err = e.Recover(t.Context())
	require.NoError(t, err)
	doc, err := scxml.Parse(t.Context(), []byte(ticking), &scxml.ParseOptions{Modules: []scxml.Module{tell{}}})
	require.NoError(t, err)
	_, err = e.Start(t.Context(), session.StartRequest{SessionID: tellSession, Document: doc})
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, os.Stdin)
	require.NoError(t, e.Shutdown(t.Context()))
	require.NoError(t, store.Close())
}
