package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// Recover takes hold of all buckets of Options.Store that no other engine
// holds, or those of them that Options.Claim wants, and with them of the sessions in
// them: each goes on after its last committed macrostep, with the events and delayed
// sends that were accepted. Effects that had not been confirmed are carried out,
// perhaps a second time. It is called after New, and returns the number of sessions
// that it has found.
//
// An engine that was killed holds its buckets until its lease runs out, unless the new one
// has the same Options.Owner or the store knows that it is alone, as boltstore does; until
// then Recover leaves them out, without an error. From the first Recover on the engine does
// the same by itself whenever it renews its leases, about each third of Options.Lease:
// buckets that another engine has left, or whose lease has run out, are taken over,
// also those that it had itself before. So Recover need not be called again; it
// may be, after an error or when Options.Claim has changed its mind.
//
// Recover lists the sessions and loads none. Those that have something to do are brought
// back after it has returned, Options.RecoverParallel at a time: a delayed send is due,
// an event has not been handled or an effect not been confirmed, it has not begun, or a
// module needs it in memory (scxml.Resident). The others stay in the store until
// something happens to them, like sessions that are passivated.
//
// A session that cannot be brought back, as when its record is damaged, is logged, listed
// by Sessions with Info.Err, and stays in the store; see UnreadableError.
//
// Shutdown ends it, with ErrClosed, and gives back the buckets that it has taken, also those that the store
// gives after Shutdown has returned: Store.Acquire runs until it has an answer, for 15 s at most or until the
// deadline of ctx, whoever cancels it.
func (e *Engine) Recover(ctx context.Context) (n int, err error) {
	d := e.durable
	if d == nil {
		return 0, errors.New("session: Options.Store is not set")
	}
	d.recovery.Lock()
	defer d.recovery.Unlock()
	ctx, done := e.attendTo(ctx)
	defer done()
	if e.closed.Load() {
		return 0, ErrClosed
	}
	return d.takeOver(ctx, d.missing())
}

// missing returns the buckets that the engine does not hold and wants.
func (d *durable) missing() []int {
	var missing []int
	for bucket := range d.epochs {
		if d.epochs[bucket].Load() == 0 && d.wants(bucket) {
			missing = append(missing, bucket)
		}
	}
	return missing
}

// wants asks Options.Claim.
func (d *durable) wants(bucket int) bool {
	claim := d.engine.opts.Claim
	if claim == nil {
		return true
	}
	wanted := false
	err := contain("Options.Claim", func() error {
		wanted = claim(bucket)
		return nil
	})
	if err != nil {
		d.engine.logger.Error("bucket not asked for", "bucket", bucket, "error", err)
	}
	return wanted
}

// unlisted returns the buckets that are held and have not been listed, and their epochs.
func (d *durable) unlisted() map[int]uint64 {
	fresh := make(map[int]uint64)
	for bucket := range d.epochs {
		if epoch := d.epochs[bucket].Load(); epoch != d.listed[bucket] && epoch != 0 {
			fresh[bucket] = epoch
		}
	}
	return fresh
}

// takeOver takes those of the buckets that nobody holds, and begins to bring back the
// sessions of all that have not been listed. d.recovery is held.
func (d *durable) takeOver(ctx context.Context, buckets []int) (n int, err error) {
	e := d.engine
	if err := d.acquire(ctx, buckets); err != nil {
		return 0, err
	}
	fresh := d.unlisted()
	var backlog []string
	for _, bucket := range slices.Sorted(maps.Keys(fresh)) {
		sessions, pressing, err := d.list(ctx, bucket)
		if err != nil {
			e.sessions.abandon(func(id string) bool { return fresh[persistence.BucketOf(id, len(d.epochs))] != 0 }, func(sl *sleeper) {
				e.timers.take(sl)
				sl.ending.tell(&Result{Reason: Lost, Err: err})
			})
			return 0, fmt.Errorf("session: listing the store: %w", err)
		}
		n += sessions
		backlog = append(backlog, pressing...)
	}
	for bucket, epoch := range fresh {
		d.listed[bucket] = epoch
	}
	d.mu.Lock()
	d.backlog = append(d.backlog, backlog...)
	idle := e.opts.RecoverParallel - d.recovering
	d.recovering += idle
	d.mu.Unlock()
	for range idle {
		d.next()
	}
	return n, nil
}

