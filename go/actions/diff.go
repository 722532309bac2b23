package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/drift"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// DiffRequest are the arguments of Diff: those of an upgrade that say what would be deployed and how, and what counts.
type DiffRequest struct {
	ChartSource
	ValueOptions
	ApplyOptions
	DriftOptions

	ReleaseName              string   `json:"release_name"`
	Install                  bool     `json:"install"`
	CreateNamespace          bool     `json:"create_namespace"`
	ResetValues              bool     `json:"reset_values"`
	ReuseValues              bool     `json:"reuse_values"`
	ResetThenReuseValues     bool     `json:"reset_then_reuse_values"`
	NoHooks                  bool     `json:"no_hooks"`
	SkipCRDs                 bool     `json:"skip_crds"`
	SkipSchemaValidation     bool     `json:"skip_schema_validation"`
	DisableOpenAPIValidation bool     `json:"disable_openapi_validation"`
	EnableDNS                bool     `json:"enable_dns"`
	DependencyUpdate         bool     `json:"dependency_update"`
	TakeOwnership            bool     `json:"take_ownership"`
	PostRenderer             string   `json:"post_renderer"`
	PostRendererArgs         []string `json:"post_renderer_args"`
	PostRendererCallable     bool     `json:"post_renderer_callable"`
	ShowSecrets              bool     `json:"show_secrets"`
	Render                   string   `json:"render"`
	Context                  *int     `json:"context"`
}

// DriftOptions say what does not count as a difference.
type DriftOptions struct {
	Ignore         []drift.Rule `json:"ignore"`
	IgnoreManagers []string     `json:"ignore_managers"`
}

// Validate refuses rules that would never match.
func (o DriftOptions) Validate() error {
	for _, rule := range o.Ignore {
		if err := rule.Validate(); err != nil {
			return invalid("ignore", "%v", err)
		}
	}
	return nil
}

// Validate refuses what can be known to be wrong before anything is done.
func (r DiffRequest) Validate() error {
	if err := validName(r.ReleaseName); err != nil {
		return err
	}
	if !slices.Contains([]string{"", "unified", "color"}, r.Render) {
		return invalid("render", "is %q: it must be \"unified\" or \"color\"", r.Render)
	}
	if r.Context != nil && *r.Context < 0 {
		return invalid("context", "is %d: it must be a number of lines, 0 or more", *r.Context)
	}
	checks := []func() error{r.DriftOptions.Validate, r.ApplyOptions.Validate, r.validateUpdate, r.renderOptions().Validate}
	if r.withChart() {
		checks = append(checks, r.ChartSource.Validate, r.ValueOptions.Validate)
	} else {
		checks = append(checks, r.validateWithoutChart)
	}
	return firstError(checks...)
}

// validateWithoutChart refuses what would have no effect, and may have been meant for a chart that was forgotten.
func (r DiffRequest) validateWithoutChart() error {
	for field, given := range map[string]bool{
		"values": len(r.Values) > 0 && string(r.Values) != "{}", "values_files": len(r.ValuesFiles) > 0, "set": len(r.Set) > 0,
		"set_string": len(r.SetString) > 0, "set_json": len(r.SetJSON) > 0, "set_file": len(r.SetFile) > 0,
		"set_literal": len(r.SetLiteral) > 0, "version": r.Version != "", "install": r.Install,
	} {
		if given {
			return invalid(field, "needs chart_path: without a chart the cluster is held against what was deployed")
		}
	}
	return nil
}

func (r DiffRequest) withChart() bool {
	return r.ChartPath != "" || len(r.ChartArchive) > 0
}

// renderOptions are those of the dry run that renders the chart.
func (r DiffRequest) renderOptions() RenderOptions {
	return RenderOptions{
		DryRun: string(action.DryRunServer), NoHooks: r.NoHooks, SkipCRDs: r.SkipCRDs, SkipSchemaValidation: r.SkipSchemaValidation,
		DisableOpenAPIValidation: r.DisableOpenAPIValidation, EnableDNS: r.EnableDNS, DependencyUpdate: r.DependencyUpdate,
		CreateNamespace: r.CreateNamespace, TakeOwnership: r.TakeOwnership, PostRenderer: r.PostRenderer,
		PostRendererArgs: r.PostRendererArgs, PostRendererCallable: r.PostRendererCallable,
	}
}

