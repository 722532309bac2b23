package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/loader"
	"helm.sh/helm/v4/pkg/cli"
	"helm.sh/helm/v4/pkg/kube"

	"github.com/helm-sdkpy/helm-sdkpy/go/actions"
)

// plainWay is what a Go program writes that knows Helm's SDK and nothing of ours: it makes a configuration for each call,
// as Helm's own examples do, since one can not serve two calls at once.
type plainWay struct{ kubeconfig string }

// The helm command's settings, which the SDK leaves to its user (helm: pkg/cmd/flags.go, pkg/cli/environment.go).
const (
	timeout    = 300 * time.Second
	maxHistory = 10
	workers    = 8
)

// plainCall is one call with what it needs.
type plainCall struct {
	asked     actions.UpgradeRequest // the arguments that other actions have too have the same names there
	revision  int
	values    map[string]any
	namespace string
	config    *action.Configuration
}

var plainCalls = map[string]func(plainCall) (any, error){
	"install": plainCall.install, "upgrade": plainCall.upgrade, "rollback": plainCall.rollback, "uninstall": plainCall.uninstall,
	"status": plainCall.status, "list": plainCall.list, "history": plainCall.history, "get_values": plainCall.getValues,
}

func (w plainWay) prepare(namespace, name string, arguments json.RawMessage) (call, error) {
	if name == "template" || name == "lint" || name == "search_repo" {
		return prepareLocal(namespace, name, arguments)
	}
	do, known := plainCalls[name]
	if !known {
		return nil, fmt.Errorf("no action is called %q", name)
	}
	made := plainCall{namespace: namespace}
	var more struct {
		Revision int            `json:"revision"`
		Values   map[string]any `json:"values"`
	}
	for _, into := range []any{&made.asked, &more} {
		if err := json.Unmarshal(arguments, into); err != nil {
			return nil, err
		}
	}
	made.revision = more.Revision
	return func(context.Context) (any, error) {
		settings := cli.New()
		settings.KubeConfig = w.kubeconfig
		settings.SetNamespace(namespace)
		one := made
		one.values = more.Values
		one.config = action.NewConfiguration()
		if err := one.config.Init(settings.RESTClientGetter(), namespace, "secret"); err != nil {
			return nil, err
		}
		return do(one)
	}, nil
}

func (c plainCall) install() (any, error) {
	chart, err := loader.Load(c.asked.ChartPath)
	if err != nil {
		return nil, err
	}
	helm := action.NewInstall(c.config)
	helm.ReleaseName, helm.Namespace = c.asked.ReleaseName, c.namespace
	helm.WaitStrategy, helm.WaitOptions, helm.Timeout = c.strategy(), c.waiting(), timeout
	helm.ServerSideApply = c.asked.ServerSide != "false"
	helm.DisableOpenAPIValidation = c.asked.DisableOpenAPIValidation
	return helm.Run(chart, c.values)
}

func (c plainCall) upgrade() (any, error) {
	chart, err := loader.Load(c.asked.ChartPath)
	if err != nil {
		return nil, err
	}
	helm := action.NewUpgrade(c.config)
	helm.Namespace, helm.MaxHistory = c.namespace, maxHistory
	helm.WaitStrategy, helm.WaitOptions, helm.Timeout = c.strategy(), c.waiting(), timeout
	helm.DisableOpenAPIValidation = c.asked.DisableOpenAPIValidation
	return helm.Run(c.asked.ReleaseName, chart, c.values)
}

func (c plainCall) rollback() (any, error) {
	helm := action.NewRollback(c.config)
	helm.Version, helm.MaxHistory = c.revision, maxHistory
	helm.WaitStrategy, helm.WaitOptions, helm.Timeout = c.strategy(), c.waiting(), timeout
	return nil, helm.Run(c.asked.ReleaseName)
}

func (c plainCall) uninstall() (any, error) {
	helm := action.NewUninstall(c.config)
	helm.WaitStrategy, helm.WaitOptions, helm.Timeout = c.strategy(), c.waiting(), timeout
	return helm.Run(c.asked.ReleaseName)
}

func (c plainCall) status() (any, error) { return action.NewStatus(c.config).Run(c.asked.ReleaseName) }

func (c plainCall) list() (any, error) { return action.NewList(c.config).Run() }

func (c plainCall) history() (any, error) {
	return action.NewHistory(c.config).Run(c.asked.ReleaseName)
}

func (c plainCall) getValues() (any, error) {
	return action.NewGetValues(c.config).Run(c.asked.ReleaseName)
}

// strategy is what is waited for; absent means everything, as in the library's requests.
func (c plainCall) strategy() kube.WaitStrategy {
	if c.asked.Wait == "" {
		return kube.StatusWatcherStrategy
	}
	return kube.WaitStrategy(c.asked.Wait)
}

func (c plainCall) waiting() []kube.WaitOption {
	return []kube.WaitOption{kube.WithStatusComputeWorkers(workers)}
}
