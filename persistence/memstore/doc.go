// Package memstore is a persistence.Store in the memory of the process: for tests, and for
// hosts that need no durability. What is in it dies with the process.
//
// It keeps the whole contract of package persistence, leases, epochs and claims
// included, so that several engines in one process may share one Store as the
// nodes of a cluster share a server.
//
// A session costs about 230 bytes of heap beside its own bytes. Memory is bounded by the limits of
// [Options]; a write beyond them fails with persistence.ErrFull and changes nothing.
package memstore
