// Package session is one connection to a cluster, shared by every Configuration that names the same cluster and identity.
package session

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/client-go/rest"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// CodeConfiguration is the code of everything that is wrong with what a Configuration was given.
const CodeConfiguration = "configuration"

// Options are the arguments of config_create; what is absent is as the helm command has it.
type Options struct {
	Namespace                 string                `json:"namespace"`
	Kubeconfig                *Kubeconfig           `json:"kubeconfig"`
	Kubecontext               string                `json:"kubecontext"`
	KubeAPIServer             string                `json:"kube_apiserver"`
	KubeAsUser                string                `json:"kube_as_user"`
	KubeAsGroup               []string              `json:"kube_as_group"`
	KubeCAFile                string                `json:"kube_ca_file"`
	KubeInsecureSkipTLSVerify bool                  `json:"kube_insecure_skip_tls_verify"`
	KubeTLSServerName         string                `json:"kube_tls_server_name"`
	KubeToken                 string                `json:"kube_token"`
	QPS                       *float32              `json:"qps"`
	BurstLimit                *int                  `json:"burst_limit"`
	PlainHTTP                 bool                  `json:"plain_http"`
	InsecureSkipTLSVerify     bool                  `json:"insecure_skip_tls_verify"`
	RegistryAuth              map[string]Credential `json:"registry_auth"`
	RegistryConfig            string                `json:"registry_config"`
	RepositoryConfig          string                `json:"repository_config"`
	RepositoryCache           string                `json:"repository_cache"`
	ContentCache              string                `json:"content_cache"`
	Storage                   string                `json:"storage"`
	SQLConnection             string                `json:"sql_connection"`
	Lock                      string                `json:"lock"`
	// Environment is Python's environment when the Configuration was made: Go's own is a snapshot of the process's start.
	Environment map[string]string `json:"environment"`
}

// Kubeconfig says where the cluster's address and credentials are; one of its fields is set.
type Kubeconfig struct {
	Paths     []string `json:"paths"`
	Text      string   `json:"text"`
	InCluster bool     `json:"in_cluster"`
}

// Credential is what one registry host is logged in with.
type Credential struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// The kinds of release storage.
const (
	storageSecret    = "secret"
	storageConfigMap = "configmap"
	storageMemory    = "memory"
	storageSQL       = "sql"
)

// storageKinds are the names that helm knows (action.Configuration.Init), and what they mean.
var storageKinds = map[string]string{
	"":           storageSecret,
	"secret":     storageSecret,
	"secrets":    storageSecret,
	"configmap":  storageConfigMap,
	"configmaps": storageConfigMap,
	"memory":     storageMemory,
	"sql":        storageSQL,
}

// withEnvironment fills what was left out from the environment, as the helm command does where a flag is not given.
func (o Options) withEnvironment() (Options, error) {
	env := environment(o.Environment)
	o.Environment = maps.Clone(o.Environment)
	o.Namespace = env.or(o.Namespace, "HELM_NAMESPACE")
	o.Kubecontext = env.or(o.Kubecontext, "HELM_KUBECONTEXT")
	o.KubeAPIServer = env.or(o.KubeAPIServer, "HELM_KUBEAPISERVER")
	o.KubeAsUser = env.or(o.KubeAsUser, "HELM_KUBEASUSER")
	o.KubeCAFile = env.or(o.KubeCAFile, "HELM_KUBECAFILE")
	o.KubeTLSServerName = env.or(o.KubeTLSServerName, "HELM_KUBETLS_SERVER_NAME")
	o.KubeToken = env.or(o.KubeToken, "HELM_KUBETOKEN")
	o.Storage = env.or(o.Storage, "HELM_DRIVER")
	o.SQLConnection = env.or(o.SQLConnection, "HELM_DRIVER_SQL_CONNECTION_STRING")
	if groups := strings.Trim(env["HELM_KUBEASGROUPS"], ", "); len(o.KubeAsGroup) == 0 && groups != "" {
		o.KubeAsGroup = strings.Split(groups, ",")
	}
	if skip, err := strconv.ParseBool(env["HELM_KUBEINSECURE_SKIP_TLS_VERIFY"]); err == nil && skip {
		o.KubeInsecureSkipTLSVerify = true
	}
	if qps, err := strconv.ParseFloat(env["HELM_QPS"], 32); err == nil && o.QPS == nil {
		value := float32(qps)
		o.QPS = &value
	}
	if burst, err := strconv.Atoi(env["HELM_BURST_LIMIT"]); err == nil && o.BurstLimit == nil {
		o.BurstLimit = &burst
	}
	kind, known := storageKinds[strings.ToLower(o.Storage)]
	if !known {
		return o, invalid("storage", "storage %q is unknown; use one of secret, configmap, memory, sql", o.Storage)
	}
	o.Storage = kind
	if kind == storageSQL && o.SQLConnection == "" {
		return o, invalid("sql_connection", "storage \"sql\" needs sql_connection, or "+
			"HELM_DRIVER_SQL_CONNECTION_STRING in the environment")
	}
	if o.Lock != "" && o.Lock != lockLease {
		return o, invalid("lock", "lock %q is unknown; use \"lease\", or leave it out", o.Lock)
	}
	return o, o.Kubeconfig.check()
}

func (k *Kubeconfig) check() error {
	if k == nil {
		return nil
	}
	given := 0
	for _, set := range []bool{len(k.Paths) > 0, k.Text != "", k.InCluster} {
		if set {
			given++
		}
	}
	if given != 1 {
		return invalid("kubeconfig", "kubeconfig must be one of paths, text and in_cluster; %d of them are given", given)
	}
	if slices.Contains(k.Paths, "-") {
		return invalid("kubeconfig", "kubeconfig \"-\" would read standard input; give a path, the text or a mapping")
	}
	return nil
}

// The burst that helm allows where none is given, once a rate is (cli.defaultBurstLimit).
const defaultBurst = 100

// rate gives the limit of requests a second and of requests at once; limited is false where there is none.
func (o Options) rate() (qps float32, burst int, limited bool) {
	if o.QPS == nil || *o.QPS < 0 {
		return 0, 0, false
	}
	qps, burst = *o.QPS, defaultBurst
	if qps == 0 {
		qps = rest.DefaultQPS
	}
	if o.BurstLimit != nil {
		burst = *o.BurstLimit
	}
	switch {
	case burst < 0:
		return 0, 0, false
	case burst == 0:
		burst = rest.DefaultBurst
	}
	return qps, burst, true
}

// invalid is an error of one option.
func invalid(field, format string, args ...any) *bridge.Error {
	err := bridge.Errorf(CodeConfiguration, format, args...)
	err.Details = map[string]any{"field": field}
	return err
}

// String keeps secrets out of logs and messages.
func (c Credential) String() string { return fmt.Sprintf("{%s ***}", c.Username) }

// GoString does it for %#v.
func (c Credential) GoString() string { return c.String() }
