package crashtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// driver is the side of the test: it starts the process with the engine, feeds it, kills it, and keeps the
// ledger.
type driver struct {
	o      *Options
	test   string
	place  string
	report *Report
	ledger *ledger
	words  lastWords // of all processes

	stalled chan struct{} // closed when nothing happens any more, though not all sessions have ended

	mu       sync.Mutex
	progress int           // events acknowledged and effects entered
	moved    chan struct{} // closed when progress is made
	numbers  uint64        // of requests
	resent   int
	child    *child        // the one that runs; nil: none
	changed  chan struct{} // closed when child changes
}

func newDriver(test, place string, o *Options) *driver {
	r := &Report{Sessions: o.Sessions, Events: o.Sessions * o.Events}
	return &driver{o: o, test: test, place: place, report: r, ledger: newLedger(r), stalled: make(chan struct{}), moved: make(chan struct{}), changed: make(chan struct{})}
}

func (d *driver) run(target Target) *Report {
	began := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { d.watch(ctx, cancel) })
	wg.Go(func() { d.disturb(ctx, cancel) })
	living := make(chan struct{})
	go func() {
		defer close(living)
		d.keepAlive(ctx)
	}()
	var senders sync.WaitGroup
	for i := range d.o.Sessions {
		senders.Go(func() { d.feed(ctx, fmt.Sprintf("session-%03d", i)) })
	}
	senders.Wait()
	if ctx.Err() == nil {
		d.call(ctx, request{Op: opQuit})
	}
	cancel()
	<-living
	wg.Wait()
	if d.report.Problems() == nil {
		d.checkStore(target)
	}
	if words := d.words.String(); words != "" && d.report.Problems() != nil {
		d.ledger.problem("the last words of the processes:\n%s", words)
	}
	d.report.Resent, d.report.Effects, d.report.Repeats = d.resent, d.ledger.effects, d.ledger.repeats
	d.report.Elapsed = time.Since(began)
	return d.report
}

// feed leads one session through its life.
func (d *driver) feed(ctx context.Context, id string) {
	a := d.ledger.open(id)
	d.mustBeThere(id, "", d.call(ctx, request{Op: opStart, Session: id}))
	for n := 1; n <= d.o.Events && ctx.Err() == nil; n++ {
		r := d.call(ctx, request{Op: opSend, Session: id, Key: fmt.Sprint("step ", n), Event: "step", N: n})
		if ctx.Err() == nil {
			d.mustBeThere(id, fmt.Sprint("step ", n), r)
			d.ledger.accept(a, n)
		}
	}
	// A session that does not end of itself is asked to say what it has.
	for _, event := range []string{"close", "give.up"} {
		r := d.call(ctx, request{Op: opSend, Session: id, Key: event, Event: event})
		if r.Result == resultMissing {
			// It has ended: an earlier try was accepted.
			select {
			case <-a.gone:
			default:
				d.mustBeThere(id, event, r)
			}
		}
		stalled := d.stalled
		if event == "give.up" {
			stalled = nil // watch ends the run
		}
		select {
		case <-a.gone:
			return
		case <-ctx.Done():
			return
		case <-stalled:
		}
	}
}

func (d *driver) mustBeThere(id, event string, r line) {
	if r.Result == resultMissing {
		d.ledger.problem("session %s is not there for %s: %s", id, event, r.Error)
	}
}

// call asks until there is an answer: an event that was sent before is sent again, under the same key.
func (d *driver) call(ctx context.Context, r request) line {
	for try := 0; ctx.Err() == nil; try++ {
		c := d.living(ctx)
		if c == nil {
			break
		}
		d.mu.Lock()
		if try > 0 {
			d.resent++
		}
		d.numbers++
		r.Number = d.numbers
		d.mu.Unlock()
		answer := c.ask(r)
		select {
		case l := <-answer:
			if l.Result != resultAgain {
				d.advance()
				return l
			}
		case <-c.dead:
			if r.Op == opQuit && c.quit {
				return line{Result: resultOK}
			}
			continue
		case <-ctx.Done():
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return line{}
}

// advance notes that something has been done.
func (d *driver) advance() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.progress++
	close(d.moved)
	d.moved = make(chan struct{})
}

// reached waits until so much has been done. It returns false when ctx ends before.
func (d *driver) reached(ctx context.Context, progress int) bool {
	for {
		d.mu.Lock()
		now, moved := d.progress, d.moved
		d.mu.Unlock()
		if now >= progress {
			return true
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return false
		}
	}
}

// watch ends the run when there is a problem, or nothing happens any more.
func (d *driver) watch(ctx context.Context, end func()) {
	last, since, stalled := -1, time.Now(), false
	for {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return
		}
		d.mu.Lock()
		now := d.progress
		d.mu.Unlock()
		if now != last {
			last, since = now, time.Now()
		}
		if !stalled && time.Since(since) > d.o.Patience/2 {
			stalled = true
			close(d.stalled)
		}
		if time.Since(since) > d.o.Patience {
			d.ledger.problem("nothing has happened for %v; these sessions have not ended: %s", d.o.Patience, d.ledger.living())
		}
		if d.ledger.wrong() {
			end()
			return
		}
	}
}

