package actions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"text/template"
	"time"

	"helm.sh/helm/v4/pkg/action"
	kubefake "helm.sh/helm/v4/pkg/kube/fake"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage"
	"helm.sh/helm/v4/pkg/storage/driver"
	"sigs.k8s.io/yaml"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/charts"
)

// compareRendering renders the chart again and holds the objects and hooks against those of the revision. That is how a
// subchart that changed is seen (a record has none), another post-renderer, and what the cluster's capabilities decide.
//
// What is told by chance, the clock, `lookup` or the revision's number does not count: it would never be the same. A second
// rendering with all of these otherwise shows where a template asks for them.
func (s *scope) compareRendering(request EnsureRequest, last *recorded) ([]EnsureReason, error) {
	made, err := s.circumstances(last)
	if err != nil {
		return nil, err
	}
	cfg := s.bystander(made)
	again, err := s.renderAgain(cfg, request, made)
	if err != nil {
		return nil, err
	}
	if again.Manifest == last.Manifest && slices.EqualFunc(again.Hooks, last.Hooks, sameHook) {
		return nil, nil
	}
	s.phase("comparing")
	otherwise, err := s.renderOtherwise(cfg, request, made)
	if err != nil {
		otherwise = again // a template that fails without `lookup`: every difference counts
	}
	changed, err := differingDocuments(documentsOf(last.Manifest, last.Hooks), documentsOf(again.Manifest, again.Hooks),
		documentsOf(otherwise.Manifest, otherwise.Hooks))
	if err != nil || len(changed) == 0 {
		return nil, err
	}
	names := make([]string, len(changed))
	for i, one := range changed {
		names[i] = one.Kind + "/" + one.Name
	}
	return []EnsureReason{{
		Type: "manifest", Objects: changed, Message: "the same chart and values render otherwise than they did: " + listed(names),
	}}, nil
}

func sameHook(one, other *release.Hook) bool {
	return one.Path == other.Path && one.Manifest == other.Manifest
}

// circumstances are what a template can see of the deployment.
type circumstances struct {
	revision int
	install  bool
}

// circumstances are those under which the revision's manifest was rendered: a rollback's is that of another revision.
func (s *scope) circumstances(last *recorded) (circumstances, error) {
	revision, info := last.Version, last.Info
	for info.RollbackRevision > 0 && info.RollbackRevision < revision {
		revision = info.RollbackRevision
		target, err := s.read(revision)
		if errors.Is(err, driver.ErrReleaseNotFound) {
			return circumstances{revision, revision == 1}, nil // not kept any more
		}
		if err != nil {
			return circumstances{}, err
		}
		info = target.Info
	}
	// Only an install sets both at once, also over a history that was kept (helm: pkg/action/install.go, createRelease).
	return circumstances{revision, info.FirstDeployed.Equal(info.LastDeployed)}, nil
}

// bystander is a configuration to render with that writes nothing, and whose storage holds the revision before.
func (s *scope) bystander(made circumstances) *action.Configuration {
	// What it has to say is said where something is done.
	cfg := action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler))
	cfg.RESTClientGetter = s.connection.Getter()
	cfg.KubeClient = &kubefake.PrintingKubeClient{Out: io.Discard, LogOutput: io.Discard}
	cfg.Releases = s.before(made.revision)
	return cfg
}

// before is a storage with nothing but the revision before one.
func (s *scope) before(revision int) *storage.Storage {
	memory := driver.NewMemory()
	memory.SetNamespace(s.namespace)
	kept := storage.Init(memory)
	_ = kept.Create(&release.Release{
		Name: s.release, Namespace: s.namespace, Version: revision - 1, Info: &release.Info{Status: common.StatusDeployed},
	})
	return kept
}

