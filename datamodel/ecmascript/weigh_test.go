package ecmascript

import (
	"reflect"
	"strings"
	"testing"
)

type (
	weighRoot struct {
		head   *weighNode
		boxes  []any
		table  map[string]*weighNode
		call   func()
		shared *weighShared
		other  *reflect.ValueError // of another package
	}
	weighNode struct {
		weighInner
		next *weighNode
		text string
	}
	weighInner  struct{ self *weighInner }
	weighShared struct{ text string }
	weighText   []uint16
)

// TestWeigh checks what is counted, and that nothing is counted twice.
func TestWeigh(t *testing.T) {
	never := func() bool { return false }
	weight := func(r *weighRoot) int64 { return weigh(r, reflect.TypeFor[weighShared](), 1<<40, never) }
	size := func(r *weighRoot) int64 { return weight(r) - weight(&weighRoot{}) }
	chain := func(n int) *weighNode {
		var head *weighNode
		for range n {
			head = &weighNode{next: head}
			head.self = &head.weighInner // the address of the whole
		}
		return head
	}
	long := strings.Repeat("x", 1<<20)
	const node = 40 // bytes; its inner part is counted again
	for _, c := range []struct {
		name        string
		root        *weighRoot
		least, most int64
	}{
		{"nothing", &weighRoot{}, 0, 0},
		{"long chain", &weighRoot{head: chain(300_000)}, 300_000 * 32, 300_000 * node},
		{"one text", &weighRoot{boxes: []any{long, long, long}}, 1 << 20, 1<<20 + 200},
		{"units", &weighRoot{boxes: []any{weighText(make([]uint16, 1<<20))}}, 2 << 20, 2<<20 + 200},
		{"numbers", &weighRoot{boxes: []any{1.5, 2.5, int64(3)}}, 3 * 24, 3 * 24},
		{"table", &weighRoot{table: map[string]*weighNode{"a": {text: long}, "b": {text: long}}}, 1 << 20, 1<<20 + 400},
		{"function", &weighRoot{call: func() {}}, closure, closure},
		{"elsewhere", &weighRoot{shared: &weighShared{long}, other: &reflect.ValueError{Method: long}}, 0, 0},
	} {
		if got := size(c.root); got < c.least || got > c.most {
			t.Errorf("%s: %d bytes, want %d to %d", c.name, got, c.least, c.most)
		}
	}
	ring := chain(3)
	ring.next.next.next = ring
	if got := size(&weighRoot{head: ring}); got > 3*node {
		t.Errorf("a cycle weighs %d", got)
	}
	big := &weighRoot{head: chain(300_000)}
	if got := weigh(big, nil, 100_000, never); got < 100_000 || got > 1_000_000 {
		t.Errorf("stopped at %d", got)
	}
	if got := weigh(big, nil, 1<<40, func() bool { return true }); got > 1_000_000 {
		t.Errorf("ended at %d", got)
	}
}
