package bridge

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
)

// sample fills a message with what its fields can hold.
func sample(r *rand.Rand, v reflect.Value) {
	texts := []string{"", "5000", "a \"quoted\" \\ text\n\t\x01", "Köln ☎ \U0001F4DE", "</script>"}
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		if r.IntN(3) > 0 {
			*x = time.Unix(r.Int64N(1<<33), r.Int64N(1e9)).UTC()
		}
		return
	case *time.Duration:
		*x = time.Duration(r.Int64N(1e9)) * time.Millisecond
		return
	case *telephony.KVList:
		*x = sampleList(r, 0)
		return
	case *[]string:
		if r.IntN(2) > 0 {
			*x = []string{"a", texts[r.IntN(len(texts))]}
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			sample(r, v.Field(i))
		}
	case reflect.String:
		v.SetString(texts[r.IntN(len(texts))])
	case reflect.Bool:
		v.SetBool(r.IntN(2) > 0)
	case reflect.Int:
		v.SetInt(r.Int64N(1<<33) - 1<<32)
	case reflect.Uint64:
		n := r.Uint64() >> r.IntN(65)
		if v.Type() != reflect.TypeFor[telephony.ConnID]() {
			n >>= 11
		}
		v.SetUint(n)
	}
}

func sampleList(r *rand.Rand, depth int) telephony.KVList {
	var l telephony.KVList
	for range r.IntN(4) {
		key := []string{"k", "k", "clé", "\xff key"}[r.IntN(4)]
		switch r.IntN(5) {
		case 0:
			l.Add(key, telephony.Int(int32(r.Uint32())))
		case 1:
			l.Add(key, telephony.Binary([]byte{0, 255, byte(r.IntN(256))}))
		case 2:
			l.Add(key, telephony.String("not \xfe UTF-8"))
		case 3:
			if depth < 4 {
				l.Add(key, telephony.List(sampleList(r, depth+1)))
			}
		default:
			l.Add(key, telephony.String("text"))
		}
	}
	return l
}

// Every message goes over the wire and comes back the same, and the standard library
// reads what was written.
func TestMessages(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, m := range messageCodec().messages {
		assert.LessOrEqual(t, len(m.plan.attributes), 256, "%s: bits for what was seen", name)
	}
	for _, name := range telephony.MessageNames() {
		for range 20 {
			m, err := telephony.NewMessage(name)
			require.NoError(t, err)
			sample(r, reflect.ValueOf(m).Elem())
			out := appendFrame(nil, &frame{Type: typeEvent, Seq: 7, Name: name, Body: m})
			assert.EqualValues(t, len(out)-4, binary.BigEndian.Uint32(out))
			require.True(t, json.Valid(out[4:]), "%s", out[4:])
			f, err := parseFrame(out[4:])
			require.NoError(t, err, "%s", out[4:])
			assert.Equal(t, m.String(), f.Body.String())
			again := appendFrame(nil, f)
			assert.Equal(t, string(out), string(again), "the same again")
		}
	}
}

func TestBodyBeforeName(t *testing.T) {
	f, err := parseFrame([]byte(` { "body" : {"ThisDN":"5000", "Novel": [{"a":null},1.5e3]} , "future":{}, "ref":3, "name":"RequestRegisterAddress","type":"request"} `))
	require.NoError(t, err)
	assert.Equal(t, &telephony.RequestRegisterAddress{ThisDN: "5000"}, f.Body)
	f, err = parseFrame([]byte(`{"type":"event","name":"EventLinkConnected"}`))
	require.NoError(t, err)
	assert.Equal(t, &telephony.EventLinkConnected{}, f.Body)
	f, err = parseFrame([]byte(`{"type":"event","name":"EventOfTheFuture","body":{"a":1}}`))
	require.NoError(t, err)
	assert.Nil(t, f.Body)
}

