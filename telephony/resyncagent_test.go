package telephony_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
)

func TestAgentAt(t *testing.T) {
	var l telephony.KVList
	l.Add(telephony.AgentKey, telephony.AgentValue("ann", "8000", telephony.AgentStateAfterCallWork))
	agent, queue, state, ok := telephony.AgentAt(l)
	assert.True(t, ok)
	assert.Equal(t, "ann 8000 AfterCallWork", agent+" "+queue+" "+state.String())
	for _, text := range []string{`{}`, `{"agent": "ann"}`, `{"agent": {}}`, `{"agent": {"state": "Asleep"}}`, `{"agent": {"state": "Unknown"}}`} {
		l, err := telephony.ParseKVList(text)
		require.NoError(t, err)
		_, _, _, ok := telephony.AgentAt(l)
		assert.False(t, ok, text)
	}
	s, err := telephony.ParseAgentState("AgentStateReady")
	require.NoError(t, err)
	assert.Equal(t, telephony.AgentStateReady, s)
	_, err = telephony.ParseAgentState("Asleep")
	assert.ErrorContains(t, err, "agent state")
}
