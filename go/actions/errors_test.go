package actions

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/kube"
	kubefake "helm.sh/helm/v4/pkg/kube/fake"
	rcommon "helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage"
	"helm.sh/helm/v4/pkg/storage/driver"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The texts by which an error of Helm is told apart, each made by the Helm that is built in: the test breaks when Helm
// changes one. What needs a cluster is in tests/integration.
func TestTextsOfHelm(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		fail func(cfg *action.Configuration) error
		code string
	}{
		"a name that is taken": {func(cfg *action.Configuration) error {
			return errors.Join(installed(cfg, plain()), installed(cfg, plain()))
		}, codeReleaseExists},
		"an upgrade of what is pending": {func(cfg *action.Configuration) error {
			if err := cfg.Releases.Create(pending()); err != nil {
				return err
			}
			return upgraded(cfg)
		}, codeReleasePending},
		"an upgrade of nothing": {upgraded, codeReleaseNotDeployed},
		"a rollback to what is not there": {func(cfg *action.Configuration) error {
			if err := installed(cfg, plain()); err != nil {
				return err
			}
			helm := action.NewRollback(cfg)
			helm.Version = 7
			return helm.Run("shop")
		}, codeReleaseNotFound},
		"a Kubernetes that is too old": {func(cfg *action.Configuration) error {
			chart := plain()
			chart.Metadata.KubeVersion = ">= 99.0.0"
			return installed(cfg, chart)
		}, codeKubeVersion},
		"a template that fails": {func(cfg *action.Configuration) error {
			return installed(cfg, templated(`{{ fail "no" }}`))
		}, codeRender},
		"a template that can not be parsed": {func(cfg *action.Configuration) error {
			return installed(cfg, templated(`{{ if }}`))
		}, codeRender},
		"a template that calls what is not there": {func(cfg *action.Configuration) error {
			return installed(cfg, templated(`{{ include "nothing" . }}`))
		}, codeRender},
		"a manifest that is no YAML": {func(cfg *action.Configuration) error {
			return installed(cfg, templated("a: b: c"))
		}, codeRender},
		"values that break the schema": {func(cfg *action.Configuration) error {
			chart := plain()
			chart.Schema = []byte(`{"type": "object", "required": ["replicas"]}`)
			return installed(cfg, chart)
		}, codeValuesSchema},
		"a post-renderer that fails": {func(cfg *action.Configuration) error {
			helm := newTestInstall(cfg)
			helm.PostRenderer = failingRenderer{}
			_, err := helm.Run(templated("a: b"), nil)
			return err
		}, codePostRender},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := one.fail(memoryConfiguration(t))
			if err == nil {
				t.Fatal("Helm found nothing wrong")
			}
			if code := codeOf(err); code != one.code {
				t.Errorf("code %q of %q, want %q", code, err, one.code)
			}
		})
	}
}

func TestManifestThatCouldNotBeReadForTheServer(t *testing.T) {
	t.Parallel()
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, "web", errors.New("somebody was faster"))
	for text, one := range map[string]struct {
		err  error
		code string
	}{
		"conflict":                {fmt.Errorf("unable to build kubernetes objects from release manifest: %w", conflict), codeConflict},
		"internal":                {fmt.Errorf("error validating \"\": %w", apierrors.NewInternalError(errors.New("no"))), codeClusterUnreachable},
		"conflict, only its text": {errors.New("unable to recognize \"\": the server reported a conflict"), codeConflict},
		"internal, only its text": {
			errors.New("unable to recognize \"\": an error on the server (\"unknown\") has prevented the request from succeeding"), codeClusterUnreachable,
		},
		"no such kind": {errors.New("unable to build kubernetes objects: no matches for kind \"Gear\""), codeManifestInvalid},
	} {
		if code := codeOf(one.err); code != one.code {
			t.Errorf("%s: code %q, want %q", text, code, one.code)
		}
	}
}

func TestDescriptionIsShort(t *testing.T) {
	t.Parallel()
	records := newLedger(quiet(t), "install", driver.NewMemory())
	rel := pending()
	rel.SetStatus(rcommon.StatusFailed, strings.Repeat("é", 40_000))
	if err := records.Create(recordKey(rel.Name, rel.Version), rel); err != nil {
		t.Fatal(err)
	}
	description := records.last().Info.Description
	if len(description) > maxDescription+40 || !strings.HasPrefix(description, "éé") || !strings.HasSuffix(description, "characters more)") {
		t.Errorf("%d bytes: …%q", len(description), description[len(description)-40:])
	}
}

// A hook that was made, and could not be waited for, failed: a record never says that nobody knows.
func TestHookThatWasNotWaitedForFailed(t *testing.T) {
	t.Parallel()
	records := newLedger(quiet(t), "install", driver.NewMemory())
	rel, began := pending(), time.Now()
	rel.Hooks = []*release.Hook{
		{Name: "done", LastRun: release.HookExecution{StartedAt: began, CompletedAt: began, Phase: release.HookPhaseSucceeded}},
		{Name: "cut", LastRun: release.HookExecution{StartedAt: began, Phase: release.HookPhaseUnknown}},
		{Name: "not run"},
	}
	must(t, records.Create(recordKey(rel.Name, rel.Version), rel))
	var phases []release.HookPhase
	for _, hook := range records.last().Hooks {
		phases = append(phases, hook.LastRun.Phase)
	}
	if !slices.Equal(phases, []release.HookPhase{release.HookPhaseSucceeded, release.HookPhaseFailed, ""}) {
		t.Errorf("the phases are %q", phases)
	}
	if completed := records.last().Hooks[1].LastRun.CompletedAt; completed.Before(began) {
		t.Errorf("completed at %v", completed)
	}
}

type failingRenderer struct{}

func (failingRenderer) Run(*bytes.Buffer) (*bytes.Buffer, error) {
	return nil, errors.New("no")
}

func memoryConfiguration(t *testing.T) *action.Configuration {
	t.Helper()
	cfg := action.NewConfiguration(action.ConfigurationSetLogger(quiet(t).Handler()))
	cfg.Releases = storage.Init(driver.NewMemory())
	cfg.KubeClient = &kubefake.PrintingKubeClient{Out: new(bytes.Buffer)}
	cfg.Capabilities = common.DefaultCapabilities.Copy()
	return cfg
}

func newTestInstall(cfg *action.Configuration) *action.Install {
	helm := action.NewInstall(cfg)
	helm.ReleaseName, helm.Namespace = "shop", "default"
	helm.WaitStrategy, helm.Timeout = kube.HookOnlyStrategy, time.Second
	return helm
}

func installed(cfg *action.Configuration, chart *v2.Chart) error {
	_, err := newTestInstall(cfg).Run(chart, nil)
	return err
}

func upgraded(cfg *action.Configuration) error {
	helm := action.NewUpgrade(cfg)
	helm.Namespace, helm.WaitStrategy = "default", kube.HookOnlyStrategy
	_, err := helm.Run("shop", plain(), nil)
	return err
}

func plain() *v2.Chart {
	return &v2.Chart{Metadata: &v2.Metadata{APIVersion: "v2", Name: "plain", Version: "1.0.0"}}
}

func templated(text string) *v2.Chart {
	chart := plain()
	chart.Templates = []*common.File{{Name: "templates/one.yaml", Data: []byte(text)}}
	return chart
}

func pending() *release.Release {
	return &release.Release{
		Name: "shop", Namespace: "default", Version: 1, Chart: plain(),
		Info: &release.Info{Status: rcommon.StatusPendingInstall},
	}
}
