package watch

import (
	"context"
	"errors"
	"strings"
	"sync"

	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// batches are the runs of one kind in a list, in the list's order: what Helm handles at once
// (helm: pkg/kube/client.go, batchPerform).
func batches(resources kube.ResourceList) []kube.ResourceList {
	var found []kube.ResourceList
	start := 0
	for i := 1; i <= len(resources); i++ {
		if i == len(resources) || kindOf(resources[i]) != kindOf(resources[start]) {
			found = append(found, resources[start:i])
			start = i
		}
	}
	return found
}

func kindOf(info *resource.Info) string { return info.Object.GetObjectKind().GroupVersionKind().Kind }

// each calls f for all objects of a batch at once, at most limit at a time (0: no limit), and waits for them. Errors
// come in the list's order; once the context is done, f is not called any more.
func each(ctx context.Context, batch kube.ResourceList, limit int, f func(int, *resource.Info) error) []error {
	if limit <= 0 || limit > len(batch) {
		limit = len(batch)
	}
	failed := make([]error, len(batch))
	slots := make(chan struct{}, limit)
	var group sync.WaitGroup
	for i, info := range batch {
		slots <- struct{}{}
		group.Add(1)
		go func() {
			defer func() { <-slots; group.Done() }()
			if failed[i] = ctx.Err(); failed[i] == nil {
				failed[i] = bridge.Guard("a kube call", func() error { return f(i, info) })
			}
		}()
	}
	group.Wait()
	return failed
}

// perform is Helm's function of that name: batch after batch, all errors joined.
func perform(ctx context.Context, resources kube.ResourceList, f func(*resource.Info) error) error {
	if len(resources) == 0 {
		return kube.ErrNoObjectsVisited
	}
	var failed []error
	for _, batch := range batches(resources) {
		failed = append(failed, each(ctx, batch, 0, func(_ int, info *resource.Info) error { return f(info) })...)
	}
	return errors.Join(failed...)
}

// joined is Helm's joinErrors, whose separator is not a new line.
type joined struct {
	errs []error
	sep  string
}

func (j *joined) Error() string {
	texts := make([]string, len(j.errs))
	for i, err := range j.errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, j.sep)
}

// Unwrap gives all of them.
func (j *joined) Unwrap() []error { return j.errs }
