package telephony

import "fmt"

// LookupSequence says where the search for an option of the configuration begins
// (_genesys.session.getConfigOption).
type LookupSequence int

// The places, in the order of the search.
const (
	StartFromStrategy LookupSequence = iota - 1
	StartFromCDN
	StartFromRouter
	StartFromTenant
	StartFromTserver
)

// LookupNames returns the names of the places, in the order of the search.
func LookupNames() []string {
	return []string{"StartFromStrategy", "StartFromCDN", "StartFromRouter", "StartFromTenant", "StartFromTserver"}
}

func (l LookupSequence) String() string {
	if i, names := int(l)+1, LookupNames(); i >= 0 && i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("LookupSequence(%d)", int(l))
}
