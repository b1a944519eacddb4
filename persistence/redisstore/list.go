package redisstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// pageSize is how many entries a list fetches at a time.
const pageSize = 256

// Ready iterates over the sessions of a bucket with unhandled events or unconfirmed
// effects.
func (s *Store) Ready(ctx context.Context, n int) iter.Seq2[persistence.Info, error] {
	return s.infos(ctx, "ready sessions", n, s.bucket(n).ready(), "")
}

// List iterates over the sessions of a bucket by id.
func (s *Store) List(ctx context.Context, n int, after string) iter.Seq2[persistence.Info, error] {
	return s.infos(ctx, "sessions", n, s.bucket(n).all(), after)
}

// infos yields the sessions that a set names, behind after.
func (s *Store) infos(ctx context.Context, what string, n int, set, after string) iter.Seq2[persistence.Info, error] {
	return func(yield func(persistence.Info, error) bool) {
		after := after
		err := persistence.CheckBuckets(s.buckets, n)
		for err == nil {
			from := "-"
			if after != "" {
				from = "(" + after
			}
			var page reply
			page, err = s.read(ctx, scriptPage, []string{set}, []string{from, strconv.Itoa(pageSize), string(s.bucket(n))})
			for i := 0; err == nil && i < len(page); i++ {
				var info persistence.Info
				var there bool
				if info, there, err = readInfo(page, i); err != nil {
					break
				}
				after = info.ID
				if err = ctx.Err(); err == nil && there && !yield(info, nil) {
					return
				}
			}
			if err == nil && len(page) < pageSize {
				return
			}
		}
		yield(persistence.Info{}, fmt.Errorf("redisstore: %s of bucket %d: %w", what, n, err))
	}
}

// readInfo reads a member of the answer of scriptPage. there is false for a session that has
// expired.
func readInfo(page reply, i int) (info persistence.Info, there bool, err error) {
	r, err := page.list(i)
	if err != nil {
		return info, false, err
	}
	if info.ID, err = r.text(0); err != nil || len(r) == 1 {
		return info, false, err
	}
	var errs [7]error
	var digest string
	var timers, effects uint64
	info.Rev, errs[0] = r.number(1)
	info.Acked, errs[1] = r.number(2)
	info.Tail, errs[2] = r.number(3)
	digest, errs[3] = r.text(4)
	info.Claim, errs[4] = r.text(5)
	timers, errs[5] = r.number(6)
	effects, errs[6] = r.number(7)
	info.Timers, info.Effects = int(timers), int(effects)
	return info, true, errors.Join(errors.Join(errs[:]...), info.Document.UnmarshalText([]byte(digest)))
}

// Due iterates over the timers of a bucket set to until or earlier.
func (s *Store) Due(ctx context.Context, n int, until time.Time) iter.Seq2[persistence.Due, error] {
	return func(yield func(persistence.Due, error) bool) {
		err := persistence.CheckBuckets(s.buckets, n)
		var last string // time and member that were yielded last; the server sorts by them
		from, count := int64(0), pageSize
		for err == nil {
			var page []due
			page, err = s.dueFrom(ctx, n, from, until.UnixMilli(), count)
			fresh := 0
			for i := 0; err == nil && i < len(page); i++ {
				d := page[i]
				if d.at == from && d.member <= last {
					continue // seen on the page before
				}
				fresh++
				from, last = d.at, d.member
				if err = ctx.Err(); err == nil && !yield(d.timer, nil) {
					return
				}
			}
			if err == nil && len(page) < count {
				return
			}
			if fresh == 0 {
				count *= 2 // more timers of one millisecond than fit on a page
			}
		}
		yield(persistence.Due{}, fmt.Errorf("redisstore: due timers of bucket %d: %w", n, err))
	}
}

type due struct {
	timer  persistence.Due
	at     int64
	member string
}

func (s *Store) dueFrom(ctx context.Context, n int, from, until int64, count int) ([]due, error) {
	r, err := s.read(ctx, scriptDue, []string{s.bucket(n).due()},
		[]string{strconv.FormatInt(from, 10), strconv.FormatInt(until, 10), strconv.Itoa(count)})
	if err != nil {
		return nil, err
	}
	l, err := r.list(0)
	if err != nil || len(l)%2 != 0 {
		return nil, errUnexpected
	}
	page := make([]due, 0, len(l)/2)
	for i := 0; i < len(l); i += 2 {
		member, err1 := l.text(i)
		at, err2 := l.number(i + 1)
		session, timer, ok := strings.Cut(member, "\x00")
		if err1 != nil || err2 != nil || !ok {
			return nil, errUnexpected
		}
		page = append(page, due{persistence.Due{Session: session, Timer: timer, At: time.UnixMilli(int64(at)).UTC()}, int64(at), member})
	}
	return page, nil
}
