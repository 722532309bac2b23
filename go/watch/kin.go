package watch

import (
	"cmp"
	"context"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// kin is what belongs to an object that is not ready, as far as it was asked for.
type kin struct {
	pods   []corev1.Pod // those that matter first
	claims []corev1.PersistentVolumeClaim
	events map[types.UID][]corev1.Event // by the object that they are about, the newest first
}

// The kinds whose state is that of their pods.
var (
	deployments  = appsv1.SchemeGroupVersion.WithKind("Deployment").GroupKind()
	replicaSets  = appsv1.SchemeGroupVersion.WithKind("ReplicaSet").GroupKind()
	statefulSets = appsv1.SchemeGroupVersion.WithKind("StatefulSet").GroupKind()
	daemonSets   = appsv1.SchemeGroupVersion.WithKind("DaemonSet").GroupKind()
	controllers  = corev1.SchemeGroupVersion.WithKind("ReplicationController").GroupKind()
	claims       = corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim").GroupKind()

	workloads = []schema.GroupKind{deployments, replicaSets, statefulSets, daemonSets, controllers, jobs}
)

const (
	podsAskedAbout   = 3 // pods of an object whose events are read after a failure
	claimsAskedAbout = 3
)

// kinOf asks for what belongs to an object: while it is waited for only what its reason needs, after a failure all that
// is told then. What can not be read is left out.
func kinOf(ctx context.Context, from relatives, object *unstructured.Unstructured, whole bool) kin {
	k := kin{events: map[types.UID][]corev1.Event{}}
	kind := object.GroupVersionKind().GroupKind()
	namespace := object.GetNamespace()
	about := func(uid types.UID) {
		if _, known := k.events[uid]; known || uid == "" {
			return
		}
		if events, err := from.events(ctx, namespace, uid); err == nil {
			k.events[uid] = newest(events)
		}
	}
	switch {
	case kind == pods:
		k.pods = itself(object)
	case slices.Contains(workloads, kind):
		if selector := podSelector(object); selector != "" {
			found, _ := from.pods(ctx, namespace, selector)
			k.pods = ranked(ownedBy(found, object))
		}
	}
	if whole || kind == claims || slices.Contains(workloads, kind) && len(k.pods) == 0 {
		about(object.GetUID())
	}
	asked := 0
	for i := range k.pods {
		pod := &k.pods[i]
		if podDone(pod) || !whole && !needsEvents(pod) {
			continue
		}
		if asked++; whole && asked > podsAskedAbout || !whole && asked > 1 {
			break
		}
		about(pod.UID)
		if scheduled := podCondition(pod, corev1.PodScheduled); scheduled != nil && mentionsClaim(scheduled.Message) {
			k.claims = append(k.claims, claimsOf(ctx, from, pod)...)
		}
	}
	for _, claim := range k.claims {
		if claim.Status.Phase != corev1.ClaimBound {
			about(claim.UID)
		}
	}
	return k
}

func itself(object *unstructured.Unstructured) []corev1.Pod {
	var pod corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &pod); err != nil {
		return nil
	}
	return []corev1.Pod{pod}
}

// podSelector is how an object of the cluster finds its pods; empty where it has none.
func podSelector(object *unstructured.Unstructured) string {
	written, found, err := unstructured.NestedMap(object.Object, "spec", "selector")
	if err != nil || !found {
		return ""
	}
	if object.GroupVersionKind().GroupKind() == controllers {
		written = map[string]any{"matchLabels": written}
	}
	var selector metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(written, &selector); err != nil {
		return ""
	}
	made, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil || made.Empty() {
		return ""
	}
	return made.String()
}

// ownedBy leaves out pods that only look alike. A Deployment owns its pods through a ReplicaSet.
func ownedBy(found []corev1.Pod, by *unstructured.Unstructured) []corev1.Pod {
	if by.GroupVersionKind().GroupKind() == deployments {
		return found
	}
	return slices.DeleteFunc(found, func(pod corev1.Pod) bool {
		owner := metav1.GetControllerOf(&pod)
		return owner == nil || owner.UID != by.GetUID()
	})
}

// The labels by which controllers tell the pods of one version of their template from those of another.
var templateLabels = []string{appsv1.DefaultDeploymentUniqueLabelKey, appsv1.ControllerRevisionHashLabelKey}

// ranked are the pods, those first that keep their owner from being ready: of its newest template before others, not
// ready before ready, on their way out last.
func ranked(found []corev1.Pod) []corev1.Pod {
	var latest *corev1.Pod
	for i := range found {
		if latest == nil || found[i].CreationTimestamp.After(latest.CreationTimestamp.Time) {
			latest = &found[i]
		}
	}
	if latest == nil {
		return nil
	}
	version := templateOf(latest)
	rank := func(pod *corev1.Pod) int {
		switch {
		case podDone(pod):
			return 3
		case pod.DeletionTimestamp != nil:
			return 2
		case templateOf(pod) != version:
			return 1
		default:
			return 0
		}
	}
	slices.SortFunc(found, func(a, b corev1.Pod) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(a.Name, b.Name))
	})
	return found
}

func templateOf(pod *corev1.Pod) string {
	for _, label := range templateLabels {
		if value := pod.Labels[label]; value != "" {
			return value
		}
	}
	return ""
}

func claimsOf(ctx context.Context, from relatives, pod *corev1.Pod) []corev1.PersistentVolumeClaim {
	var found []corev1.PersistentVolumeClaim
	for _, volume := range pod.Spec.Volumes {
		if volume.PersistentVolumeClaim == nil {
			continue
		}
		claim, err := from.claim(ctx, pod.Namespace, volume.PersistentVolumeClaim.ClaimName)
		if err != nil || claim == nil {
			continue
		}
		if found = append(found, *claim); len(found) == claimsAskedAbout {
			break
		}
	}
	return found
}

// newest sorts events, the last one first.
func newest(events []corev1.Event) []corev1.Event {
	slices.SortStableFunc(events, func(a, b corev1.Event) int { return happened(&b).Compare(happened(&a)) })
	return events
}

// happened is when an event was seen last. Which of its fields says so depends on who wrote it.
func happened(event *corev1.Event) time.Time {
	switch {
	case event.Series != nil:
		return event.Series.LastObservedTime.Time
	case !event.LastTimestamp.IsZero():
		return event.LastTimestamp.Time
	case !event.EventTime.IsZero():
		return event.EventTime.Time
	default:
		return event.CreationTimestamp.Time
	}
}

// warning is the newest warning, one with one of the reasons where there are any given.
func warning(events []corev1.Event, reasons ...string) string {
	for _, event := range events {
		if event.Type == corev1.EventTypeWarning && (len(reasons) == 0 || slices.Contains(reasons, event.Reason)) {
			return event.Message
		}
	}
	return ""
}