func (r DiffRequest) rules() drift.Rules {
	return drift.Rules{Ignore: r.Ignore, Managers: r.IgnoreManagers, ShowSecrets: r.ShowSecrets}
}

// Difference is what Diff gives.
type Difference struct {
	Changed bool           `json:"changed"`
	Objects []drift.Object `json:"objects"`
	Text    string         `json:"text"`
}

// Diff tells what an upgrade to a chart would change or, without a chart, what differs in the cluster from what was
// deployed last. The API server is asked by dry runs; nothing is written.
func Diff(op *bridge.Operation, config *session.Configuration, request DiffRequest) (*Difference, error) {
	s, err := enter(op, config, "diff", request.ReleaseName, request.ServerSide != "false")
	if err != nil {
		return nil, err
	}
	var objects []drift.Object
	if request.withChart() {
		objects, err = s.preview(request)
	} else {
		objects, err = s.deployedDrift(request.rules())
	}
	if err != nil {
		return nil, s.explain(err)
	}
	around := 3
	if request.Context != nil {
		around = *request.Context
	}
	text, err := drift.Text(objects, around, request.Render == "color")
	if err != nil {
		return nil, s.explain(err)
	}
	return &Difference{Changed: slices.ContainsFunc(objects, drift.Object.Differs), Objects: objects, Text: text}, nil
}

// deployedDrift is the drift of the revision that was deployed last.
func (s *scope) deployedDrift(rules drift.Rules) ([]drift.Object, error) {
	rel, err := s.readOutline(0)
	if err != nil {
		return nil, err
	}
	if rel.Info.Status != common.StatusDeployed {
		record, err := s.cfg.Releases.Deployed(s.release)
		if err != nil {
			return nil, err
		}
		rel = asRelease(record)
	}
	return s.drift(rel, rules)
}

// drift is what differs in the cluster from what a revision deployed: each of its objects, in the manifest's order; those
// that differ say so (drift.Object.Differs). What helm did not set, and others added, is none. Hooks are not looked at: they
// come and go.
func (s *scope) drift(rel *release.Release, rules drift.Rules) ([]drift.Object, error) {
	s.phase("comparing")
	plan, missing, err := s.driftPlan(rel, rules)
	if err != nil {
		return nil, err
	}
	defer s.client.NoReadAhead()()
	objects, err := plan.Objects(s.op.Context())
	return append(objects, missing...), err
}

// driftPlan is what has to be compared for that, and the objects of kinds that the cluster does not know any more.
func (s *scope) driftPlan(rel *release.Release, rules drift.Rules) (plan drift.Plan, missing []drift.Object, err error) {
	build := &planner{recorder: s.client, mapper: s.connection.Getter().ToRESTMapper}
	targets, err := build.Build(strings.NewReader(rel.Manifest), false)
	if err != nil {
		return plan, nil, fmt.Errorf("unable to build kubernetes objects from current release manifest: %w", err)
	}
	if err := targets.Visit(belongTo(rel)); err != nil {
		return plan, nil, err
	}
	plan = drift.Plan{
		Originals: targets, Targets: targets, Rules: rules, Annotations: true,
		Method: drift.Method{
			ServerSide: rel.ApplyMethod == string(release.ApplyMethodServerSideApply), ForceConflicts: true, Whole: true,
			Validation: kube.FieldValidationDirectiveIgnore,
		},
	}
	missing, err = build.missing(rel.Namespace, "", rules)
	return plan, missing, err
}

// belongTo is Helm's setMetadataVisitor: what makes an object the release's is not in its manifest.
func belongTo(rel *release.Release) resource.VisitorFunc {
	accessor := meta.NewAccessor()
	return func(info *resource.Info, err error) error {
		if err != nil {
			return err
		}
		labelled, err := accessor.Labels(info.Object)
		if err != nil {
			return err
		}
		annotated, err := accessor.Annotations(info.Object)
		if err != nil {
			return err
		}
		if err := accessor.SetLabels(info.Object, labels.Merge(labelled, map[string]string{"app.kubernetes.io/managed-by": "Helm"})); err != nil {
			return err
		}
		return accessor.SetAnnotations(info.Object, labels.Merge(annotated, map[string]string{
			"meta.helm.sh/release-name": rel.Name, "meta.helm.sh/release-namespace": rel.Namespace,
		}))
	}
}

