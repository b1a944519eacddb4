package scxml

import (
	"fmt"
	"strings"
)

// nearest returns the candidate that looks most like a misspelt name, or "".
func nearest(name string, candidates []string) string {
	const longest = 64 // a longer name is no slip of the finger
	if name == "" || len(name) > longest {
		return ""
	}
	best, bestDistance := "", max(1, len(name)/3)+1
	lower := strings.ToLower(name)
	for _, c := range candidates {
		if c == name || len(c) > longest || abs(len(c)-len(name)) >= bestDistance {
			continue
		}
		if d := distance(lower, strings.ToLower(c), bestDistance); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// Nearest returns the candidate that looks most like a misspelt name, empty when
// none does: for messages of whoever looks names of a document up.
func Nearest(name string, candidates []string) string { return nearest(name, candidates) }

// didYouMean returns a hint that names the nearest candidate, or otherwise.
func didYouMean(name string, candidates []string, otherwise string) string {
	if c := nearest(name, candidates); c != "" {
		return fmt.Sprintf("did you mean %q?", c)
	}
	return otherwise
}

// distance is the number of edits (insert, delete, replace, swap neighbours)
// between a and b, or limit when it is at least that.
func distance(a, b string, limit int) int {
	two := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, two[j-2]+1)
			}
			row[j] = d
			least = min(least, d)
		}
		if least >= limit {
			return limit
		}
		two, prev, row = prev, row, two
	}
	return min(prev[len(b)], limit)
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// list renders names as in "<a>, <b> and <c>".
func list(names []string, left, right string) string {
	var b strings.Builder
	for i, n := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			b.WriteString(" and ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(left + n + right)
	}
	return b.String()
}
