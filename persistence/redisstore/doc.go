// Package redisstore is a persistence.Store on Redis or Valkey, a single server or a Redis Cluster. It
// is a module of its own, so that programs without it do not carry the driver.
//
//	store, err := redisstore.Open(ctx, []string{"127.0.0.1:6379"}, &redisstore.Options{Cluster: "Cluster1"})
//	…
//	defer store.Close()
//
// Redis 7.0 or later, or Valkey, is needed. One of the addresses is enough to find a cluster.
//
// # Levels of durability
//
// What a write that has returned nil survives depends on [Options.Level] and on the server:
//
//	LevelMemory      the engine's process may die. What the server loses when it dies or fails
//	                 over, it loses: as it is configured, nothing is checked.
//	LevelLocal       (the default) the server's process may die as well; Open insists on an
//	                 append-only file. With appendfsync always the machine may lose power; with
//	                 everysec, about the last second of answered writes is lost then. A fail-over to a replica
//	                 can lose the last answered writes: replication is asynchronous.
//	LevelReplicated  as LevelLocal, and a replica has each write before it is answered
//	                 (WAIT 1). When a master dies, and one replica per master exists, the promoted one
//	                 has everything that was answered. With more than one replica the one that is
//	                 promoted need not be the one that answered. A write that no replica took in time ends with
//	                 persistence.ErrOutcomeUnknown; it is on the master and may be lost or kept. So while a master
//	                 has no replica, nothing is answered.
//
// Redis is no consensus system: in a partition, a master that is cut off goes on answering
// LevelMemory and LevelLocal writes that vanish when it comes back. Set min-replicas-to-write
// to narrow that window. LevelReplicated does not answer them. Where more is needed, use a store
// with quorum writes.
//
// A session is always consistent: all its keys lie in one hash slot, each operation is one
// script, and a slot fails over as a whole. Epochs contain the server's time, so that none is used
// twice even when the last ones were lost in a fail-over.
//
// # Keys
//
// All keys of a bucket carry the same hash tag. With the prefix "ORS" and the cluster "C":
//
//	ORS:C:meta                 format, number of buckets
//	ORS:C:{b0417}:own          lease of bucket 417: owner, epoch, until
//	ORS:C:{b0417}:s:<session>  revision, inbox position, snapshot, outbox, timers
//	ORS:C:{b0417}:i:<session>  inbox
//	ORS:C:{b0417}:k:<session>  event keys remembered
//	ORS:C:{b0417}:due          timers of the bucket by time
//	ORS:C:{b0417}:ready        sessions with work
//	ORS:C:{b0417}:all          sessions
//	ORS:C:{b0417}:claims       claim → session
//	ORS:C:{b0417}:d:<digest>   body of a document; a document's bucket is that of its digest as a name
//	ORS:C:{b0417}:docs         documents by the time of their last put, by the server's clock
//
// Nothing expires unless [Options.TTL] says so. A server with maxmemory has to be set to the policy
// noeviction, or it would throw sessions away; Open insists on it. When it is full, writes fail with
// persistence.ErrFull and change nothing; Confirm, Delete and DropDocument still work.
//
// # Speed
//
// BenchmarkRatio has 512 sessions commit at the same time, 4 KB each with an effect and a timer, on two cores that
// server and client share:
//
//	cd persistence/redisstore && go test -run '^$' -bench Ratio -benchtime 1x .
//
// A Store makes 0.71 to 0.80 times as many commits a second as a bare loop of scripts that write the same bytes in three
// commands and decide nothing; the 99th percentile of the time is 1.0 to 1.3 times as long. The server needs 27 µs of processor
// time against 20, network included. The difference are two commands that read (the epoch; revision, position and
// effects) and ten arguments. Some 5 µs of both are Lua's: it hashes each argument, the snapshot too.
//
// # Failures
//
// The driver follows MOVED and ASK and finds promoted replicas. Where the connection breaks or
// the time runs out while a write is under way, the error is persistence.ErrOutcomeUnknown; the
// package persistence says how to go on. Answers such as LOADING, READONLY, CLUSTERDOWN or NOREPLICAS mean that
// nothing was written.
package redisstore
