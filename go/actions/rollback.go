package actions

import (
	"fmt"
	"unicode/utf8"

	"helm.sh/helm/v4/pkg/action"
	release "helm.sh/helm/v4/pkg/release/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// RollbackRequest are the arguments of `helm rollback`.
type RollbackRequest struct {
	WaitOptions
	ApplyOptions

	ReleaseName   string `json:"release_name"`
	Revision      int    `json:"revision"`
	DryRun        string `json:"dry_run"`
	NoHooks       bool   `json:"no_hooks"`
	WaitForJobs   bool   `json:"wait_for_jobs"`
	CleanupOnFail bool   `json:"cleanup_on_fail"`
	MaxHistory    *int   `json:"max_history"`
	Description   string `json:"description"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r RollbackRequest) Validate() error {
	if err := validName(r.ReleaseName); err != nil {
		return err
	}
	if r.Revision < 0 {
		return invalid("revision", "is %d: it must be 0 (the previous one) or more", r.Revision)
	}
	if length := utf8.RuneCountInString(r.Description); length > action.MaxDescriptionLength {
		return invalid("description", "has %d characters: %d are allowed", length, action.MaxDescriptionLength)
	}
	if err := validDryRun(r.DryRun); err != nil {
		return err
	}
	if err := validHistory(r.MaxHistory); err != nil {
		return err
	}
	return firstError(r.WaitOptions.Validate, r.ApplyOptions.Validate, r.validateUpdate)
}

// Rollback does what `helm rollback` does: it deploys an earlier revision anew, as the newest one.
func Rollback(op *bridge.Operation, config *session.Configuration, request RollbackRequest) (*Release, error) {
	simulated := dryRun(request.DryRun) != action.DryRunNone
	s, done, err := change(op, config, changing{
		verb: "rollback", release: request.ReleaseName, serverSide: request.ServerSide != "false", dryRun: simulated,
	})
	if err != nil {
		return nil, err
	}
	defer done()
	rel, err := s.rollback(request)
	return releaseResult(rel), s.explain(err)
}

func (s *scope) rollback(request RollbackRequest) (*release.Release, error) {
	s.phase("rolling back")
	err := s.settle(newRollback(s, request).Run(s.release))
	if err != nil {
		return nil, s.afterFailedRollback(request, err)
	}
	if last := s.ledger.last(); dryRun(request.DryRun) == action.DryRunNone && last != nil {
		return last, nil
	}
	return s.simulated(request)
}

func newRollback(s *scope, request RollbackRequest) *action.Rollback {
	helm := action.NewRollback(s.cfg)
	helm.Version = request.Revision
	helm.DryRunStrategy = dryRun(request.DryRun)
	helm.DisableHooks = request.NoHooks
	helm.ServerSideApply = request.serverSide()
	helm.ForceConflicts = request.ForceConflicts
	helm.ForceReplace = request.ForceReplace
	helm.MaxHistory = s.maxHistory(request.MaxHistory)
	helm.Description = request.Description
	helm.WaitStrategy = request.strategy()
	helm.WaitOptions = waitOptions()
	helm.WaitForJobs = request.WaitForJobs
	helm.Timeout = request.timeout()
	// CleanupOnFail stays off: afterFailedRollback does it, with a client that a cancel does not reach.
	return helm
}

// afterFailedRollback does what cleanup_on_fail asks for, as Helm's performRollback does. Helm does so only when the
// update failed; what failed later (a wait, a hook) leaves what was created.
func (s *scope) afterFailedRollback(request RollbackRequest, cause error) error {
	if !s.ledger.recorded() {
		return cause
	}
	s.deleteFailedHooks(request.WaitOptions)
	if !request.CleanupOnFail || !s.client.updateFailed() {
		return cause
	}
	if err := s.deleteCreated(request.WaitOptions, request.ServerSide != "false", "rollback", cause); err != nil {
		return err
	}
	return cause
}

// simulated is what a dry run would have deployed: Helm's dry run of a rollback returns nothing.
func (s *scope) simulated(request RollbackRequest) (*release.Release, error) {
	newest, err := s.newest()
	if err != nil {
		return nil, err
	}
	target := request.Revision
	if target == 0 {
		target = newest.revision - 1
	}
	record, err := s.cfg.Releases.Get(s.release, target)
	if err != nil {
		return nil, err
	}
	rel := asRelease(record)
	rel.Version = newest.revision + 1
	rel.Info.RollbackRevision = target
	rel.Info.Description = request.Description
	if rel.Info.Description == "" {
		rel.Info.Description = fmt.Sprintf("Rollback to %d", target)
	}
	return rel, nil
}
