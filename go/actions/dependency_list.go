package actions

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// DependencyListRequest are the arguments of `helm dependency list`.
type DependencyListRequest struct {
	ChartPath string `json:"chart_path"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r DependencyListRequest) Validate() error {
	return ChartSource{ChartPath: r.ChartPath}.Validate()
}

// DependencyStatus is a line of `helm dependency list`.
type DependencyStatus struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Repository string `json:"repository"`
	Status     string `json:"status"`
}

// DependencyStatuses are what `helm dependency list` prints: the lines of its table, and its warnings.
type DependencyStatuses struct {
	Dependencies []DependencyStatus `json:"dependencies"`
	Warnings     []string           `json:"warnings"`
}

// DependencyList does what `helm dependency list` does: it tells of each dependency whether it is there.
func DependencyList(op *bridge.Operation, config *session.Configuration, request DependencyListRequest) (*DependencyStatuses, error) {
	t := begin(op, config, "dependency list")
	t.phase("loading")
	path := filepath.Clean(request.ChartPath)
	loaded, err := loader.Load(path)
	if err != nil {
		return nil, explainDependencies(path, err)
	}
	// Helm has the statuses for its table alone, which has a column's width of any length with 0.
	var out bytes.Buffer
	if err := (&action.Dependency{}).List(path, &out); err != nil {
		return nil, explainDependencies(path, err)
	}
	return readDependencies(loaded.Metadata.Dependencies, out.String())
}

// readDependencies takes the statuses out of the table, of which they are the last column, and the warnings after it.
func readDependencies(required []*chartv2.Dependency, text string) (*DependencyStatuses, error) {
	result := &DependencyStatuses{Dependencies: []DependencyStatus{}, Warnings: []string{}}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if required != nil {
		lines = lines[1:] // the heads of the columns
		if len(lines) < len(required) {
			return nil, fmt.Errorf("helm's table of dependencies has %d lines for %d", len(lines), len(required))
		}
	}
	for i, each := range required {
		columns := strings.Split(lines[i], "\t")
		result.Dependencies = append(result.Dependencies, DependencyStatus{
			each.Name, each.Version, each.Repository, strings.TrimSpace(columns[len(columns)-1]),
		})
	}
	for _, line := range lines[len(required):] {
		if line != "" {
			result.Warnings = append(result.Warnings, line)
		}
	}
	return result, nil
}
