package fm_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// keys are those of a list in its text form.
var keys = regexp.MustCompile(`"(\w+)": `)

// treated runs a document in which the action is executed when a call waits at
// the routing point, and returns the requests that the switch got and the events
// that the session saw. duration is that of every treatment.
func treated(t *testing.T, action string, duration time.Duration, digits string, then func(w *desk)) (requests, events []string) {
	w := newDesk(t, `
<parallel id="both">
<state id="do"><transition event="interaction.onrouterequest"><assign location="ixn" expr="_event.data.interactionid"/>`+action+`</transition>
  <transition event="go.stop"><dialog:stop requestid="req"/></transition></state>
<state id="watch"><transition event="dialog.* error.*">
  <log expr="_event.name + ' ' + (_event.data.requestid == req) + ' ' +
    JSON.stringify({digits: _event.data.digits, extensions: _event.data.extensions, id: _event.data.userannid, error: _event.data.error, why: _event.data.description})"/></transition></state>
</parallel>`)
	w.treat = func(r *telephony.RequestApplyTreatment) sim.Treatment {
		requests = append(requests, r.TreatmentType.String()+" "+keys.ReplaceAllString(r.Parameters.String(), "$1="))
		return sim.Treatment{Duration: duration, Digits: digits}
	}
	_, err := w.sw.Call("5000", sim.Caller{})
	require.NoError(t, err)
	w.clock.Advance(0)
	if then != nil {
		then(w)
	}
	w.clock.Advance(time.Minute)
	for _, line := range w.log {
		events = append(events, strings.TrimPrefix(line, "s1: "))
	}
	return requests, events
}

