package actions

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// A process that is killed while it changes a release leaves its revision `pending-*` or `uninstalling`, and nobody is
// left to put it right. Helm refuses to upgrade over the former, and says "has no deployed releases" of the latter.

// PendingOptions say what becomes of a revision that a killed process left.
type PendingOptions struct {
	ForcePending bool     `json:"force_pending"`
	PendingAge   *float64 `json:"pending_age"`
}

// Validate refuses an age that is none.
func (p PendingOptions) Validate() error {
	if p.PendingAge == nil {
		return nil
	}
	if !p.ForcePending {
		return invalid("pending_age", "needs force_pending=True")
	}
	return validPendingAge(p.PendingAge)
}

func validPendingAge(age *float64) error {
	if age != nil && *age < 0 {
		return invalid("pending_age", "is %v: it must be a number of seconds, 0 or more", *age)
	}
	return nil
}

// leastAge is how long nothing must have touched a stuck revision. Helm writes the record at the beginning of each phase,
// and a phase takes as long as its timeout: before that, silence says nothing.
const leastAge = 300 * time.Second

func (p PendingOptions) age(timeout time.Duration) time.Duration {
	return seconds(p.PendingAge, max(leastAge, timeout))
}

// isStuck says whether a revision of this status is being worked on, or was when its process died.
func isStuck(status common.Status) bool {
	return status.IsPending() || status == common.StatusUninstalling
}

// takenOver begins the description of a revision that was taken over.
const takenOver = "Taken over at "

// pendingRevision is a revision that something works on, or that a killed process left.
type pendingRevision struct {
	revision int
	status   common.Status
	since    time.Time // when its process began
	touched  time.Time // when anything last wrote it
	version  string    // of the object that holds it; empty where the storage has none
	rel      *release.Release
}

func newPending(rel *release.Release, written time.Time, version string) pendingRevision {
	since := rel.Info.LastDeployed
	if rel.Info.Status == common.StatusUninstalling && !rel.Info.Deleted.IsZero() {
		since = rel.Info.Deleted
	}
	touched := written
	for _, moment := range []time.Time{rel.Info.LastDeployed, rel.Info.Deleted} {
		if moment.After(touched) {
			touched = moment
		}
	}
	return pendingRevision{rel.Version, rel.Info.Status, since, touched, version, rel}
}

// condition is how a release stands: its revisions that are stuck, the newest first, and what else there is.
type condition struct {
	stuck    []pendingRevision
	newest   int // the highest revision
	deployed int // the highest that is deployed; 0: none
}

// blocked says whether the newest revision is a stuck one: older ones are in nobody's way.
func (c condition) blocked() bool {
	return len(c.stuck) > 0 && c.stuck[0].revision == c.newest
}

// touched is when anything last wrote one of the stuck revisions.
func (c condition) touched() time.Time {
	var newest time.Time
	for _, one := range c.stuck {
		if one.touched.After(newest) {
			newest = one.touched
		}
	}
	return newest
}

// condition reads how the release stands; there being none is an empty one.
func (s *scope) condition() (condition, error) {
	found := condition{}
	see := func(number int, status common.Status) bool {
		found.newest = max(found.newest, number)
		if status == common.StatusDeployed {
			found.deployed = max(found.deployed, number)
		}
		return isStuck(status)
	}
	records, err := s.records()
	if err != nil {
		return found, err
	}
	if records == nil {
		return found, s.conditionOfHistory(&found, see)
	}
	listed, err := records.list(s.op.Context(), labels.Set{"name": s.release}, metav1.ListOptions{})
	if err != nil {
		return found, err
	}
	for _, one := range listed {
		if !see(one.revision, one.status) {
			continue
		}
		whole, err := records.get(s.op.Context(), one.namespace, one.key)
		if err != nil {
			return found, err
		}
		rel := &release.Release{}
		if err := decodeRecord(whole.data, rel); err != nil {
			return found, fmt.Errorf("%s: %w", whole.key, err)
		}
		rel.Labels = ownLabels(whole.labels)
		found.add(newPending(rel, whole.touched, whole.version))
	}
	return found, nil
}

