package watch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// api answers like an API server does, for objects that need no controller. Its requests are recorded.
type api struct {
	*httptest.Server
	mu       sync.Mutex
	objects  map[string]map[string]any
	version  int
	requests []string
	delay    time.Duration
	running  int
	most     int                                           // requests that ran at the same time
	answer   func(http.ResponseWriter, *http.Request) bool // true: it has answered
}

func newAPI(t testing.TB) *api {
	t.Helper()
	a := &api{objects: map[string]map[string]any{}}
	a.Server = httptest.NewServer(a)
	t.Cleanup(func() {
		a.CloseClientConnections()
		a.Close()
	})
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	query := ""
	if r.URL.RawQuery != "" {
		query = "?" + r.URL.RawQuery
	}
	a.requests = append(a.requests, strings.TrimSpace(fmt.Sprintf("%s %s%s %s %s", r.Method, r.URL.Path, query, r.Header.Get("Content-Type"), body)))
	a.running++
	a.most = max(a.most, a.running)
	answer, delay := a.answer, a.delay
	a.mu.Unlock()
	time.Sleep(delay)
	defer func() {
		a.mu.Lock()
		a.running--
		a.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "application/json")
	if answer != nil && answer(w, r) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.serve(w, r, body)
}

func (a *api) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	path := r.URL.Path
	switch r.Method {
	case http.MethodPost:
		object := decode(body)
		path += "/" + object["metadata"].(map[string]any)["name"].(string)
		if _, there := a.objects[path]; there {
			refuse(w, http.StatusConflict, "AlreadyExists", fmt.Sprintf("%s already exists", path))
			return
		}
		a.put(path, object)
		reply(w, http.StatusCreated, a.objects[path])
	case http.MethodGet, http.MethodDelete:
		object, there := a.objects[path]
		if !there {
			refuse(w, http.StatusNotFound, "NotFound", path+" not found")
			return
		}
		if r.Method == http.MethodDelete {
			delete(a.objects, path)
			reply(w, http.StatusOK, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"})
			return
		}
		reply(w, http.StatusOK, object)
	case http.MethodPut, http.MethodPatch:
		_, there := a.objects[path]
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json-patch") {
			a.bump(path)
			reply(w, http.StatusOK, a.objects[path])
			return
		}
		given := decode(body)
		if there && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/apply-patch") && r.Method == http.MethodPatch {
			merged := decode(encode(a.objects[path]))
			merge(merged, given)
			given = merged
		}
		a.put(path, given)
		if there {
			reply(w, http.StatusOK, a.objects[path])
		} else {
			reply(w, http.StatusCreated, a.objects[path])
		}
	}
}

// put stores an object; its version changes only when it does.
func (a *api) put(path string, object map[string]any) {
	metadata := object["metadata"].(map[string]any)
	if old, there := a.objects[path]; there {
		metadata["resourceVersion"] = old["metadata"].(map[string]any)["resourceVersion"]
		if reflect.DeepEqual(old, object) {
			return
		}
	}
	a.objects[path] = object
	a.bump(path)
}

func (a *api) bump(path string) {
	a.version++
	a.objects[path]["metadata"].(map[string]any)["resourceVersion"] = strconv.Itoa(a.version)
}

func (a *api) seen() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.requests)
}

// take gives the requests so far, sorted since some come at once, and forgets them.
func (a *api) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.requests
	a.requests = nil
	slices.Sort(taken)
	return taken
}

func decode(body []byte) map[string]any {
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&object); err != nil {
		panic(fmt.Sprintf("%v: %s", err, body))
	}
	return object
}

func encode(object any) []byte {
	text, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	return text
}

func merge(into, patch map[string]any) {
	for key, value := range patch {
		inner, both := value.(map[string]any)
		outer, nested := into[key].(map[string]any)
		switch {
		case value == nil:
			delete(into, key)
		case both && nested:
			merge(outer, inner)
		default:
			into[key] = value
		}
	}
}

func reply(w http.ResponseWriter, status int, object any) {
	w.WriteHeader(status)
	_, _ = w.Write(encode(object))
}

func refuse(w http.ResponseWriter, code int, reason, message string) {
	reply(w, code, map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code,
	})
}

// client makes a client whose requests of objects go to the server.
func (a *api) config(transport *Transport) *rest.Config {
	config := &rest.Config{Host: a.URL, QPS: -1}
	if transport != nil {
		config.Wrap(transport.Wrap)
	}
	return config
}

// infos are objects as Helm's Build makes them, ready for requests under the config.
func infos(t testing.TB, config *rest.Config, manifests ...map[string]any) kube.ResourceList {
	t.Helper()
	var list kube.ResourceList
	for _, manifest := range manifests {
		object := &unstructured.Unstructured{Object: decode(encode(manifest))}
		kind := object.GroupVersionKind()
		plural, _ := meta.UnsafeGuessKindToResource(kind)
		var scope meta.RESTScope = meta.RESTScopeNamespace
		if object.GetNamespace() == "" {
			scope = meta.RESTScopeRoot
		}
		list = append(list, &resource.Info{
			Client:    restClient(t, config, kind.GroupVersion()),
			Mapping:   &meta.RESTMapping{Resource: plural, GroupVersionKind: kind, Scope: scope},
			Namespace: object.GetNamespace(),
			Name:      object.GetName(),
			Object:    object,
		})
	}
	return list
}

func restClient(t testing.TB, config *rest.Config, version schema.GroupVersion) resource.RESTClient {
	t.Helper()
	config = rest.CopyConfig(config)
	config.GroupVersion = &version
	config.NegotiatedSerializer = resource.UnstructuredPlusDefaultContentConfig().NegotiatedSerializer
	config.APIPath = "/apis"
	if version.Group == "" {
		config.APIPath = "/api"
	}
	client, err := rest.RESTClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func configMap(name string, annotations map[string]string, data map[string]any) map[string]any {
	return manifest("v1", "ConfigMap", "web", name, annotations, map[string]any{"data": data})
}

func manifest(version, kind, namespace, name string, annotations map[string]string, more map[string]any) map[string]any {
	metadata := map[string]any{"name": name}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	if annotations != nil {
		metadata["annotations"] = annotations
	}
	made := map[string]any{"apiVersion": version, "kind": kind, "metadata": metadata}
	maps.Copy(made, more)
	return made
}

var owned = map[string]string{releaseAnnotation: "shop"}

// configFactory is as much of a factory as a waiter needs to be made.
type configFactory struct {
	kube.Factory
	server *api
}

func (f configFactory) ToRESTConfig() (*rest.Config, error) { return f.server.config(nil), nil }

func (f configFactory) DynamicClient() (dynamic.Interface, error) {
	return dynamic.NewForConfig(f.server.config(nil))
}
