package actions

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/storage/driver"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// The families of options that requests share. Keys are the Python keywords; a field that is absent has Helm's default.

// ChartSource says where a chart comes from and how it is fetched.
type ChartSource struct {
	ChartPath             string `json:"chart_path"`
	ChartArchive          []byte `json:"chart_archive"`
	Version               string `json:"version"`
	Devel                 bool   `json:"devel"`
	Repo                  string `json:"repo"`
	Username              string `json:"username"`
	Password              string `json:"password"`
	PassCredentials       bool   `json:"pass_credentials"`
	CertFile              string `json:"cert_file"`
	KeyFile               string `json:"key_file"`
	CAFile                string `json:"ca_file"`
	InsecureSkipTLSVerify bool   `json:"insecure_skip_tls_verify"`
	PlainHTTP             bool   `json:"plain_http"`
	Verify                bool   `json:"verify"`
	Keyring               string `json:"keyring"`
}

// access is the part that says how a server is reached.
func (c ChartSource) access() AccessOptions {
	return AccessOptions{
		Username: c.Username, Password: c.Password, CertFile: c.CertFile, KeyFile: c.KeyFile, CAFile: c.CAFile,
		InsecureSkipTLSVerify: c.InsecureSkipTLSVerify, PlainHTTP: c.PlainHTTP,
	}
}

// Validate refuses a source that names no chart.
func (c ChartSource) Validate() error {
	if strings.TrimSpace(c.ChartPath) == "" && len(c.ChartArchive) == 0 {
		return invalid("chart_path", "is empty: give a directory, an archive, a URL, oci://… or repo/name")
	}
	if c.ChartPath == "-" {
		return invalid("chart_path", "\"-\" is refused: nothing is read from standard input")
	}
	if c.Verify && len(c.ChartArchive) > 0 {
		return invalid("verify", "needs a chart that has a provenance file beside it: the bytes of an archive have none")
	}
	return nil
}

// AccessOptions say how a registry, or a repository, is reached where dependencies come from.
type AccessOptions struct {
	Username              string `json:"username"`
	Password              string `json:"password"`
	CertFile              string `json:"cert_file"`
	KeyFile               string `json:"key_file"`
	CAFile                string `json:"ca_file"`
	InsecureSkipTLSVerify bool   `json:"insecure_skip_tls_verify"`
	PlainHTTP             bool   `json:"plain_http"`
}

// ValueOptions are all the ways to give values, in the order in which they are merged.
type ValueOptions struct {
	ValuesFiles []string        `json:"values_files"`
	Values      json.RawMessage `json:"values"`
	SetJSON     []string        `json:"set_json"`
	Set         []string        `json:"set"`
	SetString   []string        `json:"set_string"`
	SetFile     []string        `json:"set_file"`
	SetLiteral  []string        `json:"set_literal"`
}

// WaitOptions say what is waited for and how long each phase may take.
type WaitOptions struct {
	Wait           string   `json:"wait"`
	Timeout        *float64 `json:"timeout"`
	CleanupTimeout *float64 `json:"cleanup_timeout"`
}

// Validate refuses a strategy that Helm does not have and times that are none.
func (w WaitOptions) Validate() error {
	switch kube.WaitStrategy(w.Wait) {
	case "", kube.StatusWatcherStrategy, kube.HookOnlyStrategy, kube.LegacyStrategy:
	default:
		return invalid("wait", "is %q: it must be true, false, \"watcher\", \"hookOnly\" or \"legacy\"", w.Wait)
	}
	for field, seconds := range map[string]*float64{"timeout": w.Timeout, "cleanup_timeout": w.CleanupTimeout} {
		if seconds != nil && (*seconds < 0 || *seconds > math.MaxInt64/float64(time.Second)) {
			return invalid(field, "is %v: it must be a number of seconds, 0 or more", *seconds)
		}
	}
	return nil
}

// strategy is Helm's name of what is waited for; like the drop-in target and unlike the command, absent means watcher.
func (w WaitOptions) strategy() kube.WaitStrategy {
	if w.Wait == "" {
		return kube.StatusWatcherStrategy
	}
	return kube.WaitStrategy(w.Wait)
}

func (w WaitOptions) timeout() time.Duration {
	return seconds(w.Timeout, 300*time.Second)
}

// cleanupTimeout bounds what is done after a failure or a cancel (design: the smaller of timeout and 60 s).
func (w WaitOptions) cleanupTimeout() time.Duration {
	return seconds(w.CleanupTimeout, min(w.timeout(), 60*time.Second))
}

func seconds(value *float64, otherwise time.Duration) time.Duration {
	if value == nil {
		return otherwise
	}
	return time.Duration(*value * float64(time.Second))
}

