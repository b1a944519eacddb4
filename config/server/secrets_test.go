package server_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What comes from the environment or a file of its own is in no line of the log, no error, no change and no
// answer, whoever puts it there.
func TestSecretsAreNotTold(t *testing.T) {
	const password, token, odd = "hunter2-geheim", "tok-9f8e7d6c", `qu"ote d&s`
	t.Setenv("ORS_TEST_PASSWORD", password)
	t.Setenv("ORS_TEST_ODD", odd)
	t.Setenv("ORS_TEST_APPLICATION", "app:/strategies/first.scxml?token="+token)
	w := newWorld(t)
	w.opts.Adjust.Engine = nil
	w.write("pw.txt", "other-secret-1\n")
	w.write("site.yaml", strings.NewReplacer(`"app:/strategies/first.scxml"`, "{env: ORS_TEST_APPLICATION}", "{skill: Sales}",
		"{skill: {env: ORS_TEST_PASSWORD}, n: {env: ORS_TEST_ODD}}").Replace(site))
	w.write("applications.yaml", applications+"    options:\n      log: {verbose: all, all: '"+filepath.Join(w.dir, "ors.log")+"', x-server-trace-level: 3, x-server-gcti-trace-level: 3, x-print-attached-data: 1}\n"+
		"      persistence: {type: none, password: {file: pw.txt}}\n      scxml: {https-proxy: {env: ORS_TEST_PASSWORD}}\n")
	srv := w.start()
	w.call("5000")
	var answers strings.Builder
	answer := func(method, path, form string) {
		_, body := w.request(srv, method, path, form)
		answers.WriteString(body)
	}
	sessions := srv.Engine().Sessions()
	require.Len(t, sessions, 1, w.log.String())
	for _, path := range []string{"/ors/v1/sessions", "/ors/v1/sessions/" + sessions[0].ID, "/ors/v1/metrics", "/ors/v1/openapi.json", "/ors/v1/ready", "/ors/help",
		"/ors/v1/sessions/" + password, "/ors/v1/sessions?q=" + password} {
		answer(http.MethodGet, path, "")
	}
	answer(http.MethodPost, "/scxml/session/start", "src=app:/elsewhere/"+password)
	answer(http.MethodPost, "/scxml/session/"+sessions[0].ID+"/query", "")
	t.Setenv("ORS_TEST_PASSWORD", password+"2")
	w.replace("pw.txt", "other-secret-1", "other-secret-2")
	w.write("site.yaml", strings.Replace(site, "script:Sales", "{env: ORS_TEST_ODD}", 1))
	_, err := w.live.Reload(t.Context())
	require.Error(t, err, "it is no URL")

	all := answers.String() + w.log.String() + w.logged("ors") + err.Error()
	assert.Contains(t, all, "first ****", "<log> of the strategy")
	assert.Contains(t, all, `"skill":"****"`, "parameters of the session")
	for _, s := range []string{password, token, odd, `qu\"ote`, "qu%22ote", "other-secret"} {
		if i := strings.Index(all, s); i >= 0 {
			t.Errorf("%s is told: %s", s, all[max(0, i-300):min(len(all), i+100)])
		}
	}
}
