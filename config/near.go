package config

import (
	"fmt"
	"strings"
)

// near finds the name that was probably meant; empty when none is close enough.
func near(name string, known []string) string {
	best, least := "", len(name)/3
	low := strings.ToLower(name)
	for _, k := range known {
		if d := distance(low, strings.ToLower(k), least); d <= least && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

// didYouMean is the end of a message about an unknown name; empty when nothing is near.
func didYouMean(name string, known []string) string {
	if n := near(name, known); n != "" {
		return fmt.Sprintf("; did you mean %s?", n)
	}
	return ""
}

// distance counts the insertions, deletions, replacements and swaps of neighbours
// that make a into b; more than limit for what is further away.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
