package session

import (
	"context"
	"time"
)

// FetchPolicy says how one document is read, where that differs from what the engine and its
// loader do by themselves. A zero field makes no difference. Where several callers wait for
// one reading of a document, the policy of the first one counts.
type FetchPolicy struct {
	// Timeout bounds the reading. A shorter one of the loader counts.
	Timeout time.Duration

	// MaxAge is the age up to which a document, or what the loader keeps of its text, is used without
	// asking; negative: it is asked for each time. What the server says may shorten it.
	MaxAge time.Duration

	// MaxStale is for how long after that the old one is used when a new one cannot be read;
	// negative: not at all.
	MaxStale time.Duration

	// HTTP is the version of HTTP, as LoaderOptions.HTTP.
	HTTP string

	// UserAgent is the header of that name.
	UserAgent string
}

// PolicyFetcher is a Fetcher that keeps to policies. *Loader is one; of a Fetcher that is none
// only Timeout, MaxAge and MaxStale count, for documents.
type PolicyFetcher interface {
	Fetcher

	// FetchWith is Fetch with a policy.
	FetchWith(ctx context.Context, url string, limit int64, policy *FetchPolicy) ([]byte, error)
}
