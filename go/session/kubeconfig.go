package session

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// serviceAccount is where Kubernetes mounts a pod's credentials.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// target is the cluster and identity that Options name; err says why there is none.
type target struct {
	config    *rest.Config
	raw       clientcmdapi.Config
	access    clientcmd.ConfigAccess
	namespace string
	err       error
}

// resolve reads the kubeconfig as helm's command line does, from the Configuration's environment instead of the process's.
//
// It fails for a kubeconfig that was given and can not be used. Where none was given and none is found, the target says so
// itself: much of Helm needs no cluster. account is where a pod's credentials are.
func (o Options) resolve(account string) (target, error) {
	if o.Kubeconfig != nil && o.Kubeconfig.InCluster {
		return o.inCluster(account)
	}
	loaded, access, err := o.load()
	if err != nil {
		return target{}, err
	}
	client := clientcmd.NewNonInteractiveClientConfig(*loaded, o.Kubecontext, o.overrides(), access)
	config, err := client.ClientConfig()
	switch {
	case err == nil:
	case len(o.KubeAsGroup) > 0 && strings.Contains(err.Error(), "without impersonating a user"):
		return target{}, invalid("kube_as_group", "kube_as_group needs kube_as_user: %w", err)
	case !clientcmd.IsEmptyConfig(err):
		return target{}, invalid("kubeconfig", "the kubeconfig can not be used: %w", err)
	case o.Kubeconfig != nil:
		return target{}, invalid("kubeconfig", "the kubeconfig names no cluster: %w", err)
	case o.withinCluster(account):
		return o.inCluster(account)
	default:
		return target{namespace: o.fallback("default"), raw: *loaded, access: access, err: invalid("kubeconfig",
			"no Kubernetes cluster is configured: neither KUBECONFIG nor %s names one, and this is no pod; "+
				"give Configuration(kubeconfig=...) a path, the text or a mapping", o.homeFile())}, nil
	}
	namespace, _, err := client.Namespace()
	if err != nil {
		return target{}, invalid("kubeconfig", "the kubeconfig's namespace can not be read: %w", err)
	}
	return target{config: config, raw: *loaded, access: access, namespace: namespace}, nil
}

// load merges the files, or parses the text.
func (o Options) load() (*clientcmdapi.Config, clientcmd.ConfigAccess, error) {
	if o.Kubeconfig != nil && o.Kubeconfig.Text != "" {
		loaded, err := clientcmd.Load([]byte(o.Kubeconfig.Text))
		if err != nil {
			return nil, nil, invalid("kubeconfig", "the kubeconfig's text can not be parsed: %w", err)
		}
		return loaded, &clientcmd.ClientConfigLoadingRules{}, nil
	}
	rules := &clientcmd.ClientConfigLoadingRules{Warner: func(error) {}}
	switch {
	case o.Kubeconfig != nil && len(o.Kubeconfig.Paths) == 1:
		rules.ExplicitPath = o.Kubeconfig.Paths[0]
	case o.Kubeconfig != nil:
		rules.Precedence = unique(o.Kubeconfig.Paths)
		if !slices.ContainsFunc(rules.Precedence, exists) {
			return nil, nil, invalid("kubeconfig", "none of the kubeconfigs exists: %s", strings.Join(rules.Precedence, ", "))
		}
	case o.Environment["KUBECONFIG"] != "":
		rules.Precedence = unique(filepath.SplitList(o.Environment["KUBECONFIG"]))
	default:
		rules.Precedence = []string{o.homeFile()}
	}
	loaded, err := rules.Load()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, invalid("kubeconfig", "kubeconfig %s does not exist", rules.ExplicitPath)
	}
	if err != nil {
		return nil, nil, invalid("kubeconfig", "the kubeconfig can not be read: %w", err)
	}
	return loaded, rules, nil
}

func (o Options) homeFile() string { return filepath.Join(o.Environment["HOME"], ".kube", "config") }

