package session

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// leases is a namespace of the test cluster, and programs that want to change its release "shop".
type leases struct {
	t         *testing.T
	namespace string
	client    kubernetes.Interface
}

func newLeases(t *testing.T) *leases {
	t.Helper()
	op, _ := operation(t)
	client := clientset(t, connect(t, open(t, NewPool(), clusterOptions(t, "")), op, ConnectOptions{}))
	made, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "leases-"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return &leases{t, made.Name, client}
}

// program is another process, as far as the cluster can tell.
func (l *leases) program() *Configuration {
	return open(l.t, NewPool(), clusterOptions(l.t, l.namespace))
}

func (l *leases) take(times leaseTimes, lost func(string)) (*Lease, context.CancelFunc, error) {
	l.t.Helper()
	op, cancel := operation(l.t)
	taken, err := connect(l.t, l.program(), op, ConnectOptions{}).lease("shop", times, lost)
	if err == nil {
		l.t.Cleanup(func() {
			if err := taken.Release(false); err != nil && !apierrors.IsNotFound(err) {
				l.t.Error(err)
			}
		})
	}
	return taken, cancel, err
}

func (l *leases) must(times leaseTimes, lost func(string)) (*Lease, context.CancelFunc) {
	l.t.Helper()
	taken, cancel, err := l.take(times, lost)
	if err != nil {
		l.t.Fatal(err)
	}
	return taken, cancel
}

func (l *leases) read() *coordinationv1.Lease {
	l.t.Helper()
	found, err := l.client.CoordinationV1().Leases(l.namespace).Get(l.t.Context(), "helm-sdkpy.shop", metav1.GetOptions{})
	if err != nil {
		l.t.Fatal(err)
	}
	return found
}

func (l *leases) change(do func(*coordinationv1.Lease)) {
	l.t.Helper()
	for {
		found := l.read()
		do(found)
		_, err := l.client.CoordinationV1().Leases(l.namespace).Update(l.t.Context(), found, metav1.UpdateOptions{})
		if err == nil {
			return
		}
		if !apierrors.IsConflict(err) {
			l.t.Fatal(err)
		}
	}
}

func (l *leases) mustRefuse(holder string) {
	l.t.Helper()
	_, _, err := l.take(usualTimes, func(string) {})
	var refused *bridge.Error
	if !errors.As(err, &refused) || refused.Code != CodeReleasePending || refused.Details["holder"] != holder {
		l.t.Fatalf("err = %v; want the refusal that names %s", err, holder)
	}
	for _, part := range []string{holder, refused.Details["since"].(string), refused.Details["expires"].(string)} {
		if !strings.Contains(refused.Message, part) {
			l.t.Errorf("%q does not say %q", refused.Message, part)
		}
	}
}

// quick are times that a test can wait for.
var quick = leaseTimes{
	duration: 60 * time.Second, renew: 20 * time.Millisecond, retry: 10 * time.Millisecond, deadline: 200 * time.Millisecond, request: 10 * time.Second,
}

// patient is quick, for where nothing is to be lost however busy the machine is.
var patient = leaseTimes{duration: 60 * time.Second, renew: 20 * time.Millisecond, retry: time.Second, deadline: time.Minute, request: time.Minute}

func never(t *testing.T) func(string) {
	return func(reason string) { t.Errorf("lost: %s", reason) }
}

