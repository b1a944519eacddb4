package datamodel

// Value is data outside of a Model; the package comment lists its forms.
type Value = any

// Null is the null of JSON and ECMAScript. The undefined value is nil.
type Null struct{}

// XML is a piece of XML with one root element, with every namespace that it
// uses declared inside. The ECMAScript data model presents it as a DOM.
type XML struct{ Text string }

// HostObject is a read-only object that lives in the host and is read by
// scripts in place. Methods are called while the session's Model evaluates, on
// the same goroutine.
type HostObject interface {
	// Get returns a member. The value may itself be a HostObject or a Func; the
	// same HostObject returned twice is the same object for the script.
	Get(name string) (Value, bool)
	// Names lists the enumerable members in order.
	Names() []string
}

// Func is a host function that scripts can call. It is called while the
// session's Model evaluates, on the same goroutine; an error becomes an
// exception of the script.
type Func func(args []Value) (Value, error)

// Member is one name and value of an Object.
type Member struct {
	Name  string
	Value Value
}

// Object is a list of members with distinct names, in the order in which they
// were added. The zero value is an empty object. It is not safe for concurrent
// writes.
type Object struct {
	members []Member
	index   map[string]int // nil for small objects
}

const smallObject = 8

// NewObject returns an object with the given members; of two with the same name
// the last one counts.
func NewObject(members ...Member) *Object {
	o := &Object{members: make([]Member, 0, len(members))}
	for _, m := range members {
		o.Set(m.Name, m.Value)
	}
	return o
}

// Len returns the number of members; 0 for nil.
func (o *Object) Len() int {
	if o == nil {
		return 0
	}
	return len(o.members)
}

// Members returns the members in order. The slice must not be changed.
func (o *Object) Members() []Member {
	if o == nil {
		return nil
	}
	return o.members
}

// Get returns the value of a member. It works on nil.
func (o *Object) Get(name string) (Value, bool) {
	if i := o.find(name); i >= 0 {
		return o.members[i].Value, true
	}
	return nil, false
}

// Set adds or replaces a member.
func (o *Object) Set(name string, v Value) {
	if i := o.find(name); i >= 0 {
		o.members[i].Value = v
		return
	}
	o.members = append(o.members, Member{name, v})
	switch {
	case o.index != nil:
		o.index[name] = len(o.members) - 1
	case len(o.members) > smallObject:
		o.index = make(map[string]int, 2*len(o.members))
		for i, m := range o.members {
			o.index[m.Name] = i
		}
	}
}

// Delete removes a member and reports whether it was there.
func (o *Object) Delete(name string) bool {
	i := o.find(name)
	if i < 0 {
		return false
	}
	o.members = append(o.members[:i], o.members[i+1:]...)
	if o.index != nil {
		delete(o.index, name)
		for n, j := range o.index {
			if j > i {
				o.index[n] = j - 1
			}
		}
	}
	return true
}

func (o *Object) find(name string) int {
	if o == nil {
		return -1
	}
	if o.index != nil {
		if i, ok := o.index[name]; ok {
			return i
		}
		return -1
	}
	for i := range o.members {
		if o.members[i].Name == name {
			return i
		}
	}
	return -1
}
