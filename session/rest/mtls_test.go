package rest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session/rest"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return a
}

func (a *authority) sign(dns, uri string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	u, err := url.Parse(uri)
	require.NoError(a.t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{dns}, URIs: []*url.URL{u},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	require.NoError(a.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestMutualTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	s := newSite(t, &rest.Options{Authenticators: []rest.Authenticator{rest.Certificates{
		"uri:spiffe://site/ivr": rest.Query, "dns:gms.example": rest.Admin,
	}}})
	server := httptest.NewUnstartedServer(s.handler)
	server.Config = s.handler.Server()
	pool := x509.NewCertPool()
	pool.AddCert(ours.cert)
	server.TLS = server.Config.TLSConfig
	// Not demanded, so that the handler is what refuses.
	server.TLS.ClientAuth, server.TLS.ClientCAs = tls.RequestClientCert, pool
	server.TLS.Certificates = []tls.Certificate{ours.sign("localhost", "")}
	verified := server.TLS.Clone()
	verified.ClientAuth = tls.VerifyClientCertIfGiven
	server.TLS.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if hello.ServerName == "verified" {
			return verified, nil
		}
		return nil, nil
	}
	server.StartTLS()
	defer server.Close()
	status := func(name string, version uint16, certs ...tls.Certificate) int {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
			ServerName: name, InsecureSkipVerify: true, Certificates: certs, MaxVersion: version, MinVersion: tls.VersionTLS10,
		}}}
		defer client.CloseIdleConnections()
		resp, err := client.Get(server.URL + "/ors/v1/metrics")
		if err != nil {
			return 0
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	require.Equal(t, 200, status("verified", 0, ours.sign("x", "spiffe://site/ivr")))
	require.Equal(t, 200, status("verified", tls.VersionTLS12, ours.sign("gms.example", "")))
	require.Equal(t, 401, status("verified", 0, ours.sign("other", "spiffe://site/ivr2")))
	require.Equal(t, 401, status("verified", 0))
	require.Equal(t, 0, status("verified", 0, theirs.sign("gms.example", "")), "the handshake fails")
	require.Equal(t, 401, status("any", 0, theirs.sign("gms.example", "")), "a certificate that was not verified counts for nothing")
	require.Equal(t, 0, status("verified", tls.VersionTLS11, ours.sign("gms.example", "")))
}
