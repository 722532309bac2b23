package session

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// lockLease is the lock between processes.
const lockLease = "lease"

const codeForbidden = "forbidden"

// ErrNoNamespace says that a lease can not be made, since its namespace is not there or is being deleted.
var ErrNoNamespace = errors.New("no namespace to hold a lease in")

// lapsedAnnotation keeps, in the Lease, from when until when the last holder that never gave it back held it.
const lapsedAnnotation = "helm-sdkpy/lapsed"

// leaseTimes are client-go's (tools/leaderelection): who could not renew gives up some time before others may take over.
type leaseTimes struct {
	duration time.Duration // how long it is held without being renewed
	renew    time.Duration // between renewals
	retry    time.Duration // between tries of one that failed
	deadline time.Duration // how long none may go through
	request  time.Duration // how long one may take
}

var usualTimes = leaseTimes{
	duration: 15 * time.Second, renew: 5 * time.Second, retry: time.Second, deadline: 10 * time.Second, request: 5 * time.Second,
}

// releaseLimit bounds giving a lease back: it lapses by itself where that fails.
const releaseLimit = 3 * time.Second

// Lease is a release that this process holds in the cluster, as a Lease of coordination.k8s.io.
//
// client-go's LeaderElector is not used: it waits until it gets the lease, where who asks is to be told at once who has it.
// Nor is its LeaseLock: it hides the object, whose version a deletion and whose annotation a takeover need.
type Lease struct {
	client             coordinationclient.LeaseInterface
	times              leaseTimes
	release, namespace string
	holder             string

	ctx     context.Context // ends when the lease is given back, whatever becomes of the operation
	stop    context.CancelFunc
	ended   chan struct{} // closed when renewing has ended; guards object from then on
	object  *coordinationv1.Lease
	renewed time.Time
	lost    atomic.Bool
}

// LocksByLease says whether a release is held in the cluster while it is changed.
func (c *Configuration) LocksByLease() bool { return c.options.Lock == lockLease }

// Lease takes the release's lease and renews it until it is given back, or says at once who holds it. Lost is called, once,
// when it is somebody else's or could not be renewed.
func (c *Connection) Lease(release string, lost func(reason string)) (*Lease, error) {
	return c.lease(release, usualTimes, lost)
}

func (c *Connection) lease(release string, times leaseTimes, lost func(reason string)) (*Lease, error) {
	client, err := c.leaseClient()
	if err != nil {
		return nil, err
	}
	taken := &Lease{
		client: client, times: times, release: release, namespace: c.namespace, holder: newHolder(), ended: make(chan struct{}),
	}
	taken.ctx, taken.stop = context.WithCancel(context.WithoutCancel(c.ctx))
	if err := taken.acquire(c.ctx); err != nil {
		taken.stop()
		return nil, err
	}
	go taken.keep(lost)
	return taken, nil
}

// leaseClient is one that neither a cancel of the operation nor a limit of requests reaches: what is held is renewed until it
// is given back.
func (c *Connection) leaseClient() (coordinationclient.LeaseInterface, error) {
	if c.session.err != nil {
		return nil, c.session.err
	}
	next := &carrier{
		next: &patience{c.session.wire.cache}, pick: func(r *http.Request) context.Context { return r.Context() },
		used: &c.session.wire.used, mark: c.op.Traceparent(),
	}
	client, err := coordinationclient.NewForConfigAndClient(c.session.wire.restConfig(next), &http.Client{Transport: next})
	if err != nil {
		return nil, err
	}
	return client.Leases(c.namespace), nil
}

// newHolder names this process and this one holding: two Configurations of a process are two programs to each other.
func newHolder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("%s_%d_%s", host, os.Getpid(), hex.EncodeToString(random[:]))
}

func leaseName(release string) string { return "helm-sdkpy." + release }

// acquisitions is how often a lease is asked for that was taken and given back in between.
const acquisitions = 3

// acquire takes the lease if nobody has it. The version of what was read decides between two who want it at once.
func (l *Lease) acquire(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		found, err := l.read(ctx)
		if err != nil {
			return l.explain(err)
		}
		if found != nil && isHeld(found, time.Now()) || attempt > acquisitions {
			return l.refusal(found)
		}
		again, err := l.claim(ctx, found)
		if err != nil {
			return l.explain(err)
		}
		if !again {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		close(l.ended)
		return errors.Join(err, l.Release(false))
	}
	return nil
}

