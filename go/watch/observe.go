package watch

import (
	"context"
	"sync"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"helm.sh/helm/v4/pkg/kube"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/watchlist"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// follower turns what Helm's waiter reads from the cluster into status events. It looks over the waiter's shoulder, at
// the dynamic client that the waiter is given: a watch of its own would double the requests of every wait, and would
// see the objects at another time than the waiter that decides.
type follower struct {
	aim    aim
	report *reporter

	mu      sync.Mutex
	known   map[object]state
	unready map[object]*unready
	woken   chan struct{} // something became unready
	clean   func(string) string
}

func newFollower(report *reporter, resources kube.ResourceList, aim aim) *follower {
	f := &follower{
		aim: aim, report: report, known: make(map[object]state, len(resources)),
		unready: map[object]*unready{}, woken: make(chan struct{}, 1), clean: func(text string) string { return text },
	}
	for _, info := range resources {
		f.known[objectOf(info)] = state{Resource: resourceOf(info)}
	}
	return f
}

// saw handles a state of an object, wanted or not.
func (f *follower) saw(found *unstructured.Unstructured, resource schema.GroupResource) {
	named := object{resource, found.GetNamespace(), found.GetName()}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, wanted := f.known[named]; wanted {
		computed, message := f.aim.read(found)
		f.set(named, state{Resource: f.known[named].Resource, Status: statuses[computed], Message: message, object: found})
	}
}

// lost handles an object that is gone.
func (f *follower) lost(named object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, wanted := f.known[named]; wanted {
		f.tell(named, status.NotFoundStatus, "Resource not found")
	}
}

// missing handles a complete list: what is wanted and not in it is not there.
func (f *follower) missing(resource schema.GroupResource, namespace string, listed map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for named := range f.known {
		if named.GroupResource == resource && (namespace == "" || named.namespace == namespace) && !listed[named.namespace+"/"+named.name] {
			f.tell(named, status.NotFoundStatus, "Resource not found")
		}
	}
}

// finish says of what Helm's waiter was content with that it is so, whatever was seen last.
func (f *follower) finish() {
	reached := status.CurrentStatus
	if f.aim == aimGone {
		reached = status.NotFoundStatus
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for named, last := range f.known {
		if !last.reached(f.aim) {
			f.tell(named, reached, "")
		}
	}
}

// now takes a state that was asked for.
func (f *follower) now(states []state, resources kube.ResourceList) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, found := range states {
		f.set(objectOf(resources[i]), found)
	}
}

func (f *follower) tell(named object, computed status.Status, message string) {
	f.set(named, state{Resource: f.known[named].Resource, Status: statuses[computed], Message: message})
}

func (f *follower) set(named object, next state) {
	if next.Status == statuses[status.UnknownStatus] {
		return
	}
	f.mark(named, &next)
	f.show(named, next)
}

// show makes an event of a state that differs from the last one.
func (f *follower) show(named object, next state) {
	next.Message = shorten(f.clean(next.Message))
	last := f.known[named]
	f.known[named] = next
	if next.Status != last.Status || next.Message != last.Message {
		f.report.status(next.Resource, next.Status, next.Message)
	}
}

// sight is where a waiter's clients find the follower of the wait that runs, if one does.
type sight struct {
	mu       sync.Mutex
	follower *follower
}

func (s *sight) look() *follower {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.follower
}

func (s *sight) turn(to *follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.follower = to
}

// observedFactory gives Helm's waiter a dynamic client that shows what it reads.
type observedFactory struct {
	kube.Factory
	sight *sight
}

// DynamicClient implements kube.Factory.
func (f observedFactory) DynamicClient() (dynamic.Interface, error) {
	client, err := f.Factory.DynamicClient()
	if err != nil {
		return nil, err
	}
	return observedClient{client, f.sight}, nil
}

type observedClient struct {
	dynamic.Interface
	sight *sight
}

// IsWatchListSemanticsUnSupported is what the client below says (client-go: util/watchlist).
func (c observedClient) IsWatchListSemanticsUnSupported() bool {
	return watchlist.DoesClientNotSupportWatchListSemantics(c.Interface)
}

// Resource implements dynamic.Interface.
func (c observedClient) Resource(resource schema.GroupVersionResource) dynamic.NamespaceableResourceInterface {
	return observedResource{c.Interface.Resource(resource), resource.GroupResource(), c.sight}
}

type observedResource struct {
	dynamic.NamespaceableResourceInterface
	resource schema.GroupResource
	sight    *sight
}

// Namespace implements dynamic.NamespaceableResourceInterface; kstatus asks for one always, be it the empty one.
func (r observedResource) Namespace(namespace string) dynamic.ResourceInterface {
	return observedNamespace{r.NamespaceableResourceInterface.Namespace(namespace), r.resource, namespace, r.sight}
}

type observedNamespace struct {
	dynamic.ResourceInterface
	resource  schema.GroupResource
	namespace string
	sight     *sight
}

// List implements dynamic.ResourceInterface.
func (n observedNamespace) List(ctx context.Context, options metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	list, err := n.ResourceInterface.List(ctx, options)
	if follower := n.sight.look(); follower != nil && err == nil {
		listed := map[string]bool{}
		for i := range list.Items {
			item := &list.Items[i]
			listed[item.GetNamespace()+"/"+item.GetName()] = true
			follower.saw(item, n.resource)
		}
		if options.LabelSelector == "" && options.FieldSelector == "" && options.Continue == "" && list.GetContinue() == "" {
			follower.missing(n.resource, n.namespace, listed)
		}
	}
	return list, err
}

// Watch implements dynamic.ResourceInterface.
func (n observedNamespace) Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	inner, err := n.ResourceInterface.Watch(ctx, options)
	if err != nil || n.sight.look() == nil {
		return inner, err
	}
	observed := &observedWatch{
		namespace: n,
		inner:     inner,
		events:    make(chan watch.Event),
		stopped:   make(chan struct{}),
	}
	if options.SendInitialEvents != nil && *options.SendInitialEvents {
		observed.listed = map[string]bool{}
	}
	go observed.forward()
	return observed, nil
}

