package session

import (
	"cmp"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"
	"helm.sh/helm/v4/pkg/cli"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
)

// environment answers what Helm and client-go would ask of the process's environment.
type environment map[string]string

// or gives value, or the variable where value is empty.
func (e environment) or(value, name string) string { return cmp.Or(value, e[name]) }

// lookup gives the variable, set and empty too, as helm's envOr does (pkg/cli/environment.go).
func (e environment) lookup(name, otherwise string) string {
	if value, set := e[name]; set {
		return value
	}
	return otherwise
}

// list gives the variables as a process gets them, in a stable order.
func (e environment) list() []string {
	all := make([]string, 0, len(e))
	for name, value := range e {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return all
}

// path is helm's lazypath.path (pkg/helmpath/lazypath.go) with its defaults on Linux.
func (e environment) path(helmHome, xdgHome, otherwise string, elements ...string) string {
	if base := e[helmHome]; base != "" {
		return filepath.Join(base, filepath.Join(elements...))
	}
	base := e.or(e[xdgHome], "")
	if base == "" {
		base = filepath.Join(e["HOME"], otherwise)
	}
	return filepath.Join(base, "helm", filepath.Join(elements...))
}

func (e environment) cachePath(elements ...string) string {
	return e.path("HELM_CACHE_HOME", "XDG_CACHE_HOME", ".cache", elements...)
}

func (e environment) configPath(elements ...string) string {
	return e.path("HELM_CONFIG_HOME", "XDG_CONFIG_HOME", ".config", elements...)
}

func (e environment) dataPath(elements ...string) string {
	return e.path("HELM_DATA_HOME", "XDG_DATA_HOME", filepath.Join(".local", "share"), elements...)
}

// find is exec.LookPath with this environment's PATH.
func (e environment) find(command string) (string, bool) {
	if strings.ContainsRune(command, filepath.Separator) {
		return command, executable(command)
	}
	for _, directory := range filepath.SplitList(e["PATH"]) {
		// As exec.LookPath: what is only found relative to the working directory is not run.
		if path := filepath.Join(directory, command); filepath.IsAbs(directory) && executable(path) {
			return path, true
		}
	}
	return "", false
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// proxy picks the proxy of a request; http.ProxyFromEnvironment reads Go's environment, once for the process.
func (e environment) proxy() func(*http.Request) (*url.URL, error) {
	pick := (&httpproxy.Config{
		HTTPProxy:  e.or(e["HTTP_PROXY"], "http_proxy"),
		HTTPSProxy: e.or(e["HTTPS_PROXY"], "https_proxy"),
		NoProxy:    e.or(e["NO_PROXY"], "no_proxy"),
		CGI:        e["REQUEST_METHOD"] != "",
	}).ProxyFunc()
	return func(request *http.Request) (*url.URL, error) { return pick(request.URL) }
}

// defaultMaxHistory is cli.defaultMaxHistory.
const defaultMaxHistory = 10

// maxHistory is how many revisions of a release are kept where nothing else is asked for.
func (o Options) maxHistory() int {
	if limit, err := strconv.Atoi(o.Environment["HELM_MAX_HISTORY"]); err == nil {
		return limit
	}
	return defaultMaxHistory
}

// settings makes helm's settings of the options; cli.New reads Go's environment, so every field is set anew.
func (o Options) settings(namespace string) *cli.EnvSettings {
	env := environment(o.Environment)
	settings := cli.New()
	settings.SetNamespace(namespace)
	settings.KubeConfig = env["KUBECONFIG"]
	if o.Kubeconfig != nil {
		settings.KubeConfig = strings.Join(o.Kubeconfig.Paths, string(filepath.ListSeparator))
	}
	settings.KubeContext = o.Kubecontext
	settings.KubeToken = o.KubeToken
	settings.KubeAsUser = o.KubeAsUser
	settings.KubeAsGroups = slices.Clone(o.KubeAsGroup)
	settings.KubeAPIServer = o.KubeAPIServer
	settings.KubeCaFile = o.KubeCAFile
	settings.KubeInsecureSkipTLSVerify = o.KubeInsecureSkipTLSVerify
	settings.KubeTLSServerName = o.KubeTLSServerName
	settings.Debug, _ = strconv.ParseBool(env["HELM_DEBUG"])
	settings.RegistryConfig = cmp.Or(o.RegistryConfig,
		env.lookup("HELM_REGISTRY_CONFIG", env.configPath("registry", "config.json")))
	settings.RepositoryConfig = cmp.Or(o.RepositoryConfig,
		env.lookup("HELM_REPOSITORY_CONFIG", env.configPath("repositories.yaml")))
	settings.RepositoryCache = cmp.Or(o.RepositoryCache,
		env.lookup("HELM_REPOSITORY_CACHE", env.cachePath("repository")))
	settings.ContentCache = cmp.Or(o.ContentCache, env.lookup("HELM_CONTENT_CACHE", env.cachePath("content")))
	settings.PluginsDirectory = env.lookup("HELM_PLUGINS", env.dataPath("plugins"))
	settings.MaxHistory = o.maxHistory()
	settings.BurstLimit, settings.QPS = defaultBurst, -1
	if o.BurstLimit != nil {
		settings.BurstLimit = *o.BurstLimit
	}
	if o.QPS != nil {
		settings.QPS = *o.QPS
	}
	settings.ColorMode = "never"
	return settings
}

// helmDefaults gives what helm sets on every connection: its user agent, and that some errors of etcd are tried again.
//
// Both are made by a function that only cli.EnvSettings has (pkg/cli/environment.go, WrapConfigFn).
func helmDefaults(config *rest.Config) *rest.Config {
	if flags, ok := cli.New().RESTClientGetter().(*genericclioptions.ConfigFlags); ok {
		config = flags.WrapConfigFn(config)
	}
	config.QPS, config.Burst = -1, 0
	return config
}
