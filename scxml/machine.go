package scxml

// Exec is what an Action runs with.
type Exec struct{}

// Compiler is what Module.Compile reports to.
type Compiler struct{}