// renderAgain renders as the revision was rendered.
func (s *scope) renderAgain(cfg *action.Configuration, request EnsureRequest, made circumstances) (*release.Release, error) {
	s.phase("rendering")
	upgrade := request.upgrade()
	upgrade.DryRun = string(action.DryRunServer)
	upgrade.DisableOpenAPIValidation, upgrade.HideSecret = true, false
	if !made.install {
		return s.renderUpgrade(s.op.Context(), cfg, upgrade)
	}
	aside := *s
	aside.cfg = cfg
	helm, err := newInstall(&aside, upgrade.install(false))
	if err != nil {
		return nil, err
	}
	record, err := helm.RunWithContext(s.op.Context(), charts.Copy(s.loaded.chart), s.loaded.values)
	if err != nil {
		return nil, err
	}
	return asRelease(record), nil
}

// farAway is a time at which no template renders what it renders now: another year, month, day of the week, hour, minute
// and second.
const farAway = (3*365+100)*24*time.Hour + 7*time.Hour + 23*time.Minute + 17*time.Second

// renderOtherwise renders as another revision, at another time, with a `lookup` that finds nothing.
func (s *scope) renderOtherwise(cfg *action.Configuration, request EnsureRequest, made circumstances) (*release.Release, error) {
	cfg.CustomTemplateFuncs = template.FuncMap{
		"now":    func() time.Time { return time.Now().Add(farAway) },
		"lookup": func(string, string, string, string) (map[string]any, error) { return map[string]any{}, nil },
	}
	cfg.Releases = s.before(made.revision + 100_003)
	upgrade := request.upgrade()
	upgrade.DryRun = string(action.DryRunServer)
	upgrade.DisableOpenAPIValidation, upgrade.HideSecret = true, false
	return s.renderUpgrade(s.op.Context(), cfg, upgrade)
}

func (s *scope) renderUpgrade(ctx context.Context, cfg *action.Configuration, request UpgradeRequest) (*release.Release, error) {
	aside := *s
	aside.cfg = cfg
	helm, err := newUpgrade(&aside, request)
	if err != nil {
		return nil, err
	}
	record, err := helm.RunWithContext(ctx, s.release, charts.Copy(s.loaded.chart), s.loaded.values)
	if err != nil {
		return nil, err
	}
	return asRelease(record), nil
}

// renderedDocument is a document of a manifest, or a hook.
type renderedDocument struct {
	source string
	text   string
	object map[string]any
	named  bridge.Resource
	hook   bool
}

func documentsOf(manifest string, hooks []*release.Hook) (documents []renderedDocument) {
	split, keys := documentsInOrder(manifest)
	for _, key := range keys {
		documents = append(documents, renderedDocument{source: sourceOf(split[key]), text: split[key]})
	}
	for _, hook := range hooks {
		documents = append(documents, renderedDocument{source: hook.Path, text: hook.Manifest, hook: true})
	}
	return documents
}

// read parses the document; it is false for one that holds no object.
func (d *renderedDocument) read() (bool, error) {
	if err := yaml.Unmarshal([]byte(d.text), &d.object); err != nil {
		return false, fmt.Errorf("%s: %w", d.source, err)
	}
	if len(d.object) == 0 {
		return false, nil
	}
	metadata, _ := d.object["metadata"].(map[string]any)
	text := func(value any) string { s, _ := value.(string); return s }
	d.named = bridge.Resource{
		APIVersion: text(d.object["apiVersion"]), Kind: text(d.object["kind"]),
		Namespace: text(metadata["namespace"]), Name: text(metadata["name"]),
	}
	return true, nil
}

type placed struct {
	bridge.Resource
	hook bool
}

func parsed(documents []renderedDocument) (ordered []*renderedDocument, byPlace map[placed]*renderedDocument, err error) {
	byPlace = map[placed]*renderedDocument{}
	for i := range documents {
		document := &documents[i]
		holds, err := document.read()
		if err != nil {
			return nil, nil, err
		}
		if holds {
			ordered = append(ordered, document)
			byPlace[placed{document.named, document.hook}] = document
		}
	}
	return ordered, byPlace, nil
}

