package sim

import "github.com/seed-ff723688/ors/telephony"

// Connect opens a Link to the first server of the switch: telephony.Open with the clock
// of the switch, all other options the defaults, and nothing left to chance. The caller closes it. A program that wants
// other options, or a standby pair, calls telephony.Open itself.
func (s *Switch) Connect() *telephony.Client {
	// Open fails for options and endpoints that cannot be, of which there are none.
	c, _ := telephony.Open(s, []telephony.Endpoint{{Name: s.name}}, &telephony.LinkOptions{
		Clock: s.clock, Random: func() float64 { return 0 }, Logger: s.logger,
	})
	return c
}
