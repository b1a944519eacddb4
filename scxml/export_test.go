package scxml

// Update is the flag -update: golden files are rewritten.
var Update = update
