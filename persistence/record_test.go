package persistence_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
)

func TestErrorsNamePlaceAndRemedy(t *testing.T) {
	id := "004BUJ1C0KBHF8NIG7HNK2LAES000008"
	for _, c := range []struct {
		err  error
		is   error
		text string
	}{
		{persistence.CheckNames("owner", "good", ""), persistence.ErrInvalid, `invalid argument: empty owner`},
		{persistence.CheckNames("timer id", "a\x00b"), persistence.ErrInvalid, `invalid argument: timer id "a\x00b" contains a control character`},
		{persistence.CheckBuckets(8, 7, 8), persistence.ErrInvalid, `invalid argument: bucket 8 of a store with the buckets 0 to 7`},
		{persistence.CheckLease(0), persistence.ErrInvalid, `invalid argument: a lease of 0s, want more than zero`},
		{(&persistence.Session{ID: id, Claim: "004BUJ1C0KBHF8NIG7HNK2LAES000009"}).Validate(1024), persistence.ErrInvalid,
			`invalid argument: session "004BUJ1C0KBHF8NIG7HNK2LAES000008" lies in bucket 8, its claim "004BUJ1C0KBHF8NIG7HNK2LAES000009" in 9: make the id with AppendBucket for the claim's bucket`},
		{(&persistence.Commit{ID: id}).Validate(), persistence.ErrInvalid,
			`invalid argument: commit of session "004BUJ1C0KBHF8NIG7HNK2LAES000008" builds on revision 0: the first is 1, made by Create`},
		{(&persistence.Commit{ID: id, Rev: 1, SetTimers: []persistence.Timer{{ID: "t", At: time.Unix(-1, 0)}}}).Validate(), persistence.ErrInvalid,
			`invalid argument: timer "t" is set to the year 1969, outside 1970 to 9999`},
		{&persistence.FencedError{Bucket: 3, Epoch: 4, Current: 6}, persistence.ErrFenced,
			`fenced out: bucket 3 is at epoch 6, the writer at 4: drop what is held of it in memory; acquire it before writing again`},
		{&persistence.FencedError{Bucket: 3, Epoch: 4}, persistence.ErrFenced, `fenced out: bucket 3 has no owner yet: acquire it first`},
		{&persistence.ConflictError{Session: "s", Rev: 4, Current: 6}, persistence.ErrConflict,
			`revision conflict: session "s" is at revision 6, the commit builds on 4: load it again`},
		{&persistence.ClaimedError{Claim: "c", Session: "s"}, persistence.ErrClaimed, `claim "c": claimed by another session, "s"`},
		{new(persistence.Digest).UnmarshalText([]byte("0123")), persistence.ErrInvalid,
			`invalid argument: digest "0123" has 4 characters, want 64 hexadecimal ones`},
	} {
		require.EqualError(t, c.err, c.text)
		require.ErrorIs(t, fmt.Errorf("wrapped: %w", c.err), c.is)
		require.NotErrorIs(t, c.err, persistence.ErrNotFound)
	}
}

func TestDigestText(t *testing.T) {
	d := persistence.DigestOf([]byte("<scxml/>"))
	for _, want := range []persistence.Digest{d, {}} {
		text, err := want.MarshalText()
		require.NoError(t, err)
		got := d
		require.NoError(t, got.UnmarshalText(text))
		require.Equal(t, want, got)
	}
	require.Empty(t, persistence.Digest{}.String())

	broken := d
	require.ErrorIs(t, broken.UnmarshalText([]byte("zz"+d.String()[2:])), persistence.ErrInvalid)
	require.Equal(t, d, broken, "a text that is refused changes nothing")
}

func TestValidateTakesWhatIsAllowed(t *testing.T) {
	s := &persistence.Session{ID: "any form", Inbox: make([]persistence.Event, 3)}
	require.NoError(t, s.Validate(1024))
	require.NoError(t, (&persistence.Event{}).Validate())
	require.NoError(t, errors.Join(persistence.CheckNames("none"), persistence.CheckBuckets(1)))
}

// Few names are compared with each other, many are looked up.
func TestNamesThatAreThereTwice(t *testing.T) {
	for _, n := range []int{2, 8, 9, 40} {
		var effects []persistence.Effect
		for i := range n {
			effects = append(effects, persistence.Effect{ID: fmt.Sprint(i)})
		}
		c := &persistence.Commit{ID: "s", Rev: 1, Effects: effects}
		require.NoError(t, c.Validate())
		effects[n-1].ID = "0"
		require.EqualError(t, c.Validate(), `invalid argument: effect id "0" twice`)
	}
}
