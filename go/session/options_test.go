package session

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

const twoClusters = `apiVersion: v1
kind: Config
clusters:
- {name: one, cluster: {server: "https://one.example:6443"}}
- {name: two, cluster: {server: "https://two.example:6443/k8s/c"}}
users:
- {name: someone, user: {token: kubeconfigs}}
contexts:
- {name: one, context: {cluster: one, user: someone, namespace: web}}
- {name: two, context: {cluster: two, user: someone}}
current-context: one
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKubeconfigForms(t *testing.T) {
	t.Parallel()
	path := write(t, twoClusters)
	onlyContext := write(t, "apiVersion: v1\nkind: Config\ncurrent-context: two\n")
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".kube"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".kube", "config"), []byte(twoClusters), 0o600); err != nil {
		t.Fatal(err)
	}
	const one, two = "https://one.example:6443", "https://two.example:6443/k8s/c"
	for name, test := range map[string]struct {
		options         Options
		host, namespace string
	}{
		"path":        {Options{Kubeconfig: &Kubeconfig{Paths: []string{path}}}, one, "web"},
		"paths":       {Options{Kubeconfig: &Kubeconfig{Paths: []string{onlyContext, "/nowhere", path}}}, two, "default"},
		"text":        {Options{Kubeconfig: &Kubeconfig{Text: twoClusters}}, one, "web"},
		"context":     {Options{Kubeconfig: &Kubeconfig{Text: twoClusters}, Kubecontext: "two"}, two, "default"},
		"namespace":   {Options{Kubeconfig: &Kubeconfig{Text: twoClusters}, Namespace: "mine"}, one, "mine"},
		"server":      {Options{Kubeconfig: &Kubeconfig{Text: twoClusters}, KubeAPIServer: "https://other"}, "https://other", "web"},
		"home":        {Options{Environment: map[string]string{"HOME": home}}, one, "web"},
		"KUBECONFIG":  {Options{Environment: map[string]string{"KUBECONFIG": onlyContext + ":" + path}}, two, "default"},
		"environment": {Options{Environment: map[string]string{"KUBECONFIG": path, "HELM_KUBECONTEXT": "two", "HELM_NAMESPACE": "env"}}, two, "env"},
		"nothing":     {Options{Environment: map[string]string{"HOME": "/nowhere"}}, "", "default"},
		"option over environment": {
			Options{Environment: map[string]string{"KUBECONFIG": path, "HELM_KUBECONTEXT": "two"}, Kubecontext: "one"}, one, "web",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			configuration := open(t, NewPool(), test.options)
			if got := configuration.Namespace(); got != test.namespace {
				t.Errorf("namespace %q; want %q", got, test.namespace)
			}
			op, _ := operation(t)
			connection := connect(t, configuration, op, ConnectOptions{})
			config, err := connection.Getter().ToRESTConfig()
			if test.host == "" {
				if !isConfiguration(err) || !strings.Contains(err.Error(), "no Kubernetes cluster is configured") {
					t.Errorf("err = %v", err)
				}
				return
			}
			if err != nil || config.Host != test.host {
				t.Errorf("host %v, %v; want %q", config, err, test.host)
			}
			if namespace, _, _ := connection.Getter().ToRawKubeConfigLoader().Namespace(); namespace != test.namespace {
				t.Errorf("the loader's namespace is %q", namespace)
			}
		})
	}
}

func TestWrongOptionsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options Options
		field   string
		says    string
	}{
		"missing file":  {Options{Kubeconfig: &Kubeconfig{Paths: []string{"/nowhere/config"}}}, "kubeconfig", "/nowhere/config does not exist"},
		"missing files": {Options{Kubeconfig: &Kubeconfig{Paths: []string{"/nowhere/a", "/nowhere/b"}}}, "kubeconfig", "/nowhere/a, /nowhere/b"},
		"no YAML":       {Options{Kubeconfig: &Kubeconfig{Text: "{"}}, "kubeconfig", "can not be parsed"},
		"no cluster":    {Options{Kubeconfig: &Kubeconfig{Text: "kind: Config"}}, "kubeconfig", "names no cluster"},
		"no context":    {Options{Kubeconfig: &Kubeconfig{Text: twoClusters}, Kubecontext: "three"}, "kubeconfig", `context "three" does not exist`},
		"two forms":     {Options{Kubeconfig: &Kubeconfig{Text: twoClusters, InCluster: true}}, "kubeconfig", "2 of them"},
		"no form":       {Options{Kubeconfig: &Kubeconfig{}}, "kubeconfig", "0 of them"},
		"stdin":         {Options{Kubeconfig: &Kubeconfig{Paths: []string{"-"}}}, "kubeconfig", "standard input"},
		"no pod":        {Options{Kubeconfig: &Kubeconfig{InCluster: true}}, "kubeconfig", "no pod"},
		"storage":       {Options{Storage: "disk"}, "storage", "secret, configmap, memory, sql"},
		"HELM_DRIVER":   {Options{Environment: map[string]string{"HELM_DRIVER": "disk"}}, "storage", "secret, configmap, memory, sql"},
		"lock":          {Options{Lock: "file"}, "lock", `use "lease"`},
		"sql":           {Options{Storage: "sql"}, "sql_connection", "HELM_DRIVER_SQL_CONNECTION_STRING"},
		"certificate": {
			Options{Kubeconfig: &Kubeconfig{Text: twoClusters}, KubeCAFile: "/nowhere/ca.crt"}, "kubeconfig", "/nowhere/ca.crt",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := NewPool()
			_, err := pool.Open(test.options)
			if !isConfiguration(err) || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("err = %v; want one that says %q", err, test.says)
			}
			if found, _ := errors.AsType[*bridge.Error](err); found.Details["field"] != test.field {
				t.Errorf("details = %v; want field %q", found.Details, test.field)
			}
			if len(pool.sessions) != 0 {
				t.Error("a session was left")
			}
		})
	}
}

func isConfiguration(err error) bool {
	found, ok := errors.AsType[*bridge.Error](err)
	return ok && found.Code == CodeConfiguration
}

// A kubeconfig that nobody asked for must not be in the way of what needs no cluster.
func TestABrokenDefaultIsAnErrorOnlyOnUse(t *testing.T) {
	t.Parallel()
	configuration := open(t, NewPool(), Options{Environment: map[string]string{"KUBECONFIG": write(t, "{")}})
	op, _ := operation(t)
	connection := connect(t, configuration, op, ConnectOptions{})
	_, discovery := connection.Getter().ToDiscoveryClient()
	_, mapper := connection.Getter().ToRESTMapper()
	_, clients := connection.Factory().KubernetesClientSet()
	_, dynamic := connection.Factory().DynamicClient()
	_, validator := connection.Factory().Validator("Strict")
	_, records := connection.Storage()
	for _, err := range []error{discovery, mapper, clients, dynamic, validator, records} {
		if !isConfiguration(err) {
			t.Errorf("err = %v", err)
		}
	}
	connection.Invalidate()
}

func TestRootFlagsReachTheConnection(t *testing.T) {
	t.Parallel()
	found, err := Options{
		Kubeconfig: &Kubeconfig{Text: twoClusters}, KubeAsUser: "alice", KubeAsGroup: []string{"a", "b"}, KubeToken: "option's",
		KubeTLSServerName: "name", KubeInsecureSkipTLSVerify: true,
	}.resolve("/nowhere")
	if err != nil {
		t.Fatal(err)
	}
	config := found.config
	if config.Impersonate.UserName != "alice" || !slices.Equal(config.Impersonate.Groups, []string{"a", "b"}) ||
		config.BearerToken != "option's" || config.ServerName != "name" || !config.Insecure {
		t.Errorf("config = %v", config)
	}
}

func TestInCluster(t *testing.T) {
	t.Parallel()
	account := t.TempDir()
	for name, text := range map[string]string{"token": "pods", "namespace": "pods-own\n", "ca.crt": "x"} {
		if err := os.WriteFile(filepath.Join(account, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pod := map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443", "HOME": "/nowhere"}
	for name, options := range map[string]Options{
		"asked for": {Kubeconfig: &Kubeconfig{InCluster: true}, Environment: pod},
		"fallback":  {Environment: pod},
	} {
		found, err := options.resolve(account)
		if err != nil || found.err != nil {
			t.Fatalf("%s: %v, %v", name, err, found.err)
		}
		if found.config.Host != "https://10.0.0.1:443" || found.config.BearerToken != "pods" || found.namespace != "pods-own" ||
			found.config.BearerTokenFile != filepath.Join(account, "token") || found.config.CAFile != filepath.Join(account, "ca.crt") {
			t.Errorf("%s: %v in %s", name, found.config, found.namespace)
		}
	}
	overridden, err := Options{
		Kubeconfig: &Kubeconfig{InCluster: true}, Environment: pod, KubeToken: "mine", KubeAsUser: "alice", Namespace: "web",
		KubeInsecureSkipTLSVerify: true, KubeAPIServer: "https://other",
	}.resolve("/nowhere")
	config := overridden.config
	if err != nil || config.Host != "https://other" || config.BearerToken != "mine" || config.BearerTokenFile != "" ||
		config.Impersonate.UserName != "alice" || !config.Insecure || config.CAFile != "" || overridden.namespace != "web" {
		t.Errorf("%v, %v", overridden, err)
	}
	if _, err := (Options{Kubeconfig: &Kubeconfig{InCluster: true}, Environment: pod}).resolve("/nowhere"); !isConfiguration(err) {
		t.Errorf("without a token: %v", err)
	}
}

func TestSettingsComeFromTheOptionsAlone(t *testing.T) {
	t.Setenv("HELM_NAMESPACE", "gos")
	t.Setenv("HELM_CACHE_HOME", "/gos")
	t.Setenv("HELM_DEBUG", "1")
	t.Setenv("KUBECONFIG", "/gos")
	configuration := open(t, NewPool(), Options{RegistryConfig: "/mine.json", Environment: map[string]string{
		"HOME": "/home/me", "XDG_CONFIG_HOME": "/xdg", "HELM_REPOSITORY_CACHE": "", "HELM_MAX_HISTORY": "3",
	}})
	settings := configuration.Settings()
	for name, pair := range map[string][2]any{
		"namespace":         {settings.Namespace(), "default"},
		"registry config":   {settings.RegistryConfig, "/mine.json"},
		"repository config": {settings.RepositoryConfig, "/xdg/helm/repositories.yaml"},
		"repository cache":  {settings.RepositoryCache, ""},
		"content cache":     {settings.ContentCache, "/home/me/.cache/helm/content"},
		"plugins":           {settings.PluginsDirectory, "/home/me/.local/share/helm/plugins"},
		"history":           {settings.MaxHistory, 3},
		"debug":             {settings.Debug, false},
		"kubeconfig":        {settings.KubeConfig, ""},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %v; want %v", name, pair[0], pair[1])
		}
	}
	if settings == configuration.Settings() {
		t.Error("settings are shared")
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	number := func(value float32) *float32 { return &value }
	count := func(value int) *int { return &value }
	for _, test := range []struct {
		options Options
		qps     float32
		burst   int
		limited bool
	}{
		{Options{}, 0, 0, false},
		{Options{QPS: number(-1)}, 0, 0, false},
		{Options{BurstLimit: count(7)}, 0, 0, false},
		{Options{QPS: number(3)}, 3, 100, true},
		{Options{QPS: number(3), BurstLimit: count(7)}, 3, 7, true},
		{Options{QPS: number(0), BurstLimit: count(0)}, 5, 10, true},
		{Options{QPS: number(3), BurstLimit: count(-1)}, 0, 0, false},
	} {
		if qps, burst, limited := test.options.rate(); qps != test.qps || burst != test.burst || limited != test.limited {
			t.Errorf("%v: %v, %v, %v", test, qps, burst, limited)
		}
	}
}

func TestProxyComesFromTheOptions(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://gos:1")
	request, _ := http.NewRequest(http.MethodGet, "https://somewhere.example", http.NoBody)
	for _, test := range []struct {
		env  environment
		want string
	}{
		{environment{}, ""},
		{environment{"HTTPS_PROXY": "http://mine:2"}, "http://mine:2"},
		{environment{"https_proxy": "http://mine:3"}, "http://mine:3"},
		{environment{"HTTPS_PROXY": "http://mine:2", "NO_PROXY": ".example"}, ""},
	} {
		got := ""
		if address, err := test.env.proxy()(request); err != nil {
			t.Error(err)
		} else if address != nil {
			got = address.String()
		}
		if got != test.want {
			t.Errorf("%v: %q; want %q", test.env, got, test.want)
		}
	}
}
