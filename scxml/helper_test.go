package scxml_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/otto"
	"github.com/seed-ff723688/ors/scxml"
)

type namedLanguage struct {
	engine string
	datamodel.Language
}

// languages lists the ECMAScript engines, each of which runs the same tests.
func languages() []namedLanguage {
	return []namedLanguage{
		{"goja", goja.New(nil)},
		{"otto", otto.New(nil)},
	}
}

func parse(t testing.TB, source string, language datamodel.Language) *scxml.Document {
	t.Helper()
	opts := &scxml.ParseOptions{}
	if language != nil {
		opts.Languages = []datamodel.Language{language}
	}
	doc, err := scxml.Parse(context.Background(), []byte(source), opts)
	var problems *scxml.ParseError
	if errors.As(err, &problems) {
		t.Fatal(problems.Detail())
	}
	require.NoError(t, err)
	return doc
}
