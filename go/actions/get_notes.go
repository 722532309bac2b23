package actions

import (
	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// GetNotes does what `helm get notes` does, without the heading that the command puts before them.
func GetNotes(op *bridge.Operation, config *session.Configuration, request RevisionRequest) (string, error) {
	s, err := enter(op, config, "get notes", request.ReleaseName, false)
	if err != nil {
		return "", err
	}
	rel, err := s.readOutline(request.Revision)
	if err != nil {
		return "", s.explain(err)
	}
	return rel.Info.Notes, nil
}
