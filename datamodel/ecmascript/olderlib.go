package ecmascript

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Built-ins of JavaScript 1.7 and 1.8 that the standard does not have, or no
// longer has. They are not enumerable, and are made in sessions whose document
// mentions them.

// arrayGenerics and stringGenerics are the methods that were functions of the
// constructor as well: Array.forEach(list, f).
var (
	arrayGenerics = strings.Fields("concat every filter forEach indexOf join lastIndexOf map pop push reduce reduceRight reverse shift slice some sort splice unshift")

	stringGenerics = strings.Fields("charAt charCodeAt concat indexOf lastIndexOf localeCompare match quote replace search slice split substr substring " +
		"toLocaleLowerCase toLocaleUpperCase toLowerCase toUpperCase trim trimLeft trimRight")
)

// htmlMethods are the methods of strings that make HTML: the element, and the
// attribute that the argument is.
var htmlMethods = map[string][2]string{
	"anchor": {"a", "name"}, "big": {"big"}, "blink": {"blink"}, "bold": {"b"}, "fixed": {"tt"}, "fontcolor": {"font", "color"},
	"fontsize": {"font", "size"}, "italics": {"i"}, "link": {"a", "href"}, "small": {"small"}, "strike": {"strike"}, "sub": {"sub"}, "sup": {"sup"},
}

// offer makes what has not been made.
func (m *model) offer(n needs) error {
	n &^= m.offered
	if m.host.Legacy == nil || n == 0 {
		return nil
	}
	m.offered |= n
	return m.rt.Protect(func() error {
		for _, group := range []struct {
			bit  needs
			make func(*model)
		}{
			{needSource, (*model).offerSource}, {needDates, (*model).offerDates}, {needTexts, (*model).offerTexts},
			{needAccessors, (*model).offerAccessors}, {needStatics, (*model).offerStatics}, {needValues, (*model).offerValues},
			{needMatches, (*model).offerMatches},
		} {
			if n&group.bit != 0 {
				group.make(m)
			}
		}
		return nil
	})
}

// builtin returns a constructor; nil when a script has replaced it by something
// else.
func (m *model) builtin(name string) Value {
	v, ok := m.rt.Global(name)
	if !ok || m.rt.Class(v) < Object {
		return nil
	}
	return v
}

type method = func(this Value, args []Value) (Value, error)

// add gives an object a method, unless it has one of that name.
func (m *model) add(o Value, name string, f method) {
	if o == nil || m.rt.Class(o) < Object || m.rt.Class(m.rt.Get(o, name)) != Undefined {
		return
	}
	m.rt.SetHidden(o, name, m.rt.NewMethod(name, f))
}

// proto returns the prototype of a built-in constructor.
func (m *model) proto(name string) Value {
	c := m.builtin(name)
	if c == nil {
		return nil
	}
	return m.rt.Get(c, "prototype")
}

// call calls a method of an object.
func (m *model) call(o Value, name string, args ...Value) Value {
	return m.rt.Call(m.rt.Get(o, name), o, args)
}

func (m *model) arg(args []Value, i int) Value {
	if i < len(args) {
		return args[i]
	}
	return m.rt.Undefined()
}

func (m *model) offerSource() {
	m.add(m.proto("Object"), "toSource", func(this Value, _ []Value) (Value, error) {
		text, err := m.source(this, true)
		return m.rt.FromText(text), err
	})
	m.add(m.rt.GlobalObject(), "uneval", func(_ Value, args []Value) (Value, error) {
		v := m.arg(args, 0)
		top := m.rt.Class(v) >= Object
		text, err := m.source(v, top)
		return m.rt.FromText(text), err
	})
}

func (m *model) offerValues() {
	m.add(m.rt.GlobalObject(), valuesName, func(_ Value, args []Value) (Value, error) {
		o := m.arg(args, 0)
		if m.rt.Class(o) < Object {
			return m.rt.NewArray(nil), nil
		}
		keys := m.rt.Keys(o)
		items := make([]Value, len(keys))
		for i, k := range keys {
			items[i] = m.rt.Get(o, k)
		}
		return m.rt.NewArray(items), nil
	})
}

func (m *model) offerStatics() {
	for _, class := range []struct {
		name  string
		names []string
	}{{"Array", arrayGenerics}, {"String", stringGenerics}} {
		c := m.builtin(class.name)
		if c == nil {
			continue
		}
		for _, name := range class.names {
			if name == "quote" {
				m.offerTexts()
			}
			m.add(c, name, func(_ Value, args []Value) (Value, error) {
				if len(args) == 0 {
					return nil, fmt.Errorf("%s.%s: the argument is missing", class.name, name)
				}
				this := args[0]
				if object := m.builtin("Object"); object != nil && class.name == "Array" && m.rt.Class(this) == String {
					this = m.rt.Call(object, m.rt.Undefined(), args[:1])
				}
				return m.rt.Call(m.rt.Get(m.rt.Get(c, "prototype"), name), this, args[1:]), nil
			})
		}
	}
}

func (m *model) offerTexts() {
	proto := m.proto("String")
	for name, html := range htmlMethods {
		m.add(proto, name, func(this Value, args []Value) (Value, error) {
			out := "<" + html[0]
			if html[1] != "" {
				out += " " + html[1] + `="` + strings.ReplaceAll(m.rt.ToString(m.arg(args, 0)), `"`, "&quot;") + `"`
			}
			return m.rt.FromText(out + ">" + m.rt.ToString(this) + "</" + html[0] + ">"), nil
		})
	}
	m.add(proto, "quote", func(this Value, _ []Value) (Value, error) {
		return m.rt.FromText(quoteSource(m.rt.ToString(this), '"')), nil
	})
}

