package watch

import (
	"context"
	"slices"
	"sync"
	"time"

	"helm.sh/helm/v4/pkg/kube"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/hub"
)

// computeWorkers is what the helm command sets (helm: pkg/cmd/flags.go); the library's default of none makes large
// releases wait for minutes.
const computeWorkers = 8

// pollEvery is how often the statuses are asked for while the legacy waiter waits: as often as it polls itself.
const pollEvery = 2 * time.Second

// GetWaiter implements kube.Interface.
func (c *Client) GetWaiter(strategy kube.WaitStrategy) (kube.Waiter, error) {
	return c.GetWaiterWithOptions(strategy)
}

// GetWaiterWithOptions implements kube.InterfaceWaitOptions: Helm's own waiter, which ends with the client's context
// and is looked at while it waits.
func (c *Client) GetWaiterWithOptions(strategy kube.WaitStrategy, options ...kube.WaitOption) (made kube.Waiter, err error) {
	defer bridge.Recover("GetWaiter", &err)
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	w := &waiter{client: c, strategy: strategy}
	factory := c.Factory
	if shares, ok := factory.(interface{ Hub() *hub.Hub }); ok && strategy != kube.LegacyStrategy && c.notAlone(shares.Hub()) {
		factory = sharingFactory{factory, shares.Hub(), &w.interest}
	}
	if c.report.listening() {
		w.sight = &sight{}
		factory = observedFactory{factory, w.sight}
	}
	helm := helmClient(c.traffic, factory, c.Client.Namespace)
	all := append(slices.Clone(options),
		kube.WithWaitContext(c.ctx),
		kube.WithWaitMethodContext(c.ctx),
		kube.WithWaitWithJobsMethodContext(c.ctx),
		kube.WithWaitForDeleteMethodContext(c.ctx),
		kube.WithWatchUntilReadyMethodContext(c.ctx),
		kube.WithStatusComputeWorkers(computeWorkers),
	)
	w.helm, err = helm.GetWaiterWithOptions(strategy, all...)
	if err != nil {
		return nil, c.failed("wait", err)
	}
	return w, nil
}

// waiter is Helm's waiter with events while it waits and details when it fails.
type waiter struct {
	client   *Client
	helm     kube.Waiter
	strategy kube.WaitStrategy
	sight    *sight // nil where nobody listens
	interest interest
}

// Wait implements kube.Waiter.
func (w *waiter) Wait(resources kube.ResourceList, timeout time.Duration) error {
	return w.wait("Wait", aimReady, resources, timeout, w.helm.Wait)
}

// WaitWithJobs implements kube.Waiter.
func (w *waiter) WaitWithJobs(resources kube.ResourceList, timeout time.Duration) error {
	return w.wait("WaitWithJobs", aimJobs, resources, timeout, w.helm.WaitWithJobs)
}

// WaitForDelete implements kube.Waiter.
func (w *waiter) WaitForDelete(resources kube.ResourceList, timeout time.Duration) error {
	return w.wait("WaitForDelete", aimGone, resources, timeout, w.untilGone)
}

// lookAgain is the pause between two looks at objects that Helm took for gone.
const lookAgain = 50 * time.Millisecond

// untilGone waits with Helm's waiter, and again where that came back too early: it takes an object whose status was not
// read yet for one that is gone, and the first answer of a watch may come before (helm: pkg/kube/statuswait.go,
// statusObserver). Only what was still there when its deletion was accepted is looked at.
func (w *waiter) untilGone(resources kube.ResourceList, timeout time.Duration) error {
	if w.strategy == kube.HookOnlyStrategy {
		return w.helm.WaitForDelete(resources, timeout) // waits for nothing
	}
	if timeout == 0 {
		timeout = kube.DefaultStatusWatcherTimeout
	}
	deadline := time.Now().Add(timeout)
	for {
		if err := w.helm.WaitForDelete(resources, timeout); err != nil {
			return err
		}
		resources = w.client.lingering(resources)
		if len(resources) == 0 {
			return nil
		}
		select {
		case <-w.client.ctx.Done():
			return w.client.ctx.Err()
		case <-time.After(lookAgain):
		}
		if timeout = time.Until(deadline); timeout <= 0 {
			return context.DeadlineExceeded
		}
	}
}

