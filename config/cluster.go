package config

import (
	"fmt"
	"slices"
	"strings"
)

// clusterList is the transaction List that describes the clusters in the legacy form.
const clusterList = "ORS"

// clusterSection is the section of a List that makes it a cluster, in the enhanced form.
const clusterSection = "cluster"

// Cluster is a cluster of orchestration servers.
type Cluster struct {
	// Name is the section of the List ORS, or in the enhanced form the name of
	// the List itself.
	Name string

	// Nodes are in the order of the configuration.
	Nodes []Node

	// Shared are the options that all nodes have, in the enhanced form; nil otherwise.
	// A node's own option takes precedence.
	Shared Options

	// Transaction is the object that describes the cluster.
	Transaction *Transaction
}

// Node is a node of a cluster: a primary application and, if it names one, its backup.
type Node struct {
	ID          int    // DBID of the primary application; 0: not known
	Application string // the primary
	Backup      string // empty: none
	DataCentre  string // empty: the nameless one
}

// Clusters returns the clusters of the site, in the order of the configuration. The
// slice must not be changed.
func (s *Site) Clusters() []Cluster { return s.clusters }

// NodesIn returns the nodes that are in a data centre, the
// nameless one with "".
func (c *Cluster) NodesIn(dataCentre string) []Node {
	var nodes []Node
	for _, n := range c.Nodes {
		if n.DataCentre == dataCentre {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// DataCentres returns the names of the data centres, each once, in the order of the
// nodes; "" is the nameless one.
func (c *Cluster) DataCentres() []string {
	var names []string
	for _, n := range c.Nodes {
		if !slices.Contains(names, n.DataCentre) {
			names = append(names, n.DataCentre)
		}
	}
	return names
}

// ClusterOf returns the cluster of a node, given by its primary or its backup
// application; nil when it is in none.
func (s *Site) ClusterOf(application string) *Cluster {
	if application == "" {
		return nil
	}
	for i := range s.clusters {
		for _, n := range s.clusters[i].Nodes {
			if n.Application == application || n.Backup == application {
				return &s.clusters[i]
			}
		}
	}
	return nil
}

// findClusters reads the lists that describe clusters.
func (s *Site) findClusters(c *check) {
	for _, t := range s.objects.Transactions {
		if t.Type != List || t.Disabled {
			continue
		}
		if t.Name == clusterList {
			for _, section := range t.Annex {
				s.addCluster(c, Cluster{Name: section.Name, Transaction: t}, section)
			}
			continue
		}
		if i := slices.IndexFunc(t.Annex, func(section Section) bool { return section.Name == clusterSection }); i >= 0 {
			shared := slices.Delete(slices.Clone(t.Annex), i, i+1)
			s.addCluster(c, Cluster{Name: t.Name, Shared: shared, Transaction: t}, t.Annex[i])
		}
	}
	owner := map[string]string{}
	for _, cl := range s.clusters {
		for _, n := range cl.Nodes {
			if first, ok := owner[n.Application]; ok {
				c.fail(&Error{File: cl.Transaction.file, Line: cl.Transaction.line, Object: cl.Transaction.ID().String(), Option: n.Application,
					Problem: fmt.Sprintf("is a node of the clusters %s and %s; a node is in one", first, cl.Name)})
			}
			owner[n.Application] = cl.Name
		}
	}
}

func (s *Site) addCluster(c *check, cl Cluster, section Section) {
	if slices.ContainsFunc(s.clusters, func(o Cluster) bool { return o.Name == cl.Name }) {
		c.fail(at(cl.Transaction, "there are two clusters of the name %q", cl.Name))
		return
	}
	for _, o := range section.Options {
		app := s.ApplicationObject(o.Name)
		switch {
		case app == nil:
			c.fail(atOption(cl.Transaction, section.Name, o, "there is no application object %q%s", o.Name, c.near(KindApplication, o.Name)))
			continue
		case app.Type != OrchestrationServer:
			c.fail(atOption(cl.Transaction, section.Name, o, "the application has the type %s; a node has %s", app.Type, OrchestrationServer))
			continue
		}
		cl.Nodes = append(cl.Nodes, Node{ID: app.DBID, Application: app.Name, Backup: app.Server.Backup, DataCentre: strings.TrimSpace(o.Value)})
	}
	for _, n := range cl.Nodes {
		if slices.ContainsFunc(cl.Nodes, func(o Node) bool { return o.Backup == n.Application }) {
			c.fail(at(cl.Transaction, "%s is listed in the cluster %q, and is the backup of another node: only primary applications are listed", n.Application, cl.Name))
		}
	}
	s.clusters = append(s.clusters, cl)
}

// chooseCluster settles which cluster asks.
func (s *Site) chooseCluster(c *check) {
	own := s.ClusterOf(s.opts.Application)
	switch s.cluster = s.opts.Cluster; {
	case own != nil && s.cluster != "" && s.cluster != own.Name:
		c.fail(&Error{Problem: fmt.Sprintf("the server %s is to be in the cluster %q, and the configuration has it in %q", s.opts.Application, s.cluster, own.Name)})
	case own != nil:
		s.cluster = own.Name
	}
}
