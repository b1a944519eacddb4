package fm

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ff723688/ors/telephony"
)

func TestCallGoesOn(t *testing.T) {
	c := &Connector{known: map[string]bool{"7001": true}}
	for _, x := range []struct {
		state telephony.CallState
		dn    string
		role  telephony.DNRole
		want  bool
	}{
		{telephony.CallStateOk, "", 0, false},
		{telephony.CallStateTransferred, "", 0, true}, // the destination is not told
		{telephony.CallStateTransferred, "9000", telephony.DNRoleTransferredBy, true},
		{telephony.CallStateTransferred, "9000", telephony.DNRoleDestination, false},
		{telephony.CallStateForwarded, "7001", telephony.DNRoleDestination, true},
		{telephony.CallStateNoAnswer, "9000", telephony.DNRoleDestination, false},
	} {
		a := &telephony.CallAttributes{CallState: x.state, ThirdPartyDN: x.dn, ThirdPartyRole: x.role}
		assert.Equal(t, x.want, c.goesOn(a), "%v", x)
	}
}
