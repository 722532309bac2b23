package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/loader"
	"helm.sh/helm/v4/pkg/cli"
	"helm.sh/helm/v4/pkg/cmd/search"
	"helm.sh/helm/v4/pkg/helmpath"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/repo/v1"

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
	if name == "search_repo" {
		var asked actions.SearchRepoRequest
		if err := json.Unmarshal(arguments, &asked); err != nil {
			return nil, err
		}
		return func(context.Context) (any, error) { return searchRepo(asked.Keyword) }, nil
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

// searchRepo gives the rows that `helm search repo` prints (helm: pkg/cmd/search_repo.go).
func searchRepo(keyword string) (any, error) {
	settings := cli.New()
	listed, err := repo.LoadFile(settings.RepositoryConfig)
	if err != nil {
		return nil, err
	}
	index := search.NewIndex()
	for _, one := range listed.Repositories {
		read, err := repo.LoadIndexFile(filepath.Join(settings.RepositoryCache, helmpath.CacheIndexFile(one.Name)))
		if err != nil {
			return nil, err
		}
		index.AddRepo(one.Name, read, true)
	}
	found := index.All()
	if keyword != "" {
		const worst = 25
		if found, err = index.Search(keyword, worst, false); err != nil {
			return nil, err
		}
	}
	search.SortScore(found)
	rows, seen := []*search.Result{}, map[string]bool{}
	for _, one := range found {
		if !seen[one.Name] {
			seen[one.Name] = true
			rows = append(rows, one)
		}
	}
	return rows, nil
}
