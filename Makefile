# What the README says in two commands, plus what a developer runs before a push.
# Nothing here is needed to use the library.

GO ?= go
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: all test race vet bench fuzz golden ci

all: vet test

test:
	$(GO) test ./...

race:
	GOFLAGS=-race $(GO) test ./...

vet:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt -w the files above"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

bench:
	$(GO) test -run '^$$' -bench . ./scxml/... ./datamodel/... ./session/...

# One fuzz target for a while: make fuzz PKG=./scxml NAME=FuzzParse TIME=1m
fuzz:
	$(GO) test -run '^$$' -fuzz '^$(NAME)$$' -fuzztime $(or $(TIME),30s) $(PKG)

ci:
	CI=true .ci/run
