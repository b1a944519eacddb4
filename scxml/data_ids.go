package scxml

// DataIDs returns the ids of all <data> elements, in document order.
func (d *Document) DataIDs() []string {
	var ids []string
	for _, s := range d.states {
		for _, x := range s.data {
			ids = append(ids, x.id)
		}
	}
	return ids
}