// claim writes the lease; again: somebody was faster. It is waited for although the operation is cancelled: who is written as
// the holder has to know.
func (l *Lease) claim(ctx context.Context, found *coordinationv1.Lease) (again bool, err error) {
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.times.deadline)
	defer cancel()
	l.renewed = time.Now()
	l.object, err = l.put(writing, l.claimed(found, l.renewed))
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return false, nil
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), !errors.As(err, &status):
		// An answer that was lost, and a try of the transport's after that, look like somebody else's.
		now, unread := l.read(writing)
		if unread == nil && holderOf(now) == l.holder {
			l.object = now
			return false, nil
		}
		if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
			return true, nil
		}
	}
	return false, err
}

// claimed is the lease as its new holder writes it.
func (l *Lease) claimed(found *coordinationv1.Lease, now time.Time) *coordinationv1.Lease {
	next := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
		Name: leaseName(l.release), Namespace: l.namespace,
	}}
	if found != nil {
		next = found.DeepCopy()
	}
	if next.Labels == nil {
		next.Labels = map[string]string{}
	}
	next.Labels["app.kubernetes.io/managed-by"] = "helm-sdkpy"
	if holderOf(found) != "" {
		if next.Annotations == nil {
			next.Annotations = map[string]string{}
		}
		from, until := heldFrom(found), heldUntil(found)
		next.Annotations[lapsedAnnotation] = from.UTC().Format(time.RFC3339Nano) + "/" + until.UTC().Format(time.RFC3339Nano)
	}
	transitions := int32(0)
	if next.Spec.LeaseTransitions != nil {
		transitions = *next.Spec.LeaseTransitions + 1
	}
	seconds, at := int32(l.times.duration/time.Second), metav1.NewMicroTime(now)
	next.Spec = coordinationv1.LeaseSpec{
		HolderIdentity: &l.holder, LeaseDurationSeconds: &seconds, AcquireTime: &at, RenewTime: &at, LeaseTransitions: &transitions,
	}
	return next
}

// keep renews the lease until it is given back or lost.
func (l *Lease) keep(lost func(reason string)) {
	defer close(l.ended)
	timer := time.NewTimer(l.times.renew)
	defer timer.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-timer.C:
		}
		began := time.Now()
		err := bridge.Guard("renewing a lease", l.renew)
		var other *takenError
		switch {
		case l.ctx.Err() != nil:
			return
		case err == nil:
			l.renewed = began
			timer.Reset(l.times.renew)
		case errors.As(err, &other), time.Since(l.renewed) >= l.times.deadline:
			l.lost.Store(true)
			lost(l.lossOf(err))
			return
		default:
			timer.Reset(l.times.retry)
		}
	}
}

func (l *Lease) lossOf(err error) string {
	var other *takenError
	if errors.As(err, &other) {
		return fmt.Sprintf("its lease %q was lost: %v", leaseName(l.release), other)
	}
	return fmt.Sprintf("its lease %q could not be renewed for %v: %v", leaseName(l.release), l.times.deadline, err)
}

// takenError says that the lease is no longer this process's.
type takenError struct{ holder string }

func (t *takenError) Error() string {
	if t.holder == "" {
		return "it was taken and given back by another process"
	}
	return t.holder + " holds it now"
}

// renew writes the lease once more. It is made anew where somebody deleted it; a change of something else is kept.
func (l *Lease) renew() error {
	left := l.times.deadline - time.Since(l.renewed)
	ctx, cancel := context.WithTimeout(l.ctx, max(min(l.times.request, left), l.times.retry))
	defer cancel()
	next := l.object.DeepCopy()
	at := metav1.NewMicroTime(time.Now())
	next.Spec.RenewTime = &at
	made, err := l.put(ctx, next)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		found, unread := l.read(ctx)
		switch {
		case unread != nil:
			return unread
		case found == nil:
			next.ObjectMeta = metav1.ObjectMeta{
				Name: next.Name, Namespace: next.Namespace, Labels: next.Labels, Annotations: next.Annotations,
			}
		case holderOf(found) != l.holder:
			return &takenError{holderOf(found)}
		default:
			next = found.DeepCopy()
			next.Spec.RenewTime = &at
		}
		made, err = l.put(ctx, next)
	}
	if err == nil {
		l.object = made
	}
	return err
}

// Lost says whether the lease is somebody else's, or could be.
func (l *Lease) Lost() bool { return l.lost.Load() }

