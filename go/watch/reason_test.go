package watch

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/kube"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

func podOf(t *testing.T, text string) corev1.Pod {
	t.Helper()
	var pod corev1.Pod
	if err := json.Unmarshal([]byte(text), &pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

func warningOf(reason, message string) []corev1.Event {
	return []corev1.Event{{Type: corev1.EventTypeWarning, Reason: reason, Message: message}}
}

const (
	deploymentText = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"a","uid":"d"},
		"spec":{"replicas":3,"selector":{"matchLabels":{"app":"web"}}}}`
	notStarted = `"conditions":[{"type":"PodScheduled","status":"True"},{"type":"Ready","status":"False"}]`
)

// What a pod says, below a Deployment: the words after its name.
func TestReasonOfAPod(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spec, status string
		events       []corev1.Event
		want         string
	}{
		"an image that can not be pulled": {
			`{"containers":[{"name":"main"}]}`,
			`{"phase":"Pending",` + notStarted + `,"containerStatuses":[{"name":"main","ready":false,"state":{"waiting":{"reason":"ImagePullBackOff","message":"Back-off pulling image \"x\""}}}]}`,
			nil, `ImagePullBackOff: Back-off pulling image "x"`,
		},
		"a crash loop": {
			`{"containers":[{"name":"main"}]}`,
			`{"phase":"Running",` + notStarted + `,"containerStatuses":[{"name":"main","ready":false,"restartCount":4,
				"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 1m20s restarting failed container=main"}},
				"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]}`,
			nil, "CrashLoopBackOff: exit code 137 (OOMKilled), restarted 4 times",
		},
		"a crash loop of one of two containers": {
			`{"containers":[{"name":"main"},{"name":"side"}]}`,
			`{"phase":"Running",` + notStarted + `,"containerStatuses":[{"name":"main","ready":true,"state":{"running":{}}},
				{"name":"side","ready":false,"restartCount":1,"state":{"waiting":{"reason":"CrashLoopBackOff"}},
				"lastState":{"terminated":{"exitCode":1,"reason":"Error","message":"no such file\n"}}}]}`,
			nil, "container side CrashLoopBackOff: exit code 1 (Error): no such file, restarted once",
		},
		"it runs again after a crash": {
			`{"containers":[{"name":"main"}]}`,
			`{"phase":"Running",` + notStarted + `,"containerStatuses":[{"name":"main","ready":false,"restartCount":2,"state":{"running":{}},
				"lastState":{"terminated":{"exitCode":2,"reason":"Error"}}}]}`,
			nil, "runs again, not ready: exit code 2 (Error), restarted 2 times",
		},
		"a missing secret": {
			`{"containers":[{"name":"main"}]}`,
			`{"phase":"Pending",` + notStarted + `,"containerStatuses":[{"name":"main","ready":false,"state":{"waiting":{"reason":"CreateContainerConfigError","message":"secret \"db\" not found"}}}]}`,
			nil, `CreateContainerConfigError: secret "db" not found`,
		},
		"unschedulable": {
			`{"containers":[{"name":"main"}]}`,
			`{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/1 nodes are available: 1 Insufficient cpu."}]}`,
			nil, "unschedulable: 0/1 nodes are available: 1 Insufficient cpu.",
		},
		"a failing probe": {
			`{"containers":[{"name":"main"}]}`,
			`{"phase":"Running",` + notStarted + `,"containerStatuses":[{"name":"main","ready":false,"state":{"running":{}}}]}`,
			warningOf("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
			"running, not ready: Readiness probe failed: HTTP probe failed with statuscode: 503",
		},
		"a readiness gate": {
			`{"containers":[{"name":"main"}],"readinessGates":[{"conditionType":"example.com/registered"}]}`,
			`{"phase":"Running",` + notStarted + `,"containerStatuses":[{"name":"main","ready":true,"state":{"running":{}}}]}`,
			nil, "running, not ready: readiness gate example.com/registered is not met",
		},
		"a volume that can not be mounted": {
			`{"containers":[{"name":"main"}]}`,
			`{"phase":"Pending",` + notStarted + `,"containerStatuses":[{"name":"main","ready":false,"state":{"waiting":{"reason":"ContainerCreating"}}}]}`,
			warningOf("FailedMount", `MountVolume.SetUp failed for volume "c": configmap "c" not found`),
			`ContainerCreating: MountVolume.SetUp failed for volume "c": configmap "c" not found`,
		},
		"an init container that fails": {
			`{"initContainers":[{"name":"migrate"}],"containers":[{"name":"main"}]}`,
			`{"phase":"Pending",` + notStarted + `,"initContainerStatuses":[{"name":"migrate","ready":false,"restartCount":1,
				"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1,"reason":"Error"}}}],
				"containerStatuses":[{"name":"main","ready":false,"state":{"waiting":{"reason":"PodInitializing"}}}]}`,
			nil, "init container migrate CrashLoopBackOff: exit code 1 (Error), restarted once",
		},
		"an init container that runs": {
			`{"initContainers":[{"name":"migrate"}],"containers":[{"name":"main"}]}`,
			`{"phase":"Pending",` + notStarted + `,"initContainerStatuses":[{"name":"migrate","ready":false,"state":{"running":{}}}],
				"containerStatuses":[{"name":"main","ready":false,"state":{"waiting":{"reason":"PodInitializing"}}}]}`,
			nil, "init container migrate runs",
		},
		"failed": {
			`{"containers":[{"name":"main"}]}`,
			`{"phase":"Failed","containerStatuses":[{"name":"main","ready":false,"state":{"terminated":{"exitCode":3,"reason":"Error"}}}]}`,
			nil, "exit code 3 (Error)",
		},
		"evicted": {
			`{"containers":[{"name":"main"}]}`, `{"phase":"Failed","reason":"Evicted","message":"The node was low on resource: memory."}`,
			nil, "Evicted: The node was low on resource: memory.",
		},
		"scheduled and nothing more": {`{"containers":[{"name":"main"}]}`, `{"phase":"Pending",` + notStarted + `}`, nil, "pending"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := podOf(t, `{"metadata":{"name":"web-1","namespace":"a","uid":"p"},"spec":`+test.spec+`,"status":`+test.status+`}`)
			k := kin{pods: []corev1.Pod{pod}, events: map[types.UID][]corev1.Event{"p": test.events}}
			got := reason(object1(t, deploymentText), "Available: 0/3", k)
			if want := "Available: 0/3; pod web-1 " + test.want; got != want {
				t.Errorf("%s", got)
			}
		})
	}
}

