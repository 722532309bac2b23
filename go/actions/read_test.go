package actions

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

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