// Release gives the lease back: what was held is there without a holder, or is deleted where nothing is left to be held.
func (l *Lease) Release(forget bool) error {
	l.stop()
	<-l.ended
	if l.Lost() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), releaseLimit)
	defer cancel()
	err := l.giveBack(ctx, forget)
	if apierrors.IsConflict(err) {
		// A renewal whose answer was not waited for, or somebody who changed something else.
		var found *coordinationv1.Lease
		if found, err = l.read(ctx); err == nil && holderOf(found) == l.holder {
			l.object = found
			err = l.giveBack(ctx, forget)
		}
	}
	if err == nil || apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("lease %q in namespace %q could not be given back, it lapses at %s: %w",
		leaseName(l.release), l.namespace, moment(heldUntil(l.object)), err)
}

func (l *Lease) giveBack(ctx context.Context, forget bool) error {
	if forget {
		err := l.client.Delete(ctx, l.object.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{
			UID: &l.object.UID, ResourceVersion: &l.object.ResourceVersion,
		}})
		if !apierrors.IsForbidden(err) { // to delete is asked for by nothing else here
			return err
		}
	}
	next, nobody, at := l.object.DeepCopy(), "", metav1.NewMicroTime(time.Now())
	next.Spec.HolderIdentity, next.Spec.RenewTime = &nobody, &at
	_, err := l.put(ctx, next)
	return err
}

// SurelyDead says whether who began something at that moment held the lease then and never gave it back: such a process is
// gone, or has stopped by itself. The moment and the lease's times are of the same clock, that process's own.
func (l *Lease) SurelyDead(since time.Time) bool {
	first, last, _ := strings.Cut(l.object.Annotations[lapsedAnnotation], "/")
	from, err := time.Parse(time.RFC3339Nano, first)
	until, errUntil := time.Parse(time.RFC3339Nano, last)
	return err == nil && errUntil == nil && !since.Before(from) && !since.After(until)
}

// read gives the lease, or nil where there is none.
func (l *Lease) read(ctx context.Context) (*coordinationv1.Lease, error) {
	found, err := l.client.Get(ctx, leaseName(l.release), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (l *Lease) put(ctx context.Context, lease *coordinationv1.Lease) (*coordinationv1.Lease, error) {
	if lease.ResourceVersion == "" {
		return l.client.Create(ctx, lease, metav1.CreateOptions{})
	}
	return l.client.Update(ctx, lease, metav1.UpdateOptions{})
}

func holderOf(lease *coordinationv1.Lease) string {
	if lease == nil || lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// isHeld goes by this machine's clock: to watch for a whole duration whether it is renewed, as client-go does, would be to wait.
func isHeld(lease *coordinationv1.Lease, now time.Time) bool {
	return holderOf(lease) != "" && !now.After(heldUntil(lease))
}

func heldFrom(lease *coordinationv1.Lease) time.Time {
	if lease.Spec.AcquireTime == nil {
		return time.Time{}
	}
	return lease.Spec.AcquireTime.Time
}

func heldUntil(lease *coordinationv1.Lease) time.Time {
	if lease.Spec.RenewTime == nil || lease.Spec.LeaseDurationSeconds == nil {
		return time.Time{}
	}
	return lease.Spec.RenewTime.Add(time.Duration(*lease.Spec.LeaseDurationSeconds) * time.Second)
}

// refusal says who has the release. It is none where others take it and give it back faster than it can be asked for.
func (l *Lease) refusal(found *coordinationv1.Lease) error {
	details := map[string]any{"release": l.release, "namespace": l.namespace, "lease": leaseName(l.release)}
	state := "other processes change it one after the other; try again"
	if holder := holderOf(found); holder != "" {
		since, expires := moment(heldFrom(found)), moment(heldUntil(found))
		details["holder"], details["since"], details["expires"] = holder, since, expires
		state = fmt.Sprintf("%s holds its lease %q since %s, until %s unless it renews it; wait for it",
			holder, leaseName(l.release), since, expires)
	}
	refused := bridge.Errorf(CodeReleasePending, "release %q in namespace %q is being changed by another process: %s",
		l.release, l.namespace, state)
	refused.Details = details
	return refused
}

// explain says of what the server refused what it takes.
func (l *Lease) explain(err error) error {
	var status apierrors.APIStatus
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause),
		apierrors.IsNotFound(err) && errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind == "namespaces":
		return fmt.Errorf("%w: %w", ErrNoNamespace, err)
	case apierrors.IsForbidden(err):
		refused := bridge.Errorf(codeForbidden, "lock=\"lease\" needs the permission to get, create and update "+
			"leases.coordination.k8s.io in namespace %q; nothing was done: %w", l.namespace, err)
		refused.Details = map[string]any{"release": l.release, "namespace": l.namespace, "kind": "leases"}
		return refused
	}
	return err
}

// moment is a time as events and errors tell it.
func moment(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
