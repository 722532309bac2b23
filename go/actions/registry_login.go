package actions

import (
	"strings"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// RegistryLoginRequest are the arguments of `helm registry login`.
type RegistryLoginRequest struct {
	Hostname  string `json:"hostname"`
	Username  string `json:"username"`
	Password  string `json:"password"`
	CertFile  string `json:"cert_file"`
	KeyFile   string `json:"key_file"`
	CAFile    string `json:"ca_file"`
	Insecure  bool   `json:"insecure"`
	PlainHTTP bool   `json:"plain_http"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r RegistryLoginRequest) Validate() error {
	if r.Password == "" {
		return invalid("password", "is empty: give the user's password, or a token") // the command would ask for it
	}
	return validHost(r.Hostname)
}

func validHost(hostname string) error {
	if strings.TrimSpace(hostname) == "" {
		return invalid("hostname", "is empty: give the registry's host, with its port where it has one")
	}
	return nil
}

// RegistryLoginResult says what was kept, and never the password.
type RegistryLoginResult struct {
	Hostname       string `json:"hostname"`
	Username       string `json:"username"`
	RegistryConfig string `json:"registry_config"`
}

// RegistryLogin does what `helm registry login` does: it asks the registry whether it knows the user, and keeps the
// credentials where it does.
func RegistryLogin(op *bridge.Operation, config *session.Configuration, request RegistryLoginRequest) (RegistryLoginResult, error) {
	t := begin(op, config, "registry login")
	t.warnOfPath(request.Hostname)
	options := AccessOptions{PlainHTTP: true} // without TLS nothing is said of it
	if !request.PlainHTTP {
		options = AccessOptions{
			CertFile: request.CertFile, KeyFile: request.KeyFile, CAFile: request.CAFile, InsecureSkipTLSVerify: request.Insecure,
		}
	}
	access, err := t.access(options)
	if err != nil {
		return RegistryLoginResult{}, err
	}
	t.phase("logging in")
	if err := access.Login(request.Hostname, request.Username, request.Password); err != nil {
		return RegistryLoginResult{}, registryError(err, map[string]any{"hostname": request.Hostname})
	}
	return RegistryLoginResult{
		Hostname: request.Hostname, Username: request.Username, RegistryConfig: config.Settings().RegistryConfig,
	}, nil
}

// warnOfPath says what helm logs (pkg/registry/client.go, warnIfHostHasPath).
func (t *task) warnOfPath(hostname string) {
	if host, _, found := strings.Cut(hostname, "/"); found {
		t.log.Warn("registry login currently only supports registry hostname, not a repository path", "host", hostname, "suggested", host)
	}
}
