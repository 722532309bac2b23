package actions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// The failure paths of Helm, each on the real control plane: what is left after them (design §3, "Cancelling").

func asError(err error, into **bridge.Error) bool { return errors.As(err, into) }

// Helm takes one failed GET of its ownership check for "unverifiable", deletes the others and purges the history: the
// object that it could not ask about would be an orphan.
func TestUninstallForgetsNothing(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c"}
	for failing := range names {
		t.Run(names[failing], func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			chart := chartOf(t, map[string]string{"a": configMap("a"), "b": configMap("b"), "c": configMap("c")})
			_, err := r.install("shop", chart, nil)
			must(t, err)
			r.on(http.MethodGet, "/configmaps/"+names[failing], 3, fault{status: http.StatusInternalServerError})
			if err := r.uninstall("shop"); err == nil || !strings.Contains(err.Error(), "injected") {
				t.Errorf("the cause is not told: %v", err)
			}
			if left := r.configMaps(); !slices.Equal(left, names[failing:failing+1]) {
				t.Errorf("left %v, want %v", left, names[failing])
			}
			if states := r.states("shop"); !slices.Equal(states, []string{"failed"}) {
				t.Errorf("states %v", states)
			}
			if description := r.description("shop"); !strings.Contains(description, "ConfigMap "+names[failing]) {
				t.Errorf("the description does not say what is left: %s", description)
			}
			must(t, r.uninstall("shop"))
			if left := r.configMaps(); len(left) > 0 || r.states("shop") != nil {
				t.Errorf("left %v", left)
			}
		})
	}
}

func TestUninstallKeepHistoryForgetsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.install("shop", chartOf(t, map[string]string{"a": configMap("a"), "b": configMap("b")}), nil)
	must(t, err)
	r.on(http.MethodGet, "/configmaps/b", 3, fault{status: http.StatusInternalServerError})
	op, _ := r.op()
	if _, err := Uninstall(op, r.config, UninstallRequest{ReleaseName: "shop", KeepHistory: true}); err == nil {
		t.Error("an uninstall that left an object said nothing")
	}
	if states := r.states("shop"); !slices.Equal(states, []string{"failed"}) {
		t.Errorf("states %v", states)
	}
	r.works("shop")
}

// Helm passes over an object of the last revision that it can not read and that the new one has no more: it would be left for ever.
func TestUpgradeForgetsNothing(t *testing.T) {
	t.Parallel()
	both := map[string]string{"a": configMap("a"), "b": configMap("b")}
	one := map[string]string{"a": configMap("a")}
	for name, times := range map[string]int{"once": 3, "always": 0} { // a read is tried three times
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			_, err := r.install("shop", chartOf(t, both), nil)
			must(t, err)
			r.on(http.MethodGet, "/configmaps/b", times, fault{status: http.StatusInternalServerError})
			_, err = r.upgrade("shop", chartOf(t, one), nil)
			if times == 0 {
				var known *bridge.Error
				if !asError(err, &known) || known.Code != codeClusterUnreachable || !strings.Contains(err.Error(), "injected") {
					t.Errorf("ended with %v", err)
				}
				if states := r.states("shop"); !slices.Equal(states, []string{"deployed", "failed"}) {
					t.Errorf("states %v", states)
				}
				r.decide(func(*http.Request) fault { return fault{} })
				_, err = r.upgrade("shop", chartOf(t, one), nil)
			}
			must(t, err)
			if left := r.configMaps(); !slices.Equal(left, []string{"a"}) {
				t.Errorf("left %v", left)
			}
		})
	}
}

func TestUninstallRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.install("shop", chartOf(t, map[string]string{"a": configMap("a"), "b": configMap("b")}), nil)
	must(t, err)
	r.on(http.MethodDelete, "/configmaps/b", 0, fault{status: http.StatusForbidden})
	if err := r.uninstall("shop"); err == nil || !strings.Contains(err.Error(), "injected") {
		t.Errorf("the cause is not told: %v", err)
	}
	if states := r.states("shop"); !slices.Equal(states, []string{"failed"}) {
		t.Errorf("states %v", states)
	}
	if description := r.description("shop"); !strings.Contains(description, "left: ConfigMap b") {
		t.Errorf("description: %s", description)
	}
	r.works("shop")
}

