package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	chart2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/storage"
	"helm.sh/helm/v4/pkg/storage/driver"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/internal/testcluster"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// live is a client on the test cluster, in a namespace of the test's own.
type live struct {
	*Client
	t          *testing.T
	connection *session.Connection
	heard      *events
	cancel     context.CancelFunc
	namespace  string
	requests   atomic.Int64
	delay      atomic.Int64 // of every request
	refreshed  atomic.Int64
	admin      *kubernetes.Clientset
}

type counted struct {
	next  http.RoundTripper
	count *atomic.Int64
}

func (c counted) RoundTrip(request *http.Request) (*http.Response, error) {
	c.count.Add(1)
	return c.next.RoundTrip(request)
}

// onCluster connects as an action does.
func onCluster(t *testing.T, hookAction string) *live {
	t.Helper()
	op, heard, cancel := listened(t)
	return connect(t, op, heard, cancel, hookAction)
}

func connect(t *testing.T, op *bridge.Operation, heard *events, cancel context.CancelFunc, hookAction string) *live {
	t.Helper()
	cluster := testcluster.Shared(t)
	namespace := fmt.Sprintf("watch-%d", namespaces.Add(1))
	configuration, err := session.NewPool().Open(session.Options{
		Namespace:  namespace,
		Kubeconfig: &session.Kubeconfig{Paths: []string{cluster.Kubeconfig}},
	})
	if err != nil {
		t.Fatal(err)
	}
	l := &live{t: t, heard: heard, cancel: cancel, namespace: namespace}
	options := Options{Release: "shop", Namespace: namespace, Action: hookAction, Refresh: func() {
		l.refreshed.Add(1)
		l.connection.Invalidate()
	}}
	transport := NewTransport(op, options)
	l.connection, err = configuration.Connect(op, session.ConnectOptions{Wrap: func(next http.RoundTripper) http.RoundTripper {
		return transport.Wrap(counted{slow{next, &l.delay}, &l.requests})
	}})
	if err != nil {
		t.Fatal(err)
	}
	l.Client = New(op, l.connection.Factory(), transport, options)
	lasting, err := configuration.Connect(bridge.NewOperation(context.Background()), session.ConnectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l.admin, err = lasting.Factory().KubernetesClientSet()
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.admin.CoreV1().Namespaces().Create(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.admin.CoreV1().Namespaces().Delete(context.Background(), namespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		if err := configuration.Close(); err != nil {
			t.Error(err)
		}
	})
	heard.reset()
	return l
}

var namespaces atomic.Int64

func (l *live) build(manifest string) kube.ResourceList {
	l.t.Helper()
	resources, err := l.Build(strings.NewReader(manifest), true)
	if err != nil {
		l.t.Fatal(err)
	}
	return resources
}

func (l *live) create(manifest string, options ...kube.ClientCreateOption) kube.ResourceList {
	l.t.Helper()
	resources := l.build(manifest)
	if _, err := l.Create(resources, options...); err != nil {
		l.t.Fatal(err)
	}
	return resources
}

func (l *live) waiter(strategy kube.WaitStrategy) kube.Waiter {
	l.t.Helper()
	made, err := l.GetWaiterWithOptions(strategy)
	if err != nil {
		l.t.Fatal(err)
	}
	return made
}

func deployment(name, annotations string, replicas int) string {
	return fmt.Sprintf(`
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, annotations: {meta.helm.sh/release-name: shop}}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}, annotations: {%[2]s}}
    spec: {containers: [{name: main, image: nginx}]}
`, name, annotations, replicas)
}

func configMapText(name, annotations, value string) string {
	return fmt.Sprintf(`
---
apiVersion: v1
kind: ConfigMap
metadata: {name: %s, annotations: {meta.helm.sh/release-name: shop%s}}
data: {x: "%s"}
`, name, annotations, value)
}

func hookJob(name, annotations string) string {
	return fmt.Sprintf(`
---
apiVersion: batch/v1
kind: Job
metadata: {name: %s, annotations: {helm.sh/hook: "pre-install,post-install"}}
spec:
  backoffLimit: 0
  template:
    metadata: {annotations: {%s}}
    spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}
`, name, annotations)
}

const never = `testcluster/ready: never`

func TestWaitTellsTheStatuses(t *testing.T) {
	t.Parallel()
	for _, strategy := range []kube.WaitStrategy{kube.StatusWatcherStrategy, kube.LegacyStrategy} {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			l := onCluster(t, "install")
			resources := l.create(deployment("web", `testcluster/ready-after: 1s`, 2) + configMapText("a", "", "1"))
			if err := l.waiter(strategy).Wait(resources, 30*time.Second); err != nil {
				t.Fatal(err)
			}
			var seen []string
			for _, event := range l.heard.all() {
				if event.Status != "" && event.Resource.Kind == "Deployment" {
					seen = append(seen, event.Status+": "+event.Message)
				}
			}
			if len(seen) < 2 || !strings.HasPrefix(seen[0], "in_progress: ") || !strings.HasPrefix(seen[len(seen)-1], "ready: ") {
				t.Errorf("%q", seen)
			}
			if strategy == kube.StatusWatcherStrategy && !slices.Contains(seen, "in_progress: Available: 0/2") {
				t.Errorf("%q", seen)
			}
			if got := l.heard.phases(); !slices.Equal(got, []string{"applying", "waiting"}) {
				t.Errorf("%q", got)
			}
		})
	}
}

