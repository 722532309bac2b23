package actions

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/registry"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// LintRequest are the arguments of `helm lint`.
type LintRequest struct {
	ValueOptions

	ChartPath            []string `json:"chart_path"`
	ChartArchive         []byte   `json:"chart_archive"`
	WithSubcharts        bool     `json:"with_subcharts"`
	Strict               bool     `json:"strict"`
	SkipSchemaValidation bool     `json:"skip_schema_validation"`
	KubeVersion          string   `json:"kube_version"`
}

// Linted is Helm's own result over all charts, under Helm's names, and what the command says of each.
type Linted struct {
	TotalChartsLinted int             `json:"TotalChartsLinted"`
	Messages          []LintedMessage `json:"Messages"`
	Errors            []string        `json:"Errors"`

	Charts []LintedChart `json:"charts"`
	Failed int           `json:"failed"`
	Output string        `json:"output"`
}

// LintedChart is what was found in one chart.
type LintedChart struct {
	Path     string        `json:"path"`
	Failed   bool          `json:"failed"`
	Messages []LintMessage `json:"messages"`
	Errors   []string      `json:"errors"`
}

// LintMessage is one finding.
type LintMessage struct {
	Severity string `json:"severity"`
	Path     string `json:"path"`
	Text     string `json:"text"`
}

// LintedMessage is a finding under Helm's names.
type LintedMessage struct {
	Severity int    `json:"Severity"`
	Path     string `json:"Path"`
	Err      string `json:"Err"`
}

// severities are the command's words (helm: pkg/chart/v2/lint/support/message.go).
var severities = []string{"UNKNOWN", "INFO", "WARNING", "ERROR"}

// Validate refuses what can be known to be wrong before anything is done.
func (r LintRequest) Validate() error {
	if len(r.ChartPath) == 0 && len(r.ChartArchive) == 0 {
		return invalid("chart_path", "is empty: give a chart's directory or archive, or several")
	}
	for _, path := range r.ChartPath {
		if err := (ChartSource{ChartPath: path}).Validate(); err != nil {
			return err
		}
	}
	if _, err := kubeVersion(r.KubeVersion); err != nil {
		return err
	}
	return r.ValueOptions.Validate()
}

// Lint does what `helm lint` does: it examines charts for possible issues. What it finds is its result, failures too.
func Lint(op *bridge.Operation, config *session.Configuration, request LintRequest) (*Linted, error) {
	t := begin(op, config, "lint")
	t.phase("linting")
	found, err := t.lint(request)
	if err != nil {
		return nil, explain(err)
	}
	return found, nil
}

func (t *task) lint(request LintRequest) (*Linted, error) {
	places, done, err := t.lintable(request)
	if err != nil {
		return nil, err
	}
	defer done()
	if request.WithSubcharts {
		places = append(places, subcharts(places)...)
	}
	values, err := request.merge(t.config.Providers(t.op))
	if err != nil {
		return nil, err
	}
	helm := action.NewLint()
	helm.Strict = request.Strict
	helm.Namespace = t.config.Namespace()
	helm.SkipSchemaValidation = request.SkipSchemaValidation
	if helm.KubeVersion, err = kubeVersion(request.KubeVersion); err != nil {
		return nil, err
	}
	all := &Linted{Messages: []LintedMessage{}, Errors: []string{}, Charts: []LintedChart{}}
	for _, place := range places {
		if err := t.op.Context().Err(); err != nil {
			return nil, err
		}
		all.add(place.name, helm.Run([]string{place.path}, values))
	}
	all.Output += fmt.Sprintf("%d chart(s) linted, %d chart(s) failed\n", len(places), all.Failed)
	return all, nil
}

// place is where a chart is, and what it is called: as it was given.
type place struct{ name, path string }

