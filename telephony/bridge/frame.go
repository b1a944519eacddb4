package bridge

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"reflect"
	"sync"

	"github.com/seed-ff723688/ors/telephony"
)

// The limits of a frame: PROTOCOL.md, "Limits".
const (
	openingFrame    = 16 << 10 // before the session begins
	defaultMaxFrame = 1 << 20
	maxValues       = 1 << 16
)

// The types of a frame.
const (
	typeHello     = "hello"
	typeChallenge = "challenge"
	typeAuth      = "auth"
	typeWelcome   = "welcome"
	typeRequest   = "request"
	typeEvent     = "event"
	typeRole      = "role"
	typeAck       = "ack"
	typePing      = "ping"
	typePong      = "pong"
	typeBye       = "bye"
)

// frame is a frame of any type: the members of all of them. Those that a type
// does not have are zero.
type frame struct {
	Type string            `member:"type"`
	Seq  uint64            `member:"seq"`
	Ref  int               `member:"ref"`
	Name string            `member:"name"`
	Body telephony.Message `member:"body"` // nil when Name is not known

	Protocol  string `member:"protocol"`
	Versions  []int  `member:"versions"`
	Client    string `member:"client"`
	Nonce     []byte `member:"nonce"`
	Window    int    `member:"window"`
	MaxFrame  int    `member:"maxFrame"`
	Heartbeat int    `member:"heartbeat"`
	Resume    resume `member:"resume"`

	Version int    `member:"version"`
	Server  string `member:"server"`
	Auth    string `member:"auth"`

	Proof []byte `member:"proof"`

	Session      string   `member:"session"`
	Resumed      bool     `member:"resumed"`
	Capabilities []string `member:"capabilities"`
	Requests     int      `member:"requests"`
	Keep         int      `member:"keep"`
	Role         string   `member:"role"`

	ID      int64  `member:"id"`
	Code    string `member:"code"`
	Message string `member:"message"`
}

// resume is what a client says of the session that it wants to go on with.
type resume struct {
	Session string `member:"session"`
	Seq     uint64 `member:"seq"`
}

// codec is what is known of the types of frames and messages: made once, never
// changed.
type codec struct {
	frame    *plan
	messages map[string]messageType
}

type messageType struct {
	typ  reflect.Type
	plan *plan
}

var messageCodec = sync.OnceValue(func() *codec {
	c := &codec{frame: planOf(reflect.TypeFor[frame]()), messages: map[string]messageType{}}
	for _, name := range telephony.MessageNames() {
		if m, err := telephony.NewMessage(name); err == nil {
			t := reflect.TypeOf(m).Elem()
			c.messages[name] = messageType{t, planOf(t)}
		}
	}
	return c
})

// appendMessage appends the body of a message.
func appendMessage(dst []byte, m telephony.Message) []byte {
	return messageCodec().messages[m.Name()].plan.append(dst, reflect.ValueOf(m).Elem())
}

// appendFrame appends a frame with its length.
func appendFrame(dst []byte, f *frame) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = messageCodec().frame.append(dst, reflect.ValueOf(f).Elem())
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// parseFrame reads the text of a frame.
func parseFrame(text []byte) (*frame, error) {
	c := messageCodec()
	f := &frame{}
	in := newParser(text, maxValues)
	v := reflect.ValueOf(f).Elem()
	var seen uint64
	var body parser // at the body, while the name is not known
	err := in.object(func(name string) error {
		i := c.frame.find(name, 0)
		if i < 0 {
			return in.skip()
		}
		if seen&(1<<i) != 0 {
			return in.fail("member %s is given twice", name)
		}
		seen |= 1 << i
		a := &c.frame.attributes[i]
		if a.form != formBody {
			return a.read(in, v.FieldByIndex(a.index))
		}
		if f.Name != "" {
			return f.readBody(in)
		}
		body = *in
		return in.skip()
	})
	if err == nil && body.data != nil {
		err = f.readBody(&body)
	}
	if err == nil {
		err = in.end()
	}
	if err == nil && f.Type == "" {
		err = in.fail("the frame has no type")
	}
	if err == nil && f.Body == nil && f.Name != "" {
		f.Body = newMessage(f.Name) // without attributes, or of a name that is not known
	}
	return f, err
}

func (f *frame) readBody(in *parser) error {
	if f.Body = newMessage(f.Name); f.Body == nil {
		return in.skip()
	}
	return messageCodec().messages[f.Name].plan.read(in, reflect.ValueOf(f.Body).Elem())
}

// newMessage returns an empty message; nil when there is none of that name.
func newMessage(name string) telephony.Message {
	t, ok := messageCodec().messages[name]
	if !ok {
		return nil
	}
	return reflect.New(t.typ).Interface().(telephony.Message)
}

// frameReader takes frames from a stream.
type frameReader struct {
	r   *bufio.Reader
	max int
	buf []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 32<<10), max: openingFrame}
}

// text returns the text of the next frame, which is valid until the next call.
// At the end of the stream, between frames, it returns io.EOF. Memory is taken as
// the text comes in, not as its length announces it.
func (r *frameReader) text() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(head[:]))
	switch {
	case n > int64(r.max):
		return nil, &CloseError{Code: CloseFrameTooLarge,
			Message: fmt.Sprintf("a frame of %d bytes, the limit is %d; or the peer does not speak this protocol", n, r.max)}
	case n < 2:
		return nil, &CloseError{Code: CloseBadFrame, Message: fmt.Sprintf("a frame of %d bytes", n)}
	}
	size := int(n)
	const step = 64 << 10
	r.buf = r.buf[:0]
	for len(r.buf) < size {
		at := len(r.buf)
		to := min(size, max(at+step, 2*at))
		if cap(r.buf) < to {
			r.buf = append(make([]byte, 0, to), r.buf...)
		}
		r.buf = r.buf[:to]
		if _, err := io.ReadFull(r.r, r.buf[at:to]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	text := r.buf
	if cap(r.buf) > step { // a large one is not kept
		r.buf = nil
	}
	return text, nil
}

// next returns the next frame.
func (r *frameReader) next() (*frame, error) {
	text, err := r.text()
	if err != nil {
		return nil, err
	}
	f, err := parseFrame(text)
	if err != nil {
		return nil, &CloseError{Code: CloseBadFrame, Message: err.Error(), Err: err}
	}
	return f, nil
}
