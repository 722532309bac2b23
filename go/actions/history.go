package actions

import (
	"cmp"
	"slices"

	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"helm.sh/helm/v4/pkg/storage/driver"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// HistoryRequest are the arguments of `helm history`.
type HistoryRequest struct {
	ReleaseName string `json:"release_name"`
	Max         int    `json:"max"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r HistoryRequest) Validate() error {
	if r.Max < 0 {
		return invalid("max", "is %d: it must be 0 (all) or more", r.Max)
	}
	return validName(r.ReleaseName)
}

// History does what `helm history` does: the revisions of a release, the oldest first.
func History(op *bridge.Operation, config *session.Configuration, request HistoryRequest) (Revisions, error) {
	s, err := enter(op, config, "history", request.ReleaseName, false)
	if err != nil {
		return nil, err
	}
	releases, err := s.history()
	if err != nil {
		return nil, s.explain(err)
	}
	if request.Max > 0 && len(releases) > request.Max {
		releases = releases[len(releases)-request.Max:]
	}
	revisions := make(Revisions, 0, len(releases))
	for _, one := range releases {
		revisions = append(revisions, one.inHistory())
	}
	return revisions, nil
}

func (s *scope) history() ([]*keptRevision, error) {
	records, err := s.records()
	if err != nil {
		return nil, err
	}
	if records == nil {
		return s.historyWhole()
	}
	name := labels.Set{"name": s.release}
	revisions, err := records.list(s.op.Context(), name, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	if len(revisions) == 0 {
		return nil, driver.ErrReleaseNotFound
	}
	slices.SortFunc(revisions, func(a, b revision) int { return cmp.Compare(a.revision, b.revision) })
	records.remember(revisions[len(revisions)-1])
	decoded, err := records.summaries(s.op.Context(), revisions, name)
	if err != nil {
		return nil, err
	}
	var releases []*keptRevision
	for _, listed := range revisions {
		if one := decoded[listed.cacheKey()]; one != nil {
			releases = append(releases, one)
		}
	}
	return releases, nil
}

// historyWhole is Helm's own history, for storages that have no labels to ask for.
func (s *scope) historyWhole() ([]*keptRevision, error) {
	records, err := s.cfg.Releases.History(s.release)
	if err != nil {
		return nil, err
	}
	var releases []*release.Release
	for _, record := range records {
		releases = append(releases, asRelease(record))
	}
	releaseutil.SortByRevision(releases)
	kept := make([]*keptRevision, 0, len(releases))
	for _, rel := range releases {
		kept = append(kept, keep(rel))
	}
	return kept, nil
}
