package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session/rest/client"
)

// wire is a server that answers with what is next in the list, and notes what it was asked.
type wire struct {
	answers []string // "503", "503 7" with seconds, "307 https://b.example", "lost", "silent"
	asked   []string
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	w.asked = append(w.asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("Idempotency-Key")+" "+r.Header.Get("Authorization")+" "+string(body))
	next := w.answers[0]
	w.answers = w.answers[1:]
	status, more, _ := strings.Cut(next, " ")
	resp := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}
	switch status {
	case "lost":
		return nil, errors.New("connection reset")
	case "silent":
		<-r.Context().Done()
		return nil, r.Context().Err()
	case "200":
	case "307":
		resp.StatusCode = 307
		resp.Header.Set("Location", more+r.URL.RequestURI())
	default:
		resp.StatusCode = map[string]int{"429": 429, "500": 500, "502": 502, "503": 503, "504": 504}[status]
		resp.Header.Set("Retry-After", more)
	}
	return resp, nil
}

func TestRepeats(t *testing.T) {
	event := func(key string) func(context.Context, *client.Client) error {
		return func(ctx context.Context, c *client.Client) error {
			return c.Event(ctx, "s", "e", map[string]any{"a": 1}, &client.EventOptions{Key: key})
		}
	}
	start := func(ctx context.Context, c *client.Client) error {
		_, err := c.Start(ctx, "app:///a", nil)
		return err
	}
	state := func(ctx context.Context, c *client.Client) error {
		_, err := c.Session(ctx, "s")
		return err
	}
	ready := func(ctx context.Context, c *client.Client) error {
		_, err := c.Ready(ctx)
		return err
	}
	for _, x := range []struct {
		name    string
		answers string
		call    func(context.Context, *client.Client) error
		tries   int
		takes   time.Duration
		fails   bool
	}{
		{"an event with a key", "503 2,lost,200", event("k"), 3, 2*time.Second + 200*time.Millisecond, false},
		{"at most two repeats", "503,502,504,200", event("k"), 3, 300 * time.Millisecond, true},
		{"an event without a key may have come", "503,200", event(""), 1, 0, true},
		{"nor after a lost connection", "lost,200", event(""), 1, 0, true},
		{"a refusal for too many requests has done nothing", "429 1,200", event(""), 2, time.Second, false},
		{"a start makes a session each time", "503,200", start, 1, 0, true},
		{"but not where it was refused", "429 1,429 1,200", start, 3, 2 * time.Second, false},
		{"a read", "lost,503 1,200", state, 3, time.Second + 100*time.Millisecond, false},
		{"an error of the server stays", "500,200", state, 1, 0, true},
		{"not being ready is an answer", "503,200", ready, 1, 0, false},
		{"a redirect keeps method, body and key", "307 https://b.example,503 1,307 https://b.example,200", event("k"), 4, time.Second, false},
		{"a silent server", "silent,200", event("k"), 1, 30 * time.Second, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{answers: strings.Split(x.answers, ",")}
				c, err := client.New("https://a.example", &client.Options{Token: "t", Nodes: []string{"https://b.example"}, HTTP: &http.Client{Transport: w}, Timeout: 30 * time.Second})
				require.NoError(t, err)
				begin := time.Now()
				err = x.call(t.Context(), c)
				require.Equal(t, x.fails, err != nil, "%v", err)
				require.Len(t, w.asked, x.tries)
				require.Equal(t, x.takes, time.Since(begin))
			})
		})
	}
}

func TestRedirectKeepsBodyAndKey(t *testing.T) {
	w := &wire{answers: []string{"307 https://b.example", "200"}}
	c, err := client.New("https://a.example", &client.Options{Token: "t", Nodes: []string{"https://b.example"}, HTTP: &http.Client{Transport: w}})
	require.NoError(t, err)
	require.NoError(t, c.Event(t.Context(), "s", "e", map[string]any{"a": 1}, &client.EventOptions{Key: "k"}))
	require.Equal(t, []string{
		`POST https://a.example/scxml/session/s/event/e k Bearer t {"a":1}`,
		`POST https://b.example/scxml/session/s/event/e k Bearer t {"a":1}`,
	}, w.asked)
}

func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []string{"silent", "silent", "silent"}}
		c, err := client.New("https://a.example", &client.Options{HTTP: &http.Client{Transport: w}})
		require.NoError(t, err)
		begin := time.Now()
		_, err = c.Request(t.Context(), "s", "e", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = c.Ready(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 2*time.Minute, time.Since(begin))
		c, err = client.New("https://a.example", &client.Options{HTTP: &http.Client{Transport: w}, Timeout: -1})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err = c.Start(ctx, "app:///a", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Hour+2*time.Minute, time.Since(begin))
	})
}
