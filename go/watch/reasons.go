package watch

import (
	"context"
	"sync"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// How what belongs to an object is looked for while it is waited for.
const (
	lookAfter   = time.Second     // an object has to be unready for so long
	lookEvery   = 2 * time.Second // and then so often, if what is found changes
	lookSeldom  = 8 * time.Second // but no less often than this
	looksAtOnce = 4
)

// unready is an object that is not ready, and what is known of why.
type unready struct {
	object  *unstructured.Unstructured
	status  string
	message string // kstatus's
	kin     kin
	due     time.Time
	pause   time.Duration
}

// mark keeps an object as long as it is not ready, and puts the reason into its message as far as it is known.
func (f *follower) mark(named object, next *state) {
	if next.object == nil || next.reached(f.aim) {
		delete(f.unready, named)
		return
	}
	known := f.unready[named]
	if known == nil {
		known = &unready{due: time.Now().Add(lookAfter), pause: lookEvery}
		f.unready[named] = known
		select {
		case f.woken <- struct{}{}:
		default:
		}
	}
	if known.message != next.Message {
		known.pause = lookEvery
	}
	known.object, known.status, known.message = next.object, next.Status, next.Message
	next.Message = reason(known.object, known.message, known.kin)
}

// explain looks for what belongs to the objects that are not ready until the context ends. Where all is well, and as
// long as all is, it sends nothing.
func (f *follower) explain(ctx context.Context, connect func() relatives) {
	var from relatives
	for {
		due, next := f.due()
		if len(due) > 0 && from == nil {
			if from = connect(); from == nil {
				return
			}
		}
		places := make(chan struct{}, looksAtOnce)
		var group sync.WaitGroup
		for named, seen := range due {
			places <- struct{}{}
			group.Go(func() {
				defer func() { <-places }()
				f.learned(ctx, named, kinOf(ctx, from, seen, false))
			})
		}
		group.Wait()
		if len(due) > 0 {
			continue
		}
		var timer <-chan time.Time
		if !next.IsZero() {
			timer = time.After(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return
		case <-f.woken:
		case <-timer:
		}
	}
}

// due are the objects to be looked at now; where there are none, next is when there may be.
func (f *follower) due() (due map[object]*unstructured.Unstructured, next time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	due = map[object]*unstructured.Unstructured{}
	now := time.Now()
	for named, known := range f.unready {
		if !known.due.After(now) {
			due[named] = known.object
			known.due = now.Add(known.pause)
		} else if next.IsZero() || known.due.Before(next) {
			next = known.due
		}
	}
	return due, next
}

// learned tells a reason that changed. What does not change is asked for less and less often.
func (f *follower) learned(ctx context.Context, named object, k kin) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.unready[named]
	if known == nil || ctx.Err() != nil {
		return
	}
	before := f.known[named].Message
	known.kin = k
	next := f.known[named]
	next.Message = reason(known.object, known.message, known.kin)
	f.show(named, next)
	if f.known[named].Message != before {
		known.pause = lookEvery
	} else {
		known.pause = min(2*known.pause, lookSeldom)
	}
	known.due = time.Now().Add(known.pause)
}

// addressed takes load balancers without an address for not ready, as the legacy waiter does and kstatus does not (helm:
// pkg/kube/ready.go, serviceReady).
func addressed(found []state, aim aim) []state {
	if aim != aimReady && aim != aimJobs {
		return found
	}
	for i, one := range found {
		if one.object == nil || one.Status != statuses[status.CurrentStatus] || one.object.GroupVersionKind().GroupKind() != services {
			continue
		}
		kind, _, _ := unstructured.NestedString(one.object.Object, "spec", "type")
		external, _, _ := unstructured.NestedSlice(one.object.Object, "spec", "externalIPs")
		ingress, _, _ := unstructured.NestedSlice(one.object.Object, "status", "loadBalancer", "ingress")
		if kind == string(corev1.ServiceTypeLoadBalancer) && len(external) == 0 && len(ingress) == 0 {
			found[i].Status, found[i].Message = statuses[status.InProgressStatus], "Load balancer has no address yet"
		}
	}
	return found
}

var services = corev1.SchemeGroupVersion.WithKind("Service").GroupKind()
