package rest_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session/rest"
)

// serveTLS serves the handler of a site over TLS as Handler.Server has it, and returns its
// address and a client that speaks HTTP/2 alone.
func (s *site) serveTLS(t *testing.T) (address string, client *http.Client, config *tls.Config) {
	ca := newAuthority(t)
	server := s.handler.Server()
	server.TLSConfig.Certificates = []tls.Certificate{ca.sign("localhost", "")}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(l, "", "") }()
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	config = &tls.Config{RootCAs: pool, ServerName: "localhost"}
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	transport := &http.Transport{TLSClientConfig: config, Protocols: &protocols}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return l.Addr().String(), &http.Client{Transport: transport}, config
}

func TestHTTP2(t *testing.T) {
	s := newSite(t, nil)
	address, client, _ := s.serveTLS(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	send := func(secret, method, path, body string) *http.Response {
		req, err := http.NewRequestWithContext(ctx, method, "https://"+address+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+secret)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := client.Do(req)
		require.NoError(t, err)
		require.Equal(t, 2, resp.ProtoMajor)
		return resp
	}
	answer := func(resp *http.Response) string {
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(b)
	}

	stream := send(querySecret, "GET", "/ors/v1/events", "")
	require.Equal(t, 200, stream.StatusCode)
	require.Empty(t, stream.Header.Get("Connection"))
	lines := bufio.NewScanner(stream.Body)
	require.True(t, lines.Scan())
	require.Equal(t, ": open", lines.Text())

	resp := send(startSecret, "POST", "/scxml/session/start", "src=app:///charts/order.scxml")
	require.Equal(t, 200, resp.StatusCode)
	require.NotEmpty(t, resp.Header.Get("Strict-Transport-Security"))
	var started struct{ SessionID string }
	require.NoError(t, json.Unmarshal([]byte(answer(resp)), &started))
	base := "/scxml/session/" + started.SessionID
	require.JSONEq(t, "{}", answer(send(eventSecret, "POST", base+"/event/add", "price=3")))
	require.Contains(t, answer(send(eventSecret, "POST", base+"/request/total", "more=x")), `"more":"x"`)
	for !strings.Contains(lines.Text(), "session.started") {
		require.True(t, lines.Scan(), "the stream goes on beside the requests")
	}

	// A body that is too large ends its stream, not the connection with the others.
	tooLarge := send(eventSecret, "POST", base+"/event/add", "a="+strings.Repeat("x", 2<<20))
	require.Equal(t, 413, tooLarge.StatusCode)
	require.Contains(t, answer(tooLarge), "too large")
	header, err := http.NewRequestWithContext(ctx, "GET", "https://"+address+"/ors/help", nil)
	require.NoError(t, err)
	header.Header.Set("Authorization", "Bearer "+querySecret)
	header.Header.Set("X-A", strings.Repeat("a", 33<<10))
	refused, err := client.Do(header)
	require.NoError(t, err)
	require.Equal(t, 431, refused.StatusCode)
	_ = refused.Body.Close()

	// A request that is held, and one whose client goes.
	held := make(chan string, 1)
	go func() { held <- answer(send(eventSecret, "POST", base+"/request/silence", "")) }()
	gone, leave := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(gone, "POST", "https://"+address+base+"/request/silence", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+eventSecret)
	left := make(chan error, 1)
	go func() {
		_, err := client.Do(req)
		left <- err
	}()
	s.awaitHeld(2)
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	s.awaitHeld(1)
	require.Equal(t, 200, send(eventSecret, "POST", base+"/event/close", "").StatusCode)
	require.Contains(t, <-held, "has ended without an answer")

	require.NoError(t, s.handler.Shutdown(ctx))
	for lines.Scan() {
	}
	require.NoError(t, lines.Err(), "the stream ends in order")
}

// awaitHeld waits until so many requests are held, as the metrics have it.
func (s *site) awaitHeld(n int) {
	for {
		r := s.do(querySecret, "GET", "/ors/v1/metrics", "")
		require.Equal(s.t, 200, r.StatusCode)
		if strings.Contains(r.text, fmt.Sprintf("\nors_http_held_requests %d\n", n)) {
			return
		}
		runtime.Gosched()
	}
}

// Frames of HTTP/2 (RFC 9113), as far as the tests need them.
const (
	frameHeaders  = 0x1
	frameReset    = 0x3
	frameSettings = 0x4
	preface       = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(b, stream), payload...)
}

