package actions

import (
	"slices"
	"strconv"
	"time"

	"helm.sh/helm/v4/pkg/chart/v2"
	ri "helm.sh/helm/v4/pkg/release"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
)

// Release is Helm's own JSON of a release, without the chart's templates and files, which no caller of an action needs
// and which are most of its size.
type Release struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	Version     int               `json:"version"`
	Info        *release.Info     `json:"info"`
	Chart       Chart             `json:"chart"`
	Config      map[string]any    `json:"config"`
	Manifest    string            `json:"manifest"`
	Hooks       []*release.Hook   `json:"hooks"`
	Labels      map[string]string `json:"labels"`
	ApplyMethod string            `json:"apply_method"`
}

// Chart is what is told of the chart of a release.
type Chart struct {
	Metadata *v2.Metadata `json:"metadata"`
}

// Revision is one revision as List and History give it: the release's own keys, without the manifest, and the command's.
type Revision struct {
	Name       string            `json:"name"`
	Namespace  string            `json:"namespace"`
	Version    int               `json:"version"`
	Info       *release.Info     `json:"info"`
	Chart      Chart             `json:"chart"`
	Labels     map[string]string `json:"labels"`
	Revision   int               `json:"revision"`
	Updated    string            `json:"updated"`
	Status     string            `json:"status"`
	AppVersion string            `json:"app_version"`

	Description      string `json:"description"`
	RollbackRevision int    `json:"rollback_revision,omitempty"`
}

// Uninstalled is what an uninstall leaves to be said.
type Uninstalled struct {
	Release *Release `json:"release"`
	Info    string   `json:"info"`
}

func releaseResult(rel *release.Release) *Release {
	if rel == nil {
		return nil
	}
	result := &Release{
		Name: rel.Name, Namespace: rel.Namespace, Version: rel.Version, Info: rel.Info, Config: rel.Config,
		Manifest: rel.Manifest, Hooks: rel.Hooks, Labels: rel.Labels, ApplyMethod: rel.ApplyMethod,
	}
	if rel.Chart != nil {
		result.Chart.Metadata = rel.Chart.Metadata
	}
	if result.Config == nil {
		result.Config = map[string]any{}
	}
	if result.Hooks == nil {
		result.Hooks = []*release.Hook{}
	}
	result.Labels = ownLabels(rel.Labels)
	return result
}

// result is what the caller gets of a release. The command's --hide-notes leaves the notes out of what it prints, never
// out of the record.
func (r RenderOptions) result(rel *release.Release) *Release {
	result := releaseResult(rel)
	if r.HideNotes && result != nil && result.Info != nil {
		info := *result.Info
		info.Notes = ""
		result.Info = &info
	}
	return result
}

func revisionResult(rel *release.Release) Revision {
	revision := Revision{
		Name: rel.Name, Namespace: rel.Namespace, Version: rel.Version, Info: rel.Info, Labels: ownLabels(rel.Labels),
		Revision: rel.Version, Status: rel.Info.Status.String(), Updated: updated(rel.Info.LastDeployed),
		Description: rel.Info.Description, RollbackRevision: rel.Info.RollbackRevision,
	}
	if rel.Chart != nil && rel.Chart.Metadata != nil {
		revision.Chart.Metadata = rel.Chart.Metadata
		revision.AppVersion = rel.Chart.Metadata.AppVersion
	}
	return revision
}

// updated is the time as `helm list -o json` prints it.
func updated(moment time.Time) string {
	if moment.IsZero() {
		return "-"
	}
	return moment.String()
}

// asRelease takes Helm's interface to the only kind of release that there is.
func asRelease(record ri.Releaser) *release.Release {
	switch rel := record.(type) {
	case *release.Release:
		return rel
	case release.Release:
		return &rel
	}
	return nil
}

// revisionOf reads the revision that a storage object's label names.
func revisionOf(labels map[string]string) int {
	revision, err := strconv.Atoi(labels["version"])
	if err != nil {
		return 0
	}
	return revision
}

// ownLabels are the labels that a user gave; the record's others are Helm's (helm: pkg/storage/driver/util.go).
func ownLabels(labels map[string]string) map[string]string {
	own := map[string]string{}
	for name, value := range labels {
		if !slices.Contains(driver.GetSystemLabels(), name) {
			own[name] = value
		}
	}
	return own
}