func TestBadFrames(t *testing.T) {
	deep := strings.Repeat("[", maxNesting+1) + strings.Repeat("]", maxNesting+1)
	wide := "[" + strings.Repeat("1,", maxValues) + "1]"
	lists := strings.Repeat(`[["k",`, telephony.MaxDepth+1) + "1" + strings.Repeat(`]]`, telephony.MaxDepth+1)
	request := func(attribute string) string {
		return `{"type":"request","ref":1,"name":"RequestAttachUserData","body":{` + attribute + `}}`
	}
	for _, c := range []struct{ text, problem string }{
		{``, "too early"},
		{`[]`, "want an object"},
		{`{}`, "has no type"},
		{`{"type":1}`, "want a string"},
		{`{"type":"ack","seq":-1}`, "negative"},
		{`{"type":"ack","seq":1.5}`, "53 bits"},
		{`{"type":"ack","seq":9007199254740992}`, "53 bits"},
		{`{"type":"ack","seq":01}`, "comma"},
		{`{"type":"ack","type":"ack"}`, "twice"},
		{`{"type":"ack",}`, "name of a member"},
		{`{"type":"ack"}x`, "after the end"},
		{`{"type":"ack"`, "comma"},
		{`{"type" "ack"}`, "colon"},
		{`{"type":"a` + "\xff" + `"}`, "UTF-8"},
		{`{"type":"a\n` + "\xff" + `"}`, "UTF-8"},
		{`{"type":"\ud800"}`, "surrogate"},
		{`{"type":"\ud800\u0041"}`, "surrogate"},
		{`{"type":"\x"}`, "escape"},
		{`{"type":"\u12g4"}`, "hexadecimal"},
		{`{"type":"` + "\n" + `"}`, "control character"},
		{`{"type":"abc`, "no end"},
		{`{"type":"abc\`, "no end"},
		{`{"type":"a","x":tru}`, "JSON value"},
		{`{"type":"a","x":-}`, "digit"},
		{`{"type":"a","x":` + deep + `}`, "nested deeper"},
		{`{"type":"a","x":` + wide + `}`, "more values"},
		{`{"type":"a","resumed":1}`, "true or false"},
		{`{"type":"a","nonce":"*"}`, "base64"},
		{request(`"ThisDN":"1","ThisDN":"2"`), "ThisDN is given twice"},
		{request(`"ConnID":"xyz"`), "ConnID is not a connection id"},
		{request(`"ConnID":"0"`), "ConnID is not a connection id"},
		{request(`"UserData":{}`), "want an array"},
		{request(`"UserData":["k"]`), "want an array"},
		{request(`"UserData":[["k"]]`), "a key and a value, not 1"},
		{request(`"UserData":[["k",1,2]]`), "a key and a value, not 3"},
		{request(`"UserData":[[1,1]]`), "key that is text"},
		{request(`"UserData":[["",1]]`), "key that is text"},
		{request(`"UserData":[["k",2147483648]]`), "32 bits"},
		{request(`"UserData":[["k",null]]`), "want an integer"},
		{request(`"UserData":[["k",{}]]`), "bin and raw"},
		{request(`"UserData":[["k",{"hex":"00"}]]`), "unknown kind"},
		{request(`"UserData":[["k",{"bin":"0"}]]`), "base64"},
		{request(`"UserData":` + lists), "lists nested deeper"},
		{`{"type":"event","name":"EventRinging","body":{"Time":"yesterday"}}`, "RFC 3339"},
		{`{"type":"event","name":"EventInvite","body":{"Timeout":-5}}`, "out of range"},
	} {
		_, err := parseFrame([]byte(c.text))
		var bad *FormatError
		if assert.ErrorAs(t, err, &bad, "%.80s", c.text) {
			assert.Contains(t, err.Error(), c.problem, "%.80s", c.text)
			assert.LessOrEqual(t, bad.Offset, len(c.text))
		}
	}
}

func TestFrameLimits(t *testing.T) {
	read := func(max int, in string) ([]byte, error) {
		r := newFrameReader(strings.NewReader(in))
		r.max = max
		return r.text()
	}
	text, err := read(10, "\x00\x00\x00\x02{}")
	require.NoError(t, err)
	assert.Equal(t, "{}", string(text))
	var c *CloseError
	_, err = read(10, "\x00\x00\x00\x0b{}")
	require.ErrorAs(t, err, &c)
	assert.Equal(t, CloseFrameTooLarge, c.Code)
	_, err = read(openingFrame, "GET / HTTP/1.1\r\n\r\n")
	require.ErrorAs(t, err, &c)
	assert.Equal(t, CloseFrameTooLarge, c.Code)
	_, err = read(10, "\x00\x00\x00\x01{")
	require.ErrorAs(t, err, &c)
	assert.Equal(t, CloseBadFrame, c.Code)
	_, err = read(10, "")
	assert.ErrorIs(t, err, io.EOF)
	_, err = read(10, "\x00\x00")
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = read(10, "\x00\x00\x00\x04{}")
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)

	// Memory is taken as the text comes in.
	r := newFrameReader(io.MultiReader(strings.NewReader("\x3f\xff\xff\xff"), bytes.NewReader(make([]byte, 100))))
	r.max = 1 << 30
	_, err = r.text()
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Less(t, cap(r.buf), 1<<20)
}

// The vector of PROTOCOL.md.
func TestProof(t *testing.T) {
	doc, err := os.ReadFile("PROTOCOL.md")
	require.NoError(t, err)
	secret, hello, challenge := []byte("0123456789abcdef"), []byte(`{"type":"hello"}`), []byte(`{"type":"challenge"}`)
	for _, label := range []string{proofClient, proofServer} {
		p := hex.EncodeToString(proof(secret, label, hello, challenge))
		assert.True(t, strings.Contains(string(doc), p), "PROTOCOL.md has another vector than %s", p)
	}
}

// Every type of frame and every code that the text of PROTOCOL.md names is one, and
// the other way round.
func TestProtocolText(t *testing.T) {
	doc, err := os.ReadFile("PROTOCOL.md")
	require.NoError(t, err)
	for _, a := range messageCodec().frame.attributes {
		assert.True(t, strings.Contains(string(doc), "`"+a.name+"`"), "member %s", a.name)
	}
	for _, typ := range []string{typeHello, typeChallenge, typeAuth, typeWelcome, typeRequest, typeEvent, typeRole, typeAck, typePing, typePong, typeBye} {
		assert.True(t, strings.Contains(string(doc), "`"+typ+"`"), "type %s", typ)
	}
	_, codes, _ := strings.Cut(string(doc), "| `code` | sent by")
	codes, _, _ = strings.Cut(codes, "Unknown codes")
	for _, line := range strings.Split(strings.TrimSpace(codes), "\n")[2:] {
		code := strings.Split(line, "`")[1]
		if code != string(CloseInternal) {
			assert.NotEqual(t, CloseInternal, closeCode(code), "code %s", code)
		}
	}
	// The frames of the example can be read.
	_, example, _ := strings.Cut(string(doc), "## A session, frame by frame")
	n := 0
	for line := range strings.Lines(example) {
		line = strings.TrimSpace(line)
		text, ok := strings.CutPrefix(line, "→ ")
		if !ok {
			text, ok = strings.CutPrefix(line, "← ")
		}
		if ok {
			n++
			f, err := parseFrame([]byte(strings.ReplaceAll(text, "…", "")))
			if assert.NoError(t, err, text) && f.Name != "" {
				assert.NoError(t, f.Body.Validate(), text)
			}
		}
	}
	assert.Greater(t, n, 8)
}

func FuzzFrame(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for i, name := range telephony.MessageNames() {
		m, err := telephony.NewMessage(name)
		require.NoError(f, err)
		if i%5 == 0 {
			sample(r, reflect.ValueOf(m).Elem())
			f.Add(appendFrame(nil, &frame{Type: typeEvent, Seq: 1, Name: name, Body: m})[4:])
		}
	}
	f.Add([]byte(`{"type":"hello","protocol":"ors-bridge","versions":[1,2],"client":"c","nonce":"AAAA","resume":{"session":"s","seq":5}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseFrame(text)
		if err != nil {
			var bad *FormatError
			if !errors.As(err, &bad) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		out := appendFrame(nil, m)
		again, err := parseFrame(out[4:])
		if err != nil {
			t.Fatalf("wrote what cannot be read: %v: %s", err, out[4:])
		}
		if twice := appendFrame(nil, again); !bytes.Equal(out, twice) {
			t.Fatalf("%s\n%s", out[4:], twice[4:])
		}
	})
}

// FuzzJSON compares the parser with that of the standard library.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e+7,true,false,null,"x\u00e4\ud83d\ude00\n"]}`, ` [ ] `, `"\ud800"`, `01`, `{"a":1,}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p := newParser(text, maxValues)
		err := p.skip()
		if err == nil {
			err = p.end()
		}
		valid := json.Valid(text)
		switch {
		case err == nil && !valid:
			t.Fatalf("read %q, which is not JSON", text)
		case err != nil && valid && utf8.Valid(text) && !bytes.Contains(text, []byte(`\u`)) &&
			!strings.Contains(err.Error(), "nested") && !strings.Contains(err.Error(), "more values"):
			t.Fatalf("did not read %q: %v", text, err)
		}
	})
}

func BenchmarkCodec(b *testing.B) {
	e := ringing(7)
	var out []byte
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			out = appendFrame(out[:0], &frame{Type: typeEvent, Seq: 7, Name: e.Name(), Body: e})
		}
		b.SetBytes(int64(len(out)))
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parseFrame(out[4:]); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(int64(len(out)))
	})
}

// ringing is an event of the usual size.
func ringing(n int) *telephony.EventRinging {
	return &telephony.EventRinging{
		EventHeader: telephony.EventHeader{Server: "sim", Time: time.Date(2026, 1, 31, 8, 0, 0, 250e6, time.UTC)},
		CallAttributes: telephony.CallAttributes{ConnID: telephony.ConnID(n + 1), CallID: n, CallUUID: "00010000000000010000000000000001",
			CallType: telephony.CallTypeInbound, ThisDN: "7001", ThisQueue: "5000", ThisDNRole: telephony.DNRoleDestination,
			OtherDN: "030123456", OtherDNRole: telephony.DNRoleOrigination, DNIS: "5000", ANI: "030123456", AgentID: "ann",
			UserData: telephony.KVList{{Key: "customer", Value: telephony.String("4711")}, {Key: "segment", Value: telephony.String("gold")},
				{Key: "tries", Value: telephony.Int(2)}}},
	}
}
