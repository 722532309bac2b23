package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/kube"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/internal/testcluster"
)

func clusterOptions(t testing.TB, namespace string) Options {
	t.Helper()
	return Options{Kubeconfig: &Kubeconfig{Paths: []string{testcluster.Shared(t).Kubeconfig}}, Namespace: namespace}
}

// counting counts the requests that reach the server, by method and path.
type counting struct {
	mu   sync.Mutex
	seen map[string]int
	all  atomic.Int64
}

// under counts what goes over the session's connections, below the cache.
func (c *counting) under(s *Session) {
	next := s.wire.cache.next
	s.wire.cache.next = roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		c.mu.Lock()
		if c.seen == nil {
			c.seen = map[string]int{}
		}
		c.seen[r.Method+" "+r.URL.Path]++
		c.mu.Unlock()
		c.all.Add(1)
		return next.RoundTrip(r)
	})
}

func (c *counting) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = nil
	c.all.Store(0)
}

func (c *counting) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.seen)
}

func helmConfiguration(connection *Connection) (*action.Configuration, error) {
	records, err := connection.Storage()
	if err != nil {
		return nil, err
	}
	client := &kube.Client{Factory: connection.Factory(), Namespace: connection.Namespace()}
	client.SetLogger(slog.DiscardHandler)
	return &action.Configuration{RESTClientGetter: connection.Getter(), KubeClient: client, Releases: records}, nil
}

func chartOf(templates ...string) *chart.Chart {
	made := &chart.Chart{Metadata: &chart.Metadata{APIVersion: "v2", Name: "c", Version: "1.0.0"}}
	for i, text := range templates {
		made.Templates = append(made.Templates, &common.File{Name: fmt.Sprintf("templates/%d.yaml", i), Data: []byte(text)})
	}
	return made
}

const configMapTemplate = `apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-config}
data: {has: "{{ .Capabilities.APIVersions.Has "tests.example/v1" }}"}
`

func install(configuration *Configuration, op *bridge.Operation, name string, made *chart.Chart) (*releasev1.Release, error) {
	connection, err := configuration.Connect(op, ConnectOptions{})
	if err != nil {
		return nil, err
	}
	helm, err := helmConfiguration(connection)
	if err != nil {
		return nil, err
	}
	installing := action.NewInstall(helm)
	installing.ReleaseName, installing.Namespace = name, connection.Namespace()
	installing.CreateNamespace, installing.ServerSideApply = true, true
	installing.WaitStrategy, installing.Timeout = kube.HookOnlyStrategy, time.Minute
	installed, err := installing.Run(made, nil)
	if err != nil {
		return nil, err
	}
	return installed.(*releasev1.Release), nil
}

func uninstall(t testing.TB, configuration *Configuration, name string) {
	t.Helper()
	connection, err := configuration.Connect(bridge.NewOperation(context.Background()), ConnectOptions{})
	if err != nil {
		t.Error(err)
		return
	}
	helm, err := helmConfiguration(connection)
	if err != nil {
		t.Error(err)
		return
	}
	uninstalling := action.NewUninstall(helm)
	uninstalling.WaitStrategy, uninstalling.Timeout = kube.HookOnlyStrategy, time.Minute
	if _, err := uninstalling.Run(name); err != nil {
		t.Error(err)
	}
}

func TestHelmOverASession(t *testing.T) {
	options := clusterOptions(t, "")
	for kind, path := range map[string]string{"secret": "secrets", "configmap": "configmaps", "memory": ""} {
		options.Namespace, options.Storage = "over-"+kind, kind
		configuration := open(t, NewPool(), options)
		op, _ := operation(t)
		installed, err := install(configuration, op, "shop", chartOf(configMapTemplate))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		connection := connect(t, configuration, op, ConnectOptions{})
		read, err := store(t, connection).Get("shop", 1)
		if err != nil || read.(*releasev1.Release).Manifest != installed.Manifest {
			t.Errorf("%s: %v, %v", kind, read, err)
		}
		if path != "" {
			err := clientset(t, connection).CoreV1().RESTClient().Get().Namespace(options.Namespace).
				Resource(path).Name("sh.helm.release.v1.shop.v1").Do(t.Context()).Error()
			if err != nil {
				t.Errorf("%s: the record: %v", kind, err)
			}
		}
		uninstall(t, configuration, "shop")
	}
}

