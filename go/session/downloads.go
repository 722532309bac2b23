package session

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

// downloads are the connections to chart repositories and registries that a Configuration's operations share.
type downloads struct {
	env environment

	mu         sync.Mutex
	transports map[[sha256.Size]byte]*http.Transport
	order      [][sha256.Size]byte
	closed     bool
	used       usage
}

// downloadTransports bounds how many kinds of TLS settings keep connections.
const downloadTransports = 16

func newDownloads(env environment) *downloads {
	return &downloads{env: env, transports: map[[sha256.Size]byte]*http.Transport{}}
}

// tlsFiles are the TLS settings of a repository or registry.
type tlsFiles struct {
	insecure          bool
	cert, key, caFile string
}

// transport gives the connections for these settings; where the files' content changed, others.
func (d *downloads) transport(files tlsFiles, registry bool) (*http.Transport, error) {
	settings, content, err := files.load()
	if err != nil {
		return nil, fmt.Errorf("can't create TLS config for client: %w", err)
	}
	key := sha256.Sum256(fmt.Appendf(content, "%v %v", files, registry))
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.transports[key]; known != nil {
		return known, nil
	}
	made := &http.Transport{
		Proxy:           d.env.proxy(),
		TLSClientConfig: settings,
		DialContext:     (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		// As http.DefaultTransport.
		MaxIdleConns: 100, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
		ExpectContinueTimeout: time.Second,
		// As getter.HTTPGetter and registry.NewTransport, and without HTTP/2 where TLS has settings of its own, as the
		// command's newRegistryClientWithTLS: a server's refusal of our certificate would often be lost in it.
		DisableCompression: !registry, ForceAttemptHTTP2: registry && files == (tlsFiles{}),
	}
	if d.closed {
		made.DisableKeepAlives = true
		return made, nil
	}
	d.transports[key] = made
	d.order = append(d.order, key)
	if len(d.order) > downloadTransports {
		d.transports[d.order[0]].CloseIdleConnections()
		delete(d.transports, d.order[0])
		d.order = slices.Delete(d.order, 0, 1)
	}
	return made, nil
}

func (d *downloads) close() {
	d.mu.Lock()
	all := slices.Collect(maps.Values(d.transports))
	d.closed = true
	clear(d.transports)
	d.order = nil
	d.mu.Unlock()
	d.used.close(func() {
		for _, made := range all {
			made.CloseIdleConnections()
		}
	})
}

// load reads the files as Helm's internal tlsutil.NewTLSConfig does; content tells one reading from another.
func (t tlsFiles) load() (settings *tls.Config, content []byte, err error) {
	settings = &tls.Config{InsecureSkipVerify: t.insecure} //nolint:gosec // what insecure_skip_tls_verify asks for
	if t.cert != "" || t.key != "" {
		cert, err := os.ReadFile(t.cert)
		if err != nil {
			return nil, nil, fmt.Errorf("unable to read cert file: %q: %w", t.cert, err)
		}
		key, err := os.ReadFile(t.key)
		if err != nil {
			return nil, nil, fmt.Errorf("unable to read key file: %q: %w", t.key, err)
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, nil, fmt.Errorf("unable to load cert from key pair: %w", err)
		}
		settings.Certificates = []tls.Certificate{pair}
		content = slices.Concat(cert, key)
	}
	if t.caFile != "" {
		authority, err := os.ReadFile(t.caFile)
		if err != nil {
			return nil, nil, fmt.Errorf("can't read CA file: %q: %w", t.caFile, err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(authority) {
			return nil, nil, errors.New("failed to append certificates from pem block")
		}
		content = append(content, authority...)
	}
	return settings, content, nil
}

// shell is a concrete *http.Transport, which Helm's getters and registry client ask for, that hands every request on with the
// context.
func (d *downloads) shell(ctx context.Context, next http.RoundTripper) *http.Transport {
	carried := &carrier{next: next, pick: func(*http.Request) context.Context { return ctx }, used: &d.used}
	made := &http.Transport{
		// Not nil: HTTP/2 would register itself for https, which can be done once only.
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	made.RegisterProtocol("http", carried)
	made.RegisterProtocol("https", carried)
	return made
}
