package actions

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/internal/testcluster"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// The same release from two tasks: one wins, the other is told at once, and one revision at most is deployed.
func TestSameReleaseTwice(t *testing.T) {
	t.Parallel()
	actions := map[string]func(r *rig, op *bridge.Operation, chart string) error{
		"install": func(r *rig, op *bridge.Operation, chart string) error {
			_, err := r.installBy(op, "shop", chart, nil)
			return err
		},
		"upgrade": func(r *rig, op *bridge.Operation, chart string) error {
			_, err := r.upgradeBy(op, "shop", chart, nil)
			return err
		},
		"uninstall": func(r *rig, op *bridge.Operation, _ string) error {
			_, err := Uninstall(op, r.config, UninstallRequest{ReleaseName: "shop"})
			return err
		},
		"rollback": func(r *rig, op *bridge.Operation, _ string) error {
			_, err := Rollback(op, r.config, RollbackRequest{ReleaseName: "shop", Revision: 1})
			return err
		},
	}
	// The first holds the release for a while: its hook runs.
	slow := hookJob("hook", "pre-install,pre-upgrade,pre-rollback,pre-delete", `testcluster/run-for: 1500ms`)
	for first, runFirst := range actions {
		for second, runSecond := range actions {
			t.Run(first+" and "+second, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				chart := chartOf(t, map[string]string{"a": configMap("a"), "hook": slow})
				if first != "install" {
					_, err := r.install("shop", chart, nil)
					must(t, err)
				}
				ended, begun := make(chan error, 1), make(chan struct{})
				var once sync.Once
				op, _ := r.observed(func(bridge.Event) { once.Do(func() { close(begun) }) })
				go func() { ended <- runFirst(r, op, chart) }()
				<-begun // its first event comes when it has taken the release
				began := time.Now()
				op, _ = r.op()
				err := runSecond(r, op, chart)
				var known *bridge.Error
				if !asError(err, &known) || known.Code != codeReleasePending || known.Details["running"] != first {
					t.Errorf("the second was not told: %v", err)
				}
				if took := time.Since(began); took > soon {
					t.Errorf("the second was told after %v", took)
				}
				must(t, <-ended)
				deployed := slices.DeleteFunc(r.states("shop"), func(state string) bool { return state != "deployed" })
				if len(deployed) > 1 {
					t.Errorf("%d revisions are deployed", len(deployed))
				}
			})
		}
	}
}

// Configurations come and go without leaving a goroutine behind.
func TestConfigurationsLeaveNothing(t *testing.T) {
	cluster := testcluster.Shared(t)
	pool := session.NewPool()
	use := func() {
		config, err := pool.Open(session.Options{
			Namespace: "default", Kubeconfig: &session.Kubeconfig{Paths: []string{cluster.Kubeconfig}},
			Environment: map[string]string{"HOME": t.TempDir()},
		})
		must(t, err)
		_, err = List(quiet(t), config, ListRequest{})
		must(t, err)
		must(t, config.Close())
	}
	use()
	before := settledGoroutines()
	for range 200 {
		use()
	}
	if after := settledGoroutines(); after > before+2 {
		stacks := make([]byte, 1<<16)
		stacks = stacks[:runtime.Stack(stacks, true)]
		t.Errorf("%d goroutines became %d:\n%s", before, after, strings.TrimSpace(string(stacks)))
	}
}

// settledGoroutines counts when the closed connections' goroutines have had their time to end.
func settledGoroutines() int {
	lowest := runtime.NumGoroutine()
	for range 50 {
		time.Sleep(10 * time.Millisecond)
		lowest = min(lowest, runtime.NumGoroutine())
	}
	return lowest
}
