package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ff723688/ors/telephony"
)

// What is collected, and when that is over, as the parameters of a treatment have it.
func TestCollect(t *testing.T) {
	list := func(pairs ...any) (l telephony.KVList) {
		for i := 0; i < len(pairs); i += 2 {
			switch v := pairs[i+1].(type) {
			case int:
				l.Add(pairs[i].(string), telephony.Int(int32(v)))
			case string:
				l.Add(pairs[i].(string), telephony.String(v))
			}
		}
		return l
	}
	const s = time.Second
	for name, c := range map[string]struct {
		parameters telephony.KVList
		keyed      Keying
		digits     string
		took       time.Duration
	}{
		"as many as wanted":        {list("MAX_DIGITS", 2), Keying{"1234", s, s}, "12", 2 * s},
		"no limit":                 {nil, Keying{"1234", s, s}, "1234", 4*s + defaultDigitTimeout},
		"nothing":                  {list("START_TIMEOUT", 7), Keying{}, "", 7 * s},
		"nothing, by default":      {nil, Keying{}, "", defaultStartTimeout},
		"too late":                 {list("START_TIMEOUT", 2), Keying{"1", 3 * s, s}, "", 2 * s},
		"too slow":                 {list("DIGIT_TIMEOUT", 2), Keying{"123", s, 3 * s}, "1", 3 * s},
		"total":                    {list("TOTAL_TIMEOUT", 3), Keying{"12345", s, s}, "12", 3 * s},
		"total before the first":   {list("TOTAL_TIMEOUT", 2), Keying{}, "", 2 * s},
		"terminated":               {list("TERM_DIGITS", "#*"), Keying{"12#3", s, s}, "12", 3 * s},
		"aborted":                  {list("ABORT_DIGITS", "*"), Keying{"12*3", s, s}, "", 3 * s},
		"begun anew":               {list("RESET_DIGITS", "*", "MAX_DIGITS", 2), Keying{"1*34", s, s}, "34", 4 * s},
		"one taken back":           {list("BACKSPACE_DIGITS", "*", "MAX_DIGITS", 2), Keying{"*1*34", s, s}, "34", 5 * s},
		"some do not count":        {list("IGNORE_DIGITS", "0", "MAX_DIGITS", 2), Keying{"0102", s, s}, "12", 4 * s},
		"parameters that are none": {list("MAX_DIGITS", "x", "START_TIMEOUT", -1), Keying{"1", s, 0}, "1", s + defaultDigitTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			digits, took := collect(c.parameters, c.keyed)
			assert.Equal(t, c.digits, digits)
			assert.Equal(t, c.took, took)
		})
	}
}
