package actions

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/internal/testcluster"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// soon is within what "at once" and "within a second" end under the race detector, on a machine that is busy. The second
// itself is held on the library as it is built (tests/stress/cancel.py).
const soon = 5 * time.Second

// rig is a namespace of the test cluster, behind a proxy that fails requests as the test asks.
type rig struct {
	t         *testing.T
	namespace string
	direct    kubernetes.Interface // past the proxy
	config    *session.Configuration

	over  chan struct{}
	mu    sync.Mutex
	fault func(*http.Request) fault
}

// fault is what becomes of a request; the zero value lets it through.
type fault struct {
	status int             // answered instead of the API server
	cut    bool            // the answer is lost, though the request is served
	wait   <-chan struct{} // held up until this closes, or the client gives up
}

func newRig(t *testing.T) *rig {
	t.Helper()
	direct, err := clientcmd.BuildConfigFromFlags("", testcluster.Shared(t).Kubeconfig)
	must(t, err)
	client, err := kubernetes.NewForConfig(direct)
	must(t, err)
	r := &rig{t: t, direct: client, over: make(chan struct{})}
	made, err := client.CoreV1().Namespaces().Create(context.Background(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "actions-"},
	}, metav1.CreateOptions{})
	must(t, err)
	r.namespace = made.Name
	t.Cleanup(func() {
		must(t, client.CoreV1().Namespaces().Delete(context.Background(), r.namespace, metav1.DeleteOptions{}))
		// The last test to end leaves no connection: client and proxy share them.
		transport, err := rest.TransportFor(direct)
		must(t, err)
		utilnet.CloseIdleConnectionsFor(transport)
	})
	r.config = r.connect(direct)
	return r
}

func (r *rig) connect(direct *rest.Config) *session.Configuration {
	target, err := url.Parse(direct.Host)
	must(r.t, err)
	transport, err := rest.TransportFor(direct)
	must(r.t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(request *httputil.ProxyRequest) { request.SetURL(target) },
		Transport: transport, FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.serve(w, request, proxy)
	}))
	r.t.Cleanup(func() {
		close(r.over)
		server.CloseClientConnections()
		server.Close()
	})
	kubeconfig := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
		"clusters": [{"name": "c", "cluster": {"server": %q}}], "users": [{"name": "u", "user": {}}]}`, server.URL)
	config, err := session.NewPool().Open(session.Options{
		Namespace: r.namespace, Kubeconfig: &session.Kubeconfig{Text: kubeconfig},
		Environment: map[string]string{"HOME": r.t.TempDir()},
	})
	must(r.t, err)
	r.t.Cleanup(func() { must(r.t, config.Close()) })
	return config
}

func (r *rig) serve(w http.ResponseWriter, request *http.Request, proxy http.Handler) {
	r.mu.Lock()
	decide := r.fault
	r.mu.Unlock()
	var what fault
	if decide != nil {
		what = decide(request)
	}
	if what.wait != nil {
		select {
		case <-what.wait:
		case <-request.Context().Done():
			return
		case <-r.over:
			return
		}
	}
	switch {
	case what.cut:
		proxy.ServeHTTP(httptest.NewRecorder(), request)
		panic(http.ErrAbortHandler)
	case what.status != 0:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(what.status)
		fmt.Fprintf(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "injected", "code": %d}`, what.status)
	default:
		proxy.ServeHTTP(w, request)
	}
}

// on fails the requests that match, as often as times says (0: always).
func (r *rig) on(method, part string, times int, what fault) {
	seen := 0
	r.decide(func(request *http.Request) fault {
		if request.Method != method || !strings.Contains(request.URL.Path, part) || times > 0 && seen >= times {
			return fault{}
		}
		seen++
		return what
	})
}

// decide asks the function of every request, one at a time; nil lets all through.
func (r *rig) decide(function func(*http.Request) fault) {
	var mu sync.Mutex
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = nil
	if function != nil {
		r.fault = func(request *http.Request) fault {
			mu.Lock()
			defer mu.Unlock()
			return function(request)
		}
	}
}

// op is an operation that the test can cancel.
func (r *rig) op() (op *bridge.Operation, cancel context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	r.t.Cleanup(cancel)
	return bridge.NewOperation(ctx), cancel
}

// observed is op with an observer of its events.
func (r *rig) observed(observe func(bridge.Event)) (op *bridge.Operation, cancel context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	r.t.Cleanup(cancel)
	return bridge.NewObserved(ctx, observe), cancel
}

func (r *rig) install(name, chart string, change func(*InstallRequest)) (*Release, error) {
	op, _ := r.op()
	return r.installBy(op, name, chart, change)
}

func (r *rig) installBy(op *bridge.Operation, name, chart string, change func(*InstallRequest)) (*Release, error) {
	request := InstallRequest{ReleaseName: name, ChartSource: ChartSource{ChartPath: chart}}
	if change != nil {
		change(&request)
	}
	must(r.t, request.Validate())
	return Install(op, r.config, request)
}

