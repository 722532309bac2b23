package watch

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// groupsNamed is how many different troubles of an object's pods a reason names.
const groupsNamed = 2

// What a container waits for is no trouble by itself while these are the reason.
var starting = []string{"", "ContainerCreating", "PodInitializing"}

// podsReason says what keeps pods from being ready; pods with the same trouble are named once.
func podsReason(k kin) []string {
	type group struct {
		pod   *corev1.Pod
		more  int
		alike string
	}
	var groups []*group
	for i := range k.pods {
		pod := &k.pods[i]
		if podDone(pod) {
			continue
		}
		// Without events: those are read of one pod only.
		alike := podReason(pod, kin{})
		known := slices.IndexFunc(groups, func(g *group) bool { return g.alike == alike })
		if known >= 0 {
			groups[known].more++
			continue
		}
		groups = append(groups, &group{pod: pod, alike: alike})
	}
	var reasons []string
	for i, g := range groups {
		if i == groupsNamed {
			break
		}
		named := "pod " + g.pod.Name
		if g.more > 0 {
			named = fmt.Sprintf("pod %s and %d more", g.pod.Name, g.more)
		}
		reasons = append(reasons, named+" "+podReason(g.pod, k))
	}
	return reasons
}

// podDone says whether nothing is to be said of a pod: it is ready, or has ended well.
func podDone(pod *corev1.Pod) bool {
	if pod.DeletionTimestamp != nil {
		return false
	}
	ready := podCondition(pod, corev1.PodReady)
	return pod.Status.Phase == corev1.PodSucceeded || ready != nil && ready.Status == corev1.ConditionTrue
}

func podCondition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// needsEvents says whether only events can tell why a pod is not ready.
func needsEvents(pod *corev1.Pod) bool {
	if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodFailed {
		return false
	}
	if scheduled := podCondition(pod, corev1.PodScheduled); scheduled != nil && scheduled.Status == corev1.ConditionFalse {
		return mentionsClaim(scheduled.Message)
	}
	_, trouble := containersReason(pod)
	return !trouble
}

// podReason says why a pod is not ready; its name stands before it.
func podReason(pod *corev1.Pod, k kin) string {
	scheduled := podCondition(pod, corev1.PodScheduled)
	events := k.events[pod.UID]
	switch {
	case pod.DeletionTimestamp != nil:
		return phrase(": ", "terminating", finalizers(pod.Finalizers))
	case scheduled != nil && scheduled.Status == corev1.ConditionFalse:
		return phrase("; ", append([]string{phrase(": ", lower(scheduled.Reason, "not scheduled"), scheduled.Message)}, claimsReason(k)...)...)
	case pod.Status.Phase == corev1.PodFailed && pod.Status.Reason != "":
		return phrase(": ", pod.Status.Reason, pod.Status.Message)
	}
	reason, trouble := containersReason(pod)
	switch {
	case trouble:
		return reason
	case pod.Status.Phase == corev1.PodFailed:
		return "failed"
	case reason != "": // containers are being made
		return phrase(": ", reason, warning(events))
	case pod.Status.Phase == corev1.PodRunning:
		probe := warning(events, "Unhealthy", "ProbeError")
		if probe == "" {
			probe = gatesReason(pod)
		}
		return phrase(": ", "running, not ready", probe)
	default:
		return phrase(": ", lower(string(pod.Status.Phase), "pending"), warning(events))
	}
}

// lower is a reason as a word within a sentence: Unschedulable becomes unschedulable, SchedulingGated stays.
func lower(reason, otherwise string) string {
	switch reason {
	case "":
		return otherwise
	case corev1.PodReasonUnschedulable, string(corev1.PodPending):
		return strings.ToLower(reason)
	}
	return reason
}

