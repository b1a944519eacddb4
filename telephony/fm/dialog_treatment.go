package fm

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/telephony"
)

// treatment is something played to a call. Guarded by Connector.mu.
type treatment struct {
	p          *pending // whose it is; nil for one of a busy list
	busy       *busyList
	action     string
	typ        telephony.TreatmentType
	parameters telephony.KVList
	extensions telephony.KVList

	length time.Duration // after which it counts as done; 0: when the switch says so
	limit  time.Duration // after which it counts as failed; 0: none
	stop   func()        // of the timer; nil when it does not run
}

// grace is what the switch gets on top of total_timeout to tell how a collection
// of digits ended.
const grace = 10 * time.Second

// apply sends a treatment to the switch. refused is called with c.mu held.
func (c *Connector) apply(k *call, t *treatment, refused func(error)) {
	c.link.Send(&telephony.RequestApplyTreatment{
		ThisDN: k.waiting, ConnID: k.conn, TreatmentType: t.typ, Parameters: t.parameters, Extensions: t.extensions,
	}, func(_ telephony.Event, err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil {
			refused(err)
			return
		}
		if t.busy != nil && t.busy.over {
			return // a target was found meanwhile
		}
		if old := k.treatment; old == nil || old.busy == nil || old.busy != t.busy {
			c.cancelTreatment(k, "another treatment took its place")
		}
		k.treatment = t
		switch {
		case t.length > 0:
			t.stop = c.after(t.length, func() { c.treatmentOver(k.now(), t, ".done.timeout") })
		case t.limit > 0:
			t.stop = c.after(t.limit, func() {
				if k := k.now(); k.treatment == t {
					k.treatment = nil
					c.failTreatment(k, t, codeTimeout, "the switch did not tell of the end of the treatment")
				}
			})
		}
	})
}

// after calls f with c.mu held, unless it is stopped before.
func (c *Connector) after(d time.Duration, f func()) (stop func()) {
	stopped := false
	halt := c.clock.AfterFunc(d, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !stopped {
			stopped = true
			f()
		}
	})
	return func() {
		stopped = true
		halt()
	}
}

// treatmentEnded takes the news of the switch that a treatment is over.
func (c *Connector) treatmentEnded(k *call, e *telephony.EventTreatmentEnd) {
	t := k.treatment
	if t == nil || e.TreatmentType != telephony.TreatmentUnknown && e.TreatmentType != t.typ {
		return
	}
	var data []datamodel.Member
	switch t.action {
	case actionCollect, actionPlayAndCollect, actionPlayAndVerify:
		data = append(data, datamodel.Member{Name: "digits", Value: e.CollectedDigits})
	case actionStart:
		data = append(data, datamodel.Member{Name: "extensions", Value: fromList(e.Extensions)})
	case actionCreateAnn:
		data = append(data, datamodel.Member{Name: "userannid", Value: e.Extensions.Text("USER_ANN_ID")})
	}
	c.treatmentOver(k, t, ".done", data...)
}

// treatmentOver ends a treatment that ran its time.
func (c *Connector) treatmentOver(k *call, t *treatment, event string, data ...datamodel.Member) {
	if k.treatment != t {
		return
	}
	k.endTreatment()
	if t.p != nil {
		data = append([]datamodel.Member{{Name: "interactionid", Value: k.id}}, data...)
		c.emit(t.p.session, c.answer(k, t.p, t.p.prefix+event, data...))
	}
	if t.busy != nil {
		c.step(t.busy)
	}
}

// endTreatment forgets the treatment of a call.
func (k *call) endTreatment() {
	if t := k.treatment; t != nil {
		k.treatment = nil
		if t.stop != nil {
			t.stop()
		}
	}
}

// cancelTreatment tells that a treatment ended before its time. It ends a busy
// list.
func (c *Connector) cancelTreatment(k *call, why string) {
	if t := k.treatment; t != nil {
		k.endTreatment()
		c.failTreatment(k, t, codeCancelled, why)
	}
}

func (c *Connector) failTreatment(k *call, t *treatment, code, why string) {
	if t.p != nil {
		c.fail(k, t.p, code, why)
	}
	if t.busy != nil {
		t.busy.end()
	}
}