// Events cost no request.
func TestListeningSendsNothingMore(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, op *bridge.Operation, heard *events) int64 {
		t.Helper()
		l := connect(t, op, heard, func() {}, "")
		resources := l.create(configMapText("a", "", "1") + configMapText("b", "", "1"))
		before := l.requests.Load()
		if err := l.waiter(kube.StatusWatcherStrategy).Wait(resources, 30*time.Second); err != nil {
			t.Fatal(err)
		}
		return l.requests.Load() - before
	}
	heard := &events{}
	loud := run(t, bridge.NewObserved(context.Background(), heard.add), heard)
	quiet := run(t, bridge.NewOperation(context.Background()), &events{})
	if loud != quiet {
		t.Errorf("%d requests with a listener, %d without", loud, quiet)
	}
	if len(heard.brief(bridge.TypeResource)) < 4 {
		t.Errorf("%+v", heard.all())
	}
}

func notReady(t *testing.T, err error, code string) (*bridge.Error, []map[string]any) {
	t.Helper()
	var known *bridge.Error
	if !errors.As(err, &known) || known.Code != code {
		t.Fatalf("%#v", err)
	}
	left, _ := known.Details["not_ready"].([]map[string]any)
	return known, left
}

func TestTimeoutTellsWhatWasNotReady(t *testing.T) {
	t.Parallel()
	for _, strategy := range []kube.WaitStrategy{kube.StatusWatcherStrategy, kube.LegacyStrategy} {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			l := onCluster(t, "install")
			resources := l.create(deployment("web", never, 3) + configMapText("a", "", "1"))
			eventually(t, "the controller has told of its pods", func() bool {
				made, err := l.admin.AppsV1().Deployments(l.namespace).Get(t.Context(), "web", metav1.GetOptions{})
				return err == nil && made.Status.UnavailableReplicas == 3
			})
			err := l.waiter(strategy).Wait(resources, 2*time.Second)
			known, left := notReady(t, err, CodeWaitTimeout)
			if len(left) != 1 || left[0]["kind"] != "Deployment" || left[0]["namespace"] != l.namespace || left[0]["name"] != "web" ||
				left[0]["api_version"] != "apps/v1" || left[0]["status"] != "in_progress" {
				t.Fatalf("%v", left)
			}
			if message := left[0]["message"].(string); !strings.HasPrefix(message, "Available: 0/3; pod web-") || !strings.Contains(message, " and 2 more running, not ready") {
				t.Errorf("%s", message)
			}
			if spelled := Spell("install: "+known.Message, err); !strings.Contains(spelled, " and 2 more running, not ready") || !strings.HasPrefix(spelled, "install: timed out after 2s waiting for 1 of 2 objects to be ready: Deployment ") {
				t.Errorf("%s", spelled)
			}
			// The message is what Helm writes into the record, so it stays as short as Helm's own.
			if want := "timed out after 2s waiting for 1 of 2 objects to be ready: Deployment " + l.namespace + "/web: Available: 0/3"; known.Message != want {
				t.Errorf("%s", known.Message)
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("not a timeout: %v", known.Cause)
			}
			if failures := l.Failures(); len(failures) > 0 {
				t.Errorf("%v", failures)
			}
		})
	}
}

