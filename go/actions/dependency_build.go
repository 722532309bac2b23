package actions

import (
	"helm.sh/helm/v4/pkg/downloader"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// DependencyBuild does what `helm dependency build` does: it fetches what the lock says, or updates where there is none.
// Like the command, it lets a chart without a signature pass, though not one with a wrong signature.
func DependencyBuild(op *bridge.Operation, config *session.Configuration, request DependencyRequest) (*Dependencies, error) {
	t := begin(op, config, "dependency build")
	t.phase("downloading")
	from, err := t.dependencySource(request, downloader.VerifyIfPossible)
	if err != nil {
		return nil, err
	}
	if err := t.buildDependencies(request.ChartPath, from); err != nil {
		return nil, err
	}
	return lockedDependencies(request.ChartPath)
}
