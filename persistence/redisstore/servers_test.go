package redisstore

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"
)

// The tests start and end servers of their own, from the redis-server (or valkey-server) that is
// installed.

// server is a running server.
type server struct {
	address string
	cmd     *exec.Cmd
	dir     string
	args    []string
}

// program finds an installed program, or skips the test; in CI it has to be there.
func program(tb testing.TB, names ...string) string {
	tb.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	text := fmt.Sprintf("no %s here; on Debian: apt-get install redis-server", strings.Join(names, " or "))
	if os.Getenv("CI") == "true" {
		tb.Fatal(text)
	}
	tb.Skip(text)
	return ""
}

// startServer starts a server on a free port of the loopback interface and ends it with the test.
func startServer(tb testing.TB, args ...string) *server {
	tb.Helper()
	dir, err := os.MkdirTemp("", "redisstore")
	require.NoError(tb, err)
	s := &server{address: freeAddress(tb), dir: dir, args: args}
	s.start(tb)
	tb.Cleanup(func() {
		s.kill()
		_ = os.RemoveAll(dir)
	})
	return s
}

// start starts the server, again after kill.
func (s *server) start(tb testing.TB) {
	tb.Helper()
	_, port, err := net.SplitHostPort(s.address)
	require.NoError(tb, err)
	args := append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--daemonize", "no", "--protected-mode", "no"}, s.args...)
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(tb, err)
	s.cmd = exec.Command(program(tb, "redis-server", "valkey-server"), args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	require.NoError(tb, s.cmd.Start())
	require.NoError(tb, log.Close())
	eventually(tb, 20*time.Second, func() error {
		conn, err := net.DialTimeout("tcp", s.address, time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// kill ends the server with SIGKILL.
func (s *server) kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// startCluster starts three masters with a replica each. Ports of a cluster need a second one,
// 10,000 above.
func startCluster(tb testing.TB, args ...string) []*server {
	tb.Helper()
	cli := program(tb, "redis-cli", "valkey-cli")
	args = append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0", "--repl-ping-replica-period", "1"}, args...)
	var nodes []*server
	var addresses []string
	for range 6 {
		n := startServer(tb, args...)
		nodes, addresses = append(nodes, n), append(addresses, n.address)
	}
	out, err := exec.Command(cli, append(append([]string{"--cluster", "create"}, addresses...), "--cluster-replicas", "1", "--cluster-yes")...).CombinedOutput()
	require.NoError(tb, err, "%s", out)
	for _, n := range nodes {
		eventually(tb, 30*time.Second, func() error {
			text, err := command(n.address, "CLUSTER", "INFO")
			if err == nil && (!strings.Contains(text, "cluster_state:ok") || !strings.Contains(text, "cluster_known_nodes:6")) {
				err = fmt.Errorf("%s", text)
			}
			return err
		})
	}
	for _, n := range nodes {
		eventually(tb, 30*time.Second, func() error {
			text, err := command(n.address, "INFO", "replication")
			if err == nil && !strings.Contains(text, "state=online") && !strings.Contains(text, "master_link_status:up") {
				err = fmt.Errorf("%s", text)
			}
			return err
		})
	}
	return nodes
}

// isMaster reports whether a server is a master now.
func (s *server) isMaster() bool {
	text, err := command(s.address, "ROLE")
	return err == nil && strings.HasPrefix(text, "master")
}

// command runs a command on one server and returns what it says, as far as it is text.
func command(address string, words ...string) (string, error) {
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{address}, ForceSingleClient: true, DisableCache: true, Dialer: net.Dialer{Timeout: time.Second}})
	if err != nil {
		return "", err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r := c.Do(ctx, c.B().Arbitrary(words...).Build())
	if list, err := r.ToArray(); err == nil && len(list) > 0 {
		return list[0].ToString()
	}
	if n, err := r.AsInt64(); err == nil {
		return strconv.FormatInt(n, 10), nil
	}
	return r.ToString()
}

// eventually waits until try has no error: for things that happen in other processes.
func eventually(tb testing.TB, limit time.Duration, try func() error) {
	tb.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("not within %v: %v", limit, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// freeAddress returns a port that is free, and whose cluster port is.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(tb, err)
		port := l.Addr().(*net.TCPAddr).Port
		require.NoError(tb, l.Close())
		if port > 65535-10000 {
			continue
		}
		bus, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+10000)))
		if err != nil {
			continue
		}
		require.NoError(tb, bus.Close())
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	tb.Fatal("no free port below 55536")
	return ""
}
