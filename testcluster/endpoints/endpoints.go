// Package endpoints serves one thing in the flavours that clients must cope with: open, over TLS, with basic
// authentication, and with client certificates.
package endpoints

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/helm-sdkpy/helm-sdkpy/testcluster/certificates"
)

// Addresses are host:port of each flavour.
type Addresses struct {
	Plain   string `json:"plain"`
	TLS     string `json:"tls"`
	Auth    string `json:"auth"`
	TLSAuth string `json:"tls_auth"`
	MTLS    string `json:"mtls"`
}

// Credentials are what the flavours with basic authentication ask for.
type Credentials struct {
	Username, Password string
}

// NewCredentials makes a password that nobody can guess.
func NewCredentials() Credentials {
	return Credentials{Username: "testcluster", Password: rand.Text()}
}

// Guard lets only those through who know the credentials.
func (c Credentials) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		username, password, ok := request.BasicAuth()
		if !ok || username != c.Username || subtle.ConstantTimeCompare([]byte(password), []byte(c.Password)) != 1 {
			response.Header().Set("WWW-Authenticate", `Basic realm="testcluster"`)
			http.Error(response, "unauthorized", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(response, request)
	})
}

// Serve listens in all flavours until the context ends. The guarded handler asks for credentials itself.
func Serve(ctx context.Context, authority *certificates.Authority, name string, open, guarded http.Handler) (Addresses, error) {
	pair, err := authority.Server(name, "127.0.0.1", "localhost")
	if err != nil {
		return Addresses{}, err
	}
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		return Addresses{}, fmt.Errorf("certificate of %s: %w", name, err)
	}
	encrypted := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	mutual := encrypted.Clone()
	mutual.ClientAuth = tls.RequireAndVerifyClientCert
	mutual.ClientCAs = authority.Pool()

	var addresses Addresses
	for _, flavour := range []struct {
		address *string
		handler http.Handler
		tls     *tls.Config
	}{
		{&addresses.Plain, open, nil},
		{&addresses.TLS, open, encrypted},
		{&addresses.Auth, guarded, nil},
		{&addresses.TLSAuth, guarded, encrypted},
		{&addresses.MTLS, open, mutual},
	} {
		if *flavour.address, err = Listen(ctx, flavour.handler, flavour.tls); err != nil {
			return Addresses{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return addresses, nil
}

// Listen serves at an address of its own until the context ends.
func Listen(ctx context.Context, handler http.Handler, encryption *tls.Config) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{
		Handler:           handler,
		TLSConfig:         encryption,
		ReadHeaderTimeout: 10 * time.Second,
		// Handshakes that a client breaks off are part of what is tested here.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() {
		if encryption != nil {
			_ = server.ServeTLS(listener, "", "")
		} else {
			_ = server.Serve(listener)
		}
	}()
	return listener.Addr().String(), nil
}
