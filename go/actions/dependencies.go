package actions

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/downloader"
	"helm.sh/helm/v4/pkg/registry"
	"sigs.k8s.io/yaml"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// dependencySource says how the dependencies of a chart are fetched.
type dependencySource struct {
	access      *session.Access
	keyring     string
	verify      downloader.VerificationStrategy
	skipRefresh bool
}

// updateDependencies does what `helm dependency update` does to the chart in a directory.
func (t *task) updateDependencies(directory string, from dependencySource) error {
	return t.withDependencies(directory, from, (*downloader.Manager).Update)
}

// buildDependencies does what `helm dependency build` does to the chart in a directory.
func (t *task) buildDependencies(directory string, from dependencySource) error {
	return t.withDependencies(directory, from, (*downloader.Manager).Build)
}

func (t *task) withDependencies(directory string, from dependencySource, do func(*downloader.Manager) error) error {
	epoch, err := sourceDateEpoch(t.config.Options().Environment)
	if err != nil {
		return err
	}
	directory = filepath.Clean(directory) // what the command's own messages have
	// Helm's temporary directory has the process's number for a name: two at once would put each other's charts away.
	release, err := directories.take(t.op.Context(), directory)
	if err != nil {
		return err
	}
	defer release()
	if err := refuseLinkedLock(directory); err != nil {
		return err
	}
	defer t.leaveNoEmptyCharts(directory)()
	settings := t.config.Settings()
	err = do(&downloader.Manager{
		Out:              logWriter{t},
		ChartPath:        directory,
		Verify:           from.verify,
		Keyring:          from.keyring,
		SkipUpdate:       from.skipRefresh,
		Getters:          t.cachedProviders(from.access, requiredBy(directory)),
		RegistryClient:   from.access.Client,
		RepositoryConfig: settings.RepositoryConfig,
		RepositoryCache:  settings.RepositoryCache,
		ContentCache:     settings.ContentCache,
		Debug:            settings.Debug,
		SourceDateEpoch:  epoch,
	})
	if gone := t.op.Context().Err(); err != nil && gone != nil {
		return gone // rather than what the last request to fail made of it
	}
	return explainDependencies(directory, err)
}

// requiredBy are the dependencies of the chart in a directory; none where they can not be read, which Helm then says.
func requiredBy(directory string) []*chartv2.Dependency {
	var required []*chartv2.Dependency
	for _, name := range []string{"requirements.yaml", chartutil.ChartfileName} {
		metadata, err := chartutil.LoadChartfile(filepath.Join(directory, name))
		if err == nil {
			required = append(required, metadata.Dependencies...)
		}
	}
	return required
}

// refuseLinkedLock refuses what Helm would only after it has changed charts/ (helm: pkg/downloader/manager.go, writeLock).
func refuseLinkedLock(directory string) error {
	lock := lockFile(directory)
	file, err := os.Lstat(lock)
	if err != nil || file.Mode()&os.ModeSymlink == 0 {
		return nil
	}
	link, err := os.Readlink(lock)
	if err != nil {
		return fmt.Errorf("error reading symlink for %q: %w", lock, err)
	}
	return &bridge.Error{
		Code:    codeChartInvalid,
		Message: fmt.Sprintf("chart %q: the %s file is a symlink to %q", directory, filepath.Base(lock), link),
		Details: map[string]any{"chart": directory},
	}
}

// lockFile is where the lock of the chart in a directory is; charts of the first API version have another name for it.
func lockFile(directory string) string {
	if metadata, err := chartutil.LoadChartfile(filepath.Join(directory, chartutil.ChartfileName)); err == nil &&
		(metadata.APIVersion == chartv2.APIVersionV1 || metadata.APIVersion == "") {
		return filepath.Join(directory, "requirements.lock")
	}
	return filepath.Join(directory, "Chart.lock")
}

// leaveNoEmptyCharts gives what takes away the charts/ that Helm makes before it downloads, where nothing got there.
func (t *task) leaveNoEmptyCharts(directory string) func() {
	charts := filepath.Join(directory, chartutil.ChartsDir)
	if _, err := os.Lstat(charts); !errors.Is(err, fs.ErrNotExist) {
		return func() {}
	}
	return func() { _ = os.Remove(charts) } // which fails where it holds something, or is not there
}

