package rest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
)

// Role is a set of what a client may do.
type Role uint8

// The roles. Admin terminates sessions, and includes the others.
const (
	Start Role = 1 << iota // start sessions
	Event                  // send events and requests to sessions
	Query                  // look at sessions, metrics and the event stream
	admin
	Admin = Start | Event | Query | admin
)

// String lists the roles: "start+event".
func (r Role) String() string {
	if r&Admin == Admin {
		return "admin" // which has the others
	}
	var names []string
	for i, name := range []string{"start", "event", "query", "admin"} {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "+")
}

// Identity is who sends a request. Name is what the audit log and the rate limit know
// the client by.
type Identity struct {
	Name  string
	Roles Role
}

// Authenticator finds out who sends a request. It must not read the body. An error
// means that it does not know; its text goes to the audit log, never to the client, and
// must not contain credentials. It is called concurrently.
type Authenticator interface {
	Authenticate(r *http.Request) (Identity, error)
}

// AuthenticatorFunc is an Authenticator of the host, such as one that checks a JWT or
// asks an OpenID provider. Bearer has the token.
type AuthenticatorFunc func(r *http.Request) (Identity, error)

// Authenticate calls f.
func (f AuthenticatorFunc) Authenticate(r *http.Request) (Identity, error) { return f(r) }

var (
	errNoCredentials    = errors.New("no credentials")
	errWrongCredentials = errors.New("unknown credentials")
)

// Bearer returns the token of a request: "Authorization: Bearer TOKEN" (RFC 6750,
// section 2.1). A token in the query is not looked at.
func Bearer(r *http.Request) (token string, ok bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

// Token is a bearer token and who has it. Several tokens may have the same name.
type Token struct {
	Name   string
	Secret string // at least 16 bytes
	Roles  Role
}

// minSecret is the length of the shortest secret, in bytes.
const minSecret = 16

// Tokens is an Authenticator for bearer tokens. It keeps digests of the secrets and
// compares with each of them, in a time that does not depend on which one fits: it is made
// for some hundred. It is safe for concurrent use.
type Tokens struct {
	list atomic.Pointer[[]tokenDigest]
}

type tokenDigest struct {
	digest   [sha256.Size]byte
	identity Identity
}

// NewTokens makes an Authenticator for tokens. The error is that of Replace.
func NewTokens(list ...Token) (*Tokens, error) {
	t := &Tokens{}
	if err := t.Replace(list...); err != nil {
		return nil, err
	}
	return t, nil
}

// Replace changes the tokens at once, for the next request. A client is moved to a new secret
// in three steps: Replace with both, change the client, Replace with the new one. An error
// names a token without a name, without a role, with a secret that is too short, or one that
// stands there twice; then nothing has changed.
func (t *Tokens) Replace(list ...Token) error {
	digests := make([]tokenDigest, len(list))
	seen := map[[sha256.Size]byte]bool{}
	for i, token := range list {
		d := sha256.Sum256([]byte(token.Secret))
		switch {
		case token.Name == "":
			return fmt.Errorf("rest: token %d has no name", i+1)
		case token.Roles&Admin == 0:
			return fmt.Errorf("rest: token %q has no role", token.Name)
		case len(token.Secret) < minSecret:
			return fmt.Errorf("rest: the secret of token %q has less than %d bytes", token.Name, minSecret)
		case seen[d]:
			return fmt.Errorf("rest: the secret of token %q stands there twice", token.Name)
		}
		seen[d] = true
		digests[i] = tokenDigest{d, Identity{Name: token.Name, Roles: token.Roles}}
	}
	t.list.Store(&digests)
	return nil
}

// Authenticate implements Authenticator.
func (t *Tokens) Authenticate(r *http.Request) (Identity, error) {
	secret, ok := Bearer(r)
	if !ok {
		return Identity{}, errNoCredentials
	}
	given := sha256.Sum256([]byte(secret))
	found := -1
	list := *t.list.Load()
	for i := range list {
		same := subtle.ConstantTimeCompare(given[:], list[i].digest[:])
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return Identity{}, errWrongCredentials
	}
	return list[found].identity, nil
}

// Certificates is an Authenticator for mutual TLS. The keys are names of the client's
// certificate: "dns:NAME" and "uri:URI" of its subject alternative names, or
// "sha256:HEX", the digest of the certificate. The server has to demand certificates and
// verify them (tls.Config.ClientAuth = tls.RequireAndVerifyClientCert, ClientCAs); one that
// was not verified counts for nothing. It must not be changed once it is in use.
type Certificates map[string]Role

// Authenticate implements Authenticator.
func (c Certificates) Authenticate(r *http.Request) (Identity, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.VerifiedChains[0]) == 0 {
		return Identity{}, errNoCredentials
	}
	leaf := r.TLS.VerifiedChains[0][0]
	sum := sha256.Sum256(leaf.Raw)
	names := []string{"sha256:" + hex.EncodeToString(sum[:])}
	for _, u := range leaf.URIs {
		names = append(names, "uri:"+u.String())
	}
	for _, n := range leaf.DNSNames {
		names = append(names, "dns:"+n)
	}
	for _, n := range names {
		if roles := c[n]; roles != 0 {
			return Identity{Name: n, Roles: roles}, nil
		}
	}
	return Identity{}, errWrongCredentials
}