// containersReason says which container keeps a pod from running, and why. Where none is in trouble yet but some are
// still being made, that is the reason.
func containersReason(pod *corev1.Pod) (reason string, trouble bool) {
	several := len(pod.Spec.Containers) > 1
	for _, list := range []struct {
		statuses []corev1.ContainerStatus
		init     bool
	}{{pod.Status.InitContainerStatuses, true}, {pod.Status.ContainerStatuses, false}} {
		for _, status := range list.statuses {
			if status.Ready {
				continue
			}
			text, bad := containerReason(&status, list.init)
			switch {
			case !bad && reason == "" && text != "":
				reason = text
			case !bad:
			case list.init:
				return "init container " + status.Name + " " + text, true
			case several:
				return "container " + status.Name + " " + text, true
			default:
				return text, true
			}
		}
	}
	return reason, false
}

func containerReason(status *corev1.ContainerStatus, init bool) (reason string, trouble bool) {
	switch waiting, ended := status.State.Waiting, status.State.Terminated; {
	case waiting != nil && waiting.Reason == "CrashLoopBackOff":
		return phrase(": ", waiting.Reason, crash(status)), true
	case waiting != nil && slices.Contains(starting, waiting.Reason):
		if last := status.LastTerminationState.Terminated; last != nil && last.ExitCode != 0 {
			return crash(status), true
		}
		return waiting.Reason, false
	case waiting != nil:
		return phrase(": ", waiting.Reason, waiting.Message), true
	case ended != nil && ended.ExitCode != 0:
		return exit(ended), true
	case ended != nil && !init:
		return "has ended with exit code 0", true
	case status.State.Running != nil && init && status.RestartCount > 0:
		return phrase(": ", "runs again", crash(status)), true
	case status.State.Running != nil && init:
		return "init container " + status.Name + " runs", false
	case status.State.Running != nil && status.LastTerminationState.Terminated != nil:
		return phrase(": ", "runs again, not ready", crash(status)), true
	}
	return "", false
}

// crash tells how a container ended the last time, and how often it was started anew.
func crash(status *corev1.ContainerStatus) string {
	last := status.LastTerminationState.Terminated
	if last == nil {
		return ""
	}
	times := ""
	switch {
	case status.RestartCount == 1:
		times = "restarted once"
	case status.RestartCount > 1:
		times = fmt.Sprintf("restarted %d times", status.RestartCount)
	}
	return phrase(", ", exit(last), times)
}

func exit(ended *corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("exit code %d", ended.ExitCode)
	if ended.Signal != 0 {
		text = fmt.Sprintf("signal %d", ended.Signal)
	}
	if ended.Reason != "" {
		text += " (" + ended.Reason + ")"
	}
	return phrase(": ", text, strings.TrimSpace(ended.Message))
}

// gatesReason names the conditions of somebody else's that a pod waits for.
func gatesReason(pod *corev1.Pod) string {
	var unmet []string
	for _, gate := range pod.Spec.ReadinessGates {
		if condition := podCondition(pod, gate.ConditionType); condition == nil || condition.Status != corev1.ConditionTrue {
			unmet = append(unmet, string(gate.ConditionType))
		}
	}
	if len(unmet) == 0 {
		return ""
	}
	return "readiness gate " + strings.Join(unmet, ", ") + " is not met"
}

// claimsReason says of the claims of pods which are not bound, and why.
func claimsReason(k kin) []string {
	var reasons []string
	for _, claim := range k.claims {
		if claim.Status.Phase == corev1.ClaimBound {
			continue
		}
		reasons = append(reasons, phrase(": ", "claim "+claim.Name+" is not bound", claimEvent(k.events[claim.UID])))
	}
	return reasons
}

// claimEvent is what was said of a claim last: what a provisioner waits for is no warning.
func claimEvent(events []corev1.Event) string {
	if text := warning(events); text != "" {
		return text
	}
	if len(events) > 0 {
		return events[0].Message
	}
	return ""
}

// phrase puts together the texts that are not empty.
func phrase(by string, texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(text string) bool { return text == "" }), by)
}
