package actions

import (
	"helm.sh/helm/v4/pkg/downloader"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// DependencyRequest are the arguments of `helm dependency update` and `helm dependency build`.
type DependencyRequest struct {
	ChartPath   string `json:"chart_path"`
	SkipRefresh bool   `json:"skip_refresh"`
	Verify      bool   `json:"verify"`
	Keyring     string `json:"keyring"`
	AccessOptions
}

// Validate refuses what can be known to be wrong before anything is done.
func (r DependencyRequest) Validate() error {
	return ChartSource{ChartPath: r.ChartPath}.Validate()
}

// source is how the dependencies are fetched; verify is what the command means by its flag.
func (t *task) dependencySource(request DependencyRequest, verify downloader.VerificationStrategy) (dependencySource, error) {
	access, err := t.access(request.AccessOptions)
	from := dependencySource{access: access, keyring: request.Keyring, skipRefresh: request.SkipRefresh}
	if from.keyring == "" {
		from.keyring = keyring(t.config)
	}
	if request.Verify {
		from.verify = verify
	}
	return from, err
}

// DependencyUpdate does what `helm dependency update` does: it resolves and fetches what Chart.yaml asks for, and writes
// down in the lock what that was.
func DependencyUpdate(op *bridge.Operation, config *session.Configuration, request DependencyRequest) (*Dependencies, error) {
	t := begin(op, config, "dependency update")
	t.phase("downloading")
	from, err := t.dependencySource(request, downloader.VerifyAlways)
	if err != nil {
		return nil, err
	}
	if err := t.updateDependencies(request.ChartPath, from); err != nil {
		return nil, err
	}
	return lockedDependencies(request.ChartPath)
}
