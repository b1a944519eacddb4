package scxml

// Compiler is what Module.Compile reports to.
type Compiler struct{}
