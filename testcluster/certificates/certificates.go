// Package certificates is the test cluster's own certificate authority: one CA signs all that the cluster shows or asks for.
package certificates

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// lifetime is far longer than any test run and short enough that a forgotten kubeconfig is worthless.
const lifetime = 7 * 24 * time.Hour

// Authority signs certificates and keeps them as files in one directory.
type Authority struct {
	// File is the CA's certificate in PEM.
	File string
	// PEM is what File holds.
	PEM []byte

	directory   string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey

	mu     sync.Mutex
	served map[string]*tls.Certificate
}

// Pair is a certificate and its key, as files and as PEM.
type Pair struct {
	CertificateFile, KeyFile string
	Certificate, Key         []byte
}

// NewAuthority makes a CA whose files go to directory.
func NewAuthority(directory string) (*Authority, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("certificate directory: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("key of the certificate authority: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "testcluster"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(lifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	authority := &Authority{
		File:        filepath.Join(directory, "ca.crt"),
		PEM:         pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		directory:   directory,
		certificate: certificate,
		key:         key,
		served:      map[string]*tls.Certificate{},
	}
	if err := os.WriteFile(authority.File, authority.PEM, 0o600); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	return authority, nil
}

// Pool holds the CA alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// Server issues a serving certificate for names, each a DNS name or an IP address.
func (a *Authority) Server(file string, names ...string) (*Pair, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: file},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return a.issue(file, template)
}

// Client issues a client certificate for a user in groups, as the API server reads them from the subject.
func (a *Authority) Client(file, user string, groups ...string) (*Pair, error) {
	return a.issue(file, &x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

// ServerFor answers a handshake with a certificate for whatever name the client asks for, made once a name.
func (a *Authority) ServerFor(name string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if certificate, ok := a.served[name]; ok {
		return certificate, nil
	}
	pair, err := a.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "testcluster"},
		DNSNames:    []string{name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return nil, err
	}
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate for %s: %w", name, err)
	}
	a.served[name] = &certificate
	return &certificate, nil
}

func (a *Authority) issue(file string, template *x509.Certificate) (*Pair, error) {
	pair, err := a.sign(template)
	if err != nil {
		return nil, err
	}
	pair.CertificateFile = filepath.Join(a.directory, file+".crt")
	pair.KeyFile = filepath.Join(a.directory, file+".key")
	if err := os.WriteFile(pair.CertificateFile, pair.Certificate, 0o600); err != nil {
		return nil, fmt.Errorf("certificate %s: %w", file, err)
	}
	if err := os.WriteFile(pair.KeyFile, pair.Key, 0o600); err != nil {
		return nil, fmt.Errorf("certificate %s: %w", file, err)
	}
	return pair, nil
}

func (a *Authority) sign(template *x509.Certificate) (*Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("serial number: %w", err)
	}
	template.SerialNumber = serial
	template.NotBefore = a.certificate.NotBefore
	template.NotAfter = a.certificate.NotAfter
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return &Pair{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}),
	}, nil
}