// lintable are the charts where Helm's linter can read them: it knows directories, and archives by the end of their name.
func (t *task) lintable(request LintRequest) (places []place, done func(), err error) {
	var removals []func()
	done = func() {
		for _, remove := range removals {
			remove()
		}
	}
	add := func(name string, archive []byte) error {
		path, remove, err := t.asFile(archive)
		if err == nil {
			removals = append(removals, remove)
			places = append(places, place{name, path})
		}
		return err
	}
	if len(request.ChartArchive) > 0 {
		err := add("chart.tgz", request.ChartArchive)
		return places, done, err
	}
	for _, name := range request.ChartPath {
		if _, missing := os.Stat(name); missing == nil {
			places = append(places, place{name, name})
			continue
		}
		archive, err := t.download(name)
		if err == nil {
			err = add(name, archive)
		}
		if err != nil {
			done()
			return nil, nil, err
		}
	}
	return places, done, nil
}

// download gets a chart that is elsewhere, which the command can not and the drop-in target can.
func (t *task) download(name string) ([]byte, error) {
	fetch := t.fetcher(ChartSource{ChartPath: name})
	if !registry.IsOCI(name) && !strings.Contains(name, "://") {
		return nil, fetch.explain(fmt.Errorf("path %q not found: %w", name, fs.ErrNotExist))
	}
	path, err := fetch.locate()
	if err != nil {
		return nil, fetch.explain(err)
	}
	return os.ReadFile(path)
}

// subcharts are those in the directories of charts (helm: pkg/cmd/lint.go).
func subcharts(of []place) []place {
	var found []place
	for _, one := range of {
		_ = filepath.Walk(filepath.Join(one.path, "charts"), func(path string, info os.FileInfo, _ error) error {
			switch {
			case info == nil: // there are none, or they can not be read
			case info.Name() == "Chart.yaml":
				found = append(found, place{filepath.Dir(path), filepath.Dir(path)})
			case strings.HasSuffix(path, ".tgz"), strings.HasSuffix(path, ".tar.gz"):
				found = append(found, place{path, path})
			}
			return nil
		})
	}
	return found
}

// add tells of a chart as the command does: its messages, or what kept it from having any.
func (l *Linted) add(name string, result *action.LintResult) {
	chart := LintedChart{Path: name, Failed: len(result.Errors) > 0, Messages: []LintMessage{}, Errors: []string{}}
	var text strings.Builder
	fmt.Fprintf(&text, "==> Linting %s\n", name)
	for _, err := range result.Errors {
		chart.Errors = append(chart.Errors, err.Error())
		if len(result.Messages) == 0 {
			fmt.Fprintf(&text, "Error %s\n", err)
		}
	}
	for _, message := range result.Messages {
		chart.Messages = append(chart.Messages, LintMessage{severity(message), message.Path, message.Err.Error()})
		l.Messages = append(l.Messages, LintedMessage{message.Severity, message.Path, message.Err.Error()})
		fmt.Fprintf(&text, "%s\n", message)
	}
	if chart.Failed {
		l.Failed++
	}
	l.TotalChartsLinted += result.TotalChartsLinted
	l.Errors = append(l.Errors, chart.Errors...)
	l.Charts = append(l.Charts, chart)
	l.Output += text.String() + "\n"
}

func severity(message support.Message) string {
	if message.Severity >= 0 && message.Severity < len(severities) {
		return severities[message.Severity]
	}
	return severities[support.UnknownSev]
}

// asFile puts an archive's bytes where code can read them that takes a path; done removes it.
func (t *task) asFile(archive []byte) (path string, done func(), err error) {
	within := cmp.Or(t.config.Options().Environment["TMPDIR"], os.TempDir())
	directory, err := os.MkdirTemp(within, "helm-sdkpy-")
	if err != nil {
		return "", nil, err
	}
	done = func() { _ = os.RemoveAll(directory) } // a temporary directory that stays harms nobody
	path = filepath.Join(directory, "chart.tgz")
	if err := os.WriteFile(path, archive, 0o600); err != nil {
		done()
		return "", nil, err
	}
	return path, done, nil
}
