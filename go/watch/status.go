package watch

import (
	"context"
	"fmt"
	"sync"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/clusterreader"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/statusreaders"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"helm.sh/helm/v4/pkg/kube"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/dynamic"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// aim is what is waited for; it decides what counts as ready. It is Helm's waiter that decides when a wait is over:
// this is only what is said meanwhile, and after a failure.
type aim int

const (
	aimReady aim = iota // Wait
	aimJobs             // WaitWithJobs: jobs have to end
	aimHook             // WatchUntilReady: jobs and pods have to end, and nothing else counts
	aimGone             // WaitForDelete
)

// state is one object's status in words that events and errors use.
type state struct {
	bridge.Resource
	Status  string
	Message string

	plain    string                     // kstatus's message, where Message has the reason too
	object   *unstructured.Unstructured // as it was read; nil where it is not there
	evidence map[string]any             // what belongs to it, for the details of an error
}

// State is one object's status for those who ask for it.
type State = state

var statuses = map[status.Status]string{
	status.InProgressStatus:  "in_progress",
	status.CurrentStatus:     "ready",
	status.FailedStatus:      "failed",
	status.TerminatingStatus: "terminating",
	status.NotFoundStatus:    "not_found",
	status.UnknownStatus:     "unknown",
}

// reached says whether nothing has to be waited for any more.
func (s state) reached(aim aim) bool {
	if aim == aimGone {
		return s.Status == statuses[status.NotFoundStatus]
	}
	return s.Status == statuses[status.CurrentStatus]
}

var (
	jobs = batchv1.SchemeGroupVersion.WithKind("Job").GroupKind()
	pods = corev1.SchemeGroupVersion.WithKind("Pod").GroupKind()
)

// read computes the status of an object from itself alone.
func (a aim) read(object *unstructured.Unstructured) (status.Status, string) {
	kind := object.GroupVersionKind().GroupKind()
	if a == aimHook && kind != jobs && kind != pods {
		return status.CurrentStatus, ""
	}
	if a == aimHook && kind == pods && podPhase(object) == string(corev1.PodFailed) {
		// kstatus takes a failed pod for one that may still run; Helm's own reader, which is internal, does not.
		return status.FailedStatus, fmt.Sprintf("pod %s failed", object.GetName())
	}
	result, err := status.Compute(object)
	if err != nil {
		return status.UnknownStatus, err.Error()
	}
	if result.Status != status.CurrentStatus {
		return result.Status, result.Message
	}
	switch {
	case kind == jobs && (a == aimJobs || a == aimHook) && !jobComplete(object):
		return status.InProgressStatus, result.Message
	case kind == pods && a == aimHook && podPhase(object) != string(corev1.PodSucceeded):
		return status.InProgressStatus, result.Message
	}
	return result.Status, result.Message
}

// jobComplete, since kstatus counts a running job as ready.
func jobComplete(object *unstructured.Unstructured) bool {
	read, err := status.GetObjectWithConditions(object.Object)
	if err != nil {
		return false
	}
	for _, condition := range read.Status.Conditions {
		if condition.Type == string(batchv1.JobComplete) && condition.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

func podPhase(object *unstructured.Unstructured) string {
	phase, _, _ := unstructured.NestedString(object.Object, "status", "phase")
	return phase
}

// current asks for the status of all objects at once, as kstatus computes it with what belongs to them.
func current(ctx context.Context, client dynamic.Interface, resources kube.ResourceList, aim aim) []state {
	mapper := mapperOf(resources)
	reader := &clusterreader.DynamicClusterReader{DynamicClient: client, Mapper: mapper}
	statusReader := statusreaders.NewDefaultStatusReader(mapper)
	states := make([]state, len(resources))
	var group sync.WaitGroup
	for i, info := range resources {
		group.Go(func() {
			states[i] = state{Resource: resourceOf(info)}
			object, err := client.Resource(info.Mapping.Resource).Namespace(namespaceOf(info)).Get(ctx, info.Name, metav1.GetOptions{})
			if err != nil {
				states[i].Status, states[i].Message = unread(err)
				return
			}
			computed, message := aim.read(object)
			// A StatefulSet or a ReplicaSet whose pods failed is known by the pods alone.
			if computed == status.InProgressStatus && (aim == aimReady || aim == aimJobs) {
				if whole, err := statusReader.ReadStatusForObject(ctx, reader, object); err == nil && whole.Status == status.FailedStatus {
					computed, message = whole.Status, whole.Message+" ("+message+")"
				}
			}
			states[i].Status, states[i].Message, states[i].object = statuses[computed], message, object
		})
	}
	group.Wait()
	return states
}

// States are how the objects are now, in the list's order, with Jobs that have to be complete where withJobs says so.
func (c *Client) States(resources kube.ResourceList, withJobs bool) (found []State, err error) {
	defer bridge.Recover("States", &err)
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	client, err := c.Factory.DynamicClient()
	if err != nil {
		return nil, err
	}
	aim := aimReady
	if withJobs {
		aim = aimJobs
	}
	found = current(c.ctx, client, resources, aim)
	return found, c.ctx.Err()
}

func unread(err error) (status, message string) {
	if apierrors.IsNotFound(err) {
		return statuses["NotFound"], "Resource not found"
	}
	return statuses["Unknown"], err.Error()
}

// mapperOf knows the listed objects' kinds and those that belong to them, without asking the server.
func mapperOf(resources kube.ResourceList) meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), meta.RESTScopeNamespace)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Pod"), meta.RESTScopeNamespace)
	for _, info := range resources {
		mapping := info.Mapping
		mapper.AddSpecific(mapping.GroupVersionKind, mapping.Resource, mapping.Resource, mapping.Scope)
	}
	return mapper
}

// awaited are the objects that Helm waits for (helm: pkg/kube/statuswait.go, wait): paused Deployments are not.
func awaited(resources kube.ResourceList, aim aim) kube.ResourceList {
	if aim == aimGone {
		return resources
	}
	return resources.Filter(func(info *resource.Info) bool {
		deployment, ok := kube.AsVersioned(info).(*appsv1.Deployment)
		return !ok || !deployment.Spec.Paused
	})
}
