package actions

import (
	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// GetManifest does what `helm get manifest` does: the objects of a revision as its chart rendered them. The command
// prints them with a line break more.
func GetManifest(op *bridge.Operation, config *session.Configuration, request RevisionRequest) (string, error) {
	s, err := enter(op, config, "get manifest", request.ReleaseName, false)
	if err != nil {
		return "", err
	}
	rel, err := s.readOutline(request.Revision)
	if err != nil {
		return "", s.explain(err)
	}
	return rel.Manifest, nil
}