// busyList is what is played in turn to a call that waits for a target. Guarded
// by Connector.mu.
type busyList struct {
	k       *call
	items   []*treatment
	next    int
	applied int       // in this round
	round   time.Time // when it began
	over    bool
	stop    func() // of a pause
}

// busyRound is the shortest time for a round through a busy list.
const busyRound = time.Second

// newBusyList reads <runtreatments> among the children of an action; nil
// without any, and for what is no call.
func newBusyList(k *call, args *datamodel.Object) (*busyList, error) {
	b := &busyList{k: k}
	for _, run := range childrenOf(args, actionRun) {
		for _, o := range childrenOf(run, "") {
			if language, ok := args.Get("language"); ok && text(o, "language") == "" {
				o = datamodel.NewObject(o.Members()...)
				o.Set("language", language)
			}
			t, err := treatmentOf(text(o, argElement), o)
			if err != nil {
				return nil, fmt.Errorf("<%s> in <runtreatments>: %w", text(o, argElement), err)
			}
			t.busy = b
			b.items = append(b.items, t)
		}
	}
	if len(b.items) == 0 || k.media != nil {
		return nil, nil
	}
	return b, nil
}

// end stops a list; what is being played goes on until something takes its
// place.
func (b *busyList) end() {
	if b == nil || b.over {
		return
	}
	b.over = true
	if b.stop != nil {
		b.stop()
	}
	if t := b.k.treatment; t != nil && t.busy == b {
		b.k.endTreatment()
	}
}

// step begins the next treatment of a list. It does nothing while the call does
// not wait at a routing point.
func (c *Connector) step(b *busyList) {
	b.stop = nil
	if b.over || b.k.waiting == "" || b.k.routing != nil {
		return
	}
	now := c.clock.Now()
	if b.next == len(b.items) {
		if b.applied == 0 {
			c.logger.Warn("no busy treatment can be applied", "connid", b.k.conn, "dn", b.k.waiting)
			b.end()
			return
		}
		b.next, b.applied = 0, 0
		if rest := busyRound - now.Sub(b.round); rest > 0 {
			b.stop = c.after(rest, func() { c.step(b) })
			return
		}
	}
	if b.next == 0 {
		b.round = now
	}
	t := *b.items[b.next]
	b.next++
	if t.action == actionPause {
		b.applied++
		b.stop = c.after(t.length, func() { c.step(b) })
		return
	}
	b.applied++
	c.apply(b.k, &t, func(err error) {
		b.applied--
		c.logger.Debug("busy treatment not applied", "connid", b.k.conn, "treatment", t.typ, "error", err)
		c.step(b)
	})
}

// resume goes on with a list after a target was of no use, unless something is
// being played.
func (c *Connector) resume(b *busyList) {
	if b.k.treatment == nil && b.stop == nil {
		c.step(b)
	}
}

// treatmentOf reads the attributes and children of an action. Keys of the
// parameters are those of the T-Library where they are known, else our own.
func treatmentOf(action string, args *datamodel.Object) (*treatment, error) {
	t := &treatment{action: action, extensions: extensions(args)}
	if language := text(args, "language"); language != "" {
		t.parameters.Add("LANGUAGE", telephony.String(language))
	}
	return t, t.read(args)
}

