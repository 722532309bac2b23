package hub

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/helm-sdkpy/helm-sdkpy/go/internal/testcluster"
)

const soon = 20 * time.Second

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

// rig is a namespace, a hub, and what its requests go through.
type rig struct {
	t         *testing.T
	namespace string
	admin     kubernetes.Interface
	direct    dynamic.Interface
	hub       *Hub

	mu     sync.Mutex
	opened int                 // watches that were asked for
	open   map[*body]struct{}  // those that are open
	refuse func(list bool) int // answers with this status; 0 lets it through
}

func newRig(t *testing.T) *rig {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", testcluster.Shared(t).Kubeconfig)
	must(t, err)
	r := &rig{t: t, open: map[*body]struct{}{}}
	r.admin, err = kubernetes.NewForConfig(config)
	must(t, err)
	made, err := r.admin.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "hub-"},
	}, metav1.CreateOptions{})
	must(t, err)
	r.namespace = made.Name
	watched := rest.CopyConfig(config)
	watched.Wrap(func(next http.RoundTripper) http.RoundTripper { return &counter{r, next} })
	r.direct, err = dynamic.NewForConfig(watched)
	must(t, err)
	r.hub = New(func(context.Context) (dynamic.Interface, error) { return r.direct, nil })
	r.hub.linger = 50 * time.Millisecond
	t.Cleanup(func() {
		r.hub.Close()
		must(t, r.admin.CoreV1().Namespaces().Delete(context.Background(), r.namespace, metav1.DeleteOptions{}))
	})
	return r
}

// counter counts watches, and refuses what the test wants.
type counter struct {
	rig  *rig
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c *counter) RoundTrip(request *http.Request) (*http.Response, error) {
	watches := request.URL.Query().Get("watch") == "true"
	c.rig.mu.Lock()
	refuse := c.rig.refuse
	if watches {
		c.rig.opened++
	}
	c.rig.mu.Unlock()
	if refuse != nil {
		if code := refuse(!watches); code != 0 {
			reason := map[int]metav1.StatusReason{403: metav1.StatusReasonForbidden, 410: metav1.StatusReasonExpired}[code]
			text := fmt.Sprintf(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": %q, "code": %d}`, reason, code)
			return &http.Response{
				StatusCode: code, Request: request, Header: http.Header{"Content-Type": {"application/json"}},
				Body: io.NopCloser(bytes.NewBufferString(text)),
			}, nil
		}
	}
	response, err := c.next.RoundTrip(request)
	if err == nil && watches {
		kept := &body{response.Body, c.rig}
		response.Body = kept
		c.rig.mu.Lock()
		c.rig.open[kept] = struct{}{}
		c.rig.mu.Unlock()
	}
	return response, err
}

type body struct {
	io.ReadCloser
	rig *rig
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.rig.mu.Lock()
	delete(b.rig.open, b)
	b.rig.mu.Unlock()
	return b.ReadCloser.Close()
}

// cut ends all watches as a server does that goes down.
func (r *rig) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for each := range r.open {
		_ = each.ReadCloser.Close()
	}
}

func (r *rig) counts() (opened, open int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened, len(r.open)
}

func (r *rig) refusing(with func(list bool) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = with
}

func (r *rig) put(name, value string) {
	r.t.Helper()
	maps := r.admin.CoreV1().ConfigMaps(r.namespace)
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"value": value}}
	_, err := maps.Update(context.Background(), object, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		_, err = maps.Create(context.Background(), object, metav1.CreateOptions{})
	}
	must(r.t, err)
}

func (r *rig) reader(names ...string) dynamic.ResourceInterface {
	wanted := func(_ schema.GroupResource, _, name string) bool {
		for _, each := range names {
			if each == name {
				return true
			}
		}
		return len(names) == 0
	}
	return r.hub.Client(r.direct, wanted).Resource(configMaps).Namespace(r.namespace)
}

// look lists and then watches, as a reflector does.
func (r *rig) look(ctx context.Context, names ...string) (listed []string, seen watch.Interface) {
	r.t.Helper()
	reader := r.reader(names...)
	list, err := reader.List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	must(r.t, err)
	for _, item := range list.Items {
		if item.GetName() != "kube-root-ca.crt" {
			listed = append(listed, item.GetName())
		}
	}
	seen, err = reader.Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	must(r.t, err)
	r.t.Cleanup(seen.Stop)
	return listed, seen
}

// next is the next event of an object; nil where the watch ended.
func next(t *testing.T, seen watch.Interface) *watch.Event {
	t.Helper()
	limit := time.After(soon)
	for {
		select {
		case event, more := <-seen.ResultChan():
			switch {
			case !more:
				return nil
			case event.Type == watch.Bookmark, strings.Contains(fmt.Sprint(event.Object), "kube-root-ca.crt"):
			default:
				return &event
			}
		case <-limit:
			t.Fatal("no event came")
		}
	}
}

