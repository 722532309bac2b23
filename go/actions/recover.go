package actions

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	ri "helm.sh/helm/v4/pkg/release"
	"helm.sh/helm/v4/pkg/release/common"
	"helm.sh/helm/v4/pkg/storage/driver"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// RecoverRequest are the arguments of Recover.
type RecoverRequest struct {
	WaitOptions

	ReleaseName   string   `json:"release_name"`
	AllNamespaces bool     `json:"all_namespaces"`
	DryRun        bool     `json:"dry_run"`
	To            string   `json:"to"`
	PendingAge    *float64 `json:"pending_age"`
}

// What becomes of a release that is stuck.
const (
	toFailed   = "failed"
	toDeployed = "deployed"
)

// Validate refuses what can be known to be wrong before anything is done.
func (r RecoverRequest) Validate() error {
	if r.ReleaseName != "" {
		if r.AllNamespaces {
			return invalid("all_namespaces", "is given together with release_name: leave one out")
		}
		if err := validName(r.ReleaseName); err != nil {
			return err
		}
	}
	if !slices.Contains([]string{"", toFailed, toDeployed}, r.To) {
		return invalid("to", "is %q: it must be \"failed\" or \"deployed\"", r.To)
	}
	if err := validPendingAge(r.PendingAge); err != nil {
		return err
	}
	return r.WaitOptions.Validate()
}

// Recovered is what became of a stuck revision.
type Recovered struct {
	Name      string  `json:"name"`
	Namespace string  `json:"namespace"`
	Revision  int     `json:"revision"`
	Status    string  `json:"status"`
	Since     string  `json:"since"`
	Touched   string  `json:"touched"`
	Age       float64 `json:"age"`
	Action    string  `json:"action"`
	Result    string  `json:"result"`
	Message   string  `json:"message"`
}

// What was done about a stuck revision.
const (
	recoveredNothing  = "none"
	recoveredMarked   = "failed"
	recoveredRollback = "rolled_back"
)

// recoveries is how many releases are mended at once.
const recoveries = 8

// Recover tells which releases are stuck, and mends them: their stuck revisions are recorded as failed, and where that is
// asked for, the release is brought back to what was deployed last.
func Recover(op *bridge.Operation, config *session.Configuration, request RecoverRequest) ([]Recovered, error) {
	if request.ReleaseName != "" {
		return recoverOne(op, config, config.Namespace(), request.ReleaseName, request)
	}
	namespace := config.Namespace()
	if request.AllNamespaces {
		namespace = ""
	}
	s, err := enterIn(op, config, "recover", "", namespace, true)
	if err != nil {
		return nil, err
	}
	releases, err := s.stuckReleases()
	if err != nil {
		return nil, s.explain(err)
	}
	var (
		group sync.WaitGroup
		slots = make(chan struct{}, recoveries)
		found = make([][]Recovered, len(releases))
		errs  = make([]error, len(releases))
	)
	for i, one := range releases {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			errs[i] = bridge.Guard("recover", func() (err error) {
				found[i], err = recoverOne(op, config, one.namespace, one.name, request)
				return err
			})
		})
	}
	group.Wait()
	all := []Recovered{}
	for i, one := range found {
		// The releases are told apart: what is wrong with one is in its own entry, and stops no other.
		if len(one) == 0 && errs[i] != nil {
			return nil, s.explain(errs[i])
		}
		all = append(all, one...)
	}
	return all, op.Context().Err()
}

type releaseName struct{ namespace, name string }

