package rest_test

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session/rest"
)

func TestMaskedLogs(t *testing.T) {
	m := newMasking(t)
	var b bytes.Buffer
	text := slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	log := slog.New(m.Handler(text)).With("password", "a", "card", "4111111111111111").WithGroup("g")
	log.Info("card 4111111111111111", "phone", "5551234", "pin", 1234, "n", 4111111111111111,
		"error", errors.New("no 4111111111111111"), slog.Group("in", "password", "b", "x", "Smith"), "any", struct{ A string }{"4111111111111111"})
	require.Equal(t, `level=INFO msg="card ****" password=a card=**** g.phone=5551234 g.pin=1234 g.n=**** g.error="no ****" `+
		`g.in.password=b g.in.x=<#Smith#> g.any={A:****}`+"\n", b.String(), "the keys of the program have no filters")
	b.Reset()
	log.Info("s", "data", datamodel.NewObject(datamodel.Member{Name: "password", Value: "geheim"}, datamodel.Member{Name: "name", Value: "Smith"}))
	require.Contains(t, b.String(), `g.data="{\"password\":\"****\",\"name\":\"<#Smith#>\"}"`)
	b.Reset()
	log.Debug("nothing")
	require.Empty(t, b.String())
	var none *rest.Masking
	require.Equal(t, slog.Handler(text), none.Handler(text))

	trace := scxml.MetricTrace(m.Writer(&b), "s1")
	trace.Enter("4111111111111111")
	require.Contains(t, b.String(), "name='****'")
}
