package actions

import (
	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
	"helm.sh/helm/v4/pkg/chart/common/util"
)

// GetValuesRequest are the arguments of `helm get values`.
type GetValuesRequest struct {
	ReleaseName string `json:"release_name"`
	All         bool   `json:"all"`
	Revision    int    `json:"revision"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r GetValuesRequest) Validate() error {
	return validRevision(r.ReleaseName, r.Revision)
}

// GetValues does what `helm get values` does: the values that were given, or with all=true those over the chart's own.
func GetValues(op *bridge.Operation, config *session.Configuration, request GetValuesRequest) (map[string]any, error) {
	s, err := enter(op, config, "get values", request.ReleaseName, false)
	if err != nil {
		return nil, err
	}
	values, err := s.values(request)
	if values == nil {
		values = map[string]any{}
	}
	return values, s.explain(err)
}

func (s *scope) values(request GetValuesRequest) (map[string]any, error) {
	if !request.All {
		return s.readConfig(request.Revision)
	}
	rel, err := s.read(request.Revision)
	if err != nil {
		return nil, err
	}
	return util.CoalesceValues(rel.Chart, rel.Config)
}
