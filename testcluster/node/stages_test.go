package node

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/utils/lifecycle"
)

// TestStages asks for each state that a pod can be in which stage comes next: never two, or chance would decide.
func TestStages(t *testing.T) {
	t.Parallel()
	grouped, err := stages()
	if err != nil {
		t.Fatal(err)
	}
	pods, err := lifecycle.NewLifecycle(grouped[internalversion.StageResourceRef{APIGroup: "v1", Kind: "Pod"}])
	if err != nil {
		t.Fatal(err)
	}
	now := metav1.Now()
	running := []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}}}
	crashed := []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}}
	condition := func(status corev1.ConditionStatus) []corev1.PodCondition {
		return []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}
	}
	const pending, runs, succeeded = corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded
	const always, never = corev1.RestartPolicyAlways, corev1.RestartPolicyNever

	for name, test := range map[string]struct {
		annotations map[string]string
		policy      corev1.RestartPolicy
		status      corev1.PodStatus
		init        bool
		deleted     bool
		want        string
	}{
		"new":                        {policy: always, status: corev1.PodStatus{Phase: pending}, want: "pod-ready"},
		"new, never ready":           {map[string]string{"testcluster/ready": "never"}, always, corev1.PodStatus{Phase: pending}, false, false, "pod-start"},
		"new, ready late":            {map[string]string{"testcluster/ready-after": "3s"}, always, corev1.PodStatus{Phase: pending}, false, false, "pod-start"},
		"new, ready said to be true": {map[string]string{"testcluster/ready": "true"}, always, corev1.PodStatus{Phase: pending}, false, false, "pod-ready"},
		"new, can not start":         {map[string]string{"testcluster/waiting-reason": "ImagePullBackOff"}, always, corev1.PodStatus{Phase: pending}, false, false, "pod-waiting"},
		"new, init fails":            {map[string]string{"testcluster/init-exit-code": "1"}, always, corev1.PodStatus{Phase: pending}, true, false, "pod-init-failed"},
		"new, init succeeds":         {map[string]string{"testcluster/init-exit-code": "0"}, always, corev1.PodStatus{Phase: pending}, true, false, "pod-ready"},
		"can not start": {
			map[string]string{"testcluster/waiting-reason": "ImagePullBackOff"}, always,
			corev1.PodStatus{Phase: pending, ContainerStatuses: crashed}, false, false, "",
		},
		"init has failed": {
			map[string]string{"testcluster/init-exit-code": "1"}, always,
			corev1.PodStatus{Phase: pending, InitContainerStatuses: crashed}, true, false, "",
		},
		"runs, not ready yet": {
			map[string]string{"testcluster/ready-after": "3s"}, always,
			corev1.PodStatus{Phase: runs, Conditions: condition("False"), ContainerStatuses: running}, false, false, "pod-ready-late",
		},
		"runs, never ready": {
			map[string]string{"testcluster/ready": "never"}, always,
			corev1.PodStatus{Phase: runs, Conditions: condition("False"), ContainerStatuses: running}, false, false, "",
		},
		"runs for ever": {
			nil, always, corev1.PodStatus{Phase: runs, Conditions: condition("True"), ContainerStatuses: running}, false, false, "",
		},
		"runs, will crash": {
			map[string]string{"testcluster/exit-code": "1"}, always,
			corev1.PodStatus{Phase: runs, Conditions: condition("True"), ContainerStatuses: running}, false, false, "pod-crash",
		},
		"crashes": {
			map[string]string{"testcluster/exit-code": "1"}, always,
			corev1.PodStatus{Phase: runs, Conditions: condition("False"), ContainerStatuses: crashed}, false, false, "",
		},
		"runs to its end": {
			nil, never, corev1.PodStatus{Phase: runs, Conditions: condition("True"), ContainerStatuses: running}, false, false, "pod-complete",
		},
		"runs to its end, late": {
			map[string]string{"testcluster/ready-after": "3s"}, never,
			corev1.PodStatus{Phase: runs, Conditions: condition("False"), ContainerStatuses: running}, false, false, "pod-ready-late",
		},
		"has ended": {
			nil, never, corev1.PodStatus{Phase: succeeded, Conditions: condition("False")}, false, false, "",
		},
		"new, deleted":   {policy: always, status: corev1.PodStatus{Phase: pending}, deleted: true, want: "pod-delete"},
		"ended, deleted": {policy: never, status: corev1.PodStatus{Phase: succeeded}, deleted: true, want: "pod-delete"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: "pod", Namespace: "default", Annotations: test.annotations},
				Spec:       corev1.PodSpec{RestartPolicy: test.policy, Containers: []corev1.Container{{Name: "main"}}},
				Status:     test.status,
			}
			if test.init {
				pod.Spec.InitContainers = []corev1.Container{{Name: "init"}}
			}
			if test.deleted {
				pod.DeletionTimestamp = &now
			}
			event := &lifecycle.Event{Labels: pod.Labels, Annotations: pod.Annotations, Data: pod}
			possible, err := pods.ListAllPossible(t.Context(), event)
			if err != nil {
				t.Fatal(err)
			}
			names := make([]string, 0, 1)
			for _, stage := range possible {
				names = append(names, stage.Name())
			}
			if test.want == "" && len(names) > 0 || test.want != "" && (len(names) != 1 || names[0] != test.want) {
				t.Errorf("next is %q, want %q", names, test.want)
			}
		})
	}
}