// The server did it, and nobody got its answer: the record does not say that nothing was deleted.
func TestUninstallWhoseOnlyAnswerIsLost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.install("shop", chartOf(t, map[string]string{"a": configMap("a")}), nil)
	must(t, err)
	r.on(http.MethodDelete, "/configmaps/a", 0, fault{cut: true})
	if err := r.uninstall("shop"); err == nil {
		t.Error("no error")
	}
	if states := r.states("shop"); !slices.Equal(states, []string{"failed"}) {
		t.Errorf("states %v", states)
	}
	if description := r.description("shop"); strings.Contains(description, "nothing was deleted") {
		t.Errorf("description: %s", description)
	}
	if left := r.configMaps(); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	r.works("shop")
}

// Nothing was deleted yet: the release is what it was.
func TestUninstallFailedHook(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.install("shop", chartOf(t, map[string]string{
		"a": configMap("a"), "hook": hookJob("hook", "pre-delete", `testcluster/exit-code: "1"`),
	}), nil)
	must(t, err)
	err = r.uninstall("shop")
	var known *bridge.Error
	if !errors.As(err, &known) || known.Code != codeHookFailed {
		t.Errorf("not a failed hook: %v", err)
	}
	if states := r.states("shop"); !slices.Equal(states, []string{"deployed"}) {
		t.Errorf("states %v", states)
	}
	if description := r.description("shop"); !strings.Contains(description, "nothing was deleted") {
		t.Errorf("description: %s", description)
	}
	if left := r.configMaps(); !slices.Equal(left, []string{"a"}) {
		t.Errorf("left %v", left)
	}
	r.works("shop")
}

func TestRollbackFailures(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		fail func(r *rig)
		hook string
	}{
		"hook":   {hook: hookJob("hook", "pre-rollback", `testcluster/exit-code: "1"`)},
		"update": {fail: func(r *rig) { r.on(http.MethodPatch, "/configmaps/a", 0, fault{status: http.StatusForbidden}) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			templates := map[string]string{"a": configMap("a")}
			if one.hook != "" {
				templates["hook"] = one.hook
			}
			chart := chartOf(t, templates)
			_, err := r.install("shop", chart, nil)
			must(t, err)
			_, err = r.upgrade("shop", chart, nil)
			must(t, err)
			if one.fail != nil {
				one.fail(r)
			}
			op, _ := r.op()
			_, err = Rollback(op, r.config, RollbackRequest{ReleaseName: "shop"})
			if err == nil {
				t.Error("the rollback went well")
			}
			states := r.states("shop")
			if slices.ContainsFunc(states, func(state string) bool { return strings.HasPrefix(state, "pending") }) {
				t.Errorf("states %v", states)
			}
			r.works("shop")
		})
	}
}

// The answer to the creation of the record is lost: whether it is there has to be found out.
func TestLostAnswerOfRecord(t *testing.T) {
	t.Parallel()
	chart := chartOf(t, map[string]string{"a": configMap("a")})
	for name, one := range map[string]struct {
		times int
		want  string
	}{"once": {1, "deployed"}, "always": {0, "failed"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.on(http.MethodPost, "/secrets", one.times, fault{cut: true})
			if _, err := r.install("shop", chart, nil); (err == nil) != (one.want == "deployed") {
				t.Errorf("ended with %v", err)
			}
			if states := r.states("shop"); !slices.Equal(states, []string{one.want}) {
				t.Errorf("states %v", states)
			}
			r.works("shop")
		})
	}
}

