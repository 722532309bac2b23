package session

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// pluginServer is an API server that takes the tokens that the test says, and a plugin that gives them.
type pluginServer struct {
	*httptest.Server
	directory string
	token     atomic.Value
	requests  atomic.Int64
}

func newPluginServer(t *testing.T, script string) *pluginServer {
	t.Helper()
	s := &pluginServer{directory: t.TempDir()}
	s.token.Store("")
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Authorization") != "Bearer "+s.token.Load().(string) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","code":401}`)
			return
		}
		_, _ = io.WriteString(w, "{}")
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that were not needed in the end
	s.StartTLS()
	t.Cleanup(s.Close)
	path := filepath.Join(s.directory, "get-token")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho run >> '"+s.directory+"/runs'\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *pluginServer) runs() int {
	text, _ := os.ReadFile(filepath.Join(s.directory, "runs"))
	return strings.Count(string(text), "run")
}

func (s *pluginServer) options(extra string) Options {
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return Options{
		Environment: map[string]string{"PATH": s.directory + ":/usr/bin:/bin", "TOKEN": "from-python"},
		Kubeconfig: &Kubeconfig{Text: fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: get-token, interactiveMode: IfAvailable, %s}}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
`, s.URL, base64Of(authority), extra)},
	}
}

func get(t *testing.T, configuration *Configuration, op *bridge.Operation) error {
	t.Helper()
	connection, err := configuration.Connect(op, ConnectOptions{})
	if err != nil {
		return err
	}
	clients, err := connection.Factory().KubernetesClientSet()
	if err != nil {
		return err
	}
	_, err = clients.CoreV1().Pods("x").Get(context.Background(), "p", metav1.GetOptions{})
	return err
}

const givesToken = `cat <<END
{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "$TOKEN$EXTRA"}}
END
`

func TestCredentialPlugin(t *testing.T) {
	t.Setenv("TOKEN", "gos-own")
	t.Setenv("ONLY_IN_GO", "x")
	s := newPluginServer(t, `[ -z "$ONLY_IN_GO" ] || exit 9
case "$KUBERNETES_EXEC_INFO" in *'"interactive":false'*) ;; *) exit 8;; esac
[ -t 0 ] && exit 7
`+givesToken)
	s.token.Store("from-python-and-kubeconfig")
	configuration := open(t, NewPool(), s.options("env: [{name: EXTRA, value: -and-kubeconfig}]"))
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if err := get(t, configuration, bridge.NewOperation(t.Context())); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if s.runs() != 1 {
		t.Errorf("the plugin ran %d times", s.runs())
	}
}

func TestCredentialPluginIsAskedAgainWhenItsTokenIsRefused(t *testing.T) {
	t.Parallel()
	s := newPluginServer(t, strings.ReplaceAll(givesToken, "$TOKEN$EXTRA", "$(wc -l < $(dirname $0)/runs | tr -d ' ')"))
	s.token.Store("2")
	configuration := open(t, NewPool(), s.options(""))
	op, _ := operation(t)
	if err := get(t, configuration, op); err == nil {
		t.Error("the first token was taken")
	}
	if err := get(t, configuration, op); err != nil {
		t.Error(err)
	}
	if s.runs() != 2 {
		t.Errorf("the plugin ran %d times", s.runs())
	}
}

func TestCredentialPluginIsAskedAgainWhenItsTokenExpires(t *testing.T) {
	t.Parallel()
	s := newPluginServer(t, `cat <<END
{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
 "status": {"token": "t", "expirationTimestamp": "2001-01-01T00:00:00Z"}}
END
`)
	s.token.Store("t")
	configuration := open(t, NewPool(), s.options(""))
	op, _ := operation(t)
	if err := errors.Join(get(t, configuration, op), get(t, configuration, op)); err != nil || s.runs() != 2 {
		t.Errorf("%v; the plugin ran %d times", err, s.runs())
	}
}

func TestCredentialPluginsComplaintIsInTheError(t *testing.T) {
	t.Parallel()
	s := newPluginServer(t, "echo 'your session has ended; log in' >&2\nexit 3\n")
	configuration := open(t, NewPool(), s.options(""))
	op, _ := operation(t)
	err := get(t, configuration, op)
	if err == nil || !strings.Contains(err.Error(), "your session has ended; log in") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("err = %v", err)
	}
}

