package persistence_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
)

// A session from its first record to its last, and what becomes of an owner that was
// replaced.
func Example() {
	ctx := context.Background()
	store, err := memstore.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	// The session of a call lives in the call's bucket, which we have to own.
	call := "004BUJ1C0KBHF8NIG7HNK2LAES000008"
	bucket := persistence.BucketOf(call, store.Buckets())
	id := string(persistence.AppendBucket([]byte("~17~029I4G7KGCET96MLCCSH5B5AES01M"), bucket))
	leases, err := store.Acquire(ctx, "node 17", 10*time.Second, bucket)
	if err != nil || len(leases) == 0 {
		log.Fatal("the bucket is another's: ", err)
	}
	epoch := leases[0].Epoch

	// It starts on a document; its first state is in the same write.
	document, err := store.PutDocument(ctx, []byte("<scxml/>"))
	if err != nil {
		log.Fatal(err)
	}
	err = store.Create(ctx, epoch, &persistence.Session{
		ID: id, Claim: call, Document: document, Snapshot: []byte("waiting"),
	})
	if err != nil {
		log.Fatal(err)
	}

	// An event comes in, from any node, and is safe.
	number, err := store.Append(ctx, id, persistence.Event{Key: "msg 7", Data: []byte("agent.free")})
	if err != nil {
		log.Fatal(err)
	}

	// The owner handles it and writes what came of it, in one step.
	err = store.Commit(ctx, epoch, &persistence.Commit{
		ID: id, Rev: 1, Snapshot: []byte("routing"), Acked: number,
		Effects: []persistence.Effect{{ID: "1.0", Data: []byte("route to 8001")}},
	})
	if err != nil {
		log.Fatal(err)
	}
	s, err := store.Load(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("revision %d, %s, %d events wait, to do: %s\n", s.Rev, s.Snapshot, len(s.Inbox), s.Outbox[0].Data)

	// The effect was carried out.
	if err := store.Confirm(ctx, epoch, id, "1.0"); err != nil {
		log.Fatal(err)
	}

	// A later owner fences this one out.
	if _, err := store.Acquire(ctx, "node 17", 10*time.Second, bucket); err != nil {
		log.Fatal(err)
	}
	err = store.Commit(ctx, epoch, &persistence.Commit{ID: id, Rev: 2, Acked: number, Snapshot: []byte("too late")})
	fmt.Println("fenced:", errors.Is(err, persistence.ErrFenced))
	// Output:
	// revision 2, routing, 0 events wait, to do: route to 8001
	// fenced: true
}
