package actions

import (
	"strings"

	release "helm.sh/helm/v4/pkg/release/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// Status does what `helm status` does: a release's record, and its objects as they are in the cluster.
func Status(op *bridge.Operation, config *session.Configuration, request RevisionRequest) (*Release, error) {
	s, err := enter(op, config, "status", request.ReleaseName, false)
	if err != nil {
		return nil, err
	}
	rel, err := s.status(request.Revision)
	return releaseResult(rel), s.explain(err)
}

func (s *scope) status(number int) (*release.Release, error) {
	rel, err := s.readOutline(number)
	if err != nil {
		return nil, err
	}
	objects, err := s.client.Build(strings.NewReader(rel.Manifest), false)
	if err != nil {
		return nil, err
	}
	rel.Info.Resources, err = s.client.Get(objects, true)
	return rel, err
}
