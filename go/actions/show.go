package actions

import (
	"helm.sh/helm/v4/pkg/action"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// ShowRequest are the arguments of `helm show chart`, `readme`, `crds` and `all`.
type ShowRequest struct {
	ChartSource
}

// ShowValuesRequest are the arguments of `helm show values`.
type ShowValuesRequest struct {
	ChartSource

	JSONPath string `json:"jsonpath"`
}

// Validate refuses an expression that is none.
func (r ShowValuesRequest) Validate() error {
	if r.JSONPath != "" {
		if _, err := printers.NewJSONPathPrinter(r.JSONPath); err != nil {
			return invalid("jsonpath", "is refused: error parsing jsonpath %s: %v", r.JSONPath, err)
		}
	}
	return r.ChartSource.Validate()
}

// ShowChart does what `helm show chart` does: it gives the chart's definition.
func ShowChart(op *bridge.Operation, config *session.Configuration, request ShowRequest) (string, error) {
	return begin(op, config, "show chart").show(action.ShowChart, request.ChartSource, "")
}

// ShowValues does what `helm show values` does: it gives the chart's values.
func ShowValues(op *bridge.Operation, config *session.Configuration, request ShowValuesRequest) (string, error) {
	return begin(op, config, "show values").show(action.ShowValues, request.ChartSource, request.JSONPath)
}

// ShowReadme does what `helm show readme` does: it gives the chart's README.
func ShowReadme(op *bridge.Operation, config *session.Configuration, request ShowRequest) (string, error) {
	return begin(op, config, "show readme").show(action.ShowReadme, request.ChartSource, "")
}

// ShowCRDs does what `helm show crds` does: it gives the chart's custom resource definitions.
func ShowCRDs(op *bridge.Operation, config *session.Configuration, request ShowRequest) (string, error) {
	return begin(op, config, "show crds").show(action.ShowCRDs, request.ChartSource, "")
}

// ShowAll does what `helm show all` does: it gives everything that the others do.
func ShowAll(op *bridge.Operation, config *session.Configuration, request ShowRequest) (string, error) {
	return begin(op, config, "show all").show(action.ShowAll, request.ChartSource, "")
}

// show gives the text that the command prints.
func (t *task) show(part action.ShowOutputFormat, source ChartSource, jsonPath string) (string, error) {
	t.phase("loading")
	path, done, err := t.place(source)
	if err != nil {
		return "", explain(err)
	}
	defer done()
	helm := action.NewShow(part, action.NewConfiguration(action.ConfigurationSetLogger(t.op.Handler())))
	helm.JSONPathTemplate = jsonPath
	text, err := helm.Run(path)
	if err != nil {
		return "", explain(chartInvalid(source, err))
	}
	return text, nil
}

// place is the chart's path, for code of Helm's that loads the chart itself.
func (t *task) place(source ChartSource) (path string, done func(), err error) {
	if len(source.ChartArchive) > 0 {
		return t.asFile(source.ChartArchive)
	}
	fetch := t.fetcher(source)
	if path, err = fetch.locate(); err != nil {
		return "", nil, fetch.explain(err)
	}
	return path, func() {}, nil
}
