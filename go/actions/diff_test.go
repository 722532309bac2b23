package actions

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/helm-sdkpy/helm-sdkpy/go/drift"
)

const web = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers: [{name: c, image: registry.example/c, ports: [{containerPort: 80}], resources: {requests: {cpu: 1000m}}}]
`

const secret = `apiVersion: v1
kind: Secret
metadata:
  name: login
stringData:
  password: {{ .Values.password | default "swordfish" }}
`

func (r *rig) diff(name, chart string, change func(*DiffRequest)) (*Difference, error) {
	op, _ := r.op()
	request := DiffRequest{ReleaseName: name, ChartSource: ChartSource{ChartPath: chart}}
	if change != nil {
		change(&request)
	}
	must(r.t, request.Validate())
	return Diff(op, r.config, request)
}

// differing are the objects that differ, as "action kind/name path…".
func differing(found *Difference) []string {
	var lines []string
	for _, object := range found.Objects {
		if !object.Differs() {
			continue
		}
		line := object.Action + " " + object.Kind + "/" + object.Name
		for _, change := range object.Changes {
			line += " " + change.Path
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

func TestDrift(t *testing.T) {
	t.Parallel()
	for method, serverSide := range map[string]string{"server": "true", "client": "false"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			chart := chartOf(t, map[string]string{"web": web, "login": secret, "one": configMap("one"), "two": configMap("two")})
			_, err := r.install("shop", chart, func(request *InstallRequest) { request.Wait, request.ServerSide = "hookOnly", serverSide })
			must(t, err)

			found, err := r.diff("shop", "", nil)
			must(t, err)
			if lines := differing(found); len(lines) > 0 || found.Changed || found.Text != "" {
				t.Fatalf("drift of what was just installed: %q\n%s", lines, found.Text)
			}

			ctx, core := context.Background(), r.direct.CoreV1()
			byAnother := metav1.PatchOptions{FieldManager: "another"}
			_, err = r.direct.AppsV1().Deployments(r.namespace).Patch(ctx, "web", types.MergePatchType, []byte(`{"spec": {"replicas": 5}}`), byAnother)
			must(t, err)
			_, err = core.ConfigMaps(r.namespace).Patch(ctx, "one", types.MergePatchType, []byte(`{"metadata": {"labels": {"theirs": "yes"}}, "data": {"revision": "7", "theirs": "too"}}`), byAnother)
			must(t, err)
			must(t, core.ConfigMaps(r.namespace).Delete(ctx, "two", metav1.DeleteOptions{}))
			_, err = core.Secrets(r.namespace).Patch(ctx, "login", types.MergePatchType, []byte(`{"stringData": {"password": "opensesame"}}`), byAnother)
			must(t, err)

			found, err = r.diff("shop", "", nil)
			must(t, err)
			lines := strings.Join(differing(found), "\n")
			for _, want := range []string{
				"change Deployment/web /spec/replicas", "change ConfigMap/one /data/revision", "create ConfigMap/two", "change Secret/login /data/password",
			} {
				if !strings.Contains(lines, want) {
					t.Errorf("no %q in\n%s", want, lines)
				}
			}
			if strings.Contains(lines, "theirs") {
				t.Errorf("what others added is no drift:\n%s", lines)
			}
			for _, hidden := range []string{"swordfish", "opensesame", "c3dvcmRmaXNo", "b3BlbnNlc2FtZQ"} {
				if strings.Contains(found.Text, hidden) {
					t.Errorf("%q is in the text", hidden)
				}
			}
			if !strings.Contains(found.Text, "-  password: '*** (before)'\n+  password: '*** (after)'") {
				t.Errorf("the text does not show that the password differs:\n%s", found.Text)
			}

			found, err = r.diff("shop", "", func(request *DiffRequest) {
				request.IgnoreManagers = []string{"another"}
				request.Ignore = []drift.Rule{{Paths: []string{""}, Kind: "ConfigMap", Name: "tw*"}}
			})
			must(t, err)
			if lines := differing(found); len(lines) > 0 {
				t.Errorf("what is ignored differs: %q", lines)
			}
		})
	}
}

func TestDiffWritesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chart := chartOf(t, map[string]string{"web": web, "login": secret, "one": configMap("one")})
	_, err := r.install("shop", chart, func(request *InstallRequest) { request.Wait = "hookOnly" })
	must(t, err)
	versions := func() map[string]string {
		found := map[string]string{}
		configMaps, err := r.direct.CoreV1().ConfigMaps(r.namespace).List(context.Background(), metav1.ListOptions{})
		must(t, err)
		secrets, err := r.direct.CoreV1().Secrets(r.namespace).List(context.Background(), metav1.ListOptions{})
		must(t, err)
		for _, object := range configMaps.Items {
			found["ConfigMap "+object.Name] = object.ResourceVersion
		}
		for _, object := range secrets.Items {
			found["Secret "+object.Name] = object.ResourceVersion
		}
		return found
	}
	before := versions()
	var mu sync.Mutex
	var written []string
	dry := 0
	r.decide(func(request *http.Request) fault {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case request.Method == http.MethodGet:
		case request.URL.Query().Get("dryRun") == "All":
			dry++
		default:
			written = append(written, request.Method+" "+request.URL.String())
		}
		return fault{}
	})
	next := chartOf(t, map[string]string{"login": secret, "one": configMap("one"), "new": configMap("new"), "job": hookPod("job", "pre-upgrade")})
	for _, serverSide := range []string{"", "false"} {
		found, err := r.diff("shop", next, func(request *DiffRequest) { request.ServerSide = serverSide })
		must(t, err)
		want := "change ConfigMap/one /data/revision\ncreate ConfigMap/new\ndelete Deployment/web\ncreate Pod/job"
		lines := differing(found)
		for _, line := range strings.Split(want, "\n") {
			if !strings.Contains(strings.Join(lines, "\n"), line) {
				t.Errorf("no %q in %q", line, lines)
			}
		}
	}
	_, err = r.diff("shop", "", nil)
	must(t, err)
	_, err = r.diff("other", next, func(request *DiffRequest) { request.Install = true })
	if err == nil {
		t.Error("objects of another release were taken over")
	}
	mu.Lock()
	defer mu.Unlock()
	if len(written) > 0 || dry == 0 {
		t.Errorf("%d dry runs, and writes: %q", dry, written)
	}
	after := versions()
	for name, version := range before {
		if after[name] != version {
			t.Errorf("%s was written", name)
		}
	}
	if len(after) != len(before) {
		t.Errorf("there were %d objects, and now there are %d", len(before), len(after))
	}
}

func TestDiffShowsConflictsAndRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.install("shop", chartOf(t, map[string]string{"web": web, "one": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: x}\n"}),
		func(request *InstallRequest) { request.Wait = "hookOnly" })
	must(t, err)
	apply := `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "theirs"}}`
	force := true
	_, err = r.direct.CoreV1().ConfigMaps(r.namespace).Patch(context.Background(), "one", types.ApplyPatchType, []byte(apply), metav1.PatchOptions{FieldManager: "another", Force: &force})
	must(t, err)
	next := chartOf(t, map[string]string{
		"web": strings.ReplaceAll(web, "app: web", "app: other"), "one": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: ours}\n",
		"kept":    "apiVersion: example.com/v1\nkind: Unknown\nmetadata: {name: thing}\n",
		"strange": strings.ReplaceAll(configMap("far"), "name: far", "name: far\n  namespace: nowhere"),
	})
	found, err := r.diff("shop", next, nil)
	must(t, err)
	lines := strings.Join(differing(found), "\n")
	for _, want := range []string{"conflict ConfigMap/one /data/a", "refused Deployment/web", "refused Unknown/thing", "refused ConfigMap/far"} {
		if !strings.Contains(lines, want) {
			t.Errorf("no %q in\n%s", want, lines)
		}
	}
	if !strings.Contains(found.Text, "field is immutable") || !strings.Contains(found.Text, `conflict with "another"`) {
		t.Errorf("the text does not say why:\n%s", found.Text)
	}
	found, err = r.diff("shop", next, func(request *DiffRequest) { request.ForceConflicts = true })
	must(t, err)
	if lines := strings.Join(differing(found), "\n"); !strings.Contains(lines, "change ConfigMap/one /data/a") {
		t.Errorf("force_conflicts takes nothing over:\n%s", lines)
	}
}