func (r *rig) upgradeBy(op *bridge.Operation, name, chart string, change func(*UpgradeRequest)) (*Release, error) {
	request := UpgradeRequest{ReleaseName: name, ChartSource: ChartSource{ChartPath: chart}}
	if change != nil {
		change(&request)
	}
	must(r.t, request.Validate())
	return Upgrade(op, r.config, request)
}

func (r *rig) upgrade(name, chart string, change func(*UpgradeRequest)) (*Release, error) {
	op, _ := r.op()
	return r.upgradeBy(op, name, chart, change)
}

func (r *rig) uninstall(name string) error {
	op, _ := r.op()
	_, err := Uninstall(op, r.config, UninstallRequest{ReleaseName: name})
	return err
}

// states are the revisions' statuses, oldest first, read past the proxy's faults.
func (r *rig) states(name string) []string {
	r.t.Helper()
	r.decide(nil)
	op, _ := r.op()
	history, err := History(op, r.config, HistoryRequest{ReleaseName: name})
	if err != nil {
		var known *bridge.Error
		if asError(err, &known) && known.Code == codeReleaseNotFound {
			return nil
		}
		must(r.t, err)
	}
	var states []string
	for _, revision := range history {
		states = append(states, revision.Status)
	}
	return states
}

// description is that of the newest revision.
func (r *rig) description(name string) string {
	r.t.Helper()
	r.decide(nil)
	op, _ := r.op()
	history, err := History(op, r.config, HistoryRequest{ReleaseName: name})
	must(r.t, err)
	return history[len(history)-1].Description
}

// configMaps are the names of those of the namespace, without the cluster's own.
func (r *rig) configMaps() []string {
	r.t.Helper()
	list, err := r.direct.CoreV1().ConfigMaps(r.namespace).List(context.Background(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=Helm"})
	must(r.t, err)
	var names []string
	for _, object := range list.Items {
		names = append(names, object.Name)
	}
	return names
}

// works checks that the next upgrade(install=True) deploys the release.
func (r *rig) works(name string) {
	r.t.Helper()
	r.decide(nil)
	rel, err := r.upgrade(name, chartOf(r.t, map[string]string{"one": configMap("one")}), func(request *UpgradeRequest) { request.Install = true })
	if err != nil {
		r.t.Errorf("the next upgrade failed: %v", err)
		return
	}
	if rel.Info.Status != "deployed" {
		r.t.Errorf("the next upgrade left %s", rel.Info.Status)
	}
}

// within runs the action, cancels it when the signal comes, and checks that it ends within a second.
func (r *rig) within(signal <-chan struct{}, cancel context.CancelFunc, run func() error) error {
	r.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- run() }()
	select {
	case <-signal:
	case err := <-ended:
		r.t.Fatalf("ended before it was cancelled: %v", err)
	case <-time.After(30 * time.Second):
		r.t.Fatal("never came to where it was to be cancelled")
	}
	cancel()
	began := time.Now()
	select {
	case err := <-ended:
		if took := time.Since(began); took > soon {
			r.t.Errorf("took %v to stop", took)
		}
		return err
	case <-time.After(20 * time.Second):
		r.t.Fatal("did not stop")
		return nil
	}
}

// chartOf writes a chart with these templates.
func chartOf(t *testing.T, templates map[string]string) string {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "chart")
	must(t, os.MkdirAll(filepath.Join(directory, "templates"), 0o755))
	must(t, os.WriteFile(filepath.Join(directory, "Chart.yaml"), []byte("apiVersion: v2\nname: chart\nversion: 1.0.0\n"), 0o600))
	for name, template := range templates {
		must(t, os.WriteFile(filepath.Join(directory, "templates", name+".yaml"), []byte(template), 0o600))
	}
	return directory
}

func configMap(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\ndata:\n  revision: \"{{ .Release.Revision }}\"\n"
}

// hookPod is hookJob without the Job, whose controller takes its time.
func hookPod(name, event string) string {
	return "apiVersion: v1\nkind: Pod\nmetadata:\n  name: " + name + "\n  annotations:\n    helm.sh/hook: " + event +
		"\nspec:\n  restartPolicy: Never\n  containers: [{name: c, image: registry.example/c}]\n"
}

// hookJob is a hook whose pod runs as long and ends as the annotations of the test cluster say.
func hookJob(name, event, annotations string) string {
	return `apiVersion: batch/v1
kind: Job
metadata:
  name: ` + name + `
  annotations:
    helm.sh/hook: ` + event + `
    helm.sh/hook-delete-policy: before-hook-creation,hook-failed
spec:
  backoffLimit: 0
  template:
    metadata:
      annotations: {` + annotations + `}
    spec:
      restartPolicy: Never
      containers: [{name: c, image: registry.example/c}]
`
}

// neverReady is a Deployment that waits for ever.
func neverReady(name string) string {
	return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ` + name + `
spec:
  selector: {matchLabels: {app: ` + name + `}}
  template:
    metadata:
      labels: {app: ` + name + `}
      annotations: {testcluster/ready: never}
    spec:
      containers: [{name: c, image: registry.example/c}]
`
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
