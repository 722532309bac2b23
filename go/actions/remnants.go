package actions

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/resource"
)

// What a revision made that was never deployed is in no deployed one, and Helm compares with that: what only it had would
// stay in the cluster for ever (helm: pkg/action/upgrade.go, prepareUpgrade). So once the new objects are applied, what is
// left of such revisions is deleted. Not of upgrades that came to a clear end, as a hook or a wait that failed: there the
// cluster is left as the helm command leaves it, and cleanup_on_fail is the caller's choice.

// remnant is a revision that was interrupted, as the ledger saw it.
type remnant struct {
	revision int
	manifest string
}

// wasInterrupted begins the description of a revision that failed since the cluster did not answer as it should.
const wasInterrupted = "Interrupted: "

// isRemnant says of a revision whether it was interrupted, and nobody can know how much of it was made: its process died,
// it was cancelled, or the cluster did not answer. A rollback that failed is one always: Helm leaves it pending, or takes
// the revision before it for superseded (helm: pkg/action/rollback.go, performRollback). It stays one until a newer
// revision is deployed, since what comes next may fail too.
func isRemnant(rel *release.Release) bool {
	if rel.Info.Status != common.StatusFailed {
		return isStuck(rel.Info.Status)
	}
	return rel.Info.RollbackRevision > 0 || slices.ContainsFunc(
		[]string{takenOver, wasInterrupted, "Install cancelled", "Install stopped: ", "Upgrade cancelled", "Upgrade stopped: "},
		func(beginning string) bool { return strings.HasPrefix(rel.Info.Description, beginning) })
}

// isFault says whether an error came of a cluster that did not answer as it should, not of what was asked of it. A
// conflict is one where it is not about who owns a field.
func isFault(cause error) bool {
	switch codeOf(cause) {
	case codeClusterUnreachable:
		return true
	case codeConflict:
		return !apierrors.HasStatusCause(cause, metav1.CauseTypeFieldManagerConflict)
	}
	return false
}

// sweep deletes what interrupted revisions left, unless it is among the objects that are told.
func (r *recorder) sweep(told ...kube.ResourceList) error {
	for _, left := range r.ledger.remnants() {
		objects, err := r.build(left.manifest)
		if meta.IsNoMatchError(err) {
			continue // its kind is gone, and its objects with it
		}
		if err == nil {
			for _, known := range told {
				objects = objects.Difference(known)
			}
			err = r.deleteOwned(objects)
		}
		if err != nil {
			return fmt.Errorf("delete what revision %d left, which was interrupted: %w", left.revision, err)
		}
	}
	return nil
}

// deleteOwned deletes those of the objects that are the release's own and that it does not want to keep.
func (r *recorder) deleteOwned(objects kube.ResourceList) error {
	var owned kube.ResourceList
	for _, object := range objects {
		live, err := r.live(object)
		if apierrors.IsForbidden(err) {
			continue // most likely that is why the revision failed, and it must not be why the next one does
		}
		if err != nil {
			return err
		}
		if live != nil && r.owns(live) {
			owned = append(owned, object)
		}
	}
	if len(owned) == 0 {
		return nil
	}
	_, errs := r.Delete(owned, metav1.DeletePropagationBackground)
	return errors.Join(errs...)
}

// owns says whether an object is the release's (helm: pkg/action/validate.go, checkOwnership), and may be deleted with it.
func (r *recorder) owns(live runtime.Object) bool {
	annotations, _ := meta.NewAccessor().Annotations(live)
	return annotations["meta.helm.sh/release-name"] == r.release && annotations["meta.helm.sh/release-namespace"] == r.namespace &&
		annotations[kube.ResourcePolicyAnno] != kube.KeepPolicy
}

// live is the object as it is in the cluster; nil: it is not there.
func (r *recorder) live(object *resource.Info) (runtime.Object, error) {
	found, err := resource.NewHelper(object.Client, object.Mapping).Get(object.Namespace, object.Name)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return found, err
}

// terminating are those of the manifest's objects that are being deleted.
func (r *recorder) terminating(manifest string) (kube.ResourceList, error) {
	objects, err := r.build(manifest)
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var going kube.ResourceList
	for _, object := range objects {
		live, err := r.live(object)
		if err != nil {
			return nil, err
		}
		if live == nil {
			continue
		}
		if found, err := meta.Accessor(live); err == nil && found.GetDeletionTimestamp() != nil {
			going = append(going, object)
		}
	}
	return going, nil
}

func (r *recorder) build(manifest string) (kube.ResourceList, error) {
	if strings.TrimSpace(manifest) == "" {
		return nil, nil
	}
	return r.Build(strings.NewReader(manifest), false)
}
