package watch

import (
	"errors"
	"fmt"
	"sync"

	"helm.sh/helm/v4/pkg/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/util/retry"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

const verbDelete = "delete"

// Delete implements kube.Interface with Helm's meaning, and keeps of each object whether its deletion was accepted,
// refused or not even sent: Helm's uninstall drops the errors (helm: pkg/action/uninstall.go, deleteRelease).
func (c *Client) Delete(resources kube.ResourceList, policy metav1.DeletionPropagation) (result *kube.Result, errs []error) {
	if err := bridge.Guard("Delete", func() error {
		result, errs = c.delete(resources, policy)
		return nil
	}); err != nil {
		return nil, append(errs, err)
	}
	return result, errs
}

func (c *Client) delete(resources kube.ResourceList, policy metav1.DeletionPropagation) (*kube.Result, []error) {
	defer c.traffic.ahead.pause()()
	c.record.learn(resources)
	for _, info := range resources {
		if !isHook(info) {
			c.record.want(resourceOf(info))
			c.touch(phaseDelete)
		} else if c.ctx.Err() == nil {
			c.Phase(c.hookPhase(info))
		}
	}
	if err := c.ctx.Err(); err != nil {
		return nil, []error{err}
	}
	defer c.refresh(resources)
	var mu sync.Mutex
	result, errs := &kube.Result{}, []error(nil)
	err := perform(c.ctx, resources, func(info *resource.Info) error {
		err := c.deleteOne(info, policy)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			errs = append(errs, err)
		} else {
			result.Deleted = append(result.Deleted, info)
		}
		return nil
	})
	if errors.Is(err, kube.ErrNoObjectsVisited) {
		err = fmt.Errorf("object not found, skipping delete: %w", err)
	}
	if err != nil {
		errs = append(errs, err)
	}
	if errs != nil {
		return nil, errs
	}
	return result, nil
}

// deleteOne deletes one object; one that is gone already is as good as deleted.
func (c *Client) deleteOne(info *resource.Info, policy metav1.DeletionPropagation) error {
	named := resourceOf(info)
	c.Logger().Debug("starting delete resource", "namespace", info.Namespace, "name", info.Name, "kind", named.Kind)
	if err := c.ctx.Err(); err != nil {
		return err
	}
	answered := c.record.deleting()
	var answer runtime.Object
	err := retry.RetryOnConflict(retry.DefaultRetry, func() (err error) {
		answer, err = resource.NewHelper(info.Client, info.Mapping).
			WithFieldManager(FieldManager()).
			DeleteWithOptions(info.Namespace, info.Name, &metav1.DeleteOptions{PropagationPolicy: &policy})
		return err
	})
	// A cancel cuts off requests that the server has already: it does them, and nobody gets its answer.
	if status := apierrors.APIStatus(nil); err == nil || errors.As(err, &status) {
		defer answered() // once it is kept which answer it was
	}
	if err == nil {
		c.record.lingers(named, answer)
	}
	if err != nil && !apierrors.IsNotFound(err) {
		c.record.failed(verbDelete, named, err)
		return err
	}
	if err != nil {
		c.Logger().Debug("ignoring delete failure", "namespace", info.Namespace, "name", info.Name, "kind", named.Kind, "error", err)
	}
	if !isHook(info) {
		c.record.accepted(named)
	}
	return nil
}

// Deleted are the chart's objects whose deletion the server accepted, and those that were gone already.
func (c *Client) Deleted() []bridge.Resource { return c.record.gone() }

// Untouched says that nothing of the release was deleted: no deletion was accepted, and none was sent whose answer is
// not known.
func (c *Client) Untouched() bool { return c.record.untouched() }

// Remaining are the chart's objects that an uninstall left: the deletion was refused or not sent, or Helm skipped the
// object because it got no answer whether it is the release's. An object that belongs to another is not among them.
func (c *Client) Remaining() []bridge.Resource { return c.record.remaining() }
