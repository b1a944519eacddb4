package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The adapter and the engine understand each other.
func TestAdapter(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3 is missing: apt-get install python3 && go test ./examples/adapter")
		}
		t.Skip("python3 is missing: apt-get install python3 && go test ./examples/adapter")
	}
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("sixteen bytes and more\n"), 0o600))
	for name, secretFile := range map[string]string{"authenticated": secret, "anonymous": ""} {
		t.Run(name, func(t *testing.T) {
			args := []string{"adapter.py", "127.0.0.1:0"}
			if secretFile != "" {
				args = append(args, secretFile)
			}
			cmd := exec.CommandContext(t.Context(), python, args...)
			cmd.Stderr = os.Stderr
			stdout, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			defer cmd.Wait() // it ends with the context
			defer cmd.Process.Kill()
			lines := bufio.NewScanner(stdout)
			require.True(t, lines.Scan())
			address, ok := strings.CutPrefix(lines.Text(), "adapter listens on ")
			require.True(t, ok, lines.Text())

			var out strings.Builder
			require.NoError(t, run(t.Context(), &out, os.Stderr, address, secretFile))
			assert.Equal(t, "connected, it can Monitor|Route\ncall from 030123 with {\"customer\": \"4711\"}\nrouted to 7001\n", out.String())
		})
	}
}