// overrides are the root flags, put over the kubeconfig as genericclioptions.ConfigFlags does.
func (o Options) overrides() *clientcmd.ConfigOverrides {
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.Kubecontext}
	overrides.ClusterDefaults.Server = o.Environment["KUBERNETES_MASTER"]
	overrides.AuthInfo.Token = o.KubeToken
	overrides.AuthInfo.Impersonate = o.KubeAsUser
	overrides.AuthInfo.ImpersonateGroups = o.KubeAsGroup
	overrides.ClusterInfo.Server = o.KubeAPIServer
	overrides.ClusterInfo.TLSServerName = o.KubeTLSServerName
	overrides.ClusterInfo.CertificateAuthority = o.KubeCAFile
	overrides.ClusterInfo.InsecureSkipTLSVerify = o.KubeInsecureSkipTLSVerify
	overrides.Context.Namespace = o.Namespace
	return overrides
}

// withinCluster says whether this is a pod with a service account, as clientcmd's inClusterClientConfig.Possible does.
func (o Options) withinCluster(account string) bool {
	return o.Environment["KUBERNETES_SERVICE_HOST"] != "" && o.Environment["KUBERNETES_SERVICE_PORT"] != "" &&
		exists(filepath.Join(account, "token"))
}

// inCluster is rest.InClusterConfig with the Configuration's environment.
//
// client-go lets only server, token and CA override it; we let the others too, rather than not impersonate and say nothing.
func (o Options) inCluster(account string) (target, error) {
	host, port := o.Environment["KUBERNETES_SERVICE_HOST"], o.Environment["KUBERNETES_SERVICE_PORT"]
	if host == "" || port == "" {
		return target{}, invalid("kubeconfig", "this is no pod of a cluster: KUBERNETES_SERVICE_HOST and "+
			"KUBERNETES_SERVICE_PORT are not set; give a kubeconfig instead")
	}
	config := &rest.Config{Host: "https://" + net.JoinHostPort(host, port)}
	config.CAFile = filepath.Join(account, "ca.crt")
	config.BearerTokenFile = filepath.Join(account, "token")
	token, err := os.ReadFile(config.BearerTokenFile)
	if err != nil && o.KubeToken == "" {
		return target{}, invalid("kubeconfig", "the pod's service account has no token: %w; "+
			"look at automountServiceAccountToken", err)
	}
	config.BearerToken = string(token)
	if o.KubeToken != "" {
		config.BearerToken, config.BearerTokenFile = o.KubeToken, ""
	}
	if o.KubeAPIServer != "" {
		config.Host = o.KubeAPIServer
	}
	if o.KubeCAFile != "" {
		config.CAFile = o.KubeCAFile
	}
	if o.KubeInsecureSkipTLSVerify {
		config.Insecure, config.CAFile = true, ""
	}
	config.ServerName = o.KubeTLSServerName
	config.Impersonate.UserName, config.Impersonate.Groups = o.KubeAsUser, o.KubeAsGroup
	access := &clientcmd.ClientConfigLoadingRules{Precedence: []string{o.homeFile()}}
	return target{config: config, access: access, raw: *clientcmdapi.NewConfig(), namespace: o.podNamespace(account)}, nil
}

func (o Options) podNamespace(account string) string {
	if namespace := o.Environment["POD_NAMESPACE"]; namespace != "" {
		return o.fallback(namespace)
	}
	if text, err := os.ReadFile(filepath.Join(account, "namespace")); err == nil {
		if namespace := strings.TrimSpace(string(text)); namespace != "" {
			return o.fallback(namespace)
		}
	}
	return o.fallback("default")
}

// fallback gives the option's namespace, or else this one.
func (o Options) fallback(namespace string) string {
	if o.Namespace != "" {
		return o.Namespace
	}
	return namespace
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func unique(paths []string) []string {
	kept := make([]string, 0, len(paths))
	for _, path := range paths {
		if path != "" && !slices.Contains(kept, path) {
			kept = append(kept, path)
		}
	}
	return kept
}
