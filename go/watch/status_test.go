package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/kube"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

func object1(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	return &unstructured.Unstructured{Object: decodeNumbers(t, text)}
}

func decodeNumbers(t *testing.T, text string) map[string]any {
	t.Helper()
	var made unstructured.Unstructured
	if err := made.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return made.Object
}

func TestWhatCountsAsReady(t *testing.T) {
	t.Parallel()
	const (
		running = `{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a"},"status":{"startTime":"2026-01-01T00:00:00Z","active":1}}`
		ended   = `{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a"},"status":{"succeeded":1,"conditions":[{"type":"Complete","status":"True"}]}}`
		broken  = `{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a"},"status":{"failed":1,"conditions":[{"type":"Failed","status":"True"}]}}`
		pod     = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`
		done    = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"status":{"phase":"Succeeded"}}`
		crashed = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"status":{"phase":"Failed"}}`
		partly  = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","generation":1},"spec":{"replicas":3},
			"status":{"observedGeneration":1,"replicas":3,"updatedReplicas":3,"readyReplicas":1,"availableReplicas":1}}`
		leaving = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","deletionTimestamp":"2026-01-01T00:00:00Z"}}`
		bare    = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}`
	)
	for _, test := range []struct {
		aim           aim
		object        string
		want, message string
	}{
		{aimReady, running, "ready", "Job in progress"},
		{aimJobs, running, "in_progress", "Job in progress. success:0, active: 1, failed: 0"},
		{aimHook, running, "in_progress", "Job in progress"},
		{aimJobs, ended, "ready", ""},
		{aimHook, ended, "ready", ""},
		{aimReady, broken, "failed", "Job Failed. failed: 1/1"},
		{aimHook, broken, "failed", "Job Failed"},
		{aimReady, pod, "ready", "Pod is Ready"},
		{aimHook, pod, "in_progress", "Pod is Ready"},
		{aimHook, done, "ready", ""},
		{aimHook, crashed, "failed", "pod a failed"},
		{aimReady, partly, "in_progress", "Available: 1/3"},
		{aimHook, partly, "ready", ""},
		{aimGone, leaving, "terminating", "Resource scheduled for deletion"},
		{aimGone, bare, "ready", ""},
	} {
		got, message := test.aim.read(object1(t, test.object))
		if statuses[got] != test.want || !strings.HasPrefix(message, test.message) {
			t.Errorf("%+v: %s, %q", test, got, message)
		}
	}
}

func TestTimeoutSaysWhatIsNotReady(t *testing.T) {
	t.Parallel()
	left := states{}
	for i := range 7 {
		left = append(left, state{Resource: bridge.Resource{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "web", Name: fmt.Sprintf("d%d", i)}, Status: "in_progress", Message: "Available: 1/3"})
	}
	left[1].Message = ""
	left[2].Message = strings.Repeat("é", messageLimit)
	text := left.listed()
	if !strings.HasPrefix(text, ": Deployment web/d0: Available: 1/3; Deployment web/d1: in_progress; Deployment web/d2: éé") ||
		!strings.HasSuffix(text, "; Deployment web/d4: Available: 1/3; and 2 more") || len(text) > 2*messageLimit+200 {
		t.Errorf("%s", text)
	}
	if strings.ContainsRune(text, '\uFFFD') {
		t.Errorf("cut within a character: %s", text)
	}
	want := map[string]any{"api_version": "apps/v1", "kind": "Deployment", "namespace": "web", "name": "d0", "status": "in_progress", "message": "Available: 1/3"}
	if got := left.details(); len(got) != 7 || fmt.Sprint(got[0]) != fmt.Sprint(want) {
		t.Errorf("%v", got)
	}
}

// followed watches a fake watch through the eyes of a wait for config maps a and b.
func followed(t *testing.T) (inner *watch.FakeWatcher, outer *observedWatch, heard *events) {
	t.Helper()
	op, heard, _ := listened(t)
	list := infos(t, newAPI(t).config(nil), configMap("a", nil, nil), configMap("b", nil, nil))
	inner = watch.NewFake()
	seen := &sight{}
	seen.turn(newFollower(&reporter{op: op}, list, aimGone))
	namespace := observedNamespace{fakeNamespace{inner: inner}, schema.GroupResource{Resource: "configmaps"}, "web", seen}
	streamed := true
	made, err := namespace.Watch(context.Background(), metav1.ListOptions{SendInitialEvents: &streamed})
	if err != nil {
		t.Fatal(err)
	}
	return inner, made.(*observedWatch), heard
}

type fakeNamespace struct {
	dynamic.ResourceInterface
	inner watch.Interface
}

func (f fakeNamespace) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	return f.inner, nil
}

func TestObservedWatchPassesEverythingOn(t *testing.T) {
	t.Parallel()
	inner, outer, heard := followed(t)
	a := object1(t, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"web"}}`)
	other := object1(t, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"other","namespace":"web"}}`)
	mark := object1(t, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"annotations":{"k8s.io/initial-events-end":"true"}}}`)
	go func() {
		inner.Add(a)
		inner.Add(other)
		inner.Action(watch.Bookmark, mark)
		inner.Modify(a)
		inner.Delete(a)
		inner.Error(&metav1.Status{Message: "gone"})
		inner.Stop()
	}()
	var types []watch.EventType
	for event := range outer.ResultChan() {
		types = append(types, event.Type)
	}
	if want := []watch.EventType{watch.Added, watch.Added, watch.Bookmark, watch.Modified, watch.Deleted, watch.Error}; !slices.Equal(types, want) {
		t.Errorf("%v", types)
	}
	want := []brief{
		{"resource", "ConfigMap web/a", "ready", "Resource is always ready"},
		{"resource", "ConfigMap web/b", "not_found", "Resource not found"},
		{"resource", "ConfigMap web/a", "not_found", "Resource not found"},
	}
	if got := heard.brief(bridge.TypeResource); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