func (t *treatment) read(args *datamodel.Object) error {
	add := func(key, attribute string) {
		if s := text(args, attribute); s != "" {
			t.parameters.Add(key, telephony.String(s))
		}
	}
	needed := func(key, attribute string) error {
		if text(args, attribute) == "" {
			return fmt.Errorf("attribute %s is empty", attribute)
		}
		add(key, attribute)
		return nil
	}
	switch t.action {
	case actionPlay:
		t.typ = telephony.TreatmentPlayAnnouncement
		return t.prompts(args, telephony.TreatmentTextToSpeech)
	case actionCollect:
		t.typ = telephony.TreatmentCollectDigits
		return t.input(args)
	case actionPlayAndCollect:
		t.typ = telephony.TreatmentPlayAnnouncementAndDigits
		if err := t.prompts(args, telephony.TreatmentTextToSpeechAndDigits); err != nil {
			return err
		}
		return t.input(args)
	case actionPlayAndVerify:
		t.typ = telephony.TreatmentVerifyDigits
		if err := t.prompts(args, telephony.TreatmentVerifyDigits); err != nil {
			return err
		}
		if err := t.integer("ATTEMPTS", args, "attempts", 1, 99); err != nil {
			return err
		}
		return t.input(args)
	case actionPlaySound:
		typ, ok := sound(text(args, "type"))
		if !ok {
			return fmt.Errorf("attribute type: %q is no sound: want one of %s", text(args, "type"), strings.Join(soundNames(), ", "))
		}
		t.typ = typ
		add("MUSIC_DN", "resource")
		return t.duration(args, 0)
	case actionStart:
		t.typ = telephony.TreatmentPlayApplication
		for _, p := range childrenOf(args, "param") {
			v, _ := p.Get("expr")
			t.parameters.Add(text(p, "name"), toValue(v))
		}
		return nil
	case actionPause:
		return t.duration(args, 1)
	case actionRemote:
		t.typ = telephony.TreatmentIVR
		add("LABEL", "default")
		return needed("DESTINATION", "destination")
	case actionCreateAnn:
		t.typ = telephony.TreatmentRecordUserAnnouncement
		add("USER_ID", "userid")
		if len(childrenOf(args, "prompts")) > 0 {
			if err := t.prompts(args, t.typ); err != nil {
				return err
			}
		}
		return t.input(args)
	case actionDeleteAnn:
		t.typ = telephony.TreatmentDeleteUserAnnouncement
		add("USER_ID", "userid")
		return needed("USER_ANN_ID", "userannid")
	case actionSetDestination:
		t.typ = telephony.TreatmentSetDefaultRoute
		return needed("LABEL", "destination")
	}
	return fmt.Errorf("there is no treatment %s", t.action)
}

// sounds are the values of the attribute type of <playsound>.
var sounds = []struct {
	name string
	typ  telephony.TreatmentType
}{
	{"music", telephony.TreatmentMusic}, {"ringback", telephony.TreatmentRingBack}, {"busy", telephony.TreatmentBusy},
	{"fastbusy", telephony.TreatmentFastBusy}, {"silence", telephony.TreatmentSilence}, {"ran", telephony.TreatmentRAN},
}

func sound(name string) (telephony.TreatmentType, bool) {
	for _, s := range sounds {
		if strings.EqualFold(s.name, name) {
			return s.typ, true
		}
	}
	return 0, false
}

func soundNames() []string {
	names := make([]string, len(sounds))
	for i, s := range sounds {
		names[i] = s.name
	}
	return names
}

// duration reads the attribute duration, in seconds.
func (t *treatment) duration(args *datamodel.Object, otherwise float64) error {
	seconds, given, err := number(args, "duration")
	switch {
	case err != nil:
		return err
	case seconds < 0:
		return fmt.Errorf("attribute duration: %g is negative", seconds)
	case !given || seconds == 0:
		seconds = otherwise
	}
	t.length = duration(seconds)
	if seconds > 0 && t.action == actionPlaySound {
		t.parameters.Add("DURATION", telephony.Number(seconds))
	}
	return nil
}

// integer reads an attribute that holds an integer and may be missing.
func (t *treatment) integer(key string, args *datamodel.Object, name string, least, most float64) error {
	n, given, err := number(args, name)
	switch {
	case err != nil:
		return err
	case !given:
		return nil
	case n < least || n > most || n != float64(int32(n)):
		return fmt.Errorf("attribute %s: %g is no integer from %g to %g", name, n, least, most)
	}
	t.parameters.Add(key, telephony.Int(int32(n)))
	return nil
}

// The forms of the attributes of <input>.
const (
	inputNumber = iota
	inputDigits
	inputFlag
	inputSeconds
)

type inputKey struct {
	attribute, key string
	form           int
	note           string
}

// inputKeys are the attributes of <input> and the parameters that they become.
func inputKeys() []inputKey {
	return []inputKey{
		{"max_digits", "MAX_DIGITS", inputNumber, "0 to 31"},
		{"term_digits", "TERM_DIGITS", inputDigits, "each of which ends the input"},
		{"abort_digits", "ABORT_DIGITS", inputDigits, "each of which gives the input up"},
		{"reset_digits", "RESET_DIGITS", inputDigits, "each of which begins the input anew"},
		{"backspace_digits", "BACKSPACE_DIGITS", inputDigits, "each of which takes one digit back"},
		{"ignore_digits", "IGNORE_DIGITS", inputDigits, "that do not count"},
		{"clear", "CLEAR_FLAG", inputFlag, "true: what was keyed before does not count"},
		{"start_timeout", "START_TIMEOUT", inputSeconds, "seconds until the first digit"},
		{"digit_timeout", "DIGIT_TIMEOUT", inputSeconds, "seconds between two digits"},
		{"total_timeout", "TOTAL_TIMEOUT", inputSeconds, "seconds in all"},
	}
}

