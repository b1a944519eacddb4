// Package inspect looks into any persistence.Store, and moves sessions from one to another: [Export] writes
// them to a file of JSON lines, [Import] reads such a file into another store. [Prune] removes the documents that
// no session needs any more, [Delete] a session that cannot be read.
//
// The package does not know what the bytes mean that an engine has stored. To show
// them to people, session.Describe decodes them; the program examples/inspect does all of it.
//
// # The file
//
// Every line is a JSON object with one member, which says what the line is. Bytes are in base64, times in
// RFC 3339 with milliseconds, digests in hexadecimal.
//
//	{"ors-sessions":{"version":1,"buckets":1024}}
//	{"document":{"digest":"9f86…","body":"PHNjeG1s…"}}
//	{"session":{"id":"…","claim":"…","document":"9f86…","rev":7,"snapshot":"AwEP…","acked":3,
//	            "inbox":[{"key":"…","data":"…"}],
//	            "timers":[{"id":"4.0","at":"2026-01-02T03:04:05.678Z","data":"…"}],
//	            "outbox":[{"id":"6.1","data":"…"}]}}
//	{"end":{"documents":1,"sessions":1}}
//
// The first line names the version of the form and the number of buckets of the store it comes from. A document
// stands once, before the first session that names it. Of a session everything is
// there that Create takes: claim, revision, inbox with keys, timers, outbox. Members that are empty are
// left out. The events of an inbox are numbered from acked+1. The last line counts, so that a file that was
// cut off is noticed. Later versions of this package read the file; members that they do not know are an error.
//
// # What is not in it
//
// Leases and epochs belong to a store and its owners. Keys of events that were handled are not remembered by
// the new store.
//
// # A store that is in use
//
// Each session is read in one atomic step. Between two of them time passes: an export of a store on which
// an engine is at work may have a session that has sent an event and another that has not got it yet. For a copy
// that is right as a whole, shut the engines down first. Import needs the buckets of
// the sessions for itself, so no engine may hold them.
//
// # Documents that nobody needs
//
// A store keeps the text of each document that a session was started on, so a site whose strategies change leaves
// old ones behind. No engine removes them by itself: that takes a look into every session, once for a whole cluster.
// A host calls Prune now and then, on the store that its engine is at work on:
//
//	pruned, err := inspect.Prune(ctx, store, session.StoredDocuments, nil)
package inspect
