package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

// crm is the customer database: what strategies reach by <session:fetch>.
type crm struct {
	server *httptest.Server

	mu       sync.Mutex
	failing  map[string]int // status by path
	requests []string       // what has been asked, in order
}

// customer is a row of /customers.
type customer struct {
	Number  string `json:"number"`
	Name    string `json:"name"`
	Tier    string `json:"tier"`
	Blocked bool   `json:"blocked"`
}

var customers = map[string]customer{
	"123456": {"123456", "Ada", "gold", false},
	"222222": {"222222", "Grace", "standard", false},
	"666666": {"666666", "Mallory", "standard", true},
}

// newCRM starts the database; failing says with which status paths answer
// instead.
func newCRM(failing map[string]int) *crm {
	c := &crm{failing: failing}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /customers", func(w http.ResponseWriter, r *http.Request) {
		rows := []customer{}
		if row, ok := customers[r.FormValue("number")]; ok {
			rows = append(rows, row)
		}
		answer(w, rows)
	})
	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, r *http.Request) {
		rows := [][]any{}
		if r.FormValue("number") == "123456" {
			rows = append(rows, []any{"A-1", 120}, []any{"A-2", 35})
		}
		answer(w, map[string]any{"columns": []string{"id", "value"}, "rows": rows})
	})
	mux.HandleFunc("POST /agreements", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"accepted": true, "priority": 7})
	})
	mux.HandleFunc("POST /callbacks", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"id": "CB-1"})
	})
	c.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil // so that every run is the same
		if status := c.note(r); status != 0 {
			http.Error(w, "out of order", status)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	return c
}

// note keeps a request and returns the status that it fails with; 0: it does
// not.
func (c *crm) note(r *http.Request) int {
	text := r.Method + " " + r.URL.Path
	if r.Method == http.MethodGet {
		text += fmt.Sprintf(" number=%s", r.FormValue("number"))
	} else if body, err := io.ReadAll(r.Body); err == nil {
		text += " " + string(body)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, text)
	return c.failing[r.URL.Path]
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the caller may have gone
}

func (c *crm) url() string { return c.server.URL }

func (c *crm) close() { c.server.Close() }

// asked returns what has been asked so far.
func (c *crm) asked() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.requests...)
}
