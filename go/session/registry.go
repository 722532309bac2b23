package session

import (
	"cmp"
	"context"
	"net/http"
	"path/filepath"
	"strings"

	"helm.sh/helm/v4/pkg/registry"
	"k8s.io/client-go/rest"
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
}

// Registry makes a registry client whose requests end with the operation.
func (c *Configuration) Registry(op *bridge.Operation, options RegistryOptions) (*registry.Client, error) {
	ctx := options.Context
	if ctx == nil {
		ctx = op.Context()
	}
	base, err := c.downloads.transport(tlsFiles{
		insecure: options.InsecureSkipTLSVerify || c.options.InsecureSkipTLSVerify,
		cert:     options.CertFile, key: options.KeyFile, caFile: options.CAFile,
	}, true)
	if err != nil {
		return nil, err
	}
	settings := c.Settings()
	credential, err := c.credentials(options, settings.RegistryConfig)
	if err != nil {
		return nil, err
	}
	// The context goes outside the retries: their sleep obeys the request's context (oras registry/remote/retry).
	client := &http.Client{Transport: c.downloads.shell(ctx, retry.NewTransport(base))}
	authorizer := auth.Client{Client: client, Cache: auth.NewCache(), Credential: credential}
	authorizer.SetUserAgent(helmDefaults(&rest.Config{}).UserAgent)
	choices := []registry.ClientOption{
		registry.ClientOptHTTPClient(client),
		registry.ClientOptAuthorizer(authorizer),
		registry.ClientOptEnableCache(true),
		registry.ClientOptCredentialsFile(settings.RegistryConfig),
		registry.ClientOptBasicAuth(options.Username, options.Password),
	}
	if options.PlainHTTP || c.options.PlainHTTP {
		choices = append(choices, registry.ClientOptPlainHTTP())
	}
	made, err := registry.NewClient(choices...)
	if err != nil {
		return nil, invalid("registry_config", "registry client: %w", err)
	}
	return made, nil
}

// credentials finds what a host is logged in with: what the action was given, then registry_auth, then helm's file, then
// docker's. registry.NewClient would look for docker's in the process's environment.
func (c *Configuration) credentials(options RegistryOptions, file string) (auth.CredentialFunc, error) {
	if options.Username != "" && options.Password != "" {
		// As registry.NewClient: for whatever host it is.
		return auth.CredentialFunc(func(context.Context, string) (auth.Credential, error) {
			return auth.Credential{Username: options.Username, Password: options.Password}, nil
		}), nil
	}
	settings := credentials.StoreOptions{AllowPlaintextPut: true, DetectDefaultNativeStore: true}
	store, err := credentials.NewStore(file, settings)
	if err != nil {
		return nil, invalid("registry_config", "registry_config %s can not be read: %w", file, err)
	}
	var stored credentials.Store = store
	// As in registry.NewClient, docker's file is only a second place to look: one that can not be read is passed over.
	if docker, err := credentials.NewStore(c.dockerFile(), settings); err == nil {
		stored = credentials.NewStoreWithFallbacks(store, docker)
	}
	return func(ctx context.Context, host string) (auth.Credential, error) {
		if given, known := c.given(host); known {
			return auth.Credential{Username: given.Username, Password: given.Password}, nil
		}
		return credentials.Credential(stored)(ctx, host)
	}, nil
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