// observedWatch hands a watch's events on. watch.Filter would not do: it blocks for ever when its reader stops early.
type observedWatch struct {
	namespace observedNamespace
	inner     watch.Interface
	events    chan watch.Event
	stopped   chan struct{}
	once      sync.Once
	listed    map[string]bool // what came so far of a list that is streamed; nil once it is complete
}

// Stop implements watch.Interface.
func (w *observedWatch) Stop() {
	w.once.Do(func() { close(w.stopped) })
	w.inner.Stop()
}

// ResultChan implements watch.Interface.
func (w *observedWatch) ResultChan() <-chan watch.Event { return w.events }

func (w *observedWatch) forward() {
	defer close(w.events)
	for event := range w.inner.ResultChan() {
		var panicked error
		w.observe(event, &panicked)
		if panicked != nil {
			w.namespace.sight.turn(nil)
		}
		select {
		case w.events <- event:
		case <-w.stopped:
			return
		}
	}
}

// observe must not take the waiter down with it.
func (w *observedWatch) observe(event watch.Event, failed *error) {
	defer bridge.Recover("observing a watch", failed)
	follower := w.namespace.sight.look()
	found, ok := event.Object.(*unstructured.Unstructured)
	if follower == nil || !ok {
		return
	}
	resource := w.namespace.resource
	switch event.Type {
	case watch.Added, watch.Modified:
		if w.listed != nil {
			w.listed[found.GetNamespace()+"/"+found.GetName()] = true
		}
		follower.saw(found, resource)
	case watch.Deleted:
		follower.lost(object{resource, found.GetNamespace(), found.GetName()})
	case watch.Bookmark:
		if w.listed != nil && found.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true" {
			follower.missing(resource, w.namespace.namespace, w.listed)
			w.listed = nil
		}
	}
}
