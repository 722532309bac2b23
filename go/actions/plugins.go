package actions

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"helm.sh/helm/v4/pkg/provenance"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/child"
	"github.com/helm-sdkpy/helm-sdkpy/go/plugin"
)

// InstalledPlugin is what is known of a plugin that is installed.
type InstalledPlugin struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Type       string `json:"type"`
	APIVersion string `json:"api_version"`
	Runtime    string `json:"runtime"`
	Provenance string `json:"provenance"`
	SourceURL  string `json:"source_url"`
	Path       string `json:"path"`
}

// pluginNames are the arguments of commands on several plugins.
type pluginNames struct {
	Names []string `json:"plugin_names"`
}

// Validate refuses what names no plugin.
func (n pluginNames) Validate() error {
	if len(n.Names) == 0 || slices.Contains(n.Names, "") {
		return invalid("plugin_names", "is empty: give the name of a plugin, or several")
	}
	return nil
}

// plugins reads the plugins of all of helm's plugin directories.
func (t *task) plugins() ([]*plugin.Plugin, error) {
	return plugin.Find(filepath.SplitList(t.config.Settings().PluginsDirectory), t.log)
}

// installed tells what is known of a plugin.
func (t *task) installed(one *plugin.Plugin) InstalledPlugin {
	path, err := filepath.Abs(one.Directory)
	if err != nil {
		path = one.Directory
	}
	return InstalledPlugin{
		Name: one.Name, Version: one.Version, Type: one.Type, APIVersion: one.APIVersion, Runtime: one.Runtime,
		Provenance: t.provenance(one), SourceURL: one.SourceURL, Path: path,
	}
}

// named picks plugins by their names, in the order of the names; what is not there is left out.
func (t *task) named(names []string) ([]InstalledPlugin, error) {
	all, err := t.plugins()
	if err != nil {
		return nil, err
	}
	found := []InstalledPlugin{}
	for _, name := range names {
		if number := slices.IndexFunc(all, func(one *plugin.Plugin) bool { return one.Name == name }); number >= 0 {
			found = append(found, t.installed(all[number]))
		}
	}
	return found, nil
}

// provenance says whether the plugin is signed, in helm's words (helm: internal/plugin/signing_info.go).
func (t *task) provenance(one *plugin.Plugin) string {
	info, err := os.Lstat(t.config.DataPath("plugins", one.Name))
	switch {
	case err != nil:
		return "unknown"
	case info.Mode()&os.ModeSymlink != 0:
		return "local dev"
	}
	archive := t.config.DataPath("plugins", one.Name+"-"+one.Version+".tgz")
	if _, err := os.Stat(archive); err != nil {
		return "unsigned"
	}
	signed, err := os.ReadFile(archive + ".prov")
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "unsigned"
	case err != nil:
		return "unknown"
	}
	block, _ := clearsign.Decode(signed)
	if block == nil {
		return "invalid provenance"
	}
	sums := &provenance.SumCollection{}
	digest, err := digestOf(archive)
	if err == nil {
		err = provenance.ParseMessageBlock(block.Plaintext, nil, sums)
	}
	for name, sum := range sums.Files {
		if err == nil && sum == digest && strings.Contains(name, filepath.Base(archive)) {
			return "signed"
		}
	}
	return "mismatched provenance"
}

func digestOf(path string) (string, error) {
	sum, err := provenance.DigestFile(path)
	return "sha256:" + sum, err
}

// helm runs a `helm plugin` command as a child (package child), with the Configuration's environment and paths: what
// installs and removes plugins is Helm's own (internal/plugin/installer), and prints.
func (t *task) helm(arguments ...string) (string, error) {
	settings := t.config.Settings()
	// Flags and not variables: what a plugin's hook sees is the environment alone, as with helm.
	all := []string{
		"plugin", arguments[0],
		"--registry-config", settings.RegistryConfig, "--repository-config", settings.RepositoryConfig,
		"--repository-cache", settings.RepositoryCache, "--content-cache", settings.ContentCache,
	}
	if t.op.LogLevel() <= slog.LevelDebug {
		all = append(all, "--debug")
	}
	output, err := child.Helm(t.op.Context(), t.log, t.config.Options().Environment, append(all, arguments[1:]...)...)
	return output, explainPlugin(err)
}

// pluginTexts tell why a plugin command failed: a child gives nothing but words. The first match wins.
var pluginTexts = []struct{ text, code string }{
	{"plugin already exists", codePluginExists},
	{"plugin verification failed", codeProvenance},
	{"failed to get verification data", codeProvenance},
	{"source does not support verification", codeProvenance},
	{"error reading from keyring", codeProvenance},
	{"hook for \"", codePluginHook},
	{"plugin is installed but unusable", codePluginInvalid},
	{"plugin metadata (plugin.yaml) missing", codePluginInvalid},
	{"failed to extract plugin metadata", codePluginInvalid},
	{"invalid plugin directory", codePluginInvalid},
	{"failed to extract", codePluginInvalid},
	{"plugin.yaml not found", codePluginInvalid},
	{"x509:", codeCertificate},
	{"response status code 401", codeUnauthorized},
	{"401 Unauthorized", codeUnauthorized},
	{"basic credential not found", codeUnauthorized},
	{"401: unauthorized", codeUnauthorized},
	{"response status code 403", codeForbidden},
	{"403 Forbidden", codeForbidden},
	{"not found", codePluginNotFound},
	{"404 Not Found", codePluginNotFound},
	{"cannot get information about plugin source", codePluginNotFound},
	{"does not exist for plugin", codePluginNotFound},
}

func explainPlugin(err error) error {
	var said *child.HelmError
	if !errors.As(err, &said) {
		return err
	}
	explained := codedByText(said, err)
	explained.Details["exit_code"] = said.Failure.ExitCode
	explained.Details["output"] = said.Failure.Output
	explained.Details["log"] = said.Log
	return explained
}

// codedByText is an error that says what said says, with the code for that.
func codedByText(said, cause error) *bridge.Error {
	explained := &bridge.Error{Code: codeOf(cause), Message: said.Error(), Cause: cause, Details: map[string]any{}}
	if explained.Code != codeHelm {
		return explained
	}
	for _, known := range pluginTexts {
		if strings.Contains(explained.Message, known.text) {
			explained.Code = known.code
			break
		}
	}
	return explained
}

// after gives what stands after a prefix in the lines of a text.
func after(text, prefix string) []string {
	found := []string{}
	for line := range strings.Lines(text) {
		if rest, is := strings.CutPrefix(line, prefix); is {
			found = append(found, strings.TrimSuffix(rest, "\n"))
		}
	}
	return found
}

// doneBefore adds to an error of a command on several plugins which of them it did (helm goes on after a failure).
func doneBefore(err error, word, prefix string) error {
	var known *bridge.Error
	if errors.As(err, &known) {
		if output, is := known.Details["output"].(string); is {
			known.Details[word] = after(output, prefix)
		}
	}
	return err
}
