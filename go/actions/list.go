package actions

import (
	"cmp"
	"regexp"
	"slices"

	"helm.sh/helm/v4/pkg/action"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// ListRequest are the arguments of `helm list`.
type ListRequest struct {
	All           bool   `json:"all"`
	AllNamespaces bool   `json:"all_namespaces"`
	Filter        string `json:"filter"`
	Selector      string `json:"selector"`
	Date          bool   `json:"date"`
	Reverse       bool   `json:"reverse"`
	Max           int    `json:"max"`
	Offset        int    `json:"offset"`
	Deployed      bool   `json:"deployed"`
	Uninstalled   bool   `json:"uninstalled"`
	Uninstalling  bool   `json:"uninstalling"`
	Pending       bool   `json:"pending"`
	Failed        bool   `json:"failed"`
	Superseded    bool   `json:"superseded"`
}

// Validate refuses a filter or selector that can not be read.
func (r ListRequest) Validate() error {
	if _, err := regexp.Compile(r.Filter); err != nil {
		return invalid("filter", "%q is no regular expression: %v", r.Filter, err)
	}
	if _, err := labels.Parse(r.Selector); err != nil {
		return invalid("selector", "%q is no label selector: %v", r.Selector, err)
	}
	if r.Max < 0 {
		return invalid("max", "is %d: it must be 0 (all) or more", r.Max)
	}
	if r.Offset < 0 {
		return invalid("offset", "is %d: it must be 0 or more", r.Offset)
	}
	return nil
}

// List does what `helm list` does: one revision, the newest, of each release.
func List(op *bridge.Operation, config *session.Configuration, request ListRequest) (Revisions, error) {
	namespace := config.Namespace()
	if request.AllNamespaces {
		namespace = metav1.NamespaceAll
	}
	s, err := enterIn(op, config, "list", "", namespace, false)
	if err != nil {
		return nil, err
	}
	releases, err := s.list(request)
	if err != nil {
		return nil, s.explain(err)
	}
	revisions := make(Revisions, 0, len(releases))
	for _, one := range releases {
		revisions = append(revisions, one.listed())
	}
	return revisions, nil
}

func (s *scope) list(request ListRequest) ([]*keptRevision, error) {
	records, err := s.records()
	if err != nil {
		return nil, err
	}
	if records == nil {
		return s.listWhole(request)
	}
	revisions, err := records.list(s.op.Context(), nil, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	revisions = request.choose(revisions)
	if !request.Date {
		// Sorting by name needs the labels only: what is not shown is not fetched.
		revisions = cut(revisions, request)
	}
	if request.states() != action.ListSuperseded {
		for _, newest := range revisions {
			records.remember(newest)
		}
	}
	decoded, err := records.summaries(s.op.Context(), revisions, nil)
	if err != nil {
		return nil, err
	}
	var releases []*keptRevision
	for _, chosen := range revisions {
		if one := decoded[chosen.cacheKey()]; one != nil {
			releases = append(releases, one)
		}
	}
	if request.Date {
		request.sortByDate(releases)
		releases = cut(releases, request)
	}
	return releases, nil
}

// listWhole is Helm's own list, for storages that have no labels to ask for.
func (s *scope) listWhole(request ListRequest) ([]*keptRevision, error) {
	helm := action.NewList(s.cfg)
	helm.AllNamespaces = request.AllNamespaces
	helm.Filter, helm.Selector = request.Filter, request.Selector
	helm.ByDate, helm.SortReverse = request.Date, request.Reverse
	helm.Limit, helm.Offset = request.limit(), request.Offset
	helm.StateMask = request.states()
	records, err := helm.Run()
	if err != nil {
		return nil, err
	}
	releases := make([]*keptRevision, 0, len(records))
	for _, record := range records {
		releases = append(releases, keep(asRelease(record)))
	}
	return releases, nil
}

func (r ListRequest) limit() int {
	if r.All {
		return 0
	}
	return r.Max
}

// states are those that are asked for; none is all (helm: pkg/action/list.go, SetStateMask).
func (r ListRequest) states() action.ListStates {
	helm := &action.List{
		All: r.All, Deployed: r.Deployed, Uninstalled: r.Uninstalled, Uninstalling: r.Uninstalling,
		Pending: r.Pending, Failed: r.Failed, Superseded: r.Superseded,
	}
	helm.SetStateMask()
	return helm.StateMask
}

// choose keeps the newest revision of each release that is asked for, in the order of names (helm: pkg/action/list.go, Run).
func (r ListRequest) choose(revisions []revision) []revision {
	filter := regexp.MustCompile(r.Filter)
	selector, _ := labels.Parse(r.Selector)
	states := r.states()
	revisions = slices.DeleteFunc(revisions, func(one revision) bool { return !filter.MatchString(one.name) })
	// A superseded revision is never the newest: who asks for these alone gets them all.
	if states != action.ListSuperseded {
		revisions = latest(revisions)
	}
	revisions = slices.DeleteFunc(revisions, func(one revision) bool {
		return states&states.FromName(one.status.String()) == 0 || !selector.Matches(labels.Set(one.labels))
	})
	slices.SortStableFunc(revisions, func(a, b revision) int {
		order := cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.revision, b.revision))
		if r.Reverse {
			return -order
		}
		return order
	})
	return revisions
}

func latest(revisions []revision) []revision {
	newest := map[[2]string]revision{}
	for _, one := range revisions {
		release := [2]string{one.namespace, one.name}
		if kept, ok := newest[release]; !ok || kept.revision <= one.revision {
			newest[release] = one
		}
	}
	kept := revisions[:0]
	for _, one := range newest {
		kept = append(kept, one)
	}
	return kept
}

// cut is the page that is asked for.
func cut[T any](all []T, r ListRequest) []T {
	if r.Offset >= len(all) {
		return nil
	}
	all = all[r.Offset:]
	if limit := r.limit(); limit > 0 && limit < len(all) {
		all = all[:limit]
	}
	return all
}

// sortByDate puts the oldest first, as the command's --date does, whatever its help says (helm: pkg/action/list.go, sort).
func (r ListRequest) sortByDate(revisions []*keptRevision) {
	of := make(map[*release.Release]*keptRevision, len(revisions))
	releases := make([]*release.Release, len(revisions))
	for i, one := range revisions {
		of[one.release], releases[i] = one, one.release
	}
	if r.Reverse {
		releaseutil.Reverse(releases, releaseutil.SortByDate)
	} else {
		releaseutil.SortByDate(releases)
	}
	for i, rel := range releases {
		revisions[i] = of[rel]
	}
}
