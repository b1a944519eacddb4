package cassandrastore

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
	"github.com/stretchr/testify/require"
)

// The tests share one server, started by testdata/cassandra.sh.

// server is a running server.
type server struct {
	port, port2, port3 int
	dir                string
	cmd                *exec.Cmd
}

var shared struct {
	sync.Mutex
	*server
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.server != nil {
		shared.kill()
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// startServer returns the shared server, which it starts where that was not done. Without Java or Maven the test is
// skipped; in CI both have to be there.
func startServer(tb testing.TB) *server {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		return shared.server
	}
	for _, name := range []string{"java", "keytool", "mvn"} {
		if _, err := exec.LookPath(name); err != nil {
			text := fmt.Sprintf("no %s here; on Debian: apt-get install openjdk-17-jdk-headless maven", name)
			if os.Getenv("CI") == "true" {
				tb.Fatal(text)
			}
			tb.Skip(text)
		}
	}
	out, err := exec.Command("testdata/cassandra.sh", "install").CombinedOutput()
	require.NoError(tb, err, "fetching Cassandra from Maven Central: %s", out)
	dir, err := os.MkdirTemp("", "cassandrastore")
	require.NoError(tb, err)
	s := &server{port: freePort(tb), port2: freePort(tb), port3: freePort(tb), dir: dir}
	s.start(tb)
	shared.server = s
	return s
}

func (s *server) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// start starts the server, again after kill.
func (s *server) start(tb testing.TB) {
	tb.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(tb, err)
	s.cmd = exec.Command("testdata/cassandra.sh", "run", s.dir, strconv.Itoa(s.port), strconv.Itoa(s.port2), strconv.Itoa(s.port3))
	s.cmd.Stdout, s.cmd.Stderr = log, log
	require.NoError(tb, s.cmd.Start())
	require.NoError(tb, log.Close())
	eventually(tb, 3*time.Minute, func() error {
		c := s.admin()
		c.ConnectTimeout = 5 * time.Second
		session, err := c.CreateSession()
		if err != nil {
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("%w; its log ends with\n%s", err, text[max(0, len(text)-2000):])
		}
		session.Close()
		return nil
	})
}

// kill ends the server with SIGKILL.
func (s *server) kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

func (s *server) admin() *gocql.ClusterConfig {
	c := gocql.NewCluster(s.address())
	c.Authenticator = gocql.PasswordAuthenticator{Username: "cassandra", Password: "cassandra"}
	return c
}

// command executes a statement.
func (s *server) command(t *testing.T, cql string, args ...any) {
	t.Helper()
	session, err := s.admin().CreateSession()
	require.NoError(t, err)
	defer session.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, session.Query(cql, args...).ExecContext(ctx))
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
		<-time.After(100 * time.Millisecond)
	}
}

func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer func() { require.NoError(tb, l.Close()) }()
	return l.Addr().(*net.TCPAddr).Port
}
