package watch

import (
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
)

// reason says in an operator's words why an object is not ready: kstatus's message, and what the object's own
// conditions, its pods, their claims and the events say beside it. It is a function of these alone.
func reason(object *unstructured.Unstructured, message string, k kin) string {
	kind := object.GroupVersionKind().GroupKind()
	texts := []string{message}
	switch {
	case object.GetDeletionTimestamp() != nil:
		texts = append(texts, finalizers(slices.Concat(object.GetFinalizers(), namespaceFinalizers(object))))
		texts = append(texts, conditionsReason(object, "NamespaceContentRemaining", "NamespaceFinalizersRemaining", "NamespaceDeletionContentFailure")...)
		if kind != pods {
			texts = append(texts, podsReason(k)...)
		}
	case kind == pods:
		if len(k.pods) == 0 {
			k.pods = itself(object)
		}
		for i := range k.pods {
			if !podDone(&k.pods[i]) {
				texts = append(texts, podReason(&k.pods[i], k))
			}
		}
	case kind == claims:
		texts = append(texts, claimEvent(k.events[object.GetUID()]))
	case kind == jobs:
		texts = append(texts, jobReason(object)...)
		texts = append(texts, podsReason(k)...)
	case slices.Contains(workloads, kind):
		refused := conditionsReason(object, "ReplicaFailure")
		texts = append(texts, refused...)
		if len(refused) == 0 && len(k.pods) == 0 {
			texts = append(texts, warning(k.events[object.GetUID()], "FailedCreate"))
		}
		texts = append(texts, podsReason(k)...)
	default:
		texts[0] = customReason(object, message)
	}
	return phrase("; ", texts...)
}

// finalizers names what has to happen before an object goes.
func finalizers(names []string) string {
	if len(names) == 0 {
		return ""
	}
	text := "finalizers: " + strings.Join(names, ", ")
	switch {
	case slices.Contains(names, "kubernetes.io/pvc-protection"):
		text += " (a pod still uses it)"
	case slices.Contains(names, "foregroundDeletion"):
		text += " (what belongs to it goes first)"
	}
	return text
}

// namespaceFinalizers are in a namespace's spec.
func namespaceFinalizers(object *unstructured.Unstructured) []string {
	if object.GroupVersionKind().GroupKind() != corev1.SchemeGroupVersion.WithKind("Namespace").GroupKind() {
		return nil
	}
	names, _, _ := unstructured.NestedStringSlice(object.Object, "spec", "finalizers")
	return names
}

func conditionsOf(object *unstructured.Unstructured) []status.BasicCondition {
	read, err := status.GetObjectWithConditions(object.Object)
	if err != nil {
		return nil
	}
	return read.Status.Conditions
}

// conditionsReason is what the conditions of these types say that are true.
func conditionsReason(object *unstructured.Unstructured, types ...string) []string {
	var texts []string
	for _, condition := range conditionsOf(object) {
		if slices.Contains(types, condition.Type) && condition.Status == corev1.ConditionTrue {
			texts = append(texts, condition.Message)
		}
	}
	return texts
}

// jobReason says why a job failed, or how it goes.
func jobReason(object *unstructured.Unstructured) []string {
	var texts []string
	for _, condition := range conditionsOf(object) {
		if condition.Status != corev1.ConditionTrue {
			continue
		}
		switch batchv1.JobConditionType(condition.Type) {
		case batchv1.JobFailed: // FailureTarget says the same a little earlier
			return []string{phrase(": ", condition.Reason, condition.Message)}
		case batchv1.JobSuspended:
			texts = append(texts, "suspended")
		}
	}
	failed, _, _ := unstructured.NestedInt64(object.Object, "status", "failed")
	limit, limited, _ := unstructured.NestedInt64(object.Object, "spec", "backoffLimit")
	if failed > 0 && limited {
		texts = append(texts, fmt.Sprintf("%d failed, backoffLimit %d", failed, limit))
	}
	return texts
}

// customReason is what a resource of somebody's own says of itself, where its conditions are those that kstatus knows.
func customReason(object *unstructured.Unstructured, message string) string {
	for _, condition := range conditionsOf(object) {
		var says bool
		switch condition.Type {
		case "Stalled", "Reconciling":
			says = condition.Status == corev1.ConditionTrue
		case "Ready":
			says = condition.Status != corev1.ConditionTrue
		}
		if says && condition.Message == message { // it is this one that kstatus went by
			return phrase(": ", strings.TrimSpace(fmt.Sprintf("%s is %s %s", condition.Type, condition.Status, parenthesized(condition.Reason))), message)
		}
	}
	return message
}

func parenthesized(text string) string {
	if text == "" {
		return ""
	}
	return "(" + text + ")"
}
