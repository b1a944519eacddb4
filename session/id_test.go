package session_test

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/session"
)

// buckets makes an empty store of n buckets.
func buckets(t *testing.T, n int) *memstore.Store {
	t.Helper()
	store, err := memstore.New(&memstore.Options{Buckets: n})
	require.NoError(t, err)
	return store
}

const idling = `<state id="a"><transition event="go" target="b"/></state><state id="b"/>`

// Ids have one form, with and without a store and a node.
func TestSessionIDsHaveTheFormOfOrchestrationServer(t *testing.T) {
	for _, node := range []int{0, 1, 4665, math.MaxInt32} {
		for name, store := range map[string]persistence.Store{"memory": nil, "store": buckets(t, 7)} {
			t.Run(fmt.Sprint(name, node), func(t *testing.T) {
				e, err := session.New(&session.Options{NodeID: node, Store: store})
				require.NoError(t, err)
				defer func() { require.NoError(t, e.Shutdown(deadline(t))) }()
				if store != nil {
					_, err := e.Recover(t.Context())
					require.NoError(t, err)
				}
				form := regexp.MustCompile(`^[0-9A-V]{32}$`)
				if node != 0 {
					form = regexp.MustCompile(fmt.Sprintf(`^~%d~[0-9A-V]{32}$`, node))
				}
				seen := make(map[string]bool)
				used := make(map[int]bool)
				for range 200 {
					id, err := e.Start(t.Context(), session.StartRequest{Document: parse(t, chart(idling))})
					require.NoError(t, err)
					require.Regexp(t, form, id)
					require.False(t, seen[id], "%s came twice", id)
					seen[id] = true
					used[persistence.BucketOf(id, 7)] = true
					got, ok := session.NodeOf(id)
					require.Equal(t, node, got)
					require.Equal(t, node != 0, ok)
				}
				require.Len(t, used, 7, "ids are spread over all buckets")
			})
		}
	}
}

func TestNodeIDBeyondItsLimitsIsRefused(t *testing.T) {
	for _, node := range []int{-1, math.MaxInt32 + 1} {
		_, err := session.New(&session.Options{NodeID: node})
		require.EqualError(t, err, fmt.Sprintf("session: Options.NodeID is %d: give the node's DBID, 1 to 2147483647, or 0 for ids without a node part", node))
	}
}

// An engine that holds some of the buckets starts its sessions there, and those that
// they invoke beside them.
func TestNewSessionsLieInBucketsThatTheEngineHolds(t *testing.T) {
	store := buckets(t, 16)
	_, err := store.Acquire(t.Context(), "somebody else", 1<<40, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14)
	require.NoError(t, err)
	e, err := session.New(&session.Options{Store: store, NodeID: 17})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Shutdown(deadline(t))) }()
	_, err = e.Recover(t.Context())
	require.NoError(t, err)
	parent := parse(t, chart(`<state id="a"><invoke id="kid" type="scxml"><content>`+chart(idling)+`</content></invoke></state>`))
	held := make(map[int]int)
	for range 50 {
		id, err := e.Start(t.Context(), session.StartRequest{Document: parent})
		require.NoError(t, err)
		held[persistence.BucketOf(id, 16)]++
	}
	require.Len(t, held, 2)
	require.Positive(t, held[13])
	require.Positive(t, held[15])
	require.NoError(t, e.Settle(deadline(t)))
	kids := 0
	for _, info := range e.Sessions() {
		if info.Parent != "" {
			kids++
			require.Equal(t, persistence.BucketOf(info.Parent, 16), persistence.BucketOf(info.ID, 16), "%s is not where %s is", info.ID, info.Parent)
		}
	}
	require.Equal(t, 50, kids)
}

// What processors address is an id with a node part like any other.
func TestSessionsWithANodePartTalkToEachOther(t *testing.T) {
	e, err := session.New(&session.Options{NodeID: 4665})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Shutdown(context.Background())) }()
	to, err := e.Start(t.Context(), session.StartRequest{Document: parse(t, chart(`<state id="a"><transition event="hello" target="b"/></state><final id="b"/>`))})
	require.NoError(t, err)
	_, err = e.Start(t.Context(), session.StartRequest{Document: parse(t, chart(`<state id="a"><onentry><send target="#_scxml_`+to+`" event="hello"/></onentry></state>`))})
	require.NoError(t, err)
	r, err := e.Wait(deadline(t), to)
	require.NoError(t, err)
	require.Equal(t, session.Finished, r.Reason)
}

func TestNodeOfIsStrict(t *testing.T) {
	const random = "029I4G7KGCET96MLCCSH5B5AES01M138"
	for id, want := range map[string]int{
		"~4665~" + random:       4665,
		"~1~" + random:          1,
		"~2147483647~" + random: 2147483647,

		"":                                      0,
		random:                                  0,
		"~":                                     0,
		"~~":                                    0,
		"~~" + random:                           0,
		"~4665~":                                0,
		"~4665" + random:                        0,
		"4665~" + random:                        0,
		" ~4665~" + random:                      0,
		"~0~" + random:                          0,
		"~04665~" + random:                      0,
		"~+4665~" + random:                      0,
		"~-4665~" + random:                      0,
		"~4_665~" + random:                      0,
		"~0x12~" + random:                       0,
		"~٤~" + random:                          0,
		"~2147483648~" + random:                 0,
		"~18446744073709551617~" + random:       0,
		"~" + strings.Repeat("9", 300) + random: 0,
		"~4665~" + random + "0":                 0,
		"~4665~" + random[1:]:                   0,
		"~4665~" + random[1:] + "\n":            0,
		"~4665~" + strings.ToLower(random):      0,
		"~4665~" + random[1:] + "W":             0,
		"~4665~~" + random[1:]:                  0,
		"~4665~0" + random[2:] + "/":            0,
	} {
		node, ok := session.NodeOf(id)
		require.Equal(t, want, node, "%q", id)
		require.Equal(t, want != 0, ok, "%q", id)
	}
}

// What NodeOf takes is what an engine of that node could have made, and nothing else.
func FuzzNodeOf(f *testing.F) {
	for _, id := range []string{"~4665~029I4G7KGCET96MLCCSH5B5AES01M138", "029I4G7KGCET96MLCCSH5B5AES01M138", "~0~", "~1~~", "session-1", ""} {
		f.Add(id)
	}
	form := regexp.MustCompile(`^~([1-9][0-9]{0,9})~[0-9A-V]{32}\z`)
	f.Fuzz(func(t *testing.T, id string) {
		node, ok := session.NodeOf(id)
		if !ok {
			require.Zero(t, node)
			if m := form.FindStringSubmatch(id); m != nil {
				require.True(t, len(m[1]) == 10 && m[1] > "2147483647", "%q is refused", id)
			}
			return
		}
		require.Regexp(t, form, id)
		require.True(t, strings.HasPrefix(id, fmt.Sprintf("~%d~", node)), "%q: %d", id, node)
	})
}
