package actions

import (
	"context"
	"errors"
	"fmt"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"helm.sh/helm/v4/pkg/storage/driver"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// UpgradeRequest are the arguments of `helm upgrade`.
type UpgradeRequest struct {
	ChartSource
	ValueOptions
	WaitOptions
	ApplyOptions
	RenderOptions
	PendingOptions

	ReleaseName          string `json:"release_name"`
	Install              bool   `json:"install"`
	ResetValues          bool   `json:"reset_values"`
	ReuseValues          bool   `json:"reuse_values"`
	ResetThenReuseValues bool   `json:"reset_then_reuse_values"`
	CleanupOnFail        bool   `json:"cleanup_on_fail"`
	MaxHistory           *int   `json:"max_history"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r UpgradeRequest) Validate() error {
	if err := validName(r.ReleaseName); err != nil {
		return err
	}
	if err := validHistory(r.MaxHistory); err != nil {
		return err
	}
	return firstError(r.ChartSource.Validate, r.ValueOptions.Validate, r.WaitOptions.Validate, r.ApplyOptions.Validate,
		r.validateUpdate, r.RenderOptions.Validate, r.PendingOptions.Validate)
}

func validHistory(limit *int) error {
	if limit != nil && *limit < 0 {
		return invalid("max_history", "is %d: it must be 0 (no limit) or more", *limit)
	}
	return nil
}

// maxHistory is how many revisions are kept: as asked for, else the environment's, as with the command.
func (s *scope) maxHistory(limit *int) int {
	if limit == nil {
		return s.config.MaxHistory()
	}
	return *limit
}

// Upgrade does what `helm upgrade` does, with `--install` too: it deploys a new revision of a release.
func Upgrade(op *bridge.Operation, config *session.Configuration, request UpgradeRequest) (*Release, error) {
	s, done, err := change(op, config, changing{
		verb: "upgrade", release: request.ReleaseName, serverSide: request.ServerSide != "false",
		dryRun: request.dryRun() != action.DryRunNone, createNamespace: request.Install && request.CreateNamespace,
	})
	if err != nil {
		return nil, err
	}
	defer done()
	rel, err := s.upgradeOrInstall(request)
	return request.result(rel), s.explain(err)
}

// upgradeOrInstall looks for the release first where it may have to be installed (helm: pkg/cmd/upgrade.go).
func (s *scope) upgradeOrInstall(request UpgradeRequest) (*release.Release, error) {
	if request.Install {
		newest, err := s.newest()
		switch {
		case errors.Is(err, driver.ErrReleaseNotFound):
			return s.installInstead(request, false)
		case err != nil:
			return nil, err
		case newest.status == common.StatusUninstalled:
			return s.installInstead(request, true)
		}
	}
	return s.upgrade(request)
}

func (s *scope) installInstead(request UpgradeRequest, replace bool) (*release.Release, error) {
	s.verb = "install"
	s.ledger.verb = s.verb
	return s.install(request.install(replace))
}

// install is the upgrade as an install.
func (r UpgradeRequest) install(replace bool) InstallRequest {
	return InstallRequest{
		ChartSource: r.ChartSource, ValueOptions: r.ValueOptions, WaitOptions: r.WaitOptions,
		ApplyOptions: r.ApplyOptions, RenderOptions: r.RenderOptions, PendingOptions: r.PendingOptions,
		ReleaseName: r.ReleaseName, Replace: replace,
	}
}

func (s *scope) upgrade(request UpgradeRequest) (*release.Release, error) {
	loaded, err := s.load(request.ChartSource, request.DependencyUpdate, request.ValueOptions)
	if err != nil {
		return nil, err
	}
	helm, err := newUpgrade(s, request)
	if err != nil {
		return nil, err
	}
	if err := s.forcePending(request.PendingOptions, request.WaitOptions, request.dryRun()); err != nil {
		return nil, err
	}
	s.phase("rendering")
	record, err := helm.RunWithContext(context.WithoutCancel(s.op.Context()), s.release, loaded.chart, loaded.values)
	rel := asRelease(record)
	err = s.settle(err)
	if err != nil && s.ledger.recorded() {
		err = s.afterFailedUpgrade(request, err)
	}
	err = s.explainPending(err, request.PendingOptions, request.WaitOptions)
	if errors.Is(err, driver.ErrNoDeployedReleases) {
		err = s.explainNotDeployed(err)
	}
	return rel, err
}

func newUpgrade(s *scope, request UpgradeRequest) (*action.Upgrade, error) {
	helm := action.NewUpgrade(s.cfg)
	helm.Namespace = s.namespace
	helm.Install = request.Install
	helm.DryRunStrategy = request.dryRun()
	helm.HideSecret = request.HideSecret
	helm.HideNotes = request.HideNotes
	helm.SubNotes = request.RenderSubchartNotes
	helm.DisableHooks = request.NoHooks
	helm.SkipCRDs = request.SkipCRDs
	helm.SkipSchemaValidation = request.SkipSchemaValidation
	helm.DisableOpenAPIValidation = request.DisableOpenAPIValidation
	helm.EnableDNS = request.EnableDNS
	helm.Description = request.Description
	helm.Labels = request.labels()
	helm.TakeOwnership = request.TakeOwnership
	helm.ServerSideApply = request.serverSide()
	helm.ForceConflicts = request.ForceConflicts
	helm.ForceReplace = request.ForceReplace
	helm.ResetValues = request.ResetValues
	helm.ReuseValues = request.ReuseValues
	helm.ResetThenReuseValues = request.ResetThenReuseValues
	helm.MaxHistory = s.maxHistory(request.MaxHistory)
	helm.WaitStrategy = request.waitStrategy(request.RollbackOnFailure)
	helm.WaitOptions = waitOptions()
	helm.WaitForJobs = request.WaitForJobs
	helm.Timeout = request.timeout()
	// RollbackOnFailure and CleanupOnFail stay off: afterFailedUpgrade does both, with a client that a cancel does not reach.
	renderer, err := s.postRenderer(request.RenderOptions)
	helm.PostRenderer = renderer
	return helm, err
}

// serverSide is the method of the release's last revision unless one is asked for.
func (a ApplyOptions) serverSide() string {
	if a.ServerSide == "" {
		return "auto"
	}
	return a.ServerSide
}

// afterFailedUpgrade does what cleanup_on_fail and rollback_on_failure ask for, with the same steps and messages as
// Helm's failRelease, in contexts of their own.
func (s *scope) afterFailedUpgrade(request UpgradeRequest, cause error) error {
	s.deleteFailedHooks(request.WaitOptions)
	if request.CleanupOnFail {
		if err := s.deleteCreated(request.WaitOptions, request.ServerSide != "false", "upgrade", cause); err != nil {
			return err
		}
	}
	if !request.RollbackOnFailure {
		return cause
	}
	failed := s.cleanUp(request.WaitOptions, request.ServerSide != "false", func(fresh *scope) error {
		target, err := fresh.lastSuccessful()
		if err != nil {
			return err
		}
		helm := action.NewRollback(fresh.cfg)
		helm.Version = target
		helm.WaitStrategy = request.waitStrategy(true)
		helm.WaitOptions = waitOptions()
		helm.WaitForJobs = request.WaitForJobs
		helm.DisableHooks = request.NoHooks
		helm.ForceReplace = request.ForceReplace
		helm.ForceConflicts = request.ForceConflicts
		helm.ServerSideApply = request.serverSide()
		helm.Timeout = request.cleanupTimeout()
		return fresh.settle(helm.Run(fresh.release))
	})
	switch {
	case errors.Is(failed, errNoSuccessfulRevision):
		return fmt.Errorf("unable to find a previously successful release when attempting to rollback. original upgrade error: %w", cause)
	case failed != nil:
		return fmt.Errorf("an error occurred while rolling back the release. original upgrade error: %w: %w", cause, failed)
	}
	return fmt.Errorf("release %s failed, and has been rolled back due to rollback-on-failure being set: %w", s.release, cause)
}

var errNoSuccessfulRevision = errors.New("no revision was ever deployed")

// lastSuccessful is the newest revision that was deployed once (helm: pkg/action/upgrade.go, failRelease).
func (s *scope) lastSuccessful() (int, error) {
	records, err := s.cfg.Releases.History(s.release)
	if err != nil {
		return 0, err
	}
	var revisions []*release.Release
	for _, record := range records {
		if rel := asRelease(record); rel.Info.Status == common.StatusSuperseded || rel.Info.Status == common.StatusDeployed {
			revisions = append(revisions, rel)
		}
	}
	if len(revisions) == 0 {
		return 0, errNoSuccessfulRevision
	}
	releaseutil.Reverse(revisions, releaseutil.SortByRevision)
	return revisions[0].Version, nil
}

// explainNotDeployed tells a release that is not there from one that is but was never deployed: Helm has one text for both.
func (s *scope) explainNotDeployed(cause error) error {
	if _, err := s.newest(); !errors.Is(err, driver.ErrReleaseNotFound) {
		return cause
	}
	return &bridge.Error{
		Code:    codeReleaseNotFound,
		Message: fmt.Sprintf("%v: there is no release of this name in namespace %q: install it, or use upgrade(install=True)", cause, s.namespace),
		Cause:   cause,
	}
}
