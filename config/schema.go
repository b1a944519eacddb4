package config

import (
	"encoding/json"
	"reflect"
)

// Schema returns the JSON Schema (draft 2020-12) of the files that Files reads:
// config.schema.json, for editors. A file may name it under "$schema".
func Schema() []byte {
	defs := map[string]any{
		"options": map[string]any{
			"description":          "section, option, value; order counts. A secret is {env: NAME} or {file: name}.",
			"type":                 []string{"object", "null"},
			"additionalProperties": map[string]any{"type": []string{"object", "null"}, "additionalProperties": map[string]any{"$ref": "#/$defs/value"}},
		},
		"value": map[string]any{"anyOf": []any{
			map[string]any{"type": []string{"string", "number", "boolean", "null"}},
			map[string]any{"type": "object", "properties": map[string]any{"env": text(), "file": text()}, "minProperties": 1, "maxProperties": 1, "additionalProperties": false},
		}},
	}
	root := schemaOf(reflect.TypeFor[Objects](), defs)
	root["properties"].(map[string]any)[schemaKey] = text()
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Configuration of an orchestration server"
	root["$defs"] = defs
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil { // maps of texts
		return nil
	}
	return append(b, '\n')
}

func text() map[string]any { return map[string]any{"type": []string{"string", "number", "boolean"}} }

func schemaOf(t reflect.Type, defs map[string]any) map[string]any {
	switch {
	case t == optionsType:
		return map[string]any{"$ref": "#/$defs/options"}
	case t == skillsType:
		return map[string]any{"type": []string{"object", "null"}, "additionalProperties": map[string]any{"type": "integer", "minimum": 0}}
	case t.Kind() == reflect.Pointer:
		name := t.Elem().Name()
		if _, ok := defs[name]; !ok {
			defs[name] = schemaOf(t.Elem(), defs)
		}
		return map[string]any{"$ref": "#/$defs/" + name}
	case t.Kind() == reflect.Slice:
		return map[string]any{"type": []string{"array", "null"}, "items": schemaOf(t.Elem(), defs)}
	case t.Kind() == reflect.Int:
		return map[string]any{"type": "integer"}
	case t.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case t.Kind() == reflect.String && t.Implements(chooserType):
		return map[string]any{"enum": reflect.Zero(t).Interface().(chooser).choices()}
	case t.Kind() == reflect.String:
		return text()
	}
	properties, required := map[string]any{}, []string{}
	for _, f := range shapes[t] {
		properties[f.name] = schemaOf(t.Field(f.index).Type, defs)
		if f.required {
			required = append(required, f.name)
		}
	}
	s := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}
