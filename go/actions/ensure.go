package actions

import (
	"errors"
	"fmt"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/release/common"
	"helm.sh/helm/v4/pkg/storage/driver"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// EnsureRequest are the arguments of Ensure, which no helm command is: those of an upgrade without what makes its outcome
// depend on the last one's values.
type EnsureRequest struct {
	ChartSource
	ValueOptions
	WaitOptions
	ApplyOptions
	RenderOptions

	ReleaseName   string `json:"release_name"`
	CleanupOnFail bool   `json:"cleanup_on_fail"`
	MaxHistory    *int   `json:"max_history"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r EnsureRequest) Validate() error { return r.upgrade().Validate() }

// upgrade is what is done where something has to be. The values are those that were given and no others: an upgrade with
// none takes the last revision's (helm: pkg/action/upgrade.go, reuseValues).
func (r EnsureRequest) upgrade() UpgradeRequest {
	return UpgradeRequest{
		ChartSource: r.ChartSource, ValueOptions: r.ValueOptions, WaitOptions: r.WaitOptions, ApplyOptions: r.ApplyOptions,
		RenderOptions: r.RenderOptions, ReleaseName: r.ReleaseName, Install: true, ResetValues: true,
		CleanupOnFail: r.CleanupOnFail, MaxHistory: r.MaxHistory,
	}
}

// What Ensure did.
const (
	ensuredInstalled = "installed"
	ensuredUpgraded  = "upgraded"
	ensuredRepaired  = "repaired"
	ensuredUnchanged = "unchanged"
)

// Ensured is what was done, why, and the release as it is now.
type Ensured struct {
	Action  string         `json:"action"`
	Changed bool           `json:"changed"`
	Reasons []EnsureReason `json:"reasons"`
	Release *Release       `json:"release"`
}

// EnsureReason is one thing that was not as it should be.
type EnsureReason struct {
	Type    string            `json:"type"`
	Message string            `json:"message"`
	Before  string            `json:"before,omitempty"`
	After   string            `json:"after,omitempty"`
	Paths   []string          `json:"paths,omitempty"`
	Objects []bridge.Resource `json:"objects,omitempty"`
}

// Ensure makes a release what it should be, and does nothing where it is.
func Ensure(op *bridge.Operation, config *session.Configuration, request EnsureRequest) (*Ensured, error) {
	s, done, err := change(op, config, "upgrade", request.ReleaseName, request.ServerSide != "false", request.dryRun() != action.DryRunNone)
	if err != nil {
		return nil, err
	}
	defer done()
	result, err := s.ensure(request)
	return result, s.explain(err)
}

func (s *scope) ensure(request EnsureRequest) (*Ensured, error) {
	// The record is read while the chart is loaded: either may have to come from far away.
	reading := make(chan error, 1)
	var last *recorded
	go func() {
		reading <- bridge.Guard("reading the release", func() (err error) {
			last, err = s.readRecorded()
			return err
		})
	}()
	wanted, err := s.load(request.ChartSource, request.DependencyUpdate, request.ValueOptions)
	missing := <-reading
	if err != nil {
		return nil, err
	}
	s.loaded = &wanted // the upgrade takes what was compared, and fetches nothing again
	switch {
	case errors.Is(missing, driver.ErrReleaseNotFound):
		return s.ensureByUpgrade(request, ensuredInstalled, []EnsureReason{{
			Type: "not_found", Message: fmt.Sprintf("there is no release %q in namespace %q", s.release, s.namespace),
		}})
	case missing != nil:
		return nil, missing
	case last.Info.Status == common.StatusUninstalled:
		return s.ensureByUpgrade(request, ensuredInstalled, []EnsureReason{{
			Type: "uninstalled", Message: fmt.Sprintf("the release was uninstalled; revision %d is kept as its history", last.Version),
		}})
	}
	reasons, err := s.differences(request, last, wanted)
	if err != nil {
		return nil, err
	}
	if len(reasons) > 0 {
		return s.ensureByUpgrade(request, ensuredUpgraded, reasons)
	}
	return s.ensureObjects(request, last)
}

// differences are all reasons why the newest revision is not what should be deployed.
func (s *scope) differences(request EnsureRequest, last *recorded, wanted loaded) ([]EnsureReason, error) {
	var reasons []EnsureReason
	if last.Info.Status != common.StatusDeployed {
		message := fmt.Sprintf("revision %d is %s", last.Version, last.Info.Status)
		if last.Info.Description != "" {
			message += ": " + last.Info.Description
		}
		reasons = append(reasons, EnsureReason{Type: "status", Message: message, Before: last.Info.Status.String()})
	}
	s.phase("comparing")
	changed, err := last.compare(wanted)
	if err != nil {
		return nil, err
	}
	if reasons = append(reasons, changed...); len(reasons) > 0 {
		return reasons, nil
	}
	return s.compareRendering(request, last)
}

// ensureByUpgrade installs or upgrades, as `upgrade --install` does.
func (s *scope) ensureByUpgrade(request EnsureRequest, did string, reasons []EnsureReason) (*Ensured, error) {
	for _, reason := range reasons {
		s.log.Info(reason.Message)
	}
	rel, err := s.upgradeOrInstall(request.upgrade())
	if err != nil {
		return nil, err
	}
	return &Ensured{Action: did, Changed: true, Reasons: reasons, Release: request.result(rel)}, nil
}

// ensureObjects is what is left to do where the newest revision is the right one: its objects may not be.
func (s *scope) ensureObjects(request EnsureRequest, last *recorded) (*Ensured, error) {
	result := &Ensured{Action: ensuredUnchanged, Reasons: []EnsureReason{}, Release: request.result(last.release())}
	if request.dryRun() != action.DryRunNone {
		return result, nil
	}
	return result, s.awaitReady(request, last)
}

// awaitReady waits for the objects as an upgrade does, without writing anything.
func (s *scope) awaitReady(request EnsureRequest, last *recorded) error {
	strategy := request.waitStrategy(request.RollbackOnFailure)
	if strategy == kube.HookOnlyStrategy {
		return nil
	}
	objects, err := s.client.Build(strings.NewReader(last.Manifest), false)
	if err != nil {
		return err
	}
	waiter, err := s.client.GetWaiterWithOptions(strategy, waitOptions()...)
	if err != nil {
		return err
	}
	if request.WaitForJobs {
		return waiter.WaitWithJobs(objects, request.timeout())
	}
	return waiter.Wait(objects, request.timeout())
}
