package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
)

func TestTimeZones(t *testing.T) {
	s, err := config.NewSite(&config.Objects{
		Tenants:      []*config.Tenant{{Name: "A"}, {Name: "B"}},
		Applications: []*config.Application{{Name: "ORS", Type: config.OrchestrationServer, Tenants: []string{"A"}}},
		TimeZones: []*config.TimeZone{{Name: "Shop", Tenant: "A", Location: "Europe/Paris"}, {Name: "Shop", Tenant: "B", Location: "Asia/Tokyo"},
			{Name: "IST", Offset: "+05:30"}, {Name: "West", Offset: "-03:00"}, {Name: "Gone", Offset: "+01:00", Disabled: true}},
	}, &config.SiteOptions{Application: "ORS"})
	require.NoError(t, err)
	summer := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for name, want := range map[string]string{"Shop": "14:00", "IST": "17:30", "West": "09:00"} {
		l := s.Zone(name)
		require.NotNil(t, l, name)
		assert.Equal(t, want, summer.In(l).Format("15:04"), name)
	}
	assert.Nil(t, s.Zone("Gone"))
	assert.Nil(t, s.Zone("CET"), "no object")
}

func TestBadTimeZones(t *testing.T) {
	for want, z := range map[string]config.TimeZone{
		"has either a location or an offset":                 {},
		"TimeZone z: has either a location":                  {Location: "Europe/Paris", Offset: "+01:00"},
		`location: the IANA database of this machine has no`: {Location: "Europe/Prais"},
		`has no "Local"`: {Location: "Local"},
		`offset: "5" is no distance from GMT such as +05:30`: {Offset: "5"},
		`offset: "+25:00" is no distance from GMT`:           {Offset: "+25:00"},
	} {
		z.Name = "z"
		_, err := config.NewSite(&config.Objects{TimeZones: []*config.TimeZone{&z}}, nil)
		assert.ErrorContains(t, err, want)
	}
}
