package actions

import (
	"errors"
	"fmt"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/drift"
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
	DriftOptions

	ReleaseName   string   `json:"release_name"`
	CleanupOnFail bool     `json:"cleanup_on_fail"`
	MaxHistory    *int     `json:"max_history"`
	PendingAge    *float64 `json:"pending_age"`
	Drift         *bool    `json:"drift"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r EnsureRequest) Validate() error {
	if r.Drift != nil && !*r.Drift && (len(r.Ignore) > 0 || len(r.IgnoreManagers) > 0) {
		return invalid("drift", "is False: ignore and ignore_managers would have no effect")
	}
	return firstError(r.DriftOptions.Validate, r.upgrade().Validate)
}

// upgrade is what is done where something has to be. The values are those that were given and no others: an upgrade with
// none takes the last revision's (helm: pkg/action/upgrade.go, reuseValues).
func (r EnsureRequest) upgrade() UpgradeRequest {
	return UpgradeRequest{
		ChartSource: r.ChartSource, ValueOptions: r.ValueOptions, WaitOptions: r.WaitOptions, ApplyOptions: r.ApplyOptions,
		RenderOptions: r.RenderOptions, ReleaseName: r.ReleaseName, Install: true, ResetValues: true,
		CleanupOnFail: r.CleanupOnFail, MaxHistory: r.MaxHistory,
		PendingOptions: PendingOptions{ForcePending: true, PendingAge: r.PendingAge},
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
	s, done, err := change(op, config, changing{
		verb: "upgrade", release: request.ReleaseName, serverSide: request.ServerSide != "false",
		dryRun: request.dryRun() != action.DryRunNone, createNamespace: request.CreateNamespace,
	})
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
	s.tell(reasons)
	rel, err := s.upgradeOrInstall(request.upgrade())
	if err != nil {
		return nil, err
	}
	return &Ensured{Action: did, Changed: true, Reasons: reasons, Release: request.result(rel)}, nil
}

// ensureObjects is what is left to do where the newest revision is the right one: its objects may not be.
func (s *scope) ensureObjects(request EnsureRequest, last *recorded) (*Ensured, error) {
	result := &Ensured{Action: ensuredUnchanged, Reasons: []EnsureReason{}, Release: request.result(last.release())}
	if request.HideSecret {
		result.Release.Manifest = hiddenSecrets(last.Manifest)
	}
	if request.Drift == nil || *request.Drift {
		if err := s.repair(request, last.release(), result); err != nil {
			return nil, err
		}
	}
	if request.dryRun() != action.DryRunNone {
		return result, nil
	}
	return result, s.awaitReady(request, last)
}

// repair sets back what has drifted. That is no new revision: the one that there is says already what is to be there, and
// a history of repairs would leave none to roll back to. Hooks do not run.
func (s *scope) repair(request EnsureRequest, rel *release.Release, result *Ensured) error {
	s.phase("comparing")
	plan, unknown, err := s.driftPlan(rel, drift.Rules{Ignore: request.Ignore, Managers: request.IgnoreManagers})
	if err != nil {
		return err
	}
	defer s.client.NoReadAhead()()
	found, err := plan.Objects(s.op.Context())
	if err != nil {
		return err
	}
	for _, object := range append(found, unknown...) {
		if object.Differs() {
			result.Reasons = append(result.Reasons, drifted(object))
		}
	}
	if len(result.Reasons) == 0 {
		return nil
	}
	result.Action, result.Changed = ensuredRepaired, true
	if request.dryRun() != action.DryRunNone {
		return nil
	}
	s.tell(result.Reasons)
	s.phase("repairing")
	failed := []error{plan.Repair(s.op.Context(), found)}
	for _, object := range unknown {
		failed = append(failed, &bridge.Error{
			Code:    codeManifestInvalid,
			Message: fmt.Sprintf("%s %q can not be made again: %s", object.Kind, object.Name, object.Message),
		})
	}
	for _, target := range plan.Targets {
		if target.Mapping.GroupVersionKind.Kind == "CustomResourceDefinition" {
			s.connection.Invalidate()
			break
		}
	}
	return errors.Join(failed...)
}

// drifted says where an object differs; never from what, which may be a secret.
func drifted(object drift.Object) EnsureReason {
	reason := EnsureReason{Type: "drift", Objects: []bridge.Resource{{
		APIVersion: object.APIVersion, Kind: object.Kind, Namespace: object.Namespace, Name: object.Name,
	}}}
	named := object.Kind + "/" + object.Name
	if object.Action == drift.ActionCreate || object.Action == drift.ActionRefused && len(object.Changes) == 0 {
		reason.Message = named + " is not there"
		return reason
	}
	for _, change := range object.Changes {
		reason.Paths = append(reason.Paths, change.Path)
	}
	reason.Message = named + " differs from what was deployed at " + listed(reason.Paths)
	return reason
}

// tell logs why something is done.
func (s *scope) tell(reasons []EnsureReason) {
	for _, reason := range reasons {
		s.log.Info(reason.Message)
	}
}

// awaitReady waits for the objects as an upgrade does, without writing anything.
func (s *scope) awaitReady(request EnsureRequest, last *recorded) error {
	strategy := request.waitStrategy(request.RollbackOnFailure)
	if strategy == kube.HookOnlyStrategy {
		return nil
	}
	_, err := s.awaitManifest(last.Manifest, strategy, request.timeout(), request.WaitForJobs)
	return err
}