func (m *model) offerAccessors() {
	proto, object := m.proto("Object"), m.builtin("Object")
	if proto == nil {
		return
	}
	for _, kind := range []struct{ suffix, field string }{{"Getter__", "get"}, {"Setter__", "set"}} {
		m.add(proto, "__define"+kind.suffix, func(this Value, args []Value) (Value, error) {
			if m.rt.Class(m.arg(args, 1)) != Function {
				return nil, errors.New("__define" + kind.suffix + ": the second argument is no function")
			}
			d := m.rt.NewObject()
			m.rt.SetMember(d, kind.field, args[1])
			m.rt.SetMember(d, "enumerable", m.rt.FromBool(true))
			m.rt.SetMember(d, "configurable", m.rt.FromBool(true))
			m.call(object, "defineProperty", this, args[0], d)
			return m.rt.Undefined(), nil
		})
		m.add(proto, "__lookup"+kind.suffix, func(this Value, args []Value) (Value, error) {
			for o := this; m.rt.Class(o) >= Object; o = m.call(object, "getPrototypeOf", o) {
				if d := m.call(object, "getOwnPropertyDescriptor", o, m.arg(args, 0)); m.rt.Class(d) >= Object {
					return m.rt.Get(d, kind.field), nil
				}
			}
			return m.rt.Undefined(), nil
		})
	}
}

func (m *model) offerDates() {
	proto := m.proto("Date")
	part := func(o Value, name string) int {
		f := m.rt.Number(m.call(o, name))
		if math.IsNaN(f) {
			return math.MinInt
		}
		return int(f)
	}
	m.add(proto, "getYear", func(this Value, _ []Value) (Value, error) {
		if year := part(this, "getFullYear"); year != math.MinInt {
			return m.rt.FromNumber(float64(year - 1900)), nil
		}
		return m.rt.FromNumber(math.NaN()), nil
	})
	m.add(proto, "setYear", func(this Value, args []Value) (Value, error) {
		year := m.arg(args, 0)
		if n, err := strconv.ParseFloat(m.rt.ToString(year), 64); err == nil && n > -1 && n < 100 {
			year = m.rt.FromNumber(1900 + math.Trunc(n))
		}
		return m.call(this, "setFullYear", year), nil
	})
	m.add(proto, "toGMTString", func(this Value, _ []Value) (Value, error) { return m.call(this, "toUTCString"), nil })
	m.add(proto, "toLocaleFormat", func(this Value, args []Value) (Value, error) {
		format := "%c"
		if len(args) > 0 {
			format = m.rt.ToString(args[0])
		}
		if len(format) > 4096 {
			return nil, errors.New("toLocaleFormat: the format is longer than 4096 bytes")
		}
		year := part(this, "getFullYear")
		if year == math.MinInt {
			return m.rt.FromText("Invalid Date"), nil
		}
		zone := -part(this, "getTimezoneOffset")
		t := time.Date(year, time.Month(part(this, "getMonth")+1), part(this, "getDate"), part(this, "getHours"), part(this, "getMinutes"),
			part(this, "getSeconds"), 0, time.FixedZone("", zone*60))
		return m.rt.FromText(strftime(format, t)), nil
	})
}

// strftimeForms are conversions in the C locale, in the layouts of package time.
var strftimeForms = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'h': "Jan", 'c': "Mon Jan _2 15:04:05 2006", 'd': "02", 'D': "01/02/06", 'e': "_2", 'F': "2006-01-02",
	'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04", 'n': "\n", 'p': "PM", 'r': "03:04:05 PM", 'R': "15:04", 'S': "05", 't': "\t", 'T': "15:04:05",
	'x': "01/02/06", 'X': "15:04:05", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "-0700", '%': "%",
}

// strftime formats a time as the function of C does.
func strftime(format string, t time.Time) string {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			out.WriteByte(format[i])
			continue
		}
		i++
		switch c := format[i]; c {
		case 'C':
			fmt.Fprintf(&out, "%02d", t.Year()/100)
		case 'k':
			fmt.Fprintf(&out, "%2d", t.Hour())
		case 'l':
			fmt.Fprintf(&out, "%2d", (t.Hour()+11)%12+1)
		case 's':
			out.WriteString(strconv.FormatInt(t.Unix(), 10))
		case 'u':
			out.WriteString(strconv.Itoa((int(t.Weekday())+6)%7 + 1))
		case 'w':
			out.WriteString(strconv.Itoa(int(t.Weekday())))
		case 'U':
			fmt.Fprintf(&out, "%02d", (t.YearDay()+6-int(t.Weekday()))/7)
		case 'W':
			fmt.Fprintf(&out, "%02d", (t.YearDay()+6-(int(t.Weekday())+6)%7)/7)
		case 'V':
			_, week := t.ISOWeek()
			fmt.Fprintf(&out, "%02d", week)
		default:
			layout, ok := strftimeForms[c]
			if !ok {
				out.WriteString("%" + string(c))
				continue
			}
			out.WriteString(t.Format(layout))
		}
	}
	return out.String()
}