func TestReasonOfAnObject(t *testing.T) {
	t.Parallel()
	waiting := `"status":{"phase":"Pending","containerStatuses":[{"name":"main","state":{"waiting":{"reason":"ErrImagePull","message":"no such image"}}}]}`
	ready := `{"metadata":{"name":"old"},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`
	unbound := podOf(t, `{"metadata":{"name":"db-0","uid":"p"},"status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."}]}}`)
	claim := corev1.PersistentVolumeClaim{Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}}
	claim.Name, claim.UID = "data-db-0", "c"
	for name, test := range map[string]struct {
		object, message string
		kin             kin
		want            string
	}{
		"pods alike are named once": {
			deploymentText, "Available: 1/3",
			kin{pods: []corev1.Pod{podOf(t, ready), podOf(t, `{"metadata":{"name":"web-1"},`+waiting+`}`), podOf(t, `{"metadata":{"name":"web-2"},`+waiting+`}`)}},
			"Available: 1/3; pod web-1 and 1 more ErrImagePull: no such image",
		},
		"a quota that lets no pod be made": {
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"status":{"conditions":[{"type":"ReplicaFailure","status":"True","reason":"FailedCreate","message":"pods \"web-1\" is forbidden: exceeded quota: q"}]}}`,
			"Replicas: 0/1", kin{}, `Replicas: 0/1; pods "web-1" is forbidden: exceeded quota: q`,
		},
		"a StatefulSet has only the event": {
			`{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"db","uid":"s"}}`, "Replicas: 0/1",
			kin{events: map[types.UID][]corev1.Event{"s": warningOf("FailedCreate", "create Pod db-0 failed: exceeded quota: q")}},
			"Replicas: 0/1; create Pod db-0 failed: exceeded quota: q",
		},
		"an unbound claim below a pod": {
			`{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"db"}}`, "Ready: 0/1",
			kin{pods: []corev1.Pod{unbound}, claims: []corev1.PersistentVolumeClaim{claim}, events: map[types.UID][]corev1.Event{"c": warningOf("ProvisioningFailed", `storageclass "fast" not found`)}},
			`Ready: 0/1; pod db-0 unschedulable: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.; claim data-db-0 is not bound: storageclass "fast" not found`,
		},
		"an unbound claim": {
			`{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","uid":"c"}}`, "PVC is not Bound. phase: Pending",
			kin{events: map[types.UID][]corev1.Event{"c": {{Type: "Normal", Reason: "WaitForFirstConsumer", Message: "waiting for first consumer to be created before binding"}}}},
			"PVC is not Bound. phase: Pending; waiting for first consumer to be created before binding",
		},
		"a job at its limit": {
			`{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"j"},"status":{"failed":1,"conditions":[{"type":"Failed","status":"True","reason":"BackoffLimitExceeded","message":"Job has reached the specified backoff limit"}]}}`,
			"Job Failed. failed: 1/1",
			kin{pods: []corev1.Pod{podOf(t, `{"metadata":{"name":"j-1"},"status":{"phase":"Failed","containerStatuses":[{"name":"main","state":{"terminated":{"exitCode":3,"reason":"Error"}}}]}}`)}},
			"Job Failed. failed: 1/1; BackoffLimitExceeded: Job has reached the specified backoff limit; pod j-1 exit code 3 (Error)",
		},
		"a job on its way there": {
			`{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"j"},"spec":{"backoffLimit":6},"status":{"failed":2}}`, "Job in progress",
			kin{}, "Job in progress; 2 failed, backoffLimit 6",
		},
		"a suspended job": {
			`{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"j"},"status":{"conditions":[{"type":"Suspended","status":"True"}]}}`, "Job not started",
			kin{}, "Job not started; suspended",
		},
		"finalizers": {
			`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["example.com/keep"]}}`,
			"Resource scheduled for deletion", kin{}, "Resource scheduled for deletion; finalizers: example.com/keep",
		},
		"a namespace": {
			`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n","deletionTimestamp":"2026-01-01T00:00:00Z"},"spec":{"finalizers":["kubernetes"]},
			"status":{"conditions":[{"type":"NamespaceFinalizersRemaining","status":"True","message":"Some content in the namespace has finalizers remaining: example.com/keep in 1 resource instances"}]}}`,
			"Resource scheduled for deletion", kin{},
			"Resource scheduled for deletion; finalizers: kubernetes; Some content in the namespace has finalizers remaining: example.com/keep in 1 resource instances",
		},
		"a resource of somebody's own": {
			`{"apiVersion":"example.com/v1","kind":"Bucket","metadata":{"name":"b"},"status":{"conditions":[{"type":"Ready","status":"False","reason":"Denied","message":"no such account"}]}}`,
			"no such account", kin{}, "Ready is False (Denied): no such account",
		},
		"one that says nothing": {`{"apiVersion":"example.com/v1","kind":"Bucket","metadata":{"name":"b"}}`, "Resource is current", kin{}, "Resource is current"},
		"a bare pod": {
			`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},` + waiting + `}`, "Pod is in the Pending phase", kin{},
			"Pod is in the Pending phase; ErrImagePull: no such image",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := reason(object1(t, test.object), test.message, test.kin); got != test.want {
				t.Errorf("%s", got)
			}
		})
	}
}

