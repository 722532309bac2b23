package watch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

func TestReadServerSide(t *testing.T) {
	t.Parallel()
	// Breaks when Helm renames what is looked at.
	for name, test := range map[string]struct {
		options []kube.ClientCreateOption
		want    bool
	}{
		"nothing said": {nil, true},
		"server-side":  {[]kube.ClientCreateOption{kube.ClientCreateOptionServerSideApply(true, true)}, true},
		"client-side":  {[]kube.ClientCreateOption{kube.ClientCreateOptionServerSideApply(false, false), kube.ClientCreateOptionDryRun(true)}, false},
		"the last":     {[]kube.ClientCreateOption{kube.ClientCreateOptionServerSideApply(false, false), kube.ClientCreateOptionServerSideApply(true, false)}, true},
		"refused":      {[]kube.ClientCreateOption{kube.ClientCreateOptionServerSideApply(false, true)}, true},
	} {
		if got, known := readServerSide(test.options); got != test.want || !known {
			t.Errorf("%s: %t (known: %t)", name, got, known)
		}
	}
}

var clientSide = kube.ClientCreateOptionServerSideApply(false, false)

// chart is a list in Helm's order of kinds.
func chart(size int) []map[string]any {
	var manifests []map[string]any
	for i := range size {
		manifests = append(manifests, manifest("v1", "Secret", "web", fmt.Sprintf("s%d", i), owned, nil))
	}
	for i := range size {
		manifests = append(manifests, configMap(fmt.Sprintf("c%d", i), owned, map[string]any{"x": "1"}))
	}
	return manifests
}

// What Helm does, request by request, is what this client does, for each way to create and to update.
func TestAppliesAsHelmDoes(t *testing.T) {
	t.Parallel()
	updates := map[string][]kube.ClientUpdateOption{
		"server-side":        {kube.ClientUpdateOptionServerSideApply(true, true)},
		"fields handed over": {kube.ClientUpdateOptionServerSideApply(true, false), kube.ClientUpdateOptionUpgradeClientSideFieldManager(true)},
		"client-side":        {kube.ClientUpdateOptionServerSideApply(false, false)},
		"replaced":           {kube.ClientUpdateOptionServerSideApply(false, false), kube.ClientUpdateOptionForceReplace(true)},
		"tried only":         {kube.ClientUpdateOptionDryRun(true), kube.ClientUpdateOptionFieldValidationDirective(kube.FieldValidationDirectiveWarn)},
	}
	for name, options := range updates {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			create := []kube.ClientCreateOption{kube.ClientCreateOptionServerSideApply(!strings.Contains(name, "client-side") && name != "replaced", false)}
			var runs [2][]string
			for i := range runs {
				server := newAPI(t)
				op, _, _ := listened(t)
				transport := NewTransport(op, Options{})
				config := server.config(transport)
				var client kube.Interface = New(op, nil, transport, Options{})
				if i == 0 {
					client = &kube.Client{}
				}
				list := func(manifests ...map[string]any) kube.ResourceList { return infos(t, config, manifests...) }
				if _, err := client.Create(list(chart(3)...), create...); err != nil {
					t.Fatal(err)
				}
				before := list(append(chart(3), configMap("old", owned, nil))...)
				server.put(maps1+"/old", configMap("old", nil, nil))
				target := list(append(chart(2), configMap("new", owned, nil))...)
				target[3].Object.(interface{ SetLabels(map[string]string) }).SetLabels(map[string]string{"changed": "yes"})
				result, err := client.Update(before, target, options...)
				if err != nil {
					t.Fatal(err)
				}
				if got := names(result.Created); !slices.Equal(got, []string{"new"}) {
					t.Errorf("created %q", got)
				}
				if got := names(result.Updated); !slices.Equal(got, []string{"s0", "s1", "c0", "c1"}) {
					t.Errorf("updated %q", got)
				}
				if got := names(result.Deleted); !slices.Equal(got, []string{"s2", "c2", "old"}) {
					t.Errorf("deleted %q", got)
				}
				for _, request := range server.take() {
					runs[i] = append(runs[i], versions.ReplaceAllString(request, ""))
				}
			}
			if !slices.Equal(runs[0], runs[1]) {
				t.Errorf("Helm sends\n%s\nthis client\n%s", strings.Join(runs[0], "\n"), strings.Join(runs[1], "\n"))
			}
		})
	}
}

// versions depend on which of several requests comes first.
var versions = regexp.MustCompile(`,"resourceVersion":"\d+"`)

