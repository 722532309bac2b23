package session

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/url"

	"helm.sh/helm/v4/pkg/cli"
	"helm.sh/helm/v4/pkg/getter"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/child"
	"github.com/helm-sdkpy/helm-sdkpy/go/plugin"
)

// PluginEnvironment is what a program of a plugin sees where helm tells it of itself (helm: pkg/getter/plugingetter.go).
func (c *Configuration) PluginEnvironment() map[string]string {
	all := maps.Clone(c.options.Environment)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, c.Env())
	if command := child.HelmCommand(); len(command) > 0 {
		all["HELM_BIN"] = command[len(command)-1]
	}
	return all
}

// FindProgram finds a program on the PATH that the Configuration was made with.
func (c *Configuration) FindProgram(name string) (string, bool) {
	return environment(c.options.Environment).find(name)
}

// DataPath is a path under helm's data directory, where `helm plugin install` puts plugins.
func (c *Configuration) DataPath(elements ...string) string {
	return environment(c.options.Environment).dataPath(elements...)
}

// CachePath is a path under helm's cache directory.
func (c *Configuration) CachePath(elements ...string) string {
	return environment(c.options.Environment).cachePath(elements...)
}

// getterPlugins are the installed plugins that fetch (helm: pkg/getter/plugingetter.go, collectGetterPlugins).
func (c *Configuration) getterPlugins(op *bridge.Operation) getter.Providers {
	log := slog.New(op.Handler())
	settings := c.Settings()
	found, err := plugin.All(settings.PluginsDirectory, log)
	if err != nil {
		log.Warn("plugins are not used", slog.Any("error", err))
		return nil
	}
	var providers getter.Providers
	for _, one := range found {
		if one.Type != plugin.TypeGetter {
			continue
		}
		providers = append(providers, getter.Provider{
			Schemes: one.Protocols,
			New: func(given ...getter.Option) (getter.Getter, error) {
				if one.Runtime == plugin.RuntimeWasm {
					return wasmGetter(settings, one, given)
				}
				return &getterPlugin{c, op.Context(), log, one, given}, nil
			},
		})
	}
	return providers
}

// wasmGetter is Helm's own for a plugin that is no program: nothing of it can be printed, and it sees no environment but
// what Helm gives it. It ends by its own time limit alone.
func wasmGetter(settings *cli.EnvSettings, one *plugin.Plugin, given []getter.Option) (getter.Getter, error) {
	for _, provider := range getter.All(settings)[len(getter.Getters()):] {
		if provider.Provides(one.Protocols[0]) {
			return provider.New(given...)
		}
	}
	return nil, fmt.Errorf("plugin %q can not be loaded", one.Name)
}

// getterPlugin fetches by a plugin's program, which ends with the operation.
type getterPlugin struct {
	configuration *Configuration
	ctx           context.Context
	log           *slog.Logger
	plugin        *plugin.Plugin
	options       []getter.Option
}

// Get implements getter.Getter.
func (g *getterPlugin) Get(address string, options ...getter.Option) (text *bytes.Buffer, err error) {
	defer bridge.Recover("downloading "+address, &err)
	read, err := readGetterOptions(append(append([]getter.Option{}, g.options...), options...))
	if err != nil {
		return nil, err
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	fetched, err := g.plugin.Get(g.ctx, g.log, g.configuration.PluginEnvironment(), plugin.Fetch{
		Address: address, Protocol: parsed.Scheme,
		CertFile: read.tls.cert, KeyFile: read.tls.key, CAFile: read.tls.caFile,
		Username: read.username, Password: read.password, PassCredentials: read.passCredentials,
	})
	if err != nil {
		return nil, fmt.Errorf("plugin %q failed to invoke: %w", g.plugin.Name, err)
	}
	return bytes.NewBuffer(fetched), nil
}

// RegistryCredential is what a registry's host is logged in with: by registry_auth, or in helm's or docker's file.
func (c *Configuration) RegistryCredential(ctx context.Context, host string) (Credential, error) {
	kept := &logins{file: c.Settings().RegistryConfig, env: c.options.Environment}
	found, err := c.credentials(RegistryOptions{}, kept)(ctx, host)
	return Credential{Username: found.Username, Password: found.Password}, err
}
