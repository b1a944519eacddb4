package persistence

import "strings"

const (
	// DefaultBuckets is the number of buckets of a store that was created
	// without saying otherwise.
	DefaultBuckets = 1024

	// MaxBuckets is the highest number of buckets a store may have: what the
	// three characters of AppendBucket can tell apart.
	MaxBuckets = 32 * 32 * 32
)

const base32Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUV"

// BucketOf returns the bucket, 0 to n-1, of a session id or a claim in a store of n
// buckets.
//
// A name in the form of ORS's session ids and call UUIDs (32 characters, with or
// without the node prefix "~number~" before them) carries its bucket: its last three
// characters, read as a number in base 32 with the digits 0-9 and A-V, modulo n. Of
// any other name, the 64-bit FNV-1a hash, its halves combined by exclusive or, is
// taken modulo n. The function never changes: stored data depends on it.
//
// An n below 1 counts as 1.
func BucketOf(name string, n int) int {
	if n <= 1 {
		return 0
	}
	if v, ok := carried(name); ok {
		return v % n
	}
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return int((h>>32 ^ h&0xffffffff) % uint64(n))
}

// AppendBucket appends to id the three characters from which BucketOf reads the
// bucket back. It is meant for new session ids: 29 characters that make the id
// unique, preceded by the node prefix where there is one, then the bucket. Of
// bucket the lowest 15 bits are used.
func AppendBucket(id []byte, bucket int) []byte {
	return append(id, base32Digits[bucket>>10&31], base32Digits[bucket>>5&31], base32Digits[bucket&31])
}

// carried reads the bucket number out of a name in ORS's form.
func carried(name string) (int, bool) {
	if strings.HasPrefix(name, "~") {
		end := strings.IndexByte(name[1:], '~')
		if end < 0 {
			return 0, false
		}
		name = name[end+2:]
	}
	if len(name) != 32 {
		return 0, false
	}
	v := 0
	for i := 29; i < 32; i++ {
		switch c := name[i]; {
		case c >= '0' && c <= '9':
			v = v<<5 | int(c-'0')
		case c >= 'A' && c <= 'V':
			v = v<<5 | int(c-'A'+10)
		default:
			return 0, false
		}
	}
	return v, true
}