// disturb kills at random points.
func (d *driver) disturb(ctx context.Context, end func()) {
	random := rand.New(rand.NewPCG(d.o.Seed, 0))
	// What is to come: each event, the start and the end of each session, and the effects.
	all := d.o.Sessions * (2*d.o.Events + 2 + d.o.Events/lateEvery + ticks + 1)
	points := make([]int, d.o.Kills)
	for i := range points {
		points[i] = random.IntN(all * 19 / 20)
	}
	slices.Sort(points)
	var last *child
	for n, point := range points {
		// A quarter of the kills falls into the first moments of a process, while it recovers.
		early, delay := random.IntN(4) == 0, time.Duration(random.IntN(3000))*time.Microsecond
		if early && d.o.Disturb == nil {
			delay *= 50
		} else if !d.reached(ctx, point) {
			return
		}
		c := d.other(ctx, last)
		if c == nil {
			return
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return
		}
		if d.o.Disturb != nil {
			if err := d.o.Disturb(n); err != nil {
				d.ledger.problem("disturbance %d: %v", n, err)
				end()
				return
			}
		} else {
			c.kill()
			last = c
		}
		d.report.Kills++
	}
}

// living waits for a process.
func (d *driver) living(ctx context.Context) *child { return d.other(ctx, nil) }

// other waits for a process that is not the given one. It returns nil when ctx ends before.
func (d *driver) other(ctx context.Context, not *child) *child {
	for {
		d.mu.Lock()
		c, changed := d.child, d.changed
		d.mu.Unlock()
		if c != nil && c != not {
			return c
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

func (d *driver) replace(c *child) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.child = c
	close(d.changed)
	d.changed = make(chan struct{})
}

// keepAlive starts a process, and the next whenever one is killed.
func (d *driver) keepAlive(ctx context.Context) {
	for ctx.Err() == nil {
		c, err := d.start()
		if err != nil {
			d.ledger.problem("starting the process: %v", err)
			return
		}
		stop := context.AfterFunc(ctx, c.kill)
		d.replace(c)
		c.read(d)
		d.replace(nil)
		stop()
		if c.quit && ctx.Err() == nil {
			close(c.dead)
			return
		}
		if !c.killed.Load() {
			d.ledger.problem("the process ended by itself: %v", c.err)
		}
		close(c.dead)
	}
}

// start runs this test in a process of its own, where Play does not return.
func (d *driver) start() (*child, error) {
	var pattern []string
	for _, name := range strings.Split(d.test, "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(name)+"$")
	}
	cmd := exec.Command(os.Args[0], "-test.run="+strings.Join(pattern, "/"), "-test.timeout=0")
	cmd.Env = append(os.Environ(), placeVariable+"="+d.place)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, in: &lines{w: in}, out: out, waiting: make(map[uint64]chan line), dead: make(chan struct{})}
	cmd.Stderr = &d.words
	return c, cmd.Start()
}

// checkStore looks for what is left in the store after the last session has ended.
func (d *driver) checkStore(target Target) {
	store, err := target.Open(d.place)
	if err != nil {
		d.ledger.problem("%v", err)
		return
	}
	for bucket := range store.Buckets() {
		for info, err := range store.List(context.Background(), bucket, "") {
			if err != nil {
				d.ledger.problem("%v", err)
				break
			}
			d.report.Lost = append(d.report.Lost, left(info))
		}
	}
	if err := store.Close(); err != nil && !errors.Is(err, io.EOF) {
		d.ledger.problem("%v", err)
	}
}

func left(info persistence.Info) string {
	return fmt.Sprintf("session %s is left in the store, with %d events, %d timers and %d effects", info.ID, info.Tail-info.Acked, info.Timers, info.Effects)
}

// read takes the lines of a process until it is dead.
func (c *child) read(d *driver) {
	texts := bufio.NewScanner(c.out)
	texts.Buffer(nil, 1<<20)
	for texts.Scan() {
		var l line
		if json.Unmarshal(texts.Bytes(), &l) != nil || !l.Crashtest {
			fmt.Fprintln(&d.words, texts.Text()) // of the testing package
			continue
		}
		switch {
		case l.Effect != "":
			if d.ledger.enter(l) {
				d.advance()
			}
			_ = c.in.write(request{Op: opDone, Effect: l.Effect})
		case l.Result != resultReady:
			c.answer(l)
		}
	}
	c.err = errors.Join(texts.Err(), c.cmd.Wait())
}

// lastWords keeps the end of what processes have written.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

func (w *lastWords) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, p...)
	if most := 64 << 10; len(w.text) > most {
		w.text = append(w.text[:0], w.text[len(w.text)-most:]...)
	}
	return len(p), nil
}

func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(bytes.TrimSpace(w.text))
}