// Each request of an operation fails once: it ends well or as failed with a reason, and the next one works.
func TestEveryRequestFailsOnce(t *testing.T) {
	t.Parallel()
	chart := chartOf(t, map[string]string{
		"a": configMap("a"), "hook": hookPod("hook", "pre-install,pre-upgrade,pre-rollback,pre-delete"),
	})
	for name, run := range map[string]func(r *rig) error{
		"install":   func(r *rig) error { _, err := r.install("shop", chart, nil); return err },
		"upgrade":   func(r *rig) error { _, err := r.upgrade("shop", chart, nil); return err },
		"uninstall": func(r *rig) error { return r.uninstall("shop") },
		"rollback": func(r *rig) error {
			op, _ := r.op()
			_, err := Rollback(op, r.config, RollbackRequest{ReleaseName: "shop", Revision: 1})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for failing := 0; ; failing++ {
				r := newRig(t)
				if name != "install" {
					_, err := r.install("shop", chart, nil)
					must(t, err)
				}
				count, failed := 0, ""
				r.decide(func(request *http.Request) fault {
					count++
					if count != failing+1 {
						return fault{}
					}
					failed = request.Method + " " + request.URL.Path
					return fault{status: http.StatusInternalServerError}
				})
				err := run(r)
				if failed == "" {
					must(t, err)
					return // there is no such request any more
				}
				for _, state := range r.states("shop") {
					if strings.HasPrefix(state, "pending") || state == "uninstalling" {
						t.Errorf("%s failed: left %s (%v)", failed, state, err)
					}
				}
				if err == nil && name == "uninstall" && len(r.configMaps()) > 0 {
					t.Errorf("%s failed: an uninstall that went well left %v", failed, r.configMaps())
				}
				if err != nil && name == "uninstall" && len(r.configMaps()) > 0 && r.states("shop") == nil {
					t.Errorf("%s failed: %v is orphaned", failed, r.configMaps())
				}
				r.works("shop")
			}
		})
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	slowHook := hookJob("hook", "pre-install,pre-upgrade,pre-rollback,pre-delete", `testcluster/run-for: 60s`)
	for name, one := range map[string]struct {
		templates map[string]string
		phase     string // cancelled when it begins
		want      string // status of the newest revision
	}{
		"hook":  {map[string]string{"a": configMap("a"), "hook": slowHook}, "pre-install", "failed"},
		"apply": {map[string]string{"a": configMap("a"), "b": configMap("b")}, "applying", "failed"},
		"wait":  {map[string]string{"a": configMap("a"), "d": neverReady("d")}, "waiting", "failed"},
	} {
		t.Run("install in "+name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			chart := chartOf(t, one.templates)
			signal, observe := phase(one.phase)
			op, cancel := r.observed(observe)
			if name == "apply" {
				r.on(http.MethodPatch, "/configmaps/", 0, fault{wait: make(chan struct{})})
			}
			err := r.within(signal, cancel, func() error { _, err := r.installBy(op, "shop", chart, nil); return err })
			r.checkCancelled(err, op, []string{one.want})
			if name == "hook" {
				r.noJobs()
			}
			r.works("shop")
		})
		t.Run("upgrade in "+name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			_, err := r.install("shop", chartOf(t, map[string]string{"a": configMap("a")}), nil)
			must(t, err)
			signal, observe := phase(strings.Replace(one.phase, "install", "upgrade", 1))
			op, cancel := r.observed(observe)
			if name == "apply" {
				r.on(http.MethodPatch, "/configmaps/", 0, fault{wait: make(chan struct{})})
			}
			chart := chartOf(t, one.templates)
			err = r.within(signal, cancel, func() error { _, err := r.upgradeBy(op, "shop", chart, nil); return err })
			r.checkCancelled(err, op, []string{"deployed", one.want})
			r.works("shop")
		})
	}
	t.Run("before there is a record", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.on(http.MethodGet, "/configmaps/", 0, fault{wait: make(chan struct{})})
		signal, observe := phase("rendering")
		op, cancel := r.observed(observe)
		chart := chartOf(t, map[string]string{"a": configMap("a")})
		err := r.within(signal, cancel, func() error { _, err := r.installBy(op, "shop", chart, nil); return err })
		r.checkCancelled(err, op, nil)
		r.works("shop")
	})
	t.Run("rollback in wait", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		_, err := r.install("shop", chartOf(t, map[string]string{"d": neverReady("d")}), func(request *InstallRequest) { request.Wait = "hookOnly" })
		must(t, err)
		_, err = r.upgrade("shop", chartOf(t, map[string]string{"a": configMap("a")}), nil)
		must(t, err)
		signal, observe := phase("waiting")
		op, cancel := r.observed(observe)
		err = r.within(signal, cancel, func() error {
			_, err := Rollback(op, r.config, RollbackRequest{ReleaseName: "shop"})
			return err
		})
		r.checkCancelled(err, op, []string{"superseded", "deployed", "failed"})
		r.works("shop")
	})
	t.Run("uninstall in hook", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		chart := chartOf(t, map[string]string{"a": configMap("a"), "hook": hookJob("hook", "pre-delete", `testcluster/run-for: 60s`)})
		_, err := r.install("shop", chart, nil)
		must(t, err)
		signal, observe := phase("pre-delete")
		op, cancel := r.observed(observe)
		err = r.within(signal, cancel, func() error {
			_, err := Uninstall(op, r.config, UninstallRequest{ReleaseName: "shop"})
			return err
		})
		r.checkCancelled(err, op, []string{"deployed"})
		if left := r.configMaps(); !slices.Equal(left, []string{"a"}) {
			t.Errorf("left %v", left)
		}
		r.works("shop")
	})
	t.Run("uninstall in wait", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		_, err := r.install("shop", chartOf(t, map[string]string{"a": configMap("a")}), nil)
		must(t, err)
		r.finalizers("a", `["example.com/stuck"]`)
		defer r.finalizers("a", `[]`)
		signal, observe := phase("waiting")
		op, cancel := r.observed(observe)
		err = r.within(signal, cancel, func() error {
			_, err := Uninstall(op, r.config, UninstallRequest{ReleaseName: "shop"})
			return err
		})
		// Every deletion was accepted: purged, as the command does on a timeout.
		r.checkCancelled(err, op, nil)
	})
}