// input reads <input>.
func (t *treatment) input(args *datamodel.Object) error {
	for _, o := range childrenOf(args, "input") {
		for _, k := range inputKeys() {
			var err error
			switch k.form {
			case inputNumber:
				err = t.integer(k.key, o, k.attribute, 0, 31)
			case inputSeconds:
				err = t.integer(k.key, o, k.attribute, 0, 86_400)
			case inputFlag:
				if v, ok := o.Get(k.attribute); ok {
					t.parameters.Add(k.key, telephony.Int(0))
					if truth(v) {
						t.parameters.Set(k.key, telephony.Int(1))
					}
				}
			default:
				digits := text(o, k.attribute)
				if at := strings.IndexFunc(digits, func(r rune) bool { return !strings.ContainsRune("0123456789*#ABCDabcd, ", r) }); at >= 0 {
					err = fmt.Errorf("attribute %s: %q holds something other than digits, * and #", k.attribute, digits)
				} else if digits != "" {
					t.parameters.Add(k.key, telephony.String(digits))
				}
			}
			if err != nil {
				return err
			}
		}
		if total, _ := t.parameters.Get("TOTAL_TIMEOUT"); total.Kind() == telephony.KindInt {
			seconds, _ := total.Int()
			t.limit = time.Duration(seconds)*time.Second + grace
		}
	}
	return nil
}

// promptKey is the parameter that holds the prompts of each type.
func promptKey(typ string) string {
	switch {
	case typ == "" || typ == defaultPromptType || typ == textToSpeechPromptType:
		return "PROMPT"
	case strings.HasPrefix(typ, promptMessages):
		return typ
	}
	return strings.ToUpper(typ[1:]) + "_PROMPT"
}

// prompts reads <prompts>: a list for each prompt under the keys 1, 2, ….
// Prompts of type tts make it a treatment of type spoken.
func (t *treatment) prompts(args *datamodel.Object, spoken telephony.TreatmentType) error {
	for _, list := range childrenOf(args, "prompts") {
		typ := text(list, "type")
		if typ == textToSpeechPromptType {
			t.typ = spoken
		}
		if typ != "" && !slices.Contains(promptTypes(), typ) && !strings.HasPrefix(typ, promptMessages) {
			return fmt.Errorf("attribute type: %q is no type of prompts", typ)
		}
		var prompts telephony.KVList
		for i, o := range childrenOf(list, "prompt") {
			interrupt, _ := o.Get("interrupt")
			var prompt telephony.KVList
			prompt.Add("INTERRUPT", telephony.Int(0))
			if truth(interrupt) {
				prompt.Set("INTERRUPT", telephony.Int(1))
			}
			key, value, err := promptOf(o)
			if err != nil {
				return fmt.Errorf("prompt %d: %w", i+1, err)
			}
			prompt.Add(key, value)
			prompts.Add(strconv.Itoa(i+1), telephony.List(prompt))
		}
		t.parameters.Add(promptKey(typ), telephony.List(prompts))
	}
	return nil
}

func promptOf(o *datamodel.Object) (key string, value telephony.Value, err error) {
	for _, m := range o.Members() {
		s := asText(m.Value)
		switch m.Name {
		case "intid":
			n, ok := telephony.String(s).Int()
			if !ok {
				return "", value, fmt.Errorf("intid %q is not an integer", s)
			}
			return "ID", telephony.Int(n), nil
		case "number":
			key = "DIGITS"
		case "userannid":
			key = "USER_ANN_ID"
		case "text":
			key = "TEXT"
		default:
			continue
		}
		if s == "" {
			return "", value, errors.New(m.Name + " is empty")
		}
		return key, telephony.String(s), nil
	}
	return "", value, errors.New("there is nothing to play")
}