// stuckReleases are those that have a stuck revision, in order.
func (s *scope) stuckReleases() ([]releaseName, error) {
	seen := map[releaseName]bool{}
	records, err := s.records()
	if err != nil {
		return nil, err
	}
	if records == nil {
		_, err = s.ledger.List(func(record ri.Releaser) bool {
			if rel := asRelease(record); rel != nil && isStuck(rel.Info.Status) {
				seen[releaseName{rel.Namespace, rel.Name}] = true
			}
			return false
		})
		if errors.Is(err, driver.ErrReleaseNotFound) {
			err = nil
		}
	} else {
		stuck := []string{
			common.StatusPendingInstall.String(), common.StatusPendingUpgrade.String(), common.StatusPendingRollback.String(),
			common.StatusUninstalling.String(),
		}
		var status *labels.Requirement
		if status, err = labels.NewRequirement("status", selection.In, stuck); err != nil {
			return nil, err
		}
		var listed []revision
		listed, err = records.matching(s.op.Context(), labels.SelectorFromSet(labels.Set{"owner": "helm"}).Add(*status), metav1.ListOptions{})
		for _, one := range listed {
			seen[releaseName{one.namespace, one.name}] = true
		}
	}
	releases := make([]releaseName, 0, len(seen))
	for one := range seen {
		releases = append(releases, one)
	}
	slices.SortFunc(releases, func(a, b releaseName) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	return releases, err
}

// recoverOne mends a release. What stuck is told where it failed too; the error is for who asked for this one release.
func recoverOne(op *bridge.Operation, config *session.Configuration, namespace, name string, request RecoverRequest) ([]Recovered, error) {
	s, err := enterIn(op, config, "recover", name, namespace, true)
	if err != nil {
		return nil, err
	}
	done := func() {}
	if !request.DryRun {
		if done, err = s.hold(changing{}); err != nil {
			return s.told(err)
		}
	}
	defer done()
	found, err := s.condition()
	if err == nil && found.newest == 0 {
		err = driver.ErrReleaseNotFound
	}
	if err != nil {
		return nil, s.explain(err)
	}
	entries := newRecovered(s, found)
	if len(found.stuck) == 0 || request.DryRun {
		return entries, nil
	}
	err = s.mend(found, request, entries)
	if err != nil {
		explained := s.explain(err)
		for i := range entries {
			entries[i].Message = explained.Error()
		}
		return entries, explained
	}
	return entries, nil
}

// told is what is known of a release that something of this process works on.
func (s *scope) told(cause error) ([]Recovered, error) {
	found, err := s.condition()
	if err != nil {
		return nil, cause
	}
	entries := newRecovered(s, found)
	for i := range entries {
		entries[i].Message = cause.Error()
	}
	return entries, cause
}

func newRecovered(s *scope, found condition) []Recovered {
	entries := []Recovered{}
	for _, one := range found.stuck {
		entries = append(entries, Recovered{
			Name: s.release, Namespace: s.namespace, Revision: one.revision, Status: one.status.String(),
			Since: moment(one.since), Touched: moment(one.touched), Action: recoveredNothing, Result: one.status.String(),
			Age: max(0, time.Since(one.touched)).Round(time.Second / 10).Seconds(),
		})
	}
	return entries
}

// mend records the stuck revisions as failed, and rolls the release back where that is asked for.
func (s *scope) mend(found condition, request RecoverRequest, entries []Recovered) error {
	age := PendingOptions{PendingAge: request.PendingAge}.age(request.timeout())
	if err := s.oldEnough(found, age); err != nil {
		return err
	}
	if err := s.takeOver(found, age, request.timeout()); err != nil {
		return err
	}
	for i := range entries {
		entries[i].Action, entries[i].Result = recoveredMarked, toFailed
		entries[i].Message = found.stuck[i].rel.Info.Description
	}
	if request.To != toDeployed || !found.blocked() {
		return nil
	}
	target, err := s.lastDeployed(found)
	if errors.Is(err, errNoSuccessfulRevision) {
		entries[0].Message += "; no revision was ever deployed: upgrade it, or uninstall it"
		return nil
	}
	if err != nil {
		return err
	}
	again, err := enterIn(s.op, s.config, "rollback", s.release, s.namespace, true)
	if err != nil {
		return err
	}
	again.lease = s.lease
	rel, err := again.rollback(RollbackRequest{WaitOptions: request.WaitOptions, ReleaseName: s.release, Revision: target})
	if err != nil {
		return fmt.Errorf("roll back to revision %d: %w", target, err)
	}
	entries[0].Action, entries[0].Result = recoveredRollback, rel.Info.Status.String()
	entries[0].Message += fmt.Sprintf("; rolled back to revision %d, as revision %d", target, rel.Version)
	return nil
}

// lastDeployed is the revision that was deployed last. One whose uninstall was interrupted was, until that began.
func (s *scope) lastDeployed(found condition) (int, error) {
	if newest := found.stuck[0]; newest.status == common.StatusUninstalling {
		return newest.revision, nil
	}
	return s.lastSuccessful()
}