// A reflector stops reading whenever it likes (TestMain looks for what is left behind).
func TestObservedWatchEndsWithItsReader(t *testing.T) {
	t.Parallel()
	inner, outer, _ := followed(t)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		inner.Add(object1(t, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"web"}}`))
	}()
	<-sent
	outer.Stop()
	outer.Stop()
	eventually(t, "the channel is closed", func() bool {
		select {
		case _, open := <-outer.ResultChan():
			return !open
		default:
			return false
		}
	})
}

func TestObservedListTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	op, heard, _ := listened(t)
	server := newAPI(t)
	list := infos(t, server.config(nil), configMap("a", nil, nil), configMap("b", nil, nil),
		manifest("v1", "ConfigMap", "elsewhere", "b", nil, nil), manifest("v1", "Secret", "web", "b", nil, nil))
	server.put(maps1, map[string]any{
		"apiVersion": "v1", "kind": "ConfigMapList", "metadata": map[string]any{},
		"items": []any{configMap("a", nil, nil)},
	})
	client, err := dynamic.NewForConfig(server.config(nil))
	if err != nil {
		t.Fatal(err)
	}
	seen := &sight{}
	seen.turn(newFollower(&reporter{op: op}, list, aimReady))
	observed := observedClient{client, seen}.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace("web")
	for _, options := range []metav1.ListOptions{{LabelSelector: "x=y"}, {FieldSelector: "metadata.name=a"}} {
		if _, err := observed.List(context.Background(), options); err != nil {
			t.Fatal(err)
		}
	}
	if got := heard.brief(bridge.TypeResource); len(got) != 1 || got[0].What != "ready" {
		t.Fatalf("%+v", got)
	}
	if _, err := observed.List(context.Background(), metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := heard.brief(bridge.TypeResource); len(got) != 2 || got[1] != (brief{"resource", "ConfigMap web/b", "not_found", "Resource not found"}) {
		t.Fatalf("%+v", got)
	}
	seen.look().finish()
	if got := heard.brief(bridge.TypeResource); len(got) != 5 {
		t.Errorf("%+v", got)
	}
}

// Nobody listens: Helm's waiter gets Helm's own client.
func TestNothingIsObservedForNobody(t *testing.T) {
	t.Parallel()
	server := newAPI(t)
	client := New(bridge.NewOperation(context.Background()), configFactory{server: server}, nil, Options{})
	made, err := client.GetWaiter(kube.HookOnlyStrategy)
	if err != nil {
		t.Fatal(err)
	}
	if w := made.(*waiter); w.sight != nil {
		t.Error("observed")
	}
	client = New(bridge.NewObserved(context.Background(), func(bridge.Event) {}), configFactory{server: server}, nil, Options{})
	made, err = client.GetWaiter(kube.HookOnlyStrategy)
	if err != nil {
		t.Fatal(err)
	}
	if w := made.(*waiter); w.sight == nil {
		t.Error("not observed")
	}
	// The strategy that waits for hooks alone tells of no waiting either.
	if err := made.Wait(kube.ResourceList{nil}, time.Second); err != nil {
		t.Error(err)
	}
	if _, err := client.GetWaiter("no such"); err == nil || len(client.Failures()) != 1 || !errors.Is(client.Failures()[0], err) {
		t.Errorf("%v, %v", err, client.Failures())
	}
}