func names(list kube.ResourceList) []string {
	found := []string{}
	for _, info := range list {
		found = append(found, info.Name)
	}
	return found
}

func TestFailsAsHelmDoes(t *testing.T) {
	t.Parallel()
	type outcome struct {
		created, updated, deleted []string
		failure                   string
		requests                  []string
	}
	for name, test := range map[string]struct {
		refuse string // the request that the server refuses
		run    func(kube.Interface, kube.ResourceList) (*kube.Result, error)
	}{
		"create client-side": {"POST " + maps1, func(c kube.Interface, list kube.ResourceList) (*kube.Result, error) {
			return c.Create(list, clientSide)
		}},
		"create server-side": {"PATCH " + maps1 + "/c1", func(c kube.Interface, list kube.ResourceList) (*kube.Result, error) {
			return c.Create(list)
		}},
		"create nothing": {"", func(c kube.Interface, _ kube.ResourceList) (*kube.Result, error) {
			return c.Create(nil, clientSide)
		}},
		"create with what excludes each other": {"", func(c kube.Interface, list kube.ResourceList) (*kube.Result, error) {
			return c.Create(list, kube.ClientCreateOptionServerSideApply(false, true))
		}},
		"update, unreadable": {"GET " + maps1 + "/c0", func(c kube.Interface, list kube.ResourceList) (*kube.Result, error) {
			return c.Update(nil, list)
		}},
		"update, uncreatable": {"PATCH " + maps1 + "/c0", func(c kube.Interface, list kube.ResourceList) (*kube.Result, error) {
			return c.Update(nil, list)
		}},
		"update with what excludes each other": {"", func(c kube.Interface, list kube.ResourceList) (*kube.Result, error) {
			return c.Update(nil, list, kube.ClientUpdateOptionForceReplace(true))
		}},
		"delete": {"DELETE " + maps1 + "/c0", func(c kube.Interface, list kube.ResourceList) (*kube.Result, error) {
			result, errs := c.Delete(list, metav1.DeletePropagationForeground)
			return result, errors.Join(errs...)
		}},
		"delete nothing": {"", func(c kube.Interface, _ kube.ResourceList) (*kube.Result, error) {
			result, errs := c.Delete(nil, metav1.DeletePropagationForeground)
			return result, errors.Join(errs...)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var outcomes [2]outcome
			for i := range outcomes {
				server := newAPI(t)
				server.answer = func(w http.ResponseWriter, r *http.Request) bool {
					refused := r.Method+" "+r.URL.Path == test.refuse
					if refused {
						refuse(w, http.StatusForbidden, "Forbidden", "not for you")
					}
					return refused
				}
				op, _, _ := listened(t)
				transport := NewTransport(op, Options{})
				var client kube.Interface = New(op, nil, transport, Options{})
				if i == 0 {
					client = &kube.Client{}
				}
				list := infos(t, server.config(transport), configMap("c0", owned, nil), manifest("v1", "Secret", "web", "s0", owned, nil))
				result, err := test.run(client, list)
				if err != nil {
					outcomes[i].failure = err.Error()
				}
				if result != nil {
					outcomes[i].created, outcomes[i].updated, outcomes[i].deleted = names(result.Created), names(result.Updated), names(result.Deleted)
				}
				outcomes[i].requests = server.take()
			}
			if helm, ours := fmt.Sprintf("%q", outcomes[0]), fmt.Sprintf("%q", outcomes[1]); helm != ours {
				t.Errorf("Helm:\n%s\nthis client:\n%s", helm, ours)
			}
		})
	}
}

// An object that can not be changed does not hold the others up, and all errors are told.
func TestUpdateGoesOnPastWhatCanNotBeChanged(t *testing.T) {
	t.Parallel()
	var failures [2]string
	for i := range failures {
		server := newAPI(t)
		for _, made := range chart(2) {
			server.put(fmt.Sprintf("/api/v1/namespaces/web/%ss/%s", strings.ToLower(made["kind"].(string)), made["metadata"].(map[string]any)["name"]), decode(encode(made)))
		}
		server.answer = func(w http.ResponseWriter, r *http.Request) bool {
			refused := r.Method == http.MethodPatch && !strings.HasSuffix(r.URL.Path, "/c1")
			if refused {
				refuse(w, http.StatusForbidden, "Forbidden", "not for you")
			}
			return refused
		}
		op, _, _ := listened(t)
		transport := NewTransport(op, Options{})
		var client kube.Interface = New(op, nil, transport, Options{})
		if i == 0 {
			client = &kube.Client{}
		}
		list := infos(t, server.config(transport), chart(2)...)
		result, err := client.Update(list, infos(t, server.config(transport), chart(2)...))
		if err == nil || !apierrors.IsForbidden(err) {
			t.Fatalf("%v", err)
		}
		if got := names(result.Updated); len(got) != 4 {
			t.Errorf("updated %q", got)
		}
		failures[i] = err.Error()
	}
	if failures[0] != failures[1] {
		t.Errorf("Helm: %s\nthis client: %s", failures[0], failures[1])
	}
}

