package telephony_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	. "github.com/seed-ff723688/ors/telephony"
)

// Every type named Request… or Event… is in the registry, under its own name.
func TestRegistryIsComplete(t *testing.T) {
	known := map[string]bool{}
	for _, name := range MessageNames() {
		assert.False(t, known[name], "%s is there twice", name)
		known[name] = true
		m, err := NewMessage(name)
		require.NoError(t, err)
		assert.Equal(t, name, m.Name())
		assert.Equal(t, name, reflect.TypeOf(m).Elem().Name())
		assert.Equal(t, name, m.String(), "an empty message prints its name only")
		req, isRequest := m.(Request)
		_, isEvent := m.(Event)
		assert.NotEqual(t, isRequest, isEvent, name)
		if isRequest {
			assert.NotZero(t, Needs(req), "%s needs a capability", name)
		}
	}
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	found := 0
	for _, entry := range files {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, s := range g.Specs {
				ts := s.(*ast.TypeSpec)
				n := ts.Name.Name
				_, isStruct := ts.Type.(*ast.StructType)
				if isStruct && (strings.HasPrefix(n, "Request") || strings.HasPrefix(n, "Event")) && n != "RequestError" && n != "EventHeader" {
					found++
					assert.True(t, known[n], "%s is not in the registry", n)
				}
			}
		}
	}
	assert.Equal(t, len(known), found)
	_, err = NewMessage("EventNothing")
	assert.ErrorContains(t, err, `no message is called "EventNothing"`)
}

// fill gives a field a random value, which is not always the zero one.
func fill(r *rand.Rand, v reflect.Value, depth int) {
	if r.IntN(3) == 0 {
		return
	}
	text := func() string {
		alphabet := []rune("abzAZ059 =\"{}[],:\\\n\t\x00äß漢\u2028🙂")
		s := make([]rune, r.IntN(6))
		for i := range s {
			s[i] = alphabet[r.IntN(len(alphabet))]
		}
		if r.IntN(8) == 0 {
			return string(s) + "\xff\xc0"
		}
		return string(s)
	}
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Unix(r.Int64N(1e10), r.Int64N(1e9)).UTC()
	case *Secret:
	case *KVList:
		*x = make(KVList, 0, 3)
		for range r.IntN(4) {
			var value Value
			switch r.IntN(4) {
			case 0:
				value = Int(int32(r.Uint32()))
			case 1:
				value = Binary([]byte(text()))
			case 2:
				if nested := reflect.New(v.Type()).Elem(); depth < 3 {
					fill(r, nested, depth+1)
					value = List(nested.Interface().(KVList))
				}
			default:
				value = String(text())
			}
			x.Add("k"+text(), value)
		}
	case *[]string:
		*x = []string{}
		for range r.IntN(3) {
			*x = append(*x, text())
		}
	default:
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				fill(r, v.Field(i), depth)
			}
		case reflect.String:
			v.SetString(text())
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Uint64:
			v.SetUint(r.Uint64())
		default:
			v.SetInt(int64(r.IntN(60)) - 5)
		}
	}
}

func TestEveryMessageSurvivesItsTextForm(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for _, name := range MessageNames() {
		for range 60 {
			m, err := NewMessage(name)
			require.NoError(t, err)
			v := reflect.ValueOf(m).Elem()
			for i := range v.NumField() {
				fill(r, v.Field(i), 0)
			}
			text := m.String()
			require.NotContains(t, text, "\n")
			got, err := ParseMessage(text)
			require.NoError(t, err, text)
			require.Equal(t, text, got.String())
			require.True(t, sameMessage(reflect.ValueOf(m).Elem(), reflect.ValueOf(got).Elem()), "%s\n%#v\n%#v", text, m, got)
		}
	}
}

// sameMessage is reflect.DeepEqual, but for a list that is empty or missing inside of
// another one.
func sameMessage(a, b reflect.Value) bool {
	switch x := a.Interface().(type) {
	case KVList:
		return x.Equal(b.Interface().(KVList)) && (x == nil) == (b.Interface().(KVList) == nil)
	case time.Time:
		return x.Equal(b.Interface().(time.Time))
	}
	if a.Kind() != reflect.Struct {
		return reflect.DeepEqual(a.Interface(), b.Interface())
	}
	for i := range a.NumField() {
		if !sameMessage(a.Field(i), b.Field(i)) {
			return false
		}
	}
	return true
}

