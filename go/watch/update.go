package watch

import (
	"errors"
	"fmt"

	"helm.sh/helm/v4/pkg/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// updatesAtOnce bounds the objects that are updated at a time: each takes two to four requests.
const updatesAtOnce = 32

// Update implements kube.Interface. Each object goes through Helm's own Update, but those of a kind go at once, in
// Helm's order of kinds, as in its Create. The result is never nil: Helm's actions read it before they look at the error.
func (c *Client) Update(originals, targets kube.ResourceList, options ...kube.ClientUpdateOption) (result *kube.Result, err error) {
	result = &kube.Result{}
	defer bridge.Recover("Update", &err)
	if err := c.ctx.Err(); err != nil {
		return result, err
	}
	// Options that refuse each other are refused before anything is touched.
	if _, err := c.Client.Update(nil, nil, options...); err != nil {
		return result, err
	}
	defer c.refresh(originals)
	defer c.refresh(targets)
	c.touch(phaseApply)
	defer c.traffic.ahead.pause()()
	c.record.learn(originals)
	c.record.learn(targets)
	c.traffic.forget()

	var failed []error
	for _, batch := range apart(targets) {
		soft, stop := c.updateBatch(originals, batch, result, options)
		failed = append(failed, soft...)
		if stop != nil {
			return result, c.failed("update", stop)
		}
	}
	if len(failed) > 0 {
		return result, c.failed("update", &joined{failed, " && "})
	}
	return result, c.removeObsolete(originals.Difference(targets), result, options)
}

// removeObsolete deletes what the new revision has no more. Helm passes over each object that it can not read (helm:
// pkg/kube/client.go, update), which would leave it in the cluster for ever: no later revision knows of it.
func (c *Client) removeObsolete(obsolete kube.ResourceList, result *kube.Result, options []kube.ClientUpdateOption) error {
	removed, err := c.Client.Update(obsolete, nil, options...)
	result.Deleted = append(result.Deleted, removed.Deleted...)
	if err != nil {
		return err
	}
	for _, info := range obsolete.Difference(removed.Deleted) {
		err := info.Get()
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return c.failed("delete", fmt.Errorf("could not get information about %s %q, which the new revision has no more: %w",
				info.Mapping.GroupVersionKind.Kind, info.Name, err))
		}
		again, err := c.Client.Update(kube.ResourceList{info}, nil, options...)
		result.Deleted = append(result.Deleted, again.Deleted...)
		if err != nil {
			return err
		}
	}
	return nil
}

// updateBatch updates objects of one kind. As in Helm, an object that can not be read or created stops everything,
// while one that can not be changed lets the others go on.
func (c *Client) updateBatch(originals, batch kube.ResourceList, result *kube.Result, options []kube.ClientUpdateOption) (soft []error, stop error) {
	results := make([]*kube.Result, len(batch))
	failures := each(c.ctx, batch, updatesAtOnce, func(i int, target *resource.Info) error {
		var original kube.ResourceList
		if found := originals.Get(target); found != nil {
			original = kube.ResourceList{found}
		}
		var err error
		results[i], err = c.Client.Update(original, kube.ResourceList{target}, options...)
		if err == nil && c.report.listening() {
			// Nothing to change, nothing sent: a client-side patch that is empty.
			if named := resourceOf(target); c.traffic.untouched(named) {
				c.traffic.did(named, actionUnchanged)
			}
		}
		return err
	})
	var hard []error
	for i, done := range results {
		if done == nil {
			done = &kube.Result{}
		}
		result.Created = append(result.Created, done.Created...)
		result.Updated = append(result.Updated, done.Updated...)
		switch {
		case failures[i] == nil:
		case len(done.Updated) == 0:
			hard = append(hard, failures[i])
		default:
			soft = append(soft, failures[i])
		}
	}
	switch len(hard) {
	case 0:
		return soft, nil
	case 1:
		return soft, hard[0]
	default:
		return soft, errors.Join(hard...)
	}
}

// apart are the batches of a list such that no batch names an object twice: two updates of one object must not overlap.
func apart(targets kube.ResourceList) []kube.ResourceList {
	var found []kube.ResourceList
	for _, batch := range batches(targets) {
		seen := map[object]bool{}
		start := 0
		for i, info := range batch {
			if named := objectOf(info); seen[named] {
				found = append(found, batch[start:i])
				start = i
				seen = map[object]bool{named: true}
			} else {
				seen[named] = true
			}
		}
		found = append(found, batch[start:])
	}
	return found
}
