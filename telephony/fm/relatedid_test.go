package fm_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony/fm"
)

// The session that <session:start> starts has the node and the bucket of the one that
// starts it.
func TestStartedSessionLiesBesideItsStarter(t *testing.T) {
	for starter, node := range map[string]int{"~4665~029I4G7KGCET96MLCCSH5B5AES01M138": 4665, "029I4G7KGCET96MLCCSH5B5AES01M138": 0, "mine": 0, "029i4g7kgcet96mlccsh5b5aes01m1é": 0} {
		o := newOffice(t, &fm.ServicesOptions{})
		o.files["mem:child"] = service("", "")
		o.files["mem:parent"] = service(`<session:start requestid="req" sessionid="sid" src="'mem:child'"/><log expr="sid"/>`, `<transition event="session.start.done"/>`)
		_, err := o.engine.Start(context.Background(), session.StartRequest{URL: "mem:parent", SessionID: starter})
		require.NoError(t, err)
		o.clock.Advance(0)
		o.mu.Lock()
		require.Len(t, o.log, 1)
		child := o.log[0]
		o.mu.Unlock()
		got, _ := session.NodeOf(child)
		assert.Equal(t, node, got, child)
		assert.Regexp(t, `^(~4665~)?[0-9A-V]{32}$`, child)
		if starter[0] == '~' || starter[3] == 'I' {
			assert.Equal(t, persistence.BucketOf(starter, 1024), persistence.BucketOf(child, 1024), child)
		}
	}
}
