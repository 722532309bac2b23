package actions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// hookCleanup bounds the deletion of a cancelled hook, which nobody asked for by a time of its own.
const hookCleanup = 10 * time.Second

// cleanUp does what has to be done after a failure with a scope that the operation's cancel does not reach, bounded by
// cleanup_timeout. When it does not succeed the record says so.
func (s *scope) cleanUp(wait WaitOptions, serverSide bool, do func(fresh *scope) error) error {
	if s.lost() {
		return errLeaseLost
	}
	release := s.op.Hold()
	defer release()
	ctx, cancel := bounded(s.op, wait.cleanupTimeout())
	defer cancel()
	fresh, err := s.fresh(ctx, serverSide)
	if err == nil {
		fresh.phase("cleaning up")
		err = do(fresh)
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("the clean-up was not done within %v: %w", wait.cleanupTimeout(), err)
	}
	if err != nil {
		s.noteFailedCleanUp(fresh, err)
	}
	return err
}

// noteFailedCleanUp says in the newest record that the clean-up did not get through.
func (s *scope) noteFailedCleanUp(fresh *scope, cause error) {
	writer := s
	if fresh != nil && fresh.ledger != nil && fresh.ledger.last() != nil {
		writer = fresh // it may write longer than the scope that was cancelled
	}
	last := writer.ledger.last()
	if last == nil || writer.ledger.isDeleted(last) {
		return
	}
	description := last.Info.Description + "; clean-up failed: " + cause.Error()
	last.SetStatus(common.StatusFailed, truncated(description, maxDescription))
	s.record(func() error { return writer.ledger.overwrite(last) })
}

// deleteCreated does what cleanup_on_fail asks for: it deletes what the failed update had created. It gives
// the error of that, with the cause, or nil.
func (s *scope) deleteCreated(wait WaitOptions, serverSide bool, what string, cause error) error {
	created := s.client.createdObjects()
	if len(created) == 0 {
		return nil
	}
	failed := s.cleanUp(wait, serverSide, func(fresh *scope) error {
		objects, err := fresh.rebuild(created)
		if err != nil {
			return err
		}
		_, errs := fresh.client.Delete(objects, metav1.DeletePropagationBackground)
		return errors.Join(errs...)
	})
	if failed != nil {
		return fmt.Errorf("an error occurred while cleaning up resources. original %s error: %w: %w", what, cause,
			fmt.Errorf("unable to cleanup resources: %w", failed))
	}
	return nil
}

// rebuild makes the same objects with a client that still works: each carries the one it was built with.
func (s *scope) rebuild(objects kube.ResourceList) (kube.ResourceList, error) {
	var manifests bytes.Buffer
	for _, object := range objects {
		manifest, err := json.Marshal(object.Object)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", object.Mapping.GroupVersionKind.Kind, object.Name, err)
		}
		fmt.Fprintf(&manifests, "---\n%s\n", manifest)
	}
	return s.client.Build(&manifests, false)
}

// deleteFailedHooks deletes a hook that was cancelled and wants to be deleted when it fails: Helm tried with the
// cancelled client (helm: pkg/action/hooks.go, execHookWithDelayedShutdown).
func (s *scope) deleteFailedHooks(wait WaitOptions) {
	last := s.ledger.last()
	if !s.op.Cancelled() || last == nil || s.lost() {
		return
	}
	var manifests bytes.Buffer
	for _, hook := range last.Hooks {
		failed := hook.LastRun.Phase == release.HookPhaseFailed && slices.Contains(hook.DeletePolicies, release.HookFailed)
		// Never delete a CustomResourceDefinition, as Helm does not: everything of its kind would go with it.
		if failed && hook.Kind != "CustomResourceDefinition" {
			fmt.Fprintf(&manifests, "---\n%s\n", hook.Manifest)
		}
	}
	if manifests.Len() == 0 {
		return
	}
	hold := s.op.Hold()
	defer hold()
	ctx, cancel := bounded(s.op, min(wait.cleanupTimeout(), hookCleanup))
	defer cancel()
	fresh, err := s.fresh(ctx, false)
	if err != nil {
		s.log.Warn("could not delete the cancelled hook", slog.Any("error", err))
		return
	}
	objects, err := fresh.client.Build(&manifests, false)
	if err == nil {
		_, errs := fresh.client.Delete(objects, metav1.DeletePropagationBackground)
		err = errors.Join(errs...)
	}
	if err != nil {
		s.log.Warn("could not delete the cancelled hook", slog.Any("error", err))
	}
}
