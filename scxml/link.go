package scxml

type table struct{}

type links struct{}