func TestCancelEndsEveryWait(t *testing.T) {
	t.Parallel()
	finalizer := `
---
apiVersion: v1
kind: ConfigMap
metadata: {name: stuck, finalizers: [example.com/never], annotations: {meta.helm.sh/release-name: shop}}
`
	waits := map[string]func(kube.Waiter, kube.ResourceList) error{
		"Wait":         func(w kube.Waiter, list kube.ResourceList) error { return w.Wait(list, time.Minute) },
		"WaitWithJobs": func(w kube.Waiter, list kube.ResourceList) error { return w.WaitWithJobs(list, time.Minute) },
		"WatchUntilReady": func(w kube.Waiter, list kube.ResourceList) error {
			return w.WatchUntilReady(list, time.Minute)
		},
		"WaitForDelete": func(w kube.Waiter, list kube.ResourceList) error { return w.WaitForDelete(list, time.Minute) },
	}
	for _, strategy := range []kube.WaitStrategy{kube.StatusWatcherStrategy, kube.LegacyStrategy, kube.HookOnlyStrategy} {
		for name, wait := range waits {
			if strategy == kube.HookOnlyStrategy && name != "WatchUntilReady" {
				continue
			}
			t.Run(string(strategy)+"/"+name, func(t *testing.T) {
				t.Parallel()
				l := onCluster(t, "install")
				manifest := deployment("web", never, 1)
				switch name {
				case "WaitForDelete":
					manifest = finalizer
				case "WatchUntilReady":
					manifest = hookJob("hook", never)
				}
				resources := l.create(manifest)
				if name == "WaitForDelete" {
					t.Cleanup(func() {
						_, err := l.admin.CoreV1().ConfigMaps(l.namespace).Patch(context.Background(), "stuck", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
						if err != nil {
							t.Error(err)
						}
					})
				}
				waiter := l.waiter(strategy)
				ended := make(chan error, 1)
				go func() { ended <- wait(waiter, resources) }()
				select {
				case err := <-ended:
					t.Fatalf("ended at once: %v", err)
				case <-time.After(500 * time.Millisecond):
				}
				start := time.Now()
				l.cancel()
				select {
				case err := <-ended:
					if err != context.Canceled { //nolint:errorlint // short, without Helm's line for each object
						t.Errorf("%v", err)
					}
				case <-time.After(5 * time.Second):
					t.Fatal("still waiting")
				}
				took := time.Since(start)
				t.Logf("ended %s after the cancel", took)
				if took > time.Second {
					t.Errorf("%s", took)
				}
			})
		}
	}
}

func TestHooksAreWaitedFor(t *testing.T) {
	t.Parallel()
	for _, strategy := range []kube.WaitStrategy{kube.StatusWatcherStrategy, kube.LegacyStrategy, kube.HookOnlyStrategy} {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			l := onCluster(t, "install")
			hook := l.create(hookJob("good", ""))
			if err := l.waiter(strategy).WatchUntilReady(hook, 30*time.Second); err != nil {
				t.Fatal(err)
			}
			bad := l.create(hookJob("bad", `testcluster/exit-code: "3"`))
			err := l.waiter(strategy).WatchUntilReady(bad, 30*time.Second)
			known, _ := notReady(t, err, CodeHookFailed)
			name := bridge.Resource{APIVersion: "batch/v1", Kind: "Job", Namespace: l.namespace, Name: "bad"}
			if known.Details["resource"] != name || known.Details["status"] != "failed" || known.Details["hook"] != "pre-install" {
				t.Errorf("%v", known.Details)
			}
			if want := "hook failed: Job " + l.namespace + "/bad: Job Failed. failed: 1/1"; known.Message != want {
				t.Errorf("%s", known.Message)
			}
			slow := l.create(hookJob("slow", never))
			err = l.waiter(strategy).WatchUntilReady(slow, time.Second)
			known, left := notReady(t, err, CodeWaitTimeout)
			if len(left) != 1 || left[0]["name"] != "slow" || !strings.HasPrefix(known.Message, "timed out after 1s waiting for 1 object to complete: Job ") {
				t.Errorf("%s: %v", known.Message, left)
			}
			var seen []string
			for _, event := range l.heard.brief(bridge.TypeHook) {
				seen = append(seen, strings.TrimPrefix(event.Object, "Job "+l.namespace+"/")+" "+event.What)
			}
			want := []string{"good started", "good succeeded", "bad started", "bad failed", "slow started", "slow failed"}
			if !slices.Equal(seen, want) {
				t.Errorf("%q", seen)
			}
			if got := l.heard.phases(); !slices.Equal(got, []string{"pre-install"}) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestDeletionIsWaitedFor(t *testing.T) {
	t.Parallel()
	for _, strategy := range []kube.WaitStrategy{kube.StatusWatcherStrategy, kube.LegacyStrategy} {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			l := onCluster(t, "delete")
			resources := l.create(configMapText("a", "", "1"))
			stuck := l.create(`
apiVersion: v1
kind: ConfigMap
metadata: {name: stuck, finalizers: [example.com/never], annotations: {meta.helm.sh/release-name: shop}}
`)
			both := append(slices.Clone(resources), stuck...)
			if _, errs := l.Delete(both, metav1.DeletePropagationBackground); len(errs) > 0 {
				t.Fatal(errs)
			}
			if err := l.waiter(strategy).WaitForDelete(resources, 10*time.Second); err != nil {
				t.Fatal(err)
			}
			err := l.waiter(strategy).WaitForDelete(both, time.Second)
			_, left := notReady(t, err, CodeWaitTimeout)
			if len(left) != 1 || left[0]["name"] != "stuck" || left[0]["status"] != "terminating" {
				t.Errorf("%v", left)
			}
			_, err = l.admin.CoreV1().ConfigMaps(l.namespace).Patch(context.Background(), "stuck", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if err := l.waiter(strategy).WaitForDelete(both, 10*time.Second); err != nil {
				t.Fatal(err)
			}
			var seen []string
			for _, event := range l.heard.all() {
				if event.Status != "" && event.Resource.Name == "stuck" && (len(seen) == 0 || seen[len(seen)-1] != event.Status) {
					seen = append(seen, event.Status)
				}
			}
			if !slices.Contains(seen, "terminating") || seen[len(seen)-1] != "not_found" {
				t.Errorf("%q", seen)
			}
			if len(l.Remaining()) != 0 || len(l.Deleted()) != 2 {
				t.Errorf("%v, %v", l.Remaining(), l.Deleted())
			}
			if got := l.heard.phases(); !slices.Equal(got, []string{"applying", "deleting", "waiting"}) {
				t.Errorf("%q", got)
			}
		})
	}
}

// slow holds every request up by some time, or until it is cancelled.
type slow struct {
	next  http.RoundTripper
	delay *atomic.Int64
}

func (s slow) RoundTrip(request *http.Request) (*http.Response, error) {
	select {
	case <-time.After(time.Duration(s.delay.Load())):
		return s.next.RoundTrip(request)
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
}

// In the middle of a list: what was sent is sent, the rest is not.
func TestCancelStopsApplying(t *testing.T) {
	t.Parallel()
	calls := map[string]func(*live, kube.ResourceList) error{
		"server-side create": func(l *live, list kube.ResourceList) error { _, err := l.Create(list); return err },
		"client-side create": func(l *live, list kube.ResourceList) error { _, err := l.Create(list, clientSide); return err },
		"update":             func(l *live, list kube.ResourceList) error { _, err := l.Update(nil, list); return err },
		"delete": func(l *live, list kube.ResourceList) error {
			_, errs := l.Delete(list, metav1.DeletePropagationBackground)
			return errors.Join(errs...)
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := onCluster(t, "install")
			text := ""
			for i := range 10 { // the kinds change all the time: nothing goes at once
				text += configMapText(fmt.Sprintf("c%d", i), "", "1") + fmt.Sprintf("---\napiVersion: v1\nkind: Secret\nmetadata: {name: s%d}\n", i)
			}
			list := l.build(text)
			l.delay.Store(int64(200 * time.Millisecond))
			before := l.requests.Load()
			ended := make(chan error, 1)
			go func() { ended <- call(l, list) }()
			eventually(t, "some were sent", func() bool { return l.requests.Load()-before >= 3 })
			start := time.Now()
			l.cancel()
			err := <-ended
			if took := time.Since(start); took > time.Second {
				t.Errorf("%s", took)
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
			if sent := l.requests.Load() - before; sent < 3 || sent > 12 {
				t.Errorf("%d requests", sent)
			}
			if name == "delete" && len(l.Remaining()) < 8 {
				t.Errorf("%d remain", len(l.Remaining()))
			}
		})
	}
}

// Both ways to apply, told apart by what the API server answers.
func TestActionsOnARealServer(t *testing.T) {
	t.Parallel()
	for name, serverSide := range map[string]bool{"server-side": true, "client-side": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := onCluster(t, "upgrade")
			ten := ""
			for i := range 10 {
				ten += configMapText(fmt.Sprintf("c%d", i), "", "1")
			}
			first := ten + deployment("web", "", 1)
			l.create(first, kube.ClientCreateOptionServerSideApply(serverSide, false))
			got := l.heard.actions()
			if len(got) != 11 || !strings.HasSuffix(got[0], "/c0 created") {
				t.Errorf("%q", got)
			}
			l.heard.reset()
			second := strings.Replace(first, "name: c0, ", "name: new, ", 1)
			second = strings.Replace(second, `x: "1"`, `x: "2"`, 2) // new and c1
			_, err := l.Update(l.build(first), l.build(second), kube.ClientUpdateOptionServerSideApply(serverSide, false))
			if err != nil {
				t.Fatal(err)
			}
			counts := map[string]int{}
			for _, event := range l.heard.all() {
				if event.Action != "" {
					counts[event.Action]++
				}
			}
			if fmt.Sprint(counts) != fmt.Sprint(map[string]int{"created": 1, "configured": 1, "unchanged": 9, "deleted": 1}) {
				t.Errorf("%v: %q", counts, l.heard.actions())
			}
		})
	}
}

// From client-side to server-side: the hand-over of the fields is no change of the chart's.
func TestHandingFieldsOverIsNoChange(t *testing.T) {
	t.Parallel()
	l := onCluster(t, "upgrade")
	text := configMapText("a", "", "1")
	l.create(text, clientSide)
	l.heard.reset()
	_, err := l.Update(l.build(text), l.build(text), kube.ClientUpdateOptionServerSideApply(true, false), kube.ClientUpdateOptionUpgradeClientSideFieldManager(true))
	if err != nil {
		t.Fatal(err)
	}
	if got := l.heard.actions(); len(got) != 1 || !strings.HasSuffix(got[0], "/a unchanged") {
		t.Errorf("%q", got)
	}
}

func TestWarningsOfARealServer(t *testing.T) {
	t.Parallel()
	l := onCluster(t, "install")
	l.create(`
apiVersion: v1
kind: Pod
metadata: {name: twice, annotations: {meta.helm.sh/release-name: shop}}
spec: {containers: [{name: main, image: nginx, env: [{name: A, value: "1"}, {name: A, value: "2"}]}]}
`, clientSide)
	got := l.heard.brief(bridge.TypeWarning)
	if len(got) != 1 || !strings.Contains(got[0].Message, "hides previous definition") {
		t.Errorf("%+v", l.heard.all())
	}
}

func TestHookLogsAreRead(t *testing.T) {
	t.Parallel()
	l := onCluster(t, "install")
	hook := l.create(hookJob("good", ""))
	if err := l.waiter(kube.StatusWatcherStrategy).WatchUntilReady(hook, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	pods, err := l.GetPodList(l.namespace, metav1.ListOptions{LabelSelector: "job-name=good"})
	if err != nil || len(pods.Items) != 1 {
		t.Fatalf("%v, %v", pods, err)
	}
	var text bytes.Buffer
	if err := l.OutputContainerLogsForPodList(pods, l.namespace, func(_, _, _ string) io.Writer { return &text }); err != nil {
		t.Fatal(err)
	}
	if err := l.OutputContainerLogsForPodList(pods, l.namespace, HookOutput(bridge.NewObserved(context.Background(), l.heard.add), "shop", l.namespace)); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, event := range l.heard.all() {
		if event.Fields["container"] == "main" {
			lines = append(lines, event.Message)
		}
	}
	if text.Len() == 0 || strings.Join(lines, "\n") != strings.TrimSuffix(text.String(), "\n") {
		t.Errorf("%q, %q", text.String(), lines)
	}
}

func TestDefinitionsCanBeUsedAtOnce(t *testing.T) {
	t.Parallel()
	l := onCluster(t, "install")
	plural := "things" + strings.ReplaceAll(l.namespace, "-", "")
	definition := l.create(fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[1]s.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: %[1]s, singular: %[1]s, kind: Thing%[1]s, listKind: Thing%[1]sList}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`, plural))
	defer func() {
		if _, errs := l.Delete(definition, metav1.DeletePropagationBackground); len(errs) > 0 {
			t.Error(errs)
		}
	}()
	thing := fmt.Sprintf("apiVersion: example.com/v1\nkind: Thing%s\nmetadata: {name: one}\n", plural)
	if _, err := l.Build(strings.NewReader(thing), false); err == nil {
		t.Log("known before it was waited for")
	}
	if err := l.waiter(kube.StatusWatcherStrategy).Wait(definition, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	if l.refreshed.Load() < 2 {
		t.Errorf("refreshed %d times", l.refreshed.Load())
	}
	l.create(thing)
	if got := l.heard.phases(); got[0] != "crds" {
		t.Errorf("%q", got)
	}
	if got := l.heard.actions(); !slices.Contains(got, "Thing"+plural+" "+l.namespace+"/one created") {
		t.Errorf("%q", got)
	}
}

// Helm's own actions on this client, from hook to hook.
func TestPhasesOfAWholeInstall(t *testing.T) {
	t.Parallel()
	l := onCluster(t, "install")
	install := action.NewInstall(&action.Configuration{
		KubeClient:       l.Client,
		RESTClientGetter: l.connection.Getter(),
		Releases:         storage.Init(driver.NewMemory()),
	})
	install.ReleaseName, install.Namespace = "shop", l.namespace
	install.Timeout, install.WaitStrategy = 30*time.Second, kube.StatusWatcherStrategy
	made := &chart2.Chart{
		Metadata: &chart2.Metadata{Name: "shop", Version: "1.0.0", APIVersion: chart2.APIVersionV2},
		Templates: []*common.File{
			{Name: "templates/hook.yaml", Data: []byte(hookJob("hook", ""))},
			{Name: "templates/web.yaml", Data: []byte(deployment("web", "", 1))},
		},
	}
	if _, err := install.Run(made, nil); err != nil {
		t.Fatal(err)
	}
	if got := l.heard.phases(); !slices.Equal(got, []string{"pre-install", "applying", "waiting", "post-install"}) {
		t.Errorf("%q", got)
	}
	var hooks []string
	for _, event := range l.heard.all() {
		if event.Type == bridge.TypeHook {
			hooks = append(hooks, event.Phase+" "+event.Status)
		}
	}
	if want := []string{"pre-install started", "pre-install succeeded", "post-install started", "post-install succeeded"}; !slices.Equal(hooks, want) {
		t.Errorf("%q", hooks)
	}
}

func TestGetFindsRelatedPods(t *testing.T) {
	t.Parallel()
	l := onCluster(t, "status")
	// Two that select alike: Helm lists their pods once.
	text := deployment("web", "", 2) + strings.Replace(deployment("web", "", 1), "name: web,", "name: other,", 1) + configMapText("a", "", "1")
	resources := l.create(text)
	if err := l.waiter(kube.StatusWatcherStrategy).Wait(resources, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	for _, build := range []func(io.Reader, bool) (kube.ResourceList, error){l.Build, l.BuildTable} {
		var counts [2]string
		for i, get := range []func(kube.ResourceList, bool) (map[string][]runtime.Object, error){l.Client.Client.Get, l.Client.Get} {
			list, err := build(strings.NewReader(text), false)
			if err != nil {
				t.Fatal(err)
			}
			found, err := get(list, true)
			if err != nil {
				t.Fatal(err)
			}
			counted := map[string]int{}
			for kind, objects := range found {
				counted[kind] = len(objects)
			}
			counts[i] = fmt.Sprint(counted)
		}
		if counts[0] != counts[1] || !strings.Contains(counts[1], relatedPods) {
			t.Errorf("Helm: %s, this client: %s", counts[0], counts[1])
		}
	}
}