func TestALeaseKeepsOthersOut(t *testing.T) {
	t.Parallel()
	l := newLeases(t)
	first, _ := l.must(usualTimes, never(t))
	l.mustRefuse(first.holder)
	if err := first.Release(false); err != nil {
		t.Fatal(err)
	}
	if left := l.read(); holderOf(left) != "" || left.Labels["app.kubernetes.io/managed-by"] != "helm-sdkpy" {
		t.Errorf("left %v", left)
	}
	second, _ := l.must(usualTimes, never(t))
	if found := l.read(); holderOf(found) != second.holder || *found.Spec.LeaseTransitions != 1 || *found.Spec.LeaseDurationSeconds != 15 {
		t.Errorf("found %v", found.Spec)
	}
	if second.SurelyDead(time.Now()) {
		t.Error("nobody died")
	}
	if err := second.Release(true); err != nil {
		t.Fatal(err)
	}
	_, err := l.client.CoordinationV1().Leases(l.namespace).Get(t.Context(), "helm-sdkpy.shop", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestOfManyOneGetsTheLease(t *testing.T) {
	t.Parallel()
	l := newLeases(t)
	var (
		group    sync.WaitGroup
		won      atomic.Int64
		programs []*Connection
	)
	for range 8 {
		op, _ := operation(t)
		programs = append(programs, connect(t, l.program(), op, ConnectOptions{}))
	}
	ended := make(chan struct{})
	for _, program := range programs {
		group.Go(func() {
			taken, err := program.Lease("shop", never(t))
			var refused *bridge.Error
			if errors.As(err, &refused) && refused.Code == CodeReleasePending {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			if won.Add(1) == 1 {
				go func() {
					defer close(ended)
					group.Wait()
					if err := taken.Release(false); err != nil {
						t.Error(err)
					}
				}()
			}
		})
	}
	group.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d hold it", won.Load())
	}
	<-ended
}

// A cancel of the operation does not end its lease: it may still have to clean up.
func TestALeaseIsRenewedUntilItIsGivenBack(t *testing.T) {
	t.Parallel()
	l := newLeases(t)
	taken, cancel := l.must(patient, never(t))
	cancel()
	for range 3 {
		before := l.read().Spec.RenewTime
		eventually(t, "a renewal", func() bool { return l.read().Spec.RenewTime.After(before.Time) })
	}
	l.change(func(lease *coordinationv1.Lease) { lease.Annotations = map[string]string{"note": "kept"} })
	before := l.read().Spec.RenewTime
	eventually(t, "a renewal after another's change", func() bool { return l.read().Spec.RenewTime.After(before.Time) })
	if err := l.client.CoordinationV1().Leases(l.namespace).Delete(t.Context(), "helm-sdkpy.shop", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "being made anew", func() bool {
		_, err := l.client.CoordinationV1().Leases(l.namespace).Get(t.Context(), "helm-sdkpy.shop", metav1.GetOptions{})
		return err == nil
	})
	if err := taken.Release(false); err != nil {
		t.Fatal(err)
	}
	if left := l.read(); holderOf(left) != "" || left.Annotations["note"] != "kept" {
		t.Errorf("left %v", left)
	}
}

func TestALapsedLeaseIsTakenOver(t *testing.T) {
	t.Parallel()
	l := newLeases(t)
	dead, _ := l.must(usualTimes, never(t))
	dead.stop() // it renews nothing any more
	<-dead.ended
	worked := time.Now()
	l.mustRefuse(dead.holder)
	l.change(func(lease *coordinationv1.Lease) {
		acquired, renewed := metav1.NewMicroTime(worked.Add(-20*time.Second)), metav1.NewMicroTime(worked.Add(-16*time.Second))
		lease.Spec.AcquireTime, lease.Spec.RenewTime = &acquired, &renewed
	})
	next, _ := l.must(usualTimes, never(t))
	for at, dies := range map[time.Duration]bool{-21 * time.Second: false, -18 * time.Second: true, -2 * time.Second: true, time.Second: false} {
		if next.SurelyDead(worked.Add(at)) != dies {
			t.Errorf("what began at %v is of the dead: %v", at, !dies)
		}
	}
	if err := next.Release(false); err != nil {
		t.Fatal(err)
	}
	// Who comes after a try that was refused for what the dead one left has to know it too.
	again, _ := l.must(usualTimes, never(t))
	if !again.SurelyDead(worked.Add(-18 * time.Second)) {
		t.Error("forgotten who died")
	}
	if err := dead.Release(false); err != nil {
		t.Fatal(err)
	}
	if holder := holderOf(l.read()); holder != again.holder {
		t.Errorf("the dead one gave back what %q holds", holder)
	}
}

func TestALeaseThatAnotherTakes(t *testing.T) {
	t.Parallel()
	l := newLeases(t)
	reasons := make(chan string, 2)
	taken, _ := l.must(patient, func(reason string) { reasons <- reason })
	other := "somebody"
	l.change(func(lease *coordinationv1.Lease) { lease.Spec.HolderIdentity = &other })
	if reason := <-reasons; !strings.Contains(reason, `its lease "helm-sdkpy.shop" was lost: somebody holds it now`) {
		t.Errorf("reason %q", reason)
	}
	if err := taken.Release(true); err != nil || !taken.Lost() {
		t.Errorf("lost %v, err %v", taken.Lost(), err)
	}
	if holder := holderOf(l.read()); holder != other {
		t.Errorf("held by %q", holder)
	}
}

func TestALeaseThatCanNotBeRenewed(t *testing.T) {
	t.Parallel()
	l := newLeases(t)
	configuration := l.program()
	op, _ := operation(t)
	var cut atomic.Bool
	next := configuration.Session().wire.cache.next
	configuration.Session().wire.cache.next = roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		if cut.Load() {
			return nil, errors.New("the cable is out")
		}
		return next.RoundTrip(r)
	})
	reasons := make(chan string, 2)
	taken, err := connect(t, configuration, op, ConnectOptions{}).lease("shop", quick, func(reason string) {
		if cut.Load() {
			reasons <- reason
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	cut.Store(true)
	if reason := <-reasons; !strings.Contains(reason, "could not be renewed for 200ms") || !strings.Contains(reason, "the cable is out") {
		t.Errorf("reason %q", reason)
	}
	if err := taken.Release(false); err != nil || !taken.Lost() {
		t.Errorf("lost %v, err %v", taken.Lost(), err)
	}
	if holder := holderOf(l.read()); holder != taken.holder {
		t.Errorf("held by %q", holder)
	}
}

func TestALeaseWithoutANamespace(t *testing.T) {
	t.Parallel()
	op, _ := operation(t)
	configuration := open(t, NewPool(), clusterOptions(t, "leases-nowhere"))
	_, err := connect(t, configuration, op, ConnectOptions{}).Lease("shop", never(t))
	if !errors.Is(err, ErrNoNamespace) || !apierrors.IsNotFound(err) {
		t.Errorf("err = %v", err)
	}
}