// lingering are those of the objects whose deletion was accepted and that are there all the same.
func (c *Client) lingering(resources kube.ResourceList) (left kube.ResourceList) {
	client, err := c.Factory.DynamicClient()
	if err != nil {
		return nil
	}
	there := make([]bool, len(resources))
	var group sync.WaitGroup
	for i, info := range resources {
		uid, lingers := c.record.lingered(resourceOf(info))
		if !lingers {
			continue
		}
		group.Go(func() {
			object, err := client.Resource(info.Mapping.Resource).Namespace(namespaceOf(info)).Get(c.ctx, info.Name, metav1.GetOptions{})
			there[i] = err == nil && object.GetUID() == uid
		})
	}
	group.Wait()
	for i, info := range resources {
		if there[i] {
			left = append(left, info)
		}
	}
	return left
}

// WatchUntilReady implements kube.Waiter: Helm calls it for hooks, one at a time.
func (w *waiter) WatchUntilReady(resources kube.ResourceList, timeout time.Duration) error {
	err := w.wait("WatchUntilReady", aimHook, resources, timeout, w.helm.WatchUntilReady)
	w.client.hooksEnded(resources, err)
	return err
}

func (w *waiter) wait(method string, aim aim, resources kube.ResourceList, timeout time.Duration, helm func(kube.ResourceList, time.Duration) error) (err error) {
	defer bridge.Recover(method, &err)
	c := w.client
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if len(resources) == 0 || w.strategy == kube.HookOnlyStrategy && aim != aimHook {
		return helm(resources, timeout) // waits for nothing
	}
	defer c.refresh(resources)
	defer c.traffic.ahead.pause()()
	defer c.record.pause()()
	switch hook := isHook(resources[0]); {
	case hook && aim == aimGone: // before-hook-creation: the hook begins with the end of the last one
		c.Phase(c.hookPhase(resources[0]))
	case !hook && aim != aimHook:
		c.Phase(phaseWait)
	}
	// When it is stopped the objects are read once more, while requests can still be made. Why they are not ready takes
	// longer to find out than what is not.
	defer c.traffic.op.Witness(func(say func(any)) {
		left := c.left(aim, w.strategy, awaited(resources, aim))
		say(left.details())
		c.gather(left, aim)
		if c.ctx.Err() == nil {
			say(left.details())
		}
	})()
	w.interest.turn(resources)
	follower, stop := w.follow(aim, resources)
	defer stop()
	failed := helm(resources, timeout)
	stop()
	switch {
	case failed == nil:
		if aim != aimGone {
			c.awaitServed(resources)
		}
		if follower != nil {
			follower.finish()
		}
		return nil
	case c.ctx.Err() != nil:
		// Helm's own error has a line for each object that was not ready when the cancel came.
		return c.ctx.Err()
	default:
		return c.explain(aim, w.strategy, resources, timeout, failed)
	}
}

// follow makes status events until stop is called.
func (w *waiter) follow(aim aim, resources kube.ResourceList) (followed *follower, stop func()) {
	if w.sight == nil {
		return nil, func() {}
	}
	resources = awaited(resources, aim)
	followed = newFollower(w.client.report, resources, aim)
	followed.clean = w.client.record.redact
	ctx, cancel := context.WithCancel(w.client.ctx)
	var polling sync.WaitGroup
	polling.Go(func() {
		_ = bridge.Guard("looking for reasons", func() error {
			followed.explain(ctx, w.client.relatives)
			return nil
		})
	})
	if w.strategy != kube.LegacyStrategy {
		w.sight.turn(followed)
		return followed, func() {
			w.sight.turn(nil)
			cancel()
			polling.Wait()
		}
	}
	polling.Go(func() {
		_ = bridge.Guard("polling statuses", func() error {
			w.client.poll(ctx, followed, resources, aim)
			return nil
		})
	})
	return followed, func() {
		cancel()
		polling.Wait()
	}
}

// poll asks for statuses itself, since the legacy waiter reads objects where nobody can look on.
func (c *Client) poll(ctx context.Context, followed *follower, resources kube.ResourceList, aim aim) {
	client, err := c.Factory.DynamicClient()
	if err != nil {
		return
	}
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		states := addressed(current(ctx, client, resources, aim), aim)
		if ctx.Err() != nil {
			return
		}
		followed.now(states, resources)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
