package actions

import (
	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// RegistryLogoutRequest are the arguments of `helm registry logout`.
type RegistryLogoutRequest struct {
	Hostname string `json:"hostname"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r RegistryLogoutRequest) Validate() error { return validHost(r.Hostname) }

// RegistryLogoutResult says of which registry the credentials are gone, and from where.
type RegistryLogoutResult struct {
	Hostname       string `json:"hostname"`
	RegistryConfig string `json:"registry_config"`
}

// RegistryLogout does what `helm registry logout` does: it forgets the credentials, and it is no error where there are none.
func RegistryLogout(op *bridge.Operation, config *session.Configuration, request RegistryLogoutRequest) (RegistryLogoutResult, error) {
	if err := config.Logout(op, request.Hostname); err != nil {
		return RegistryLogoutResult{}, registryError(err, map[string]any{"hostname": request.Hostname})
	}
	return RegistryLogoutResult{Hostname: request.Hostname, RegistryConfig: config.Settings().RegistryConfig}, nil
}
