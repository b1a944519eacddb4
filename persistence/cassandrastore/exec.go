package cassandrastore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/seed-ff723688/ors/persistence"
)

// enter begins an operation, which ends with done. The context it returns ends with the
// operation's time.
func (s *Store) enter(ctx context.Context) (inside context.Context, done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	s.running.RLock()
	if s.closed {
		s.running.RUnlock()
		return nil, nil, persistence.ErrClosed
	}
	inside, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	return inside, func() {
		cancel()
		s.running.RUnlock()
	}, nil
}

// later cleans up behind an operation that has succeeded. What is not cleaned up is found when it is
// read, so that errors do not matter. It is called inside an operation.
func (s *Store) later(clean func(ctx context.Context) error) {
	s.tidying <- struct{}{}
	s.cleanup.Go(func() {
		defer func() { <-s.tidying }()
		ctx, cancel := context.WithTimeout(context.Background(), s.opts.Timeout)
		defer cancel()
		_ = clean(ctx)
	})
}

// stmt is a statement with its arguments.
type stmt struct {
	cql  string
	args []any
}

// put executes a statement that needs no condition.
func (s *Store) put(ctx context.Context, cql string, args ...any) error {
	return s.session.Query(cql, args...).Consistency(s.write).ExecContext(ctx)
}

// swap executes statements on one partition whose first has the condition that ver is what
// it was read as, and sets it to now, which nobody has used before. So it can be repeated while
// its outcome is not known. It returns false, and has written nothing, where the condition does not hold.
func (s *Store) swap(ctx context.Context, now int64, work ...stmt) (bool, error) {
	var unknown error
	for delay := 20 * time.Millisecond; ; delay = min(2*delay, time.Second) {
		b := s.session.Batch(gocql.UnloggedBatch).Consistency(s.write).SerialConsistency(s.serial)
		for _, w := range work {
			b.Query(w.cql, w.args...)
		}
		found := make(map[string]any)
		applied, iter, err := b.MapExecCASContext(ctx, found)
		if iter != nil {
			err = errors.Join(err, iter.Close())
		}
		ver, _ := found["ver"].(int64)
		switch {
		case err == nil && (applied || ver == now):
			return true, nil
		case err == nil && unknown == nil:
			return false, nil
		case err == nil: // it may have taken effect, and somebody else have written since
			return false, fmt.Errorf("%w: %w", persistence.ErrOutcomeUnknown, unknown)
		case unknown == nil && nothingWritten(err):
			return false, tooLarge(err)
		case !nothingWritten(err):
			unknown = err
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("%w: %w", persistence.ErrOutcomeUnknown, errors.Join(ctx.Err(), unknown))
		case <-time.After(delay/2 + rand.N(delay)):
		}
	}
}

// nothingWritten reports whether an error of the driver says that a write with a condition did not
// happen and will not.
func nothingWritten(err error) bool {
	var few *gocql.RequestErrUnavailable
	if errors.As(err, &few) {
		// Before a decision the nodes for the serial level are looked for; after it those for the other.
		return few.Consistency == gocql.Serial || few.Consistency == gocql.LocalSerial
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return true
	}
	for _, is := range []error{gocql.ErrNoConnections, gocql.ErrSessionClosed, gocql.ErrNoStreams} {
		if errors.Is(err, is) {
			return true
		}
	}
	var answer gocql.RequestError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.Code() {
	case gocql.ErrCodeOverloaded, gocql.ErrCodeBootstrapping, gocql.ErrCodeSyntax, gocql.ErrCodeUnauthorized, gocql.ErrCodeInvalid,
		gocql.ErrCodeConfig, gocql.ErrCodeUnprepared, gocql.ErrCodeCredentials, gocql.ErrCodeProtocol:
		return true
	}
	return false
}

// tooLarge gives the refusal of a write that is too large its name.
func tooLarge(err error) error {
	var answer gocql.RequestError
	if errors.As(err, &answer) && (strings.Contains(answer.Message(), "too large") || strings.Contains(answer.Message(), "exceeds allowed maximum")) {
		return fmt.Errorf("%w: Options.MaxWrite is above what the servers take: %w", persistence.ErrTooLarge, err)
	}
	return err
}

// fresh returns a number that nobody has used: a version, or the birth of a session.
func fresh() int64 { return rand.Int64N(1<<63-1) + 1 }

// orNull is a version as a condition: 0 stands for none.
func orNull(ver int64) any {
	if ver == 0 {
		return nil
	}
	return ver
}

// again has an operation repeated that found its session changed by somebody else while it was
// deciding. It returns an error when the time is over.
func again(ctx context.Context, try int) error {
	delay := time.Duration(min(try, 10)) * time.Millisecond
	select {
	case <-ctx.Done():
		return fmt.Errorf("others write the same session all the time; nothing was written: %w", ctx.Err())
	case <-time.After(rand.N(delay + time.Millisecond)):
		return nil
	}
}

// together runs several calls at the same time and returns their errors.
func together(calls ...func() error) error {
	errs := make([]error, len(calls))
	var wg sync.WaitGroup
	for i, call := range calls[1:] {
		wg.Go(func() { errs[i+1] = call() })
	}
	errs[0] = calls[0]()
	wg.Wait()
	return errors.Join(errs...)
}

// parallel is how many requests a call about many sessions or buckets has under way.
const parallel = 32

// each calls do for 0 to n-1, several at a time, and returns the first error. After an error no
// further calls are begun.
func each(n int, do func(int) error) error {
	var mu sync.Mutex
	var next int
	var first error
	take := func(err error) (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = err
		}
		if first != nil || next == n {
			return 0, false
		}
		next++
		return next - 1, true
	}
	var wg sync.WaitGroup
	for range min(n, parallel) {
		wg.Go(func() {
			var err error
			for {
				i, ok := take(err)
				if !ok {
					return
				}
				err = do(i)
			}
		})
	}
	wg.Wait()
	return first
}

// locks has the writers of this process to one session wait for each other here, rather than
// compete on the servers. The zero value is ready for use.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

type lock struct {
	turn  chan struct{} // holds one while somebody has the lock
	users int
}

// lock waits for the lock of a session. It returns the function that gives it back.
func (l *locks) lock(ctx context.Context, id string) (func(), error) {
	l.mu.Lock()
	if l.held == nil {
		l.held = make(map[string]*lock)
	}
	k := l.held[id]
	if k == nil {
		k = &lock{turn: make(chan struct{}, 1)}
		l.held[id] = k
	}
	k.users++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if k.users--; k.users == 0 {
			delete(l.held, id)
		}
	}
	select {
	case k.turn <- struct{}{}:
		return func() {
			<-k.turn
			leave()
		}, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