func TestParseMessage(t *testing.T) {
	m, err := ParseMessage(`  RequestRouteCall  ConnID=1F ThisDN="5000" RouteType=RouteTypeDefault Reasons={ "a" :1,"b":{"c": 0x0aff} } `)
	require.NoError(t, err)
	assert.Equal(t, `RequestRouteCall ThisDN=5000 ConnID=000000000000001f RouteType=Default Reasons={"a": 1, "b": {"c": 0x0aff}}`, m.String())
	m, err = ParseMessage(`EventReleased CallState=34`)
	require.NoError(t, err)
	assert.Equal(t, CallState(34), m.(*EventReleased).CallState)
	assert.Equal(t, "EventReleased CallState=34", m.String(), "what has no name prints as its number")

	login := &RequestAgentLogin{ThisDN: "7001", AgentID: "a1", Password: "open sesame"}
	assert.Equal(t, "RequestAgentLogin ThisDN=7001 AgentID=a1", login.String())
	assert.Equal(t, "***", login.Password.String())

	for text, want := range map[string]string{
		``:                                              `byte 0: no message is called ""`,
		`EventRing`:                                     `byte 0: no message is called "EventRing"`,
		`EventRinging x`:                                `byte 13: EventRinging has no attribute "x"`,
		`EventRinging ="x"`:                             `byte 13: want the name of an attribute, not "=\"x\""`,
		`EventRinging ANI`:                              `byte 16: want = after ANI`,
		`EventRinging ANI=1 ANI=2`:                      `byte 19: attribute ANI is there twice`,
		`EventRinging ANI=`:                             `byte 17: want a word or a quoted string`,
		`EventRinging ANI="x`:                           `byte 17: the quoted string does not end`,
		`EventRinging ANI="x"DNIS=5`:                    `byte 20: want a space before "DNIS=5"`,
		`EventRinging ANI=1{`:                           `byte 18: want a space before "{"`,
		`EventRinging ConnID=0`:                         `byte 20: ConnID: "0" is not a connection id`,
		`EventRinging CallID=x`:                         `byte 20: CallID: "x" is no number`,
		`EventRinging CallType=Loud`:                    `byte 22: CallType: "Loud" is not a call type`,
		`EventRinging Synthetic=1`:                      `byte 23: Synthetic: "1" is neither true nor false`,
		`EventRinging Sequence=-1`:                      `byte 22: Sequence: "-1" is no number`,
		`EventRinging Time=now`:                         `byte 18: Time: "now" is no time of RFC 3339`,
		`EventInvite Timeout=5`:                         `byte 20: Timeout: "5" is no duration`,
		`EventRinging UserData=x`:                       `byte 22: want {`,
		`EventRinging UserData={"a"}`:                   `byte 26: want : after the key "a"`,
		`EventRinging UserData={"a": 1`:                 `byte 29: want , or }`,
		`EventRinging UserData={"a": 1,}`:               `byte 30: want a quoted string`,
		`EventRinging UserData={"": 1}`:                 `byte 23: the key is empty`,
		`EventRinging UserData={"a": 3000000000}`:       `byte 28: want a quoted string, an integer of 32 bits`,
		`EventRinging UserData={"a": 0xf}`:              `byte 28: want pairs of hexadecimal digits after 0x`,
		`RequestChangeProperties Deleted=[a b]`:         `byte 35: want , or ]`,
		`EventRinging ` + strings.Repeat("x", 1<<20):    `byte 1048576: longer than 1048576 bytes`,
		`EventAck Interaction.Queue=a Interaction.No=b`: `byte 29: EventAck has no attribute "Interaction.No"`,
		`EventRinging UserData=` + strings.Repeat(`{"a": `, MaxDepth+1): `lists nested deeper than 32`,
	} {
		_, err := ParseMessage(text)
		var se *SyntaxError
		require.ErrorAs(t, err, &se, text)
		assert.ErrorContains(t, err, want)
	}
}

func TestParseKVList(t *testing.T) {
	l, err := ParseKVList(` {"b": "1", "a": -7, "b": "2", "raw": 0x00ff, "none": 0x, "deep": {"x": "y \"z\""}, "empty": {}} `)
	require.NoError(t, err)
	assert.Equal(t, `{"b": "1", "a": -7, "b": "2", "raw": 0x00ff, "none": 0x, "deep": {"x": "y \"z\""}, "empty": {}}`, l.String())
	_, err = ParseKVList(`{} x`)
	assert.EqualError(t, err, "telephony: text at byte 3: text after the end of the list")
}

func FuzzParseMessage(f *testing.F) {
	for _, s := range []string{
		`EventRouteRequest Server=sim Time=2026-01-02T03:04:05.6Z ConnID=1f ThisDN=5000 UserData={"vip": 1, "b": 0x00ff, "l": {"x": "y"}}`,
		`RequestChangeProperties InteractionID=i Deleted=[a, "b c", ""] DeleteAll=true`,
		`EventInteraction Type=Stopped Interaction.ID=i1 Interaction.TenantID=1`,
		`RequestMakePredictiveCall Timeout=1m30s Location="a\x00b"`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMessage(text)
		if err != nil {
			return
		}
		_ = m.Validate() // must not panic
		printed := m.String()
		again, err := ParseMessage(printed)
		require.NoError(t, err, printed)
		require.Equal(t, printed, again.String())
	})
}

func FuzzParseKVList(f *testing.F) {
	f.Add(`{"a": 1, "a": "x", "b": 0x00, "c": {"d": {}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseKVList(text)
		if err != nil {
			return
		}
		require.NoError(t, l.Validate())
		again, err := ParseKVList(l.String())
		require.NoError(t, err, l.String())
		require.True(t, l.Equal(again))
	})
}
