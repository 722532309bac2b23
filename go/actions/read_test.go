package actions

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/internal/testcluster"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// A read that follows another one asks for no list, and still sees at once what another process did meanwhile.
func TestReadsAfterReads(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	others, err := session.NewPool().Open(session.Options{
		Namespace: r.namespace, Kubeconfig: &session.Kubeconfig{Paths: []string{testcluster.Shared(t).Kubeconfig}},
		Environment: map[string]string{"HOME": t.TempDir()},
	})
	must(t, err)
	t.Cleanup(func() { must(t, others.Close()) })
	other := &rig{t: t, config: others}
	chart := chartOf(t, map[string]string{"one": configMap("one")})
	given := func(text string) ValueOptions { return ValueOptions{Values: json.RawMessage(text)} }
	reads := func(want string) {
		t.Helper()
		op, _ := r.op()
		values, err := GetValues(op, r.config, GetValuesRequest{ReleaseName: "shop"})
		must(t, err)
		if got := values["n"]; got != want {
			t.Errorf("read %v, want %s", got, want)
		}
	}

	_, err = other.install("shop", chart, func(request *InstallRequest) { request.ValueOptions = given(`{"n": "first"}`) })
	must(t, err)
	reads("first")
	lists := 0
	r.decide(func(request *http.Request) fault {
		if request.Method == http.MethodGet && strings.HasSuffix(request.URL.Path, "/secrets") {
			lists++
		}
		return fault{}
	})
	reads("first")
	if lists != 0 {
		t.Errorf("the second read listed records %d times", lists)
	}

	for _, number := range []string{"second", "third"} {
		_, err = other.upgrade("shop", chart, func(request *UpgradeRequest) { request.ValueOptions = given(`{"n": "` + number + `"}`) })
		must(t, err)
	}
	reads("third")

	must(t, other.uninstall("shop"))
	op, _ := r.op()
	_, err = GetValues(op, r.config, GetValuesRequest{ReleaseName: "shop"})
	var failed *bridge.Error
	if !errors.As(err, &failed) || failed.Code != codeReleaseNotFound {
		t.Errorf("reading an uninstalled release gave %v", err)
	}

	_, err = other.install("shop", chart, func(request *InstallRequest) { request.ValueOptions = given(`{"n": "anew"}`) })
	must(t, err)
	reads("anew")
}

// A status that follows another one reads record and objects at once, and tells what another process changed of either.
func TestStatusAfterStatus(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	others, err := session.NewPool().Open(session.Options{
		Namespace: r.namespace, Kubeconfig: &session.Kubeconfig{Paths: []string{testcluster.Shared(t).Kubeconfig}},
		Environment: map[string]string{"HOME": t.TempDir()},
	})
	must(t, err)
	t.Cleanup(func() { must(t, others.Close()) })
	other := &rig{t: t, config: others}
	status := func(want string) {
		t.Helper()
		var told [2]string
		for i, config := range []*session.Configuration{r.config, others} {
			op, _ := r.op()
			rel, err := Status(op, config, RevisionRequest{ReleaseName: "shop"})
			must(t, err)
			for kind, objects := range rel.Info.Resources {
				for _, object := range objects {
					read := unstructured.Unstructured{Object: object.(map[string]any)}
					told[i] += fmt.Sprintf("%d %s %s %s\n", rel.Version, kind, read.GetName(), read.GetResourceVersion())
				}
			}
			if !strings.Contains(told[i], want) {
				t.Errorf("told %q, which has no %q", told[i], want)
			}
		}
		if told[0] != told[1] {
			t.Errorf("told %q and %q", told[0], told[1])
		}
	}
	one, two := chartOf(t, map[string]string{"one": configMap("one")}), chartOf(t, map[string]string{"two": configMap("two")})

	_, err = other.install("shop", one, func(*InstallRequest) {})
	must(t, err)
	status("1 v1/ConfigMap one")
	status("1 v1/ConfigMap one")

	_, err = other.upgrade("shop", two, func(*UpgradeRequest) {})
	must(t, err)
	status("2 v1/ConfigMap two")
	status("2 v1/ConfigMap two")

	var late atomic.Bool
	r.decide(func(request *http.Request) fault {
		late.Store(late.Load() || strings.HasSuffix(request.URL.Path, "/configmaps/two"))
		return fault{}
	})
	status("2 v1/ConfigMap two")
	if !late.Load() {
		t.Error("the object was not read again")
	}

	must(t, other.uninstall("shop"))
	op, _ := r.op()
	_, err = Status(op, r.config, RevisionRequest{ReleaseName: "shop"})
	var failed *bridge.Error
	if !errors.As(err, &failed) || failed.Code != codeReleaseNotFound {
		t.Errorf("the status of an uninstalled release is %v", err)
	}
}
