package datamodel

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFrom(t *testing.T) {
	v, err := From(map[string]any{"b": []any{1, nil, json.Number("2.5")}, "a": []string{"x"}, "c": map[string]string{"k": "v"}, "n": nil})
	require.NoError(t, err)
	require.Equal(t, `{"a":["x"],"b":[1,null,2.5],"c":{"k":"v"},"n":null}`, string(EncodeJSON(v)))

	v, err = From(nil)
	require.NoError(t, err)
	require.Nil(t, v)

	_, err = From(map[string]any{"a": []any{1, make(chan int)}})
	require.EqualError(t, err, "datamodel: value.a[1]: a Go chan int has no form as data; use maps, slices, strings, numbers")

	_, err = From(json.Number("abc"))
	require.Error(t, err)

	cycle := []any{nil}
	cycle[0] = cycle
	_, err = From(cycle)
	require.ErrorIs(t, err, ErrDepth)
}

func TestFromCopies(t *testing.T) {
	in := NewObject(Member{"a", []Value{1.0}}, Member{"u", nil})
	v, err := From(in)
	require.NoError(t, err)
	in.Members()[0].Value.([]Value)[0] = 2.0
	require.True(t, Equal(NewObject(Member{"a", []Value{1.0}}, Member{"u", nil}), v))
}

func TestDecodeJSON(t *testing.T) {
	for text, want := range map[string]string{
		` {"b":1,"a":[true,false,null,"x"]} `: `{"b":1,"a":[true,false,null,"x"]}`,
		`{"a":1,"b":2,"a":3}`:                 `{"a":3,"b":2}`,
		`-0`:                                  `0`,
		`1e3`:                                 `1000`,
		`1e21`:                                `1e+21`,
		`1e-7`:                                `1e-7`,
		`0.000001`:                            `0.000001`,
		`"\u00e9\n\ud83d\ude00\ud800"`:        `"é\n😀\ud800"`,
		"\"é\xff\"":                           "\"é\ufffd\"",
		`[]`:                                  `[]`,
		`{}`:                                  `{}`,
		`1e999`:                               `null`,
	} {
		v, err := DecodeJSON([]byte(text), nil)
		require.NoError(t, err, text)
		require.Equal(t, want, string(EncodeJSON(v)), text)
	}
}

func TestDecodeJSONErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:            "byte 0: a value is missing",
		`[1,]`:        "byte 3: unexpected ']' where a value should begin",
		`{"a" 1}`:     `byte 5: unexpected '1', want ':'`,
		`{a:1}`:       "byte 1: unexpected 'a' where a member's name should begin",
		`[1 2]`:       "byte 3: unexpected '2', want ',' or ']'",
		`{"a":1 "b"}`: `byte 7: unexpected '"', want ',' or '}'`,
		`01`:          "byte 1: unexpected '1' after the value",
		`1.`:          "byte 2: unexpected end of text in a number",
		`1e`:          "byte 2: unexpected end of text in a number",
		`-`:           "byte 1: unexpected end of text in a number",
		`"abc`:        "byte 4: unterminated string",
		`"é`:          "byte 3: unterminated string",
		`"\x"`:        "byte 1: unknown escape",
		`"\`:          "byte 1: unterminated string",
		`"\u12"`:      `byte 1: malformed \u escape`,
		"\"a\nb\"":    "byte 2: control character in a string",
		"\"é\nb\"":    "byte 3: control character in a string",
		`nul`:         "byte 0: unexpected 'n' where a value should begin",
		`[1] x`:       "byte 4: unexpected 'x' after the value",
	} {
		_, err := DecodeJSON([]byte(text), nil)
		require.EqualError(t, err, "datamodel: JSON text, "+want, text)
	}
}

func TestDecodeJSONLimits(t *testing.T) {
	_, err := DecodeJSON([]byte(strings.Repeat("[", 3_000_000)), nil)
	require.ErrorIs(t, err, ErrDepth)
	_, err = DecodeJSON([]byte(strings.Repeat("[", 3_000_000)), &JSONLimits{Depth: -1})
	require.ErrorIs(t, err, ErrDepth)
	_, err = DecodeJSON([]byte(strings.Repeat(" ", 5<<20)), nil)
	require.ErrorContains(t, err, "4194304 bytes")
	_, err = DecodeJSON([]byte("[1,2,3]"), &JSONLimits{Values: 3})
	require.ErrorContains(t, err, "limit of 3 values")
	_, err = DecodeJSON([]byte("[1,2,3]"), &JSONLimits{Values: 4})
	require.NoError(t, err)
	_, err = DecodeJSON([]byte("[[1]]"), &JSONLimits{Depth: 1})
	require.ErrorIs(t, err, ErrDepth)
}

func TestAppendJSON(t *testing.T) {
	v := []Value{nil, NewObject(Member{"u", nil}, Member{"f", Func(nil)}, Member{"x", XML{"<a/>"}}), math.NaN(),
		time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.FixedZone("", 3600)), "\x01\"\\\t\r"}
	require.Equal(t, `[null,{"x":"<a/>"},null,"2026-01-02T02:04:05.006Z","\u0001\"\\\t\r"]`, string(EncodeJSON(v)))
}

func TestParseContent(t *testing.T) {
	require.Equal(t, "this is a string", ParseContent("\n this  is \n a string "))
	require.Equal(t, 123.0, ParseContent(" 123 "))
	require.Equal(t, "123 456", ParseContent("123  456"))
	require.Equal(t, "", ParseContent("  "))
	require.Equal(t, Null{}, ParseContent("null"))
	require.Equal(t, `{"a":1}`, string(EncodeJSON(ParseContent(`{ "a": 1 }`))))
}

func TestEqual(t *testing.T) {
	a := []Value{1.0, "x", Null{}, NewObject(Member{"k", true})}
	b := []Value{1.0, "x", Null{}, NewObject(Member{"k", true})}
	require.True(t, Equal(a, b))
	require.True(t, Equal(math.NaN(), math.NaN()))
	require.False(t, Equal(0.0, math.Copysign(0, -1)))
	require.False(t, Equal(nil, Null{}))
	require.False(t, Equal(a, b[:3]))
	require.False(t, Equal(XML{"a"}, "a"))
	require.False(t, Equal(struct{}{}, struct{}{}))
}

func randomValue(r *rand.Rand, depth int) Value {
	n := 12
	if depth == 0 {
		n = 10
	}
	switch r.IntN(n) {
	case 0:
		return nil
	case 1:
		return Null{}
	case 2:
		return r.IntN(2) == 0
	case 3:
		return float64(r.IntN(1000) - 500)
	case 4:
		return r.NormFloat64() * 1e10
	case 5:
		return math.Inf(1)
	case 6:
		return math.Copysign(0, -1)
	case 7:
		return strings.Repeat("é", r.IntN(10))
	case 8:
		return time.Unix(r.Int64N(1e10), r.Int64N(1e9)).UTC()
	case 9:
		return XML{"<a/>"}
	case 10:
		out := []Value{}
		for range r.IntN(5) {
			out = append(out, randomValue(r, depth-1))
		}
		return out
	}
	o := &Object{}
	for i := range r.IntN(12) {
		o.Set(string(rune('a'+i)), randomValue(r, depth-1))
	}
	return o
}

func TestCodecRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		v := randomValue(r, 4)
		b := AppendValue(nil, v)
		got, rest, err := ReadValue(append(b, 'x'))
		require.NoError(t, err)
		require.Equal(t, "x", string(rest))
		require.True(t, Equal(v, got), "%v %v", v, got)
		require.Equal(t, b, AppendValue(nil, got))
	}
}

func TestEventRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 256 {
		ev := &Event{Name: "a.b", Type: EventType(i % 3)}
		for bit, f := range []*string{&ev.SendID, &ev.Origin, &ev.OriginType, &ev.InvokeID, &ev.Raw} {
			if i>>bit&1 != 0 {
				*f = strings.Repeat("x", bit+1)
			}
		}
		if i&32 != 0 {
			ev.Data = randomValue(r, 3)
		}
		if i&64 != 0 {
			ev.Context = randomValue(r, 3)
		}
		if i&128 != 0 {
			ev.InvokeSerial = uint64(i)
		}
		got, rest, err := ReadEvent(AppendEvent(nil, ev))
		require.NoError(t, err)
		require.Empty(t, rest)
		require.True(t, Equal(ev.Data, got.Data) && Equal(ev.Context, got.Context))
		got.Data, got.Context = ev.Data, ev.Context
		require.Equal(t, ev, got)
	}
}

func TestReadValueHostile(t *testing.T) {
	for _, b := range [][]byte{nil, {tagString, 255, 255, 255, 255, 15}, {tagArray, 200}, {tagFloat, 1}, {99}, {tagTime, 0, 255, 255, 255, 255, 15},
		{tagObject, 2, 1, 'a', 0, 1, 'a', 0}} {
		_, _, err := ReadValue(b)
		require.ErrorIs(t, err, ErrCodec, "%v", b)
	}
	deep := strings.Repeat(string([]byte{tagArray, 1}), 100_000)
	_, _, err := ReadValue([]byte(deep))
	require.ErrorIs(t, err, ErrDepth)
}

func FuzzReadValue(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		f.Add(AppendValue(nil, randomValue(r, 3)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, _, err := ReadValue(b)
		if err != nil {
			return
		}
		again, rest, err := ReadValue(AppendValue(nil, v))
		if err != nil || len(rest) != 0 || !Equal(v, again) {
			t.Fatalf("%v %v %v", v, again, err)
		}
		if ev, _, err := ReadEvent(b); err == nil {
			if _, _, err := ReadEvent(AppendEvent(nil, ev)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzDecodeJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,"x\u00e9",null,true]}`, `[[[]]]`, `"\ud83d\ude00"`, `{`, `1e999`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := DecodeJSON(b, nil)
		if (err == nil) != json.Valid(b) && json.Valid(b) {
			t.Fatalf("valid JSON refused: %v", err)
		}
		if err != nil {
			return
		}
		if !json.Valid(b) {
			t.Fatalf("accepted %q", b)
		}
		text := EncodeJSON(v)
		again, err := DecodeJSON(text, nil)
		if err != nil || string(EncodeJSON(again)) != string(text) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
