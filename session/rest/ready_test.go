package rest_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session/rest"
)

func TestReadiness(t *testing.T) {
	var down atomic.Bool
	s := newSite(t, &rest.Options{Ready: func() error {
		if down.Load() {
			return errors.New("the link to TServer_Main is away")
		}
		return nil
	}})
	require.Equal(t, 200, s.do("", "GET", "/ors/v1/ready", "").StatusCode)
	down.Store(true)
	r := s.do("", "GET", "/ors/v1/ready", "")
	s.problem(r, 503)
	require.NotContains(t, r.text, "TServer", "the cause is for the audit log")
	require.Contains(t, s.audit.String(), "the link to TServer_Main is away")
	require.Equal(t, 200, s.do("", "GET", "/ors/v1/health", "").StatusCode)
	down.Store(false)
	require.Equal(t, 200, s.do("", "GET", "/ors/v1/ready", "").StatusCode)
}

func TestSetSources(t *testing.T) {
	s := newSite(t, nil)
	start := func() int {
		return s.do(startSecret, "POST", "/scxml/session/start", "src=app:///charts/order.scxml").StatusCode
	}
	require.Equal(t, 200, start())
	require.ErrorContains(t, s.handler.SetSources([]string{"charts"}), `source "charts"`)
	require.Equal(t, 200, start())
	require.NoError(t, s.handler.SetSources([]string{"app:///other/"}))
	require.Equal(t, 403, start())
	require.NoError(t, s.handler.SetSources([]string{"app:///other/", "app:///charts/"}))
	require.Equal(t, 200, start())
}
