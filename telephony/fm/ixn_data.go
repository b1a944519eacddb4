package fm

import (
	"errors"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/telephony"
)

// dataChange is a change of the user data of an interaction.
type dataChange struct {
	all  bool     // drop everything first
	drop []string // then these keys
	set  telephony.KVList
}

// change changes user data and tells of the outcome with c.mu held, at once or
// later.
func (c *Connector) change(k *call, d *dataChange, outcome func(error)) {
	if k.media != nil {
		if c.server == nil {
			outcome(errors.New("there is no interaction server"))
			return
		}
		c.server.Send(&telephony.RequestChangeProperties{InteractionID: k.id, DeleteAll: d.all, Deleted: d.drop, Changed: d.set},
			func(_ telephony.Interaction, err error) {
				c.mu.Lock()
				defer c.mu.Unlock()
				outcome(err)
			})
		return
	}
	if !c.link.Capabilities().Has(telephony.CanAttach) {
		outcome(errors.New("the link cannot change user data"))
		return
	}
	dn := k.device()
	var requests []telephony.Request
	if d.all {
		requests = append(requests, &telephony.RequestDeleteUserData{ThisDN: dn, ConnID: k.conn})
	}
	for _, key := range d.drop {
		requests = append(requests, &telephony.RequestDeletePair{ThisDN: dn, ConnID: k.conn, Key: key})
	}
	if len(d.set) > 0 {
		requests = append(requests, &telephony.RequestUpdateUserData{ThisDN: dn, ConnID: k.conn, UserData: d.set})
	}
	var failed error
	open := len(requests)
	for _, r := range requests {
		c.link.Send(r, func(_ telephony.Event, err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			failed = errors.Join(failed, err)
			if open--; open == 0 {
				outcome(failed)
			}
		})
	}
}

// writeData carries out setuData and deleteuData. The event that the change causes
// confirms it; a failure has an event of its own, which takes the change back.
func (c *Connector) writeData(p *pending, name string, args *datamodel.Object) {
	k := c.callOf(p.session, text(args, argID))
	switch {
	case c.closed:
		c.fail(nil, p, codeUnknown, "there is no link to a switch")
		return
	case k == nil:
		c.fail(nil, p, codeState+"null", "the session has no such interaction")
		return
	}
	d := &dataChange{set: listOf(args, argData)}
	if name == callDeleteData {
		if key := text(args, argKey); key != "" {
			d.drop = []string{key}
		} else {
			d.all = true
			d.set = telephony.KVList{{Key: SessionKey, Value: telephony.String(p.session)}}
		}
	}
	given, _ := args.Get(argNumber)
	number, _ := given.(float64)
	c.change(k, d, func(err error) {
		k := k.now()
		mine := k.session == p.session // it may have been given away meanwhile
		if mine {
			k.applied = max(k.applied, number)
		}
		switch {
		case err != nil:
			c.refuse(k, p, err)
		case mine:
			k.own++
		}
	})
}
