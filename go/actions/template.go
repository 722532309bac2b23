package actions

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// TemplateRequest are the arguments of `helm template`. As the command has it, most of what says how a release is applied
// is taken and has no effect.
type TemplateRequest struct {
	ChartSource
	ValueOptions
	ApplyOptions
	RenderOptions

	ReleaseName    string   `json:"release_name"`
	GenerateName   bool     `json:"generate_name"`
	NameTemplate   string   `json:"name_template"`
	Replace        bool     `json:"replace"`
	Wait           string   `json:"wait"`
	Timeout        *float64 `json:"timeout"`
	ValidateOnline bool     `json:"validate"`
	IsUpgrade      bool     `json:"is_upgrade"`
	IncludeCRDs    bool     `json:"include_crds"`
	SkipTests      bool     `json:"skip_tests"`
	KubeVersion    string   `json:"kube_version"`
	APIVersions    []string `json:"api_versions"`
	ShowOnly       []string `json:"show_only"`
	OutputDir      string   `json:"output_dir"`
	UseReleaseName bool     `json:"use_release_name"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r TemplateRequest) Validate() error {
	if r.ReleaseName != "" {
		if r.GenerateName || r.NameTemplate != "" {
			return invalid("release_name", "is given together with generate_name or name_template: leave one out")
		}
		if err := validName(r.ReleaseName); err != nil {
			return err
		}
	}
	if r.ValidateOnline && r.DryRun != "" {
		return invalid("validate", "and dry_run exclude each other: validate is dry_run=\"server\"")
	}
	if r.dryRun() == action.DryRunNone {
		return invalid("dry_run", "is %q: a template is always a dry run, \"client\" or \"server\"", r.DryRun)
	}
	if r.OutputDir != "" && len(r.ShowOnly) > 0 {
		// The command writes all files, and then finds no template in the text that it did not keep.
		return invalid("show_only", "and output_dir exclude each other: could not find template %s in chart", r.ShowOnly[0])
	}
	if _, err := kubeVersion(r.KubeVersion); err != nil {
		return err
	}
	render := r.RenderOptions
	render.DryRun = string(r.dryRun())
	return firstError(r.ChartSource.Validate, r.ValueOptions.Validate, WaitOptions{Wait: r.Wait, Timeout: r.Timeout}.Validate,
		r.ApplyOptions.Validate, render.Validate)
}

// Template does what `helm template` does: it renders a chart, without a cluster unless it is asked to ask one.
//
// The result is what the command prints. With an output directory that is a line for each file that was written.
func Template(op *bridge.Operation, config *session.Configuration, request TemplateRequest) (string, error) {
	name, err := request.name()
	if err != nil {
		return "", err
	}
	t, cfg := begin(op, config, "template"), action.NewConfiguration(action.ConfigurationSetLogger(op.Handler()))
	if request.dryRun() == action.DryRunServer {
		s, err := enter(op, config, "template", name, request.ServerSide != "false")
		if err != nil {
			return "", err
		}
		t, cfg = s.task, s.cfg
	}
	text, err := t.template(cfg, name, request)
	if err != nil {
		return "", explain(err)
	}
	return text, nil
}

func (t *task) template(cfg *action.Configuration, name string, request TemplateRequest) (string, error) {
	loaded, err := t.load(request.ChartSource, request.DependencyUpdate, request.ValueOptions)
	if err != nil {
		return "", err
	}
	helm, err := t.newTemplate(cfg, name, request)
	if err != nil {
		return "", err
	}
	t.phase("rendering")
	record, err := helm.RunWithContext(t.op.Context(), loaded.chart, loaded.values)
	if err != nil {
		return "", err
	}
	rel := asRelease(record)
	if request.OutputDir != "" {
		return t.write(request, rel)
	}
	text := request.text(rel)
	if len(request.ShowOnly) > 0 {
		return only(text, request.ShowOnly)
	}
	return text, nil
}

func (t *task) newTemplate(cfg *action.Configuration, name string, request TemplateRequest) (*action.Install, error) {
	helm := action.NewInstall(cfg)
	helm.ReleaseName = name
	helm.Namespace = t.config.Namespace()
	helm.Replace = true // the command: "skip the name check"
	helm.DryRunStrategy = request.dryRun()
	helm.HideSecret = request.HideSecret
	helm.DisableHooks = request.NoHooks
	helm.SkipCRDs = request.SkipCRDs
	helm.IncludeCRDs = request.IncludeCRDs
	helm.SkipSchemaValidation = request.SkipSchemaValidation
	helm.DisableOpenAPIValidation = request.DisableOpenAPIValidation
	helm.EnableDNS = request.EnableDNS
	helm.Labels = request.labels()
	helm.TakeOwnership = request.TakeOwnership
	helm.IsUpgrade = request.IsUpgrade
	helm.APIVersions = request.apiVersions()
	// OutputDir stays off: Helm prints a line to the process's stdout for each file; write does it.
	var err error
	if helm.KubeVersion, err = kubeVersion(request.KubeVersion); err != nil {
		return nil, err
	}
	helm.PostRenderer, err = t.postRenderer(request.RenderOptions)
	return helm, err
}

// name is the release's. The command sets a name before it would generate one, so that --generate-name has no effect.
func (r TemplateRequest) name() (string, error) {
	switch {
	case r.ReleaseName != "":
		return r.ReleaseName, nil
	case r.NameTemplate != "":
		return InstallRequest{NameTemplate: r.NameTemplate}.name()
	}
	return "release-name", nil
}

// dryRun is client-side unless the cluster is asked for.
func (r TemplateRequest) dryRun() action.DryRunStrategy {
	switch {
	case r.ValidateOnline:
		return action.DryRunServer
	case r.DryRun == "":
		return action.DryRunClient
	}
	return action.DryRunStrategy(r.DryRun)
}

// apiVersions takes lists with commas too, as the command's flag does.
func (r TemplateRequest) apiVersions() common.VersionSet {
	var versions common.VersionSet
	for _, text := range r.APIVersions {
		versions = append(versions, strings.Split(text, ",")...)
	}
	return versions
}

func kubeVersion(text string) (*common.KubeVersion, error) {
	if text == "" {
		return nil, nil
	}
	version, err := common.ParseKubeVersion(text)
	if err != nil {
		return nil, invalid("kube_version", "is refused: invalid kube version '%s': %v", text, err)
	}
	return version, nil
}

// text puts manifest and hooks together as the command does (helm: pkg/cmd/template.go).
func (r TemplateRequest) text(rel *release.Release) string {
	var text strings.Builder
	fmt.Fprintln(&text, strings.TrimSpace(rel.Manifest))
	for _, hook := range r.hooks(rel) {
		text.WriteString(document(hook.Path, hook.Manifest))
	}
	return text.String()
}

func (r TemplateRequest) hooks(rel *release.Release) []*release.Hook {
	if r.NoHooks {
		return nil
	}
	var hooks []*release.Hook
	for _, hook := range rel.Hooks {
		if !r.SkipTests || !slices.Contains(hook.Events, release.HookTest) {
			hooks = append(hooks, hook)
		}
	}
	return hooks
}

func document(source, content string) string {
	return "---\n# Source: " + source + "\n" + content + "\n"
}

var sourceLine = regexp.MustCompile("# Source: [^/]+/(.+)")

// documentsInOrder splits a manifest, and gives the names of its documents in their order.
func documentsInOrder(manifest string) (split map[string]string, keys []string) {
	split = releaseutil.SplitManifests(manifest)
	keys = slices.Collect(maps.Keys(split))
	sort.Sort(releaseutil.BySplitManifestsOrder(keys))
	return split, keys
}

// only picks the documents of some templates, in the order in which these are asked for (helm: pkg/cmd/template.go).
func only(text string, patterns []string) (string, error) {
	split, keys := documentsInOrder(text)
	var picked bytes.Buffer
	for _, pattern := range patterns {
		missing := true
		for _, key := range keys {
			source := sourceLine.FindStringSubmatch(split[key])
			if len(source) == 0 {
				continue
			}
			// A pattern that is none matches nothing, as in the command.
			if matched, _ := filepath.Match(pattern, source[1]); matched {
				fmt.Fprintf(&picked, "---\n%s\n", split[key])
				missing = false
			}
		}
		if missing {
			return "", invalid("show_only", "names %q, but could not find template %s in chart", pattern, pattern)
		}
	}
	return picked.String(), nil
}
