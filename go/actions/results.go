package actions

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"helm.sh/helm/v4/pkg/chart/v2"
	ri "helm.sh/helm/v4/pkg/release"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// Release is Helm's own JSON of a release, without the chart's templates and files, which no caller of an action needs
// and which are most of its size.
type Release struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	Version     int               `json:"version"`
	Info        *Info             `json:"info"`
	Chart       Chart             `json:"chart"`
	Config      map[string]any    `json:"config"`
	Manifest    string            `json:"manifest"`
	Hooks       []*release.Hook   `json:"hooks"`
	Labels      map[string]string `json:"labels"`
	ApplyMethod string            `json:"apply_method"`
}

// Info is Helm's own JSON of a release's Info, whose MarshalJSON has whatever is below it encoded, checked and copied
// three times over.
type Info struct {
	FirstDeployed    time.Time        `json:"first_deployed,omitzero"`
	LastDeployed     time.Time        `json:"last_deployed,omitzero"`
	Deleted          time.Time        `json:"deleted,omitzero"`
	Description      string           `json:"description,omitempty"`
	Status           common.Status    `json:"status,omitempty"`
	RollbackRevision int              `json:"rollback_revision,omitempty"`
	Notes            string           `json:"notes,omitempty"`
	Resources        map[string][]any `json:"resources,omitempty"`
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
	Info       *Info             `json:"info"`
	Chart      Chart             `json:"chart"`
	Labels     map[string]string `json:"labels"`
	Revision   int               `json:"revision"`
	Updated    string            `json:"updated"`
	Status     string            `json:"status"`
	AppVersion string            `json:"app_version"`

	Description      string `json:"description"`
	RollbackRevision int    `json:"rollback_revision,omitempty"`

	text []byte // its JSON, where it is kept
}

// Revisions are what List and History give.
type Revisions []Revision

// AppendJSON appends their JSON. That of a revision is made once: a list tells much that was told before.
func (r Revisions) AppendJSON(text []byte) ([]byte, error) {
	size := len("[]")
	for _, revision := range r {
		size += len(revision.text) + len(",")
	}
	text = append(slices.Grow(text, size), '[')
	for i, revision := range r {
		if i > 0 {
			text = append(text, ',')
		}
		one := revision.text
		if one == nil {
			made, err := bridge.Encode(revision)
			if err != nil {
				return nil, err
			}
			one = made
		}
		text = append(text, one...)
	}
	return append(text, ']'), nil
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
		Name: rel.Name, Namespace: rel.Namespace, Version: rel.Version, Info: infoResult(rel.Info), Config: rel.Config,
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
		result.Info.Notes = ""
	}
	return result
}

func revisionResult(rel *release.Release) Revision {
	revision := Revision{
		Name: rel.Name, Namespace: rel.Namespace, Version: rel.Version, Info: infoResult(rel.Info), Labels: ownLabels(rel.Labels),
		Revision: rel.Version, Status: rel.Info.Status.String(), Updated: updated(rel.Info.LastDeployed),
		Description: rel.Info.Description, RollbackRevision: rel.Info.RollbackRevision,
	}
	if rel.Chart != nil && rel.Chart.Metadata != nil {
		revision.Chart.Metadata = rel.Chart.Metadata
		revision.AppVersion = rel.Chart.Metadata.AppVersion
	}
	return revision
}

// historyResult is a revision as History gives it: the command prints the time otherwise than list does
// (helm: pkg/cmd/history.go, releaseInfo).
func historyResult(rel *release.Release) Revision {
	revision := revisionResult(rel)
	revision.Updated = rel.Info.LastDeployed.Format(time.RFC3339Nano)
	return revision
}

func infoResult(info *release.Info) *Info {
	if info == nil {
		return nil
	}
	result := &Info{
		FirstDeployed: info.FirstDeployed, LastDeployed: info.LastDeployed, Deleted: info.Deleted,
		Description: info.Description, Status: info.Status, RollbackRevision: info.RollbackRevision, Notes: info.Notes,
	}
	if len(info.Resources) > 0 {
		result.Resources = make(map[string][]any, len(info.Resources))
	}
	for kind, objects := range info.Resources {
		shown := make([]any, len(objects))
		for i, object := range objects {
			shown[i] = objectResult(object)
		}
		result.Resources[kind] = shown
	}
	return result
}

// objectResult is an object without its MarshalJSON, for the reason that Info has none
// (apimachinery: unstructured/helpers.go, doEncode).
func objectResult(object runtime.Object) any {
	switch kind := object.(type) {
	case *unstructured.Unstructured:
		return kind.Object
	case *unstructured.UnstructuredList:
		items := make([]any, len(kind.Items))
		for i, item := range kind.Items {
			items[i] = item.Object
		}
		list := maps.Clone(kind.Object)
		if list == nil {
			list = map[string]any{}
		}
		list["items"] = items
		return list
	default:
		return object
	}
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
