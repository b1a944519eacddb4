package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony/fm"
)

// httpOptions are the http-* options of the section scxml that documents and <session:fetch> share.
type httpOptions struct {
	redirects         int // negative: none
	proxy, httpsProxy *url.URL
	version           string
	ports             session.PortRange
	tls               *tls.Config
}

func readHTTP(st *config.Settings) (*httpOptions, error) {
	const section = "scxml"
	o := &httpOptions{redirects: int(st.Int(section, "http-max-redirections")), version: st.Text(section, "http-version")}
	if o.redirects == 0 {
		o.redirects = -1
	}
	var errs [4]error
	o.proxy, errs[0] = config.ReadProxy(st.Text(section, "http-proxy"))
	o.httpsProxy, errs[1] = config.ReadProxy(st.Text(section, "https-proxy"))
	if o.proxy != nil && o.httpsProxy == nil {
		o.httpsProxy = &url.URL{} // http-proxy is for http alone
	}
	o.ports, errs[2] = config.ReadPorts(st.Text(section, "http-client-side-port-range"))
	o.tls, errs[3] = clientTLS(st)
	return o, errors.Join(errs[:]...)
}

// loaderOptions fills in the options of the document loader.
func loaderOptions(st *config.Settings, o *session.LoaderOptions) error {
	const section = "scxml"
	h, err := readHTTP(st)
	if err != nil {
		return err
	}
	o.Redirects, o.Proxy, o.HTTPSProxy, o.HTTP, o.LocalPorts, o.TLS = h.redirects, h.proxy, h.httpsProxy, h.version, h.ports, h.tls
	o.CacheBytes = st.Int(section, "http-max-cache-size") << 20
	o.CacheEntryBytes = st.Int(section, "http-max-cache-entry-size") << 10
	o.CacheEntries = int(st.Int(section, "http-max-cache-entry-count"))
	if o.CacheBytes == 0 || o.CacheEntryBytes == 0 || o.CacheEntries == 0 {
		o.CacheBytes = -1
	}
	o.MaxStale = st.Duration(section, "http-max-stale")
	o.NoCache = nil
	if list := st.Text(section, "http-no-cache-urls"); list != "" {
		for u := range strings.SplitSeq(list, ",") {
			o.NoCache = append(o.NoCache, strings.TrimSpace(u))
		}
	}
	return nil
}

// loaderValues are the options that loaderOptions reads, to see whether they have changed.
func loaderValues(st *config.Settings) string {
	var b strings.Builder
	for _, s := range config.Catalogue() {
		if s.Where == config.InApplication && s.Section == "scxml" && strings.HasPrefix(s.Name, "http") {
			b.WriteString(st.Text(s.Section, s.Name))
			b.WriteByte(0)
		}
	}
	return b.String()
}

// fetchOptions fills in the options of <session:fetch>.
func fetchOptions(st *config.Settings, o *fm.FetchOptions) error {
	h, err := readHTTP(st)
	if err != nil {
		return err
	}
	o.Redirects, o.Proxy, o.HTTPSProxy, o.HTTP, o.LocalPorts, o.TLS = h.redirects, h.proxy, h.httpsProxy, h.version, h.ports, h.tls
	o.Continue = st.Bool("scxml", "http-enable-continue-header")
	return nil
}

// clientTLS reads the options http-ssl-*.
func clientTLS(st *config.Settings) (*tls.Config, error) {
	const section = "scxml"
	text := func(option string) string { return st.Text(section, option) }
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if text("http-ssl-version") == "TLSv1_3" {
		c.MinVersion = tls.VersionTLS13
	}
	var err error
	if c.CipherSuites, err = config.ReadCiphers(text("http-ssl-cipher-list")); err != nil {
		return nil, optionError(section, "http-ssl-cipher-list", err)
	}
	if c.RootCAs, err = authorities(text("http-ssl-ca-info"), text("http-ssl-ca-path")); err != nil {
		return nil, optionError(section, "http-ssl-ca-info, http-ssl-ca-path", err)
	}
	cert, key := text("http-ssl-cert"), text("http-ssl-key")
	certType, keyType := text("http-ssl-cert-type"), text("http-ssl-key-type")
	switch {
	case cert == "" && key != "":
		return nil, optionError(section, "http-ssl-key", errors.New("needs http-ssl-cert beside it"))
	case cert != "":
		if key == "" {
			key, keyType = cert, certType
		}
		pair, err := keyPair(cert, certType, key, keyType)
		if err != nil {
			return nil, optionError(section, "http-ssl-cert, http-ssl-key", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	verify(c, st.Bool(section, "http-ssl-verify-peer"), st.Int(section, "http-ssl-verify-host") > 0)
	return c, nil
}

func optionError(section, option string, err error) error {
	return fmt.Errorf("section %s, option %s: %w", section, option, err)
}

// verify has the certificate of a server checked: who has signed it (peer), and with that whether it is for
// the server (host).
func verify(c *tls.Config, peer, host bool) {
	if peer && host {
		return
	}
	c.InsecureSkipVerify = true
	if !peer {
		return
	}
	roots := c.RootCAs
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, cert := range cs.PeerCertificates[1:] {
			o.Intermediates.AddCert(cert)
		}
		_, err := cs.PeerCertificates[0].Verify(o)
		return err
	}
}

// authorities reads certificates of authorities from a file and from the files of a folder; nil when
// none is given: those of the system.
func authorities(file, folder string) (*x509.CertPool, error) {
	if file == "" && folder == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	add := func(name string) (bool, error) {
		b, err := os.ReadFile(name)
		return err == nil && pool.AppendCertsFromPEM(b), err
	}
	if file != "" {
		if ok, err := add(file); err != nil || !ok {
			return nil, errors.Join(err, noCertificate(ok, file))
		}
	}
	if folder != "" {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		found := false
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			ok, err := add(filepath.Join(folder, e.Name()))
			if err != nil {
				return nil, err
			}
			found = found || ok
		}
		if err := noCertificate(found, folder); err != nil {
			return nil, err
		}
	}
	return pool, nil
}

func noCertificate(found bool, where string) error {
	if found {
		return nil
	}
	return fmt.Errorf("%s has no certificate in the form PEM", where)
}

// keyPair reads a certificate and its key, each PEM or DER.
func keyPair(cert, certType, key, keyType string) (tls.Certificate, error) {
	read := func(name, kind, block string) ([]byte, error) {
		b, err := os.ReadFile(name)
		if err == nil && kind == "DER" {
			b = pem.EncodeToMemory(&pem.Block{Type: block, Bytes: b})
		}
		return b, err
	}
	c, err := read(cert, certType, "CERTIFICATE")
	k, err2 := read(key, keyType, "PRIVATE KEY")
	if err := errors.Join(err, err2); err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(c, k)
}
