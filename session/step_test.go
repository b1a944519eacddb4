package session_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ff723688/ors/session"
)

func TestVirtualClockStep(t *testing.T) {
	start := time.Unix(0, 0)
	c := session.NewVirtualClock(start)
	var fired []int
	c.AfterFunc(2*time.Second, func() { fired = append(fired, 2) })
	c.AfterFunc(time.Second, func() {
		fired = append(fired, 1)
		c.AfterFunc(0, func() { fired = append(fired, 0) })
	})
	c.AfterFunc(time.Hour, func() { fired = append(fired, 3) })
	end := start.Add(3 * time.Second)
	var times []time.Duration
	for c.Step(end) {
		times = append(times, c.Now().Sub(start))
	}
	assert.Equal(t, []int{1, 0, 2}, fired)
	assert.Equal(t, []time.Duration{time.Second, time.Second, 2 * time.Second}, times)
	assert.Equal(t, end, c.Now())
	assert.False(t, c.Step(start), "an end that is past")
	assert.Equal(t, end, c.Now(), "the clock never goes back")
}
