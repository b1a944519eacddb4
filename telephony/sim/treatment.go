package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// Treatment is what becomes of a RequestApplyTreatment.
type Treatment struct {
	// Duration is the time until EventTreatmentEnd, for those that collect digits of a
	// caller (Caller.Keys) that of the announcement before; a negative one never ends.
	Duration time.Duration
	// Digits are those that the caller enters whatever Caller.Keys says:
	// CollectedDigits of EventTreatmentEnd.
	Digits string
	// Extensions are those of EventTreatmentEnd.
	Extensions telephony.KVList
	// Refuse, when not empty, is the message of an EventTreatmentNotApplied.
	Refuse string
}

// Announce is the default of Options.Treat. Sounds without an end (music, ring
// back, silence, busy and fast busy tone) play until they are replaced; what is no sound
// (CollectDigits, SetDefaultRoute, CancelCall, DeleteUserAnnouncement) takes no time by itself, anything
// else two seconds.
func Announce(r *telephony.RequestApplyTreatment) Treatment {
	switch r.TreatmentType {
	case telephony.TreatmentMusic, telephony.TreatmentRingBack, telephony.TreatmentSilence,
		telephony.TreatmentBusy, telephony.TreatmentFastBusy:
		return Treatment{Duration: -1}
	case telephony.TreatmentCollectDigits, telephony.TreatmentSetDefaultRoute, telephony.TreatmentCancelCall,
		telephony.TreatmentDeleteUserAnnouncement:
		return Treatment{}
	}
	return Treatment{Duration: announcement}
}

const announcement = 2 * time.Second

// treat carries out RequestApplyTreatment.
func (k *call) treat(r *telephony.RequestApplyTreatment, by *conn, ref int) {
	s := k.sw
	t := s.treat(r)
	if r.TreatmentType == telephony.TreatmentSetDefaultRoute && t.Refuse == "" {
		k.defaultTo = r.Parameters.Text("LABEL")
	}
	a := k.about(k.at)
	a.Reasons = r.Reasons
	if t.Refuse != "" {
		by.post(&telephony.EventTreatmentNotApplied{EventHeader: s.header(ref), CallAttributes: a,
			TreatmentType: r.TreatmentType, ErrorCode: CodeTreatment, ErrorMessage: t.Refuse})
		return
	}
	halt(&k.ending)
	k.treated = true
	s.confirm(&telephony.EventTreatmentApplied{EventHeader: s.header(0), CallAttributes: a,
		TreatmentType: r.TreatmentType}, by, ref)
	if t.Duration < 0 {
		return
	}
	switch r.TreatmentType {
	case telephony.TreatmentCollectDigits, telephony.TreatmentPlayAnnouncementAndDigits, telephony.TreatmentVerifyDigits,
		telephony.TreatmentTextToSpeechAndDigits:
		if k.keys != nil && t.Digits == "" {
			digits, took := collect(r.Parameters, k.keys(r))
			t.Digits, t.Duration = digits, t.Duration+took
		}
	case telephony.TreatmentRecordUserAnnouncement:
		if t.Extensions == nil {
			s.recorded++
			t.Extensions = telephony.KVList{{Key: "USER_ANN_ID", Value: telephony.String(fmt.Sprint(s.recorded))}}
		}
	}
	k.timer(&k.ending, t.Duration, func() {
		k.digits, k.treated = t.Digits, false
		a := k.about(k.at)
		a.Extensions = t.Extensions
		s.announce(&telephony.EventTreatmentEnd{EventHeader: s.header(0), CallAttributes: a, TreatmentType: r.TreatmentType})
	})
}

// Keying is what a caller keys.
type Keying struct {
	Digits string        // 0 to 9, *, # and A to D, in order
	After  time.Duration // until the first one, from the end of the announcement
	Every  time.Duration // from one to the next
}

// KeyInTurn makes the function Caller.Keys of a caller who keys one entry after the
// other, one at each prompt, after a second and four digits in a second, and nothing when there is
// none left. Each caller needs one of his own.
func KeyInTurn(entries ...string) func(*telephony.RequestApplyTreatment) Keying {
	return func(*telephony.RequestApplyTreatment) Keying {
		if len(entries) == 0 {
			return Keying{}
		}
		digits := entries[0]
		entries = entries[1:]
		return Keying{Digits: digits, After: time.Second, Every: time.Second / 4}
	}
}

// Time-outs of treatments that name none.
const (
	defaultStartTimeout = 5 * time.Second // until the first digit
	defaultDigitTimeout = 3 * time.Second // between two digits
)

// collect plays the part of the equipment that collects digits: what has been
// collected in the end, and when that was. The parameters are MAX_DIGITS, START_TIMEOUT, DIGIT_TIMEOUT and
// TOTAL_TIMEOUT (seconds), TERM_DIGITS, ABORT_DIGITS, RESET_DIGITS, BACKSPACE_DIGITS and IGNORE_DIGITS.
func collect(p telephony.KVList, keyed Keying) (digits string, took time.Duration) {
	most := 0
	if n, ok := p.Get("MAX_DIGITS"); ok {
		v, _ := n.Int()
		most = int(v)
	}
	limit := seconds(p, "START_TIMEOUT", defaultStartTimeout) // of the next digit
	total := seconds(p, "TOTAL_TIMEOUT", 0)
	pause := keyed.After
	in := func(key string, c byte) bool { return strings.IndexByte(p.Text(key), c) >= 0 }
	for i := 0; ; i++ {
		over := total > 0 && took+min(pause, limit) >= total
		switch {
		case i == len(keyed.Digits) || pause > limit:
			if took += limit; total > 0 && took > total {
				took = total
			}
			return digits, took
		case over:
			return digits, total
		}
		took += max(pause, 0)
		pause, limit = keyed.Every, seconds(p, "DIGIT_TIMEOUT", defaultDigitTimeout)
		switch c := keyed.Digits[i]; {
		case in("TERM_DIGITS", c):
			return digits, took
		case in("ABORT_DIGITS", c):
			return "", took
		case in("RESET_DIGITS", c):
			digits = ""
		case in("BACKSPACE_DIGITS", c):
			digits = digits[:max(len(digits)-1, 0)]
		case in("IGNORE_DIGITS", c):
		default:
			digits += string(c)
		}
		if most > 0 && len(digits) == most {
			return digits, took
		}
	}
}

// seconds reads a parameter; otherwise where there is none, or it is not positive.
func seconds(p telephony.KVList, key string, otherwise time.Duration) time.Duration {
	v, _ := p.Get(key)
	if n, ok := v.Int(); ok && n > 0 {
		return time.Duration(n) * time.Second
	}
	return otherwise
}
