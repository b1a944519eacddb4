package telephony

import "time"

// Clock is where time comes from. session.SystemClock and session.VirtualClock
// are ones. Implementations are safe for concurrent use.
type Clock interface {
	// Now returns the present time.
	Now() time.Time

	// AfterFunc calls f once, when d has passed; at once when d is not positive,
	// but never inside AfterFunc nor with locks of the clock held. stop prevents the
	// call and reports whether it did.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// systemClock is the clock of the machine, the default of LinkOptions.Clock.
type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return time.AfterFunc(d, f).Stop
}
