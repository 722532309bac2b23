package session

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"helm.sh/helm/v4/pkg/kube"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

func TestMain(m *testing.M) {
	kube.ManagedFieldsManager = "helm"
	status := m.Run()
	if status == 0 {
		if err := goleak.Find(); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			status = 1
		}
	}
	os.Exit(status)
}

// api is an HTTP server that answers as a test says and remembers what it was asked.
type api struct {
	*httptest.Server
	mu    sync.Mutex
	asked []*http.Request
}

func newAPI(t *testing.T, answer http.HandlerFunc) *api {
	t.Helper()
	server := &api{}
	server.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.mu.Lock()
		server.asked = append(server.asked, r.Clone(context.Background()))
		server.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

func (a *api) count(path string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	count := 0
	for _, request := range a.asked {
		if path == "" || request.URL.Path == path {
			count++
		}
	}
	return count
}

func (a *api) last(t *testing.T) *http.Request {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.asked) == 0 {
		t.Fatal("the server was not asked")
	}
	return a.asked[len(a.asked)-1]
}

// kubeconfig names the server and nothing else.
func (a *api) kubeconfig() *Kubeconfig {
	return &Kubeconfig{Text: "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: '" + a.URL +
		"'}}]\ncontexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n"}
}

func open(t *testing.T, pool *Pool, options Options) *Configuration {
	t.Helper()
	configuration, err := pool.Open(options)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := configuration.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return configuration
}

func connect(t *testing.T, configuration *Configuration, op *bridge.Operation, options ConnectOptions) *Connection {
	t.Helper()
	connection, err := configuration.Connect(op, options)
	if err != nil {
		t.Fatalf("Connect: %v", err)
	}
	return connection
}

// operation is one that the test can cancel.
func operation(t *testing.T) (*bridge.Operation, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return bridge.NewOperation(ctx), cancel
}

// within fails the test where f takes longer.
func within(t *testing.T, limit time.Duration, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("%s took more than %v", what, limit)
	}
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("not within 5 s: %s", what)
}

func base64Of(text []byte) string { return base64.StdEncoding.EncodeToString(text) }
