package session

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"strconv"
	"strings"

	"github.com/seed-ff723688/ors/persistence"
)

// Session ids have the form of Orchestration Server's: 32 characters of 0-9 and A-V,
// with "~NODE~" before them where Options.NodeID is given. The last three are the
// bucket (persistence.BucketOf), the others random.

const (
	idLength  = 32
	maxNodeID = math.MaxInt32
)

// NodeOf returns the node that made a session id, as its Options.NodeID: 4665 for
// "~4665~029I4G7KGCET96MLCCSH5B5AES01M138". It is false for an id without a node part, and for
// all that is not in exactly this form: a number from 1 to 2147483647 without sign and
// leading zeros between two tildes, then 32 characters of 0-9 and A-V.
//
// The node that made a session need not be the one that runs it now: its bucket may have
// been taken over.
func NodeOf(id string) (node int, ok bool) {
	rest, ok := strings.CutPrefix(id, "~")
	if !ok {
		return 0, false
	}
	number, random, ok := strings.Cut(rest, "~")
	if !ok || len(random) != idLength || number == "" || number[0] < '1' || number[0] > '9' {
		return 0, false
	}
	for i := range len(random) {
		if c := random[i]; (c < '0' || c > '9') && (c < 'A' || c > 'V') {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return 0, false
	}
	return int(n), true
}

// checkNodeID has Options.NodeID's limits.
func checkNodeID(node int) error {
	if node < 0 || node > maxNodeID {
		return fmt.Errorf("session: Options.NodeID is %d: give the node's DBID, 1 to %d, or 0 for ids without a node part", node, maxNodeID)
	}
	return nil
}

// NewID makes an id of the form that Start gives a session without one, for a caller that
// has to know it before: StartRequest.SessionID. With a store it lies in a bucket that the
// engine holds now.
func (e *Engine) NewID() string { return e.newID("") }

// newID makes the id of a session. The default ones lie in a bucket that the engine holds;
// those of invoked sessions in the bucket of their parent, so that a family has one owner.
func (e *Engine) newID(parent string) string {
	if e.opts.NewID != nil {
		return e.opts.NewID()
	}
	id := make([]byte, 0, len("~2147483647~")+idLength)
	if e.opts.NodeID != 0 {
		id = append(strconv.AppendInt(append(id, '~'), int64(e.opts.NodeID), 10), '~')
	}
	var random [idLength * 5 / 8]byte
	_, _ = rand.Read(random[:]) // it never fails
	id = base32.HexEncoding.AppendEncode(id, random[:])
	d := e.durable
	if d == nil {
		return string(id)
	}
	bucket, ok := 0, false
	if parent != "" {
		bucket, ok = persistence.BucketOf(parent, len(d.epochs)), true
	} else if held := d.held.Load(); held != nil && len(*held) > 0 {
		bucket, ok = (*held)[mathrand.IntN(len(*held))], true
	}
	if ok {
		id = persistence.AppendBucket(id[:len(id)-3], bucket)
	}
	return string(id)
}
