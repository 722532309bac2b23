package watch

import (
	"fmt"
	"slices"
	"sync"

	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// Failure is a call that failed, and on which object.
type Failure struct {
	Verb     string          // get, create, patch, update, delete; build, reach where it was no single object
	Resource bridge.Resource // its Kind is the resource's plural where only a path was seen
	Cause    error
}

// Error says what was tried on what.
func (f *Failure) Error() string {
	if f.Resource == (bridge.Resource{}) {
		return fmt.Sprintf("%s: %v", f.Verb, f.Cause)
	}
	return fmt.Sprintf("%s %s: %v", f.Verb, label(f.Resource), f.Cause)
}

// Unwrap gives the error of the call.
func (f *Failure) Unwrap() error { return f.Cause }

// record is what became of an operation's requests. Transport and Client share it: Helm's own checks of ownership go
// past the client's methods, and drop the errors that they meet.
type record struct {
	mu       sync.Mutex
	kinds    map[schema.GroupResource]schema.GroupVersionKind
	failures []*Failure
	waiting  int

	// Without hooks:
	built    set // the chart's objects
	answered set // those of which it is known whether they are there
	wanted   set // what Delete was asked to remove
	deleted  set // what of it is accepted, or was gone already
	unknown  int // deletions that were sent and not answered, so that the server may have done them

	lingering map[bridge.Resource]types.UID // with hooks: what was still there when its deletion was accepted

	secrets secrets
}

// set holds objects in the order in which they came.
type set struct {
	order []bridge.Resource
	index map[bridge.Resource]struct{}
}

func (s *set) add(named bridge.Resource) {
	if s.index == nil {
		s.index = map[bridge.Resource]struct{}{}
	}
	if !s.has(named) {
		s.index[named] = struct{}{}
		s.order = append(s.order, named)
	}
}

func (s *set) has(named bridge.Resource) bool {
	_, has := s.index[named]
	return has
}

func newRecord() *record {
	return &record{kinds: map[schema.GroupResource]schema.GroupVersionKind{}}
}

// learn keeps the kinds of the objects, which paths do not tell.
func (r *record) learn(resources kube.ResourceList) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, info := range resources {
		r.kinds[info.Mapping.Resource.GroupResource()] = info.Mapping.GroupVersionKind
	}
}

// build keeps which objects are the chart's.
func (r *record) build(resources kube.ResourceList) {
	r.learn(resources)
	r.secrets.learn(resources)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, info := range resources {
		if !isHook(info) {
			r.built.add(resourceOf(info))
		}
	}
}

// name makes of what a path says what events say.
func (r *record) name(target object, version string) bridge.Resource {
	r.mu.Lock()
	defer r.mu.Unlock()
	named := bridge.Resource{Kind: target.Resource, Namespace: target.namespace, Name: target.name}
	kind, known := r.kinds[target.GroupResource]
	if known {
		named.Kind = kind.Kind
	}
	named.APIVersion = schema.GroupVersion{Group: target.Group, Version: version}.String()
	return named
}

// pause stops keeping failures until resume: a wait's requests are cut off at its end, and fail without harm.
func (r *record) pause() (resume func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting++
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.waiting--
	})
}

// failed keeps an error, in the place of an earlier one of the same call.
func (r *record) failed(verb string, named bridge.Resource, err error) *Failure {
	failure := &Failure{Verb: verb, Resource: named, Cause: err}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == 0 {
		r.forget(verb, named)
		r.failures = append(r.failures, failure)
	}
	return failure
}

// succeeded takes back an earlier error of the same call: it was tried again and went well.
func (r *record) succeeded(verb string, named bridge.Resource) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(verb, named)
	if verb == verbGet {
		r.answered.add(named)
	}
}

func (r *record) forget(verb string, named bridge.Resource) {
	if len(r.failures) > 0 {
		r.failures = slices.DeleteFunc(r.failures, func(f *Failure) bool { return f.Verb == verb && f.Resource == named })
	}
}

// explain replaces the cause of a failure by what its response's body says.
func (r *record) explain(failure *Failure, cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	failure.Cause = cause
}

func (r *record) errors() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failures) == 0 {
		return nil
	}
	failures := make([]error, len(r.failures))
	for i, failure := range r.failures {
		copied := *failure
		failures[i] = &copied
	}
	return failures
}

func (r *record) want(named bridge.Resource) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted.add(named)
}

func (r *record) accepted(named bridge.Resource) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deleted.add(named)
}

// deleting counts a deletion as sent; one that was answered, well or badly, is counted no more.
func (r *record) deleting() (answered func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unknown++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.unknown--
	}
}

// untouched says that nothing was deleted, as far as the server's answers go, and that no answer is missing.
func (r *record) untouched() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.deleted.order) == 0 && r.unknown == 0
}

// lingers keeps what the server answered a deletion with: the object, where it is only on its way out.
func (r *record) lingers(named bridge.Resource, answer runtime.Object) {
	object, err := meta.Accessor(answer)
	if err != nil || object.GetDeletionTimestamp() == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lingering == nil {
		r.lingering = map[bridge.Resource]types.UID{}
	}
	r.lingering[named] = object.GetUID()
}

func (r *record) lingered(named bridge.Resource) (types.UID, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	uid, lingers := r.lingering[named]
	return uid, lingers
}

func (r *record) gone() []bridge.Resource {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.deleted.order)
}

// remaining are the objects that Delete was asked for and that were not accepted, and those of the chart of which it
// was never learned whether they are there: Helm asks before it deletes, and skips what it got no answer about.
func (r *record) remaining() []bridge.Resource {
	r.mu.Lock()
	defer r.mu.Unlock()
	var left []bridge.Resource
	for _, named := range r.wanted.order {
		if !r.deleted.has(named) {
			left = append(left, named)
		}
	}
	for _, named := range r.built.order {
		if !r.answered.has(named) && !r.wanted.has(named) {
			left = append(left, named)
		}
	}
	return left
}
