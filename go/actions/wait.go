package actions

import (
	"math"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
	"github.com/helm-sdkpy/helm-sdkpy/go/watch"
)

// WaitRequest are the arguments of Wait, which helm has no command for.
type WaitRequest struct {
	ReleaseName string   `json:"release_name"`
	Timeout     *float64 `json:"timeout"`
	Revision    int      `json:"revision"`
	Wait        string   `json:"wait"`
	WaitForJobs bool     `json:"wait_for_jobs"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r WaitRequest) Validate() error {
	if err := validRevision(r.ReleaseName, r.Revision); err != nil {
		return err
	}
	switch kube.WaitStrategy(r.Wait) {
	case "", kube.StatusWatcherStrategy, kube.LegacyStrategy:
	default:
		return invalid("wait", "is %q: it must be true, \"watcher\" or \"legacy\", or there is nothing to wait for", r.Wait)
	}
	if r.Timeout != nil && (*r.Timeout < 0 || *r.Timeout > math.MaxInt64/float64(time.Second)) {
		return invalid("timeout", "is %v: it must be a number of seconds, 0 or more", *r.Timeout)
	}
	return nil
}

func (r WaitRequest) options() WaitOptions { return WaitOptions{Wait: r.Wait, Timeout: r.Timeout} }

// Waited is a release whose objects are ready.
type Waited struct {
	Name      string           `json:"name"`
	Namespace string           `json:"namespace"`
	Version   int              `json:"version"`
	Status    common.Status    `json:"status"`
	Resources []ResourceStatus `json:"resources"`
	Seconds   float64          `json:"seconds"`
}

// ResourceStatus is one object of a release and how it is.
type ResourceStatus struct {
	APIVersion string `json:"api_version"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
	Status     string `json:"status"`
	Message    string `json:"message"`
}

// Wait waits until the objects of a release are ready, as an install does after it has applied them. It changes nothing.
func Wait(op *bridge.Operation, config *session.Configuration, request WaitRequest) (*Waited, error) {
	s, err := enter(op, config, "wait", request.ReleaseName, false)
	if err != nil {
		return nil, err
	}
	waited, err := s.wait(request)
	return waited, s.explain(err)
}

func (s *scope) wait(request WaitRequest) (*Waited, error) {
	began := time.Now()
	rel, err := s.readOutline(request.Revision)
	if err != nil {
		return nil, err
	}
	states, err := s.awaitObjects(rel, request.options(), request.WaitForJobs)
	if err != nil {
		return nil, err
	}
	waited := &Waited{
		Name: rel.Name, Namespace: rel.Namespace, Version: rel.Version,
		Resources: make([]ResourceStatus, len(states)),
		Seconds:   time.Since(began).Seconds(),
	}
	if rel.Info != nil {
		waited.Status = rel.Info.Status
	}
	for i, found := range states {
		waited.Resources[i] = ResourceStatus{
			found.APIVersion, found.Kind, found.Namespace, found.Name, found.Status, found.Message,
		}
	}
	return waited, nil
}

// awaitObjects waits until a revision's objects are ready, and tells how they then are.
func (s *scope) awaitObjects(rel *release.Release, options WaitOptions, withJobs bool) ([]watch.State, error) {
	resources, err := s.awaitManifest(rel.Manifest, options.strategy(), options.timeout(), withJobs)
	if err != nil {
		return nil, err
	}
	return s.client.States(resources, withJobs)
}

// awaitManifest waits until the objects of a manifest are ready, and writes nothing.
func (s *scope) awaitManifest(manifest string, strategy kube.WaitStrategy, timeout time.Duration, withJobs bool) (kube.ResourceList, error) {
	resources, err := s.client.Build(strings.NewReader(manifest), false)
	if err != nil {
		return nil, err
	}
	waiter, err := s.client.GetWaiterWithOptions(strategy, waitOptions()...)
	if err != nil {
		return nil, err
	}
	if withJobs {
		return resources, waiter.WaitWithJobs(resources, timeout)
	}
	return resources, waiter.Wait(resources, timeout)
}
