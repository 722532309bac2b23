package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

func TestConfigurationsShareTheSessionOfOneIdentity(t *testing.T) {
	t.Parallel()
	plain := Options{Kubeconfig: &Kubeconfig{Text: twoClusters}}
	with := func(change func(*Options)) Options {
		changed := plain
		change(&changed)
		return changed
	}
	qps := float32(3)
	exec := strings.Replace(twoClusters, "{token: kubeconfigs}", "{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Never}}", 1)
	for name, test := range map[string]struct {
		other  Options
		shared bool
	}{
		"same":            {plain, true},
		"namespace":       {with(func(o *Options) { o.Namespace = "other" }), true},
		"storage":         {with(func(o *Options) { o.Storage = "memory" }), true},
		"environment":     {with(func(o *Options) { o.Environment = map[string]string{"A": "b"} }), true},
		"path":            {Options{Kubeconfig: &Kubeconfig{Paths: []string{write(t, twoClusters)}}}, true},
		"context":         {with(func(o *Options) { o.Kubecontext = "two" }), false},
		"token":           {with(func(o *Options) { o.KubeToken = "other" }), false},
		"user":            {with(func(o *Options) { o.KubeAsUser = "other" }), false},
		"group":           {with(func(o *Options) { o.KubeAsUser, o.KubeAsGroup = "other", []string{"g"} }), false},
		"qps":             {with(func(o *Options) { o.QPS = &qps }), false},
		"TLS server name": {with(func(o *Options) { o.KubeTLSServerName = "other" }), false},
		"insecure":        {with(func(o *Options) { o.KubeInsecureSkipTLSVerify = true }), false},
		"proxy":           {with(func(o *Options) { o.Environment = map[string]string{"HTTPS_PROXY": "http://p:1"} }), false},
		"exec":            {Options{Kubeconfig: &Kubeconfig{Text: exec}}, false},
	} {
		pool := NewPool()
		one, two := open(t, pool, plain), open(t, pool, test.other)
		if shared := one.Session() == two.Session(); shared != test.shared {
			t.Errorf("%s: shared is %v", name, shared)
		}
	}
	pool := NewPool()
	one := open(t, pool, Options{Kubeconfig: &Kubeconfig{Text: exec}, Environment: map[string]string{"A": "b"}})
	two := open(t, pool, Options{Kubeconfig: &Kubeconfig{Text: exec}, Environment: map[string]string{"A": "c"}})
	if one.Session() == two.Session() {
		t.Error("a plugin with another environment is another identity")
	}
	if key := one.Session().key; strings.Contains(key, "kubeconfigs") || len(key) != 64 {
		t.Errorf("the session's key is %q", key)
	}
}

func TestTheLastConfigurationEndsTheSession(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	states := map[http.ConnState]int{}
	count := func(state http.ConnState) int {
		mu.Lock()
		defer mu.Unlock()
		return states[state]
	}
	server := &api{Server: httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}"))
	}))}
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		states[state]++
	}
	server.Start()
	t.Cleanup(server.Close)

	pool := NewPool()
	one := open(t, pool, Options{Kubeconfig: server.kubeconfig()})
	two := open(t, pool, Options{Kubeconfig: server.kubeconfig(), Namespace: "other"})
	op, _ := operation(t)
	for _, configuration := range []*Configuration{one, two, one} {
		connection := connect(t, configuration, op, ConnectOptions{})
		if _, err := clientset(t, connection).CoreV1().Pods("x").Get(context.Background(), "p", metav1.GetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if count(http.StateNew) != 1 {
		t.Errorf("%d connections for one session", count(http.StateNew))
	}
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	if err := one.Close(); err != nil {
		t.Error("closing twice:", err)
	}
	if _, err := one.Connect(op, ConnectOptions{}); err == nil {
		t.Error("a closed Configuration connects")
	}
	if len(pool.sessions) != 1 || count(http.StateClosed) != 0 {
		t.Errorf("%d sessions, %d connections closed; another Configuration still uses it", len(pool.sessions), count(http.StateClosed))
	}
	if err := two.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "the connection's end", func() bool { return count(http.StateClosed) == 1 })
	if len(pool.sessions) != 0 {
		t.Error("the session is still there")
	}
}

// An operation that still runs while its session is closed keeps its connection until it is done.
func TestClosingWaitsForWhatRuns(t *testing.T) {
	t.Parallel()
	entered, gate := make(chan struct{}), make(chan struct{})
	server := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-gate
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}"))
	})
	configuration := open(t, NewPool(), Options{Kubeconfig: server.kubeconfig()})
	op, _ := operation(t)
	connection := connect(t, configuration, op, ConnectOptions{})
	failed := make(chan error, 1)
	go func() {
		_, err := clientset(t, connection).CoreV1().Pods("x").Get(context.Background(), "p", metav1.GetOptions{})
		failed <- err
	}()
	<-entered
	if err := configuration.Close(); err != nil {
		t.Error(err)
	}
	close(gate)
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

func TestManyConfigurationsLeaveNothing(t *testing.T) {
	server := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}"))
	})
	pool := NewPool()
	before := runtime.NumGoroutine()
	for i := range 200 {
		configuration, err := pool.Open(Options{Kubeconfig: server.kubeconfig(), KubeToken: fmt.Sprint(i)})
		if err != nil {
			t.Fatal(err)
		}
		op, _ := operation(t)
		connection := connect(t, configuration, op, ConnectOptions{})
		if _, err := clientset(t, connection).CoreV1().Pods("x").Get(context.Background(), "p", metav1.GetOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := configuration.Close(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "no goroutine more than before", func() bool { return runtime.NumGoroutine() <= before+2 })
	if len(pool.sessions) != 0 {
		t.Errorf("%d sessions left", len(pool.sessions))
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	s := open(t, NewPool(), Options{Kubeconfig: &Kubeconfig{Text: twoClusters}}).Session()
	unlock, err := s.Lock("web", "shop", "upgrade")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Lock("web", "shop", "rollback")
	pending, ok := errors.AsType[*bridge.Error](err)
	if !ok || pending.Code != CodeReleasePending {
		t.Fatalf("err = %v", err)
	}
	since, err := time.Parse(time.RFC3339, fmt.Sprint(pending.Details["since"]))
	if pending.Details["running"] != "upgrade" || pending.Details["release"] != "shop" || pending.Details["namespace"] != "web" ||
		err != nil || time.Since(since) > time.Minute {
		t.Errorf("details = %v, %v", pending.Details, err)
	}
	for _, other := range [][2]string{{"web", "other"}, {"other", "shop"}} {
		free, err := s.Lock(other[0], other[1], "install")
		if err != nil {
			t.Errorf("%v: %v", other, err)
			continue
		}
		free()
	}
	unlock()
	again, err := s.Lock("web", "shop", "rollback")
	if err != nil {
		t.Fatal(err)
	}
	unlock() // a second time: must not take the other's lock away
	if _, err := s.Lock("web", "shop", "install"); err == nil {
		t.Error("the lock was taken away")
	}
	again()
}
