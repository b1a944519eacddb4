package rest

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object of the description.
type object = map[string]any

// common are the statuses that every method which authenticates may answer.
var common = []int{401, 403, 414, 429, 431, 500, 503}

// openAPI answers with the description, an OpenAPI 3.1 document.
func (h *Handler) openAPI(w *answer, _ *http.Request) *problem {
	return writeJSON(w, http.StatusOK, h.description())
}

// description is made of routes and of the types of the answers, so that it says what the
// handler does.
func (h *Handler) description() object {
	paths := object{}
	h.each(func(name string, r *route, m *method) {
		item, ok := paths[r.path].(object)
		if !ok {
			item = object{}
			if p := pathParams(r.path); len(p) > 0 {
				item["parameters"] = p
			}
			paths[r.path] = item
		}
		item[strings.ToLower(name)] = operation(name, r, m)
	})
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Orchestration Server", "version": "1",
			"description": "Starts SCXML sessions, sends them events and looks at them. Paths that begin with /scxml may also begin with /ors/scxml.",
		},
		"security": []object{{"bearer": []string{}}, {"mutualTLS": []string{}}},
		"paths":    paths,
		"components": object{
			"securitySchemes": object{"bearer": object{"type": "http", "scheme": "bearer"}, "mutualTLS": object{"type": "mutualTLS"}},
			"schemas": object{
				"SessionPage": schemaOf(reflect.TypeFor[SessionPage]()), "SessionState": schemaOf(reflect.TypeFor[SessionState]()),
				"StreamEvent": schemaOf(reflect.TypeFor[StreamEvent]()),
				"Started":     object{"type": "object", "required": []string{"sessionid"}, "properties": object{"sessionid": object{"type": "string"}}},
				"Health":      object{"type": "object", "required": []string{"status"}, "properties": object{"status": object{"type": "string"}}},
				"Empty":       object{"type": "object"},
				"Any":         object{},
				"Text":        object{"type": "string"},
				"Problem": object{
					"type": "object", "required": []string{"type", "title", "status", "detail"},
					"properties": object{"type": object{"type": "string"}, "title": object{"type": "string"}, "status": object{"type": "integer"}, "detail": object{"type": "string"}},
				},
			},
		},
	}
}

func pathParams(path string) []object {
	var list []object
	for _, segment := range strings.Split(path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			list = append(list, object{"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": object{"type": "string"}})
		}
	}
	return list
}

func operation(name string, r *route, m *method) object {
	content := "application/json"
	switch {
	case m.result == "Text":
		content = "text/plain"
	case m.result == "StreamEvent":
		content = "text/event-stream"
	case m.id == "request":
		content = "*/*"
	}
	responses := object{"200": object{
		"description": http.StatusText(http.StatusOK),
		"content":     object{content: object{"schema": object{"$ref": "#/components/schemas/" + m.result}}},
	}}
	statuses := m.extra
	op := object{"operationId": m.id, "summary": m.summary, "responses": responses}
	if m.open {
		op["security"] = []object{}
		statuses = []int{403, 414, 431, 503}
	} else {
		statuses = append(statuses[:len(statuses):len(statuses)], common...)
		role := "any"
		if m.role != 0 {
			role = roleName(m.role)
		}
		op["x-role"] = role
		if strings.Contains(r.path, "{id}") {
			statuses = append(statuses, http.StatusNotFound)
		}
	}
	if m.id == "request" {
		responses["default"] = object{"description": "What the session answers, with any status from 200 to 599", "content": responses["200"].(object)["content"]}
	}
	for _, s := range statuses {
		r := object{"description": http.StatusText(s)}
		if s >= http.StatusBadRequest {
			r["content"] = object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}}}
		}
		responses[strconv.Itoa(s)] = r
	}
	if name == http.MethodGet {
		var params []object
		for _, p := range m.params {
			if p.name != "" {
				params = append(params, object{"name": p.name, "in": "query", "description": p.note, "schema": object{"type": p.kind}})
			}
		}
		if params != nil {
			op["parameters"] = params
		}
		return op
	}
	if len(m.params) > 0 {
		properties, required := object{}, []string{}
		for _, p := range m.params {
			if p.name != "" {
				properties[p.name] = object{"type": p.kind, "description": p.note}
			}
			if p.name == "src" {
				required = append(required, p.name)
			}
		}
		schema := object{"type": "object", "properties": properties, "required": required, "additionalProperties": true}
		body := object{"schema": schema}
		op["requestBody"] = object{"content": object{"application/json": body, "application/x-www-form-urlencoded": body}}
	}
	return op
}

// schemaOf describes how a type is written as JSON.
func schemaOf(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		return schemaOf(t.Elem())
	case t.Kind() == reflect.String:
		return object{"type": "string"}
	case t.Kind() == reflect.Bool:
		return object{"type": "boolean"}
	case t.Kind() == reflect.Int, t.Kind() == reflect.Uint64:
		return object{"type": "integer"}
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return object{} // json.RawMessage
	case t.Kind() == reflect.Slice:
		return object{"type": "array", "items": schemaOf(t.Elem())}
	}
	properties, required := object{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		properties[name] = schemaOf(f.Type)
		if options == "" {
			required = append(required, name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required}
}
