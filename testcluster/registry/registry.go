// Package registry serves an OCI registry, the reference implementation, in all flavours over one storage.
package registry

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"

	"github.com/distribution/distribution/v3/configuration"
	// The registry finds its authentication and its storage by name.
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/sirupsen/logrus"
	"golang.org/x/crypto/bcrypt"

	"github.com/helm-sdkpy/helm-sdkpy/testcluster/certificates"
	"github.com/helm-sdkpy/helm-sdkpy/testcluster/endpoints"
	"github.com/helm-sdkpy/helm-sdkpy/testcluster/state"
)

// Addresses are those of the flavours that everything here has, and of two that registries alone have.
type Addresses struct {
	endpoints.Addresses
	Token    string `json:"token"`
	Redirect string `json:"redirect"`
}

// Start serves a registry until the context ends.
func Start(
	ctx context.Context, directory *state.Directory, authority *certificates.Authority, credentials endpoints.Credentials,
) (addresses Addresses, err error) {
	log, err := directory.Log("registry")
	if err != nil {
		return addresses, err
	}
	logrus.SetOutput(log)
	logrus.SetLevel(logrus.ErrorLevel)

	hash, err := bcrypt.GenerateFromPassword([]byte(credentials.Password), bcrypt.MinCost)
	if err != nil {
		return addresses, fmt.Errorf("password of the registry: %w", err)
	}
	users, err := directory.Write("htpasswd", fmt.Appendf(nil, "%s:%s\n", credentials.Username, hash))
	if err != nil {
		return addresses, err
	}
	// An upload may begin at one address and go on at another: what signs its state must be the same.
	secret := rand.Text()
	open, err := application(ctx, directory.Path("registry"), secret, nil)
	if err != nil {
		return addresses, err
	}
	guarded, err := application(ctx, directory.Path("registry"), secret, configuration.Auth{
		"htpasswd": configuration.Parameters{"realm": "testcluster", "path": users},
	})
	if err != nil {
		return addresses, err
	}
	if addresses.Addresses, err = endpoints.Serve(ctx, authority, "registry", open, guarded); err != nil {
		return addresses, err
	}
	tokens, trust, err := newTokenServer(directory, credentials)
	if err != nil {
		return addresses, err
	}
	trusting, err := application(ctx, directory.Path("registry"), secret, trust)
	if err != nil {
		return addresses, err
	}
	if addresses.Token, err = endpoints.Listen(ctx, tokens.guard(trusting), nil); err != nil {
		return addresses, fmt.Errorf("registry: %w", err)
	}
	elsewhere, err := redirecting(ctx, open, guarded, credentials, secret)
	if err != nil {
		return addresses, fmt.Errorf("registry: %w", err)
	}
	if addresses.Redirect, err = endpoints.Listen(ctx, elsewhere, nil); err != nil {
		return addresses, fmt.Errorf("registry: %w", err)
	}
	return addresses, nil
}

// application makes a registry over a directory; distribution panics where it can not.
func application(ctx context.Context, directory, secret string, auth configuration.Auth) (handler http.Handler, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("set up the registry: %v", problem)
		}
	}()
	config := &configuration.Configuration{
		Auth: auth,
		Storage: configuration.Storage{
			"filesystem":  configuration.Parameters{"rootdirectory": directory},
			"delete":      configuration.Parameters{"enabled": true},
			"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
		},
	}
	config.HTTP.Secret = secret
	config.HTTP.RelativeURLs = true
	config.Catalog.MaxEntries = 1000
	return handlers.NewApp(ctx, config), nil
}
