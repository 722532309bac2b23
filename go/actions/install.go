package actions

import (
	"context"
	"fmt"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	release "helm.sh/helm/v4/pkg/release/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// InstallRequest are the arguments of `helm install`.
type InstallRequest struct {
	ChartSource
	ValueOptions
	WaitOptions
	ApplyOptions
	RenderOptions
	PendingOptions

	ReleaseName  string `json:"release_name"`
	GenerateName bool   `json:"generate_name"`
	NameTemplate string `json:"name_template"`
	Replace      bool   `json:"replace"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r InstallRequest) Validate() error {
	if r.ReleaseName != "" {
		if r.GenerateName || r.NameTemplate != "" {
			return invalid("release_name", "is given together with generate_name or name_template: leave one out")
		}
		if err := validName(r.ReleaseName); err != nil {
			return err
		}
	} else if !r.GenerateName && r.NameTemplate == "" {
		return invalid("release_name", "is missing: give a name or set generate_name=True")
	}
	return firstError(r.ChartSource.Validate, r.ValueOptions.Validate, r.WaitOptions.Validate, r.ApplyOptions.Validate, r.RenderOptions.Validate,
		r.PendingOptions.Validate)
}

// Install does what `helm install` does: it deploys a chart as a new release.
func Install(op *bridge.Operation, config *session.Configuration, request InstallRequest) (*Release, error) {
	name, err := request.name()
	if err != nil {
		return nil, err
	}
	if request.dryRun() == action.DryRunClient {
		return installNowhere(op, config, name, request)
	}
	return install(op, config, name, request)
}

// installNowhere is a client's dry run, which needs no cluster to be configured: Helm takes a client, a storage and
// capabilities that ask none (helm: pkg/action/install.go, RunWithContext). `upgrade --install` looks for the release first,
// and does need one.
func installNowhere(op *bridge.Operation, config *session.Configuration, name string, request InstallRequest) (*Release, error) {
	s := &scope{
		task: begin(op, config, "install"), release: name, namespace: config.Namespace(),
		cfg: action.NewConfiguration(action.ConfigurationSetLogger(op.Handler())),
	}
	rel, err := s.run(op.Context(), request)
	return request.result(rel), s.explain(err)
}

func install(op *bridge.Operation, config *session.Configuration, name string, request InstallRequest) (*Release, error) {
	s, done, err := change(op, config, changing{
		verb: "install", release: name, serverSide: request.serverSide(),
		dryRun: request.dryRun() != action.DryRunNone, createNamespace: request.CreateNamespace,
	})
	if err != nil {
		return nil, err
	}
	defer done()
	rel, err := s.install(request)
	return request.result(rel), s.explain(err)
}

func (s *scope) install(request InstallRequest) (*release.Release, error) {
	// Helm goes on in the background when this context ends: it never does, the kube client fails instead (design §3).
	rel, err := s.run(context.WithoutCancel(s.op.Context()), request)
	err = s.settle(err)
	if err != nil && s.ledger.recorded() {
		err = s.afterFailedInstall(request, err)
	}
	return rel, err
}

// run gets the chart and lets Helm install it.
func (s *scope) run(ctx context.Context, request InstallRequest) (*release.Release, error) {
	loaded, err := s.load(request.ChartSource, request.DependencyUpdate, request.ValueOptions)
	if err != nil {
		return nil, err
	}
	helm, err := newInstall(s, request)
	if err != nil {
		return nil, err
	}
	if request.dryRun() == action.DryRunNone {
		if err := s.replacePending(helm, request); err != nil {
			return nil, err
		}
	}
	s.phase("rendering")
	record, err := helm.RunWithContext(ctx, loaded.chart, loaded.values)
	if request.dryRun() == action.DryRunNone {
		err = s.explainPending(err, request.PendingOptions, request.WaitOptions)
	}
	return asRelease(record), err
}

// replacePending takes over a release that a killed process left and that was never deployed, or was being uninstalled.
// Where a revision is deployed, the name is in use.
func (s *scope) replacePending(helm *action.Install, request InstallRequest) error {
	if !request.ForcePending {
		return nil
	}
	found, err := s.condition()
	if err != nil || found.deployed > 0 || !found.blocked() {
		return err
	}
	helm.Replace = true
	return s.force(found, request.PendingOptions, request.WaitOptions, action.DryRunNone)
}

func newInstall(s *scope, request InstallRequest) (*action.Install, error) {
	helm := action.NewInstall(s.cfg)
	helm.ReleaseName = s.release
	helm.Namespace = s.namespace
	helm.Replace = request.Replace
	helm.CreateNamespace = request.CreateNamespace
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
	helm.WaitStrategy = request.waitStrategy(request.RollbackOnFailure)
	helm.WaitOptions = waitOptions()
	helm.WaitForJobs = request.WaitForJobs
	helm.Timeout = request.timeout()
	// RollbackOnFailure stays off: afterFailedInstall does it, with a client that a cancel does not reach.
	renderer, err := s.postRenderer(request.RenderOptions)
	helm.PostRenderer = renderer
	return helm, err
}

// serverSide is on unless it was switched off, as the command's flag and `upgrade --install` have it.
func (r InstallRequest) serverSide() bool {
	return r.ServerSide != "false"
}

// waitStrategy waits for everything where a failure has to be noticed (helm: pkg/action/install.go, RunWithContext).
func (w WaitOptions) waitStrategy(rollbackOnFailure bool) kube.WaitStrategy {
	if strategy := w.strategy(); strategy != kube.HookOnlyStrategy || !rollbackOnFailure {
		return strategy
	}
	return kube.StatusWatcherStrategy
}

// name is the release's: given, from a template, or generated from the chart's (helm: Install.NameAndChart).
func (r InstallRequest) name() (string, error) {
	if r.ReleaseName != "" {
		return r.ReleaseName, nil
	}
	helm := action.NewInstall(&action.Configuration{})
	helm.GenerateName = r.GenerateName
	helm.NameTemplate = r.NameTemplate
	chart := r.ChartPath
	if chart == "" {
		chart = "chart"
	}
	name, _, err := helm.NameAndChart([]string{chart})
	if err != nil {
		return "", invalid("name_template", "%v", err)
	}
	return name, validName(name)
}

// afterFailedInstall does what rollback_on_failure asks for, as Helm's failRelease does, with a context of its own.
func (s *scope) afterFailedInstall(request InstallRequest, cause error) error {
	s.deleteFailedHooks(request.WaitOptions)
	if !request.RollbackOnFailure {
		return cause
	}
	failed := s.cleanUp(request.WaitOptions, request.serverSide(), func(fresh *scope) error {
		helm := action.NewUninstall(fresh.cfg)
		helm.DisableHooks = request.NoHooks
		helm.Timeout = request.cleanupTimeout()
		helm.WaitStrategy = request.waitStrategy(true)
		helm.WaitOptions = waitOptions()
		_, err := fresh.uninstall(helm)
		return err
	})
	if failed != nil {
		return fmt.Errorf("an error occurred while uninstalling the release. original install error: %w: %w", cause, failed)
	}
	return fmt.Errorf("release %s failed, and has been uninstalled due to rollback-on-failure being set: %w", s.release, cause)
}

func firstError(checks ...func() error) error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}