func TestCancelledInstallIsUninstalled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	signal, observe := phase("waiting")
	op, cancel := r.observed(observe)
	chart := chartOf(t, map[string]string{"a": configMap("a"), "d": neverReady("d")})
	err := r.within(signal, cancel, func() error {
		_, err := r.installBy(op, "shop", chart, func(request *InstallRequest) { request.RollbackOnFailure = true })
		return err
	})
	r.checkCancelled(err, op, nil)
	if left := r.configMaps(); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	r.works("shop")
}

func TestCancelledUpgradeIsRolledBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.install("shop", chartOf(t, map[string]string{"a": configMap("a")}), nil)
	must(t, err)
	signal, observe := phase("waiting")
	op, cancel := r.observed(observe)
	chart := chartOf(t, map[string]string{"b": configMap("b"), "d": neverReady("d")})
	err = r.within(signal, cancel, func() error {
		_, err := r.upgradeBy(op, "shop", chart, func(request *UpgradeRequest) {
			request.RollbackOnFailure, request.CleanupOnFail = true, true
		})
		return err
	})
	r.checkCancelled(err, op, []string{"superseded", "failed", "deployed"})
	if left := r.configMaps(); !slices.Equal(left, []string{"a"}) {
		t.Errorf("left %v", left)
	}
	r.works("shop")
}

// phase is closed when the operation comes to the phase.
func phase(name string) (<-chan struct{}, func(bridge.Event)) {
	signal := make(chan struct{})
	var once sync.Once
	return signal, func(event bridge.Event) {
		if event.Type == bridge.TypePhase && event.Phase == name {
			once.Do(func() { close(signal) })
		}
	}
}

func (r *rig) checkCancelled(err error, op *bridge.Operation, states []string) {
	r.t.Helper()
	if err == nil || !op.Cancelled() {
		r.t.Errorf("it was not cancelled: %v", err)
	}
	if got := r.states("shop"); !slices.Equal(got, states) {
		r.t.Errorf("states %v, want %v", got, states)
	}
	if len(states) > 0 && states[len(states)-1] == "failed" {
		if description := r.description("shop"); !strings.Contains(description, "cancelled") {
			r.t.Errorf("the description does not say it: %s", description)
		}
	}
}

// noJobs checks that the cancelled hook was deleted, as its policy hook-failed asks.
func (r *rig) noJobs() {
	r.t.Helper()
	jobs, err := r.direct.BatchV1().Jobs(r.namespace).List(context.Background(), metav1.ListOptions{})
	must(r.t, err)
	for _, job := range jobs.Items {
		if job.DeletionTimestamp == nil {
			r.t.Errorf("the hook %s is still there", job.Name)
		}
	}
}

func (r *rig) finalizers(name, list string) {
	r.t.Helper()
	patch := fmt.Sprintf(`{"metadata": {"finalizers": %s}}`, list)
	_, err := r.direct.CoreV1().ConfigMaps(r.namespace).Patch(context.Background(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	must(r.t, err)
}
