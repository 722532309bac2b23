package actions

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"helm.sh/helm/v4/pkg/chart/common"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/gates"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/child"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// CreateRequest are the arguments of `helm create`.
type CreateRequest struct {
	Name            string `json:"name"`
	Starter         string `json:"starter"`
	ChartAPIVersion string `json:"chart_api_version"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r CreateRequest) Validate() error {
	switch base := filepath.Base(r.Name); {
	case r.Name == "":
		return invalid("name", "is empty: give the chart's name, or the path of its directory")
	case base == ".", base == "..", base == string(filepath.Separator):
		return invalid("name", "is %q, which does not end with a name for the chart", r.Name)
	}
	if r.ChartAPIVersion != "" && r.ChartAPIVersion != chartv2.APIVersionV2 && r.ChartAPIVersion != "v3" {
		return invalid("chart_api_version", "is %q: unsupported chart API version (supported: v2, v3)", r.ChartAPIVersion)
	}
	return nil
}

// CreatedChart is a chart that was made.
type CreatedChart struct {
	Path string `json:"path"`
	Name string `json:"name"`
}

// Create does what `helm create` does: it makes the directory of a new chart. It is there whole or not at all; where it was
// there before, its files are replaced, each with a warning, and others are left alone.
func Create(op *bridge.Operation, config *session.Configuration, request CreateRequest) (*CreatedChart, error) {
	t := begin(op, config, "create")
	t.phase("creating")
	name := filepath.Base(request.Name)
	parent, err := filepath.Abs(filepath.Dir(request.Name))
	if err != nil {
		return nil, err
	}
	made := &CreatedChart{Path: filepath.Join(parent, name), Name: name}
	if err := t.create(parent, name, request); err != nil {
		return nil, explainCreate(made.Path, err)
	}
	return made, nil
}

// create makes the chart in a directory of its own beside where it belongs: Helm would write file after file, and print its
// warnings to what is the process's stderr (helm: pkg/chart/v2/util/create.go, Stderr).
func (t *task) create(parent, name string, request CreateRequest) error {
	if request.Starter != "" {
		if err := os.MkdirAll(parent, 0o755); err != nil { // as SaveDir; without a starter it has to be there
			return err
		}
	}
	if file, err := os.Stat(parent); err != nil {
		return err
	} else if !file.IsDir() {
		return fmt.Errorf("no such directory %s", parent)
	}
	target := filepath.Join(parent, name)
	if file, err := os.Stat(target); err == nil && !file.IsDir() {
		if request.Starter != "" {
			target = filepath.Clean(request.Name) // the words of SaveDir
		}
		return fmt.Errorf("file %s already exists and is not a directory", target)
	}
	part, err := os.MkdirTemp(parent, ".helm-create-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	if err := t.scaffold(part, name, request); err != nil {
		return err
	}
	if err := t.op.Context().Err(); err != nil {
		return err
	}
	return t.placeTree(filepath.Join(part, name), target)
}

// experimentalV3 is the variable that lets helm make charts of the third API version (helm: internal/gates).
const experimentalV3 gates.Gate = "HELM_EXPERIMENTAL_CHART_V3"

// scaffold makes the chart as the command does (helm: pkg/cmd/create.go).
func (t *task) scaffold(parent, name string, request CreateRequest) error {
	starter := request.Starter
	if starter != "" && !filepath.IsAbs(starter) {
		starter = t.config.DataPath("starters", starter)
	}
	switch {
	case request.ChartAPIVersion == "v3":
		return t.scaffoldV3(filepath.Join(parent, name), starter)
	case starter == "":
		_, err := chartutil.Create(name, parent)
		return err
	}
	return chartutil.CreateFrom(&chartv2.Metadata{
		Name: name, Description: "A Helm chart for Kubernetes", Type: "application", Version: "0.1.0", AppVersion: "0.1.0",
		APIVersion: chartv2.APIVersionV2,
	}, parent, starter)
}

// scaffoldV3 lets the helm command make the chart: what does it is in a package of Helm's that nobody else can use.
func (t *task) scaffoldV3(path, starter string) error {
	environment := t.config.PluginEnvironment()
	if environment[experimentalV3.String()] == "" {
		return invalid("chart_api_version", "is \"v3\": %v", experimentalV3.Error())
	}
	arguments := []string{"create", path, "--chart-api-version", "v3"}
	if starter != "" {
		arguments = append(arguments, "--starter", starter)
	}
	quiet := slog.New(slog.DiscardHandler) // it says that it creates the chart, at a path that is not the chart's
	_, err := child.Helm(t.op.Context(), quiet, environment, arguments...)
	return err
}

// placeTree moves a directory to where it belongs; where one is already, file after file.
func (t *task) placeTree(from, to string) error {
	if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(from, to)
	}
	for _, check := range []bool{true, false} { // what can not be replaced is found before anything is
		if err := t.mergeTree(from, to, check); err != nil {
			return err
		}
	}
	return nil
}

func (t *task) mergeTree(from, to string, check bool) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, inside)
		known, missing := os.Stat(target)
		switch {
		case missing == nil && known.IsDir() != entry.IsDir():
			return fmt.Errorf("%s can not be replaced: one is a directory, the other is none", target)
		case check:
			return nil
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case missing == nil:
			t.log.Warn(fmt.Sprintf("File %q already exists. Overwriting.", target))
		}
		return os.Rename(path, target)
	})
}

func explainCreate(path string, err error) error {
	var known *bridge.Error
	if errors.As(err, &known) {
		return err
	}
	details := map[string]any{"path": path}
	var name common.ErrInvalidChartName
	code := codeHelm
	if errors.As(err, &name) {
		code, details["field"] = codeInvalidArgument, "name"
	} else if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		code = codeChartNotFound
	}
	return &bridge.Error{Code: code, Message: fmt.Sprintf("chart %s can not be made: %v", path, err), Details: details, Cause: err}
}