// Dependencies are what a chart's dependencies were resolved to.
type Dependencies struct {
	Path         string             `json:"path"`
	Lock         *string            `json:"lock"`
	Digest       *string            `json:"digest"`
	Dependencies []LockedDependency `json:"dependencies"`
}

// LockedDependency is one dependency as the lock has it.
type LockedDependency struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Repository string `json:"repository"`
}

// lockedDependencies reads what an update or a build went by.
func lockedDependencies(directory string) (*Dependencies, error) {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return nil, err
	}
	result := &Dependencies{Path: directory, Dependencies: []LockedDependency{}}
	path := lockFile(directory)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return result, nil // the chart has no dependencies
	}
	if err != nil {
		return nil, err
	}
	var lock chartv2.Lock
	if err := yaml.Unmarshal(text, &lock); err != nil {
		return nil, fmt.Errorf("cannot load %s: %w", path, err)
	}
	result.Lock, result.Digest = &path, &lock.Digest
	for _, each := range lock.Dependencies {
		result.Dependencies = append(result.Dependencies, LockedDependency{each.Name, each.Version, each.Repository})
	}
	return result, nil
}

// dependencyTexts are the places where Helm gives nothing but words. The first match wins.
var dependencyTexts = []struct{ text, code string }{
	{"could not find ", codeChartNotFound},
	{"only unpacked charts can be updated", codeChartInvalid},
	{"is out of sync with the dependencies file", codeChartInvalid},
	{"invalid version/constraint format", codeChartInvalid},
	{"can't get a valid version for", codeChartNotFound},
	{"chart not found in repo", codeChartNotFound},
	{"does not satisfy the constraint", codeChartInvalid},
	{"is not a directory", codeChartInvalid},
	{"unable to detect chart", codeChartInvalid},
	{"unable to load chart", codeChartInvalid},
	{"validation: ", codeChartInvalid},
	{"cannot load Chart.yaml", codeChartInvalid},
	{"cannot load requirements.yaml", codeChartInvalid},
	{"Chart.yaml file is missing", codeChartInvalid},
	{"no repository definition for", codeRepository},
	{"no cached repository for", codeRepository},
	{"no cached repo found", codeRepository},
}

// explainDependencies says why a chart's dependencies could not be had.
func explainDependencies(directory string, err error) error {
	var known *bridge.Error
	if err == nil {
		return nil
	}
	if errors.As(err, &known) {
		return explain(err)
	}
	text := err.Error()
	var missing downloader.ErrRepoNotFound
	if errors.As(err, &missing) {
		text += ". Please add the missing repos via 'helm repo add'"
	}
	code := codeOfDownload(err, strings.Contains(text, registry.OCIScheme+"://"))
	for _, each := range dependencyTexts {
		// What a server answered says more than that something could not be found.
		if strings.Contains(text, each.text) && (code == codeChartNotFound || code == codeRegistry) {
			code = each.code
			break
		}
	}
	return &bridge.Error{
		Code:    code,
		Message: fmt.Sprintf("chart %q: %s", directory, text),
		Details: map[string]any{"chart": directory},
		Cause:   err,
	}
}

func sourceDateEpoch(environment map[string]string) (*time.Time, error) {
	text := environment["SOURCE_DATE_EPOCH"]
	if text == "" {
		return nil, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		return nil, &bridge.Error{Code: "configuration", Message: fmt.Sprintf("SOURCE_DATE_EPOCH is %q: it must be a number of seconds", text)}
	}
	moment := time.Unix(seconds, 0).UTC()
	return &moment, nil
}

// directories are the charts whose dependencies an operation of this process is changing.
var directories = queues{taken: map[string]chan struct{}{}}

// queues let one operation at a time have what goes by a name.
type queues struct {
	mu    sync.Mutex
	taken map[string]chan struct{}
}

// take waits until nobody has the directory, or until the context ends.
func (q *queues) take(ctx context.Context, directory string) (release func(), err error) {
	if real, err := filepath.EvalSymlinks(directory); err == nil {
		directory = real
	}
	if absolute, err := filepath.Abs(directory); err == nil {
		directory = absolute
	}
	for {
		q.mu.Lock()
		held, taken := q.taken[directory]
		if !taken {
			held = make(chan struct{})
			q.taken[directory] = held
		}
		q.mu.Unlock()
		if !taken {
			return func() {
				q.mu.Lock()
				delete(q.taken, directory)
				q.mu.Unlock()
				close(held)
			}, nil
		}
		select {
		case <-held:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
