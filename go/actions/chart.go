package actions

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/cli"
	"helm.sh/helm/v4/pkg/downloader"
	"helm.sh/helm/v4/pkg/getter"
	"helm.sh/helm/v4/pkg/registry"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/charts"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// loaded is a chart of the operation's own, since Helm changes the chart that it renders, and its values.
type loaded struct {
	chart  chart.Charter
	values map[string]any
}

// load gets the chart and merges the values, in the command's order (helm: pkg/cmd/install.go, runInstall).
func (t *task) load(source ChartSource, dependencyUpdate bool, options ValueOptions) (loaded, error) {
	if t.loaded != nil {
		return loaded{charts.Copy(t.loaded.chart), t.loaded.values}, nil
	}
	t.phase("loading")
	fetch := t.fetcher(source)
	path := ""
	var err error
	if len(source.ChartArchive) == 0 {
		if path, err = fetch.locate(); err != nil {
			return loaded{}, fetch.explain(err)
		}
	}
	values, err := options.merge(fetch.providers)
	if err != nil {
		return loaded{}, err
	}
	parsed, err := fetch.parse(path)
	if err != nil {
		return loaded{}, err
	}
	accessor, err := chart.NewAccessor(parsed)
	if err != nil {
		return loaded{}, chartInvalid(source, err)
	}
	if kind, _ := accessor.MetadataAsMap()["Type"].(string); t.installs() && kind != "" && kind != "application" {
		return loaded{}, chartInvalid(source, fmt.Errorf("%s charts are not installable", kind))
	}
	if accessor.Deprecated() {
		t.log.Warn("this chart is deprecated")
	}
	if parsed, err = fetch.dependencies(path, parsed, accessor, dependencyUpdate); err != nil {
		return loaded{}, err
	}
	return loaded{parsed, values}, nil
}

// installs says whether the command refuses what is no application (helm: pkg/cmd/install.go, runInstall).
func (t *task) installs() bool { return t.verb == "install" || t.verb == "template" }

// fetcher gets one chart for one operation: each of its requests carries the operation's context, which Helm's
// LocateChart can not be given (it makes its own getters and prints to the process's stdout).
type fetcher struct {
	task      *task
	source    ChartSource
	settings  *cli.EnvSettings
	providers getter.Providers
	access    func() (*session.Access, error) // made when it is needed: it reads credentials from files
}

func (t *task) fetcher(source ChartSource) *fetcher {
	if source.Version == "" && source.Devel {
		source.Version = ">0.0.0-0"
	}
	settings := t.config.Settings()
	if source.Keyring == "" {
		source.Keyring = keyring(t.config)
	}
	return &fetcher{
		task: t, source: source, settings: settings, providers: t.config.Providers(t.op),
		access: sync.OnceValues(func() (*session.Access, error) { return t.access(source.access()) }),
	}
}

// registry is Helm's client for registries.
func (f *fetcher) registry() (*registry.Client, error) {
	made, err := f.access()
	if err != nil {
		return nil, err
	}
	return made.Client, nil
}