// preview is what an upgrade would change, or an install where there is no such release.
func (s *scope) preview(request DiffRequest) ([]drift.Object, error) {
	build := &planner{recorder: s.client, mapper: s.connection.Getter().ToRESTMapper}
	s.cfg.KubeClient = build
	current, replace, err := s.current()
	switch {
	case errors.Is(err, driver.ErrReleaseNotFound) && request.Install:
		return s.previewInstall(request, build, replace)
	case errors.Is(err, driver.ErrReleaseNotFound):
		return nil, &bridge.Error{
			Code:    codeReleaseNotFound,
			Message: fmt.Sprintf("there is no release %q in namespace %q: install=True shows what an install would create", s.release, s.namespace),
			Cause:   err,
		}
	case err != nil:
		return nil, err
	case replace && request.Install:
		return s.previewInstall(request, build, replace)
	}
	return s.previewUpgrade(request, build, current)
}

// current is the revision that an upgrade starts from (helm: pkg/action/upgrade.go, prepareUpgrade). That the newest one
// was uninstalled, so that an install may take its name, is told apart.
func (s *scope) current() (rel *release.Release, uninstalled bool, err error) {
	record, err := s.cfg.Releases.Last(s.release)
	if err != nil {
		return nil, false, err
	}
	last := asRelease(record)
	if last.Info.Status == common.StatusDeployed {
		return last, false, nil
	}
	if record, err := s.cfg.Releases.Deployed(s.release); err == nil {
		return asRelease(record), false, nil
	}
	return last, last.Info.Status == common.StatusUninstalled, nil
}

func (s *scope) previewUpgrade(request DiffRequest, build *planner, current *release.Release) ([]drift.Object, error) {
	loaded, err := s.load(request.ChartSource, request.DependencyUpdate, request.ValueOptions)
	if err != nil {
		return nil, err
	}
	helm, err := newUpgrade(s, UpgradeRequest{
		ChartSource: request.ChartSource, ValueOptions: request.ValueOptions, ApplyOptions: request.ApplyOptions,
		RenderOptions: request.renderOptions(), ReleaseName: request.ReleaseName, Install: request.Install,
		ResetValues: request.ResetValues, ReuseValues: request.ReuseValues, ResetThenReuseValues: request.ResetThenReuseValues,
	})
	if err != nil {
		return nil, err
	}
	s.phase("rendering")
	record, err := helm.RunWithContext(context.WithoutCancel(s.op.Context()), s.release, loaded.chart, loaded.values)
	if errors.Is(err, driver.ErrNoDeployedReleases) {
		err = s.explainNotDeployed(err)
	}
	if err != nil {
		return nil, err
	}
	rel := asRelease(record)
	originals, targets := build.lastTwo()
	serverSide := rel.ApplyMethod == string(release.ApplyMethodServerSideApply)
	return s.compare(request, build, comparison{
		originals: originals, targets: targets, chart: rel, hooks: current.Hooks,
		method: drift.Method{
			ServerSide: serverSide, ForceConflicts: request.ForceConflicts, ForceReplace: request.ForceReplace,
			Migrate:    serverSide && current.ApplyMethod != string(release.ApplyMethodServerSideApply),
			Validation: kube.FieldValidationDirectiveStrict,
		},
	})
}

func (s *scope) previewInstall(request DiffRequest, build *planner, replace bool) ([]drift.Object, error) {
	s.verb = "install"
	install := InstallRequest{
		ChartSource: request.ChartSource, ValueOptions: request.ValueOptions, ApplyOptions: request.ApplyOptions,
		RenderOptions: request.renderOptions(), ReleaseName: request.ReleaseName, Replace: replace,
	}
	rel, err := s.run(context.WithoutCancel(s.op.Context()), install)
	if err != nil {
		return nil, err
	}
	_, targets := build.lastTwo()
	return s.compare(request, build, comparison{
		targets: targets, chart: rel, install: true,
		method: drift.Method{
			ServerSide: install.serverSide(), ForceConflicts: request.ForceConflicts, ForceReplace: request.ForceReplace,
			Validation: kube.FieldValidationDirectiveStrict,
		},
	})
}
