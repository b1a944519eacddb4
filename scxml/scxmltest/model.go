package scxmltest

import (
	"sync"

	"github.com/seed-ff723688/ors/datamodel"
)

// models keeps the data models of sessions, so that a test can look into them,
// also after the end.
type models struct {
	mu   sync.Mutex
	byID map[string]*watchedModel
}

// wrap returns languages whose models are kept.
func (m *models) wrap(languages []datamodel.Language) []datamodel.Language {
	wrapped := make([]datamodel.Language, len(languages))
	for i, l := range languages {
		if s, ok := l.(datamodel.Scoper); ok {
			wrapped[i] = watchedScoper{s, m}
		} else {
			wrapped[i] = watchedLanguage{l, m}
		}
	}
	return wrapped
}

// get returns a variable of a session. It is called while the session is at rest.
func (m *models) get(sessionID, name string) (v datamodel.Value, known []string, ok bool, err error) {
	m.mu.Lock()
	w := m.byID[sessionID]
	m.mu.Unlock()
	if w == nil {
		return nil, nil, false, nil
	}
	for _, declared := range w.declared {
		ok = ok || declared == name
	}
	switch {
	case !ok:
		return nil, w.declared, false, nil
	case w.last != nil:
		return w.last[name], w.declared, true, w.errs[name]
	}
	v, err = w.Get(name)
	return v, w.declared, true, err
}

type watchedLanguage struct {
	datamodel.Language
	models *models
}

// New implements datamodel.Language.
func (l watchedLanguage) New(host datamodel.Host) (datamodel.Model, error) {
	return l.models.watch(l.Language, host)
}

type watchedScoper struct {
	datamodel.Scoper
	models *models
}

// New implements datamodel.Language.
func (l watchedScoper) New(host datamodel.Host) (datamodel.Model, error) {
	return l.models.watch(l.Scoper, host)
}

func (m *models) watch(l datamodel.Language, host datamodel.Host) (datamodel.Model, error) {
	model, err := l.New(host)
	if err != nil {
		return nil, err
	}
	w := &watchedModel{Model: model}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byID == nil {
		m.byID = map[string]*watchedModel{}
	}
	m.byID[host.SessionID] = w
	return w, nil
}

// watchedModel keeps the values of its variables when it is closed.
type watchedModel struct {
	datamodel.Model
	declared []string
	last     map[string]datamodel.Value // after Close
	errs     map[string]error
}

// Declare implements datamodel.Model.
func (w *watchedModel) Declare(id string) error {
	w.declared = append(w.declared, id)
	return w.Model.Declare(id)
}

// Close implements datamodel.Model.
func (w *watchedModel) Close() error {
	if w.last == nil {
		w.last, w.errs = map[string]datamodel.Value{}, map[string]error{}
		for _, id := range w.declared {
			v, err := w.Get(id)
			w.last[id], w.errs[id] = v, err
		}
	}
	return w.Model.Close()
}