// ApplyOptions say how objects are written to the cluster.
type ApplyOptions struct {
	ServerSide     string `json:"server_side"`
	ForceConflicts bool   `json:"force_conflicts"`
	ForceReplace   bool   `json:"force_replace"`
}

// Validate refuses combinations as the command's flags do, before anything is created.
func (a ApplyOptions) Validate() error {
	if !slices.Contains([]string{"", "true", "false", "auto"}, a.ServerSide) {
		return invalid("server_side", "is %q: it must be true, false or \"auto\"", a.ServerSide)
	}
	if a.ForceConflicts && a.ForceReplace {
		return invalid("force_replace", "and force_conflicts exclude each other")
	}
	return nil
}

// validateUpdate refuses what Helm's kube client refuses in every update, but only after the record was written
// (helm: pkg/kube/client.go, ClientUpdateOptionServerSideApply and ClientUpdateOptionForceReplace).
func (a ApplyOptions) validateUpdate() error {
	if a.ForceConflicts && a.ServerSide == "false" {
		return invalid("force_conflicts", "needs server-side apply: leave server_side at its default or set it to True")
	}
	if a.ForceReplace && a.ServerSide == "true" {
		return invalid("force_replace", "needs client-side apply: set server_side=False")
	}
	return nil
}

// RenderOptions say how a chart is rendered and recorded; install and upgrade share them.
type RenderOptions struct {
	DryRun                   string             `json:"dry_run"`
	HideSecret               bool               `json:"hide_secret"`
	HideNotes                bool               `json:"hide_notes"`
	RenderSubchartNotes      bool               `json:"render_subchart_notes"`
	NoHooks                  bool               `json:"no_hooks"`
	SkipCRDs                 bool               `json:"skip_crds"`
	SkipSchemaValidation     bool               `json:"skip_schema_validation"`
	DisableOpenAPIValidation bool               `json:"disable_openapi_validation"`
	EnableDNS                bool               `json:"enable_dns"`
	DependencyUpdate         bool               `json:"dependency_update"`
	Description              string             `json:"description"`
	Labels                   map[string]*string `json:"labels"`
	CreateNamespace          bool               `json:"create_namespace"`
	TakeOwnership            bool               `json:"take_ownership"`
	RollbackOnFailure        bool               `json:"rollback_on_failure"`
	WaitForJobs              bool               `json:"wait_for_jobs"`
	PostRenderer             string             `json:"post_renderer"`
	PostRendererArgs         []string           `json:"post_renderer_args"`
	PostRendererCallable     bool               `json:"post_renderer_callable"`
}

// Validate refuses what Helm would refuse only after it has done part of the work.
func (r RenderOptions) Validate() error {
	if err := validDryRun(r.DryRun); err != nil {
		return err
	}
	if r.HideSecret && r.dryRun() == action.DryRunNone {
		return invalid("hide_secret", "needs dry_run=\"client\" or \"server\"")
	}
	if len(r.PostRendererArgs) > 0 && r.PostRenderer == "" {
		return invalid("post_renderer_args", "needs post_renderer to name a plugin")
	}
	return validLabels(r.labels())
}

func (r RenderOptions) dryRun() action.DryRunStrategy {
	return dryRun(r.DryRun)
}

// labels turns null into the text by which `helm upgrade --labels key=null` unsets a label.
func (r RenderOptions) labels() map[string]string {
	if r.Labels == nil {
		return nil
	}
	labels := make(map[string]string, len(r.Labels))
	for name, value := range r.Labels {
		if value == nil {
			labels[name] = "null"
		} else {
			labels[name] = *value
		}
	}
	return labels
}

func dryRun(value string) action.DryRunStrategy {
	if value == "" {
		return action.DryRunNone
	}
	return action.DryRunStrategy(value)
}

func validDryRun(value string) error {
	switch dryRun(value) {
	case action.DryRunNone, action.DryRunClient, action.DryRunServer:
		return nil
	}
	return invalid("dry_run", "is %q: it must be \"none\", \"client\" or \"server\"", value)
}

// validLabels refuses what the storage could not keep, which Helm finds only when it writes the record.
func validLabels(labels map[string]string) error {
	if driver.ContainsSystemLabels(labels) {
		return invalid("labels", "must not name Helm's own labels: %s", strings.Join(driver.GetSystemLabels(), ", "))
	}
	for name, value := range labels {
		if problems := labelProblems(name, value); len(problems) > 0 {
			return invalid("labels", "has %s=%s: %s", name, value, strings.Join(problems, "; "))
		}
	}
	return nil
}

// invalid says which argument was wrong, what was wrong with it and what to do, before anything was done.
func invalid(field, format string, arguments ...any) error {
	return &bridge.Error{
		Code:    codeInvalidArgument,
		Message: field + " " + fmt.Sprintf(format, arguments...),
		Details: map[string]any{"field": field},
	}
}