// list makes the sessions of a bucket known, and returns their number and those that
// have something to do.
func (d *durable) list(ctx context.Context, bucket int) (n int, pressing []string, err error) {
	e := d.engine
	timed := make(map[string]*sleeper) // without a time so far
	for info, err := range d.store.List(ctx, bucket, "") {
		if err == nil && e.closed.Load() {
			err = ErrClosed
		}
		if err != nil {
			return 0, nil, err
		}
		sl := &sleeper{id: info.ID}
		if !e.sessions.enlist(sl) {
			continue
		}
		n++
		switch {
		case info.Rev == 1 || info.Tail > info.Acked || info.Effects > 0:
			pressing = append(pressing, info.ID)
		case info.Timers > 0:
			timed[info.ID] = sl
		}
	}
	if len(timed) == 0 {
		return n, pressing, nil
	}
	now := e.clock.Now()
	for due, err := range d.store.Due(ctx, bucket, endOfTime) {
		if err != nil {
			return 0, nil, err
		}
		sl := timed[due.Session]
		if sl == nil {
			continue
		}
		delete(timed, due.Session)
		if due.At.After(now) {
			e.timers.rouse(sl, due.At)
		} else {
			pressing = append(pressing, due.Session)
		}
	}
	return n, pressing, nil
}

// endOfTime is later than all timers.
var endOfTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// next brings back the next session of the backlog, and is called again when that is loaded.
func (d *durable) next() {
	e := d.engine
	for {
		d.mu.Lock()
		if len(d.backlog) == 0 {
			d.backlog = nil
			d.recovering--
			d.mu.Unlock()
			return
		}
		s := newSession(e, d.backlog[0])
		d.backlog = d.backlog[1:]
		d.mu.Unlock()
		s.saved = &saved{backlog: true}
		if d.epoch(s.id) != 0 && !e.closed.Load() && e.rouse(s) {
			return
		}
	}
}

// acquire takes those of the buckets that nobody holds and keeps them from now on.
func (d *durable) acquire(ctx context.Context, buckets []int) error {
	d.leasing.Lock()
	defer d.leasing.Unlock()
	var acquired []persistence.Lease
	var err error
	if len(buckets) > 0 {
		once, cancel := untilDue(ctx)
		acquired, err = d.store.Acquire(once, d.engine.opts.Owner, d.engine.opts.Lease, buckets...)
		cancel()
	}
	d.mu.Lock()
	leases := append(slices.Clip(d.leases), acquired...)
	renewing := d.stopRenew != nil
	d.recovered = d.recovered || err == nil
	d.mu.Unlock()
	if !d.hold(leases) {
		return errors.Join(ErrClosed, err, d.giveBack(acquired))
	}
	if !renewing {
		d.scheduleRenewal()
	}
	if err != nil {
		return fmt.Errorf("session: acquiring buckets: %w", err)
	}
	return nil
}

// untilDue is a context for a call whose outcome must be known, as what the store has given has to be
// given back: it ends in storeTimeout or when that of the caller is due, and not when that is cancelled.
func untilDue(ctx context.Context) (context.Context, context.CancelFunc) {
	due := time.Now().Add(storeTimeout)
	if earlier, ok := ctx.Deadline(); ok && earlier.Before(due) {
		due = earlier
	}
	return context.WithDeadline(context.WithoutCancel(ctx), due)
}

// hold notes the leases that the engine has. Sessions of other buckets are
// taken out of memory. It reports false when release, which Shutdown calls, has come before:
// then those that it did not give back are the caller's.
func (d *durable) hold(leases []persistence.Lease) bool {
	d.mu.Lock()
	if d.released {
		d.mu.Unlock()
		return false
	}
	d.leases = leases
	d.mu.Unlock()
	held := make([]bool, len(d.epochs))
	for _, l := range leases {
		held[l.Bucket] = true
		d.epochs[l.Bucket].Store(l.Epoch)
	}
	lost := false
	buckets := make([]int, 0, len(leases))
	for i := range held {
		if held[i] {
			buckets = append(buckets, i)
		}
		if !held[i] && d.epochs[i].Swap(0) != 0 {
			lost = true
			d.engine.logger.Warn("bucket lost to another engine", "bucket", i)
		}
	}
	d.held.Store(&buckets)
	if !lost {
		return true
	}
	for _, s := range d.engine.sessions.all() {
		if s.saved != nil && d.epoch(s.id) == 0 {
			d.engine.stopSession(s, Lost)
		}
	}
	var gone []string
	d.engine.sessions.abandon(func(id string) bool { return d.epoch(id) == 0 }, func(sl *sleeper) {
		d.engine.timers.take(sl)
		sl.ending.tell(&Result{Reason: Lost, Err: ErrNotOwner})
		gone = append(gone, sl.id)
	})
	for _, id := range gone {
		d.engine.lostAsleep(id, ErrNotOwner)
	}
	return true
}

