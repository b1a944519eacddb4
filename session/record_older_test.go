package session

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRecordsOfVersion2: what version 2 wrote is read: all but up to where the inbox
// counts of sessions that are over, and entries that are void. testdata/records-2.txt has
// the entries of that version, in order, in hexadecimal.
func TestRecordsOfVersion2(t *testing.T) {
	records, items, errands := someRecords(), someItems(), someErrands()
	records[1].children[1].over, records[1].children[1].until = false, 0
	body, err := os.ReadFile("testdata/records-2.txt")
	require.NoError(t, err)
	for _, line := range strings.Split(strings.TrimSpace(string(body)), "\n") {
		kind, text, _ := strings.Cut(line, " ")
		b, err := hex.DecodeString(text)
		require.NoError(t, err)
		require.EqualValues(t, 2, b[0])
		switch kind {
		case "R":
			got, err := readRecord(b)
			require.NoError(t, err)
			if len(got.machine) == 0 {
				got.machine = nil
			}
			assert.Equal(t, records[0], got)
			records = records[1:]
		case "I":
			got, err := readItem(b)
			require.NoError(t, err)
			assert.Equal(t, items[0], got)
			items = items[1:]
		case "E":
			got, err := readErrand(b)
			require.NoError(t, err)
			assert.Equal(t, errands[0], got)
			errands = errands[1:]
		}
	}
	assert.Empty(t, records)
	assert.Len(t, items, 1, "void")
	assert.Empty(t, errands)
}
