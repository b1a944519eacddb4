// Package readme holds the test that compiles and runs what README.md shows.
package readme
