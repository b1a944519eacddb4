package readme

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	strategy = regexp.MustCompile("(?s)```xml\n(.*?)```\n.*?```go\n(package strategy_test\n.*?)```")
	program  = regexp.MustCompile("(?s)```go\n(package main\n.*?)```\n+(?:prints\n+)?```text\n(.*?)```")
	goBlocks = regexp.MustCompile("(?s)```go\n")
)

// TestPrograms runs every Go block of README.md but the test of the strategy. Each is a
// whole program and is followed by a text block with its output.
func TestPrograms(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	programs := program.FindAllSubmatch(readme, -1)
	require.NotEmpty(t, programs)
	require.Len(t, programs, len(goBlocks.FindAll(readme, -1))-1, "every Go block is a program with its output behind it")
	for _, p := range programs {
		// Inside of the module, so that its packages are found.
		dir, err := os.MkdirTemp(".", "_program")
		require.NoError(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		file := filepath.Join(dir, "main.go")
		require.NoError(t, os.WriteFile(file, p[1], 0o600))
		out, err := exec.Command("go", "run", file).CombinedOutput()
		require.NoError(t, err, string(out))
		require.Equal(t, string(p[2]), string(out))
	}
}

// TestStrategy runs the test of a strategy.
func TestStrategy(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	parts := strategy.FindSubmatch(readme)
	require.NotNil(t, parts)
	dir, err := os.MkdirTemp(".", "_strategy")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.WriteFile(filepath.Join(dir, "strategy.scxml"), parts[1], 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "strategy_test.go"), parts[2], 0o600))
	out, err := exec.Command("go", "test", "./"+dir).CombinedOutput()
	require.NoError(t, err, string(out))
}
