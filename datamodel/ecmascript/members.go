package ecmascript

import "github.com/seed-ff723688/ors/datamodel"

// Fixed is implemented by a Dynamic that can say whether its Keys change. An
// engine that has to give an object its keys in advance then need not look
// again.
type Fixed interface {
	Fixed() bool
}

func (o *eventObject) Fixed() bool { return true }
func (o *dataObject) Fixed() bool  { return true }
func (n *domNode) Fixed() bool     { return true }
func (l *domList) Fixed() bool     { return true }

func (n *treeNode) Fixed() bool {
	_, host := n.value.(datamodel.HostObject)
	return !host
}