func (d *durable) scheduleRenewal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.released {
		return
	}
	third := d.engine.opts.Lease / 3
	wait := third - time.Duration(float64(third)*renewalJitter*d.jitter.Float64())
	d.stopRenew = d.engine.clock.AfterFunc(wait, func() {
		d.engine.perform(d.engine.opts.Lease, func(ctx context.Context) {
			if err := d.renew(ctx); err != nil {
				d.engine.logger.Warn("leases not renewed", "error", err)
			} else {
				d.within(ctx, d.claim)
				d.within(ctx, d.sweep)
			}
			d.scheduleRenewal()
		})
	})
}

// renewalJitter is the part of the time between two renewals by which one may come earlier,
// so that engines that were started together do not go on together.
const renewalJitter = 0.1

// claimBatch is the number of buckets that are asked for at a time: engines that look for
// the buckets of one that has died share them, and none takes more than it can list.
const claimBatch = 64

// within gives f the time that does not endanger the leases; what is left then is left to
// the next renewal.
func (d *durable) within(ctx context.Context, f func(ctx context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, d.engine.opts.Lease/4)
	defer cancel()
	f(ctx)
}

// claim takes over what nobody holds.
func (d *durable) claim(ctx context.Context) {
	e := d.engine
	if !d.recovery.TryLock() {
		return // Recover is doing it
	}
	defer d.recovery.Unlock()
	missing := d.missing()
	if len(missing) == 0 && len(d.unlisted()) == 0 {
		return
	}
	d.mu.Lock()
	d.jitter.Shuffle(len(missing), func(i, j int) { missing[i], missing[j] = missing[j], missing[i] })
	d.mu.Unlock()
	sessions := 0
	for first := true; first || len(missing) > 0; first = false {
		if e.closed.Load() || ctx.Err() != nil {
			break
		}
		batch := missing[:min(claimBatch, len(missing))]
		missing = missing[len(batch):]
		n, err := d.takeOver(ctx, batch)
		sessions += n
		if err != nil {
			e.logger.Warn("buckets that nobody holds not taken over; it is tried again", "error", err)
			break
		}
	}
	if sessions > 0 {
		e.logger.Info("sessions of other engines taken over", "sessions", sessions)
	}
}

// renew prolongs the leases. When the store cannot be reached they are kept:
// it is the store that refuses what an owner that was replaced writes.
func (d *durable) renew(ctx context.Context) error {
	d.leasing.Lock() // what it does not get back is lost, unless it came meanwhile
	defer d.leasing.Unlock()
	d.mu.Lock()
	leases := d.leases
	d.mu.Unlock()
	renewed, err := d.store.Renew(ctx, d.engine.opts.Lease, leases...)
	if err != nil {
		return err
	}
	d.hold(renewed)
	return nil
}

// sweep looks for what the engine was not told of: entries that another engine has put
// into an inbox.
func (d *durable) sweep(ctx context.Context) {
	from := d.sweepFrom
	for i := range d.epochs {
		bucket := (from + i) % len(d.epochs)
		if d.epochs[bucket].Load() == 0 {
			continue
		}
		d.sweepFrom = bucket
		for info, err := range d.store.Ready(ctx, bucket) {
			if err != nil {
				d.engine.logger.Warn("store not looked through for events", "bucket", bucket, "error", err)
				return
			}
			if waits := info.Tail > info.Acked; waits || info.Effects > len(d.pendingOf(info.ID)) {
				d.attend(info.ID, info.Tail)
			}
		}
	}
}

// attend sees to a session whose inbox in the store goes up to tail, or further.
func (d *durable) attend(id string, tail uint64) {
	s := d.engine.sessions.getLive(id)
	if s == nil || s.saved == nil {
		d.engine.wake(id)
		return
	}
	s.mu.Lock()
	after, late := s.saved.tail, !s.cold && tail > s.saved.tail
	s.mu.Unlock()
	if late {
		s.fetch(after)
	}
}

// release gives the buckets up.
func (d *durable) release() error {
	d.mu.Lock()
	d.released = true
	if d.stopRenew != nil {
		d.stopRenew()
	}
	leases := d.leases
	d.leases = nil
	d.mu.Unlock()
	return d.giveBack(leases)
}

func (d *durable) giveBack(leases []persistence.Lease) error {
	if len(leases) == 0 {
		return nil
	}
	if err := d.try(func(ctx context.Context) error { return d.store.Release(ctx, leases...) }); err != nil {
		return fmt.Errorf("session: releasing buckets: %w", err)
	}
	return nil
}
