package session

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"

	"helm.sh/helm/v4/pkg/registry"
	"k8s.io/client-go/rest"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/retry"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// RegistryOptions are what an action adds to the Configuration's own registry options.
type RegistryOptions struct {
	PlainHTTP             bool
	InsecureSkipTLSVerify bool
	CertFile              string
	KeyFile               string
	CAFile                string
	Username              string
	Password              string
	Context               context.Context // nil: the operation's
	Out                   io.Writer       // what Helm's client would print; nil: nowhere
}

// usesTLS says that TLS was asked for by giving what only TLS needs: the command then speaks it with plain_http too
// (helm: pkg/cmd/root.go, newRegistryClient).
func (o RegistryOptions) usesTLS() bool {
	return o.CertFile != "" && o.KeyFile != "" || o.CAFile != "" || o.InsecureSkipTLSVerify
}

// Registry makes a registry client whose requests end with the operation.
func (c *Configuration) Registry(op *bridge.Operation, options RegistryOptions) (*registry.Client, error) {
	access, err := c.Access(op, options)
	if err != nil {
		return nil, err
	}
	return access.Client, nil
}

// Access is Helm's registry client, and what Helm's has not: archives that are not kept in memory, and a login with our
// connections and credentials.
type Access struct {
	Client *registry.Client

	ctx        context.Context
	authorizer auth.Client
	plainHTTP  bool
	logins     *logins
}

// Access makes a registry client whose requests end with the operation.
func (c *Configuration) Access(op *bridge.Operation, options RegistryOptions) (*Access, error) {
	made := &Access{
		ctx:       options.Context,
		plainHTTP: options.PlainHTTP && !options.usesTLS() || c.options.PlainHTTP,
	}
	if made.ctx == nil {
		made.ctx = op.Context()
	}
	base, err := c.downloads.transport(tlsFiles{
		insecure: options.InsecureSkipTLSVerify || c.options.InsecureSkipTLSVerify,
		cert:     options.CertFile, key: options.KeyFile, caFile: options.CAFile,
	}, true)
	if err != nil {
		return nil, err
	}
	settings := c.Settings()
	made.logins = &logins{file: settings.RegistryConfig, env: c.options.Environment}
	// The context goes outside the retries: their sleep obeys the request's context (oras registry/remote/retry).
	client := &http.Client{Transport: c.downloads.shell(made.ctx, retry.NewTransport(base))}
	made.authorizer = auth.Client{Client: client, Cache: auth.NewCache(), Credential: c.credentials(options, made.logins)}
	made.authorizer.SetUserAgent(helmDefaults(&rest.Config{}).UserAgent)
	choices := []registry.ClientOption{
		registry.ClientOptHTTPClient(client),
		registry.ClientOptAuthorizer(made.authorizer),
		registry.ClientOptEnableCache(true),
		registry.ClientOptCredentialsFile(settings.RegistryConfig),
		registry.ClientOptBasicAuth(options.Username, options.Password),
	}
	if options.Out != nil {
		choices = append(choices, registry.ClientOptWriter(options.Out))
	}
	if made.plainHTTP {
		choices = append(choices, registry.ClientOptPlainHTTP())
	}
	if made.Client, err = registry.NewClient(choices...); err != nil {
		return nil, invalid("registry_config", "registry client: %w", err)
	}
	return made, nil
}

// Login asks the registry whether it knows the user, and keeps the credentials where it does. It is registry.Client.Login,
// whose options change the transport in place and whose store is oras' own.
func (a *Access) Login(host, username, password string) error {
	target, err := remote.NewRegistry(host)
	if err != nil {
		return err
	}
	target.PlainHTTP = a.plainHTTP
	credential := auth.Credential{Username: username, Password: password}
	authorizer := a.authorizer
	authorizer.Credential = auth.StaticCredential(host, credential)
	target.Client = &authorizer
	// A token server that does not speak OAuth2 is asked in the older way.
	authorizer.ForceAttemptOAuth2 = true
	if err := target.Ping(a.ctx); err != nil {
		authorizer.ForceAttemptOAuth2 = false
		if err := target.Ping(a.ctx); err != nil {
			return fmt.Errorf("authenticating to %q: %w", host, err)
		}
	}
	key := credentials.ServerAddressFromHostname(credentials.ServerAddressFromRegistry(host))
	return a.logins.Put(a.ctx, key, credential)
}

// Logout forgets what a registry is logged in with; it is no error where it is not.
func (c *Configuration) Logout(op *bridge.Operation, host string) error {
	kept := &logins{file: c.Settings().RegistryConfig, env: c.options.Environment}
	return credentials.Logout(op.Context(), kept, host)
}

// credentials finds what a host is logged in with: what the action was given, then registry_auth, then helm's file, then
// docker's. registry.NewClient would look for docker's in the process's environment.
func (c *Configuration) credentials(options RegistryOptions, kept *logins) auth.CredentialFunc {
	if options.Username != "" && options.Password != "" {
		// As registry.NewClient: for whatever host it is.
		return auth.CredentialFunc(func(context.Context, string) (auth.Credential, error) {
			return auth.Credential{Username: options.Username, Password: options.Password}, nil
		})
	}
	var stored credentials.Store = kept
	// As in registry.NewClient, docker's file is only a second place to look: one that can not be read is passed over.
	docker := &logins{file: c.dockerFile(), env: c.options.Environment}
	if _, err := docker.read(); err == nil {
		stored = credentials.NewStoreWithFallbacks(kept, docker)
	}
	return func(ctx context.Context, host string) (auth.Credential, error) {
		if given, known := c.given(host); known {
			return auth.Credential{Username: given.Username, Password: given.Password}, nil
		}
		return credentials.Credential(stored)(ctx, host)
	}
}

// given looks a host up in registry_auth, whose keys may be written as addresses.
func (c *Configuration) given(host string) (Credential, bool) {
	for key, credential := range c.options.RegistryAuth {
		if registryHost(key) == registryHost(host) {
			return credential, true
		}
	}
	return Credential{}, false
}

func registryHost(address string) string {
	for _, scheme := range []string{"oci://", "https://", "http://"} {
		address = strings.TrimPrefix(address, scheme)
	}
	host, _, _ := strings.Cut(address, "/")
	if host == "index.docker.io" || host == "registry-1.docker.io" {
		return "docker.io"
	}
	return strings.ToLower(host)
}

func (c *Configuration) dockerFile() string {
	env := c.options.Environment
	return filepath.Join(cmp.Or(env["DOCKER_CONFIG"], filepath.Join(env["HOME"], ".docker")), "config.json")
}
