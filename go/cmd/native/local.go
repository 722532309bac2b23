package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/loader"
	release "helm.sh/helm/v4/pkg/release/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/actions"
)

// prepareLocal makes the calls that need no cluster, as a Go program writes them that knows Helm's SDK only: it has no
// configuration to make, and reads the chart in each call.
func prepareLocal(namespace, name string, arguments json.RawMessage) (call, error) {
	if name == "lint" {
		var asked actions.LintRequest
		if err := json.Unmarshal(arguments, &asked); err != nil {
			return nil, err
		}
		return func(context.Context) (any, error) { return lint(namespace, asked) }, nil
	}
	var asked actions.TemplateRequest
	if err := json.Unmarshal(arguments, &asked); err != nil {
		return nil, err
	}
	return func(context.Context) (any, error) { return template(namespace, asked) }, nil
}

// template gives the text that `helm template` prints (helm: pkg/cmd/template.go).
func template(namespace string, asked actions.TemplateRequest) (any, error) {
	chart, err := loader.Load(asked.ChartPath)
	if err != nil {
		return nil, err
	}
	helm := action.NewInstall(action.NewConfiguration())
	helm.ReleaseName, helm.Namespace, helm.Replace = asked.ReleaseName, namespace, true
	helm.DryRunStrategy = action.DryRunClient
	record, err := helm.Run(chart, map[string]any{})
	if err != nil {
		return nil, err
	}
	rel, known := record.(*release.Release)
	if !known {
		return nil, fmt.Errorf("a release is a %T", record)
	}
	var text strings.Builder
	fmt.Fprintln(&text, strings.TrimSpace(rel.Manifest))
	for _, hook := range rel.Hooks {
		fmt.Fprintf(&text, "---\n# Source: %s\n%s\n", hook.Path, hook.Manifest)
	}
	return text.String(), nil
}

func lint(namespace string, asked actions.LintRequest) (any, error) {
	helm := action.NewLint()
	helm.Namespace = namespace
	result := helm.Run(asked.ChartPath, map[string]any{})
	return struct{ *action.LintResult }{result}, nil
}