// During a roll-out the old pods are not what is waited for.
func TestPodsOfTheNewestTemplateComeFirst(t *testing.T) {
	t.Parallel()
	made := func(name, hash, at, more string) corev1.Pod {
		return podOf(t, `{"metadata":{"name":"`+name+`","labels":{"pod-template-hash":"`+hash+`"},"creationTimestamp":"2026-01-01T00:00:`+at+`Z"`+more+`}}`)
	}
	got := ranked([]corev1.Pod{
		made("a-old", "1", "01", ""), made("z-new", "2", "02", ""), made("b-leaves", "2", "03", `,"deletionTimestamp":"2026-01-01T00:00:09Z"`), made("y-new", "2", "02", ""),
	})
	var names []string
	for _, pod := range got {
		names = append(names, pod.Name)
	}
	if strings.Join(names, " ") != "y-new z-new a-old b-leaves" {
		t.Errorf("%q", names)
	}
}

func TestSecretsAreNotTold(t *testing.T) {
	t.Parallel()
	server := newAPI(t)
	list := infos(t, server.config(nil), manifest("v1", "Secret", "web", "s", nil, map[string]any{
		"data": map[string]any{"password": "aHVudGVyMi1odW50ZXIy", "short": "YWJj"}, "stringData": map[string]any{"key": "-----BEGIN-----\nabcdefgh\n-----END-----\n"},
	}))
	record := newRecord()
	record.build(list)
	record.secrets.add("---\napiVersion: v1\nkind: Secret\nmetadata: {name: t}\nstringData: {token: from-the-manifest}\n---\nkind: ConfigMap\napiVersion: v1\ndata: {a: not-a-secret}\n")
	for text, want := range map[string]string{
		"password is hunter2-hunter2!":       "password is [secret]!",
		"base64 aHVudGVyMi1odW50ZXIy":        "base64 [secret]",
		"abc abcdefgh":                       "abc [secret]",
		"token=from-the-manifest":            "token=[secret]",
		"ZnJvbS10aGUtbWFuaWZlc3Q=":           "[secret]",
		"not-a-secret":                       "not-a-secret",
		"password=what nobody told us about": "password=what nobody told us about",
	} {
		if got := record.redact(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestLastLinesAreBounded(t *testing.T) {
	t.Parallel()
	client := &Client{record: newRecord()}
	if got := client.lastLines(strings.Repeat("line\n", 50)); len(got) != logLines {
		t.Errorf("%d lines", len(got))
	}
	got := client.lastLines(strings.Repeat(strings.Repeat("é", 3000)+"\r\n", 30))
	size := 0
	for _, line := range got {
		size += len(line)
	}
	if len(got) == 0 || size > logBytes || strings.ContainsRune(got[0], '\uFFFD') {
		t.Errorf("%d lines, %d bytes", len(got), size)
	}
	if got := client.lastLines("\n"); got != nil {
		t.Errorf("%q", got)
	}
}

// A reason that was found is told once, and stays while the object's own message changes.
func TestReasonsAreToldOnce(t *testing.T) {
	t.Parallel()
	op, heard, _ := listened(t)
	text := strings.Replace(deploymentText, `"spec":`, `"status":{"replicas":3,"updatedReplicas":3,"availableReplicas":AVAILABLE},"spec":`, 1)
	list := infos(t, newAPI(t).config(nil), manifest("apps/v1", "Deployment", "a", "web", nil, nil))
	f := newFollower(&reporter{op: op}, list, aimReady)
	named := objectOf(list[0])
	f.saw(object1(t, strings.Replace(text, "AVAILABLE", "0", 1)), named.GroupResource)
	if due, next := f.due(); len(due) != 0 || time.Until(next) > lookAfter || time.Until(next) < 0 {
		t.Errorf("%v, %s", due, next)
	}
	k := kin{pods: []corev1.Pod{podOf(t, `{"metadata":{"name":"web-1"},"status":{"phase":"Pending","containerStatuses":[{"name":"main","state":{"waiting":{"reason":"ErrImagePull"}}}]}}`)}}
	for range 3 {
		f.learned(t.Context(), named, k)
	}
	if pause := f.unready[named].pause; pause != lookSeldom {
		t.Errorf("asked again after %s", pause)
	}
	f.saw(object1(t, strings.Replace(text, "AVAILABLE", "1", 1)), named.GroupResource)
	f.finish()
	want := []brief{
		{"resource", "Deployment a/web", "in_progress", "Available: 0/3"},
		{"resource", "Deployment a/web", "in_progress", "Available: 0/3; pod web-1 ErrImagePull"},
		{"resource", "Deployment a/web", "in_progress", "Available: 1/3; pod web-1 ErrImagePull"},
		{"resource", "Deployment a/web", "ready", ""},
	}
	got := heard.brief(bridge.TypeResource)
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v", got[i])
		}
	}
	if len(f.unready) != 0 {
		t.Errorf("%v", f.unready)
	}
}

// told is what is asked of it: which questions, and what the answers are.
type told struct {
	mu    sync.Mutex
	asked []string
	list  []corev1.Pod
	err   error
}

func (r *told) add(question string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, question)
}

