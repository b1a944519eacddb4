// Package gws reads persons, DNs, skills and groups from the Provisioning API, version 3, of Genesys
// Web Services and Applications (GWS 9), as a source of a configuration.
//
//	persons, err := gws.New("https://gws.example/provisioning/v3", token, &gws.Options{Tenant: "Bikes"})
//	…
//	live, err := config.Open(ctx, config.Join(config.NewFiles("config", nil), persons), nil)
//
// token is a function that returns an OAuth 2 access token, as the authentication service gives it out, for
// each session and whenever the API refuses the one before. It keeps the token until that runs out.
//
// # What the API has
//
// Users become persons with skills, and with a login on each of their switches; users' phones and place names become places;
// DNs of the types in Options.DNTypes, skills, agent groups and DN groups become what they are. Passwords are not
// read. User properties become the annex, as an object of sections or as a list of pairs; what is nested deeper is left out.
//
// The API lists neither applications with their options, nor hosts, scripts, transactions, switches, tenants, special
// days, time zones, enumerators, place groups. They come from another source, which config.Join puts beside this one. A DN names its
// switch; where an answer has no more than the switch's DBID, Options.Switches has its name.
//
// # How it is read
//
// Page by page, in a session whose cookie the API sets. A list that changes while its pages are read is read again. Requests that
// the server cannot serve are sent again after a pause, or after what its Retry-After says. The contract has no conditional
// requests, so everything is read again each time, once in Options.Refresh: 20,000 DNs are 200 requests. What is the same as before is no
// change.
//
// Between two readings the API tells of changes over CometD. A notification says no more here than that
// everything is to be read again, and everything is read once more when they begin. When there are no notifications, Options.Refresh counts.
//
// # Evidence
//
// Paths, parameters, the envelope of answers, the names of lists, the session and the fields of users, DNs and groups are those of
// the vendor's published clients (specification 9.0.000). They describe objects as free-form, so some things are our
// choice: the member name of a DN's switch, the member DNDBID of a DN group, both shapes of user properties, truth
// values and states in the forms of the Platform SDK beside those of JSON, the employee id that is the user name where there is none, the
// types in Options.Watch, and that any message of CometD counts as a change.
package gws
