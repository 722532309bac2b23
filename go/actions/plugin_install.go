package actions

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/registry"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/plugin"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// PluginInstallRequest are the arguments of `helm plugin install`.
type PluginInstallRequest struct {
	Source                string `json:"source"`
	Version               string `json:"version"`
	Verify                *bool  `json:"verify"`
	Keyring               string `json:"keyring"`
	CertFile              string `json:"cert_file"`
	KeyFile               string `json:"key_file"`
	CAFile                string `json:"ca_file"`
	InsecureSkipTLSVerify bool   `json:"insecure_skip_tls_verify"`
	PlainHTTP             bool   `json:"plain_http"`
	Username              string `json:"username"`
	Password              string `json:"password"`
}

// Validate refuses what names no source.
func (r PluginInstallRequest) Validate() error {
	if strings.TrimSpace(r.Source) == "" {
		return invalid("source", "is empty: give a directory, an archive, a URL, a repository of git or oci://…")
	}
	return nil
}

// NewPlugin is a plugin that was just installed, and who signed it.
type NewPlugin struct {
	InstalledPlugin
	SignedBy    []string `json:"signed_by"`
	Fingerprint string   `json:"fingerprint"`
	FileHash    string   `json:"file_hash"`
	Output      string   `json:"output"`
}

// PluginInstall installs a plugin, and runs its install hook. Cancelled, it leaves nothing of a plugin that was not there.
func PluginInstall(op *bridge.Operation, config *session.Configuration, request PluginInstallRequest) (NewPlugin, error) {
	t := begin(op, config, "plugin install")
	source, done, err := t.pulled(request)
	if err != nil {
		return NewPlugin{}, err
	}
	defer done()
	traces := t.traces(source)
	t.phase("installing")
	output, err := t.helm(append(request.flags(t.config.Options()), "--", source)...)
	if op.Cancelled() && err != nil {
		defer op.Hold()()
		traces.remove()
	}
	if err != nil {
		return NewPlugin{}, err
	}
	names := after(output, "Installed plugin: ")
	if len(names) == 0 {
		return NewPlugin{}, fmt.Errorf("helm does not say what it installed: %q", output)
	}
	made := NewPlugin{
		SignedBy: after(output, "Signed by: "), Output: output,
		Fingerprint: strings.Join(after(output, "Using Key With Fingerprint: "), ""),
		FileHash:    strings.Join(after(output, "Plugin Hash Verified: "), ""),
	}
	slices.Sort(made.SignedBy)
	one, err := plugin.Load(traces.directory)
	if err != nil {
		return NewPlugin{}, fmt.Errorf("plugin %s is installed, and can not be read: %w", names[len(names)-1], err)
	}
	made.InstalledPlugin = t.installed(one)
	return made, nil
}

// flags are the command's.
func (r PluginInstallRequest) flags(options session.Options) []string {
	flags := []string{"install"}
	for _, flag := range []struct{ name, value string }{
		{"--version", r.Version}, {"--keyring", r.Keyring},
		{"--cert-file", r.CertFile}, {"--key-file", r.KeyFile}, {"--ca-file", r.CAFile},
	} {
		if flag.value != "" {
			flags = append(flags, flag.name, flag.value)
		}
	}
	if r.Verify != nil {
		flags = append(flags, fmt.Sprintf("--verify=%t", *r.Verify))
	}
	if r.InsecureSkipTLSVerify || options.InsecureSkipTLSVerify {
		flags = append(flags, "--insecure-skip-tls-verify")
	}
	if r.PlainHTTP || options.PlainHTTP {
		flags = append(flags, "--plain-http")
	}
	return flags
}