// conditionOfHistory is condition where the storage is neither Secrets nor ConfigMaps, and keeps no times of its own.
func (s *scope) conditionOfHistory(found *condition, see func(int, common.Status) bool) error {
	history, err := s.ledger.Driver.Query(labels.Set{"name": s.release, "owner": "helm"})
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return nil
	}
	for _, record := range history {
		if rel := asRelease(record); rel != nil && see(rel.Version, rel.Info.Status) {
			copied, info := *rel, *rel.Info
			copied.Info = &info
			found.add(newPending(&copied, time.Time{}, ""))
		}
	}
	return err
}

// add keeps the newest first.
func (c *condition) add(one pendingRevision) {
	at := 0
	for at < len(c.stuck) && c.stuck[at].revision > one.revision {
		at++
	}
	c.stuck = slices.Insert(c.stuck, at, one)
}

// forcePending takes over what a killed process left, where that was asked for.
// A dry run writes nothing: to it the revisions only seem failed.
func (s *scope) forcePending(request PendingOptions, wait WaitOptions, strategy action.DryRunStrategy) error {
	if !request.ForcePending {
		return nil
	}
	found, err := s.condition()
	if err != nil || !found.blocked() {
		return err
	}
	return s.force(found, request, wait, strategy)
}

func (s *scope) force(found condition, request PendingOptions, wait WaitOptions, strategy action.DryRunStrategy) error {
	age := request.age(wait.timeout())
	if err := s.oldEnough(found, age); err != nil {
		return err
	}
	if strategy != action.DryRunNone {
		s.ledger.pretendFailed()
		return nil
	}
	return s.takeOver(found, age, wait.timeout())
}

// oldEnough refuses a release whose stuck revisions something touched a short while ago. What a lapsed lease belonged to
// is gone for certain.
func (s *scope) oldEnough(found condition, age time.Duration) error {
	if time.Since(found.touched()) >= age || s.leftByTheDead(found) {
		return nil
	}
	return s.pendingError(found, age, true, nil)
}

// takeOver records the stuck revisions as failed, and clears away what would be in the way of what comes now.
func (s *scope) takeOver(found condition, age, timeout time.Duration) error {
	s.phase("taking over")
	interrupted := interruptedHooks(found.stuck)
	for _, one := range found.stuck {
		if err := s.markFailed(one); err != nil {
			if apierrors.IsConflict(err) {
				found.stuck[0].touched = time.Now()
				return s.pendingError(found, age, true, err)
			}
			return fmt.Errorf("record revision %d as failed: %w", one.revision, err)
		}
	}
	if err := s.clearAway(found.stuck, interrupted, timeout); err != nil {
		return fmt.Errorf("clear away what a killed process left: %w", err)
	}
	return nil
}

// markFailed records that the revision's process is gone, unless something wrote the record since it was read.
func (s *scope) markFailed(one pendingRevision) error {
	host, _ := os.Hostname()
	one.rel.SetStatus(common.StatusFailed, fmt.Sprintf("%s%s by %s of %s (pid %d): was %s since %s, last touched at %s",
		takenOver, moment(time.Now()), s.verb, host, os.Getpid(), one.status, moment(one.since), moment(one.touched)))
	failUnfinished(one.rel.Hooks)
	return s.connection.Replace(recordKey(one.rel.Name, one.revision), one.version, one.rel)
}

// failUnfinished says of hooks that ran when their process died that they failed.
func failUnfinished(hooks []*release.Hook) {
	for _, hook := range hooks {
		if hook.LastRun.Phase == release.HookPhaseRunning {
			hook.LastRun.Phase, hook.LastRun.CompletedAt = release.HookPhaseFailed, time.Now()
		}
	}
}

