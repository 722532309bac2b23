package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/helm-sdkpy/helm-sdkpy/go/actions"
	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// sharedWay calls the library's own actions on its own session: all that Python and the bridge add is left out.
type sharedWay struct {
	kubeconfig string
	pool       *session.Pool
	open       map[string]*session.Configuration // by namespace
}

func newSharedWay(kubeconfig string) *sharedWay {
	return &sharedWay{kubeconfig, session.NewPool(), map[string]*session.Configuration{}}
}

func (w *sharedWay) close() {
	for _, config := range w.open {
		_ = config.Close() // the process ends
	}
}

func (w *sharedWay) configuration(namespace string) (*session.Configuration, error) {
	if known := w.open[namespace]; known != nil {
		return known, nil
	}
	made, err := w.pool.Open(session.Options{
		Namespace:  namespace,
		Kubeconfig: &session.Kubeconfig{Paths: []string{w.kubeconfig}},
		// Where the charts of repositories are; as the library has it from Python.
		Environment: environment(),
	})
	if err == nil {
		w.open[namespace] = made
	}
	return made, err
}

func environment() map[string]string {
	variables := map[string]string{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	return variables
}

func (w *sharedWay) prepare(namespace, action string, arguments json.RawMessage) (call, error) {
	config, err := w.configuration(namespace)
	if err != nil {
		return nil, err
	}
	switch action {
	case "install":
		return prepared(config, arguments, actions.Install)
	case "upgrade":
		return prepared(config, arguments, actions.Upgrade)
	case "rollback":
		return prepared(config, arguments, actions.Rollback)
	case "uninstall":
		return prepared(config, arguments, actions.Uninstall)
	case "status":
		return prepared(config, arguments, actions.Status)
	case "list":
		return prepared(config, arguments, actions.List)
	case "history":
		return prepared(config, arguments, actions.History)
	case "get_values":
		return prepared(config, arguments, actions.GetValues)
	case "template":
		return prepared(config, arguments, actions.Template)
	case "lint":
		return prepared(config, arguments, actions.Lint)
	case "search_repo":
		return prepared(config, arguments, actions.SearchRepo)
	}
	return nil, fmt.Errorf("no action is called %q", action)
}

func prepared[Request, Result any](config *session.Configuration, arguments json.RawMessage, action func(*bridge.Operation, *session.Configuration, Request) (Result, error)) (call, error) {
	var asked Request
	if err := json.Unmarshal(arguments, &asked); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (any, error) {
		return action(bridge.NewOperation(ctx), config, asked)
	}, nil
}
