package main

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the expected output")

func TestOutput(t *testing.T) {
	var out, problems bytes.Buffer
	require.NoError(t, run(&out, &problems, 50, 500, 1))
	require.Empty(t, problems.String())
	const golden = "testdata/output.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())
}