func expect(t *testing.T, seen watch.Interface, kind watch.EventType, name string) {
	t.Helper()
	event := next(t, seen)
	if event == nil || event.Type != kind || kind != watch.Error && event.Object.(metav1.Object).GetName() != name {
		t.Fatalf("%s of %s was to come, and it is %v", kind, name, event)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(soon); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestManyReadersAreOneWatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.put("a", "1")
	ctx, cancel := context.WithCancel(t.Context())
	_, first := r.look(ctx, "a")
	var others []watch.Interface
	for range 20 {
		listed, seen := r.look(t.Context(), "a", "b")
		if fmt.Sprint(listed) != "[a]" {
			t.Fatal(listed)
		}
		others = append(others, seen)
	}
	r.put("b", "1")
	r.put("a", "2")
	expect(t, first, watch.Modified, "a") // b is not for this one
	cancel()
	if event := next(t, first); event != nil {
		t.Fatalf("a reader whose context has ended got %v", event)
	}
	must(t, r.admin.CoreV1().ConfigMaps(r.namespace).Delete(t.Context(), "a", metav1.DeleteOptions{}))
	for _, seen := range others {
		expect(t, seen, watch.Added, "b")
		expect(t, seen, watch.Modified, "a")
		expect(t, seen, watch.Deleted, "a")
	}
	if opened, open := r.counts(); opened != 1 || open != 1 {
		t.Fatalf("%d watches were opened, %d are open", opened, open)
	}
}

func TestAWatchEndsAfterItsLastReader(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, seen := r.look(t.Context())
	seen.Stop()
	eventually(t, "the watch did not end", func() bool { _, open := r.counts(); return open == 0 })
	r.put("a", "1")
	if listed, _ := r.look(t.Context()); fmt.Sprint(listed) != "[a]" {
		t.Fatal(listed)
	}
}

func TestNothingOlderThanItsOwnWriteIsSeen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, lasting := r.look(t.Context(), "none")
	defer lasting.Stop()
	for i := range 20 {
		name := fmt.Sprintf("n%d", i)
		r.put(name, "1")
		r.put(name, "2")
		list, err := r.reader(name).List(t.Context(), metav1.ListOptions{ResourceVersion: "0"})
		must(t, err)
		if len(list.Items) != 1 || fmt.Sprint(list.Items[0].Object["data"]) != "map[value:2]" {
			t.Fatalf("%s: %v", name, list.Items)
		}
		seen, err := r.reader(name).Watch(t.Context(), metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
		must(t, err)
		r.put(name, "3") // the first to come, and not what made the list
		event := next(t, seen)
		if event == nil || !strings.Contains(fmt.Sprint(event.Object), "value:3") {
			t.Fatalf("%s: %v", name, event)
		}
		seen.Stop()
	}
	if opened, _ := r.counts(); opened != 1 {
		t.Fatalf("%d watches", opened)
	}
}

func TestWhatHappensBetweenListAndWatchIsSeen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list, err := r.reader("a").List(t.Context(), metav1.ListOptions{})
	must(t, err)
	_, lasting := r.look(t.Context(), "a")
	r.put("a", "1")
	expect(t, lasting, watch.Added, "a")
	late, err := r.reader("a").Watch(t.Context(), metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	must(t, err)
	defer late.Stop()
	expect(t, late, watch.Added, "a")
}

func TestAWatchThatIsCutGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, seen := r.look(t.Context())
	for i := range 3 {
		r.put("a", fmt.Sprint(i))
		expect(t, seen, []watch.EventType{watch.Added, watch.Modified}[min(i, 1)], "a")
		r.cut()
	}
	r.put("b", "1")
	expect(t, seen, watch.Added, "b")
}

func TestReadersListAnewWhereAVersionIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, seen := r.look(t.Context())
	r.refusing(func(list bool) int {
		if list {
			return 0
		}
		return http.StatusGone
	})
	r.cut()
	event := next(t, seen)
	if event == nil || event.Type != watch.Error || !apierrors.IsResourceExpired(apierrors.FromObject(event.Object)) {
		t.Fatalf("not told to list anew: %v", event)
	}
	r.refusing(nil)
	_, again := r.look(t.Context())
	r.put("a", "1")
	expect(t, again, watch.Added, "a")
}

func TestWhatIsForbiddenIsForbidden(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.refusing(func(bool) int { return http.StatusForbidden })
	if _, err := r.reader().List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Fatalf("list: %v", err)
	}
	r.refusing(func(list bool) int {
		if list {
			return 0
		}
		return http.StatusForbidden
	})
	list, err := r.reader().List(t.Context(), metav1.ListOptions{})
	must(t, err)
	_, err = r.reader().Watch(t.Context(), metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	if !apierrors.IsForbidden(err) {
		t.Fatalf("watch: %v", err)
	}
}

func TestAClosedHubIsPassedBy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, seen := r.look(t.Context())
	r.hub.Close()
	expect(t, seen, watch.Error, "")
	_, again := r.look(t.Context())
	r.put("a", "1")
	expect(t, again, watch.Added, "a")
}

func TestWhoIsAloneSharesNothing(t *testing.T) {
	t.Parallel()
	h := New(nil)
	first, end := context.WithCancel(t.Context())
	others := h.Join(first)
	if others() {
		t.Error("the first has company")
	}
	second := h.Join(t.Context())
	if !others() || !second() {
		t.Error("two do not see each other")
	}
	end()
	for limit := time.Now().Add(soon); second(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the first has ended and still counts")
		}
	}
}