// What one install asks of the server beside its own objects: nothing, once the session knows the cluster.
func TestASessionAsksOnce(t *testing.T) {
	options := clusterOptions(t, "asks-once")
	configuration := open(t, NewPool(), options)
	requests := &counting{}
	requests.under(configuration.Session())
	op, _ := operation(t)
	for i := range 3 {
		name := fmt.Sprintf("shop%d", i)
		requests.reset()
		if _, err := install(configuration, op, name, chartOf(configMapTemplate)); err != nil {
			t.Fatal(err)
		}
		defer uninstall(t, configuration, name)
		t.Logf("install %d: %d requests: %v", i, requests.all.Load(), requests)
	}
	for path := range requests.seen {
		// /api and /apis are conditional requests.
		if strings.Contains(path, "/version") || strings.Contains(path, "openapi") || strings.HasPrefix(path, "GET /apis/") {
			t.Errorf("the third install asks %s", path)
		}
	}
}

func crd(group, kind string) string {
	plural := strings.ToLower(kind) + "s"
	return fmt.Sprintf(`apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %s.%s}
spec:
  group: %s
  names: {kind: %s, listKind: %sList, plural: %s, singular: %s}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
`, plural, group, group, kind, kind, plural, strings.ToLower(kind))
}

var crds = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// createCRD makes a CRD past the session, and waits until the server publishes it.
func createCRD(t *testing.T, configuration *Configuration, group, kind string) {
	t.Helper()
	other := open(t, NewPool(), configuration.Options())
	connection := connect(t, other, bridge.NewOperation(context.Background()), ConnectOptions{})
	built, err := (&kube.Client{Factory: connection.Factory(), Namespace: "default"}).Build(bytes.NewBufferString(crd(group, kind)), false)
	if err != nil {
		t.Fatal(err)
	}
	client, err := connection.Factory().DynamicClient()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Resource(crds).Create(t.Context(), built[0].Object.(*unstructured.Unstructured), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	name := strings.ToLower(kind) + "s." + group
	t.Cleanup(func() {
		if err := client.Resource(crds).Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	})
	direct, err := connection.Factory().KubernetesClientSet()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "publishing "+group, func() bool {
		text, err := direct.RESTClient().Get().AbsPath("/apis").
			SetHeader("Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList").
			SetHeader("Cache-Control", "no-cache").Do(t.Context()).Raw()
		return err == nil && strings.Contains(string(text), group)
	})
}

func TestCapabilitiesAreNeverStale(t *testing.T) {
	options := clusterOptions(t, "capabilities")
	configuration := open(t, NewPool(), options)
	op, _ := operation(t)
	has := func(name string) bool {
		installed, err := install(configuration, op, name, chartOf(configMapTemplate))
		if err != nil {
			t.Fatal(err)
		}
		defer uninstall(t, configuration, name)
		return strings.Contains(installed.Manifest, `has: "true"`)
	}
	if has("before") {
		t.Error("the group is there already")
	}
	createCRD(t, configuration, "tests.example", "Early")
	if !has("after") {
		t.Error("the CRD that somebody else made is not seen")
	}
}

func TestTheMapperLooksAgain(t *testing.T) {
	configuration := open(t, NewPool(), clusterOptions(t, ""))
	requests := &counting{}
	kind := schema.GroupKind{Group: "mapper.example", Kind: "Late"}
	lookUp := func() error {
		op := bridge.NewOperation(t.Context())
		connection, err := configuration.Connect(op, ConnectOptions{})
		if err != nil {
			return err
		}
		mapper, err := connection.Getter().ToRESTMapper()
		if err != nil {
			return err
		}
		_, err = mapper.RESTMapping(kind, "v1")
		return err
	}
	if err := lookUp(); !meta.IsNoMatchError(err) {
		t.Fatalf("err = %v", err)
	}
	requests.under(configuration.Session())
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			if err := lookUp(); !meta.IsNoMatchError(err) {
				t.Errorf("err = %v", err)
			}
		})
	}
	group.Wait()
	t.Logf("64 operations that miss at once: %d requests: %v", requests.all.Load(), requests)
	if requests.all.Load() > 20 {
		t.Errorf("a storm of %d requests", requests.all.Load())
	}
	createCRD(t, configuration, "mapper.example", "Late")
	if err := lookUp(); err != nil {
		t.Error(err)
	}

	// A mapper that is made of what the cache kept is not the newest.
	op, _ := operation(t)
	view, err := connect(t, configuration, op, ConnectOptions{}).Getter().ToDiscoveryClient()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := view.ServerGroups(); err != nil {
		t.Fatal(err)
	}
	configuration.Session().mappings.invalidate()
	createCRD(t, configuration, "mapper2.example", "Later")
	kind = schema.GroupKind{Group: "mapper2.example", Kind: "Later"}
	if err := lookUp(); err != nil {
		t.Error(err)
	}
}