// locate finds or downloads the chart (helm: pkg/action/install.go, ChartPathOptions.LocateChart).
func (f *fetcher) locate() (string, error) {
	name, version := strings.TrimSpace(f.source.ChartPath), strings.TrimSpace(f.source.Version)
	if f.source.Repo == "" {
		path, err := f.local(name)
		if path != "" || err != nil {
			return path, err
		}
	}
	if err := os.MkdirAll(f.settings.RepositoryCache, 0o755); err != nil {
		return "", fmt.Errorf("repository cache: %w", err)
	}
	download, name, err := f.downloader(name, version)
	if err != nil {
		return "", err
	}
	if f.source.Verify {
		download.Verify = downloader.VerifyAlways
	}
	f.task.phase("downloading")
	path, err := f.download(download, name, version)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// downloader is Helm's, with our getters, and the chart's name as it takes it: where a repository was given, that is the
// address that its index has.
func (f *fetcher) downloader(name, version string) (*downloader.ChartDownloader, string, error) {
	client, err := f.registry()
	if err != nil {
		return nil, "", err
	}
	download := &downloader.ChartDownloader{
		Out:              logWriter{f.task},
		Keyring:          f.source.Keyring,
		Getters:          f.providers,
		RepositoryConfig: f.settings.RepositoryConfig,
		RepositoryCache:  f.settings.RepositoryCache,
		ContentCache:     f.settings.ContentCache,
		RegistryClient:   client,
		Options: []getter.Option{
			getter.WithPassCredentialsAll(f.source.PassCredentials),
			getter.WithTLSClientConfig(f.source.CertFile, f.source.KeyFile, f.source.CAFile),
			getter.WithInsecureSkipVerifyTLS(f.source.InsecureSkipTLSVerify),
			getter.WithPlainHTTP(f.source.PlainHTTP),
			getter.WithBasicAuth(f.source.Username, f.source.Password),
			getter.WithRegistryClient(client),
		},
	}
	if f.source.Repo == "" {
		return download, name, nil
	}
	address, err := f.findInRepository(name, version)
	if err != nil {
		return nil, "", err
	}
	if !f.source.PassCredentials && !sameHost(f.source.Repo, address) {
		// Credentials are for the repository alone, not for wherever its index points.
		download.Options = append(download.Options, getter.WithBasicAuth("", ""))
	}
	return download, address, nil
}

// local is the chart's path where it is a file or directory; "" where it has to be looked for elsewhere.
func (f *fetcher) local(name string) (string, error) {
	if _, err := os.Stat(name); err != nil {
		if filepath.IsAbs(name) || strings.HasPrefix(name, ".") {
			return "", fmt.Errorf("path %q not found: %w", name, fs.ErrNotExist)
		}
		return "", nil
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	if f.source.Verify {
		if _, err := verifyFile(f.source.Keyring, path); err != nil {
			return "", err
		}
	}
	return path, nil
}

func sameHost(one, other string) bool {
	a, err := url.Parse(one)
	if err != nil {
		return false
	}
	b, err := url.Parse(other)
	return err == nil && a.Scheme == b.Scheme && a.Hostname() == b.Hostname() && portOf(a) == portOf(b)
}

func portOf(address *url.URL) string {
	if port := address.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[address.Scheme]
}

// parse reads the chart from the bytes that were given or from its path.
func (f *fetcher) parse(path string) (chart.Charter, error) {
	var parsed chart.Charter
	var err error
	if len(f.source.ChartArchive) > 0 {
		parsed, err = f.task.config.Charts().LoadArchive(f.source.ChartArchive)
	} else {
		parsed, err = f.task.config.Charts().Load(path)
	}
	if err != nil {
		return nil, chartInvalid(f.source, err)
	}
	return parsed, nil
}

// dependencies checks that every dependency is in the chart, and with dependency_update fetches those that are not.
func (f *fetcher) dependencies(path string, parsed chart.Charter, accessor chart.Accessor, update bool) (chart.Charter, error) {
	required := accessor.MetaDependencies()
	if len(required) == 0 {
		return parsed, nil
	}
	missing := action.CheckDependencies(parsed, required)
	if missing == nil {
		return parsed, nil
	}
	if !update {
		return nil, &bridge.Error{
			Code:    codeMissingDependency,
			Message: fmt.Sprintf("an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to fetch missing dependencies: %v", missing),
			Details: map[string]any{"chart": f.source.ChartPath},
			Cause:   missing,
		}
	}
	if path == "" {
		return nil, invalid("dependency_update", "needs the chart's directory: an archive's bytes can not be updated")
	}
	access, err := f.access()
	if err != nil {
		return nil, err
	}
	// As in the command, a chart's own dependencies are not verified: pkg/cmd/install.go sets no Verify here.
	if err := f.task.updateDependencies(path, dependencySource{access: access, keyring: f.source.Keyring}); err != nil {
		return nil, f.explain(err)
	}
	return f.parse(path)
}

// explain says why a chart could not be had: a download has no types of its own.
func (f *fetcher) explain(err error) error {
	var known *bridge.Error
	if errors.As(err, &known) {
		return ofChart(f.source.ChartPath, err)
	}
	code, text := codeOfDownload(err, registry.IsOCI(f.source.ChartPath)), err.Error()
	if advice := registryAdvice(code, text); advice != "" {
		text += " (" + advice + ")"
	}
	return &bridge.Error{
		Code:    code,
		Message: fmt.Sprintf("chart %q: %s", f.source.ChartPath, text),
		Details: map[string]any{"chart": f.source.ChartPath},
		Cause:   err,
	}
}

// codeOfDownload tells what went wrong with what it came from, by the error's text where it has no type.
func codeOfDownload(err error, oci bool) string {
	if code := codeOfRegistry(err); code != "" {
		return code
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "401 Unauthorized"), strings.Contains(text, "unauthorized"), strings.Contains(text, "basic credential not found"):
		return codeUnauthorized
	case strings.Contains(text, "403 Forbidden"), strings.Contains(text, "denied"):
		return codeForbidden
	case strings.Contains(text, "digest") && strings.Contains(text, "mismatch"), strings.Contains(text, "sha256 sum does not match"):
		return codeDigestMismatch
	case strings.Contains(text, "provenance"), strings.Contains(text, "openpgp"), strings.Contains(text, "signature block"),
		strings.Contains(text, "failed to load keyring"):
		return codeProvenance
	case oci && !strings.Contains(text, "not found"):
		return codeRegistry
	case strings.Contains(text, "not found"), errors.Is(err, fs.ErrNotExist):
		return codeChartNotFound
	case codeOfConnection(err) != "", strings.Contains(text, "unexpected EOF"), serverFailure.MatchString(text):
		return codeRepository
	}
	return codeChartNotFound
}

// serverFailure is getter.HTTPGetter's text for an answer that says nothing of the chart.
var serverFailure = regexp.MustCompile(`failed to fetch .* : (5\d\d|429) `)

func chartInvalid(source ChartSource, err error) error {
	return &bridge.Error{
		Code:    codeChartInvalid,
		Message: fmt.Sprintf("chart %q can not be used: %v", source.ChartPath, err),
		Details: map[string]any{"chart": source.ChartPath},
		Cause:   err,
	}
}

// logWriter takes what Helm would print.
type logWriter struct{ task *task }

var _ io.Writer = logWriter{}

// Write makes a log event of each line.
func (w logWriter) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "":
		case strings.HasPrefix(line, "WARNING: "), strings.HasPrefix(line, "...Unable to get an update "):
			w.task.log.Warn(line)
		default:
			w.task.log.Info(line)
		}
	}
	return len(text), nil
}
