package actions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	ri "helm.sh/helm/v4/pkg/release"
	"helm.sh/helm/v4/pkg/release/common"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// UninstallRequest are the arguments of `helm uninstall`.
type UninstallRequest struct {
	WaitOptions

	ReleaseName    string `json:"release_name"`
	DryRun         bool   `json:"dry_run"`
	NoHooks        bool   `json:"no_hooks"`
	IgnoreNotFound bool   `json:"ignore_not_found"`
	KeepHistory    bool   `json:"keep_history"`
	Cascade        string `json:"cascade"`
	Description    string `json:"description"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r UninstallRequest) Validate() error {
	if err := validName(r.ReleaseName); err != nil {
		return err
	}
	if !slices.Contains([]string{"", "background", "foreground", "orphan"}, r.Cascade) {
		return invalid("cascade", "is %q: it must be \"background\", \"foreground\" or \"orphan\"", r.Cascade)
	}
	return r.WaitOptions.Validate()
}

// Uninstall does what `helm uninstall` does: it deletes a release's objects and then its records.
func Uninstall(op *bridge.Operation, config *session.Configuration, request UninstallRequest) (*Uninstalled, error) {
	s, done, err := change(op, config, changing{
		verb: "uninstall", release: request.ReleaseName, serverSide: true, dryRun: request.DryRun,
	})
	if err != nil {
		return nil, err
	}
	defer done()
	response, err := s.uninstall(newUninstall(s, request))
	if err != nil {
		s.deleteFailedHooks(request.WaitOptions)
	}
	s.purged = err == nil && !request.KeepHistory
	result := &Uninstalled{}
	if response != nil {
		result.Release, result.Info = releaseResult(asRelease(response.Release)), response.Info
	}
	return result, s.explain(err)
}

func newUninstall(s *scope, request UninstallRequest) *action.Uninstall {
	helm := action.NewUninstall(s.cfg)
	helm.DryRun = request.DryRun
	helm.DisableHooks = request.NoHooks
	helm.IgnoreNotFound = request.IgnoreNotFound
	helm.KeepHistory = request.KeepHistory
	helm.DeletionPropagation = request.Cascade
	helm.Description = request.Description
	helm.WaitStrategy = request.strategy()
	helm.WaitOptions = waitOptions()
	helm.Timeout = request.timeout()
	return helm
}

// uninstall runs Helm's action with a client that knows whether every object's deletion was accepted, and a storage
// that refuses to forget the release when it was not. Helm alone takes one failed GET of the ownership check for
// "unverifiable", deletes what is left and purges the history (helm: pkg/action/validate.go).
func (s *scope) uninstall(helm *action.Uninstall) (*ri.UninstallReleaseResponse, error) {
	sweep := &sweeper{recorder: s.client}
	s.cfg.KubeClient = sweep
	s.ledger.refuse = sweep.refuse
	s.conceal()
	s.phase("uninstalling")
	response, err := helm.Run(s.release)
	s.ledger.refuse = nil
	if helm.DryRun {
		return response, err
	}
	if refusal := sweep.refusal.Load(); err == nil && refusal != nil {
		// With keep_history Helm only logs that the record could not be written.
		err = *refusal
	}
	switch {
	case err == nil:
		err = s.settle(nil)
	case sweep.complete.Load():
		s.purgeFailed(err)
	default:
		err = s.uninstallFailed(sweep, err)
	}
	return response, err
}

// purgeFailed records that nothing is left to be deleted but the record itself.
func (s *scope) purgeFailed(cause error) {
	last := s.ledger.last()
	if last == nil || last.Info.Status != common.StatusUninstalling || s.ledger.isDeleted(last) {
		return
	}
	last.SetStatus(common.StatusUninstalled, truncated("Uninstallation complete, but the record is left: "+cause.Error(), maxDescription))
	s.record(func() error { return s.ledger.Update(recordKey(last.Name, last.Version), last) })
}

// uninstallFailed records what an uninstall that did not delete everything has left, and says why.
func (s *scope) uninstallFailed(sweep *sweeper, err error) error {
	if failures := sweep.Failures(); len(failures) > 0 {
		// Helm drops the cause: "failed to delete release: NAME" (helm: pkg/action/uninstall.go, Run).
		err = fmt.Errorf("%w: %w", err, errors.Join(failures...))
	}
	last := s.ledger.last()
	if last == nil || last.Info.Status != common.StatusUninstalling {
		return err
	}
	why := "failed: " + err.Error()
	if s.op.Cancelled() {
		why = stopped(s.op)
	}
	if before, known := s.ledger.before(last); known && sweep.Untouched() {
		last.Info = &before
		last.Info.Description = truncated("Uninstall "+why+"; nothing was deleted", maxDescription)
	} else {
		left := fmt.Sprintf("; left: %s", names(sweep.Remaining()))
		last.SetStatus(common.StatusFailed, truncated("Uninstall "+why, max(0, maxDescription-len(left)))+left)
	}
	s.record(func() error { return s.ledger.overwrite(last) })
	return err
}

// maxNames is how many objects a description names.
const maxNames = 10

func names(objects []bridge.Resource) string {
	var named []string
	for _, object := range objects[:min(len(objects), maxNames)] {
		named = append(named, object.Kind+" "+object.Name)
	}
	if more := len(objects) - len(named); more > 0 {
		named = append(named, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(named, ", ")
}

// sweeper is the kube client of an uninstall: it knows whether the deletion of the release's objects was complete when
// Helm began to wait for it.
type sweeper struct {
	*recorder

	begun    atomic.Bool           // the main waiter was handed out
	complete atomic.Bool           // every deletion was sent and accepted
	refusal  atomic.Pointer[error] // why the record was kept
}

// GetWaiterWithOptions hands out Helm's waiters; the first is the one that waits for the release's objects to be gone
// (helm: pkg/action/uninstall.go makes it before anything else; hooks make their own).
func (s *sweeper) GetWaiterWithOptions(strategy kube.WaitStrategy, options ...kube.WaitOption) (kube.Waiter, error) {
	waiter, err := s.recorder.GetWaiterWithOptions(strategy, options...)
	if err != nil || s.begun.Swap(true) {
		return waiter, err
	}
	return &sweepWaiter{Waiter: waiter, sweep: s}, nil
}

// refuse keeps the record of a release whose objects may still be there.
func (s *sweeper) refuse(status common.Status) error {
	remaining := s.Remaining()
	if status != common.StatusUninstalled || s.complete.Load() || len(remaining) == 0 {
		return nil
	}
	refusal := fmt.Errorf("the record of the release is kept, since these objects may still be there: %s", names(remaining))
	s.refusal.Store(&refusal)
	return refusal
}

type sweepWaiter struct {
	kube.Waiter
	sweep *sweeper
}

// WaitForDelete begins when Helm has sent every deletion: from here on nothing of the release can be orphaned.
func (w *sweepWaiter) WaitForDelete(objects kube.ResourceList, timeout time.Duration) error {
	if len(w.sweep.Remaining()) == 0 {
		w.sweep.complete.Store(true)
	}
	return w.Waiter.WaitForDelete(objects, timeout)
}