// Helm makes one object at a time in the whole process (createMutex).
func TestCreatesAtOnce(t *testing.T) {
	t.Parallel()
	const operations, objects, roundTrip = 8, 5, 20 * time.Millisecond
	server := newAPI(t)
	server.delay = roundTrip
	var group sync.WaitGroup
	start := time.Now()
	for i := range operations {
		op, _, _ := listened(t)
		client := New(op, nil, nil, Options{})
		manifests := make([]map[string]any, objects)
		for j := range manifests {
			manifests[j] = configMap(fmt.Sprintf("c%d-%d", i, j), owned, nil)
		}
		list := infos(t, server.config(nil), manifests...)
		group.Go(func() {
			if _, err := client.Create(list, clientSide); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	took := time.Since(start)
	if server.most < operations {
		t.Errorf("%d requests at once at most, %s", server.most, took)
	}
	if t.Failed() {
		return
	}
	for _, info := range infos(t, server.config(nil), configMap("c0-0", nil, nil)) {
		if err := info.Get(); err != nil {
			t.Error(err)
		}
	}
}

// Kinds come one after the other, also where it is this client that makes them.
func TestCreateKeepsTheOrderOfKinds(t *testing.T) {
	t.Parallel()
	server := newAPI(t)
	op, heard, _ := listened(t)
	transport := NewTransport(op, Options{})
	client := New(op, nil, transport, Options{})
	list := infos(t, server.config(transport), chart(3)...)
	if _, err := client.Create(list, clientSide); err != nil {
		t.Fatal(err)
	}
	for i, request := range server.seen() {
		if want := []string{"secrets", "configmaps"}[i/3]; !strings.Contains(request, "/"+want+"?fieldManager=helm") {
			t.Errorf("request %d: %s", i, request)
		}
	}
	if got := heard.actions(); len(got) != 6 || got[0] != "ConfigMap web/c0 created" {
		t.Errorf("%q", got)
	}
	if got := heard.phases(); !slices.Equal(got, []string{"applying"}) {
		t.Errorf("%q", got)
	}
}

func TestConflictIsTriedAgain(t *testing.T) {
	t.Parallel()
	server := newAPI(t)
	var once sync.Once
	server.answer = func(w http.ResponseWriter, _ *http.Request) (answered bool) {
		once.Do(func() {
			refuse(w, http.StatusConflict, "Conflict", "quota changed")
			answered = true
		})
		return answered
	}
	op, _, _ := listened(t)
	transport := NewTransport(op, Options{})
	client := New(op, nil, transport, Options{})
	list := infos(t, server.config(transport), configMap("a", owned, nil))
	if _, err := client.Create(list, clientSide); err != nil {
		t.Fatal(err)
	}
	if sent := server.seen(); len(sent) != 2 {
		t.Errorf("%q", sent)
	}
	if failures := client.Failures(); len(failures) != 0 {
		t.Errorf("%v", failures)
	}
}

// Client-side, what needs no change is not even sent.
func TestUpdateTellsWhatIsUnchanged(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]kube.ClientUpdateOption{
		"server-side": nil,
		"client-side": {kube.ClientUpdateOptionServerSideApply(false, false)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newAPI(t)
			op, heard, _ := listened(t)
			transport := NewTransport(op, Options{})
			client := New(op, nil, transport, Options{})
			config := server.config(transport)
			first := infos(t, config, configMap("a", owned, map[string]any{"x": "1"}), configMap("b", owned, map[string]any{"x": "1"}), configMap("c", owned, nil))
			if _, err := client.Create(first); err != nil {
				t.Fatal(err)
			}
			heard.reset()
			before := infos(t, config, configMap("a", owned, map[string]any{"x": "1"}), configMap("b", owned, map[string]any{"x": "1"}), configMap("c", owned, nil))
			after := infos(t, config, configMap("a", owned, map[string]any{"x": "1"}), configMap("b", owned, map[string]any{"x": "2"}), configMap("d", owned, nil))
			if _, err := client.Update(before, after, options...); err != nil {
				t.Fatal(err)
			}
			want := []string{"ConfigMap web/a unchanged", "ConfigMap web/b configured", "ConfigMap web/c deleted", "ConfigMap web/d created"}
			if got := heard.actions(); !slices.Equal(got, want) {
				t.Errorf("%q", got)
			}
		})
	}
}

// What an uninstall has to know, past Helm's own checks, whose errors Helm drops.
func TestKeepsWhatIsLeftToDelete(t *testing.T) {
	t.Parallel()
	server := newAPI(t)
	op, heard, cancel := listened(t)
	transport := NewTransport(op, Options{})
	client := New(op, nil, transport, Options{Action: "delete"})
	config := server.config(transport)
	hook := configMap("hook", map[string]string{"helm.sh/hook": "pre-delete"}, nil)
	var all []map[string]any
	for _, name := range []string{"gone", "there", "foreign", "unreadable", "refused", "late"} {
		all = append(all, configMap(name, owned, nil))
		server.put(maps1+"/"+name, configMap(name, owned, nil))
	}
	server.put(maps1+"/hook", hook)
	delete(server.objects, maps1+"/gone")
	server.answer = func(w http.ResponseWriter, r *http.Request) bool {
		refused := r.Method+" "+r.URL.Path == "GET "+maps1+"/unreadable" || r.Method+" "+r.URL.Path == "DELETE "+maps1+"/refused"
		if refused {
			refuse(w, http.StatusInternalServerError, "InternalError", "no")
		}
		return refused
	}
	built := infos(t, config, all...)
	client.record.build(append(built, infos(t, config, hook)...))

	// As Helm asks (helm: pkg/action/validate.go, verifyOwnershipBeforeDelete).
	for _, info := range built {
		_, _ = resource.NewHelper(info.Client, info.Mapping).Get(info.Namespace, info.Name)
	}
	if _, errs := client.Delete(infos(t, config, hook), metav1.DeletePropagationBackground); len(errs) > 0 {
		t.Fatal(errs)
	}
	_, errs := client.Delete(kube.ResourceList{built[1], built[4]}, metav1.DeletePropagationBackground)
	if len(errs) != 1 {
		t.Fatalf("%v", errs)
	}
	cancel()
	if _, errs := client.Delete(kube.ResourceList{built[5]}, metav1.DeletePropagationBackground); len(errs) != 1 || !errors.Is(errs[0], context.Canceled) {
		t.Fatalf("%v", errs)
	}
	labels := func(list []bridge.Resource) (found []string) {
		for _, named := range list {
			found = append(found, label(named))
		}
		return found
	}
	if got := labels(client.Deleted()); !slices.Equal(got, []string{"ConfigMap web/there"}) {
		t.Errorf("deleted %q", got)
	}
	if got := labels(client.Remaining()); !slices.Equal(got, []string{"ConfigMap web/refused", "ConfigMap web/late", "ConfigMap web/unreadable"}) {
		t.Errorf("remaining %q", got)
	}
	var failures []string
	for _, failure := range client.Failures() {
		failures = append(failures, failure.Error())
	}
	if want := []string{"get ConfigMap web/unreadable: no", "delete ConfigMap web/refused: no"}; !slices.Equal(failures, want) {
		t.Errorf("%q", failures)
	}
	if got := heard.actions(); !slices.Equal(got, []string{"ConfigMap web/hook deleted", "ConfigMap web/there deleted"}) {
		t.Errorf("%q", got)
	}
	if got := heard.phases(); !slices.Equal(got, []string{"pre-delete", "deleting"}) {
		t.Errorf("%q", got)
	}
}

func TestCancelledClientDoesNothing(t *testing.T) {
	t.Parallel()
	server := newAPI(t)
	op, _, cancel := listened(t)
	transport := NewTransport(op, Options{})
	client := New(op, brokenFactory{}, transport, Options{Refresh: func() { t.Error("refreshed") }})
	list := infos(t, server.config(transport), configMap("a", owned, nil))
	cancel()
	for name, call := range map[string]func() error{
		"Create":  func() error { _, err := client.Create(list); return err },
		"Update":  func() error { result, err := client.Update(list, list); _ = result.Created; return err },
		"Delete":  func() error { _, errs := client.Delete(list, "Background"); return errs[0] },
		"Get":     func() error { _, err := client.Get(list, true); return err },
		"Build":   func() error { _, err := client.Build(strings.NewReader("a: b"), true); return err },
		"Table":   func() error { _, err := client.BuildTable(strings.NewReader("a: b"), true); return err },
		"Waiter":  func() error { _, err := client.GetWaiter(kube.StatusWatcherStrategy); return err },
		"Reach":   client.IsReachable,
		"PodList": func() error { _, err := client.GetPodList("web", metav1.ListOptions{}); return err },
		"Logs":    func() error { return client.OutputContainerLogsForPodList(nil, "web", nil) },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if sent := server.seen(); len(sent) != 0 {
		t.Errorf("sent %q", sent)
	}
}

// brokenFactory panics: Helm calls the client on goroutines of its own, where a panic would end the process.
type brokenFactory struct{ kube.Factory }

func TestPanicsBecomeErrors(t *testing.T) {
	t.Parallel()
	op, _, _ := listened(t)
	client := New(op, brokenFactory{}, nil, Options{})
	list := kube.ResourceList{nil}
	var made *waiter
	for name, call := range map[string]func() error{
		"Create":  func() error { _, err := client.Create(list, clientSide); return err },
		"Update":  func() error { result, err := client.Update(list, list); _ = result.Created; return err },
		"Delete":  func() error { _, errs := client.Delete(list, "Background"); return errs[0] },
		"Get":     func() error { _, err := client.Get(list, true); return err },
		"Build":   func() error { _, err := client.Build(strings.NewReader("a: b"), true); return err },
		"Table":   func() error { _, err := client.BuildTable(strings.NewReader("a: b"), true); return err },
		"Waiter":  func() error { _, err := client.GetWaiter(kube.StatusWatcherStrategy); return err },
		"Reach":   client.IsReachable,
		"PodList": func() error { _, err := client.GetPodList("web", metav1.ListOptions{}); return err },
		"Wait":    func() error { return made.wait("Wait", aimReady, list, time.Second, nil) },
	} {
		made = &waiter{client: client}
		err := call()
		var panicked *bridge.Error
		if !errors.As(err, &panicked) || panicked.Code != bridge.CodePanic || panicked.Details["stack"] == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefreshesAfterDefinitions(t *testing.T) {
	t.Parallel()
	server := newAPI(t)
	op, heard, _ := listened(t)
	refreshed := 0
	options := Options{Refresh: func() { refreshed++ }}
	transport := NewTransport(op, options)
	client := New(op, nil, transport, options)
	config := server.config(transport)
	definition := infos(t, config, manifest("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "things.example.com", nil, nil))
	if _, err := client.Create(definition, clientSide); err != nil || refreshed != 1 {
		t.Fatalf("%d times, %v", refreshed, err)
	}
	if _, err := client.Create(infos(t, config, configMap("a", owned, nil)), clientSide); err != nil || refreshed != 1 {
		t.Fatalf("%d times, %v", refreshed, err)
	}
	if _, err := client.Update(definition, definition); err != nil || refreshed < 2 {
		t.Fatalf("%d times, %v", refreshed, err)
	}
	if got := heard.phases(); !slices.Equal(got, []string{"crds", "applying"}) {
		t.Errorf("%q", got)
	}
}

func TestGetReadsAtOnceWhatHelmReads(t *testing.T) {
	t.Parallel()
	var runs [2]string
	for i := range runs {
		server := newAPI(t)
		server.delay = 10 * time.Millisecond
		op, _, cancel := listened(t)
		transport := NewTransport(op, Options{})
		var client kube.Interface = New(op, nil, transport, Options{})
		if i == 0 {
			client = &kube.Client{}
		}
		list := infos(t, server.config(transport), append(chart(10), configMap("missing", nil, nil))...)
		for _, info := range list[:20] {
			server.put("/api/v1/namespaces/web/"+info.Mapping.Resource.Resource+"/"+info.Name, info.Object.(*unstructured.Unstructured).Object)
		}
		objects, err := client.Get(list, false)
		if err != nil {
			t.Fatal(err)
		}
		runs[i] = string(encode(objects)) + strings.Join(server.take(), "\n")
		if i == 1 {
			if server.most < 10 {
				t.Errorf("%d at once", server.most)
			}
			cancel()
			if _, err := client.Get(list, false); !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		}
	}
	if runs[0] != runs[1] {
		t.Errorf("Helm: %s\nthis client: %s", runs[0], runs[1])
	}
}