// pulled downloads the plugin where its registry has credentials, and gives the archive as what is to be installed: the
// command has flags for them, and does not use them (helm: pkg/getter/ocigetter.go, newRegistryClient), nor does it look
// into any other file than the default one.
func (t *task) pulled(request PluginInstallRequest) (source string, done func(), err error) {
	done = func() {}
	reference, isOCI := strings.CutPrefix(request.Source, registry.OCIScheme+"://")
	if !isOCI {
		return request.Source, done, nil
	}
	host, _, _ := strings.Cut(reference, "/")
	known, err := t.config.RegistryCredential(t.op.Context(), host)
	if err != nil {
		return "", done, err
	}
	if request.Username == "" && request.Password == "" && known.Username == "" && known.Password == "" {
		return request.Source, done, nil
	}
	name, err := registry.GetPluginName(request.Source)
	if err != nil {
		return "", done, err
	}
	client, err := t.config.Registry(t.op, session.RegistryOptions{
		PlainHTTP: request.PlainHTTP, InsecureSkipTLSVerify: request.InsecureSkipTLSVerify,
		CertFile: request.CertFile, KeyFile: request.KeyFile, CAFile: request.CAFile,
		Username: request.Username, Password: request.Password,
	})
	if err != nil {
		return "", done, err
	}
	t.phase("downloading")
	pulled, err := client.PullPlugin(reference, name)
	if err != nil {
		return "", done, codedByText(fmt.Errorf("failed to pull plugin from %s: %w", request.Source, err), err)
	}
	one, err := plugin.LoadArchive(pulled.PluginData)
	if err != nil {
		return "", done, codedByText(fmt.Errorf("failed to extract plugin metadata from tarball: %w", err), err)
	}
	directory, err := os.MkdirTemp("", "helm-plugin-pull-")
	if err != nil {
		return "", done, err
	}
	done = func() { _ = os.RemoveAll(directory) }
	source = filepath.Join(directory, one.Name+"-"+one.Version+".tgz")
	err = os.WriteFile(source, pulled.PluginData, 0o600)
	if err == nil && pulled.Prov.Data != nil {
		err = os.WriteFile(source+".prov", pulled.Prov.Data, 0o600)
	}
	return source, done, err
}

// traces are the places that an install writes to.
type traces struct {
	directory string   // the plugin's own
	fresh     []string // what was not there before
	archives  string   // the pattern of what it keeps of an archive
	before    []string
}

// versioned is what helm takes off the name of an archive (helm: internal/plugin/installer/extractor.go, stripPluginName).
var versioned = regexp.MustCompile(`(.*)-\d+\..*`)

// traces says where helm will put a plugin of this source (helm: internal/plugin/installer, each installer's Path).
func (t *task) traces(source string) *traces {
	made := &traces{}
	places := []string{t.config.CachePath("plugins", cacheKey(source))}
	name, archive := filepath.Base(source), false
	for _, end := range []string{".tar.gz", ".tgz"} {
		if stripped, is := strings.CutSuffix(name, end); is {
			name, archive = versioned.ReplaceAllString(stripped, "$1"), true
			break
		}
	}
	_, err := os.Stat(source)
	switch web := strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://"); {
	case strings.HasPrefix(source, registry.OCIScheme+"://"):
		name, _ = registry.GetPluginName(source)
		made.directory, archive = filepath.Join(t.config.Settings().PluginsDirectory, name), true
	case err == nil:
		if path, err := filepath.Abs(source); err == nil && !archive {
			name = filepath.Base(path)
		}
		made.directory, places = t.config.DataPath("plugins", name), nil
	case web && archive:
		made.directory = t.config.DataPath("plugins", name)
	default:
		made.directory, archive = filepath.Join(t.config.Settings().PluginsDirectory, filepath.Base(source)), false
	}
	for _, place := range append(places, made.directory) {
		if _, err := os.Lstat(place); os.IsNotExist(err) {
			made.fresh = append(made.fresh, place)
		}
	}
	if archive {
		made.archives = t.config.DataPath("plugins", name+"-*.tgz*")
		made.before, _ = filepath.Glob(made.archives)
	}
	return made
}

// remove removes what was not there before.
func (t *traces) remove() {
	kept, _ := filepath.Glob(t.archives)
	for _, archive := range kept {
		if !slices.Contains(t.before, archive) {
			_ = os.Remove(archive)
		}
	}
	for _, place := range t.fresh {
		_ = os.RemoveAll(place)
	}
}

// cacheKey is helm's name for what it keeps of a source (helm: internal/plugin/cache/cache.go, Key).
func cacheKey(source string) string {
	address := &url.URL{}
	if user, rest, is := strings.Cut(source, "@"); is && !strings.Contains(user, "/") && strings.Contains(rest, ":") {
		host, path, _ := strings.Cut(rest, ":")
		address.User, address.Host, address.Path = url.User(user), host, "/"+path
	} else if parsed, err := url.Parse(source); err == nil {
		address = parsed
	}
	key := ""
	if address.Scheme != "" {
		key = address.Scheme + "-"
	}
	if address.User != nil && address.User.Username() != "" {
		key += address.User.Username() + "-"
	}
	key += address.Host + strings.ReplaceAll(address.Path, "/", "-")
	return strings.ReplaceAll(key, ":", "-")
}