// differingDocuments are the objects that were rendered otherwise than now, apart from what is not the same in the other
// rendering either. An object whose very name is not the same is taken for the one of its kind from the same template.
func differingDocuments(before, now, otherwise []renderedDocument) (changed []bridge.Resource, err error) {
	olds, oldAt, err := parsed(before)
	if err != nil {
		return nil, err
	}
	news, newAt, err := parsed(now)
	if err != nil {
		return nil, err
	}
	_, otherAt, err := parsed(otherwise)
	if err != nil {
		return nil, err
	}
	var unsteady []*renderedDocument // rendered now, and in the other rendering not or under another name
	for _, document := range news {
		at := placed{document.named, document.hook}
		old, was := oldAt[at]
		other, steady := otherAt[at]
		switch {
		case was && !steady:
			other = document // an object that only one of the renderings has: it is there, as it was
			fallthrough
		case was:
			if !sameBut(old.object, document.object, other.object) {
				changed = append(changed, document.named)
			}
		case steady:
			changed = append(changed, document.named)
		default:
			unsteady = append(unsteady, document)
		}
	}
	for _, old := range olds {
		at := placed{old.named, old.hook}
		if _, is := newAt[at]; is {
			continue
		}
		if _, sometimes := otherAt[at]; sometimes {
			continue
		}
		match := slices.IndexFunc(unsteady, func(document *renderedDocument) bool {
			return document.hook == old.hook && document.source == old.source && document.named.Kind == old.named.Kind
		})
		if match < 0 {
			changed = append(changed, old.named)
			continue
		}
		unsteady = slices.Delete(unsteady, match, match+1)
	}
	return changed, nil
}

// sameBut compares an object as it was with the one of now, without what differs between now and the other rendering.
func sameBut(before, now, otherwise any) bool {
	nowMap, isMap := now.(map[string]any)
	otherMap, otherIsMap := otherwise.(map[string]any)
	nowList, isList := now.([]any)
	otherList, otherIsList := otherwise.([]any)
	switch {
	case isMap && otherIsMap:
		beforeMap, ok := before.(map[string]any)
		if !ok {
			return false
		}
		for name := range beforeMap {
			_, is := nowMap[name]
			if _, could := otherMap[name]; !is && !could {
				return false
			}
		}
		for name, value := range nowMap {
			old, was := beforeMap[name]
			other, steady := otherMap[name]
			switch {
			case !steady:
			case !was || !sameBut(old, value, other):
				return false
			}
		}
		return true
	case isList && otherIsList && len(nowList) == len(otherList):
		beforeList, ok := before.([]any)
		if !ok || len(beforeList) != len(nowList) {
			return false
		}
		for i := range nowList {
			if !sameBut(beforeList[i], nowList[i], otherList[i]) {
				return false
			}
		}
		return true
	case isMap || isList:
		return true // made otherwise in the other rendering, or of another length
	default:
		return now != otherwise || before == now
	}
}

// hiddenSecrets is a manifest as Helm's dry run gives it that hides them (helm: pkg/action/action.go, renderResources).
func hiddenSecrets(manifest string) string {
	var text strings.Builder
	for _, document := range documentsOf(manifest, nil) {
		holds, err := document.read()
		switch {
		case err == nil && !holds:
		case err != nil, document.named.Kind == "Secret" && document.named.APIVersion == "v1":
			fmt.Fprintf(&text, "---\n# Source: %s\n# HIDDEN: The Secret output has been suppressed\n", document.source)
		default:
			fmt.Fprintf(&text, "---\n%s\n", document.text)
		}
	}
	return text.String()
}

// sourceOf is the template that a document came from, where it says so.
func sourceOf(document string) string {
	for line := range strings.Lines(document) {
		if source, found := strings.CutPrefix(line, "# Source: "); found {
			return strings.TrimSpace(source)
		}
		if !strings.HasPrefix(line, "#") && strings.TrimSpace(line) != "---" {
			break
		}
	}
	return ""
}