// pendingError says which revision is in the way since when, and what can be done about it.
func (s *scope) pendingError(found condition, age time.Duration, forced bool, cause error) error {
	one := found.stuck[0]
	touched := found.touched()
	// In the future where clocks differ.
	past := max(0, time.Since(touched)).Round(time.Second / 10)
	state := fmt.Sprintf("revision %d of release %q in namespace %q is %s since %s, and was last touched %v ago",
		one.revision, s.release, s.namespace, one.status, moment(one.since), past)
	message := state + ": wait for it, or if its process is gone, set force_pending=True, roll back or uninstall"
	if forced {
		message = fmt.Sprintf("%s; force_pending takes it over when nothing has touched it for %v (pending_age): "+
			"wait for it, or if its process is surely gone, set pending_age=0, roll back or uninstall", state, age)
	}
	if cause != nil {
		message = cause.Error() + ": " + message
	}
	return &bridge.Error{Code: codeReleasePending, Message: message, Cause: cause, Details: map[string]any{
		"release": s.release, "namespace": s.namespace, "revision": one.revision, "status": one.status.String(),
		"since": moment(one.since), "touched": moment(touched), "age": past.Seconds(), "pending_age": age.Seconds(),
	}}
}

// explainPending says what is in the way, where Helm only says that something is, or speaks of something else.
func (s *scope) explainPending(cause error, request PendingOptions, wait WaitOptions) error {
	if cause == nil || s.ledger.last() != nil {
		return cause
	}
	switch codeOf(cause) {
	case codeReleasePending, codeReleaseNotDeployed, codeReleaseExists:
	default:
		return cause
	}
	if found, err := s.condition(); err == nil && found.blocked() && !request.ForcePending {
		return s.pendingError(found, request.age(wait.timeout()), false, cause)
	}
	return cause
}

// clearAway deletes the hooks that a killed process would have deleted, since they can not be made again else, and waits
// for what is being deleted already: it would be gone a moment after it was changed.
func (s *scope) clearAway(stuck []pendingRevision, hooks string, timeout time.Duration) error {
	var going kube.ResourceList
	for _, one := range stuck {
		terminating, err := s.client.terminating(one.rel.Manifest)
		if err != nil {
			return err
		}
		going = append(going, terminating...)
	}
	interrupted, err := s.client.build(hooks)
	if err != nil && !meta.IsNoMatchError(err) {
		return err
	}
	if len(interrupted) > 0 {
		if _, errs := s.client.Delete(interrupted, metav1.DeletePropagationBackground); len(errs) > 0 {
			return errors.Join(errs...)
		}
		going = append(going, interrupted...)
	}
	if len(going) == 0 {
		return nil
	}
	waiter, err := s.client.GetWaiterWithOptions(kube.StatusWatcherStrategy, waitOptions()...)
	if err != nil {
		return err
	}
	return waiter.WaitForDelete(going, timeout)
}

// interruptedHooks are the manifests of the hooks that their process would have deleted.
func interruptedHooks(stuck []pendingRevision) string {
	var manifests strings.Builder
	for _, one := range stuck {
		for _, hook := range one.rel.Hooks {
			if isInterrupted(hook) {
				fmt.Fprintf(&manifests, "---\n%s\n", hook.Manifest)
			}
		}
	}
	return manifests.String()
}

// isInterrupted says whether a hook's process would have deleted it. Never a CustomResourceDefinition, as Helm does not:
// everything of its kind would go with it.
func isInterrupted(hook *release.Hook) bool {
	if hook.Kind == "CustomResourceDefinition" {
		return false
	}
	succeeded, failed := slices.Contains(hook.DeletePolicies, release.HookSucceeded), slices.Contains(hook.DeletePolicies, release.HookFailed)
	switch hook.LastRun.Phase {
	case release.HookPhaseRunning:
		return succeeded || failed
	case release.HookPhaseSucceeded:
		return succeeded
	case release.HookPhaseFailed:
		return failed
	}
	return false
}

// moment is a time as events tell it.
func moment(at time.Time) string {
	return at.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
