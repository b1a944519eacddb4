package redisstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/seed-ff723688/ors/persistence"
)

// documentBucket returns the keys of the bucket in which a document lies, beside sessions that need not be its own: so
// its body and its time change in one script.
func (s *Store) documentBucket(d persistence.Digest) bucketKeys {
	return s.bucket(persistence.BucketOf(d.String(), s.buckets))
}

// PutDocument keeps the body of a document.
func (s *Store) PutDocument(ctx context.Context, body []byte) (persistence.Digest, error) {
	d := persistence.DigestOf(body)
	b := s.documentBucket(d)
	_, err := s.write(ctx, scriptPutDocument, []string{b.document(d), b.docs()},
		[]string{rueidis.BinaryString(body), d.String(), milliseconds(persistence.DocumentRefresh)})
	if err != nil {
		return persistence.Digest{}, fmt.Errorf("redisstore: put document of %d bytes: %w", len(body), err)
	}
	return d, nil
}

// Document returns the body of a document.
func (s *Store) Document(ctx context.Context, d persistence.Digest) ([]byte, error) {
	r, err := s.read(ctx, scriptDocument, []string{s.documentBucket(d).document(d)}, nil)
	var body []byte
	if err == nil {
		body, err = r.bytes(0)
	}
	if err != nil {
		return nil, fmt.Errorf("redisstore: document %s: %w", d, err)
	}
	return body, nil
}

// Documents iterates over the documents, with one request for each bucket.
func (s *Store) Documents(ctx context.Context, idle time.Duration) iter.Seq2[persistence.DocumentInfo, error] {
	return func(yield func(persistence.DocumentInfo, error) bool) {
		err := persistence.CheckIdle(idle)
		for n := 0; err == nil && n < s.buckets; n++ {
			b := s.bucket(n)
			var list reply
			list, err = s.read(ctx, scriptDocuments, []string{b.docs()}, []string{strconv.FormatInt(idle.Milliseconds(), 10), string(b) + "d:"})
			for i := 0; err == nil && i < len(list); i++ {
				var info persistence.DocumentInfo
				if info, err = readDocumentInfo(list, i); err != nil {
					break
				}
				if err = ctx.Err(); err == nil && !yield(info, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(persistence.DocumentInfo{}, fmt.Errorf("redisstore: documents: %w", err))
		}
	}
}

// readDocumentInfo reads a member of the answer of scriptDocuments.
func readDocumentInfo(list reply, i int) (info persistence.DocumentInfo, err error) {
	r, err := list.list(i)
	if err != nil {
		return info, err
	}
	digest, err1 := r.text(0)
	put, err2 := r.number(1)
	size, err3 := r.number(2)
	info.Size, info.Put = int64(size), time.UnixMilli(int64(put)).UTC()
	return info, errors.Join(err1, err2, err3, info.Digest.UnmarshalText([]byte(digest)))
}

// DropDocument removes a document that has not been put since.
func (s *Store) DropDocument(ctx context.Context, d persistence.Digest, put time.Time) (bool, error) {
	b := s.documentBucket(d)
	r, err := s.write(ctx, scriptDropDocument, []string{b.document(d), b.docs()}, []string{d.String(), strconv.FormatInt(put.UnixMilli(), 10)})
	var dropped uint64
	if err == nil {
		dropped, err = r.number(0)
	}
	if err != nil {
		return false, fmt.Errorf("redisstore: drop document %s: %w", d, err)
	}
	return dropped == 1, nil
}
