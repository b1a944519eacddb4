package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/session"
)

// hanging is a loader whose server does not answer until ready is closed.
type hanging struct {
	reached, ready chan struct{}
}

func newHanging() *hanging {
	return &hanging{reached: make(chan struct{}, 4), ready: make(chan struct{})}
}

func (h *hanging) Fetch(ctx context.Context, _ string, _ int64) ([]byte, error) {
	h.reached <- struct{}{}
	select {
	case <-h.ready:
		return []byte(chart(ab)), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestShutdownCancelsLoads: a document that does not come holds nobody.
func TestShutdownCancelsLoads(t *testing.T) {
	const url = "app:///slow.scxml"
	for name, load := range map[string]func(ctx context.Context, e *session.Engine) error{
		"Start": func(ctx context.Context, e *session.Engine) error {
			_, err := e.Start(ctx, session.StartRequest{URL: url})
			return err
		},
		"Load": func(ctx context.Context, e *session.Engine) error {
			_, err := e.Load(ctx, url)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				loader := newHanging()
				e, err := session.New(&session.Options{Loader: loader})
				require.NoError(t, err)
				loaded := make(chan error, 1)
				go func() { loaded <- load(t.Context(), e) }()
				<-loader.reached
				began := time.Now()
				require.NoError(t, e.Shutdown(t.Context()))
				assert.ErrorIs(t, <-loaded, session.ErrClosed)
				assert.Zero(t, time.Since(began), "it waited for the document")
				assert.ErrorIs(t, load(t.Context(), e), session.ErrClosed)
				assert.Zero(t, e.Len())
			})
		})
	}
}

// TestShutdownCancelsLoadsByHTTP: the same with the Loader, and a server that keeps silent.
func TestShutdownCancelsLoadsByHTTP(t *testing.T) {
	reached := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(reached)
		<-r.Context().Done()
	}))
	defer server.Close()
	loader := newLoader(t, &session.LoaderOptions{Allow: []string{server.URL}, Timeout: 15 * time.Second})
	e, err := session.New(&session.Options{Loader: loader})
	require.NoError(t, err)
	loaded := make(chan error, 1)
	go func() {
		_, err := e.Start(context.Background(), session.StartRequest{URL: server.URL + "/slow.scxml"})
		loaded <- err
	}()
	<-reached
	require.NoError(t, e.Shutdown(deadline(t)))
	assert.ErrorIs(t, <-loaded, session.ErrClosed)
}

// TestShutdownDuringLoad: a session that waits for its document when the engine is shut down ends with it;
// one that is stored lives on, and begins when it has been brought back.
func TestShutdownDuringLoad(t *testing.T) {
	begin := map[string]func(t *testing.T, e *session.Engine){
		"invoked": func(t *testing.T, e *session.Engine) {
			_, err := e.Start(t.Context(), session.StartRequest{SessionID: "root", Document: parse(t, chart(
				`<state id="a"><invoke id="kid" src="app:///slow.scxml"/><transition event="error.*" target="b"/></state><state id="b"/>`))})
			require.NoError(t, err)
		},
		"scheduled": func(t *testing.T, e *session.Engine) {
			_, err := e.Start(t.Context(), session.StartRequest{SessionID: "root", URL: "app:///slow.scxml", At: time.Now().Add(time.Second)})
			require.NoError(t, err)
		},
	}
	sessions := map[string]int{"invoked": 2, "scheduled": 1}
	for name := range begin {
		for _, stored := range []bool{false, true} {
			t.Run(name+map[bool]string{true: "/stored"}[stored], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					loader := newHanging()
					opts := session.Options{Loader: loader}
					var store persistence.Store
					if stored {
						store = memory(t)
						opts.Store = store
					}
					open := func() *session.Engine {
						e, err := session.New(&opts)
						require.NoError(t, err)
						if stored {
							_, err := e.Recover(t.Context())
							require.NoError(t, err)
						}
						return e
					}
					e := open()
					begin[name](t, e)
					<-loader.reached
					waited := make(chan session.Result, 1)
					go func() {
						r, err := e.Wait(t.Context(), "root")
						assert.NoError(t, err)
						waited <- r
					}()
					synctest.Wait()
					began := time.Now()
					require.NoError(t, e.Shutdown(t.Context()))
					assert.Zero(t, time.Since(began), "it waited for the document")
					assert.Equal(t, session.ShutDown, (<-waited).Reason)
					assert.Zero(t, e.Len())
					if !stored {
						return
					}
					e = open()
					<-loader.reached
					close(loader.ready)
					require.NoError(t, e.Settle(t.Context()))
					st, err := e.Query(t.Context(), "root")
					require.NoError(t, err)
					assert.Equal(t, []string{"a"}, st.Active, "it was told of no error")
					assert.Equal(t, sessions[name], e.Len())
					require.NoError(t, e.Shutdown(t.Context()))
				})
			})
		}
	}
}
