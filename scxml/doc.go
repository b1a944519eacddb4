// Package scxml parses SCXML documents (W3C Recommendation, 1 September 2015)
// and runs them.
package scxml
