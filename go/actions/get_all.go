package actions

import (
	"helm.sh/helm/v4/pkg/chart/common/util"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// WholeRelease is all that is known of a revision: the release, and the values that its chart was rendered with.
type WholeRelease struct {
	*Release

	ComputedValues map[string]any `json:"computed_values"`
}

// GetAll does what `helm get all` does: a revision with its values, hooks, manifest and notes.
func GetAll(op *bridge.Operation, config *session.Configuration, request RevisionRequest) (*WholeRelease, error) {
	s, err := enter(op, config, "get all", request.ReleaseName, false)
	if err != nil {
		return nil, err
	}
	rel, err := s.read(request.Revision)
	if err != nil {
		return nil, s.explain(err)
	}
	values, err := util.CoalesceValues(rel.Chart, rel.Config)
	return &WholeRelease{Release: releaseResult(rel), ComputedValues: values}, s.explain(err)
}
