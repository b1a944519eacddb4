package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/seed-ff723688/ors/persistence"
)

// reply is the answer of a script without its first word, which was OK.
type reply []rueidis.RedisMessage

func (r reply) text(i int) (string, error) {
	if i >= len(r) {
		return "", errUnexpected
	}
	s, err := r[i].ToString()
	if err != nil {
		return "", errUnexpected
	}
	return s, nil
}

func (r reply) bytes(i int) ([]byte, error) {
	s, err := r.text(i)
	if err != nil || s == "" {
		return nil, err
	}
	return []byte(s), nil
}

func (r reply) number(i int) (uint64, error) {
	s, err := r.text(i)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, errUnexpected
	}
	return n, nil
}

func (r reply) list(i int) (reply, error) {
	if i >= len(r) {
		return nil, errUnexpected
	}
	l, err := r[i].ToArray()
	if err != nil {
		return nil, errUnexpected
	}
	return l, nil
}

// refusal is the answer of a script that has changed nothing.
type refusal struct {
	word string
	more reply
}

func (e *refusal) Error() string { return "refused by the store's script: " + e.word }

// read runs a script that reads.
func (s *Store) read(ctx context.Context, l *luaScript, keys, args []string) (reply, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	r, err := answer(s.eval(ctx, s.client, l, keys, args))
	return r, s.cause(err, false)
}

// write runs a script that writes, and at LevelReplicated waits until a replica has what it
// wrote.
func (s *Store) write(ctx context.Context, l *luaScript, keys, args []string) (reply, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	if s.opts.Level != LevelReplicated {
		r, err := answer(s.eval(ctx, s.client, l, keys, args))
		return r, s.cause(err, true)
	}
	select {
	case s.waiting <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.waiting }()
	return s.writeReplicated(ctx, l, keys, args)
}

func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return persistence.ErrClosed
	}
	return nil
}

// doer is a client or one of its connections.
type doer interface {
	B() rueidis.Builder
	Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult
}

// eval has the server run a script, which it is sent where it does not know it.
func (s *Store) eval(ctx context.Context, c doer, l *luaScript, keys, args []string) rueidis.RedisResult {
	r := c.Do(ctx, bySum(c, l, keys, args))
	if no, ok := rueidis.IsRedisErr(r.Error()); ok && no.IsNoScript() {
		r = c.Do(ctx, byText(c, l, keys, args))
	}
	return r
}

func bySum(c doer, l *luaScript, keys, args []string) rueidis.Completed {
	if l.reads {
		return c.B().EvalshaRo().Sha1(l.sha).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
	}
	return c.B().Evalsha().Sha1(l.sha).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
}

func byText(c doer, l *luaScript, keys, args []string) rueidis.Completed {
	if l.reads {
		return c.B().EvalRo().Script(l.text).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
	}
	return c.B().Eval().Script(l.text).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
}

// writeReplicated writes and waits on one connection: WAIT is about what its own connection has
// written. Such a connection neither follows redirections nor notices that a slot has a new
// master, so the client is asked to, by a read.
func (s *Store) writeReplicated(ctx context.Context, l *luaScript, keys, args []string) (reply, error) {
	for delay := 10 * time.Millisecond; ; delay = min(2*delay, 500*time.Millisecond) {
		r, err := s.tryReplicated(ctx, l, keys, args)
		if decided(err) {
			return r, err
		}
		no, answered := rueidis.IsRedisErr(err)
		if answered && !elsewhere(no) || ctx.Err() != nil {
			return nil, s.cause(err, true)
		}
		_ = s.client.Do(ctx, s.client.B().Exists().Key(keys[0]).Build()).Error()
		if !answered {
			return nil, s.cause(err, true) // it may have been written
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return nil, s.cause(err, true)
		}
	}
}

// elsewhere reports whether the answer says that the slot is, or will be, on another server. Nothing
// was written.
func elsewhere(no *rueidis.RedisError) bool {
	_, moved := no.IsMoved()
	_, ask := no.IsAsk()
	return moved || ask || no.IsTryAgain() || no.IsClusterDown()
}

func (s *Store) tryReplicated(ctx context.Context, l *luaScript, keys, args []string) (reply, error) {
	c, release := s.client.Dedicate()
	defer release()
	raw := s.eval(ctx, c, l, keys, args)
	r, err := answer(raw)
	if !decided(err) {
		return nil, err
	}
	wait := c.B().Wait().Numreplicas(1).Timeout(s.opts.ReplicaTimeout.Milliseconds()).Build()
	n, waitErr := c.Do(ctx, wait).AsInt64()
	if waitErr != nil {
		return nil, fmt.Errorf("%w: waiting for a replica: %w", persistence.ErrOutcomeUnknown, waitErr)
	}
	if n < 1 {
		return nil, fmt.Errorf("%w: no replica had the write after %v", persistence.ErrOutcomeUnknown, s.opts.ReplicaTimeout)
	}
	return r, err
}

// decided reports whether the script ran to its end. Also where it has refused, a replica has to have what it
// decided by: that a session exists may be the doing of an earlier try, which can still be lost.
func decided(err error) bool {
	var refused *refusal
	return err == nil || errors.As(err, &refused) || errors.Is(err, persistence.ErrNotFound) || errors.Is(err, persistence.ErrExists)
}

// answer reads what a script has returned.
func answer(r rueidis.RedisResult) (reply, error) {
	list, err := r.ToArray()
	if err != nil {
		return nil, err
	}
	word, err := reply(list).text(0)
	if err != nil {
		return nil, err
	}
	switch word {
	case "OK":
		return list[1:], nil
	case "NOTFOUND":
		return nil, persistence.ErrNotFound
	case "EXISTS":
		return nil, persistence.ErrExists
	}
	return nil, &refusal{word, list[1:]}
}

// cause turns an error of the driver into one of the contract. Nobody can know what became of a write
// when its answer is missing.
func (s *Store) cause(err error, writes bool) error {
	var refused *refusal
	var dial *net.OpError
	switch no, ok := rueidis.IsRedisErr(err); {
	case err == nil, errors.As(err, &refused), errors.Is(err, persistence.ErrNotFound), errors.Is(err, persistence.ErrExists),
		errors.Is(err, persistence.ErrOutcomeUnknown), errors.Is(err, errUnexpected):
		return err
	case ok && strings.HasPrefix(no.Error(), "OOM"):
		return fmt.Errorf("%w: %w", persistence.ErrFull, err)
	case ok && strings.Contains(no.Error(), "exceeds maximum allowed size"):
		return fmt.Errorf("%w: %w", persistence.ErrTooLarge, err)
	case ok:
		return fmt.Errorf("the server refused: %w", err)
	case errors.Is(err, rueidis.ErrClosing) && s.closed.Load() && !writes:
		return persistence.ErrClosed
	case errors.As(err, &dial) && dial.Op == "dial":
		return err
	case writes:
		return fmt.Errorf("%w: %w", persistence.ErrOutcomeUnknown, err)
	}
	return err
}