func TestCredentialPluginsAnswerIsNotQuoted(t *testing.T) {
	t.Parallel()
	s := newPluginServer(t, "echo 'secret {'\n")
	op, _ := operation(t)
	err := get(t, open(t, NewPool(), s.options("")), op)
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "no ExecCredential") {
		t.Errorf("err = %v", err)
	}
}

func TestCredentialPluginIsNotThere(t *testing.T) {
	t.Parallel()
	s := newPluginServer(t, givesToken)
	options := s.options("installHint: get it from somewhere")
	options.Environment["PATH"] = "/nowhere"
	op, _ := operation(t)
	err := get(t, open(t, NewPool(), options), op)
	if err == nil || !strings.Contains(err.Error(), "get-token is not on the PATH") || !strings.Contains(err.Error(), "get it from somewhere") {
		t.Errorf("err = %v", err)
	}
}

func TestCredentialPluginThatWantsATerminal(t *testing.T) {
	t.Parallel()
	s := newPluginServer(t, givesToken)
	options := s.options("")
	options.Kubeconfig.Text = strings.Replace(options.Kubeconfig.Text, "IfAvailable", "Always", 1)
	if _, err := NewPool().Open(options); !isConfiguration(err) || !strings.Contains(err.Error(), "terminal") {
		t.Errorf("err = %v", err)
	}
}

// A plugin that hangs holds up nobody who was cancelled, and ends when nobody waits for it.
func TestCancelWhileACredentialPluginRuns(t *testing.T) {
	t.Parallel()
	s := newPluginServer(t, "echo $$ > $(dirname $0)/pid\nexec sleep 100\n")
	configuration := open(t, NewPool(), s.options(""))
	first, cancelFirst := operation(t)
	second, cancelSecond := operation(t)
	failed := make(chan error, 2)
	for _, op := range []*bridge.Operation{first, second} {
		go func() { failed <- get(t, configuration, op) }()
	}
	pid := ""
	eventually(t, "the plugin's start", func() bool {
		text, err := os.ReadFile(filepath.Join(s.directory, "pid"))
		pid = strings.TrimSpace(string(text))
		return err == nil && pid != ""
	})
	cancelFirst()
	within(t, time.Second, "the first cancel", func() {
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	if !exists("/proc/" + pid) {
		t.Error("the plugin was ended while somebody waits")
	}
	cancelSecond()
	within(t, time.Second, "the second cancel", func() {
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	eventually(t, "the plugin's end", func() bool { return !exists("/proc/" + pid) })
}

// clientCertificate makes a self-signed certificate for a client, with its key, as the plugin prints them.
func clientCertificate(t *testing.T, name string) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, bytes []byte) string {
		return strings.ReplaceAll(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes})), "\n", "\\n")
	}
	return text("CERTIFICATE", der), text("EC PRIVATE KEY", private)
}

// A plugin's new certificate is used at once: connections that were made with the old one go.
func TestCredentialPluginsCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	s := newPluginServer(t, `exec cat "$(dirname $0)/answer$(wc -l < $(dirname $0)/runs | tr -d ' ')"`+"\n")
	for i, name := range []string{"old", "new"} {
		cert, key := clientCertificate(t, name)
		answer := fmt.Sprintf(`{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
			"status": {"clientCertificateData": "%s", "clientKeyData": "%s"}}`, cert, key)
		if err := os.WriteFile(filepath.Join(s.directory, fmt.Sprintf("answer%d", i+1)), []byte(answer), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var names []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.TLS.PeerCertificates[0].Subject.CommonName
		mu.Lock()
		names = append(names, name)
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if name == "old" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, "{}")
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	options := s.options("")
	options.Kubeconfig.Text = strings.Replace(options.Kubeconfig.Text, s.URL, server.URL, 1)
	configuration := open(t, NewPool(), options)
	op, _ := operation(t)
	if err := get(t, configuration, op); err == nil {
		t.Error("the old certificate was taken")
	}
	if err := get(t, configuration, op); err != nil {
		t.Error(err)
	}
	if !slices.Equal(names, []string{"old", "new"}) {
		t.Errorf("the server saw %v", names)
	}
}
