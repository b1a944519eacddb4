package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-ff723688/ors/session/rest"
)

// maxLine is the length of the longest line of a stream.
const maxLine = 1 << 20

// Events follows what sessions do, of one session or, with an empty id, of all of the node.
// The loop ends with an error: that of ctx, or io.ErrUnexpectedEOF when the server has ended the
// stream. Options.Timeout does not bound it; HTTP.Timeout does, where it is set.
func (c *Client) Events(ctx context.Context, id string) iter.Seq2[rest.StreamEvent, error] {
	return func(yield func(rest.StreamEvent, error) bool) {
		path := "/ors/v1/events"
		if id != "" {
			path += "?session=" + url.QueryEscape(id)
		}
		resp, err := c.do(ctx, http.MethodGet, path, nil, nil)
		if err != nil {
			yield(rest.StreamEvent{}, err)
			return
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			yield(rest.StreamEvent{}, c.problem(resp))
			return
		}
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, maxLine)
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok {
				continue
			}
			var ev rest.StreamEvent
			if err := json.Unmarshal([]byte(data), &ev); err != nil {
				yield(rest.StreamEvent{}, fmt.Errorf("client: reading the stream: %w", err))
				return
			}
			if !yield(ev, nil) {
				return
			}
		}
		err = lines.Err()
		switch {
		case ctx.Err() != nil:
			err = ctx.Err()
		case err == nil:
			err = io.ErrUnexpectedEOF
		}
		yield(rest.StreamEvent{}, fmt.Errorf("client: the stream has ended: %w", err))
	}
}