func (r *told) pods(_ context.Context, namespace, selector string) ([]corev1.Pod, error) {
	r.add("pods " + namespace + " " + selector)
	return r.list, r.err
}

func (r *told) claim(_ context.Context, namespace, name string) (*corev1.PersistentVolumeClaim, error) {
	r.add("claim " + namespace + " " + name)
	return nil, r.err
}

func (r *told) events(_ context.Context, namespace string, of types.UID) ([]corev1.Event, error) {
	r.add("events " + namespace + " " + string(of))
	return nil, r.err
}

func TestOnlyWhatIsNeededIsAskedFor(t *testing.T) {
	t.Parallel()
	pulls := podOf(t, `{"metadata":{"name":"web-1","namespace":"a","uid":"p1"},"status":{"phase":"Pending","containerStatuses":[{"name":"main","state":{"waiting":{"reason":"ErrImagePull"}}}]}}`)
	runs := podOf(t, `{"metadata":{"name":"web-2","namespace":"a","uid":"p2"},"status":{"phase":"Running","containerStatuses":[{"name":"main","state":{"running":{}}}]}}`)
	again := podOf(t, `{"metadata":{"name":"web-3","namespace":"a","uid":"p3"},"status":{"phase":"Running","containerStatuses":[{"name":"main","state":{"running":{}}}]}}`)
	unbound := podOf(t, `{"metadata":{"name":"web-1","namespace":"a","uid":"p1"},"spec":{"volumes":[{"name":"c"},{"name":"d","persistentVolumeClaim":{"claimName":"data"}}]},
		"status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"unbound immediate PersistentVolumeClaims"}]}}`)
	for name, test := range map[string]struct {
		object string
		pods   []corev1.Pod
		err    error
		whole  bool
		want   string
	}{
		"a pod that says it itself":      {deploymentText, []corev1.Pod{pulls}, nil, false, "pods a app=web"},
		"events of one pod":              {deploymentText, []corev1.Pod{pulls, runs, again}, nil, false, "pods a app=web, events a p2"},
		"no pods":                        {deploymentText, nil, nil, false, "pods a app=web, events a d"},
		"nothing may be read":            {deploymentText, nil, errors.New("forbidden"), false, "pods a app=web, events a d"},
		"a claim of a pod":               {deploymentText, []corev1.Pod{unbound}, nil, false, "pods a app=web, events a p1, claim a data"},
		"all of it after a failure":      {deploymentText, []corev1.Pod{pulls, runs}, nil, true, "pods a app=web, events a d, events a p1, events a p2"},
		"a claim":                        {`{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"c","namespace":"a","uid":"c"}}`, nil, nil, false, "events a c"},
		"what nothing belongs to":        {`{"apiVersion":"example.com/v1","kind":"Bucket","metadata":{"name":"b","namespace":"a","uid":"b"}}`, nil, nil, false, ""},
		"an object that selects no pods": {`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"b","namespace":"a","uid":"b"}}`, nil, nil, false, "events a b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := &told{list: test.pods, err: test.err}
			k := kinOf(t.Context(), from, object1(t, test.object), test.whole)
			if got := strings.Join(from.asked, ", "); got != test.want {
				t.Errorf("asked for %q", got)
			}
			if test.err != nil && reason(object1(t, test.object), "Available: 0/3", k) != "Available: 0/3" {
				t.Error(k)
			}
		})
	}
}

func TestNothingIsAskedForNobody(t *testing.T) {
	t.Parallel()
	w := &waiter{client: New(bridge.NewOperation(context.Background()), nil, nil, Options{}), strategy: kube.StatusWatcherStrategy}
	if followed, stop := w.follow(aimReady, nil); followed != nil {
		t.Error("followed")
	} else {
		stop()
	}
}
