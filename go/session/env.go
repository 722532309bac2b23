package session

import (
	"maps"
	"strings"
)

// Env is what `helm env` prints for the same settings (helm: pkg/cli/environment.go, EnvVars), but for HELM_BIN, which
// Python knows. A rate that nobody set is 0, as there.
func (c *Configuration) Env() map[string]string {
	env, settings := environment(c.options.Environment), c.Settings()
	rate := float32(0)
	if c.options.QPS != nil {
		rate = *c.options.QPS
	}
	settings.QPS = rate
	settings.SetNamespace(c.namespace)
	settings.KubeConfig = ""
	if c.options.Kubeconfig != nil {
		settings.KubeConfig = strings.Join(c.options.Kubeconfig.Paths, ":")
	}
	all := settings.EnvVars()
	// These three, and the namespace where a kubeconfig has one, Helm reads off Go's environment and the default files.
	maps.Copy(all, map[string]string{
		"HELM_CACHE_HOME":  env.cachePath(),
		"HELM_CONFIG_HOME": env.configPath(),
		"HELM_DATA_HOME":   env.dataPath(),
		"HELM_NAMESPACE":   c.namespace,
	})
	delete(all, "HELM_BIN")
	return all
}

// MaxHistory is how many revisions of a release are kept where nothing else is asked for.
func (c *Configuration) MaxHistory() int { return c.options.maxHistory() }