// post is a header block (RFC 7541, without compression) of a POST without a body.
func post(path string) []byte {
	literal := func(index []byte, text string) []byte {
		if len(text) < 127 {
			return append(append(index, byte(len(text))), text...)
		}
		return append(append(index, 127, byte(len(text)-127)), text...)
	}
	block := []byte{0x83, 0x87}
	block = append(block, literal([]byte{0x04}, path)...)
	block = append(block, literal([]byte{0x01}, "localhost")...)
	return append(block, literal([]byte{0x0f, 0x08}, "Bearer "+eventSecret)...)
}

// readFrame reads one frame.
func readFrame(in io.Reader) (kind byte, payload []byte, err error) {
	head := make([]byte, 9)
	if _, err := io.ReadFull(in, head); err != nil {
		return 0, nil, err
	}
	payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(in, payload)
	return head[3], payload, err
}

func TestHTTP2Limits(t *testing.T) {
	s := newSite(t, &rest.Options{ClientRate: rest.Rate{PerSecond: 1e6}, HeldPerSession: 1000})
	id := s.begin()
	address, _, config := s.serveTLS(t)
	dial := func() (*tls.Conn, *bufio.Reader) {
		c := config.Clone()
		c.NextProtos = []string{"h2"}
		conn, err := tls.Dial("tcp", address, c)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		require.Equal(t, "h2", conn.ConnectionState().NegotiatedProtocol)
		_, err = conn.Write(append([]byte(preface), frame(frameSettings, 0, 0, nil)...))
		require.NoError(t, err)
		return conn, bufio.NewReader(conn)
	}
	_, in := dial()
	kind, payload, err := readFrame(in)
	require.NoError(t, err)
	require.Equal(t, byte(frameSettings), kind)
	settings := map[uint16]uint32{}
	for ; len(payload) >= 6; payload = payload[6:] {
		settings[binary.BigEndian.Uint16(payload)] = binary.BigEndian.Uint32(payload[2:])
	}
	require.Equal(t, uint32(100), settings[3], "SETTINGS_MAX_CONCURRENT_STREAMS")
	require.InDelta(t, 40<<10, settings[6], 4<<10, "SETTINGS_MAX_HEADER_LIST_SIZE")

	// Rapid reset (CVE-2023-44487): requests that are held, each given up at once.
	conn, in := dial()
	path := "/scxml/session/" + id + "/request/silence"
	go func() { _, _ = io.Copy(io.Discard, in) }() // until the connection is closed
	for n := uint32(1); n < 20_000; n += 2 {
		_, err := conn.Write(append(frame(frameHeaders, 0x5, n, post(path)), frame(frameReset, 0, n, []byte{0, 0, 0, 8})...))
		if err != nil {
			break // the server has had enough
		}
	}
	_ = conn.Close()
	s.awaitHeld(0)
	require.Equal(t, 200, s.do(eventSecret, "POST", "/scxml/session/"+id+"/event/add", "price=1").StatusCode)
}

// Without TLS there is no HTTP/2: neither by prior knowledge nor by an upgrade.
func TestNoHTTP2WithoutTLS(t *testing.T) {
	s := newSite(t, nil)
	server := s.handler.Server()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	defer func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	}()
	ask := func(text string) string {
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer c.Close()
		require.NoError(t, c.SetDeadline(time.Now().Add(30*time.Second)))
		_, err = io.WriteString(c, text)
		require.NoError(t, err)
		line, _ := bufio.NewReader(c).ReadString('\n') // an end of the connection is an answer, too
		return line
	}
	require.NotContains(t, ask(preface+string(frame(frameSettings, 0, 0, nil))), "\x00\x00")
	require.Equal(t, "HTTP/1.1 200 OK\r\n", ask("GET /ors/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"))
}