func TestTreatments(t *testing.T) {
	for name, c := range map[string]struct {
		action  string
		digits  string
		request string
		event   string
	}{
		"play": {
			action:  `<dialog:play requestid="req" interactionid="ixn" device="'5000'" language="'English (US)'"><dialog:prompts><dialog:prompt intid="7"/></dialog:prompts></dialog:play>`,
			request: `PlayAnnouncement {LANGUAGE="English (US)", PROMPT={1={INTERRUPT=0, ID=7}}}`,
			event:   `dialog.play.done true {}`,
		},
		"play by text to speech": {
			action:  `<dialog:play requestid="req"><dialog:prompts type="tts"><dialog:prompt text="'Hi'" interrupt="true"/></dialog:prompts></dialog:play>`,
			request: `TextToSpeech {PROMPT={1={INTERRUPT=1, TEXT="Hi"}}}`,
			event:   `dialog.play.done true {}`,
		},
		"collect": {
			action: `<dialog:collect requestid="req"><dialog:input max_digits="'6'" term_digits="'#'" abort_digits="'*'" reset_digits="'1'" backspace_digits="'2'" ignore_digits="'3'" clear="true" start_timeout="5" digit_timeout="3" total_timeout="'20'"/></dialog:collect>`,
			digits: "123",
			request: `CollectDigits {MAX_DIGITS=6, TERM_DIGITS="#", ABORT_DIGITS="*", RESET_DIGITS="1", BACKSPACE_DIGITS="2", ` +
				`IGNORE_DIGITS="3", CLEAR_FLAG=1, START_TIMEOUT=5, DIGIT_TIMEOUT=3, TOTAL_TIMEOUT=20}`,
			event: `dialog.collect.done true {"digits":"123"}`,
		},
		"playandcollect": {
			action:  `<dialog:playandcollect requestid="req"><dialog:prompts type="MSG_TEXT"><dialog:prompt text="'Key'"/></dialog:prompts><dialog:input max_digits="1"/></dialog:playandcollect>`,
			digits:  "9",
			request: `PlayAnnouncementAndDigits {MSG_TEXT={1={INTERRUPT=0, TEXT="Key"}}, MAX_DIGITS=1}`,
			event:   `dialog.playandcollect.done true {"digits":"9"}`,
		},
		"playandverify": {
			action: `<dialog:playandverify requestid="req" attempts="3"><dialog:prompts><dialog:prompt number="'2222'"/></dialog:prompts>
				<dialog:prompts type="iretry"><dialog:prompt userannid="'u1'"/></dialog:prompts><dialog:input/></dialog:playandverify>`,
			digits: "77",
			request: `VerifyDigits {PROMPT={1={INTERRUPT=0, DIGITS="2222"}}, RETRY_PROMPT={1={INTERRUPT=0, USER_ANN_ID="u1"}}, ` +
				`ATTEMPTS=3}`,
			event: `dialog.playandverify.done true {"digits":"77"}`,
		},
		"playsound": {
			action:  `<dialog:playsound requestid="req" type="'music'" resource="'MusicDN'" duration="1"/>`,
			request: `Music {MUSIC_DN="MusicDN", DURATION=1}`,
			event:   `dialog.playsound.done.timeout true {}`,
		},
		"playsound that ends by itself": {
			action:  `<dialog:playsound requestid="req" type="'RAN'"/>`,
			request: `RAN {}`,
			event:   `dialog.playsound.done true {}`,
		},
		"start": {
			action:  `<dialog:start requestid="req" type="'applid'"><param name="APP_URI" expr="'http://h/x.vxml'"/><dialog:param name="N" expr="{a: 1}"/></dialog:start>`,
			request: `PlayApplication {APP_URI="http://h/x.vxml", N={a=1}}`,
			event:   `dialog.start.done true {"extensions":{}}`,
		},
		"remote": {
			action:  `<dialog:remote requestid="req" destination="'123'" default="'234'"/>`,
			request: `IVR {LABEL="234", DESTINATION="123"}`,
			event:   `dialog.remote.done true {}`,
		},
		"createann": {
			action:  `<dialog:createann requestid="req" userid="'u'"><dialog:input term_digits="'#'"/></dialog:createann>`,
			request: `RecordUserAnnouncement {USER_ID="u", TERM_DIGITS="#"}`,
			event:   `dialog.createann.done true {"id":"1"}`,
		},
		"deleteann": {
			action:  `<dialog:deleteann requestid="req" userid="'u'" userannid="12"/>`,
			request: `DeleteUserAnnouncement {USER_ID="u", USER_ANN_ID="12"}`,
			event:   `dialog.deleteann.done true {}`,
		},
		"setdialogdest": {
			action:  `<dialog:setdialogdest requestid="req" destination="'5001'"/>`,
			request: `SetDefaultRoute {LABEL="5001"}`,
			event:   `dialog.setdialogdest.done true {}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			requests, events := treated(t, c.action, 2*time.Second, c.digits, nil)
			assert.Equal(t, []string{c.request}, requests)
			require.Len(t, events, 2)
			assert.Contains(t, events[0], ".requestid true {}")
			assert.Equal(t, c.event, events[1])
		})
	}
}

func TestTreatmentsThatFail(t *testing.T) {
	play := func(attributes string) string {
		return `<dialog:play requestid="req" ` + attributes + `><dialog:prompts><dialog:prompt intid="7"/></dialog:prompts></dialog:play>`
	}
	for name, c := range map[string]struct{ action, event string }{
		"digits":   {`<dialog:collect requestid="req"><dialog:input max_digits="32"/></dialog:collect>`, `error.dialog.collect true {"error":"invalidattribute","why":"attribute max_digits: 32 is no integer from 0 to 31"}`},
		"keys":     {`<dialog:collect requestid="req"><dialog:input term_digits="'x'"/></dialog:collect>`, `error.dialog.collect true {"error":"invalidattribute","why":"attribute term_digits: \"x\" holds something other than digits, * and #"}`},
		"sound":    {`<dialog:playsound requestid="req" type="'jazz'"/>`, `error.dialog.playsound true {"error":"invalidattribute","why":"attribute type: \"jazz\" is no sound: want one of music, ringback, busy, fastbusy, silence, ran"}`},
		"duration": {`<dialog:playsound requestid="req" type="'music'" duration="-1"/>`, `error.dialog.playsound true {"error":"invalidattribute","why":"attribute duration: -1 is negative"}`},
		"empty":    {`<dialog:remote requestid="req" destination="''"/>`, `error.dialog.remote true {"error":"invalidattribute","why":"attribute destination is empty"}`},
		"device":   {play(`device="'5001'"`), `error.dialog.play true {"error":"invalidattribute","why":"the call waits at 5000, not at the device 5001"}`},
		"attempts": {`<dialog:playandverify requestid="req" attempts="0.5"><dialog:prompts><dialog:prompt intid="7"/></dialog:prompts><dialog:input/></dialog:playandverify>`, `error.dialog.playandverify true {"error":"invalidattribute","why":"attribute attempts: 0.5 is no integer from 1 to 99"}`},
	} {
		t.Run(name, func(t *testing.T) {
			requests, events := treated(t, c.action, time.Second, "", nil)
			assert.Empty(t, requests)
			require.Len(t, events, 2)
			assert.Equal(t, c.event, events[1])
		})
	}
	_, events := treated(t, play(`interactionid="'other'"`), time.Second, "", nil)
	assert.Equal(t, []string{`error.dialog.play true {"error":"invalidstate.null","why":"the session has no such interaction"}`}, events)
}

func TestTreatmentIsStopped(t *testing.T) {
	send := func(w *desk) {
		w.clock.Advance(time.Second)
		require.NoError(t, w.engine.Send(t.Context(), "s1", &datamodel.Event{Name: "go.stop"}))
		w.clock.Advance(0)
	}
	requests, events := treated(t, `<dialog:playsound requestid="req" type="'music'"/>`, -1, "", send)
	assert.Equal(t, []string{"Music {}", "Silence {}"}, requests)
	assert.Equal(t, []string{
		"dialog.playsound.requestid true {}",
		`error.dialog.playsound true {"error":"cancelled","why":"the treatment was stopped"}`,
		"dialog.stop.done true {}",
	}, events)
	_, events = treated(t, `<assign location="req" expr="'nothing'"/>`, -1, "", send)
	assert.Equal(t, []string{`error.dialog.stop true {"error":"unknown","why":"no such treatment is running"}`}, events)
}

func TestCollectionThatTheSwitchForgets(t *testing.T) {
	_, events := treated(t, `<dialog:collect requestid="req"><dialog:input total_timeout="20"/></dialog:collect>`, -1, "", nil)
	assert.Equal(t, `error.dialog.collect true {"error":"timeout","why":"the switch did not tell of the end of the treatment"}`, events[1])
}

func TestTreatmentOfACallThatIsGone(t *testing.T) {
	_, events := treated(t, `<dialog:playsound requestid="req" type="'music'"/>`, -1, "", func(w *desk) {
		require.NoError(t, w.sw.HangUp(sim.DefaultFirstConnID))
	})
	assert.Equal(t, []string{"dialog.playsound.requestid true {}"}, events) // interaction.deleted tells of it
}

// problems parses a document and returns what is wrong with it.
func problems(t *testing.T, states string) string {
	t.Helper()
	doc, err := scxml.Parse(t.Context(), []byte(deskDocument(states)), &scxml.ParseOptions{
		Languages: []datamodel.Language{goja.New(nil)}, Modules: fm.Modules(), URL: "mem:a",
	})
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(doc.Warnings())
}

func TestFaultsOfDialogElementsAreReported(t *testing.T) {
	for action, want := range map[string]string{
		`<dialog:plays/>`: "<plays> is no action of the dialog module",
		`<dialog:pause/>`: "<pause> may stand inside <runtreatments> only",
		`<dialog:runtreatments><dialog:pause/></dialog:runtreatments>`: "<runtreatments> is no action of its own",
		`<dialog:play/>`: "<play> needs 1 <prompts> inside",
		`<dialog:play><dialog:prompts type="tts"><dialog:prompt intid="1"/></dialog:prompts></dialog:play>`: "needs the attribute text",
		`<dialog:play><dialog:prompts type="anm"><dialog:prompt intid="1"/></dialog:prompts></dialog:play>`: `"anm" is no type of prompts`,
		`<dialog:play><dialog:prompts><dialog:prompt intid="1" text="'x'"/></dialog:prompts></dialog:play>`: "<prompt> needs one of the attributes",
		`<dialog:collect><dialog:input max_digit="1"/></dialog:collect>`:                                    "max_digits",
		`<dialog:playsound/>`:                            "<playsound> needs the attribute type",
		`<dialog:start><dialog:prompts/></dialog:start>`: "<prompts> may not stand inside <start>",
		`<queue:submit/>`:                                "<submit> needs 1 <targets> inside",
		`<queue:submit><queue:targets/></queue:submit>`:  "<targets> names no target",
		`<queue:submit><queue:targets><queue:target/></queue:targets></queue:submit>`:                          "<target> needs the attribute name or skillexpr",
		`<queue:submit><queue:targets type="agents"><queue:target name="'a'"/></queue:targets></queue:submit>`: `"agents" is no value of the attribute type`,
		`<queue:submit prioriti="1"><queue:targets><queue:targetid expr="x"/></queue:targets></queue:submit>`:  "priority",
		`<queue:submits/>`: "submit",
		`<queue:submit><dialog:play/><queue:targets><queue:targetid expr="x"/></queue:targets></queue:submit>`: "<play> may not stand inside <submit>",
		`<queue:query/>`: "<query> needs the attribute requestid",
	} {
		assert.Contains(t, problems(t, `<state id="a"><onentry>`+action+`</onentry></state>`), want, action)
	}
}