// A chart with a CRD in crds/ and an object of that kind, on a session that knows the cluster from before.
func TestInvalidateAfterCRDs(t *testing.T) {
	options := clusterOptions(t, "with-crds")
	configuration := open(t, NewPool(), options)
	op, _ := operation(t)
	if _, err := install(configuration, op, "warm", chartOf(configMapTemplate)); err != nil {
		t.Fatal(err)
	}
	defer uninstall(t, configuration, "warm")
	made := chartOf("apiVersion: crds.example/v1\nkind: Thing\nmetadata: {name: thing}\nspec: {size: 3}\n")
	made.Files = append(made.Files, &common.File{Name: "crds/thing.yaml", Data: []byte(crd("crds.example", "Thing"))})
	if _, err := install(configuration, op, "things", made); err != nil {
		t.Fatal(err)
	}
	uninstall(t, configuration, "things")
	connection := connect(t, configuration, op, ConnectOptions{})
	client, err := connection.Factory().DynamicClient()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Resource(crds).Delete(t.Context(), "things.crds.example", metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

// Charts that bring CRDs invalidate what the others are reading.
func TestManyChartsWithCRDsAtOnce(t *testing.T) {
	options := clusterOptions(t, "many-crds")
	configuration := open(t, NewPool(), options)
	op, _ := operation(t)
	if _, err := install(configuration, op, "first", chartOf(configMapTemplate)); err != nil {
		t.Fatal(err)
	}
	defer uninstall(t, configuration, "first")
	client, err := connect(t, configuration, op, ConnectOptions{}).Factory().DynamicClient()
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 6 {
		name, domain := fmt.Sprintf("many-%d", i), fmt.Sprintf("g%d.many.example", i)
		made := chartOf("apiVersion: "+domain+"/v1\nkind: Thing\nmetadata: {name: thing}\nspec: {size: 3}\n", configMapTemplate)
		made.Files = append(made.Files, &common.File{Name: "crds/thing.yaml", Data: []byte(crd(domain, "Thing"))})
		group.Go(func() {
			if _, err := install(configuration, bridge.NewOperation(t.Context()), name, made); err != nil {
				t.Error(err)
				return
			}
			uninstall(t, configuration, name)
			if err := client.Resource(crds).Delete(t.Context(), "things."+domain, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// The session ends while an operation watches: the watch goes on until it is stopped, and then nothing is left.
func TestClosingUnderAWatch(t *testing.T) {
	configuration := open(t, NewPool(), clusterOptions(t, "default"))
	op, cancel := operation(t)
	watcher, err := clientset(t, connect(t, configuration, op, ConnectOptions{})).CoreV1().ConfigMaps("kube-system").
		Watch(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := configuration.Close(); err != nil {
		t.Error(err)
	}
	if _, alive := <-watcher.ResultChan(); !alive {
		t.Error("the watch was cut")
	}
	cancel()
	within(t, time.Second, "the watch's end", func() {
		for range watcher.ResultChan() {
		}
	})
}

func validate(connection *Connection, directive, manifest string) error {
	_, err := (&kube.Client{Factory: connection.Factory(), Namespace: "default"}).Build(bytes.NewBufferString(manifest), directive == "Strict")
	return err
}

func TestValidatorsAreShared(t *testing.T) {
	configuration := open(t, NewPool(), clusterOptions(t, ""))
	requests := &counting{}
	requests.under(configuration.Session())
	manifest := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\n"
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			connection, err := configuration.Connect(bridge.NewOperation(t.Context()), ConnectOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := validate(connection, "Strict", manifest); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for path, count := range requests.seen {
		if strings.Contains(path, "openapi") && count != 1 {
			t.Errorf("%s was asked %d times", path, count)
		}
	}
	before := requests.all.Load()
	op, _ := operation(t)
	connection := connect(t, configuration, op, ConnectOptions{})
	if err := validate(connection, "Strict", manifest); err != nil || requests.all.Load() != before {
		t.Errorf("%v; %d more requests", err, requests.all.Load()-before)
	}
	parsed := configuration.Session().validators.documents[schema.GroupVersion{Group: "apps", Version: "v1"}]
	connection.Invalidate()
	if err := validate(connection, "Strict", manifest); err != nil {
		t.Error(err)
	}
	again := configuration.Session().validators.documents[schema.GroupVersion{Group: "apps", Version: "v1"}]
	if again == parsed || fmt.Sprintf("%p", again.kinds) != fmt.Sprintf("%p", parsed.kinds) {
		t.Error("an unchanged document was read again")
	}
}

// What the API server can not validate itself is validated by the old document, as kubectl does: a List.
func TestTheOldDocumentValidatesTheRest(t *testing.T) {
	configuration := open(t, NewPool(), clusterOptions(t, ""))
	op, _ := operation(t)
	connection := connect(t, configuration, op, ConnectOptions{})
	list := "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, %s: {}}]\n"
	if err := validate(connection, "Strict", fmt.Sprintf(list, "data")); err != nil {
		t.Error(err)
	}
	if err := validate(connection, "Strict", fmt.Sprintf(list, "wrong")); err == nil || !strings.Contains(err.Error(), "wrong") {
		t.Errorf("err = %v", err)
	}
}

func TestACancelledValidatorPoisonsNobody(t *testing.T) {
	configuration := open(t, NewPool(), clusterOptions(t, ""))
	gate := make(chan struct{})
	entered := make(chan struct{}, 100)
	next := configuration.Session().wire.cache.next
	configuration.Session().wire.cache.next = roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/openapi/v3/") {
			entered <- struct{}{}
			select {
			case <-gate:
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
		return next.RoundTrip(r)
	})
	manifest := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n"
	op, cancel := operation(t)
	connection := connect(t, configuration, op, ConnectOptions{})
	failed := make(chan error, 1)
	go func() { failed <- validate(connection, "Strict", manifest) }()
	<-entered
	cancel()
	within(t, time.Second, "the cancelled validation", func() {
		if err := <-failed; !errors.Is(err, context.Canceled) && !strings.Contains(fmt.Sprint(err), "context canceled") {
			t.Errorf("err = %v", err)
		}
	})
	close(gate)
	other, _ := operation(t)
	if err := validate(connect(t, configuration, other, ConnectOptions{}), "Strict", manifest); err != nil {
		t.Error(err)
	}
}

// Helm's status watcher makes a client and a mapper of its own for every waiter: the cache answers them.
func TestAWaitersMapperIsAnsweredByTheCache(t *testing.T) {
	configuration := open(t, NewPool(), clusterOptions(t, ""))
	op, _ := operation(t)
	connection := connect(t, configuration, op, ConnectOptions{})
	requests := &counting{}
	requests.under(configuration.Session())
	for range 3 {
		config, err := connection.Factory().ToRESTConfig()
		if err != nil {
			t.Fatal(err)
		}
		client, err := rest.HTTPClientFor(config)
		if err != nil {
			t.Fatal(err)
		}
		mapper, err := apiutil.NewDynamicRESTMapper(config, client)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mapper.RESTMapping(schema.GroupKind{Group: "apps", Kind: "Deployment"}, "v1"); err != nil {
			t.Fatal(err)
		}
	}
	for path, count := range requests.seen {
		if count != 1 {
			t.Errorf("%s was asked %d times", path, count)
		}
	}
	t.Logf("three waiters: %v", requests)
}

func TestManyOperationsAtOnce(t *testing.T) {
	options := clusterOptions(t, "at-once")
	pool := NewPool()
	configuration := open(t, pool, options)
	op, _ := operation(t)
	if _, err := install(configuration, op, "first", chartOf(configMapTemplate)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			if _, err := install(configuration, bridge.NewOperation(t.Context()), fmt.Sprintf("at-once-%d", i), chartOf(configMapTemplate)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	t.Logf("16 installs at once: %v", time.Since(began))
	records, err := store(t, connect(t, configuration, op, ConnectOptions{})).ListReleases()
	if err != nil || len(records) != 17 {
		t.Errorf("%d records, %v", len(records), err)
	}
	for i := range 16 {
		uninstall(t, configuration, fmt.Sprintf("at-once-%d", i))
	}
	uninstall(t, configuration, "first")
}

// 64 watches end with their operations, at once.
func TestCancelManyAtOnce(t *testing.T) {
	configuration := open(t, NewPool(), clusterOptions(t, ""))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var watching, group sync.WaitGroup
	for range 64 {
		watching.Add(1)
		group.Go(func() {
			connection, err := configuration.Connect(bridge.NewOperation(ctx), ConnectOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			clients, err := connection.Factory().KubernetesClientSet()
			if err != nil {
				t.Error(err)
				return
			}
			watcher, err := clients.CoreV1().ConfigMaps("kube-system").Watch(context.Background(), metav1.ListOptions{})
			watching.Done()
			if err != nil {
				t.Error(err)
				return
			}
			defer watcher.Stop()
			for range watcher.ResultChan() {
			}
		})
	}
	watching.Wait()
	began := time.Now()
	cancel()
	within(t, time.Second, "cancelling 64 watches", group.Wait)
	t.Logf("64 watches ended in %v", time.Since(began))
}

// The kubeconfig's text is as good as its path, and the same identity.
func TestAKubeconfigsTextAndPathAreOneSession(t *testing.T) {
	options := clusterOptions(t, "")
	text, err := os.ReadFile(options.Kubeconfig.Paths[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := NewPool()
	byPath, byText := open(t, pool, options), open(t, pool, Options{Kubeconfig: &Kubeconfig{Text: string(text)}})
	op, _ := operation(t)
	for _, configuration := range []*Configuration{byPath, byText} {
		if _, err := clientset(t, connect(t, configuration, op, ConnectOptions{})).Discovery().ServerVersion(); err != nil {
			t.Error(err)
		}
	}
}
